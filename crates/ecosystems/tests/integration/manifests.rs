//! A small file of every kind, what it tells or leaves open, and what happens when it is damaged.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use domain::component::Component;
use ecosystems::manifest::{self, Found};
use ecosystems::tree::{self, Looking};
use proptest::prelude::{any, proptest};

use crate::owners::Files;

struct Sample {
    path: String,
    bytes: Vec<u8>,
    expected: Expected,
}

enum Expected {
    Told(String),
    /// It is nothing of the kind, and no gap either.
    Nothing,
    Gap(String),
}

/// `expected.tsv` names every file, and says what it tells or which gap it leaves.
static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/samples/manifests");
    let table = fs::read_to_string(folder.join("expected.tsv")).expect("the table is there");
    let sample = |line: &str| match line.split('\t').collect::<Vec<_>>().as_slice() {
        [path, kind, expected] => Sample {
            path: (*path).to_owned(),
            bytes: fs::read(folder.join(path)).expect("the sample is there"),
            expected: match *kind {
                "told" => Expected::Told((*expected).to_owned()),
                "nothing" => Expected::Nothing,
                _ => Expected::Gap((*expected).to_owned()),
            },
        },
        _ => panic!("{line:?} has no three columns"),
    };
    table.lines().map(sample).collect()
});

/// A program that is damaged in front is none, and tells nothing.
fn read(path: &str, bytes: &[u8]) -> Found {
    tree::file(path, bytes).unwrap_or_default()
}

#[test]
fn every_kind_of_file_tells_of_its_packages_and_of_what_it_leaves_open() {
    for Sample { path, bytes, expected } in SAMPLES.iter() {
        let found = read(path, bytes);
        match expected {
            Expected::Told(told) => {
                let one = |c: &Component| format!("{} {} {}", c.ecosystem, c.source, c.source_version);
                let all: Vec<_> = found.components.iter().map(one).collect();
                assert_eq!(all.join(", "), *told, "{path}");
            }
            Expected::Nothing => {
                assert!(found.components.is_empty() && found.gaps.is_empty(), "{path}: {found:?}");
            }
            Expected::Gap(gap) => {
                let gaps: Vec<_> = found.gaps.iter().map(|gap| gap.reason.replace(path, "FILE")).collect();
                assert_eq!(gaps, [gap.as_str()], "{path}");
            }
        }
    }
}

#[test]
fn looks_at_other_files_are_bounded_where_nothing_is_found_too() {
    let modules: String = (0..1000).map(|n| format!("<module>{n}/bom</module>")).collect();
    let import = "<dependency><groupId>g</groupId><artifactId>bom</artifactId><version>1</version><type>pom</type><scope>import</scope></dependency>";
    let project = format!(
        "<project><groupId>g</groupId><artifactId>a</artifactId><version>1</version><modules>{modules}</modules>
        <dependencyManagement><dependencies>{}</dependencies></dependencyManagement></project>",
        import.repeat(64)
    );
    let looked = |files: &[&'static str]| {
        let files = files.iter().map(|path| (*path, project.clone().into_bytes())).collect();
        tree::packages(&Files(files), Looking::Application, &|_| None).gaps
    };
    assert!(looked(&["a/pom.xml"]).is_empty());
    let gaps = looked(&["a/pom.xml", "b/pom.xml", "c/pom.xml"]);
    assert!(gaps[0].reason.starts_with("looks at files on which others build took more than"), "{gaps:?}");
}

#[test]
fn a_larger_file_than_any_of_its_kind_is_a_gap() {
    let bun = manifest::manifests().find(|manifest| manifest.name == "bun.lock").expect("it is one");
    let mut file = br#"{"lockfileVersion": 1, "packages": {"a": ["a@1.0.0"]}}"#.to_vec();
    file.resize(usize::try_from(bun.bytes_max).expect("it fits"), b' ');
    let said = |file: &[u8]| {
        let found = read("bun.lock", file);
        let gaps: Vec<_> = found.gaps.iter().map(|gap| gap.reason.clone()).collect();
        (found.components.len(), gaps.join(", "))
    };
    assert_eq!(said(&file), (1, String::new()));
    file.push(b' ');
    assert_eq!(said(&file), (0, "it is larger than 67108864 bytes".to_owned()));
}

#[test]
fn depth_is_bounded() {
    let deep = ["[", "{\"a\":", "{\"dependencies\":{\"a\":", "<a>", "<project><dependencies>", "a = [", "a.", "- "];
    for Sample { path, .. } in SAMPLES.iter() {
        for piece in deep {
            let found = read(path, piece.repeat(20_000).as_bytes());
            assert!(found.components.iter().all(|c| c.name.len() <= 512 && c.version.len() <= 512), "{path} {piece}");
        }
    }
}

#[test]
fn an_entry_of_the_wrong_type_is_named_and_the_others_are_kept() {
    let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let cargo = format!(
        "[[package]]\nname = \"good\"\nversion = \"1.0.0\"\n{registry}\n\n[[package]]\nname = \"bad\"\nversion = 5\n"
    );
    for (path, text) in [
        (
            "package-lock.json",
            r#"{"packages":{"node_modules/bad":{"version":5},"node_modules/good":{"version":"1.0.0"}}}"#,
        ),
        (
            "package-lock.json",
            r#"{"dependencies":{"up":{"version":"1.0.0","dependencies":{"bad":{"version":[]},"good":{"version":"1.0.0"}}}}}"#,
        ),
        ("composer.lock", r#"{"packages":[{"name":"bad","version":5},{"name":"a/good","version":"v1.0.0"}]}"#),
        ("vendor/composer/installed.json", r#" [{"name":"bad","version":5},{"name":"a/good","version":"v1.0.0"}]"#),
        ("Pipfile.lock", r#"{"_meta":{},"default":{"bad":{"version":5},"good":{"version":"==1.0.0"}}}"#),
        ("packages.lock.json", r#"{"dependencies":{"net8.0":{"bad":{"resolved":5},"good":{"resolved":"1.0.0"}}}}"#),
        ("packages.lock.json", r#"{"dependencies":{"bad":5,"net8.0":{"good":{"resolved":"1.0.0"}}}}"#),
        ("app.deps.json", r#"{"libraries":{"bad":{"type":5},"good/1.0.0":{"type":"package"}}}"#),
        ("Cargo.lock", &cargo),
        (
            "poetry.lock",
            "[[package]]\nname = \"good\"\nversion = \"1.0.0\"\n[[package]]\nname = \"bad\"\nversion = 5\n",
        ),
    ] {
        let found = read(path, text.as_bytes());
        let good =
            found.components.iter().any(|component| component.name.ends_with("good") && component.version == "1.0.0");
        let gaps: Vec<&str> = found.gaps.iter().map(|gap| gap.reason.as_str()).collect();
        assert!(good, "{path} {text}: {found:?}");
        assert_eq!(gaps, ["\"bad\" cannot be read: it has a value of the wrong type"], "{path} {text}");
    }
    let nameless = read("poetry.lock", b"[[package]]\nname = 5\nversion = \"1\"\n");
    assert!(nameless.gaps[0].reason.contains("name"), "{:?}", nameless.gaps);
    let whole = read("composer.lock", br#"{"packages":5}"#);
    assert!(whole.gaps[0].reason.starts_with("invalid type: integer `5`, expected a sequence"), "{:?}", whole.gaps);
}

#[test]
fn what_is_said_of_a_key_of_pnpm_may_stand_behind_it() {
    let found =
        read("pnpm-lock.yaml", b"packages:\n  lodash@4.17.15: {}\n  '@a/b@1.0.0': {resolution: {integrity: x}}\n");
    let told: Vec<String> = found.components.iter().map(|c| format!("{}@{}", c.name, c.version)).collect();
    assert_eq!(told, ["lodash@4.17.15", "@a/b@1.0.0"]);
}

#[test]
fn huge_names_and_versions_are_gaps() {
    for Sample { path, bytes, expected } in SAMPLES.iter().filter(|sample| !sample.bytes.is_empty()) {
        let Ok(text) = String::from_utf8(bytes.clone()) else { continue };
        let found = read(path, text.replace("1.0", &"1".repeat(1 << 20)).as_bytes());
        let components = &found.components;
        assert!(components.iter().all(|c| c.name.len() <= 512 && c.version.len() <= 512), "{path}");
        let said = found.gaps.iter().all(|gap| gap.reason.len() <= 1600);
        assert!(said, "{path}: a gap repeats what is too long");
        if matches!(expected, Expected::Told(told) if told.contains("1.0")) && text.contains("1.0") {
            assert!(!found.gaps.is_empty(), "{path}: what is too long is left out without a word");
        }
    }
}

proptest! {
    #[test]
    fn damage_never_panics(place in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        for Sample { path, bytes, .. } in SAMPLES.iter().filter(|sample| !sample.bytes.is_empty()) {
            let mut bytes = bytes.clone();
            let place = place.index(bytes.len());
            if cut { bytes.truncate(place) } else { bytes[place] = byte }
            read(path, &bytes);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for Sample { path, .. } in SAMPLES.iter() {
            read(path, &bytes);
        }
    }
}
