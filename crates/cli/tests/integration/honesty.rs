//! No false all-clear: whatever is broken or missing, no output says zero or clean.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};
use testkit::mirror::{Damage, TestMirror, VendorState};

use crate::vigie::{Vigie, package, write_root};

const AT: &str = "2024-01-13T08:00:00Z";
const CARGO_LOCK: &str =
    "[[package]]\nname = \"vigie-demo\"\nversion = \"1.0.0\"\nsource = \"registry+https://example.org\"\n";

fn pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

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
fn expect_unknown(vigie: &Vigie, at: &str, scan: &[&str], what: &str) -> Value {
    let report = vigie.json(2, at, scan);
    let unknown = report["unknown"].as_array().unwrap();
    assert!(!unknown.is_empty(), "{what}");
    let table = vigie.expect(2, at, scan);
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
fn implausibly_few_records_are_no_all_clear() {
    let vigie = Vigie::new();
    let root = fixed_host(&vigie);
    let folder = vigie.path("mirror");
    mirror().unmarked("debian").write(&folder).unwrap();
    let status = vigie.expect(0, AT, &["feeds", "sync", "--mirror", folder.to_str().unwrap()]);
    let why = "it has only 1 records, where at least 50000 are expected";
    assert!(status.contains(&format!("debian: not all that its publisher has: {why}")), "{status}");
    let report = expect_unknown(&vigie, AT, &["scan", "root", &root], "one record");
    let said = format!("partial: the feed holds only a part of what its publisher has: {why}");
    assert!(report["unknown"].as_array().unwrap().iter().any(|entry| entry["reason"] == said), "{report}");
    let debian = report["feeds"].as_array().unwrap().iter().find(|feed| feed["id"] == "debian").unwrap();
    assert_eq!((&debian["state"], &debian["lack"]), (&json!("partial"), &json!(why)));
}

#[test]
fn an_answer_for_a_day_before_the_knowledge_says_what_it_is() {
    let vigie = Vigie::new();
    let root = fixed_host(&vigie);
    mirror().write(&vigie.path("mirror")).unwrap();
    vigie.run(AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
    let said = |at: &str| String::from_utf8(vigie.run(at, &["scan", "root", &root]).stderr).unwrap();
    let earlier = said("2021-12-01");
    assert!(
        earlier.contains("judged as of 2021-12-01T00:00:00Z by advisories fetched up to 2024-01-13T08:00:00Z")
            && earlier.contains("not what would have been said then"),
        "{earlier}"
    );
    assert!(!said(AT).contains("would have been said"));
}

#[test]
fn a_score_of_a_later_day_is_not_shown() {
    let vigie = Vigie::new();
    let root = vigie.path("root");
    write_root(&root, "bookworm", &package("vigie-demo-web", "1.0-1"));
    mirror().epss("CVE-2099-0001", 0.975, 0.99).write(&vigie.path("mirror")).unwrap();
    vigie.run(AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
    let root = root.to_str().unwrap();
    let scan = |at: &str| {
        let output = vigie.run(at, &["scan", "root", root, "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["findings"][0].clone()
    };
    assert_eq!(scan(AT)["epss"], json!(0.975));
    let earlier = scan("2021-12-01");
    assert_eq!((&earlier["epss"], &earlier["epss_percentile"]), (&Value::Null, &Value::Null), "{earlier}");
}

#[test]
fn a_link_among_the_operators_statements_is_said() {
    let vigie = Vigie::new();
    mirror().write(&vigie.path("mirror")).unwrap();
    fs::create_dir_all(vigie.path("data/advisories")).unwrap();
    symlink("/etc/hostname", vigie.path("data/advisories/vex.json")).unwrap();
    let output = vigie.run(AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
    let status = String::from_utf8(output.stdout).unwrap();
    assert!(status.contains("vex.json: it is a link, which is not followed"), "{status}");
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let vigie = Vigie::new();
    let mut child = vigie.command(AT, &["feeds", "status"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(141), ""));
}

#[test]
fn what_publishers_want_to_be_said_is_told() {
    let vigie = Vigie::new();
    let status = vigie.json(0, AT, &["feeds", "status"]);
    let kev = status.as_array().unwrap().iter().find(|feed| feed["id"] == "kev").unwrap();
    assert!(kev["attribution"].as_str().is_some_and(|text| text.contains("CISA")), "{kev}");
    assert!(kev["licence"].as_str().is_some_and(|text| text.contains("CC0")), "{kev}");
}

#[test]
fn every_damage_to_the_advisory_feed_is_seen() {
    for damage in Damage::ALL {
        let vigie = Vigie::new();
        let root = fixed_host(&vigie);
        let what = format!("{damage:?}");
        mirror().damaged("debian", damage).write(&vigie.path("mirror")).unwrap();
        vigie.run(AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
        let report = expect_unknown(&vigie, AT, &["scan", "root", &root], &what);
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
    let report = expect_unknown(&vigie, AT, &["scan", "root", root.to_str().unwrap()], "the update is damaged");
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
    expect_unknown(&vigie, AT, &["scan", "root", root.to_str().unwrap()], "a release without a feed");
    fs::write(root.join("etc/os-release"), "ID=gentle\nVERSION_ID=1\nPRETTY_NAME=\"Gentle 1\"\n").unwrap();
    expect_unknown(&vigie, AT, &["scan", "root", root.to_str().unwrap()], "a distribution without a feed");
    fs::remove_file(root.join("etc/os-release")).unwrap();
    expect_unknown(&vigie, AT, &["scan", "root", root.to_str().unwrap()], "a system that does not say what it is");
    let root = fixed_host(&vigie);
    expect_unknown(&vigie, "2024-02-13T08:00:00Z", &["scan", "root", &root], "a feed that is a month old");
    mirror().partial("debian").write(&folder).unwrap();
    vigie.run(AT, &["feeds", "sync", "--mirror", folder.to_str().unwrap()]);
    write_root(&vigie.path("root"), "bookworm", &package("unlisted", "1"));
    let report = expect_unknown(&vigie, AT, &["scan", "root", &root], "a source that a partial feed does not list");
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
        fs::write(root.join("var/lib/dpkg/status"), status).unwrap();
        let report = expect_unknown(&vigie, AT, &["scan", "root", root.to_str().unwrap()], what);
        assert_eq!(report["findings"].as_array().unwrap().len(), findings, "{what}: {report:#}");
    }
    let root = vigie.path("root");
    fs::remove_file(root.join("var/lib/dpkg/status")).unwrap();
    expect_unknown(&vigie, AT, &["scan", "root", root.to_str().unwrap()], "no package database");
}

/// Files of a folder, and what is said of it.
type Unread = (&'static str, fn(&Path), &'static str);

#[test]
fn a_folder_in_which_nothing_is_read_is_unknown() {
    let vigie = Vigie::new();
    mirror().write(&vigie.path("mirror")).unwrap();
    vigie.run(AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
    let cases: [Unread; 7] = [
        ("empty", |_| (), "nothing that tells of packages was found"),
        ("sources", |dir| fs::write(dir.join("main.c"), "").unwrap(), "nothing that tells of packages was found"),
        ("elixir", |dir| fs::write(dir.join("mix.lock"), "%{}").unwrap(), "lockfiles of Elixir are not read"),
        ("swift", |dir| fs::write(dir.join("Package.resolved"), "{}").unwrap(), "lockfiles of Swift are not read"),
        (
            "outside",
            |dir| {
                fs::write(dir.join("../Cargo.lock"), CARGO_LOCK).unwrap();
                symlink("../Cargo.lock", dir.join("Cargo.lock")).unwrap();
            },
            "it is a link to no file of this folder",
        ),
        ("pipe", |dir| pipe(&dir.join("Cargo.lock")), "it is not a regular file"),
        (
            "systems",
            |dir| write_root(&dir.join("a/chroot"), "bookworm", ""),
            "a system of its own, whose packages are not read",
        ),
    ];
    for (name, build, reason) in cases {
        let dir = vigie.path("folders").join(name);
        fs::create_dir_all(&dir).unwrap();
        build(&dir);
        let report = expect_unknown(&vigie, AT, &["scan", "path", dir.to_str().unwrap()], name);
        let unknown = report["unknown"].as_array().unwrap();
        let said = |entry: &Value| entry["reason"].as_str().unwrap().starts_with(reason);
        assert!(unknown.len() == 1 && unknown.iter().all(said), "{name}: {report:#}");
    }
}

#[test]
fn a_folder_that_is_the_root_of_a_system_is_read_as_one() {
    let vigie = Vigie::new();
    mirror().write(&vigie.path("mirror")).unwrap();
    vigie.run(AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
    let root = vigie.path("root");
    write_root(&root, "bookworm", &package("vigie-demo-web", "1.0-1"));
    fs::write(root.join("Cargo.lock"), CARGO_LOCK).unwrap();
    let scan = |how: &str| vigie.run(AT, &["scan", how, root.to_str().unwrap(), "--format", "json"]).stdout;
    let parse = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
    let (system, folder) = (parse(scan("root")), parse(scan("path")));
    assert_eq!(folder["findings"], system["findings"]);
    assert_eq!(folder["findings"].as_array().unwrap().len(), 1, "{folder:#}");
    let components = |report: &Value| report["asset"]["component_count"].as_u64();
    assert_eq!(components(&folder), components(&system).map(|count| count + 1), "the lockfile counts too: {folder:#}");
}

#[test]
fn a_link_is_read_where_it_leads_inside_the_folder_and_once() {
    let vigie = Vigie::new();
    let dir = vigie.path("folder");
    fs::create_dir_all(dir.join("a")).unwrap();
    fs::write(dir.join("a/locked"), CARGO_LOCK).unwrap();
    symlink("a/locked", dir.join("Cargo.lock")).unwrap();
    let bill: Value = serde_json::from_str(&vigie.expect(0, AT, &["sbom", dir.to_str().unwrap()])).unwrap();
    assert_eq!(bill["components"].as_array().unwrap().len(), 1, "{bill:#}");
    fs::rename(dir.join("a/locked"), dir.join("a/Cargo.lock")).unwrap();
    fs::remove_file(dir.join("Cargo.lock")).unwrap();
    symlink("a/Cargo.lock", dir.join("Cargo.lock")).unwrap();
    let bill: Value = serde_json::from_str(&vigie.expect(0, AT, &["sbom", dir.to_str().unwrap()])).unwrap();
    assert_eq!(bill["components"].as_array().unwrap().len(), 1, "{bill:#}");
}

#[test]
fn a_bill_that_names_no_package_is_unknown() {
    let vigie = Vigie::new();
    mirror().write(&vigie.path("mirror")).unwrap();
    vigie.run(AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
    for (name, bill, reason) in [
        ("nothing", json!({"bomFormat": "CycloneDX", "components": []}), "nothing that tells of packages was found"),
        (
            "vex",
            json!({"bomFormat": "CycloneDX", "vulnerabilities": [{"id": "CVE-2099-0001"}]}),
            "nothing that tells of packages was found",
        ),
        (
            "roots",
            json!({"spdxVersion": "SPDX-2.3", "documentDescribes": ["a", "b"],
                "packages": [{"SPDXID": "a", "name": "a"}, {"SPDXID": "b", "name": "b"}]}),
            "2 components cannot be judged",
        ),
    ] {
        let file = vigie.path(&format!("{name}.json"));
        fs::write(&file, bill.to_string()).unwrap();
        let report = expect_unknown(&vigie, AT, &["scan", "sbom", file.to_str().unwrap()], name);
        let reasons: Vec<_> = report["unknown"].as_array().unwrap().iter().map(|entry| &entry["reason"]).collect();
        assert!(reasons.len() == 1 && reasons[0].as_str().unwrap().starts_with(reason), "{name}: {report:#}");
    }
}

#[test]
fn pipes_and_devices_are_refused_at_once() {
    let vigie = Vigie::new();
    let fifo = vigie.path("pipe.json");
    pipe(&fifo);
    for args in [["scan", "sbom"], ["scan", "path"], ["scan", "image"]] {
        let output = vigie.run(AT, &[args[0], args[1], fifo.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(64), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("pipe.json is a pipe, a socket or a device"), "{args:?}: {said}");
    }
}

#[test]
fn without_any_knowledge_nothing_is_clean() {
    let vigie = Vigie::new();
    let root = fixed_host(&vigie);
    let report = expect_unknown(&vigie, AT, &["scan", "root", &root], "no knowledge file");
    assert!(report["feeds"].as_array().unwrap().iter().all(|feed| feed["state"] == "never"));
    fs::create_dir_all(vigie.data_dir()).unwrap();
    fs::write(vigie.data_dir().join("knowledge.vkb"), b"not knowledge").unwrap();
    let broken = vigie.run(AT, &["scan", "root", &root]);
    assert_eq!(broken.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("knowledge.vkb"));
}
