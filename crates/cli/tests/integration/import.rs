//! `vigie import`: also of what `vigie scan` itself writes.

use testkit::mirror::{TestMirror, VendorState};

use crate::vigie::{Vigie, package, write_root};

const AT: &str = "2024-01-13T08:00:00Z";

#[test]
fn what_a_scan_writes_as_sarif_can_be_imported() {
    let vigie = Vigie::new();
    let mirror = TestMirror::new("2024-01-12T08:00:00Z").advisory(
        "bookworm",
        "vigie-demo-web",
        "CVE-2099-0001",
        VendorState::FixedIn("1.0-2".to_owned()),
    );
    mirror.write(&vigie.path("mirror")).unwrap();
    vigie.expect(0, AT, &["feeds", "sync", "--mirror", vigie.path("mirror").to_str().unwrap()]);
    let root = vigie.path("root");
    write_root(&root, "bookworm", &package("vigie-demo-web", "1.0-1"));
    let scanned = vigie.run(AT, &["scan", "root", root.to_str().unwrap(), "--format", "sarif"]);
    let sarif = vigie.path("scan.sarif");
    std::fs::write(&sarif, scanned.stdout).unwrap();

    let import = ["import", sarif.to_str().unwrap(), "--asset", "web"];
    let first = vigie.json(0, AT, &import);
    assert_eq!(first["imports"][0]["created"], 1, "{first}");
    let told = &vigie.json(0, AT, &["findings", "--filter", "asset:web"])["findings"][0];
    let package = (&told["component"]["name"], &told["component"]["version"], &told["fixed_version"]);
    assert_eq!(package, (&"vigie-demo-web".into(), &"1.0-1".into(), &"1.0-2".into()), "about the same package: {told}");
    let table = vigie.expect(0, AT, &import);
    assert!(table.contains("web") && !table.contains("(new)"), "{table}");
    let found = vigie.json(0, AT, &["findings", "--filter", "asset:web vuln:CVE-2099-0001"]);
    assert_eq!(found["total"], 1, "{found}");
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_the_file() {
    let vigie = Vigie::new();
    let file = vigie.path("broken.json");
    std::fs::write(&file, "{\"runs\": [").unwrap();
    let output = vigie.run(AT, &["import", file.to_str().unwrap(), "--asset", "web"]);
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("broken.json") && said.contains("line 1"), "{said}");
}
