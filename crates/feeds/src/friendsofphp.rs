//! FriendsOfPHP: advisories on Composer's packages, by branches of their versions.

use std::collections::BTreeMap;
use std::io;

use domain::advisory::{Advisory, Range, Rank, Statement, Versions};
use domain::component::{Ecosystem, Release};
use domain::record::{Flaw, Record};
use domain::vulnerability::{Reference, VulnerabilityId};
use outside::unpack::Limits;
use outside::unpack::archive::Content;
use outside::unpack::input::Input;
use serde::Deserialize;

use crate::intervals::{both, from, only, to};
use crate::osv::ARCHIVE;
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, unpack_error};

const ECOSYSTEM: Ecosystem = Ecosystem::Composer;

pub(crate) const FEED: Feed = Feed {
    id: "friendsofphp",
    title: "FriendsOfPHP security advisories",
    licence: "Unlicense",
    attribution: "Advisories of the PHP Security Advisories Database (https://github.com/FriendsOfPHP/security-advisories).",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "security-advisories.tar".to_owned(),
        url: "https://github.com/FriendsOfPHP/security-advisories/archive/refs/heads/master.tar.gz".to_owned(),
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
        // VENDOR/PACKAGE/NAME.yaml, below the archive's own folder.
        let label = entry.path.split_once('/').map_or(entry.path, |(_, rest)| rest);
        if !label.ends_with(".yaml") || label.starts_with('.') || label.matches('/').count() < 2 {
            return Ok(());
        }
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
    #[serde(default)]
    title: String,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    cve: Option<String>,
    reference: String,
    branches: BTreeMap<String, Branch>,
}

#[derive(Deserialize)]
struct Branch {
    versions: Vec<String>,
}

fn records(item: &Item, label: &str) -> Result<(Advisory, Flaw), String> {
    let package = item.reference.strip_prefix("composer://").ok_or("its reference names no package of Composer")?;
    let own = format!("friendsofphp:{}", label.trim_end_matches(".yaml").replace('/', ":"));
    let own: String =
        own.chars().map(|c| if c.is_ascii_alphanumeric() || "-._:".contains(c) { c } else { '-' }).collect();
    let own: String = own.chars().take(64).collect();
    let cve = item.cve.clone().filter(|cve| cve.starts_with("CVE-"));
    let id = VulnerabilityId::new(cve.clone().unwrap_or_else(|| own.clone())).map_err(|e| e.to_string())?;
    let mut ranges = Vec::new();
    for branch in item.branches.values() {
        let mut all = Some(Range::default());
        for part in branch.versions.iter().flat_map(|text| text.split(',')) {
            let range = constraint(part.trim())?;
            all = match all {
                Some(have) => both(ECOSYSTEM, have, range)?,
                None => None,
            };
        }
        ranges.extend(all);
    }
    let statement = Statement::Affected(Versions { ranges, exact: Vec::new() });
    let name = ECOSYSTEM.canonical_name(package);
    let advisory = Advisory::new(FEED.id, own.as_str(), ECOSYSTEM, Release::none(), name, id.clone(), statement);
    let flaw = Flaw {
        aliases: if cve.is_some() { vec![own] } else { Vec::new() },
        title: item.title.clone(),
        references: item.link.iter().map(|url| Reference { url: url.clone(), tags: Vec::new() }).collect(),
        ..Flaw::bare(id)
    };
    Ok((Advisory { rank: Rank::Ecosystem, ..advisory }, flaw))
}

fn constraint(text: &str) -> Result<Range, String> {
    let split = text.find(|c: char| !matches!(c, '<' | '>' | '=' | '!')).unwrap_or(text.len());
    let (sign, version) = (&text[..split], text[split..].trim());
    Ok(match sign {
        ">=" => from(version, true),
        ">" => from(version, false),
        "<=" => to(version, true),
        "<" => to(version, false),
        "=" | "==" | "" => only(version),
        other => return Err(format!("{other:?} is no sign of a constraint")),
    })
}
