//! The command line's contract: commands, exit codes, output.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use testkit::mirror::{TestMirror, VendorState, published};

use crate::vigie::{Vigie, package, write_root};

const AT: &str = "2024-01-13T08:00:00Z";

fn with_input(vigie: &Vigie, args: &[&str], input: &str) -> String {
    let mut child = vigie.command(AT, args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_is_what_the_guide_shows() {
    let vigie = Vigie::new();
    let commands: [&[&str]; 14] = [
        &[],
        &["scan"],
        &["feeds", "sync"],
        &["feeds", "status"],
        &["serve"],
        &["inspect"],
        &["findings"],
        &["import"],
        &["discover", "net"],
        &["remediate"],
        &["asset", "add"],
        &["scope", "add"],
        &["credential", "add"],
        &["version-compare"],
    ];
    let mut help = String::new();
    for command in commands {
        let output = std::process::Command::new(crate::vigie::BINARY).args(command).arg("-h").output().unwrap();
        assert!(output.status.success(), "{command:?}");
        help.push_str(&format!("$ vigie {} -h\n{}\n", command.join(" "), String::from_utf8(output.stdout).unwrap()));
    }
    drop(vigie);
    insta::assert_snapshot!("help", help);
}

#[test]
fn versions_are_compared_line_by_line() {
    let vigie = Vigie::new();
    let input = "1.0-1\t1.0-2\n1:1\t2\n1.0~rc1\t1.0\n1.0\t1.0\nnot a version\t1\nno tab\n";
    assert_eq!(with_input(&vigie, &["version-compare", "--ecosystem", "deb"], input), "<\n>\n<\n=\n?\n?\n");
    for (ecosystem, input) in [
        ("rpm", "1.0-1.el9\t1.0-1.el9_2\n1.0~rc1\t1.0\n"),
        ("apk", "1.0_rc1-r0\t1.0-r0\n1.0-r9\t1.0-r10\n"),
        ("alpm", "1.0rc\t1.0\n1.0-1\t1:0.1-1\n"),
        ("pypi", "1.0.dev1\t1.0\nfrench-toast\t1.0\n"),
        ("npm", "1.0.0-rc.1\t1.0.0\n1.9.0\t1.10.0\n"),
        ("golang", "v1.0.0\tv1.0.1\ngo1.21rc2\tgo1.21.0\n"),
        ("maven", "1.0-alpha-1\t1.0\n1.0.RC1\t1.0-RC2\n"),
        ("gem", "1.0.pre\t1.0\n1.9\t1.10\n"),
        ("composer", "1.0-beta1\t1.0\ndev-main\t1.0\n"),
        ("nuget", "1.0-beta\t1.0.0\n1.0.0\t1.0.0.1\n"),
        ("cargo", "1.0.0-rc.1\t1.0.0\n1.9.0\t1.10.0\n"),
        ("semver", "1.0.0-rc.1\t1.0.0\n1.9.0\t1.10.0\n"),
        ("generic", "1.0.2k\t1.0.2zd\n1.8.0_401\t1.8.0_402\n"),
    ] {
        assert_eq!(with_input(&vigie, &["version-compare", "--ecosystem", ecosystem], input), "<\n<\n", "{ecosystem}");
    }
    let usage = vigie.run(AT, &["version-compare", "--ecosystem", "floppy"]);
    assert_eq!(usage.status.code(), Some(64));
}

#[test]
fn vectors_are_scored_line_by_line() {
    let vigie = Vigie::new();
    let input = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/MAV:L\n\
                 CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U\nnonsense\n";
    let output = with_input(&vigie, &["cvss"], input);
    let lines: Vec<serde_json::Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&lines[0]["base"], &lines[0]["temporal"], &lines[0]["environmental"]),
        (&9.8.into(), &9.0.into(), &7.7.into())
    );
    assert_eq!((&lines[1]["base"], &lines[1]["threat"]), (&9.3.into(), &8.1.into()));
    assert!(lines[2]["error"].is_string());
}

#[test]
fn exit_codes_tell_clean_from_findings_from_unknown() {
    let vigie = Vigie::new();
    let mirror = vigie.path("mirror");
    let fixed = VendorState::FixedIn("1.0-2".to_owned());
    TestMirror::new("2024-01-12T08:00:00Z")
        .advisory("bookworm", "vigie-demo-web", "CVE-2099-0001", fixed)
        .write(&mirror)
        .unwrap();
    let roots = [("affected", "1.0-1"), ("fixed", "1.0-2"), ("odd", "one point zero")];
    for (name, version) in roots {
        write_root(&vigie.path(name), "bookworm", &package("vigie-demo-web", version));
    }
    let root = |name: &str| vigie.path(name).to_str().unwrap().to_owned();
    vigie.expect(0, AT, &["feeds", "sync", "--mirror", mirror.to_str().unwrap(), "--only", "debian"]);
    vigie.expect(0, AT, &["scan", "root", &root("fixed")]);
    vigie.expect(0, AT, &["scan", "root", &root("affected")]);
    vigie.expect(1, AT, &["scan", "root", &root("affected"), "--fail-on", "P4"]);
    vigie.expect(2, AT, &["scan", "root", &root("odd")]);
    vigie.expect(70, AT, &["scan", "root", &root("nowhere")]);
    vigie.expect(64, AT, &["scan"]);
    vigie.expect(64, AT, &["scan", "root", &root("fixed"), "--fail-on", "P9"]);
    vigie.expect(64, AT, &["feeds", "sync", "--only", "horoscope", "--mirror", mirror.to_str().unwrap()]);
    vigie.expect(64, AT, &["asset", "show", "nobody"]);
    let error = vigie.run(AT, &["feeds", "sync", "--only", "horoscope", "--mirror", mirror.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&error.stderr).contains("debian"), "the known ids are named");
}

#[test]
fn a_scan_is_one_json_document() {
    let vigie = Vigie::new();
    let mirror = vigie.path("mirror");
    TestMirror::demo("2024-01-12T08:00:00Z", &["bookworm"]).write(&mirror).unwrap();
    let status: String =
        ["web", "lib", "old", "db"].map(|name| package(&format!("vigie-demo-{name}"), "1.0-1")).concat();
    let root = vigie.path("root");
    write_root(&root, "bookworm", &status);
    vigie.expect(0, AT, &["feeds", "sync", "--mirror", mirror.to_str().unwrap()]);
    let mut report = vigie.json(2, AT, &["scan", "root", root.to_str().unwrap()]);
    // A new feed does not change what this is about.
    let is_published = |feed: &serde_json::Value| published().any(|published| feed["id"] == published.id);
    report["feeds"].as_array_mut().unwrap().retain(is_published);
    insta::assert_json_snapshot!("scan", report);
    let sarif: serde_json::Value =
        serde_json::from_str(&vigie.expect(2, AT, &["scan", "root", root.to_str().unwrap(), "--format", "sarif"]))
            .unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), report["findings"].as_array().unwrap().len());
    let table = vigie.expect(2, AT, &["scan", "root", root.to_str().unwrap()]);
    insta::assert_snapshot!("scan_table", table);
}

#[test]
fn a_view_is_saved_and_used_by_its_name() {
    let vigie = Vigie::new();
    let add = ["view", "add", "Urgent", "--filter", "tier:P0,P1 not tag:lab", "--sort", "-epss", "--shared"];
    assert_eq!(vigie.json(0, AT, &add)["filter"], "tier:P0,P1 not tag:lab");
    assert_eq!(vigie.json(0, AT, &["view", "list"])[0]["sort"], "-epss");
    assert_eq!(vigie.json(0, AT, &["findings", "--view", "Urgent"])["total"], 0);
    vigie.expect(64, AT, &["view", "add", "Wrong", "--filter", "tir:P0"]);
    vigie.expect(64, AT, &["findings", "--view", "Wrong"]);
    vigie.expect(64, AT, &["findings", "--view", "Urgent", "--filter", "tier:P0"]);
    vigie.expect(0, AT, &["view", "remove", "Urgent"]);
    vigie.expect(64, AT, &["view", "remove", "Urgent"]);
}

#[test]
fn a_policy_is_shown_tried_and_saved() {
    let vigie = Vigie::new();
    let shown = vigie.expect(0, AT, &["policy", "show"]);
    assert!(shown.starts_with("# version 0, built in\n"), "{shown}");
    let file = vigie.path("policy.toml");
    fs::write(&file, shown.replace("due_days = 90", "due_days = 45")).expect("it is written");
    let file = file.to_str().expect("a path in UTF-8");
    assert!(vigie.expect(0, AT, &["policy", "check", file]).starts_with("Vigie: 18 rules, 0 packs"));
    assert_eq!(vigie.json(0, AT, &["policy", "simulate", file])["change_count"], 0);
    assert_eq!(vigie.json(0, AT, &["policy", "save", file, "--note", "sooner"])["version"], 1);
    vigie.expect(64, AT, &["policy", "save", file, "--based-on", "0"]);
    assert_eq!(vigie.json(0, AT, &["policy", "history"])[0]["note"], "sooner");
    assert!(vigie.expect(0, AT, &["policy", "show", "1"]).contains("due_days = 45"));
    assert!(vigie.expect(0, AT, &["policy", "show", "0"]).contains("due_days = 90"));
    vigie.expect(64, AT, &["policy", "show", "2"]);
    assert_eq!(vigie.json(0, AT, &["policy", "packs"])[1]["id"], "bod-26-04");
    fs::write(file, "format = 1").expect("it is written");
    vigie.expect(64, AT, &["policy", "check", file]);
}

#[test]
fn a_backup_brings_everything_back() {
    let (vigie, copy) = (Vigie::new(), Vigie::new());
    vigie.expect(
        0,
        AT,
        &["scope", "add", "Production", "--name-pattern", "web*", "--integrity", "high", "--cadence", "1d"],
    );
    let backup = vigie.path("vigie.backup");
    vigie.expect(0, AT, &["backup", backup.to_str().unwrap()]);
    let whole = vigie.json(0, AT, &["verify", backup.to_str().unwrap()]);
    assert!(whole["row_count"].as_u64().unwrap() > 0, "{whole}");
    assert!(vigie.expect(0, AT, &["verify", backup.to_str().unwrap()]).contains(": whole, "));
    let damaged = vigie.path("damaged.backup");
    let mut bytes = fs::read(&backup).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, &bytes).unwrap();
    let refused = vigie.run(AT, &["verify", damaged.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(70));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("damaged.backup is cut off or damaged"), "{said}");
    copy.expect(0, AT, &["restore", backup.to_str().unwrap()]);
    assert_eq!(copy.json(0, AT, &["scope", "list"]), vigie.json(0, AT, &["scope", "list"]));
    vigie.expect(70, AT, &["backup", backup.to_str().unwrap()]);
}

#[tokio::test]
async fn postgresql_keeps_the_same() {
    let Some(postgres) = testkit::db::postgres().await else { return };
    let vigie = Vigie::new();
    let on_postgres = |args: &[&str]| vigie.json(0, AT, &[args, &["--database", &postgres.place]].concat());
    vigie.expect(0, AT, &["asset", "add", "ssh://root@192.0.2.7", "--tags", "dmz", "--database", &postgres.place]);
    let scope = ["scope", "add", "Outside", "--tag", "dmz", "--exposure", "internet", "--database", &postgres.place];
    assert!(vigie.expect(0, AT, &scope).contains("holds 1 assets"));
    assert_eq!(on_postgres(&["asset", "list"])[0]["scopes"][0], "Outside");
    assert_eq!(on_postgres(&["asset", "show", "192.0.2.7"])["exposure"], "internet");
    assert!(!vigie.data_dir().join("vigie.db").exists(), "no second truth");
}

#[tokio::test]
async fn everything_moves_to_postgresql() {
    let Some(postgres) = testkit::db::postgres().await else { return };
    let vigie = Vigie::new();
    vigie.expect(0, AT, &["scope", "add", "Production", "--name-pattern", "web*", "--cadence", "1d"]);
    vigie.expect(0, AT, &["asset", "add", "ssh://root@192.0.2.7", "--name", "web01"]);
    let said = vigie.expect(0, AT, &["migrate-to", &postgres.place]);
    assert!(said.contains("VIGIE_DATABASE=postgres://") && said.contains("record_identifier"), "{said}");
    for args in [["scope", "list"], ["asset", "list"]] {
        let moved = vigie.json(0, AT, &[args.as_slice(), &["--database", &postgres.place]].concat());
        assert_eq!(moved, vigie.json(0, AT, &args));
    }
    vigie.expect(0, AT, &["audit", "verify", "--database", &postgres.place]);
    vigie.expect(70, AT, &["migrate-to", &postgres.place]);
    let back = format!("sqlite:{}", vigie.path("back.db").display());
    let said = vigie.json(0, AT, &["migrate-to", &back, "--database", &postgres.place]);
    assert_eq!(said["trail_whole"], true);
    vigie.expect(64, AT, &["migrate-to"]);
}
