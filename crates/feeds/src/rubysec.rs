//! ruby-advisory-db: what is patched and what never was affected, in requirements of RubyGems.

use std::io;

use domain::advisory::{Advisory, Range, Rank, Statement, Versions};
use domain::component::{Ecosystem, Release};
use domain::record::{Flaw, Record};
use domain::vulnerability::{Reference, VulnerabilityId};
use outside::unpack::Limits;
use outside::unpack::archive::Content;
use outside::unpack::input::Input;
use serde::Deserialize;

use crate::intervals::{both, complement, from, only, to};
use crate::json::instant;
use crate::osv::ARCHIVE;
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, unpack_error};

const ECOSYSTEM: Ecosystem = Ecosystem::Gem;

pub(crate) const FEED: Feed = Feed {
    id: "rubysec",
    title: "Ruby advisory database",
    licence: "public domain",
    attribution: "Advisories of ruby-advisory-db (https://rubysec.com).",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "ruby-advisory-db.tar".to_owned(),
        url: "https://github.com/rubysec/ruby-advisory-db/archive/refs/heads/master.tar.gz".to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 256 * MIB,
        limits: Limits::bytes(1024 * MIB),
    }]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    let name = input.name();
    let mut edition = Edition::default();
    let mut any = false;
    let ended = input.entries(ARCHIVE, &mut |entry| -> io::Result<()> {
        // Ruby itself is no gem: its advisories are in the folder `rubies`.
        let Some((_, label)) = entry.path.split_once("/gems/").filter(|_| entry.path.ends_with(".yml")) else {
            return Ok(());
        };
        let newest = i64::try_from(entry.modified).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
        edition.published_at = edition.published_at.max(newest);
        let Content::Bytes(bytes) = entry.content else {
            problems.add(label, &"the record is too large");
            return Ok(());
        };
        let read = serde_yaml_ng::from_slice::<Item>(bytes).map_err(|e| e.to_string());
        match read.and_then(|item| records(&item, label)) {
            Ok((advisory, flaw)) => {
                any = true;
                sink(Record::Advisory(advisory));
                sink(Record::Flaw(flaw));
            }
            Err(reason) => problems.add(label, &reason),
        }
        Ok(())
    });
    if any {
        sink(Record::Release { ecosystem: ECOSYSTEM, release: Release::none() });
    }
    ended.map(|()| edition).map_err(|error| unpack_error(name, &error))
}

#[derive(Deserialize)]
struct Item {
    gem: String,
    #[serde(default)]
    cve: Option<serde_yaml_ng::Value>,
    #[serde(default)]
    ghsa: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    date: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    patched_versions: Option<Vec<String>>,
    #[serde(default)]
    unaffected_versions: Option<Vec<String>>,
}

fn records(item: &Item, label: &str) -> Result<(Advisory, Flaw), String> {
    let text = |value: &serde_yaml_ng::Value| match value {
        serde_yaml_ng::Value::String(text) => text.clone(),
        other => serde_yaml_ng::to_string(other).unwrap_or_default().trim().to_owned(),
    };
    let cve =
        item.cve.as_ref().map(text).filter(|cve| !cve.is_empty() && cve != "null").map(|cve| format!("CVE-{cve}"));
    let ghsa = item.ghsa.as_ref().map(|ghsa| format!("GHSA-{ghsa}"));
    let own = label.rsplit('/').next().unwrap_or(label).trim_end_matches(".yml").to_owned();
    let id = cve.clone().or_else(|| ghsa.clone()).unwrap_or_else(|| own.clone());
    let vulnerability = VulnerabilityId::new(id.as_str()).map_err(|e| e.to_string())?;
    let mut safe = Vec::new();
    for text in item.patched_versions.iter().chain(&item.unaffected_versions).flatten() {
        safe.extend(requirement(text)?);
    }
    let ranges = complement(ECOSYSTEM, safe)?;
    let statement = Statement::Affected(Versions { ranges, exact: Vec::new() });
    let advisory = Advisory::new(
        FEED.id,
        own.as_str(),
        ECOSYSTEM,
        Release::none(),
        item.gem.as_str(),
        vulnerability.clone(),
        statement,
    );
    let aliases = [cve, ghsa, Some(own)].into_iter().flatten().filter(|name| *name != id);
    let references = item.url.iter().map(|url| Reference { url: url.clone(), tags: Vec::new() }).collect();
    let flaw = Flaw {
        aliases: aliases.filter(|alias| VulnerabilityId::new(alias.as_str()).is_ok()).collect(),
        published_at: item.date.as_deref().and_then(|date| instant(&format!("{date}T00:00:00Z"))),
        title: item.title.clone().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "),
        description: item.description.clone().unwrap_or_default().trim().to_owned(),
        references,
        ..Flaw::bare(vulnerability)
    };
    Ok((Advisory { rank: Rank::Ecosystem, ..advisory }, flaw))
}

/// One requirement of RubyGems: its parts, between commas, hold together. Empty: nothing satisfies it.
fn requirement(text: &str) -> Result<Vec<Range>, String> {
    let mut all = vec![Range::default()];
    for part in text.split(',').map(str::trim) {
        let split = part.find(|c: char| !matches!(c, '<' | '>' | '=' | '!' | '~')).unwrap_or(part.len());
        let (sign, version) = (part[..split].trim(), part[split..].trim());
        let alternatives = match sign {
            "=" | "" => vec![only(version)],
            ">=" => vec![from(version, true)],
            ">" => vec![from(version, false)],
            "<=" => vec![to(version, true)],
            "<" => vec![to(version, false)],
            "!=" => vec![to(version, false), from(version, false)],
            "~>" => both(ECOSYSTEM, from(version, true), to(&bump(version), false))?.into_iter().collect(),
            other => return Err(format!("{other:?} is no sign of a requirement")),
        };
        let mut joined = Vec::new();
        for have in &all {
            for other in &alternatives {
                joined.extend(both(ECOSYSTEM, have.clone(), other.clone())?);
            }
        }
        all = joined;
    }
    Ok(all)
}

/// What `~>` stays below: the next release of the part before the last, its prereleases included, which sort from `A` on.
fn bump(version: &str) -> String {
    let mut numbers: Vec<u64> = version.split('.').map_while(|part| part.parse().ok()).collect();
    if numbers.len() > 1 {
        numbers.pop();
    }
    if let Some(last) = numbers.last_mut() {
        *last = last.saturating_add(1);
    }
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(".") + ".A"
}
