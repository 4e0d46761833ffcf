//! RustSec: advisories on crates, TOML in front of Markdown; what is patched and unaffected in cargo's requirements.

use std::io;

use domain::advisory::{Advisory, Range, Rank, Statement, Versions};
use domain::component::{Ecosystem, Release};
use domain::record::{Flaw, Record};
use domain::vulnerability::{Authority, Reference, VulnerabilityId};
use outside::unpack::Limits;
use outside::unpack::archive::Content;
use outside::unpack::input::Input;
use serde::Deserialize;

use crate::intervals::{both, complement, from, only, to};
use crate::json::{instant, vector};
use crate::osv::ARCHIVE;
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, unpack_error};

const ECOSYSTEM: Ecosystem = Ecosystem::Cargo;

pub(crate) const FEED: Feed = Feed {
    id: "rustsec",
    title: "RustSec advisory database",
    licence: "CC0-1.0, some advisories CC-BY-4.0",
    attribution: "Advisories of RustSec (https://rustsec.org).",
    requests,
    follow: None,
    parse,
};

/// The advisory's page.
pub(crate) fn advisory_url(id: &str) -> String {
    format!("https://rustsec.org/advisories/{id}.html")
}

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "advisory-db.tar".to_owned(),
        url: "https://github.com/rustsec/advisory-db/archive/refs/heads/main.tar.gz".to_owned(),
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
        // The compiler and its library are no crates: their advisories are in the folder `rust`.
        let Some((_, label)) = entry.path.split_once("/crates/").filter(|_| entry.path.ends_with(".md")) else {
            return Ok(());
        };
        let newest = i64::try_from(entry.modified).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
        edition.published_at = edition.published_at.max(newest);
        let Content::Bytes(bytes) = entry.content else {
            problems.add(label, &"the record is too large");
            return Ok(());
        };
        any = true;
        match records(&String::from_utf8_lossy(bytes), label, problems) {
            Ok(records) => records.into_iter().for_each(&mut *sink),
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
struct Front {
    advisory: Meta,
    versions: Safe,
}

#[derive(Deserialize)]
struct Meta {
    id: String,
    package: String,
    #[serde(default)]
    date: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    cvss: Option<String>,
    /// `unmaintained`, `unsound`, `notice`: no vulnerability.
    #[serde(default)]
    informational: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
}

#[derive(Deserialize)]
struct Safe {
    #[serde(default)]
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
}

fn records(text: &str, label: &str, problems: &mut Problems) -> Result<Vec<Record>, String> {
    let front = text.split_once("```toml").and_then(|(_, rest)| rest.split_once("```"));
    let (front, body) = front.ok_or("it has no TOML in front")?;
    let Front { advisory: meta, versions } = toml::from_str(front).map_err(|e| e.to_string())?;
    if meta.informational.is_some() || meta.withdrawn.is_some() {
        return Ok(Vec::new());
    }
    let mut safe = Vec::new();
    for text in versions.patched.iter().chain(&versions.unaffected) {
        safe.extend(requirement(text)?);
    }
    let ranges = complement(ECOSYSTEM, safe)?;
    let cves: Vec<&String> = meta.aliases.iter().filter(|alias| alias.starts_with("CVE-")).collect();
    // Several CVEs make it a bundle: each is affected, and none is a name of the other.
    let ids: Vec<&String> = if cves.is_empty() { vec![&meta.id] } else { cves.clone() };
    let mut records = Vec::new();
    for id in &ids {
        let id = VulnerabilityId::new(id.as_str()).map_err(|e| e.to_string())?;
        let statement = Statement::Affected(Versions { ranges: ranges.clone(), exact: Vec::new() });
        let advisory =
            Advisory::new(FEED.id, meta.id.as_str(), ECOSYSTEM, Release::none(), meta.package.as_str(), id, statement);
        records.push(Record::Advisory(Advisory { rank: Rank::Ecosystem, ..advisory }));
    }
    if let [id] = ids.as_slice() {
        let others = meta.aliases.iter().chain([&meta.id]).filter(|alias| alias != id);
        let (title, description) = body.trim().split_once('\n').unwrap_or((body.trim(), ""));
        let url = |url: &String| Reference { url: url.clone(), tags: Vec::new() };
        records.push(Record::Flaw(Flaw {
            aliases: others.cloned().collect(),
            published_at: meta.date.as_deref().and_then(|date| instant(&format!("{date}T00:00:00Z"))),
            vectors: meta
                .cvss
                .as_deref()
                .and_then(|text| vector(text, FEED.id, Authority::Ecosystem, label, problems))
                .into_iter()
                .collect(),
            title: title.trim_start_matches('#').trim().to_owned(),
            description: description.trim().to_owned(),
            references: meta.url.iter().chain(&meta.references).map(url).collect(),
            ..Flaw::bare(VulnerabilityId::new(id.as_str()).map_err(|e| e.to_string())?)
        }));
    }
    Ok(records)
}

/// One of cargo's requirements: its parts, between commas, hold together.
fn requirement(text: &str) -> Result<Vec<Range>, String> {
    let mut all = vec![Range::default()];
    for part in text.split(',').map(str::trim) {
        let split = part.find(|c: char| !matches!(c, '<' | '>' | '=' | '^' | '~')).unwrap_or(part.len());
        let (sign, version) = (part[..split].trim(), part[split..].trim());
        let range = match sign {
            "=" => only(version),
            ">=" => from(version, true),
            ">" => from(version, false),
            "<=" => to(version, true),
            "<" => to(version, false),
            "^" | "" => both(ECOSYSTEM, from(version, true), to(&caret(version)?, false))?.unwrap_or_default(),
            "~" => both(ECOSYSTEM, from(version, true), to(&tilde(version)?, false))?.unwrap_or_default(),
            other => return Err(format!("{other:?} is no sign of a requirement")),
        };
        let mut joined = Vec::new();
        for have in all {
            joined.extend(both(ECOSYSTEM, have, range.clone())?);
        }
        all = joined;
    }
    Ok(all)
}

fn numbers(version: &str) -> Result<[u64; 3], String> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers = [0; 3];
    for (place, part) in numbers.iter_mut().zip(core.split('.')) {
        *place = part.parse().map_err(|_| format!("{version:?} is no version"))?;
    }
    Ok(numbers)
}

/// What `^` stays below.
fn caret(version: &str) -> Result<String, String> {
    Ok(match numbers(version)? {
        [0, 0, patch] => format!("0.0.{}", patch + 1),
        [0, minor, _] => format!("0.{}.0", minor + 1),
        [major, ..] => format!("{}.0.0", major + 1),
    })
}

/// What `~` stays below.
fn tilde(version: &str) -> Result<String, String> {
    let [major, minor, _] = numbers(version)?;
    Ok(if version.contains('.') { format!("{major}.{}.0", minor + 1) } else { format!("{}.0.0", major + 1) })
}
