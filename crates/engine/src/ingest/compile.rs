//! The knowledge file: compiled from all records, tested, and put in its place in one step.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;

use domain::component::{Ecosystem, Release};
use domain::record::Record;
use knowledge::{Builder, Knowledge};
use outside::file::{AtomicFile, remove_unfinished_of};
use sha2::{Digest as _, Sha256};

use super::state::FeedState;
use super::{KNOWLEDGE_FILE, Progress, Step, SyncError, activate, feeds_dir, history, records, subscriptions};

/// Compiles the knowledge file if it is not up to date, or in any case; tells whether it did.
pub(super) async fn knowledge(data_dir: &Path, anyway: bool, progress: &dyn Progress) -> Result<bool, SyncError> {
    let path = data_dir.join(KNOWLEDGE_FILE);
    remove_unfinished_of(&path).map_err(|source| SyncError::Io { path: path.clone(), source })?;
    let states = states(data_dir);
    if !anyway && (is_current(&path, &states) || activate::is_refused(data_dir, &digest(&states))) {
        return Ok(false);
    }
    activate::accept(data_dir).map_err(|source| SyncError::Io { path: path.clone(), source })?;
    progress.step(Step::Compiling);
    let (folder, target) = (data_dir.to_owned(), path.clone());
    let compiled = tokio::task::spawn_blocking(move || compile(&folder, &target, &states))
        .await
        .map_err(|e| SyncError::Compile(format!("the compiler broke: {e}")))??;
    progress.step(Step::Compiled);
    activate::put_in_place(compiled, &path)?;
    Ok(true)
}

/// What is stored of every feed, in the order of the guide.
fn states(data_dir: &Path) -> Vec<FeedState> {
    let root = feeds_dir(data_dir);
    subscriptions(data_dir).iter().map(|one| one.state(&root)).collect()
}

/// Names these records, whatever was made of them.
fn digest(states: &[FeedState]) -> String {
    let mut hash = Sha256::new();
    for state in states {
        hash.update(serde_json::to_vec(&state.settled()).unwrap_or_default());
    }
    hex::encode(hash.finalize())
}

/// Names the records that are here now.
pub(super) fn digest_now(data_dir: &Path) -> String {
    digest(&states(data_dir))
}

/// Tells whether the file in use holds these records: an interrupted run is made up for.
fn is_current(path: &Path, states: &[FeedState]) -> bool {
    let Ok(knowledge) = Knowledge::open(path) else { return false };
    let mut settled: Vec<_> = states.iter().map(FeedState::settled).collect();
    settled.sort_by(|a, b| a.id.cmp(&b.id));
    knowledge.feeds() == settled
}

fn compile(data_dir: &Path, target: &Path, states: &[FeedState]) -> Result<AtomicFile, SyncError> {
    let io = |source| SyncError::Io { path: target.to_owned(), source };
    let mut builder = Builder::new();
    let mut expected = Expected::default();
    for state in states {
        let id = state.snapshot.id.as_str();
        builder.feed(state.settled());
        let folder = feeds_dir(data_dir).join(id);
        read_feed(&folder, state, &mut |record| {
            expected.note(id, &record);
            builder.record(id, record);
        })?;
        let history = folder.join(&state.history);
        history::past(&history, &mut |id, past| builder.past(id, past))
            .map_err(|error| SyncError::Records { path: history, reason: error.to_string() })?;
    }
    let bytes = builder.finish().map_err(|e| SyncError::Compile(e.to_string()))?;
    let mut file = AtomicFile::create(target).map_err(io)?;
    file.write_all(&bytes).and_then(|()| file.file_mut().sync_all()).map_err(io)?;
    drop(bytes);
    expected.check(file.path(), states).map_err(SyncError::Compile)?;
    Ok(file)
}

/// Reads a feed's records. Of several files that describe one vulnerability, the last one speaks; where they hold
/// documents, the last one that holds the document speaks for all of it.
fn read_feed(folder: &Path, state: &FeedState, sink: &mut dyn FnMut(Record)) -> Result<(), SyncError> {
    let mut described: HashSet<String> = HashSet::new();
    let several = state.record_files().nth(1).is_some();
    for file in state.record_files().rev() {
        let path = folder.join(file);
        let mut here = Vec::new();
        let (mut in_documents, mut overridden) = (false, false);
        let read = records::read(&path, &mut |record| {
            match &record {
                Record::Document { id, .. } if several => {
                    (in_documents, overridden) = (true, described.contains(id));
                    here.push(id.clone());
                }
                Record::Flaw(flaw) if several && !in_documents => {
                    if described.contains(flaw.id.as_str()) {
                        return;
                    }
                    here.push(flaw.id.as_str().to_owned());
                }
                _ => {}
            }
            if !overridden {
                sink(record);
            }
        });
        read.map_err(|error| SyncError::Records { path, reason: error.to_string() })?;
        described.extend(here);
    }
    Ok(())
}

/// A little of what went in, to be found again before the file is put to use.
#[derive(Default)]
struct Expected {
    vulnerabilities: Vec<(String, String)>,
    releases: Vec<(Ecosystem, Release)>,
}

impl Expected {
    /// Remembers the releases, and the first vulnerability of each feed.
    fn note(&mut self, feed: &str, record: &Record) {
        let id = match record {
            Record::Release { ecosystem, release } => {
                self.releases.push((*ecosystem, release.clone()));
                return;
            }
            Record::Source { .. } | Record::Document { .. } | Record::Term(_) | Record::Cycle(_) => return,
            Record::Advisory(advisory) => &advisory.vulnerability,
            Record::Flaw(flaw) => &flaw.id,
            Record::Epss { id, .. }
            | Record::Kev { id, .. }
            | Record::Exploit { id, .. }
            | Record::Usage { id, .. } => id,
        };
        if !self.vulnerabilities.iter().any(|(known, _)| known == feed) {
            self.vulnerabilities.push((feed.to_owned(), id.as_str().to_owned()));
        }
    }

    fn check(&self, path: &Path, states: &[FeedState]) -> Result<(), String> {
        let knowledge = Knowledge::open(path).map_err(|e| e.to_string())?;
        knowledge.verify().map_err(|e| e.to_string())?;
        for state in states {
            if !knowledge.feeds().contains(&state.settled()) {
                return Err(format!("the feed {} is not in it", state.snapshot.id));
            }
        }
        for (feed, id) in &self.vulnerabilities {
            if knowledge.vulnerability(id).is_none() {
                return Err(format!("{id} of the feed {feed} is not found in it"));
            }
        }
        for (ecosystem, release) in &self.releases {
            if knowledge.coverage(*ecosystem, release).is_none() {
                return Err(format!("the release {release} is not found in it"));
            }
        }
        match knowledge.damage() {
            Some(damage) => Err(damage.to_string()),
            None => Ok(()),
        }
    }
}
