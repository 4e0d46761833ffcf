//! One publisher a file: fetch and parse into records; never sees the database.
//!
//! A feed is a value of [`Feed`] in its own file and a line in [`FEEDS`]: what to request, and how to turn the bytes
//! into [`Record`]s. Parsing streams: memory is bounded by one record, whatever the size of the feed. A record that
//! cannot be read is a problem, counted and named, and the others are kept.

mod debian;
mod epss;
mod json;
mod kev;
mod nvd;
mod problems;
mod vulnrichment;

use std::io::BufRead;

use domain::record::Record;
use jiff::Timestamp;
use outside::unpack::Limits;

pub use problems::Problems;

/// Bumped whenever a parser changes what it yields: files parsed by an older one are parsed again.
pub const PARSER_VERSION: u32 = 1;

/// A publisher's feed.
#[derive(Debug, Clone, Copy)]
pub struct Feed {
    /// Short name: in paths, in `--only`, in the API.
    pub id: &'static str,
    pub title: &'static str,
    /// Under what terms the publisher gives its data.
    pub licence: &'static str,
    /// What the publisher wants to be said where its data is shown.
    pub attribution: &'static str,
    /// The files that make up the feed. A later one overrides an earlier one where both describe a vulnerability.
    pub requests: fn(now: Timestamp) -> Vec<Request>,
    /// Reads one file. `name` is the name that the answer has in the end, with the day in it for some publishers.
    pub parse: Parse,
}

/// Reads one unpacked file into records; the error is what ended it early, with everything before it kept.
pub type Parse = fn(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError>;

/// One file of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Name of the file in the data folder, unique in the feed.
    pub name: String,
    pub url: String,
    /// Who is asked for it.
    pub asked: Asked,
    /// Most bytes as they come.
    pub max_bytes: u64,
    /// Most bytes after expansion.
    pub limits: Limits,
}

/// Who is asked for a file, and what its absence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A publisher that lacks it has moved: an error.
    Always,
    /// A publisher may lack it: the file of a year that has just begun.
    MayLack,
    /// Only mirrors are asked: another form of the same data, that they may have instead.
    OnlyMirrors,
}

/// What a file says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edition {
    /// The publisher's version, catalogue or model. Empty: none.
    pub version: String,
    pub published_at: Option<Timestamp>,
}

/// What ended a file before its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct ParseError {
    pub name: String,
    pub reason: String,
}

/// Every feed, in the order of the guide.
pub const FEEDS: &[Feed] = &[debian::FEED, nvd::FEED, kev::FEED, epss::FEED, vulnrichment::FEED];

/// The feed with this id.
pub fn feed(id: &str) -> Option<&'static Feed> {
    FEEDS.iter().find(|feed| feed.id == id)
}

/// The ids of all feeds, for messages.
pub fn known_ids() -> String {
    FEEDS.iter().map(|feed| feed.id).collect::<Vec<_>>().join(", ")
}

/// The feed that speaks for a distribution's packages. `None`: no feed does, so its packages are unknown.
pub fn advisory_feed(distribution: &str) -> Option<&'static str> {
    (distribution == debian::FEED.id).then_some(debian::FEED.id)
}

/// Where people read an advisory. Empty: its publisher has no page for it.
pub fn advisory_url(feed: &str, id: &str) -> String {
    if feed == debian::FEED.id { debian::advisory_url(id) } else { String::new() }
}

/// One mebibyte.
pub(crate) const MIB: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_and_file_names_are_unique_and_fit_a_path() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().expect("an instant");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let ids: BTreeSet<_> = FEEDS.iter().map(|feed| feed.id).collect();
        assert_eq!(ids.len(), FEEDS.len());
        for feed in FEEDS {
            let requests = (feed.requests)(now);
            let names: BTreeSet<_> = requests.iter().map(|r| r.name.as_str()).collect();
            assert_eq!(names.len(), requests.len(), "{}", feed.id);
            assert!(names.iter().all(|name| name.chars().all(plain)), "{}", feed.id);
            assert!(requests.iter().all(|r| r.url.starts_with("https://")), "{}", feed.id);
        }
    }
}
