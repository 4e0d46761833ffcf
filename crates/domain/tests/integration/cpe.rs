//! CPE names: both spellings, and the relations of NISTIR 7696.

use domain::cpe::{Attribute, Cpe, Relation, Text};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

fn cpe(text: &str) -> Cpe {
    Cpe::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn both_spellings_are_read() {
    for (text, formatted, key) in [
        (
            "cpe:2.3:a:openssl:openssl:1.0.2k:*:*:*:*:*:*:*",
            "cpe:2.3:a:openssl:openssl:1.0.2k:*:*:*:*:*:*:*",
            Some("openssl:openssl"),
        ),
        (
            "cpe:2.3:a:Microsoft:Internet_Explorer:8.0.6001:beta:-:*:*:*:*:*",
            "cpe:2.3:a:microsoft:internet_explorer:8.0.6001:beta:-:*:*:*:*:*",
            Some("microsoft:internet_explorer"),
        ),
        (
            r"cpe:2.3:a:foo\\bar:big\$money_2010:*:*:*:*:special:ipod_touch:80gb:*",
            r"cpe:2.3:a:foo\\bar:big\$money_2010:*:*:*:*:special:ipod_touch:80gb:*",
            Some(r"foo\bar:big$money_2010"),
        ),
        (r"cpe:2.3:a:gnu:g\+\+:7\:1:*:*:*:*:*:*:*", r"cpe:2.3:a:gnu:g\+\+:7\:1:*:*:*:*:*:*:*", Some("gnu:g++")),
        ("cpe:/a:openssl:openssl:1.0.2k", "cpe:2.3:a:openssl:openssl:1.0.2k:*:*:*:*:*:*:*", Some("openssl:openssl")),
        (
            "cpe:/o:redhat:enterprise_linux:9::baseos",
            "cpe:2.3:o:redhat:enterprise_linux:9:*:baseos:*:*:*:*:*",
            Some("redhat:enterprise_linux"),
        ),
        (
            "cpe:/a:hp:insight_diagnostics:7.4.0.1570::~~online~win2003~x64~",
            "cpe:2.3:a:hp:insight_diagnostics:7.4.0.1570:*:*:*:online:win2003:x64:*",
            Some("hp:insight_diagnostics"),
        ),
        (
            "cpe:/a:hp:openview_network_manager:7.51:-:~~~linux~~",
            "cpe:2.3:a:hp:openview_network_manager:7.51:-:*:*:*:linux:*:*",
            Some("hp:openview_network_manager"),
        ),
        (
            "cpe:/a:foo%5cbar:big%24money_2010",
            r"cpe:2.3:a:foo\\bar:big\$money_2010:*:*:*:*:*:*:*:*",
            Some(r"foo\bar:big$money_2010"),
        ),
        (
            "cpe:/a:microsoft:internet_explorer:8.%02:sp%01",
            "cpe:2.3:a:microsoft:internet_explorer:8.*:sp?:*:*:*:*:*:*",
            Some("microsoft:internet_explorer"),
        ),
        ("cpe:2.3:a:*:openssl:-:*:*:*:*:*:*:*", "cpe:2.3:a:*:openssl:-:*:*:*:*:*:*:*", None),
        (r"cpe:2.3:a:x:\-:*:*:*:*:*:*:*:*", r"cpe:2.3:a:x:\-:*:*:*:*:*:*:*:*", Some("x:-")),
        ("cpe:2.3:a:x:y", "cpe:2.3:a:x:y:*:*:*:*:*:*:*:*", Some("x:y")),
    ] {
        let read = cpe(text);
        assert_eq!(read.to_string(), formatted, "{text}");
        assert_eq!(cpe(formatted), read);
        assert_eq!(read.key().as_deref(), key, "{text}");
    }
    let read = cpe(r"cpe:2.3:a:vendor:product:12.5\(1\)su8:-:*:*:*:*:*:*");
    assert_eq!((read.version.plain(), &read.update), (Some("12.5(1)su8"), &Attribute::Na));
    assert_eq!(read.version, Attribute::Text(Text::plain("12.5(1)SU8")));
}

#[test]
fn what_is_no_name_is_refused() {
    for text in [
        "",
        "cpe:2.3:",
        "cpe:2.3:a",
        "cpe:2.3:a:b",
        "cpe:2.3:x:b:c",
        "cpe:2.3:a::c",
        "cpe:2.3:a:b:c:1:*:*:*:*:*:*:*:*",
        "cpe:2.3:a:b:c\\",
        "cpe:2.3:a:b:c*d",
        "cpe:2.3:a:b:c d",
        "cpe:/",
        "cpe:/a:b:c%0",
        "cpe:/a:b:c%zz",
        "cpe:/a:b:c:1:2:3:4:5",
        "cpe:/a:b:c:1:2:~~~~~~",
        "a:b:c",
    ] {
        assert!(Cpe::parse(text).is_err(), "{text:?}");
    }
    assert!(Cpe::parse(&format!("cpe:2.3:a:b:{}", "c".repeat(10_000))).is_err());
}

/// Names that differ in their versions only.
fn versions(source: &str, target: &str) -> Relation {
    let name = |version: &str| cpe(&format!("cpe:2.3:a:v:p:{version}:*:*:*:*:*:*:*"));
    name(source).relation(&name(target))
}

#[test]
fn attributes_relate_as_the_standard_says() {
    for (source, target, relation) in [
        ("*", "*", Relation::Equal),
        ("*", "-", Relation::Superset),
        ("*", "1.0", Relation::Superset),
        ("*", "1.*", Relation::Undefined),
        ("-", "*", Relation::Subset),
        ("-", "-", Relation::Equal),
        ("-", "1.0", Relation::Disjoint),
        ("-", "1.*", Relation::Undefined),
        ("1.0", "1.0", Relation::Equal),
        ("1.0A", "1.0a", Relation::Equal),
        ("1.0", "1.1", Relation::Disjoint),
        ("1.0", "1.*", Relation::Undefined),
        ("1.0", "-", Relation::Disjoint),
        ("1.0", "*", Relation::Subset),
        ("1.*", "1.0", Relation::Superset),
        ("1.*", "1.", Relation::Superset),
        ("1.*", "2.0", Relation::Disjoint),
        ("1.?", "1.0", Relation::Superset),
        ("1.?", "1.", Relation::Superset),
        ("1.?", "1.00", Relation::Disjoint),
        ("??1", "001", Relation::Superset),
        ("??1", "0001", Relation::Disjoint),
        ("*aa", "aaa", Relation::Superset),
        ("?aa", "aaa", Relation::Superset),
        ("*0*", "1.0.2", Relation::Superset),
        ("*0*", "1.1.2", Relation::Disjoint),
        (r"1.\*", "1.0", Relation::Disjoint),
        ("1.*", "*", Relation::Subset),
        ("1.*", "-", Relation::Disjoint),
        ("1.*", "1.*", Relation::Undefined),
    ] {
        assert_eq!(versions(source, target), relation, "{source} {target}");
    }
}

#[test]
fn names_relate_by_all_their_attributes() {
    for (source, target, relation) in [
        ("cpe:2.3:a:v:p:*:*:*:*:*:*:*:*", "cpe:2.3:a:v:p:1.0:*:*:*:*:*:*:*", Relation::Superset),
        ("cpe:2.3:a:v:p:1.0:*:*:*:*:*:*:*", "cpe:2.3:a:v:p:1.0:*:*:*:*:*:*:*", Relation::Equal),
        ("cpe:2.3:a:v:p:1.0:sp1:*:*:*:*:*:*", "cpe:2.3:a:v:p:1.0:*:*:*:*:*:*:*", Relation::Subset),
        ("cpe:2.3:a:v:p:*:sp1:*:*:*:*:*:*", "cpe:2.3:a:v:p:1.0:*:*:*:*:*:*:*", Relation::Undefined),
        ("cpe:2.3:a:v:p:*:*:*:*:*:*:*:*", "cpe:2.3:o:v:p:1.0:*:*:*:*:*:*:*", Relation::Disjoint),
        ("cpe:2.3:a:v:p:*:*:*:*:*:node.js:*:*", "cpe:2.3:a:v:p:1.0:*:*:*:*:wordpress:*:*", Relation::Disjoint),
    ] {
        assert_eq!(cpe(source).relation(&cpe(target)), relation, "{source} {target}");
        assert_eq!(cpe(source).covers(&cpe(target)), matches!(relation, Relation::Equal | Relation::Superset));
    }
}

proptest! {
    #[test]
    fn what_is_read_is_written_the_same(text in "cpe:(2\\.3:[aoh*-](:([a-z0-9.*?-]|\\\\[!-~]){1,6}){2,10}|/[aoh](:([a-z0-9.~-]|%2[1-9a-f]|%0[12]){0,6}){0,6})") {
        if let Ok(read) = Cpe::parse(&text) {
            prop_assert_eq!(Cpe::parse(&read.to_string()), Ok(read));
        }
    }

    #[test]
    fn relations_turn_around(a in "[ab.]{0,2}[*?-]?", b in "[ab.]{1,2}") {
        if let Ok(a) = Cpe::parse(&format!("cpe:2.3:a:v:p:{a}")) {
            let b = cpe(&format!("cpe:2.3:a:v:p:{b}"));
            let turned = match b.relation(&a) {
                Relation::Subset => Relation::Superset,
                Relation::Superset => Relation::Subset,
                other => other,
            };
            prop_assert!(turned == Relation::Undefined || turned == a.relation(&b));
        }
    }
}
