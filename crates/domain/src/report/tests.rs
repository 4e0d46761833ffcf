use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};
use uuid::Uuid;

use super::*;

fn result(rule: &str, path: &str, line: u32, mark: Mark) -> Reported {
    Reported {
        identity: String::new(),
        rule: rule.to_owned(),
        vulnerability: None,
        package: None,
        fixed_version: None,
        severity: "high".to_owned(),
        message: "m".to_owned(),
        location: Location { path: path.to_owned(), line: Some(line), ..Location::default() },
        suppressed: None,
        mark,
    }
}

fn context(text: &str) -> Mark {
    Mark::Context(text.to_owned())
}

fn identities(results: Vec<Reported>) -> Vec<String> {
    identified(results).0.into_iter().map(|result| result.identity).collect()
}

#[test]
fn lines_that_move_change_no_identity() {
    let before = vec![result("r", "a.py", 3, context("x  = 1")), result("r", "a.py", 9, context("x = 1"))];
    let after = vec![result("r", "a.py", 23, context("x = 1")), result("r", "a.py", 17, context("x = 1"))];
    assert_eq!(identities(before), identities(after));
}

#[test]
fn results_without_any_context_are_all_kept() {
    let lines = [5, 5, 7, 9];
    let (kept, duplicates) = identified(lines.map(|line| result("r", "a.py", line, context(""))).to_vec());
    assert_eq!((kept.len(), duplicates), (3, 1));
}

#[test]
fn a_whole_fingerprint_survives_a_move_and_a_partial_one_does_not() {
    let whole = |path| identities(vec![result("r", path, 1, Mark::Whole("f".to_owned()))]);
    let partial = |path| identities(vec![result("r", path, 1, Mark::Partial("f".to_owned()))]);
    assert_eq!(whole("a.py"), whole("b.py"));
    assert_ne!(partial("a.py"), partial("b.py"));
}

#[test]
fn what_is_not_suppressed_everywhere_is_not_suppressed() {
    let mut suppressed = result("r", "a.py", 1, Mark::Whole("f".to_owned()));
    suppressed.suppressed = Some("tests only".to_owned());
    let (kept, duplicates) = identified(vec![suppressed.clone(), result("r", "b.py", 1, Mark::Whole("f".to_owned()))]);
    assert_eq!((kept.len(), duplicates, kept[0].suppressed.clone()), (1, 1, None));
    let (kept, _) = identified(vec![suppressed]);
    assert_eq!(kept[0].suppressed.as_deref(), Some("tests only"));
}

#[test]
fn a_flaw_in_a_package_is_a_finding_about_both_and_anything_else_about_an_object() {
    let asset = AssetId::from_uuid(Uuid::from_u128(7));
    let scope = ReportScope { tool: "Trivy".to_owned(), ..ReportScope::default() };
    let mut found = result("CVE-2021-23337", "package-lock.json", 1, context(""));
    found.vulnerability = flaw_in(&found.rule);
    let object = found.key(asset, &scope, None);
    assert_eq!((object.package.ecosystem, object.package.name.as_str()), (Ecosystem::Object, "package-lock.json"));
    assert_eq!(object.vulnerability.as_str(), "CVE-2021-23337");
    found.package = Purl::parse("pkg:npm/lodash@4.17.20").ok();
    let package = found.key(asset, &scope, None).package;
    assert_eq!((package.ecosystem, package.name.as_str()), (Ecosystem::Npm, "lodash"));
    assert_eq!((package.place.as_str(), found.version().as_str()), ("package-lock.json", "4.17.20"));
    let on_branch = ReportScope { branch: "next".to_owned(), ..scope };
    assert_ne!(found.key(asset, &on_branch, None).package, package);
}

#[test]
fn a_distribution_package_has_its_source_and_its_release() {
    let asset = AssetId::from_uuid(Uuid::from_u128(7));
    let scope = ReportScope::default();
    let bookworm = Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() };
    let mut found = result("CVE-2021-3711", "", 1, context(""));
    found.vulnerability = flaw_in(&found.rule);
    found.package = Purl::parse("pkg:deb/debian/libssl3@3.0.1?upstream=openssl").ok();
    let package = found.key(asset, &scope, Some(&bookworm)).package;
    assert_eq!((package.name.as_str(), &package.release, package.place.as_str()), ("openssl", &bookworm, ""));
}

#[test]
fn rules_become_identifiers_that_differ() {
    assert_eq!(rule_id("Semgrep", "sql-injection").as_str(), "semgrep:sql-injection");
    let long = "python.lang.security.audit.dangerous-subprocess-use.dangerous-subprocess-use";
    let ids = [rule_id("a", long), rule_id("a", &format!("x{long}")), rule_id("a", "b/c"), rule_id("a", "b c")];
    for (index, id) in ids.iter().enumerate() {
        assert!(ids.iter().skip(index + 1).all(|other| other != id), "{id}");
    }
    for hostile in ["", "é\u{0}", &"x".repeat(5000)] {
        assert!(rule_id(hostile, hostile).as_str().len() <= 64);
    }
}

#[test]
fn rules_name_flaws() {
    let table = [
        ("CVE-2021-44228", Some("CVE-2021-44228")),
        ("CVE-2021-44228-log4j-core", Some("CVE-2021-44228")),
        ("GHSA-jfh8-c2jp-5v3q", Some("GHSA-jfh8-c2jp-5v3q")),
        ("CVE-2021-x", None),
        ("CVE-21-44228", None),
        ("GHSA-x", None),
        ("CVE", None),
        ("avoid-CVE-2021-44228", None),
    ];
    for (rule, expected) in table {
        assert_eq!(flaw_in(rule).as_ref().map(VulnerabilityId::as_str), expected, "{rule}");
    }
}

fn results() -> impl Strategy<Value = Vec<Reported>> {
    let one = (0..3_u32, 0..3_u32, 0..4_u32, 0..3_u32).prop_map(|(rule, path, line, mark)| {
        let mark = match mark {
            0 => context(""),
            1 => context(&format!("c{}", line % 2)),
            _ => Mark::Partial(format!("p{line}")),
        };
        result(&format!("r{rule}"), &format!("f{path}"), line, mark)
    });
    proptest::collection::vec(one, 0..40)
}

proptest! {
    #[test]
    fn the_order_in_the_file_does_not_count(mut results in results()) {
        let forwards = identified(results.clone());
        results.reverse();
        prop_assert_eq!(identified(results), forwards);
    }

    #[test]
    fn every_result_is_kept_or_counted_and_no_identity_is_there_twice(results in results()) {
        let count = results.len() as u64;
        let (kept, duplicates) = identified(results);
        prop_assert_eq!(kept.len() as u64 + duplicates, count);
        let mut identities: Vec<&str> = kept.iter().map(|result| result.identity.as_str()).collect();
        identities.sort_unstable();
        prop_assert!(identities.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
