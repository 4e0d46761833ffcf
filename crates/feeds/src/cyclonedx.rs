//! VEX in CycloneDX: what a bill of materials says of the vulnerabilities of its components.

use std::collections::HashMap;

use domain::advisory::{Advisory, Rank, Statement};
use domain::cpe::Cpe;
use domain::purl::Purl;
use domain::record::{Flaw, Record};
use domain::vulnerability::VulnerabilityId;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Str, excerpt};
use crate::vex::{Plan, Status, Subject, best_name};
use crate::{Problems, vers};

/// Components in components.
const DEPTH_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bill<'a> {
    #[serde(default, borrow)]
    serial_number: Str<'a>,
    #[serde(default, borrow)]
    metadata: Metadata<'a>,
    #[serde(default, borrow)]
    components: Vec<Component<'a>>,
    /// Read one by one, so that a broken one costs no other.
    #[serde(default, borrow)]
    vulnerabilities: Vec<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Metadata<'a> {
    #[serde(default, borrow)]
    component: Option<Component<'a>>,
}

#[derive(Deserialize)]
struct Component<'a> {
    #[serde(rename = "bom-ref", default, borrow)]
    id: Str<'a>,
    #[serde(default, borrow)]
    purl: Str<'a>,
    #[serde(default, borrow)]
    cpe: Str<'a>,
    #[serde(default, borrow)]
    components: Vec<Component<'a>>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(default, borrow)]
    id: Str<'a>,
    #[serde(default, borrow)]
    references: Vec<OtherId<'a>>,
    #[serde(default, borrow)]
    analysis: Option<Analysis<'a>>,
    #[serde(default, borrow)]
    affects: Vec<Affects<'a>>,
}

#[derive(Deserialize)]
struct OtherId<'a> {
    #[serde(default, borrow)]
    id: Str<'a>,
}

#[derive(Deserialize)]
struct Analysis<'a> {
    #[serde(default, borrow)]
    state: Str<'a>,
    #[serde(default, borrow)]
    justification: Str<'a>,
    #[serde(default, borrow)]
    response: Vec<Str<'a>>,
}

#[derive(Deserialize)]
struct Affects<'a> {
    #[serde(rename = "ref", borrow)]
    target: Str<'a>,
    #[serde(default, borrow)]
    versions: Vec<Versions<'a>>,
}

#[derive(Deserialize)]
struct Versions<'a> {
    #[serde(default, borrow)]
    version: Str<'a>,
    #[serde(default, borrow)]
    range: Str<'a>,
    #[serde(default, borrow)]
    status: Str<'a>,
}

/// Whether a bill says anything of vulnerabilities.
pub(crate) fn is_vex(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        #[serde(default)]
        vulnerabilities: Option<Vec<serde::de::IgnoredAny>>,
    }
    serde_json::from_slice::<Probe>(bytes).is_ok_and(|bill| bill.vulnerabilities.is_some_and(|all| !all.is_empty()))
}

/// Reads one bill. What cannot be used is a problem; the rest is kept.
pub(crate) fn read(
    feed: &'static str,
    label: &str,
    bytes: &[u8],
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<(), String> {
    let bill: Bill<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut components = HashMap::new();
    gather(&bill.components, 0, &mut components);
    let whole = bill.metadata.component.as_ref();
    let product = whole.filter(|whole| !whole.purl.is_empty()).map(|whole| whole.purl.to_string());
    gather(whole.map(std::slice::from_ref).unwrap_or_default(), 0, &mut components);
    let id = if bill.serial_number.is_empty() { label } else { &bill.serial_number };
    for (index, vulnerability) in bill.vulnerabilities.iter().enumerate() {
        let vulnerability: Vulnerability<'_> = match serde_json::from_str(vulnerability.get()) {
            Ok(vulnerability) => vulnerability,
            Err(error) => {
                problems.add(label, &format_args!("/vulnerabilities/{index}: {error}"));
                continue;
            }
        };
        let Some(name) = vulnerability.name() else {
            problems.add(label, &format_args!("{:?} names no vulnerability", excerpt(&vulnerability.id)));
            continue;
        };
        sink(Record::Flaw(Flaw::bare(name.clone())));
        for affects in &vulnerability.affects {
            let Some(mut subject) = found(&affects.target, &components) else {
                let reason = "is no package of this bill that Vigie knows";
                problems.add(label, &format_args!("{name}: {:?} {reason}", excerpt(&affects.target)));
                continue;
            };
            // The bill's own subject is not a part of itself.
            let is_whole = whole.is_some_and(|whole| !whole.id.is_empty() && *whole.id == *reference(&affects.target));
            subject.product = product.clone().filter(|_| !is_whole).unwrap_or_default();
            for said in vulnerability.statements(&subject, affects) {
                match said {
                    Ok(statement) => {
                        let advisory =
                            subject.clone().advisory(feed, &excerpt(id), Rank::Operator, name.clone(), statement);
                        let justification = vulnerability.justification();
                        sink(Record::Advisory(Advisory { justification, ..advisory }));
                    }
                    Err(reason) => problems.add(label, &format_args!("{name}: {reason}")),
                }
            }
        }
    }
    Ok(())
}

fn gather<'b, 'a>(components: &'b [Component<'a>], depth: usize, into: &mut HashMap<&'b str, &'b Component<'a>>) {
    for component in components {
        into.insert(&component.id, component);
        if depth < DEPTH_MAX {
            gather(&component.components, depth + 1, into);
        }
    }
}

/// What is affected: a component by its reference, also behind a link to this or another bill, or a package-url as such.
fn found(target: &str, components: &HashMap<&str, &Component<'_>>) -> Option<Subject> {
    let id = reference(target);
    let component = components.get(id);
    let purl = component.map(|component| &*component.purl).filter(|purl| !purl.is_empty()).unwrap_or(id);
    if let Ok(purl) = Purl::parse(purl) {
        return Subject::of_purl(&purl, None);
    }
    Subject::of_cpe(&Cpe::parse(&component?.cpe).ok()?)
}

/// The reference in a bill that a link to it ends with.
fn reference(target: &str) -> &str {
    target.strip_prefix("urn:cdx:").and_then(|link| link.split_once('#')).map_or(target, |(_, id)| id)
}

impl Vulnerability<'_> {
    /// The CVE among the names, else its own.
    fn name(&self) -> Option<VulnerabilityId> {
        let all = std::iter::once(&self.id).chain(self.references.iter().map(|other| &other.id));
        best_name(all.filter_map(|id| VulnerabilityId::new(id.trim()).ok()))
    }

    fn statements(&self, subject: &Subject, affects: &Affects<'_>) -> Vec<Result<Statement, String>> {
        let said = self.analysis.as_ref().and_then(Analysis::status);
        if affects.versions.is_empty() {
            // A bill lists vulnerabilities of its own components: one without an analysis says that it has them.
            let status = said.unwrap_or(Status::Affected(Plan::Unknown));
            return subject
                .statement(status)
                .filter(|_| status != Status::UnderInvestigation)
                .map(Ok)
                .into_iter()
                .collect();
        }
        affects.versions.iter().filter_map(|versions| versions.statement(said)).collect()
    }

    /// In the words of OpenVEX and CSAF where they have one for it.
    fn justification(&self) -> String {
        let word = self.analysis.as_ref().map(|analysis| &*analysis.justification).unwrap_or_default();
        match word {
            "code_not_present" => "vulnerable_code_not_present",
            "code_not_reachable" => "vulnerable_code_not_in_execute_path",
            "requires_configuration" | "requires_dependency" | "requires_environment" => {
                "vulnerable_code_cannot_be_controlled_by_adversary"
            }
            "protected_by_compiler"
            | "protected_at_runtime"
            | "protected_at_perimeter"
            | "protected_by_mitigating_control" => "inline_mitigations_already_exist",
            other => other,
        }
        .to_owned()
    }
}

impl Analysis<'_> {
    fn status(&self) -> Option<Status> {
        Some(match &*self.state {
            "not_affected" | "false_positive" => Status::NotAffected,
            "resolved" | "resolved_with_pedigree" => Status::Fixed,
            "in_triage" => Status::UnderInvestigation,
            "exploitable" => Status::Affected(match self.response.iter().any(|word| &**word == "will_not_fix") {
                true => Plan::WontFix,
                false => Plan::Unknown,
            }),
            _ => return None,
        })
    }
}

impl Versions<'_> {
    /// What is said of these versions. `None`: nothing that a verdict could use.
    fn statement(&self, said: Option<Status>) -> Option<Result<Statement, String>> {
        let versions = match (self.version.is_empty(), self.range.is_empty()) {
            (false, _) => Ok(domain::advisory::Versions { ranges: Vec::new(), exact: vec![self.version.to_string()] }),
            (true, false) => vers::parse(&self.range),
            (true, true) => return None,
        };
        let affected = match (&*self.status, said) {
            ("unaffected", _) => false,
            ("unknown", _) | (_, Some(Status::UnderInvestigation)) => return None,
            (_, Some(Status::NotAffected | Status::Fixed)) => false,
            _ => true,
        };
        let statement = |versions| match affected {
            true => Statement::AffectedIn(versions),
            false => Statement::NotAffectedIn(versions),
        };
        Some(versions.map(statement))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_lines(bill: &str) -> (Vec<String>, Vec<String>) {
        let mut lines = Vec::new();
        let mut problems = Problems::new("local");
        let mut sink = |record| {
            if let Record::Advisory(a) = record {
                let about = format!("{} {}", a.vulnerability, a.package);
                lines.push(format!("{about} {:?} {} {}", a.statement, a.justification, a.product));
            }
        };
        let ended = read("local", "bom.json", bill.as_bytes(), &mut sink, &mut problems);
        let mut named = problems.named().to_vec();
        named.extend(ended.err());
        (lines, named)
    }

    #[test]
    fn components_by_their_references() {
        let bill = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": "urn:uuid:1",
            "metadata": {"component": {"bom-ref": "app", "purl": "pkg:oci/app@1", "components": [
                {"bom-ref": "own", "purl": "pkg:npm/own"}]}},
            "components": [{"bom-ref": "a", "purl": "pkg:npm/a@1.0", "components": [{"bom-ref": "b", "purl": "pkg:npm/b"}]}],
            "vulnerabilities": [
                {"id": "CVE-2099-1", "analysis": {"state": "not_affected", "justification": "code_not_reachable"},
                 "affects": [{"ref": "a"}]},
                {"id": "GHSA-1", "references": [{"id": "CVE-2099-2"}], "analysis": {"state": "exploitable",
                 "response": ["will_not_fix"]}, "affects": [{"ref": "urn:cdx:1/1#b"}]},
                {"id": "CVE-2099-3", "affects": [{"ref": "a", "versions": [
                    {"range": "vers:npm/>=1.0|<2.0", "status": "affected"}, {"version": "2.0", "status": "unaffected"},
                    {"version": "3.0", "status": "unknown"}]}]},
                {"id": "CVE-2099-4", "analysis": {"state": "in_triage"}, "affects": [{"ref": "a"}, {"ref": "undefined"}]},
                {"id": 5},
                {"id": "CVE-2099-6", "affects": [{"ref": "own"}]}]}"#;
        assert!(is_vex(bill.as_bytes()) && !is_vex(br#"{"bomFormat": "CycloneDX", "components": []}"#));
        let (lines, problems) = read_lines(bill);
        let range = "AffectedIn(Versions { ranges: [Range { lower: Some(Bound { version: \"1.0\", inclusive: true }), \
                     upper: Some(Bound { version: \"2.0\", inclusive: false }) }], exact: [] })";
        let one = |version: &str| format!("NotAffectedIn(Versions {{ ranges: [], exact: [\"{version}\"] }})");
        assert_eq!(
            lines,
            [
                format!("CVE-2099-1 a {} vulnerable_code_not_in_execute_path pkg:oci/app@1", one("1.0")),
                "CVE-2099-2 b Ignored  pkg:oci/app@1".to_owned(),
                format!("CVE-2099-3 a {range}  pkg:oci/app@1"),
                format!("CVE-2099-3 a {}  pkg:oci/app@1", one("2.0")),
                "CVE-2099-6 own Open  pkg:oci/app@1".to_owned(),
            ]
        );
        let expected = [
            "local: bom.json: CVE-2099-4: \"undefined\" is no package of this bill that Vigie knows",
            "local: bom.json: /vulnerabilities/4: invalid type: integer `5`, expected a string at line 1 column 8",
        ];
        assert_eq!(problems, expected);
        let bill = r#"{"bomFormat": "CycloneDX", "metadata": {"component": {"bom-ref": "app", "purl": "pkg:npm/app@1"}},
            "vulnerabilities": [{"id": "CVE-2099-1", "affects": [{"ref": "app"}]}]}"#;
        let affected = "CVE-2099-1 app AffectedIn(Versions { ranges: [], exact: [\"1\"] })  ";
        assert_eq!(read_lines(bill), (vec![affected.to_owned()], Vec::new()), "the subject itself is in nothing");
    }
}
