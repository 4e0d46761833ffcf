//! What is stored of a feed: its folder, the list of its files, and the one step that switches them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use domain::feed::FeedSnapshot;
use feeds::Asked;
use jiff::{SignedDuration, Timestamp};
use outside::file::{remove_unfinished, write_atomically};
use outside::{Source, Validators};
use serde::{Deserialize, Serialize};

use super::SyncError;

/// Names the records in use; replacing it is what switches a feed.
const STATE_FILE: &str = "snapshot.json";
const RECORDS: &str = ".records";
/// A file of [`Asked::Weekly`] rests this long. What changes meanwhile, another file brings, of the last eight days at
/// NVD: a day less than a week leaves one for a publisher that makes its files once a day, and one for a late run.
const REST: SignedDuration = SignedDuration::from_hours(6 * 24);
/// Problems that a snapshot names.
pub(super) const NAMED_PROBLEMS: usize = 20;

/// A feed as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FeedState {
    pub(super) snapshot: FeedSnapshot,
    /// In the order of the feed's requests.
    pub(super) files: Vec<FileState>,
    /// What accumulates from one synchronisation to the next. `None`: nothing does.
    #[serde(default)]
    pub(super) documents: Option<Documents>,
    /// When the records last became what they are: what the knowledge file says, so that the same records give the same
    /// bytes.
    #[serde(default)]
    pub(super) changed_at: Option<Timestamp>,
    /// When it was first here as a whole: what it says for the first time later, it did not say before.
    #[serde(default)]
    pub(super) whole_from: Option<Timestamp>,
    /// File of the versions of each fact over time, in the feed's folder. Empty: there is none.
    #[serde(default)]
    pub(super) history: String,
}

/// The documents of a feed that are fetched one by one, or as changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Documents {
    /// File of their records in the feed's folder.
    pub(super) records: String,
    pub(super) parser: u32,
    /// Where the complete set came from.
    pub(super) source: String,
    pub(super) document_count: u64,
    pub(super) record_count: u64,
    pub(super) problem_count: u64,
    pub(super) problems: Vec<String>,
    /// What went wrong with single files, by their names.
    #[serde(default)]
    pub(super) faults: BTreeMap<String, Fault>,
    /// When everything was last there, not only changes. `None`: never, so they are a part.
    pub(super) complete_at: Option<Timestamp>,
    pub(super) version: String,
    pub(super) published_at: Option<Timestamp>,
    /// The mirror says that it has only a part.
    pub(super) partial: bool,
    /// There are documents that the latest run left for the next one, or could not learn of.
    #[serde(default)]
    pub(super) unfinished: bool,
}

impl Documents {
    /// What was written before faults were told apart is one, until everything is read again.
    fn tell_faults(&mut self) {
        let at = self.complete_at.unwrap_or_default();
        if self.faults.is_empty() && self.problem_count > 0 {
            let fault =
                Fault { count: self.problem_count, problems: self.problems.clone(), revision: String::new(), at };
            self.faults.insert(String::new(), fault);
        }
    }

    /// The same with other faults.
    pub(super) fn with(self, faults: BTreeMap<String, Fault>) -> Self {
        let named = faults.values().flat_map(|fault| &fault.problems).take(NAMED_PROBLEMS);
        let problems = named.cloned().collect();
        Self { problem_count: faults.values().map(|fault| fault.count).sum(), problems, faults, ..self }
    }
}

/// What went wrong with one file of documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fault {
    pub(super) count: u64,
    /// The first problems, for people.
    pub(super) problems: Vec<String>,
    /// Of the document that could not be taken over. Empty: it was.
    pub(super) revision: String,
    pub(super) at: Timestamp,
}

impl FeedState {
    pub(super) fn never(id: &str) -> Self {
        Self {
            snapshot: FeedSnapshot::never(id),
            files: Vec::new(),
            documents: None,
            changed_at: None,
            whole_from: None,
            history: String::new(),
        }
    }

    /// The files of its records, in the order in which later ones override earlier ones.
    pub(super) fn record_files(&self) -> impl DoubleEndedIterator<Item = &str> {
        let documents = self.documents.iter().map(|documents| documents.records.as_str());
        documents.chain(self.files.iter().map(|file| file.records.as_str()).filter(|records| !records.is_empty()))
    }

    /// The snapshot as the knowledge file carries it: without what changes although no record does.
    pub(super) fn settled(&self) -> FeedSnapshot {
        let fetched_at = self.snapshot.fetched_at.and(self.changed_at.or(self.snapshot.fetched_at));
        FeedSnapshot { fetched_at, last_error: None, ..self.snapshot.clone() }
    }
}

/// One file of a feed, and the records that were read from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileState {
    pub(super) name: String,
    /// Where it came from: another source's validators say nothing.
    pub(super) source: String,
    pub(super) validators: Validators,
    /// Of the bytes as they came.
    pub(super) sha256: String,
    pub(super) parser: u32,
    /// It was read to its end.
    pub(super) complete: bool,
    /// Its mirror says that it is only a part.
    pub(super) partial: bool,
    pub(super) version: String,
    pub(super) published_at: Option<Timestamp>,
    pub(super) record_count: u64,
    pub(super) problem_count: u64,
    pub(super) problems: Vec<String>,
    /// File of the records in the feed's folder. Empty: they went into the documents.
    pub(super) records: String,
    /// When its publisher was last asked for it.
    #[serde(default)]
    pub(super) asked_at: Option<Timestamp>,
}

impl FileState {
    /// Can be taken over as it is when the source's bytes are the same.
    pub(super) fn is_current(&self) -> bool {
        self.complete && self.parser == feeds::PARSER_VERSION
    }

    /// Whether its publisher need not be asked again yet. A mirror may change at any time, and costs nothing.
    pub(super) fn rests(&self, asked: Asked, source: &Source, now: Timestamp) -> bool {
        asked == Asked::Weekly
            && matches!(source, Source::Publishers(_))
            && self.is_current()
            && self.source == source.name()
            && self.asked_at.is_some_and(|asked_at| now.duration_since(asked_at) < REST)
    }
}

/// The folder of one feed.
#[derive(Debug)]
pub(super) struct FeedFolder {
    pub(super) path: PathBuf,
    /// What the next state is built on: without what has to be fetched again.
    pub(super) old: Option<FeedState>,
    /// The state as it is in use, where all of its records are here.
    pub(super) in_use: Option<FeedState>,
}

impl FeedFolder {
    /// Opens a feed's folder and clears what an interrupted run left; the caller holds the lock.
    pub(super) fn open(root: &Path, id: &str) -> io::Result<Self> {
        let path = root.join(id);
        fs::create_dir_all(&path)?;
        remove_unfinished(&path)?;
        let mut old = read(&path, id);
        let is_here = |state: &FeedState| state.record_files().all(|records| path.join(records).is_file());
        let in_use = old.clone().filter(is_here);
        // Records that somebody removed are fetched again.
        if let Some(state) = &mut old {
            state.files.retain(|file| file.records.is_empty() || path.join(&file.records).is_file());
            state.documents = state.documents.take().filter(|documents| {
                documents.parser == feeds::PARSER_VERSION && path.join(&documents.records).is_file()
            });
            if let Some(documents) = &mut state.documents {
                documents.tell_faults();
            } else {
                state.files.retain(|file| !file.records.is_empty());
            }
        }
        Ok(Self { path, old, in_use })
    }

    pub(super) fn old_file(&self, name: &str) -> Option<&FileState> {
        self.old.as_ref()?.files.iter().find(|file| file.name == name)
    }

    /// The place of a file's records: another content or another parser is another file.
    pub(super) fn records_name(name: &str, sha256: &str) -> String {
        let short = sha256.get(..16).unwrap_or(sha256);
        format!("{name}.{short}.v{}{RECORDS}", feeds::PARSER_VERSION)
    }

    /// Switches the feed to this state, then removes the records that it no longer names.
    pub(super) fn switch(&self, state: &FeedState) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(state).map_err(io::Error::other)?;
        write_atomically(&self.path.join(STATE_FILE), &text)
    }

    /// Removes records that no state names.
    pub(super) fn clear(&self, state: &FeedState) -> io::Result<()> {
        let files = state.files.iter().map(|file| file.records.as_str());
        let documents = state.documents.iter().map(|documents| documents.records.as_str());
        let named: BTreeSet<&str> = files.chain(documents).chain([state.history.as_str()]).collect();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(RECORDS) && !named.contains(name.as_ref()) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// When the stored state was written.
pub(super) fn changed(folder: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(folder.join(STATE_FILE)).and_then(|meta| meta.modified()).ok()
}

/// Reads the stored state. An unreadable one counts as a failure, with its reason, never as nothing.
pub(super) fn read(folder: &Path, id: &str) -> Option<FeedState> {
    let failed = |reason: String| {
        let last_error = Some(format!("cannot read {}: {reason}", folder.join(STATE_FILE).display()));
        FeedState { snapshot: FeedSnapshot { last_error, ..FeedSnapshot::never(id) }, ..FeedState::never(id) }
    };
    match fs::read(folder.join(STATE_FILE)) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap_or_else(|error| failed(error.to_string()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(failed(error.to_string())),
    }
}

/// Keeps a second synchronisation of the same data folder out, for as long as it lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(root: &Path) -> Result<Self, SyncError> {
        let path = root.join(".lock");
        let failed = |source| SyncError::Io { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(SyncError::Busy(root.to_owned())),
            Err(fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use outside::{ClientOptions, NeverTouch};

    use super::*;

    fn file(asked_at: &str, source: &str) -> FileState {
        FileState {
            name: "nvdcve-2.0-2024.json".to_owned(),
            source: source.to_owned(),
            validators: Validators::default(),
            sha256: String::new(),
            parser: feeds::PARSER_VERSION,
            complete: true,
            partial: false,
            version: String::new(),
            published_at: None,
            record_count: 1,
            problem_count: 0,
            problems: Vec::new(),
            records: "records".to_owned(),
            asked_at: Some(asked_at.parse().expect("an instant")),
        }
    }

    #[test]
    fn a_weekly_file_is_asked_for_before_another_file_forgets_what_changed() {
        let publishers = Source::publishers(ClientOptions::default(), NeverTouch::default()).expect("a client");
        let of = |asked_at| file(asked_at, publishers.name());
        let now = |text: &str| text.parse().expect("an instant");
        let rests = |file: &FileState, asked, at| file.rests(asked, &publishers, now(at));
        let monday = of("2099-03-02T00:00:00Z");
        assert!(rests(&monday, Asked::Weekly, "2099-03-07T23:59:59Z"));
        assert!(!rests(&monday, Asked::Weekly, "2099-03-08T00:00:00Z"), "six days later");
        assert!(!rests(&monday, Asked::Weekly, "2099-04-02T00:00:00Z"), "however long nobody asked");
        assert!(!rests(&monday, Asked::Always, "2099-03-02T01:00:00Z"));
        assert!(!rests(&file("2099-03-02T00:00:00Z", "/srv/mirror"), Asked::Weekly, "2099-03-02T01:00:00Z"));
        let of_old_parser = FileState { parser: feeds::PARSER_VERSION - 1, ..monday.clone() };
        assert!(!rests(&of_old_parser, Asked::Weekly, "2099-03-02T01:00:00Z"));
        let cut_off = FileState { complete: false, ..monday };
        assert!(!rests(&cut_off, Asked::Weekly, "2099-03-02T01:00:00Z"));
    }
}
