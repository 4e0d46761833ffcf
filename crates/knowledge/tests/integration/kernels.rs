use domain::advisory::Statement;
use domain::inventory::{Area, Gap, Inventory};
use domain::record::Record;
use knowledge::Matches;

use crate::samples::{advisory, bookworm, covers, decided, fixed, inventory, knowledge, matched, snapshot, undecided};

fn records() -> Vec<Record> {
    vec![
        covers(bookworm()),
        advisory("linux", "CVE-2099-0001", fixed("6.1.90-1")),
        advisory("linux", "CVE-2099-0002", Statement::Open),
        advisory("linux-6.1", "CVE-2099-0003", Statement::Open),
    ]
}

const OLD: &str = "linux 6.1.76-1 6.1.0-18-amd64";
const NEW: &str = "linux 6.1.90-1 6.1.0-21-amd64";

fn find(host: &Inventory) -> Matches {
    knowledge(records(), snapshot("debian")).find(host)
}

fn running(components: &[&str], release: &str) -> Matches {
    find(&Inventory { running_kernel: Some(release.to_owned()), ..inventory(components) })
}

#[test]
fn the_running_kernel_counts() {
    let matches = running(&[OLD, NEW], "6.1.0-21-amd64");
    assert_eq!(matched(&matches), ["linux CVE-2099-0002 6.1.90-1 -"]);
    assert_eq!(decided(&matches), ["linux"]);
}

#[test]
fn a_fixed_kernel_that_does_not_run_needs_a_restart() {
    let matches = running(&[OLD, NEW], "6.1.0-18-amd64");
    let expected = ["linux CVE-2099-0001 6.1.76-1 6.1.90-1 restart", "linux CVE-2099-0002 6.1.76-1 -"];
    assert_eq!(matched(&matches), expected);
    assert_eq!(matches.matched().next().unwrap().places.len(), 1);
}

#[test]
fn without_a_fixed_kernel_no_restart_helps() {
    let matches = running(&[OLD], "6.1.0-18-amd64");
    assert_eq!(matched(&matches)[0], "linux CVE-2099-0001 6.1.76-1 6.1.90-1");
}

#[test]
fn headers_and_tools_carry_no_kernel() {
    let matches = running(&["linux 6.1.76-1", NEW], "6.1.0-21-amd64");
    assert_eq!(matched(&matches), ["linux CVE-2099-0002 6.1.90-1 -"]);
    assert!(matched(&find(&inventory(&["linux 6.1.76-1"]))).is_empty());
    assert_eq!(decided(&find(&inventory(&["linux 6.1.76-1"]))), ["linux"]);
}

#[test]
fn a_kernel_of_no_package_is_undecided() {
    for components in [&[OLD, NEW][..], &["linux 6.1.76-1"], &["demo 1"]] {
        let matches = running(components, "6.12.0-custom");
        assert!(matched(&matches).is_empty());
        assert_eq!(undecided(&matches), ["Package kernel 6.12.0-custom -"]);
        assert!(!decided(&matches).contains(&"linux"));
    }
}

#[test]
fn another_line_that_does_not_run_is_no_finding() {
    let matches = running(&[NEW, "linux-6.1 6.1.90-1~deb11u1 6.1.0-0.deb11.21-amd64"], "6.1.0-21-amd64");
    assert_eq!(matched(&matches), ["linux CVE-2099-0002 6.1.90-1 -"]);
    assert_eq!(decided(&matches), ["linux", "linux-6.1"]);
}

#[test]
fn a_root_directory_boots_its_newest_image() {
    let matches = find(&inventory(&[OLD, NEW]));
    assert_eq!(matched(&matches), ["linux CVE-2099-0002 6.1.90-1 -"]);
    assert!(undecided(&matches).is_empty());
}

#[test]
fn an_unreadable_release_decides_nothing_about_kernels() {
    let gap = Gap { area: Area::Kernel, subject: "proc/sys/kernel/osrelease".to_owned(), reason: "denied".to_owned() };
    let matches = find(&Inventory { gaps: vec![gap], ..inventory(&[OLD, "demo 1"]) });
    assert!(matched(&matches).is_empty());
    assert_eq!(undecided(&matches), ["Package kernel -"]);
    assert_eq!(decided(&matches), ["demo"]);
}
