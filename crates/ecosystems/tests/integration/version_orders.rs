//! Every order: the relations written down for it, what it refuses, and that it is an order.

use std::cmp::Ordering;
use std::path::Path;

use domain::component::Ecosystem;
use ecosystems::{Scheme, compare};
use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

/// The relations written down for a scheme.
pub(crate) fn relations(name: &str) -> Vec<(String, Ordering, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../fixtures/versions/{name}.txt"));
    let text = std::fs::read_to_string(path).expect("the relations are part of the project");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [a, relation, b] = words[..] else { panic!("not a relation: {line}") };
            let order = if relation == "<" { Ordering::Less } else { Ordering::Equal };
            (a.to_owned(), order, b.to_owned())
        })
        .collect()
}

/// The file of relations that a scheme must keep.
fn file(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Npm | Scheme::Golang | Scheme::Cargo => Scheme::Semver.as_str(),
        other => other.as_str(),
    }
}

#[test]
fn written_relations_hold() {
    for scheme in Scheme::ALL {
        for (a, order, b) in relations(file(scheme)) {
            assert_eq!(scheme.compare(&a, &b), Ok(order), "{scheme}: {a} {order:?} {b}");
            assert_eq!(scheme.compare(&b, &a), Ok(order.reverse()), "{scheme}: {b} {:?} {a}", order.reverse());
        }
    }
}

#[test]
fn written_relations_hold_where_they_decide() {
    for ecosystem in Ecosystem::ALL {
        // Composer fills numbers up before it compares, PHP does not.
        if ecosystem == Ecosystem::Composer {
            continue;
        }
        for (a, order, b) in relations(file(Scheme::of(ecosystem))) {
            if let Ok(decided) = compare(ecosystem, &a, &b) {
                assert_eq!(decided, order, "{ecosystem}: {a} {order:?} {b}");
            }
        }
    }
}

#[test]
fn what_decides_composer_fills_numbers_up() {
    for (a, order, b) in [
        ("1.0", Ordering::Equal, "1.0.0"),
        ("1", Ordering::Equal, "v1.0.0.0"),
        ("1.0.0-beta2.1", Ordering::Equal, "1.0b2.1"),
        ("1.0-RC1", Ordering::Less, "1.0.0"),
        ("1.0.0", Ordering::Less, "1.0-p1"),
        ("1.0-stable", Ordering::Equal, "1.0.0+build.5"),
        ("1.0-alpha-dev", Ordering::Less, "1.0-alpha"),
        ("20240131", Ordering::Less, "20240201"),
        ("2024-01-31", Ordering::Less, "2024-02-01"),
        ("1.0.0@beta", Ordering::Equal, "1.0.0"),
    ] {
        assert_eq!(compare(Ecosystem::Composer, a, b), Ok(order), "{a} {order:?} {b}");
        assert_eq!(compare(Ecosystem::Composer, b, a), Ok(order.reverse()), "{b} {:?} {a}", order.reverse());
    }
}

#[test]
fn go_names_its_own_releases() {
    for (a, order, b) in [
        ("go1.21rc2", Ordering::Less, "go1.21"),
        ("go1.21beta1", Ordering::Less, "1.21.0-rc.1"),
        ("go1.21rc2", Ordering::Equal, "1.21.0-rc.2"),
        ("1.21rc2", Ordering::Equal, "go1.21rc2"),
        ("1.20rc2", Ordering::Less, "1.20.0"),
        ("go1.22.3 X:nocoverageredesign", Ordering::Equal, "v1.22.3"),
        ("go1.9", Ordering::Less, "go1.10"),
    ] {
        assert_eq!(compare(Ecosystem::Golang, a, b), Ok(order), "{a} {order:?} {b}");
    }
}

/// What no tool of today takes for a release decides nothing, even where it can be given a place.
#[test]
fn what_is_no_version_decides_nothing() {
    for (ecosystem, texts) in [
        (Ecosystem::Rpm, ["", "1 2", "1:", "-1"].as_slice()),
        (Ecosystem::Apk, &["", "a", ".1", "1.", "1..2", "1_foo", "1-1", "1-r1-r2", "1ab", "1.0A", "1~xyz", "1-r1_p1"]),
        (Ecosystem::Alpm, &["", "1 2", "-1"]),
        (
            Ecosystem::Pypi,
            &["", "french-toast", "1.0.x", "1.0-bulbasaur", "1.0+", "1!", "1.0..1", "1.0post1post2", "1.*"],
        ),
        (
            Ecosystem::Npm,
            &["", "latest", "1.2.3.4", "1.2.3-", "1.2.3-a..b", "1.2.x", "^1.2.3", "1.2.3+", "1.2.3-é", "."],
        ),
        (Ecosystem::Golang, &["", "(devel)", "devel", "go", "go1.21foo", "v1.2.3.4", "goat"]),
        (Ecosystem::Maven, &["", "1 2", "1\u{0}"]),
        (Ecosystem::Gem, &["", "a", "1beta", "1..2", "1.0_1", "1.0+1"]),
        (
            Ecosystem::Composer,
            &["", "dev-main", "1.x-dev", "master", "1.0-foo", "1.2.3.4.5", "1.0+", "12345678901234567890"],
        ),
        (Ecosystem::Nuget, &["", "v1.0", "1.0.0.0.0", "1.0-", "1.0-a_b", "1.0..1"]),
        (Ecosystem::Cargo, &["", "1.2.3.4", "*"]),
        (Ecosystem::Generic, &["", "*", "-", "unknown", "r1234", "1.0a1", "1.0b2", "1.0 beta", "1.0é"]),
    ] {
        for text in texts {
            assert!(compare(ecosystem, text, "1.0").is_err(), "{ecosystem}: {text:?}");
            assert!(compare(ecosystem, "1.0", text).is_err(), "{ecosystem}: {text:?}");
        }
        assert!(compare(ecosystem, &"1".repeat(5_000), "1.0").is_err(), "{ecosystem}: too long");
    }
}

#[test]
fn schemes_are_found_by_their_words() {
    for scheme in Scheme::ALL {
        assert_eq!(scheme.as_str().parse(), Ok(scheme));
    }
    let unknown = "floppy".parse::<Scheme>().expect_err("there is no such order");
    assert!(unknown.to_string().contains("deb, rpm, apk"), "{unknown}");
}

/// Versions made of the pieces that comparisons stumble over.
fn version() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "0",
        "1",
        "9",
        "10",
        "00",
        "01",
        "1.0",
        "2024",
        "0131",
        "a",
        "b",
        "c",
        "m",
        "p",
        "r",
        "x",
        "Z",
        "rc",
        "RC",
        "cr",
        "alpha",
        "beta",
        "pre",
        "dev",
        "post",
        "ga",
        "final",
        "sp",
        "SNAPSHOT",
        "foo",
        "pl",
        "git",
        "stable",
        "v",
        "go",
        "~",
        "^",
        "+",
        ".",
        ".",
        "-",
        "-",
        "_",
        ":",
        "!",
        "-r1",
        "_p1",
        "_alpha",
        "~rc1",
        "-1",
        "-dev",
        ".0",
        ".el8",
        "1:",
        "1!",
        "18446744073709551617",
    ]);
    proptest::collection::vec(piece, 1..7).prop_map(|pieces| pieces.concat())
}

/// pacman takes a version without release for equal to the same with any, and turns around where separators end one
/// version or follow each other in another: then its own order is none.
fn breaks_pacmans_order(scheme: Scheme, texts: [&str; 3]) -> bool {
    let released = |text: &str| text.contains('-');
    let plain = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).all(|word| !word.is_empty());
    scheme == Scheme::Alpm && !texts.iter().all(|text| plain(text) && released(text) == released(texts[0]))
}

type Order<'a> = &'a dyn Fn(&str, &str) -> Option<Ordering>;

fn is_order(
    scheme: Scheme,
    order: Order<'_>,
    [a, b, c]: [&str; 3],
) -> Result<(), proptest::test_runner::TestCaseError> {
    let (Some(ab), Some(bc), Some(ac)) = (order(a, b), order(b, c), order(a, c)) else { return Ok(()) };
    prop_assert_eq!(order(b, a), Some(ab.reverse()), "{}", scheme);
    prop_assert_eq!(order(a, a), Some(Ordering::Equal), "{}", scheme);
    if ab == bc {
        prop_assert_eq!(ac, ab, "{}", scheme);
    }
    if ab == Ordering::Equal {
        prop_assert_eq!(ac, bc, "{}", scheme);
    }
    if bc == Ordering::Equal {
        prop_assert_eq!(ac, ab, "{}", scheme);
    }
    Ok(())
}

/// Most of three texts differ little, so that the rules are reached that decide late.
fn three() -> impl Strategy<Value = [String; 3]> {
    let tail = || proptest::option::of(version()).prop_map(Option::unwrap_or_default);
    (version(), tail(), tail(), tail()).prop_map(|(front, a, b, c)| [a, b, c].map(|tail| front.clone() + &tail))
}

proptest! {
    #[test]
    fn each_order_is_total(texts in three()) {
        let texts = texts.each_ref().map(String::as_str);
        for scheme in Scheme::ALL {
            if !breaks_pacmans_order(scheme, texts) {
                is_order(scheme, &|a, b| scheme.compare(a, b).ok(), texts)?;
            }
        }
        for ecosystem in Ecosystem::ALL {
            if !breaks_pacmans_order(Scheme::of(ecosystem), texts) {
                is_order(Scheme::of(ecosystem), &|a, b| compare(ecosystem, a, b).ok(), texts)?;
            }
        }
    }

    #[test]
    fn what_decides_agrees_with_the_order(a in version(), b in version()) {
        for ecosystem in Ecosystem::ALL {
            if let (Ok(decided), true) = (compare(ecosystem, &a, &b), ecosystem != Ecosystem::Composer) {
                prop_assert_eq!(Scheme::of(ecosystem).compare(&a, &b), Ok(decided));
            }
        }
    }

    #[test]
    fn any_text_is_taken(a in ".*", b in ".*") {
        for scheme in Scheme::ALL {
            prop_assert_eq!(scheme.compare(&a, &b).map(Ordering::reverse).ok(), scheme.compare(&b, &a).ok());
        }
        for ecosystem in Ecosystem::ALL {
            let order = compare(ecosystem, &a, &b).ok();
            prop_assert!(order.is_none() || compare(ecosystem, &b, &a).ok() == order.map(Ordering::reverse));
        }
    }
}
