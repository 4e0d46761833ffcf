//! One publisher a file: fetch and parse into records; never sees the database.
//!
//! A feed is a value of [`Feed`] in its own file and a line in [`FEEDS`]: what to request, and how to turn the bytes
//! into [`Record`]s. Parsing streams: memory is bounded by one record, whatever the size of the feed. A record that
//! cannot be read is a problem, counted and named, and the others are kept.

mod alma;
mod alpine;
mod attack;
mod attack_cve;
mod capec;
mod certfr;
mod certfr_alertes;
mod certfr_avis;
mod configurations;
mod cve5;
mod csaf;
mod cvelist;
mod cwe;
mod cyclonedx;
mod debian;
mod dsa;
mod endoflife;
mod epss;
mod euvd;
mod exploitdb;
mod friendsofphp;
mod govulndb;
mod intervals;
mod json;
mod kev;
mod local;
mod metasploit;
mod nuclei;
mod nvd;
mod openvex;
mod osv;
mod problems;
mod products;
mod pypa;
mod redhat;
mod rhsa;
mod rubysec;
mod rustsec;
mod stix;
mod ubuntu;
mod vers;
mod vex;
mod vulnrichment;

use std::cmp::Reverse;
use std::io::{self, BufRead};
use std::time::Duration;

use domain::component::{Ecosystem, Release};
use domain::record::Record;
use jiff::Timestamp;
use outside::unpack::Limits;
use outside::unpack::input::Input;

pub use csaf::{InvalidProvider, Provider};
pub use problems::Problems;

/// Documents that the lists of one feed ask for in one run; the next run goes on.
pub const DOCUMENTS_A_RUN: usize = 2000;
/// Documents that one publisher's lists may name: the largest known one has some 300,000.
pub const DOCUMENTS_MAX: usize = 500_000;

/// Bumped whenever a parser changes what it yields: files parsed by an older one are parsed again.
pub const PARSER_VERSION: u32 = 8;

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
    /// The files to ask for, given what is here already. A later one overrides an earlier one where both describe a
    /// vulnerability.
    pub requests: fn(known: &Known) -> Vec<Request>,
    /// What an index file asks for: only for feeds with requests of [`Keep::Index`].
    pub follow: Option<Follow>,
    /// Reads one file. Its name is the one that the answer has in the end, with the day in it for some publishers.
    pub parse: Parse,
}

/// Reads one file into records; the error is what ended it early, with everything before it kept.
pub type Parse =
    fn(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError>;

/// Reads an index: what else to ask for, and what is gone.
pub type Follow =
    fn(input: &mut Input<'_>, asked: &Request, known: &Known, revision: Revisions<'_>) -> Result<Plan, ParseError>;

/// Gives the revision of a document that is here.
pub type Revisions<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is here already of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub now: Timestamp,
    /// When everything was last asked for, not only what changed. `None`: never.
    pub complete_at: Option<Timestamp>,
    /// Newest instant that the publisher gave for its data. `None`: it gave none.
    pub newest: Option<Timestamp>,
    /// Whom the operator named. `None`: the feed has a publisher of its own.
    pub provider: Option<Provider>,
}

impl Known {
    /// Nothing is here yet.
    pub const fn nothing(now: Timestamp) -> Self {
        Self { now, complete_at: None, newest: None, provider: None }
    }
}

/// What an index asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub requests: Vec<Request>,
    /// Documents that are new, or not as they were.
    pub documents: Vec<Listed>,
    /// Documents that the publisher withdrew.
    pub removed: Vec<String>,
    /// The index names everything that the publisher has: what it does not name is gone.
    pub all: Option<Vec<String>>,
    /// There is more to ask for than can be asked in one run.
    pub unfinished: bool,
    /// What in the index cannot be used.
    pub problems: Problems,
}

impl Plan {
    /// Whether the index was one: it names something, or says that there is nothing.
    pub const fn is_useful(&self) -> bool {
        !self.requests.is_empty() || !self.documents.is_empty() || self.all.is_some()
    }
}

/// A document, and what its index says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub request: Request,
    /// What the document is called, whatever it says itself.
    pub document: String,
    /// Another one, and the document is asked for again.
    pub revision: String,
    /// The revision that is here. `None`: the document is not.
    pub here: Option<String>,
    /// Where its SHA-256 or SHA-512 is; the first that exists must agree.
    pub sums: Vec<String>,
    /// Nobody says that the hashes exist.
    pub guessed: bool,
}

impl Listed {
    /// The lower, the sooner it is asked for.
    pub fn urgency(&self) -> impl Ord {
        urgency(self.here.as_deref(), &self.revision, &self.document)
    }
}

/// First what is not here yet, the newest first, then what was fetched longest ago: so everything has its turn.
pub(crate) fn urgency<'a>(here: Option<&'a str>, revision: &'a str, document: &'a str) -> impl Ord + use<'a> {
    let newest = here.is_none().then_some(Reverse(revision));
    (here, newest, Reverse(document))
}

/// One file of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Name of the file in the data folder, unique in the feed.
    pub name: String,
    pub url: String,
    /// Who is asked for it.
    pub asked: Asked,
    pub keep: Keep,
    /// Most bytes as they come.
    pub max_bytes: u64,
    /// Most bytes after expansion.
    pub limits: Limits,
}

/// What becomes of a file's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// They take the place of what the same file said before.
    Replace,
    /// They go into the feed's documents: each [`Record::Document`] takes the place of what that document said before.
    Accumulate,
    /// As [`Keep::Accumulate`], and the file holds everything: documents that are not in it are gone.
    AccumulateAll,
    /// It has no records: it says what else to ask for.
    Index,
}

/// Who is asked for a file, and what its absence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A publisher that lacks it has moved: an error.
    Always,
    /// As [`Asked::Always`], but once a week is enough: what changes in between, another file brings.
    Weekly,
    /// A publisher may lack it: the file of a year that has just begun.
    MayLack,
    /// As [`Asked::MayLack`], and only where the page before it has something.
    NextPage,
    /// Only where the one before it gave nothing of use: another place for the same.
    Otherwise,
    /// The operator's own folder is read.
    Operator,
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
pub const FEEDS: &[Feed] = &[
    debian::FEED,
    dsa::FEED,
    redhat::FEED,
    rhsa::FEED,
    ubuntu::FEED,
    alma::FEED,
    alpine::FEED,
    osv::FEED,
    rustsec::FEED,
    govulndb::FEED,
    pypa::FEED,
    rubysec::FEED,
    friendsofphp::FEED,
    nvd::FEED,
    kev::FEED,
    epss::FEED,
    vulnrichment::FEED,
    cvelist::FEED,
    euvd::FEED,
    certfr_avis::FEED,
    certfr_alertes::FEED,
    exploitdb::FEED,
    metasploit::FEED,
    nuclei::FEED,
    attack::FEED,
    capec::FEED,
    cwe::FEED,
    attack_cve::FEED,
    endoflife::FEED,
    csaf::FEED,
    local::FEED,
];

impl Feed {
    /// How old the publisher's own date may become before something must be wrong.
    pub fn fresh_for_hours(&self) -> u32 {
        const DAY: u32 = 24;
        match self.id {
            // Several times a day, every day.
            "debian" | "nvd" | "vulnrichment" | "cvelist" | "ubuntu" => 2 * DAY,
            // Once a day, with a pause now and then.
            "epss" => 3 * DAY,
            // On working days, and not on all of them.
            "kev" | "certfr-avis" | "euvd" | "redhat" | "rhsa" | "alma" | "osv" => 14 * DAY,
            // Whenever somebody finds something.
            "rustsec" | "govulndb" | "pypa" | "rubysec" | "friendsofphp" | "alpine" | "dsa" => 60 * DAY,
            "exploitdb" | "metasploit" | "nuclei" | "certfr-alertes" | "endoflife" => 60 * DAY,
            // Once or twice a year, or when the operator brings something.
            _ => 500 * DAY,
        }
    }

    /// Fewer records than this are not all that the publisher has: what they do not name is then unknown, and not clean, not
    /// unexploited. About a third of what the publisher had in 2026, or less where only a part of it was at hand to count.
    pub fn least_records(&self) -> u64 {
        match self.id {
            // More than 30,000 CVEs with several products or releases each.
            "redhat" | "ubuntu" => 100_000,
            // Some 50,000 pairs of source package and CVE, most of them in several releases.
            "debian" => 50_000,
            // 281,622 in three releases.
            "alma" => 90_000,
            // 3,999 in two branches of 2020 alone; there are more than ten, and each is larger.
            "alpine" => 10_000,
            "rustsec" => 480,
            "govulndb" => 3_400,
            // 5,302 in 2024.
            "pypa" => 1_700,
            "rubysec" => 800,
            "friendsofphp" => 1_000,
            // More than 300,000 CVEs.
            "nvd" | "cvelist" => 100_000,
            "kev" => 550,
            // 221,346 in 2024.
            "epss" => 70_000,
            // 111,911 in 2024.
            "vulnrichment" => 37_000,
            // Lists of what is exploited overlap: as many as KEV has, at least.
            "euvd" => 550,
            "certfr-alertes" => 160,
            // Some 80,000 pairs of notice and CVE.
            "certfr-avis" => 26_000,
            // 30,084 in 2023.
            "exploitdb" => 10_000,
            // 3,429 and 3,105.
            "metasploit" | "nuclei" => 1_000,
            _ => 0,
        }
    }

    /// The same for one file of a feed whose files speak for different ecosystems.
    pub fn least_records_of(&self, file: &str) -> u64 {
        if self.id == osv::FEED.id { osv::least_records_of(file) } else { 0 }
    }

    /// Whether a record is an entry of the publisher's: pages and weaknesses that come with a listing are none.
    pub fn is_entry(&self, record: &Record) -> bool {
        self.id != kev::FEED.id || matches!(record, Record::Kev { .. })
    }

    /// How long its publisher wants to be left alone between two requests of one run.
    pub fn pause(&self) -> Duration {
        // NVD: "sleep your scripts for six seconds between requests".
        Duration::from_secs(if self.id == nvd::FEED.id { 6 } else { 0 })
    }
}

/// The feed with this id.
pub fn feed(id: &str) -> Option<&'static Feed> {
    FEEDS.iter().find(|feed| feed.id == id)
}

/// Whether a feed holds only what the operator brings.
pub fn is_operators(id: &str) -> bool {
    id == local::FEED.id
}

/// Whether the absence of a feed is no lack: it has nothing but what the operator brings or names.
pub fn is_optional(id: &str) -> bool {
    is_operators(id) || id == csaf::FEED.id
}

/// Whether the operator says who publishes this feed: each of them is a feed of its own.
pub fn has_providers(feed: &Feed) -> bool {
    feed.id == csaf::FEED.id
}

/// The feed that one of its providers is kept under.
pub fn is_provided(feed: &Feed, id: &str) -> bool {
    has_providers(feed) && id.strip_prefix(feed.id).is_some_and(|rest| rest.starts_with('-'))
}

/// The ids of all feeds, for messages.
pub fn known_ids() -> String {
    FEEDS.iter().map(|feed| feed.id).collect::<Vec<_>>().join(", ")
}

/// The feeds whose word decides about packages, for an ecosystem and the release it is in. Empty: nobody speaks for them.
pub fn advisory_feeds(ecosystem: Ecosystem, release: &Release) -> &'static [&'static str] {
    match (ecosystem, release.distribution.as_str()) {
        (Ecosystem::Deb, "debian") => &["debian"],
        (Ecosystem::Deb, "ubuntu") => &["ubuntu"],
        (Ecosystem::Rpm, "rhel") => &["redhat"],
        (Ecosystem::Rpm, "almalinux") => &["alma"],
        (Ecosystem::Apk, "alpine") => &["alpine"],
        (Ecosystem::Rpm, "rocky") | (Ecosystem::Apk, "wolfi" | "chainguard") => &["osv"],
        (Ecosystem::Pypi, _) => &["osv", "pypa"],
        (Ecosystem::Golang, _) => &["osv", "govulndb"],
        (Ecosystem::Cargo, _) => &["osv", "rustsec"],
        (Ecosystem::Gem, _) => &["osv", "rubysec"],
        (Ecosystem::Composer, _) => &["osv", "friendsofphp"],
        (Ecosystem::Npm | Ecosystem::Maven | Ecosystem::Nuget, _) => &["osv"],
        _ => &[],
    }
}

/// Where people read an advisory. Empty: its publisher has no page for it.
pub fn advisory_url(feed: &str, id: &str) -> String {
    match feed {
        "debian" => debian::advisory_url(id),
        "dsa" => dsa::advisory_url(id),
        "redhat" | "rhsa" => redhat::advisory_url(id),
        "ubuntu" => ubuntu::advisory_url(id),
        "alma" => alma::advisory_url(id),
        // Authors of VEX name a document by its address.
        "local" if id.starts_with("https://") => id.to_owned(),
        "alpine" => alpine::advisory_url(id),
        "rustsec" => rustsec::advisory_url(id),
        "govulndb" => govulndb::advisory_url(id),
        "osv" | "pypa" => pypa::advisory_url(id),
        _ => String::new(),
    }
}

/// Lets a parser read a file as a stream.
pub(crate) fn streamed(
    input: &mut Input<'_>,
    parse: impl FnOnce(&str, &mut dyn BufRead) -> Result<Edition, ParseError>,
) -> Result<Edition, ParseError> {
    let name = input.name();
    let mut reader = input.reader().map_err(|error| unpack_error(name, &error))?;
    parse(name, &mut *reader)
}

/// The first byte that is no blank.
pub(crate) fn first_byte(input: &mut Input<'_>) -> Result<Option<u8>, ParseError> {
    let name = input.name();
    let mut reader = input.reader().map_err(|error| unpack_error(name, &error))?;
    let beginning = reader.fill_buf().map_err(|error| unpack_error(name, &error))?;
    Ok(beginning.iter().find(|byte| !byte.is_ascii_whitespace()).copied())
}

/// All bytes; the request bounds them.
pub(crate) fn whole(input: &mut Input<'_>) -> Result<Vec<u8>, ParseError> {
    let name = input.name();
    let mut bytes = Vec::new();
    let mut reader = input.reader().map_err(|error| unpack_error(name, &error))?;
    reader.read_to_end(&mut bytes).map_err(|error| unpack_error(name, &error))?;
    Ok(bytes)
}

/// Why a file could not be unpacked. Errors of the unpacker name the file already.
pub(crate) fn unpack_error(name: &str, error: &io::Error) -> ParseError {
    let text = error.to_string();
    let reason = text.strip_prefix(&format!("{name} ")).map_or_else(|| text.clone(), |rest| format!("it {rest}"));
    ParseError { name: name.to_owned(), reason }
}

/// One mebibyte.
pub(crate) const MIB: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_and_file_names_are_unique_and_fit_a_path() {
        let now = "2026-11-23T00:00:00Z".parse().expect("an instant");
        let known = Known::nothing(now);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let ids: BTreeSet<_> = FEEDS.iter().map(|feed| feed.id).collect();
        assert_eq!(ids.len(), FEEDS.len());
        for feed in FEEDS {
            let requests = (feed.requests)(&known);
            let names: BTreeSet<_> = requests.iter().map(|r| r.name.as_str()).collect();
            assert_eq!(names.len(), requests.len(), "{}", feed.id);
            assert!(names.iter().all(|name| name.chars().all(plain)), "{}", feed.id);
            let is_outside = |request: &Request| request.asked != Asked::Operator;
            assert!(requests.iter().all(|r| !is_outside(r) || r.url.starts_with("https://")), "{}", feed.id);
        }
    }
}
