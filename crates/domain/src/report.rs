//! What another tool found, as its report says: which scope it looked at, and what it found there.
//!
//! Absence of a finding means something only inside the scope that the report declares, and only where the run was whole
//! (docs/book/src/imports.md).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::component::{Ecosystem, Package, Release};
use crate::digest;
use crate::finding::FindingKey;
use crate::ids::AssetId;
use crate::purl::Purl;
use crate::vulnerability::VulnerabilityId;

mod identity;

pub use identity::identified;

/// More results than this in one file are refused: they are better imported in parts, each with its scope.
pub const RESULTS_MAX: usize = 250_000;
/// Problems that are listed; all are counted.
pub const PROBLEMS_LISTED_MAX: usize = 100;
/// Longest name, path, rule or address: what is longer cannot be told apart from others when it is cut.
pub const WORD_BYTES_MAX: usize = 2048;
/// What a tool says to people is cut to this.
pub const MESSAGE_CHARS_MAX: usize = 1000;

/// One run of one tool over one scope of one asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub scope: ReportScope,
    /// Name of the asset. `None`: the report does not say.
    pub asset: Option<String>,
    /// What kind of thing it is (`repository`, `image`, `host` …), for an asset that nobody knows yet. Empty: not said.
    pub kind: String,
    /// When the tool looked. `None`: the report does not say.
    pub observed_at: Option<Timestamp>,
    /// Why what it does not mention may still be there. `None`: it looked at the whole scope.
    pub partial: Option<String>,
    /// Each of them once, with its identity.
    pub results: Vec<Reported>,
    /// Results that were there more than once.
    pub duplicates: u64,
    /// Results that say that nothing is wrong, or that something is gone.
    pub passed: u64,
    pub problems: Problems,
}

/// What a tool has looked at: whatever it found there before and does not find now is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReportScope {
    /// Name of the tool.
    pub tool: String,
    /// Which of several kinds of analysis by the tool. Empty: the only one.
    pub category: String,
    /// Branch of the sources. Empty: there are none, or only one counts.
    pub branch: String,
    /// Part of the asset: a folder. Empty: all of it.
    pub path: String,
}

/// Records that could not be read: counted, and the first ones listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    pub count: u64,
    pub listed: Vec<String>,
}

/// One thing that a tool found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// What tells it from all others of its scope; [`identified`] sets it.
    pub identity: String,
    /// The tool's name for what it looks for.
    pub rule: String,
    /// The flaw that the rule is about, where it names one.
    pub vulnerability: Option<VulnerabilityId>,
    /// The package that is affected, where the report names one.
    pub package: Option<Purl>,
    pub fixed_version: Option<String>,
    /// The tool's own word or number. Empty: none.
    pub severity: String,
    pub message: String,
    pub location: Location,
    /// Why somebody suppressed it in the tool; may be empty. `None`: nobody did.
    pub suppressed: Option<String>,
    pub mark: Mark,
}

/// Where in an asset. Empty parts are not said.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// A file, relative to the root of the asset.
    pub path: String,
    pub url: String,
    /// A function, a resource, a setting.
    pub object: String,
    pub line: Option<u32>,
    pub column: Option<u32>,
}

/// How a report says that two results of two runs are the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// A fingerprint that the tool vouches for wherever the result moves.
    Whole(String),
    /// A fingerprint that tells results of one rule in one place apart.
    Partial(String),
    /// The code or text around it. Empty: not given.
    Context(String),
}

impl Problems {
    /// Notes a record that could not be read.
    pub fn note(&mut self, problem: String) {
        self.count += 1;
        if self.listed.len() < PROBLEMS_LISTED_MAX {
            self.listed.push(problem);
        }
    }
}

impl Location {
    /// What people look for first.
    pub fn place(&self) -> &str {
        [&self.path, &self.url, &self.object].into_iter().find(|part| !part.is_empty()).map_or("", String::as_str)
    }
}

impl ReportScope {
    /// The scope's key: the same for every report about it.
    pub fn digest(&self) -> String {
        digest::of(&[&self.tool, &self.category, &self.branch, &self.path])
    }
}

impl Reported {
    /// The finding that this is on an asset. `release` is the product line of a distribution's package that names none.
    ///
    /// A named flaw in a named package is a finding about these, whichever tool says so. Anything else is a finding about
    /// the rule, or the flaw, in an object of the asset: no package is made up.
    pub fn key(&self, asset: AssetId, scope: &ReportScope, release: Option<&Release>) -> FindingKey {
        if let (Some(vulnerability), Some(purl)) = (&self.vulnerability, &self.package)
            && let Some((ecosystem, name)) = purl.component_key()
        {
            let package = package(purl, (ecosystem, name), &self.location.path, &scope.branch, release);
            return FindingKey { asset, package, vulnerability: vulnerability.clone() };
        }
        let purl = self.package.as_ref().map(ToString::to_string).unwrap_or_default();
        let name = [self.location.place(), &purl, &self.rule].into_iter().find(|name| !name.is_empty());
        let package = Package {
            ecosystem: Ecosystem::Object,
            release: Release::none(),
            name: name.unwrap_or_default().to_owned(),
            place: digest::of(&[&scope.tool, &scope.branch, &self.identity]),
        };
        let vulnerability = self.vulnerability.clone().unwrap_or_else(|| rule_id(&scope.tool, &self.rule));
        FindingKey { asset, package, vulnerability }
    }

    /// The affected version. Empty: not said.
    pub fn version(&self) -> String {
        let Some(purl) = &self.package else { return String::new() };
        match purl.upstream() {
            Some((_, version)) if !version.is_empty() => version.to_owned(),
            _ => purl.full_version(),
        }
    }
}

fn package(
    purl: &Purl,
    (ecosystem, name): (Ecosystem, String),
    path: &str,
    branch: &str,
    release: Option<&Release>,
) -> Package {
    let mut place = path.to_owned();
    if !branch.is_empty() {
        place = format!("{place}@{branch}");
    }
    if !ecosystem.is_distribution() {
        return Package { ecosystem, release: Release::none(), name, place };
    }
    let named = purl
        .distro()
        .map(|(distribution, name)| Release { distribution: distribution.to_owned(), name: name.to_owned() });
    let of_asset = release.filter(|release| release.distribution == purl.namespace).cloned();
    let unnamed = || Release { distribution: purl.namespace.clone(), name: String::new() };
    let name = purl.upstream().map_or(name, |(source, _)| source.to_owned());
    let place = if branch.is_empty() { String::new() } else { format!("@{branch}") };
    Package { ecosystem, release: named.or(of_asset).unwrap_or_else(unnamed), name, place }
}

/// The identifier of a tool's rule, where a vulnerability's would stand: `semgrep:sql-injection`.
///
/// Rules may have any name, identifiers may not: one that does not fit is cut, and told apart by a digest.
pub fn rule_id(tool: &str, rule: &str) -> VulnerabilityId {
    const TOOL: usize = 20;
    const RULE: usize = 34;
    let legal = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' }).collect()
    };
    let (short, long) = (legal(&tool.to_ascii_lowercase()), legal(rule));
    let mut id = format!("{short}:{long}");
    if short != tool.to_ascii_lowercase() || long != rule || short.len() > TOOL || long.len() > RULE {
        // The end of a long name says more than its beginning.
        let end = &long[long.len().saturating_sub(RULE)..];
        let digest = digest::of(&[tool, rule]);
        id = format!("{}:{end}-{}", &short[..short.len().min(TOOL)], &digest[..8]);
    }
    VulnerabilityId::new(id).expect("legal characters, and at most 20 + 1 + 34 + 1 + 8 of them")
}

/// The flaw that a rule's name begins with: `CVE-2021-44228`, `CVE-2021-44228-log4j-core`, `GHSA-jfh8-c2jp-5v3q`.
pub fn flaw_in(rule: &str) -> Option<VulnerabilityId> {
    let mut parts = rule.split('-');
    let number = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let id = match (parts.next()?, parts.next()?, parts.next()?, parts.next()) {
        ("CVE", year, sequence, _) if year.len() == 4 && number(year) && sequence.len() >= 4 && number(sequence) => {
            format!("CVE-{year}-{sequence}")
        }
        ("GHSA", a, b, Some(c)) if [a, b, c].iter().all(|part| is_ghsa_part(part)) => format!("GHSA-{a}-{b}-{c}"),
        _ => return None,
    };
    VulnerabilityId::new(id).ok()
}

fn is_ghsa_part(part: &str) -> bool {
    part.len() == 4 && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// Without control characters, and cut: it is shown on terminals and pages.
pub fn for_people(text: &str) -> String {
    let plain = text.trim().chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c });
    plain.take(MESSAGE_CHARS_MAX).collect()
}

/// A name, a path or an address as it is. `None`: it is too long, or has characters that none may have.
pub fn word(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() <= WORD_BYTES_MAX && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
