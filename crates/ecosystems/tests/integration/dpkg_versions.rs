//! Debian's order against dpkg itself.

use std::cmp::Ordering;
use std::process::{Command, Stdio};

use domain::component::Ecosystem;
use proptest::prelude::Strategy;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::version_orders::relations;

/// Pairs that dpkg is asked about: each costs one or two processes.
const PAIRS: usize = 400;

/// Whether `a relation b` by dpkg. `None`: dpkg says that one of them is no version.
fn dpkg(a: &str, relation: &str, b: &str) -> Option<bool> {
    let mut command = Command::new("dpkg");
    command.args(["--compare-versions", "--", a, relation, b]).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status().expect("dpkg was there a moment ago").code() {
        Some(0) => Some(true),
        Some(1) => Some(false),
        _ => None,
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn has_dpkg() -> bool {
    let found = Command::new("dpkg").arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "dpkg is missing, and CI must not skip its comparison");
        eprintln!("SKIPPED: dpkg is not installed, so the order of versions was not compared with it");
    }
    found
}

fn by_dpkg(a: &str, b: &str) -> Option<Ordering> {
    if dpkg(a, "eq", b)? {
        return Some(Ordering::Equal);
    }
    Some(if dpkg(a, "lt", b)? { Ordering::Less } else { Ordering::Greater })
}

fn ours(a: &str, b: &str) -> Option<Ordering> {
    ecosystems::compare(Ecosystem::Deb, a, b).ok()
}

#[test]
fn written_relations_hold_for_dpkg() {
    if has_dpkg() {
        for (a, order, b) in relations("deb") {
            assert_eq!(by_dpkg(&a, &b), Some(order), "{a} {order:?} {b}");
        }
    }
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
        "a",
        "b",
        "Z",
        "rc",
        "~",
        "~~",
        "+",
        ".",
        "-",
        ":",
        "+b1",
        "~deb12u1",
        "1:",
        "0:",
        "+2:",
        "dfsg",
        "18446744073709551617",
    ]);
    proptest::collection::vec(piece, 1..7).prop_map(|pieces| pieces.concat())
}

#[test]
fn random_versions_compare_as_dpkg_compares_them() {
    if !has_dpkg() {
        return;
    }
    let pairs = std::env::var("VERSION_PAIRS").ok().and_then(|pairs| pairs.parse().ok()).unwrap_or(PAIRS);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for _ in 0..pairs {
        let pair = (version(), version()).new_tree(&mut runner).unwrap().current();
        // A revision with a colon is a warning to dpkg and no version to us.
        let colon = |text: &str| text.rsplit_once('-').is_some_and(|(_, revision)| revision.contains(':'));
        if !colon(&pair.0) && !colon(&pair.1) {
            assert_eq!(ours(&pair.0, &pair.1), by_dpkg(&pair.0, &pair.1), "{pair:?}");
        }
    }
}

#[test]
fn what_is_no_version_is_said_to_be_none() {
    for text in ["", " ", "1 0", "1_0", "1:", ":1", "a:1", "1-", "1:-1", "-1:1", "99999999999:1", "1-1:1", "é", "1/2"]
    {
        assert_eq!(ours(text, "1.0"), None, "{text:?}");
        assert_eq!(ours("1.0", text), None, "{text:?}");
    }
}
