//! OpenVEX: statements of one author about products and their parts.

use std::collections::BTreeMap;

use domain::advisory::{Advisory, Rank, Statement};
use domain::cpe::Cpe;
use domain::purl::Purl;
use domain::record::{Flaw, Record};
use domain::vulnerability::VulnerabilityId;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Problems;
use crate::json::{Str, excerpt, instant};
use crate::vex::{Plan, Status, Subject, best_name, is_alias};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "@id", default, borrow)]
    id: Str<'a>,
    #[serde(default, borrow)]
    timestamp: Str<'a>,
    /// Read one by one, so that a broken one costs no other.
    #[serde(borrow)]
    statements: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    vulnerability: Vulnerability<'a>,
    #[serde(default, borrow)]
    timestamp: Option<Str<'a>>,
    #[serde(default, borrow)]
    products: Vec<Product<'a>>,
    /// Before version 0.2, of all products.
    #[serde(default, borrow)]
    subcomponents: Vec<Product<'a>>,
    #[serde(borrow)]
    status: Str<'a>,
    #[serde(default, borrow)]
    justification: Str<'a>,
}

/// Before version 0.2 only a name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vulnerability<'a> {
    Name(#[serde(borrow)] Str<'a>),
    Whole {
        #[serde(borrow)]
        name: Str<'a>,
        #[serde(default, borrow)]
        aliases: Vec<Str<'a>>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Product<'a> {
    Id(#[serde(borrow)] Str<'a>),
    Whole {
        #[serde(rename = "@id", default, borrow)]
        id: Str<'a>,
        #[serde(default, borrow)]
        identifiers: BTreeMap<Str<'a>, Str<'a>>,
        #[serde(default, borrow)]
        subcomponents: Vec<Product<'a>>,
    },
}

impl<'a> Product<'a> {
    /// Its package-urls and CPE names, best first.
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Id(id) => vec![id],
            Self::Whole { id, identifiers, .. } => {
                let named = |kind: &str| identifiers.iter().find(|(name, _)| &***name == kind).map(|(_, text)| &**text);
                let all = [named("purl"), Some(&**id), named("cpe23"), named("cpe22")];
                all.into_iter().flatten().filter(|name| !name.is_empty()).collect()
            }
        }
    }

    fn subcomponents(&self) -> &[Product<'a>] {
        match self {
            Self::Id(_) => &[],
            Self::Whole { subcomponents, .. } => subcomponents,
        }
    }

    fn purl(&self) -> Option<Purl> {
        self.names().into_iter().find_map(|name| Purl::parse(name).ok())
    }

    fn subject(&self) -> Option<Subject> {
        if let Some(purl) = self.purl() {
            return Subject::of_purl(&purl, None);
        }
        self.names().into_iter().find_map(|name| Subject::of_cpe(&Cpe::parse(name).ok()?))
    }
}

/// Reads one document. Statements that cannot be used are problems; the rest is kept.
pub(crate) fn read(
    feed: &'static str,
    label: &str,
    bytes: &[u8],
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<(), String> {
    let document: Document<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    // Of two statements about the same thing, the newer one counts.
    let mut latest: BTreeMap<(VulnerabilityId, Subject), (Option<Timestamp>, Advisory)> = BTreeMap::new();
    let id = if document.id.is_empty() { label } else { &document.id };
    for (index, said) in document.statements.iter().enumerate() {
        let said: Said<'_> = match serde_json::from_str(said.get()) {
            Ok(said) => said,
            Err(error) => {
                problems.add(label, &format_args!("/statements/{index}: {error}"));
                continue;
            }
        };
        let at = instant(said.timestamp.as_deref().unwrap_or(&document.timestamp));
        let (name, aliases) = match &said.vulnerability {
            Vulnerability::Name(name) => (name, &[][..]),
            Vulnerability::Whole { name, aliases } => (name, aliases.as_slice()),
        };
        let names = || std::iter::once(name).chain(aliases).filter_map(|name| last_name(name));
        let Some(vulnerability) = best_name(names()) else {
            problems.add(label, &format_args!("{:?} names no vulnerability", excerpt(name)));
            continue;
        };
        let aliases = names().filter(|name| is_alias(name.as_str()) && *name != vulnerability);
        let aliases = aliases.map(|name| name.as_str().to_owned()).collect();
        sink(Record::Flaw(Flaw { aliases, ..Flaw::bare(vulnerability.clone()) }));
        for subject in said.subjects(label, problems) {
            let Some(statement) = said.statement(&subject) else { continue };
            let advisory = Advisory {
                justification: said.justification.to_string(),
                ..subject.clone().advisory(feed, &excerpt(id), Rank::Operator, vulnerability.clone(), statement)
            };
            let key = (vulnerability.clone(), subject);
            if latest.get(&key).is_none_or(|(before, _)| *before <= at) {
                latest.insert(key, (at, advisory));
            }
        }
    }
    latest.into_values().for_each(|(_, advisory)| sink(Record::Advisory(advisory)));
    Ok(())
}

/// A name, also where somebody writes the page of a vulnerability.
fn last_name(text: &str) -> Option<VulnerabilityId> {
    VulnerabilityId::new(text.trim().rsplit('/').next().unwrap_or_default()).ok()
}

impl Said<'_> {
    fn subjects(&self, label: &str, problems: &mut Problems) -> Vec<Subject> {
        let mut subjects = Vec::new();
        let mut add = |subject: Option<Subject>, of: &Product<'_>, product: String| match subject {
            Some(subject) => subjects.push(Subject { product, ..subject }),
            None => {
                let name = of.names().first().map(|name| excerpt(name)).unwrap_or_default();
                problems.add(label, &format_args!("{name:?} is no package that Vigie knows: name the packages in it"));
            }
        };
        for product in &self.products {
            let parts =
                if product.subcomponents().is_empty() { &self.subcomponents[..] } else { product.subcomponents() };
            if parts.is_empty() {
                add(product.subject(), product, String::new());
            }
            let whole = product.purl().map(|purl| purl.to_string()).unwrap_or_default();
            for part in parts {
                add(part.subject(), part, whole.clone());
            }
        }
        subjects
    }

    fn statement(&self, subject: &Subject) -> Option<Statement> {
        let status = match &*self.status {
            "not_affected" => Status::NotAffected,
            "affected" => Status::Affected(Plan::Unknown),
            "fixed" => Status::Fixed,
            // Who does not know yet leaves the word to others.
            _ => return None,
        };
        subject.statement(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_lines(document: &str) -> (Vec<String>, Vec<String>) {
        let mut lines = Vec::new();
        let mut problems = Problems::new("local");
        let mut sink = |record| {
            if let Record::Advisory(a) = record {
                lines.push(format!(
                    "{} {} {:?} {} {}",
                    a.vulnerability, a.package, a.statement, a.justification, a.product
                ));
            }
        };
        let ended = read("local", "x.json", document.as_bytes(), &mut sink, &mut problems);
        let mut named = problems.named().to_vec();
        named.extend(ended.err());
        (lines, named)
    }

    #[test]
    fn parts_of_products_and_products_themselves() {
        let (lines, problems) = read_lines(
            r#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vex.example/1", "timestamp": "2025-01-01T00:00:00Z",
                "statements": [
                {"vulnerability": {"name": "GHSA-xxxx", "aliases": ["CVE-2099-1"]}, "status": "not_affected",
                 "justification": "component_not_present",
                 "products": [{"@id": "pkg:oci/app@sha256%3A00", "subcomponents": [{"@id": "pkg:npm/lodash@4.17.20"}]}]},
                {"vulnerability": {"name": "CVE-2099-2"}, "status": "fixed", "timestamp": "2025-01-02T00:00:00Z",
                 "products": [{"identifiers": {"purl": "pkg:pypi/django@4.2"}}]},
                {"vulnerability": {"name": "CVE-2099-2"}, "status": "affected", "products": [{"@id": "pkg:pypi/django@4.2"}]},
                {"vulnerability": {"name": "CVE-2099-3"}, "status": "under_investigation", "products": ["pkg:gem/a@1"]},
                {"vulnerability": "CVE-2099-4", "status": "not_affected", "products": ["pkg:oci/app"]},
                {"vulnerability": "CVE-2099-5", "status": 1, "products": ["pkg:gem/a@1"]}]}"#,
        );
        let one = |version: &str| format!("NotAffectedIn(Versions {{ ranges: [], exact: [\"{version}\"] }})");
        assert_eq!(
            lines,
            [
                format!("CVE-2099-1 lodash {} component_not_present pkg:oci/app@sha256:00", one("4.17.20")),
                format!("CVE-2099-2 django {}  ", one("4.2")),
            ],
            "the newer word of two counts"
        );
        let expected = [
            "local: x.json: \"pkg:oci/app\" is no package that Vigie knows: name the packages in it",
            "local: x.json: /statements/5: invalid type: integer `1`, expected a string at line 1 column 43",
        ];
        assert_eq!(problems, expected);
    }
}
