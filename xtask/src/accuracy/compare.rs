//! Our verdicts beside the expected ones.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use super::cases::Case;

/// One expected answer: this version of this package is affected by what this advisory describes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Verdict {
    pub(super) package: String,
    pub(super) version: String,
    pub(super) advisory: String,
}

/// How right one case is.
#[derive(Debug)]
pub(super) struct Score {
    /// Ecosystem or distribution.
    pub(super) world: &'static str,
    pub(super) what: String,
    pub(super) oracle: String,
    pub(super) right: usize,
    /// Reported, and not expected.
    pub(super) wrong: Vec<Verdict>,
    /// Expected, and not reported.
    pub(super) missed: Vec<Verdict>,
    /// Expected answers that we give otherwise on purpose: why.
    pub(super) explained: Vec<(Verdict, &'static str)>,
}

impl Score {
    pub(super) fn is_perfect(&self) -> bool {
        self.wrong.is_empty() && self.missed.is_empty()
    }

    pub(super) fn line(&self) -> String {
        format!(
            "{} right, {} wrong, {} missed, {} explained",
            self.right,
            self.wrong.len(),
            self.missed.len(),
            self.explained.len()
        )
    }
}

/// Compares by alias groups: an expected advisory is met by a finding of its package and version that carries its name.
pub(super) fn score(case: Case, report: &Report) -> Score {
    // Every name of every finding, by package and version.
    let mut ours: BTreeMap<(String, String), Vec<BTreeSet<&str>>> = BTreeMap::new();
    for finding in &report.findings {
        let names: BTreeSet<&str> = std::iter::once(finding.advisory.id.as_str())
            .chain([finding.vulnerability.as_str()])
            .chain(finding.aliases.iter().map(String::as_str))
            .collect();
        let places = finding.places.iter().map(|place| (place.name.as_str(), place.version.as_str()));
        let component = (finding.component.name.as_str(), finding.component.version.as_str());
        let keys: BTreeSet<(String, String)> = match case.by_binary {
            true => places.map(|(name, version)| key(name, version)).collect(),
            false => [key(component.0, component.1)].into(),
        };
        for key in keys {
            ours.entry(key).or_default().push(names.clone());
        }
    }
    let mut met: BTreeSet<(&(String, String), usize)> = BTreeSet::new();
    let (mut right, mut missed, mut explained) = (0, Vec::new(), Vec::new());
    for expected in &case.expected {
        let place = ours.get_key_value(&key(&expected.package, &expected.version));
        let hits: Vec<_> = place
            .iter()
            .flat_map(|(key, findings)| findings.iter().enumerate().map(move |(index, names)| (*key, index, names)))
            .filter(|(_, _, names)| names.contains(expected.advisory.as_str()))
            .map(|(key, index, _)| (key, index))
            .collect();
        if !hits.is_empty() {
            right += 1;
            met.extend(hits);
        } else if let Some(why) = (case.explain)(expected) {
            explained.push((expected.clone(), why));
        } else {
            missed.push(expected.clone());
        }
    }
    let mut wrong = Vec::new();
    for (key, findings) in &ours {
        for (index, names) in findings.iter().enumerate() {
            let verdict = || Verdict {
                package: key.0.clone(),
                version: key.1.clone(),
                advisory: names.iter().copied().collect::<Vec<_>>().join(" "),
            };
            if !met.contains(&(key, index)) {
                match (case.explain)(&verdict()) {
                    Some(why) => explained.push((verdict(), why)),
                    None => wrong.push(verdict()),
                }
            }
        }
    }
    Score { world: case.world, what: case.what, oracle: case.oracle, right, wrong, missed, explained }
}

/// Versions of one package that differ in spelling alone are one.
fn key(name: &str, version: &str) -> (String, String) {
    let version = version.strip_prefix("0:").or_else(|| version.strip_prefix('v')).unwrap_or(version);
    (name.to_lowercase(), version.to_owned())
}
