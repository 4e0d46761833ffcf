//! Debian security tracker: who is affected in which Debian release, and from which version on no more.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::BufRead;
use std::rc::Rc;

use domain::advisory::{Advisory, Statement};
use domain::component::{Ecosystem, Release};
use domain::record::Record;
use domain::vulnerability::VulnerabilityId;
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{excerpt, ignore_rest, parse_error, streaming};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, streamed};

const ID: &str = "debian";
const URL: &str = "https://security-tracker.debian.org/tracker/data/json";

pub(crate) const FEED: Feed = Feed {
    id: ID,
    title: "Debian security tracker",
    licence: "published freely by the Debian project",
    attribution: "Vulnerability status by the Debian security tracker (https://security-tracker.debian.org).",
    requests,
    follow: None,
    parse,
};

/// The tracker's page of a CVE or of a temporary name.
pub(crate) fn advisory_url(id: &str) -> String {
    format!("https://security-tracker.debian.org/tracker/{id}")
}

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "tracker.json".to_owned(),
        url: URL.to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 512 * MIB,
        limits: Limits::bytes(1024 * MIB),
    }]
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
    let (mut deserializer, since_record) = streaming(reader);
    let mut tracker = Tracker { sink, problems, since_record, releases: BTreeSet::new(), unreadable: Vec::new() };
    let ended = deserializer.deserialize_map(Sources { tracker: &mut tracker }).and_then(|()| deserializer.end());
    tracker.finish();
    ended.map_err(|e| parse_error(name, &e))?;
    Ok(Edition::default())
}

/// One vulnerability of one source package, as the tracker writes it.
#[derive(Deserialize)]
struct Entry {
    releases: BTreeMap<String, Status>,
}

#[derive(Deserialize)]
struct Status {
    status: String,
    #[serde(default)]
    fixed_version: Option<String>,
    #[serde(default)]
    urgency: Option<String>,
    #[serde(default)]
    nodsa_reason: Option<String>,
}

struct Tracker<'a> {
    sink: &'a mut dyn FnMut(Record),
    problems: &'a mut Problems,
    since_record: Rc<Cell<u64>>,
    releases: BTreeSet<String>,
    /// Source package and vulnerability of entries that could not be read, in no release.
    unreadable: Vec<(String, VulnerabilityId)>,
}

/// Most unreadable entries that are remembered: a file with more is broken as a whole, and its problems say so.
const MAX_UNREADABLE: usize = 100_000;

impl Tracker<'_> {
    /// A release counts as covered as soon as one statement names it, even when the rest of the file is cut off. What
    /// could not be read is undetermined in all of them: a package must not look clean because of a typing error.
    fn finish(&mut self) {
        let releases = std::mem::take(&mut self.releases);
        for (source, vulnerability) in std::mem::take(&mut self.unreadable) {
            for codename in &releases {
                let advisory = advisory_of(codename, &source, &vulnerability, Statement::Undetermined, String::new());
                (self.sink)(Record::Advisory(advisory));
            }
        }
        for name in releases {
            (self.sink)(Record::Release { ecosystem: Ecosystem::Deb, release: release(&name) });
        }
    }

    fn source(&mut self, name: &str) {
        let record = Record::Source { ecosystem: Ecosystem::Deb, distribution: ID.to_owned(), name: name.to_owned() };
        (self.sink)(record);
    }

    fn entry(&mut self, source: &str, id: &str, raw: &RawValue) {
        let record = || format!("{} {}", excerpt(source), excerpt(id));
        let vulnerability = match VulnerabilityId::new(id) {
            Ok(vulnerability) => vulnerability,
            Err(error) => return self.problems.add(&record(), &error),
        };
        let entry: Entry = match serde_json::from_str(raw.get()) {
            Ok(entry) => entry,
            Err(error) => {
                self.problems.add(&record(), &error);
                if self.unreadable.len() < MAX_UNREADABLE {
                    self.unreadable.push((source.to_owned(), vulnerability));
                }
                return;
            }
        };
        for (codename, status) in entry.releases {
            if !is_codename(&codename) {
                self.problems.add(&format!("{} {}", record(), excerpt(&codename)), &"this is no release name");
                continue;
            }
            let statement = statement(&status).unwrap_or_else(|reason| {
                self.problems.add(&format!("{} {codename}", record()), &reason);
                Statement::Undetermined
            });
            let urgency = urgency(status.urgency.as_deref());
            (self.sink)(Record::Advisory(advisory_of(&codename, source, &vulnerability, statement, urgency)));
            if !self.releases.contains(&codename) {
                self.releases.insert(codename);
            }
        }
    }
}

fn advisory_of(
    codename: &str,
    source: &str,
    vulnerability: &VulnerabilityId,
    statement: Statement,
    urgency: String,
) -> Advisory {
    let id = vulnerability.as_str();
    let release = release(codename);
    let advisory = Advisory::new(ID, id, Ecosystem::Deb, release, source, vulnerability.clone(), statement);
    Advisory { urgency, ..advisory }
}

fn release(codename: &str) -> Release {
    Release { distribution: ID.to_owned(), name: codename.to_owned() }
}

fn is_codename(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(plain)
}

/// The statement, kept as the vendor means it: nothing is guessed into "fixed" or "not affected".
fn statement(status: &Status) -> Result<Statement, String> {
    let end_of_life = status.urgency.as_deref() == Some("end-of-life");
    match (status.status.as_str(), status.fixed_version.as_deref()) {
        ("resolved", Some("0")) => Ok(Statement::NotAffected),
        ("resolved", Some(version)) if is_version(version) => Ok(Statement::FixedIn { version: version.to_owned() }),
        ("resolved", Some(version)) => Err(format!("the fixed version {:?} is no version", excerpt(version))),
        ("resolved", None) => Err("resolved without a fixed version".to_owned()),
        ("open" | "undetermined", _) if end_of_life => Ok(Statement::EndOfLife),
        ("open", _) => Ok(match status.nodsa_reason.as_deref() {
            Some("postponed") => Statement::Postponed,
            Some("ignored") => Statement::Ignored,
            _ => Statement::Open,
        }),
        ("undetermined", _) => Ok(Statement::Undetermined),
        (other, _) => Err(format!("unknown status {:?}", excerpt(other))),
    }
}

/// Tells whether the text can be a version at all; the order of versions is another crate's business.
fn is_version(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The urgency in the tracker's own words; "not yet assigned" is none.
fn urgency(text: Option<&str>) -> String {
    match text.unwrap_or_default().trim_end_matches('*') {
        "not yet assigned" | "end-of-life" => String::new(),
        word => excerpt(word),
    }
}

/// The outer object: source package → its vulnerabilities.
struct Sources<'a, 'b> {
    tracker: &'a mut Tracker<'b>,
}

impl<'de> Visitor<'de> for Sources<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of source packages")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(source) = map.next_key::<String>()? {
            let named = (1..=128).contains(&source.len()) && source.bytes().all(|b| b.is_ascii_graphic());
            if !named {
                self.tracker.problems.add(&excerpt(&source), &"this is no source package name");
            }
            map.next_value_seed(Vulnerabilities {
                tracker: self.tracker,
                source: named.then_some(source.as_str()),
                name: &source,
            })?;
        }
        Ok(())
    }
}

/// The inner object: vulnerability → its entry. Anything else in its place is a problem of that source package.
struct Vulnerabilities<'a, 'b> {
    tracker: &'a mut Tracker<'b>,
    /// `None`: the name cannot be used; the entries are read over.
    source: Option<&'a str>,
    name: &'a str,
}

impl Vulnerabilities<'_, '_> {
    fn not_an_object(self) {
        self.tracker.problems.add(&excerpt(self.name), &"no object of vulnerabilities");
    }
}

impl<'de> DeserializeSeed<'de> for Vulnerabilities<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Vulnerabilities<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of vulnerabilities")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if let Some(source) = self.source {
            self.tracker.source(source);
        }
        while let Some(id) = map.next_key::<String>()? {
            let raw = map.next_value::<Box<RawValue>>()?;
            if let Some(source) = self.source {
                self.tracker.entry(source, &id, &raw);
            }
            self.tracker.since_record.set(0);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        ignore_rest(&mut items)?;
        self.not_an_object();
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.not_an_object();
        Ok(())
    }
}
