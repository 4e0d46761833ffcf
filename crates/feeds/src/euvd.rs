//! ENISA's European Vulnerability Database: what it says is exploited.

use std::io::BufRead;

use domain::record::{Flaw, Record};
use domain::vulnerability::{Authority, ExploitEvidence, ExploitKind, PublishedVector, Reference, VulnerabilityId};
use jiff::civil::{Date, DateTime};
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Str, cut, excerpt, stream_list, vector};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, streamed};

const API: &str = "https://euvdservices.enisa.europa.eu/api/search?exploited=true&size=100&page=";
const PAGE: &str = "https://euvd.enisa.europa.eu/vulnerability/";
/// Entries on a page: the most that the service gives.
const PAGE_ENTRIES: u64 = 100;
/// Most pages that are asked for. A page beyond the end is empty, and none after it is asked for.
const PAGES: u64 = 40;
/// Pages that are kept of one flaw.
const REFERENCES_MAX: usize = 100;
const URL_CHARS_MAX: usize = 2048;

pub(crate) const FEED: Feed = Feed {
    id: "euvd",
    title: "European Vulnerability Database",
    licence: "ENISA terms: reuse with attribution",
    attribution: "Exploited vulnerabilities by ENISA, European Vulnerability Database (https://euvd.enisa.europa.eu).",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    let request = |page: u64| Request {
        name: format!("exploited-{page}.json"),
        url: format!("{API}{page}"),
        asked: if page == 0 { Asked::Always } else { Asked::NextPage },
        keep: Keep::Replace,
        max_bytes: 32 * MIB,
        limits: Limits::bytes(64 * MIB),
    };
    (0..PAGES).map(request).collect()
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    #[serde(default, borrow)]
    aliases: Option<Str<'a>>,
    #[serde(default, borrow)]
    references: Option<Str<'a>>,
    #[serde(rename = "baseScoreVector", default, borrow)]
    vector: Option<Str<'a>>,
    #[serde(rename = "exploitedSince", default, borrow)]
    exploited_since: Option<Str<'a>>,
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    streamed(input, |name, reader| read(name, reader, sink, problems))
}

fn read(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let mut total = None;
    stream_list(
        name,
        reader,
        "items",
        &mut |member, value| {
            if member == "total" {
                total = serde_json::from_str::<u64>(value.get()).ok();
            }
        },
        &mut |raw| read_item(raw, sink, problems),
    )?;
    // The whole database is no list of what is exploited: then the service did not understand the question.
    if let Some(total) = total.filter(|total| *total > PAGES * PAGE_ENTRIES) {
        problems.add("total", &format_args!("{total} entries announced, {} asked for", PAGES * PAGE_ENTRIES));
    }
    Ok(Edition::default())
}

fn read_item(raw: &RawValue, sink: &mut dyn FnMut(Record), problems: &mut Problems) {
    match serde_json::from_str::<Item<'_>>(raw.get()).map_err(|e| e.to_string()).and_then(|item| item.read(problems)) {
        Ok(records) => records.into_iter().for_each(sink),
        Err(reason) => problems.add("entry", &reason),
    }
}

impl Item<'_> {
    fn read(&self, problems: &mut Problems) -> Result<Vec<Record>, String> {
        let own = VulnerabilityId::new(self.id.trim()).map_err(|e| e.to_string())?;
        let lines = |text: &Option<Str<'_>>| -> Vec<String> {
            let lines = text.iter().flat_map(|text| text.split('\n')).map(str::trim).filter(|line| !line.is_empty());
            lines.map(|line| cut(line, URL_CHARS_MAX)).collect()
        };
        let aliases: Vec<VulnerabilityId> =
            lines(&self.aliases).into_iter().filter_map(|alias| VulnerabilityId::new(alias).ok()).collect();
        let mut cves = aliases.iter().filter(|alias| alias.is_cve());
        let id = match (cves.next(), cves.next()) {
            (Some(cve), None) => cve.clone(),
            _ => own.clone(),
        };
        let mut flaw = Flaw::bare(id.clone());
        if id.is_cve() {
            let others = aliases.iter().chain([&own]).filter(|alias| **alias != id);
            flaw.aliases = others.map(|alias| alias.as_str().to_owned()).collect();
        }
        let text = self.vector.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let found = text.and_then(|text| vector(text, FEED.id, Authority::Ecosystem, id.as_str(), problems));
        flaw.vectors.extend(found.map(|found| PublishedVector { source: FEED.id.to_owned(), ..found }));
        let page = |url: String| Reference { url, tags: Vec::new() };
        flaw.references = lines(&self.references).into_iter().take(REFERENCES_MAX).map(page).collect();
        let mut records = vec![Record::Flaw(flaw)];
        // Their EPSS is a copy on another scale: the publisher's own is a feed of its own.
        if let Some(since) = self.exploited_since.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let day = day(since);
            if day.is_none() {
                problems.add(own.as_str(), &format_args!("{:?} is no date: left out", excerpt(since)));
            }
            let exploit = ExploitEvidence {
                kind: ExploitKind::Exploited,
                source: FEED.id.to_owned(),
                name: own.as_str().to_owned(),
                since: day,
                url: format!("{PAGE}{own}"),
            };
            // An entry of several CVEs speaks of each of them.
            let concerned: Vec<VulnerabilityId> = aliases.into_iter().filter(VulnerabilityId::is_cve).collect();
            let concerned = if concerned.is_empty() { vec![id] } else { concerned };
            records.extend(concerned.into_iter().map(|id| Record::Exploit { id, exploit: exploit.clone() }));
        }
        Ok(records)
    }
}

/// Reads `Apr 9, 2025, 12:00:00 AM`, and the usual form too.
fn day(text: &str) -> Option<Date> {
    if let Some(day) = text.get(..10).and_then(|day| day.parse().ok()) {
        return Some(day);
    }
    DateTime::strptime("%b %d, %Y, %I:%M:%S %p", text).ok().map(DateTime::date)
}
