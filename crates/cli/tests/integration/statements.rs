//! What the operator says overrules every publisher, is shown as such, and can be taken back.

use serde_json::Value;
use testkit::mirror::{TestMirror, VendorState};

use crate::vigie::{Vigie, package, write_root};

const AT: &str = "2024-01-13T08:00:00Z";
const OPENVEX: &str = r#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vex.example/1",
    "timestamp": "2024-01-13T07:00:00Z", "statements": [{"vulnerability": {"name": "CVE-2099-0001"},
    "products": [{"@id": "pkg:deb/debian/vigie-demo-web?arch=source&distro=bookworm"}],
    "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}]}"#;

#[test]
fn a_statement_of_the_operator_counts_until_it_is_taken_back() {
    let vigie = Vigie::new();
    let root = vigie.path("root");
    write_root(&root, "bookworm", &package("vigie-demo-web", "1.0-1"));
    let root = root.to_str().unwrap();
    let mirror = vigie.path("mirror");
    let fixed = VendorState::FixedIn("1.0-2".to_owned());
    let world = TestMirror::new("2024-01-12T08:00:00Z").advisory("bookworm", "vigie-demo-web", "CVE-2099-0001", fixed);
    world.write(&mirror).unwrap();
    let sync = || {
        vigie.run(AT, &["feeds", "sync", "--mirror", mirror.to_str().unwrap()]);
        let status = vigie.json(0, AT, &["feeds", "status"]);
        status.as_array().unwrap().iter().find(|feed| feed["id"] == "local").unwrap().clone()
    };
    let findings = || vigie.json(0, AT, &["scan", "root", root])["findings"].as_array().unwrap().len();

    assert_eq!(sync()["state"], "never", "no folder is no lack");
    assert_eq!(findings(), 1);

    let folder = vigie.data_dir().join("advisories");
    std::fs::create_dir_all(folder.join("team")).unwrap();
    std::fs::write(folder.join("team/vex.json"), OPENVEX).unwrap();
    let local = sync();
    assert_eq!((&local["state"], &local["problem_count"]), (&"fresh".into(), &Value::from(0)), "{local}");
    assert_eq!(findings(), 0);
    let purl = "pkg:deb/debian/vigie-demo-web@1.0-1?distro=bookworm";
    let explained = vigie.expect(0, AT, &["explain", "CVE-2099-0001", "--component", purl]);
    let verdict = explained.lines().take(2).collect::<Vec<_>>().join("\n");
    let expected = format!(
        "{purl}: not affected by CVE-2099-0001: local says so in https://vex.example/1: not affected \
         (vulnerable_code_not_in_execute_path)\nconfidence high"
    );
    assert_eq!(verdict, expected);
    let explained = vigie.json(0, AT, &["explain", "CVE-2099-0001", "--component", purl]);
    assert_eq!((&explained["outcome"], &explained["confidence"]), (&"not_affected".into(), &"high".into()));
    for other in ["debian-12", "debian-12.5"] {
        let purl = purl.replace("bookworm", other);
        let explained = vigie.json(0, AT, &["explain", "CVE-2099-0001", "--component", &purl]);
        assert_eq!(explained["outcome"], "not_affected", "the same release by another name: {other}");
    }
    let fixed = purl.replace("1.0-1", "1.0-2").replace("demo-web", "demo-other");
    let nobody = vigie.json(0, AT, &["explain", "CVE-2099-0001", "--component", &fixed]);
    assert_eq!((&nobody["outcome"], &nobody["confidence"]), (&"not_affected".into(), &"high".into()), "{nobody}");
    let nameless = vigie.run(AT, &["explain", "", "--component", purl]);
    assert_eq!(nameless.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&nameless.stderr).contains("\"\" is not a vulnerability identifier"));

    // A file that nobody can read is said, and the others count.
    std::fs::write(folder.join("broken.json"), "{").unwrap();
    let local = sync();
    assert_eq!(local["problem_count"], 1);
    assert!(local["problems"][0].as_str().unwrap().contains("broken.json"), "{local}");
    assert_eq!(findings(), 0);

    // What is taken back is, even if nothing is left that could be read.
    std::fs::rename(folder.join("team/vex.json"), vigie.path("vex.json")).unwrap();
    let local = sync();
    assert_eq!((&local["problem_count"], &local["record_count"]), (&Value::from(1), &Value::from(0)), "{local}");
    assert_eq!(findings(), 1);
    std::fs::rename(vigie.path("vex.json"), folder.join("team/vex.json")).unwrap();
    sync();
    assert_eq!(findings(), 0);

    // Taking it back is no loss that would have to be confirmed.
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    let local = sync();
    assert_eq!((&local["record_count"], &local["last_error"]), (&Value::from(0), &Value::Null), "{local}");
    assert_eq!(findings(), 1);
}

#[test]
fn a_site_without_a_network_keeps_what_it_imported_beside_its_own_statements() {
    let (outside, inside) = (Vigie::new(), Vigie::new());
    let root = inside.path("root");
    write_root(&root, "bookworm", &(package("vigie-demo-web", "1.0-1") + "\n" + &package("vigie-demo-db", "1.0-1")));
    let root = root.to_str().unwrap();
    let (mirror, empty) = (outside.path("mirror"), inside.path("mirror"));
    let fixed = || VendorState::FixedIn("1.0-2".to_owned());
    TestMirror::new("2024-01-12T08:00:00Z")
        .advisory("bookworm", "vigie-demo-web", "CVE-2099-0001", fixed())
        .advisory("bookworm", "vigie-demo-db", "CVE-2099-0002", fixed())
        .write(&mirror)
        .unwrap();
    outside.run(AT, &["feeds", "sync", "--mirror", mirror.to_str().unwrap()]);
    let bundle = outside.path("bundle");
    let exported = outside.json(0, AT, &["feeds", "export", bundle.to_str().unwrap()]);
    let key = exported["public_key"].as_str().unwrap();
    inside.expect(0, AT, &["feeds", "import", bundle.to_str().unwrap(), "--trust", key]);
    let findings =
        || inside.json(1, AT, &["scan", "root", root, "--fail-on", "P4"])["findings"].as_array().unwrap().len();
    assert_eq!(findings(), 2);
    let status = |feed: &str| {
        let all = inside.json(0, AT, &["feeds", "status"]);
        all.as_array().unwrap().iter().find(|one| one["id"] == feed).unwrap().clone()
    };
    assert_eq!((&status("debian")["state"], &status("debian")["imported"]), (&"fresh".into(), &true.into()));

    std::fs::create_dir_all(inside.data_dir().join("advisories")).unwrap();
    std::fs::write(inside.data_dir().join("advisories/vex.json"), OPENVEX).unwrap();
    std::fs::create_dir_all(&empty).unwrap();
    std::fs::write(empty.join("urls.tsv"), "").unwrap();
    let table = inside.expect(0, AT, &["feeds", "sync", "--only", "local", "--mirror", empty.to_str().unwrap()]);
    assert!(table.lines().any(|line| line.contains(" debian ") && line.contains("fresh, imported")), "{table}");
    assert_eq!(findings(), 1, "the statement counts, and so does what was imported");
    assert_eq!(status("local")["imported"], Value::Null);
}
