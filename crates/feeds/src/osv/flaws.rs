//! Which flaws a record of OSV is about, and what else they are called.

use std::borrow::Cow;

use super::world::world;
use super::{Affected, Osv};

/// The flaws that a record is about.
pub(crate) struct Flaws {
    pub(crate) ids: Vec<String>,
    /// The record is about one flaw, so that its own name is another name of it.
    pub(crate) aliases: Vec<String>,
}

/// A record of one flaw: its CVE if it names exactly one. Several CVEs make it a bundle.
pub(crate) fn single(record: &Osv<'_>) -> Flaws {
    let is_cve = |name: &&Cow<'_, str>| name.starts_with("CVE-");
    let own = std::iter::once(&record.id);
    let cves: Vec<String> = own.chain(&record.aliases).filter(is_cve).map(|name| name.to_string()).collect();
    match cves.as_slice() {
        [_, _, ..] => Flaws { ids: cves, aliases: Vec::new() },
        [] => Flaws {
            ids: vec![record.id.to_string()],
            aliases: record.aliases.iter().map(ToString::to_string).collect(),
        },
        [cve] => {
            let others = std::iter::once(&record.id).chain(&record.aliases).filter(|name| name.as_ref() != cve);
            Flaws { aliases: others.map(ToString::to_string).collect(), ids: cves }
        }
    }
}

/// Errata fix several flaws at once; their names are nobody's alias.
pub(crate) fn bundle(record: &Osv<'_>) -> Flaws {
    let named = record.related.iter().chain(&record.aliases).chain(&record.upstream);
    let mut ids: Vec<String> = named.filter(|name| name.starts_with("CVE-")).map(ToString::to_string).collect();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        ids.push(record.id.to_string());
    }
    Flaws { ids, aliases: Vec::new() }
}

/// Errata where a distribution speaks, and records of one flaw elsewhere.
pub(super) fn of_any(record: &Osv<'_>) -> Flaws {
    let of_distribution = |affected: &Affected<'_>| {
        let package = affected.package.as_ref().and_then(|package| world(&package.ecosystem));
        package.is_some_and(|(ecosystem, _, _)| ecosystem.is_distribution())
    };
    if !record.affected.iter().any(of_distribution) {
        return single(record);
    }
    let mut flaws = bundle(record);
    if matches!(flaws.ids.as_slice(), [id] if *id == record.id) {
        // One flaw that has no CVE: what it is called elsewhere.
        flaws.aliases = record.aliases.iter().chain(&record.upstream).map(ToString::to_string).collect();
    }
    flaws
}
