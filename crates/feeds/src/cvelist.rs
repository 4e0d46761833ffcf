//! CVE List V5: the CVE records of every numbering authority, with what CISA adds to them.
//!
//! Everything comes as one archive; afterwards the list of changes of the last 30 days says which records to ask for.

use std::collections::BTreeMap;

use domain::record::Record;
use jiff::{SignedDuration, Timestamp};
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;

use crate::json::{Str, instant};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Plan, Problems, Request, Revisions, cve5, whole};

const ARCHIVE: &str = "https://github.com/CVEProject/cvelistV5/archive/refs/heads/main";
/// Folder of the single records; what the list of changes names must be in it.
const RECORDS: &str = "https://raw.githubusercontent.com/CVEProject/cvelistV5/main/cves/";
const CHANGES: &str = "https://raw.githubusercontent.com/CVEProject/cvelistV5/main/cves/deltaLog.json";

/// The list of changes reaches back 30 days.
const CHANGES_REACH: SignedDuration = SignedDuration::from_hours(28 * 24);
/// Everything is asked for again after so long, in case that a change was missed.
const COMPLETE_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Changes come a little later than the instant that they bear.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// With more changes than this, the archive is quicker.
const CHANGES_MAX: usize = 5000;

pub(crate) const FEED: Feed = Feed {
    id: "cvelist",
    title: "CVE List V5",
    licence: "CVE Terms of Use: free, with notice",
    attribution: "CVE records by the CVE Program (https://www.cve.org), copyright The MITRE Corporation.",
    requests,
    follow: Some(follow),
    parse,
};

fn requests(known: &Known) -> Vec<Request> {
    if since(known).is_some() {
        return vec![request("deltaLog.json", CHANGES.to_owned(), Asked::Always, Keep::Index)];
    }
    vec![archive("tar.gz", Asked::Always), archive("zip", Asked::OnlyMirrors)]
}

/// From when on changes are wanted. `None`: everything is.
fn since(known: &Known) -> Option<Timestamp> {
    let (complete_at, newest) = (known.complete_at?, known.newest?);
    let is_recent = known.now.duration_since(newest) < CHANGES_REACH;
    let is_complete = known.now.duration_since(complete_at) < COMPLETE_FOR;
    (is_recent && is_complete).then(|| newest.checked_sub(OVERLAP).ok()).flatten()
}

fn archive(form: &str, asked: Asked) -> Request {
    request(&format!("cvelistV5-main.{form}"), format!("{ARCHIVE}.{form}"), asked, Keep::AccumulateAll)
}

fn request(name: &str, url: String, asked: Asked, keep: Keep) -> Request {
    Request { name: name.to_owned(), url, asked, keep, max_bytes: 4096 * MIB, limits: Limits::bytes(16384 * MIB) }
}

#[derive(Deserialize)]
struct Changes<'a> {
    #[serde(rename = "fetchTime", borrow)]
    fetched: Str<'a>,
    #[serde(default, borrow)]
    new: Vec<Change<'a>>,
    #[serde(default, borrow)]
    updated: Vec<Change<'a>>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(rename = "cveId", borrow)]
    id: Str<'a>,
    #[serde(rename = "githubLink", borrow)]
    link: Str<'a>,
    #[serde(rename = "dateUpdated", default, borrow)]
    updated: Option<Str<'a>>,
}

fn follow(input: &mut Input<'_>, _: &Request, known: &Known, revision: Revisions<'_>) -> Result<Plan, ParseError> {
    let name = input.name();
    let fail = |reason: String| ParseError { name: name.to_owned(), reason };
    let text = whole(input)?;
    let log: Vec<Changes<'_>> = serde_json::from_slice(&text).map_err(|e| fail(e.to_string()))?;
    let since = since(known);
    let is_wanted = |changes: &&Changes<'_>| instant(&changes.fetched) >= since;
    let mut wanted: BTreeMap<&str, String> = BTreeMap::new();
    for change in log.iter().filter(is_wanted).flat_map(|changes| changes.new.iter().chain(&changes.updated)) {
        let is_known =
            change.updated.as_deref().is_some_and(|updated| revision(&change.id).as_deref() == Some(updated));
        if !is_known && cve5::is_cve(&change.id) && change.link.starts_with(RECORDS) {
            wanted.insert(&change.id, change.link.to_string());
        }
    }
    if wanted.len() > CHANGES_MAX {
        return Ok(Plan { requests: vec![archive("tar.gz", Asked::Always)], ..Plan::default() });
    }
    let record = |(id, url): (&str, String)| Request {
        max_bytes: cve5::RECORD_BYTES_MAX,
        limits: Limits::bytes(cve5::RECORD_BYTES_MAX),
        ..request(&format!("{id}.json"), url, Asked::MayLack, Keep::Accumulate)
    };
    Ok(Plan { requests: wanted.into_iter().map(record).collect(), ..Plan::default() })
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    cve5::read_archive(FEED.id, input, sink, problems)
}
