//! What was known when: every version of each fact that verdicts rest on and publishers change or take back.
//!
//! Valid time is in the fact itself (the day a flaw was listed); knowledge time is kept here. What a feed says when it is here
//! as a whole for the first time speaks for the time before it too: nobody knows better. What it says later, it did not say
//! before.

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
/// How the file's name begins: another form has another name, and is not read.
const NAME: &str = "facts";

/// One version of one fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) record: Record,
    pub(super) known_from: Timestamp,
    /// `None`: it is what the feed says now.
    pub(super) known_to: Option<Timestamp>,
    /// `false`: the feed was here as a whole, and did not say so.
    pub(super) said: bool,
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
            current.insert(key, Version { record, known_from, known_to: None, said: true });
        })?;
    }
    past.extend(silences(folder, state, &past, &live, &current, now));
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

/// What the feed says now, and did not say when it was here as a whole. Two feeds give SSVC answers, and the silence of one
/// says nothing of the other's; besides, CISA dates them.
fn silences(
    folder: &FeedFolder,
    state: &FeedState,
    past: &[Version],
    live: &HashMap<Key, Version>,
    current: &BTreeMap<Key, Version>,
    now: Timestamp,
) -> Vec<Version> {
    let was_whole = folder.old.as_ref().is_some_and(|old| old.snapshot.is_whole());
    let Some(whole_from) = state.whole_from.filter(|whole_from| was_whole && *whole_from < now) else {
        return Vec::new();
    };
    let is_new = |key: &Key, version: &Version| !live.contains_key(key) && !matches!(version.record, Record::Flaw(_));
    let mut begins: BTreeMap<&Key, Timestamp> =
        current.iter().filter(|(key, version)| is_new(key, version)).map(|(key, _)| (key, whole_from)).collect();
    for version in past {
        let (Some((key, _)), Some(ended)) = (fact(&version.record), version.known_to) else { continue };
        if let Some(begin) = begins.get_mut(&key) {
            *begin = ended.max(*begin);
        }
    }
    let silence = |(key, known_from): (&Key, Timestamp)| {
        let record = current[key].record.clone();
        Version { record, known_from, known_to: Some(now), said: false }
    };
    begins.into_iter().map(silence).collect()
}

/// The versions that are kept of a feed's facts.
pub(super) fn read(folder: &FeedFolder, name: &str) -> io::Result<Vec<Version>> {
    let mut versions = Vec::new();
    if name.starts_with(NAME) && folder.path.join(name).is_file() {
        records::read_frames(&folder.path.join(name), &mut |version| versions.push(version))?;
    }
    Ok(versions)
}

/// The versions that are no longer what their feed says.
pub(super) fn past(path: &Path, sink: &mut dyn FnMut(&str, Past)) -> io::Result<()> {
    let is_read = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(NAME));
    if !is_read || !path.is_file() {
        return Ok(());
    }
    records::read_frames(path, &mut |version: Version| {
        let Some(known_to) = version.known_to else { return };
        let (known_from, said) = (version.known_from, version.said);
        let (id, fact) = match version.record {
            Record::Kev { id, kev } => (id, Fact::Kev(kev)),
            Record::Epss { id, epss } => (id, Fact::Epss(epss)),
            Record::Exploit { id, exploit } => (id, Fact::Exploit(exploit)),
            Record::Flaw(Flaw { id, ssvc: Some(ssvc), .. }) => (id, Fact::Ssvc(ssvc)),
            _ => return,
        };
        sink(id.as_str(), Past { fact, said, known_from, known_to });
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
    let name = FeedFolder::records_name(NAME, &hex::encode(hash.finalize()));
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
        (Record::Epss { id, .. }, Some(to)) if version.said && now.duration_since(to) > DAILY_FOR => {
            kept.insert((id.as_str().to_owned(), version.known_from.as_second() / MONTH_SECONDS), ()).is_none()
        }
        _ => true,
    });
}
