//! What was known when: every version of each fact that verdicts rest on and publishers change or take back.
//!
//! Valid time is in the fact itself (the day a flaw was listed); knowledge time is kept here. The first version of a fact
//! that this installation ever saw speaks for the time before it too: nobody knows better.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use domain::record::{Flaw, Record};
use jiff::{SignedDuration, Timestamp};
use knowledge::{Fact, Past};
use outside::file::AtomicFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::records::{self, FrameWriter};
use super::state::{FeedFolder, FeedState};

/// Every day's EPSS is kept this long; then one a month, which is what probabilities over past windows need.
const DAILY_FOR: SignedDuration = SignedDuration::from_hours(24 * 35);
const MONTH_SECONDS: i64 = 30 * 86_400;

/// One version of one fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) record: Record,
    pub(super) known_from: Timestamp,
    /// `None`: it is what the feed says now.
    pub(super) known_to: Option<Timestamp>,
}

/// Names a fact whatever its content.
type Key = (u8, String, String);

/// The part of a record whose versions are kept. `None`: none of it is.
fn fact(record: &Record) -> Option<(Key, Record)> {
    Some(match record {
        Record::Kev { id, .. } => ((0, id.as_str().to_owned(), String::new()), record.clone()),
        Record::Epss { id, .. } => ((1, id.as_str().to_owned(), String::new()), record.clone()),
        Record::Exploit { id, exploit } => {
            ((2, id.as_str().to_owned(), format!("{:?} {}", exploit.kind, exploit.name)), record.clone())
        }
        Record::Flaw(flaw) if flaw.ssvc.is_some() => {
            let only = Flaw { ssvc: flaw.ssvc, ..Flaw::bare(flaw.id.clone()) };
            ((3, flaw.id.as_str().to_owned(), String::new()), Record::Flaw(only))
        }
        _ => return None,
    })
}

/// Compares the feed's records with the versions that are kept, and keeps what is new.
pub(super) fn update(folder: &FeedFolder, state: &mut FeedState, now: Timestamp) -> io::Result<()> {
    let unchanged = folder.old.as_ref().is_some_and(|old| old.snapshot.sha256 == state.snapshot.sha256);
    if unchanged && (state.history.is_empty() || folder.path.join(&state.history).is_file()) {
        return Ok(());
    }
    let old = read(folder, &state.history)?;
    let (mut past, mut live): (Vec<Version>, HashMap<Key, Version>) = (Vec::new(), HashMap::new());
    for version in old {
        match (version.known_to, fact(&version.record)) {
            (None, Some((key, _))) => drop(live.insert(key, version)),
            _ => past.push(version),
        }
    }
    let mut current: BTreeMap<Key, Version> = BTreeMap::new();
    for file in state.record_files() {
        records::read(&folder.path.join(file), &mut |record| {
            let Some((key, record)) = fact(&record) else { return };
            let known_from = match live.get(&key) {
                Some(known) if known.record == record => known.known_from,
                _ => now,
            };
            current.insert(key, Version { record, known_from, known_to: None });
        })?;
    }
    for (key, version) in live {
        if current.get(&key).is_none_or(|newer| newer.record != version.record) {
            past.push(Version { known_to: Some(now), ..version });
        }
    }
    if current.is_empty() && past.is_empty() {
        state.history = String::new();
        return Ok(());
    }
    thin(&mut past, now);
    write(folder, state, past.iter().chain(current.values()))
}

/// The versions that are kept of a feed's facts.
pub(super) fn read(folder: &FeedFolder, name: &str) -> io::Result<Vec<Version>> {
    let mut versions = Vec::new();
    if !name.is_empty() && folder.path.join(name).is_file() {
        records::read_frames(&folder.path.join(name), &mut |version| versions.push(version))?;
    }
    Ok(versions)
}

/// The versions that are no longer what their feed says.
pub(super) fn past(path: &Path, sink: &mut dyn FnMut(&str, Past)) -> io::Result<()> {
    if !path.is_file() {
        return Ok(());
    }
    records::read_frames(path, &mut |version: Version| {
        let Some(known_to) = version.known_to else { return };
        let known_from = version.known_from;
        let (id, fact) = match version.record {
            Record::Kev { id, kev } => (id, Fact::Kev(kev)),
            Record::Epss { id, epss } => (id, Fact::Epss(epss)),
            Record::Exploit { id, exploit } => (id, Fact::Exploit(exploit)),
            Record::Flaw(Flaw { id, ssvc: Some(ssvc), .. }) => (id, Fact::Ssvc(ssvc)),
            _ => return,
        };
        sink(id.as_str(), Past { fact, known_from, known_to });
    })
}

fn write<'a>(
    folder: &FeedFolder,
    state: &mut FeedState,
    versions: impl Iterator<Item = &'a Version>,
) -> io::Result<()> {
    let mut hash = Sha256::new();
    hash.update(&state.history);
    hash.update(&state.snapshot.sha256);
    let name = FeedFolder::records_name("history", &hex::encode(hash.finalize()));
    let mut file = AtomicFile::create(&folder.path.join(&name))?;
    let mut writer = FrameWriter::new(&mut file)?;
    for version in versions {
        writer.write(version)?;
    }
    writer.finish()?;
    file.commit()?;
    state.history = name;
    Ok(())
}

/// Thins old daily scores out: of each vulnerability one a month.
fn thin(past: &mut Vec<Version>, now: Timestamp) {
    let mut kept: HashMap<(String, i64), ()> = HashMap::new();
    past.sort_by_key(|version| version.known_from);
    past.retain(|version| match (&version.record, version.known_to) {
        (Record::Epss { id, .. }, Some(to)) if now.duration_since(to) > DAILY_FOR => {
            kept.insert((id.as_str().to_owned(), version.known_from.as_second() / MONTH_SECONDS), ()).is_none()
        }
        _ => true,
    });
}
