//! A scan as SARIF 2.1.0 (OASIS), for code hosts and pipelines.

use api::finding::Finding;
use api::scan::{Report, Unknown};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
pub(crate) struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: Vec<Value>,
}

/// One run; each vulnerability is a rule, each finding a result, each undecided thing a notification.
pub(crate) fn log(report: &Report) -> Log {
    let mut rules: Vec<Value> = Vec::new();
    let mut last = "";
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by(|a, b| a.vulnerability.cmp(&b.vulnerability).then(a.component.name.cmp(&b.component.name)));
    let mut results = Vec::with_capacity(findings.len());
    for finding in findings {
        if finding.vulnerability != last {
            last = &finding.vulnerability;
            rules.push(rule(finding));
        }
        results.push(result(finding, rules.len() - 1));
    }
    let run = json!({
        "tool": { "driver": { "name": "Vigie", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
        "invocations": [{
            // An undecided thing is no failure of the tool, and no proof either: each one is a notification.
            "executionSuccessful": true,
            "toolExecutionNotifications": report.unknown.iter().map(notification).collect::<Vec<_>>(),
        }],
        "results": results,
        "properties": { "at": report.at, "asset": report.asset.name, "unknown_count": report.unknown.len() },
    });
    Log { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: vec![run] }
}

fn rule(finding: &Finding) -> Value {
    let mut rule = json!({
        "id": finding.vulnerability,
        "helpUri": finding.advisory.url,
        "shortDescription": { "text": finding.vulnerability },
    });
    if let Some(cvss) = &finding.cvss {
        rule["properties"] = json!({ "security-severity": format!("{:.1}", cvss.b) });
    }
    rule
}

fn result(finding: &Finding, rule: usize) -> Value {
    let fix = match &finding.fixed_version {
        Some(version) => format!("upgrade to {version}"),
        None => format!("no fixed version; the vendor says: {}", finding.vendor_status),
    };
    let locations: Vec<Value> = finding
        .places
        .iter()
        .map(|place| {
            json!({
                "physicalLocation": { "artifactLocation": { "uri": place.path } },
                "logicalLocations": [{ "name": place.name, "fullyQualifiedName": format!("{} {} ({})", place.name, place.version, place.arch), "kind": "module" }],
            })
        })
        .collect();
    json!({
        "ruleId": finding.vulnerability,
        "ruleIndex": rule,
        "level": level(&finding.priority),
        "message": { "text": format!("{} {} is affected by {} ({}): {fix}", finding.component.name, finding.component.version, finding.vulnerability, finding.priority) },
        "locations": locations,
        "partialFingerprints": { "vigie/v1": format!("{}/{}/{}", finding.component.ecosystem, finding.component.name, finding.vulnerability) },
        "properties": {
            "purl": finding.component.purl,
            "fixed_version": finding.fixed_version,
            "priority": finding.priority,
            "due": finding.due,
            "epss": finding.epss,
            "kev": finding.kev,
            "reasons": finding.reasons.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>(),
        },
    })
}

fn level(priority: &str) -> &'static str {
    match priority {
        "P0" | "P1" => "error",
        "P2" | "P3" => "warning",
        _ => "note",
    }
}

fn notification(unknown: &Unknown) -> Value {
    json!({ "level": "warning", "message": { "text": format!("unknown: {}: {}", unknown.subject, unknown.reason) } })
}
