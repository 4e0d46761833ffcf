//! No false all-clear: whatever is broken or missing, no output says zero or clean.

use serde_json::Value;
use testkit::mirror::{Damage, TestMirror, VendorState};

use crate::vigie::{Vigie, package, write_root};

const AT: &str = "2024-01-13T08:00:00Z";

/// A host on which everything is fixed, as far as this mirror knows.
fn fixed_host(vigie: &Vigie) -> String {
    let root = vigie.path("root");
    write_root(&root, "bookworm", &package("vigie-demo-web", "1.0-2"));
    root.to_str().unwrap().to_owned()
}

fn mirror() -> TestMirror {
    TestMirror::new("2024-01-12T08:00:00Z").advisory(
        "bookworm",
        "vigie-demo-web",
        "CVE-2099-0001",
        VendorState::FixedIn("1.0-2".to_owned()),
    )
}

/// A scan that proves nothing: its own exit code, its reasons, and nowhere a word of being clean.
fn expect_unknown(vigie: &Vigie, at: &str, root: &str, what: &str) -> Value {
    let report = vigie.json(2, at, &["scan", "root", root]);
    let unknown = report["unknown"].as_array().unwrap();
    assert!(!unknown.is_empty(), "{what}");
    let table = vigie.expect(2, at, &["scan", "root", root]);
    assert!(table.contains("unknown") && !table.contains("No findings"), "{what}: {table}");
    report
}

#[test]
fn a_complete_fresh_world_is_clean() {
    let vigie = Vigie::new();
    let root = fixed_host(&vigie);
    mirror().write(&vigie.path("mirror")).unwrap();
    vigie.run(AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
    let table = vigie.expect(0, AT, &["scan", "root", &root]);
    assert!(table.contains("No findings"), "the control: {table}");
}

#[test]
fn every_damage_to_the_advisory_feed_is_seen() {
    for damage in Damage::ALL {
        let vigie = Vigie::new();
        let root = fixed_host(&vigie);
        let what = format!("{damage:?}");
        mirror().damaged("debian", damage).write(&vigie.path("mirror")).unwrap();
        vigie.run(AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
        let report = expect_unknown(&vigie, AT, &root, &what);
        let debian = report["feeds"].as_array().unwrap().iter().find(|feed| feed["id"] == "debian").unwrap();
        assert_ne!(debian["state"], "fresh", "{what}: {debian}");
    }
}

#[test]
fn a_damaged_update_keeps_what_was_known_and_says_so() {
    let vigie = Vigie::new();
    let root = vigie.path("root");
    write_root(&root, "bookworm", &package("vigie-demo-web", "1.0-1"));
    let folder = vigie.path("mirror");
    mirror().write(&folder).unwrap();
    vigie.run(AT, &["feeds", "sync", "--mirror", folder.to_str().unwrap()]);
    mirror().damaged("debian", Damage::Truncated).write(&folder).unwrap();
    vigie.expect(70, AT, &["feeds", "sync", "--mirror", folder.to_str().unwrap()]);
    let report = expect_unknown(&vigie, AT, root.to_str().unwrap(), "the update is damaged");
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "nothing stored is lost: {report:#}");
}

#[test]
fn a_missing_exploited_list_is_not_an_empty_one() {
    for feed in ["kev", "epss", "nvd", "vulnrichment"] {
        let vigie = Vigie::new();
        let root = vigie.path("root");
        write_root(&root, "bookworm", &package("vigie-demo-web", "1.0-1"));
        mirror().without(feed).write(&vigie.path("mirror")).unwrap();
        vigie.run(AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
        let report: Value = serde_json::from_slice(
            &vigie.run(AT, &["scan", "root", root.to_str().unwrap(), "--format", "json"]).stdout,
        )
        .unwrap();
        let state = report["feeds"].as_array().unwrap().iter().find(|entry| entry["id"] == feed).unwrap();
        assert_eq!((&state["state"], &state["record_count"]), (&Value::from("never"), &Value::Null), "{state}");
        let finding = &report["findings"][0];
        match feed {
            "kev" => {
                assert_eq!(finding["kev"], Value::Null, "not listed is not known");
                assert_eq!(finding["exploit_maturity"], "not_defined");
            }
            "epss" => assert_eq!(finding["epss"], Value::Null),
            _ => assert_eq!(finding["cvss"], Value::Null),
        }
    }
}

#[test]
fn what_the_feed_does_not_cover_is_unknown() {
    let vigie = Vigie::new();
    let folder = vigie.path("mirror");
    mirror().write(&folder).unwrap();
    vigie.run(AT, &["feeds", "sync", "--mirror", folder.to_str().unwrap()]);
    let root = vigie.path("root");
    write_root(&root, "buzz", &package("vigie-demo-web", "1.0-2"));
    expect_unknown(&vigie, AT, root.to_str().unwrap(), "a release without a feed");
    std::fs::write(root.join("etc/os-release"), "ID=gentle\nVERSION_ID=1\nPRETTY_NAME=\"Gentle 1\"\n").unwrap();
    expect_unknown(&vigie, AT, root.to_str().unwrap(), "a distribution without a feed");
    std::fs::remove_file(root.join("etc/os-release")).unwrap();
    expect_unknown(&vigie, AT, root.to_str().unwrap(), "a system that does not say what it is");
    let root = fixed_host(&vigie);
    expect_unknown(&vigie, "2024-02-13T08:00:00Z", &root, "a feed that is a month old");
    mirror().partial("debian").write(&folder).unwrap();
    vigie.run(AT, &["feeds", "sync", "--mirror", folder.to_str().unwrap()]);
    write_root(&vigie.path("root"), "bookworm", &package("unlisted", "1"));
    let report = expect_unknown(&vigie, AT, &root, "a source that a partial feed does not list");
    assert!(report["unknown"].as_array().unwrap().iter().any(|entry| entry["subject"] == "unlisted"), "{report:#}");
}

#[test]
fn a_damaged_package_database_keeps_its_good_records_and_is_never_clean() {
    let vigie = Vigie::new();
    mirror().write(&vigie.path("mirror")).unwrap();
    vigie.run(AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
    let good = package("vigie-demo-web", "1.0-1");
    let cases: [(&str, Vec<u8>, usize); 4] = [
        ("truncated", format!("{good}Package: half\nStatus: install ok inst").into_bytes(), 1),
        ("no version", format!("{good}Package: odd\nStatus: install ok installed\n\n").into_bytes(), 1),
        ("binary", [good.as_bytes(), b"\xff\xfe\0garbage\n\n"].concat(), 1),
        ("nothing", Vec::new(), 0),
    ];
    for (what, status, findings) in cases {
        let root = vigie.path("root");
        write_root(&root, "bookworm", "");
        std::fs::write(root.join("var/lib/dpkg/status"), status).unwrap();
        let report = expect_unknown(&vigie, AT, root.to_str().unwrap(), what);
        assert_eq!(report["findings"].as_array().unwrap().len(), findings, "{what}: {report:#}");
    }
    let root = vigie.path("root");
    std::fs::remove_file(root.join("var/lib/dpkg/status")).unwrap();
    expect_unknown(&vigie, AT, root.to_str().unwrap(), "no package database");
}

#[test]
fn without_any_knowledge_nothing_is_clean() {
    let vigie = Vigie::new();
    let root = fixed_host(&vigie);
    let report = expect_unknown(&vigie, AT, &root, "no knowledge file");
    assert!(report["feeds"].as_array().unwrap().iter().all(|feed| feed["state"] == "never"));
    std::fs::create_dir_all(vigie.data_dir()).unwrap();
    std::fs::write(vigie.data_dir().join("knowledge.vkb"), b"not knowledge").unwrap();
    let broken = vigie.run(AT, &["scan", "root", &root]);
    assert_eq!(broken.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("knowledge.vkb"));
}
