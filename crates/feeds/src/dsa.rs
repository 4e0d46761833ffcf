//! Debian's lists of security notices: which source package was fixed in which version, release by release.
//!
//! They name what was fixed and say nothing of the rest: a release does not count as spoken for by them.

use std::io::{BufRead, Read as _};

use domain::advisory::{Advisory, Rank, Statement};
use domain::component::{Ecosystem, Release};
use domain::record::Record;
use domain::vulnerability::VulnerabilityId;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use outside::unpack::Limits;
use outside::unpack::input::Input;

use crate::json::excerpt;
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, streamed};

const LISTS: &str = "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/";
/// A longer line is no notice.
const LINE_BYTES_MAX: u64 = 64 * 1024;

pub(crate) const FEED: Feed = Feed {
    id: "dsa",
    title: "Debian security notices (DSA, DLA)",
    licence: "published freely by the Debian project",
    attribution: "Security notices by the Debian project (https://www.debian.org/security).",
    requests,
    follow: None,
    parse,
};

/// The notice's page.
pub(crate) fn advisory_url(id: &str) -> String {
    format!("https://security-tracker.debian.org/tracker/{id}")
}

fn requests(_known: &Known) -> Vec<Request> {
    let list = |name: &str| Request {
        name: format!("{name}.list"),
        url: format!("{LISTS}{name}/list"),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 64 * MIB,
        limits: Limits::bytes(64 * MIB),
    };
    vec![list("DSA"), list("DLA")]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    streamed(input, |name, reader| read(name, reader, sink, problems))
}

/// One notice, as far as it was read.
#[derive(Default)]
struct Notice {
    id: String,
    cves: Vec<VulnerabilityId>,
}

fn read(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let mut notice = Notice::default();
    let mut bytes = Vec::new();
    let mut notices = 0_u64;
    let mut edition = Edition::default();
    loop {
        bytes.clear();
        let read = (&mut *reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes);
        let read = read.map_err(|e| ParseError { name: name.to_owned(), reason: e.to_string() })?;
        if read == 0 {
            break;
        }
        // Half a version is another version.
        if bytes.last() != Some(&b'\n') {
            return Err(ParseError { name: name.to_owned(), reason: "it ends in the middle of a line".to_owned() });
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        let inner = line.trim_start();
        if let Some((day, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            notices += 1;
            edition.published_at = edition.published_at.max(dated(day));
            notice = Notice { id: rest.split_whitespace().next().unwrap_or_default().to_owned(), cves: Vec::new() };
        } else if let Some(list) = inner.strip_prefix('{').and_then(|list| list.strip_suffix('}')) {
            let ids = list.split_whitespace().map(VulnerabilityId::new);
            notice.cves = ids.filter_map(Result::ok).filter(VulnerabilityId::is_cve).collect();
        } else if inner.starts_with('[') && !notice.id.is_empty() {
            match fix(inner) {
                Ok(Some((release, source, statement))) => tell(&notice, &release, source, &statement, sink),
                Ok(None) => {}
                Err(reason) => problems.add(&notice.id, &reason),
            }
        }
    }
    if notices == 0 {
        return Err(ParseError { name: name.to_owned(), reason: "it holds no notice".to_owned() });
    }
    Ok(edition)
}

/// The day of a notice, as `02 Apr 2023`.
fn dated(day: &str) -> Option<Timestamp> {
    let day = Date::strptime("%d %b %Y", day.trim()).ok()?;
    Offset::UTC.to_timestamp(day.into()).ok()
}

/// `[codename] - source version`: what was fixed where. `None`: nothing in versions.
fn fix(line: &str) -> Result<Option<(Release, &str, Statement)>, String> {
    let no_line = || format!("{:?} is no line about a release", excerpt(line));
    let (codename, rest) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(no_line)?;
    let mut words = rest.trim().strip_prefix('-').ok_or_else(no_line)?.split_whitespace();
    let (source, version) = (words.next().ok_or_else(no_line)?, words.next().unwrap_or_default());
    let release = Release { distribution: "debian".to_owned(), name: codename.to_owned() };
    let statement = match version {
        "<not-affected>" => Statement::NotAffected,
        "<end-of-life>" => Statement::EndOfLife,
        "<unfixed>" => Statement::Open,
        "<undetermined>" => Statement::Undetermined,
        "" => return Ok(None),
        version if version.starts_with('<') => return Ok(None),
        version => Statement::FixedIn { version: version.to_owned() },
    };
    Ok(Some((release, source, statement)))
}

fn tell(notice: &Notice, release: &Release, source: &str, statement: &Statement, sink: &mut dyn FnMut(Record)) {
    // A notice without a CVE is about a flaw that has no other name.
    let own = VulnerabilityId::new(notice.id.as_str()).ok();
    let ids: Vec<&VulnerabilityId> =
        if notice.cves.is_empty() { own.iter().collect() } else { notice.cves.iter().collect() };
    for id in ids {
        let advisory = Advisory::new(
            FEED.id,
            notice.id.as_str(),
            Ecosystem::Deb,
            release.clone(),
            source,
            id.clone(),
            statement.clone(),
        );
        sink(Record::Advisory(Advisory { rank: Rank::VendorNotice, ..advisory }));
    }
}
