//! Reports of other tools: what is read of real forms, and what damaged ones say.

use domain::report::{Mark, Report, Reported};
use integrations::reports::parse;

const SARIF: &str = include_str!("../samples/reports/analyser.sarif");
const OWN: &str = include_str!("../samples/reports/own.json");

fn reports(text: &str) -> Vec<Report> {
    parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn only(text: &str) -> Report {
    let mut reports = reports(text);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn of_rule<'a>(report: &'a Report, rule: &str) -> Vec<&'a Reported> {
    report.results.iter().filter(|result| result.rule == rule).collect()
}

fn refused(text: &str) -> String {
    parse(text.as_bytes()).expect_err("it is no report").to_string()
}

#[test]
fn sarif_says_where_it_looked_and_what_it_found() {
    let report = only(SARIF);
    let scope = &report.scope;
    assert_eq!(
        (scope.tool.as_str(), scope.category.as_str(), scope.branch.as_str()),
        ("Example Analyser", "nightly/python", "main")
    );
    assert_eq!((report.asset.as_deref(), report.kind.as_str()), (Some("https://git.example.org/shop"), "repository"));
    assert_eq!(report.observed_at.map(|at| at.to_string()).as_deref(), Some("2024-01-13T06:05:00Z"));
    assert_eq!((report.results.len(), report.passed, report.problems.count), (5, 2, 2));

    let error = of_rule(&report, "EX-1").into_iter().find(|result| result.message == "first").expect("it is there");
    assert_eq!(
        (error.location.path.as_str(), error.location.line, error.severity.as_str()),
        ("src/a b.py", Some(10), "9.1")
    );
    assert_eq!(error.mark, Mark::Context("run(x)".to_owned()));
    let indexed = of_rule(&report, "EX-2")[0];
    assert_eq!(
        (indexed.location.path.as_str(), indexed.location.object.as_str()),
        ("src/indexed.py", "shop.indexed.f")
    );
    assert_eq!((indexed.message.as_str(), indexed.severity.as_str()), ("'name' comes from outside", "warning"));
    assert_eq!(indexed.mark, Mark::Partial("0a1b:1".to_owned()));
    let suppressed = of_rule(&report, "MORE-1")[0];
    assert_eq!((suppressed.suppressed.as_deref(), suppressed.severity.as_str()), (Some("only in tests"), "note"));
    assert_eq!(suppressed.mark, Mark::Whole("stable/v1=abc".to_owned()));
    let refused = of_rule(&report, "EX-1").into_iter().find(|result| result.message == "refused").expect("it is there");
    assert_eq!(refused.suppressed, None);
    let library = of_rule(&report, "CVE-1900-0001-demo-lib")[0];
    assert_eq!(library.vulnerability.as_ref().map(|id| id.as_str()), Some("CVE-1900-0001"));
    assert_eq!(library.package.as_ref().map(ToString::to_string).as_deref(), Some("pkg:npm/demo-lib@1.2.3"));
}

#[test]
fn a_record_that_cannot_be_read_is_named_and_proves_that_nothing_is_gone() {
    let report = only(SARIF);
    let listed = &report.problems.listed;
    assert!(
        listed[0].starts_with("runs[0].results[7]: ") && listed[1] == "runs[0].results[8]: it names no rule",
        "{listed:?}"
    );
    assert_eq!(report.partial.as_deref(), Some("2 of its records could not be read"));
}

#[test]
fn a_run_that_failed_or_is_not_all_there_is_partial() {
    let run = |rest: &str| format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"t"}}}},{rest}}}]}}"#);
    for rest in [
        r#""results":[],"invocations":[{"executionSuccessful":false}]"#,
        r#""results":[],"invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"error"}]}]"#,
        r#""results":null"#,
        r#""invocations":[]"#,
        r#""results":[],"externalPropertyFileReferences":{"results":[{}]}"#,
    ] {
        assert!(only(&run(rest)).partial.is_some(), "{rest}");
    }
    assert_eq!(only(&run(r#""results":[],"invocations":[{"executionSuccessful":true}]"#)).partial, None);
    assert!(reports(r#"{"version":"2.1.0","runs":[]}"#).is_empty());
}

#[test]
fn runs_over_one_scope_are_one_report() {
    let run = |rule: &str| {
        format!(r#"{{"tool":{{"driver":{{"name":"t"}}}},"results":[{{"ruleId":"{rule}"}},{{"ruleId":"{rule}"}}]}}"#)
    };
    let report = only(&format!(r#"{{"version":"2.1.0","runs":[{},{}]}}"#, run("a"), run("b")));
    assert_eq!((report.results.len(), report.duplicates), (2, 2));
}

#[test]
fn our_own_form_has_a_report_for_each_asset_also_where_nothing_was_found() {
    let reports = reports(OWN);
    let counts: Vec<_> = reports.iter().map(|report| (report.asset.as_deref(), report.results.len())).collect();
    assert_eq!(counts, [(Some("shop-1"), 3), (Some("shop-2"), 0)]);
    let first = &reports[0];
    assert_eq!(
        (first.scope.tool.as_str(), first.scope.path.as_str(), first.kind.as_str()),
        ("example-scan", "public", "application")
    );
    let library = of_rule(first, "outdated")[0];
    assert_eq!(library.vulnerability.as_ref().map(|id| id.as_str()), Some("CVE-1900-0002"));
    assert_eq!((library.fixed_version.as_deref(), library.version().as_str()), (Some("1.1"), "1.0"));
    assert_eq!(of_rule(first, "default-password")[0].suppressed.as_deref(), Some("honeypot"));
    assert!(reports.iter().all(|report| report.partial.is_none()));
}

#[test]
fn mistakes_in_our_own_form_are_named() {
    let with = |findings: &str| {
        OWN.split("\"findings\"").next().unwrap_or_default().to_owned() + &format!("\"findings\": {findings} }}")
    };
    for (finding, expected) in [
        (r#"{"rule":"r"}"#, "which asset"),
        (r#"{"rule":"r","asset":"shop-9"}"#, "not in the scope"),
        (r#"{"rule":"","asset":"shop-1"}"#, "rule is empty"),
        (r#"{"rule":"r","asset":"shop-1","severty":"high"}"#, "severty"),
        (r#"{"rule":"r","asset":"shop-1","vulnerability":"no id!"}"#, "not a vulnerability identifier"),
        (r#"{"rule":"r","asset":"shop-1","package":"lodash"}"#, "no package-url"),
        (r#"{"rule":"r\u0000","asset":"shop-1"}"#, "not printable"),
    ] {
        let reports = reports(&with(&format!("[{finding}]")));
        assert!(reports[0].problems.listed[0].contains(expected), "{finding}: {:?}", reports[0].problems);
        // What could not be read may have been about either of them.
        assert!(reports.iter().all(|report| report.partial.is_some()), "{finding}");
    }
    assert!(refused(&with("7")).contains("line "), "{}", refused(&with("7")));
    assert!(refused(&OWN.replace("\"version\": 1,", "\"version\": 2,")).contains("version 1"));
    assert!(refused(&OWN.replace("2024-01-13T06:05:00Z", "yesterday")).contains("observed_at"));
}

#[test]
fn too_many_results_are_refused_and_not_cut() {
    let many = "{\"ruleId\":\"r\"},".repeat(domain::report::RESULTS_MAX) + "{\"ruleId\":\"r\"}";
    let text = format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"t"}}}},"results":[{many}]}}]}}"#);
    assert!(refused(&text).contains("more than 250000 results"));
}
