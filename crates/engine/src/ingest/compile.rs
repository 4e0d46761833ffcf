//! The knowledge file: compiled from all records and the latest import, tested, and put in its place in one step.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;

use domain::component::{Ecosystem, Release};
use domain::feed::FeedSnapshot;
use domain::record::Record;
use knowledge::{Builder, Knowledge};
use outside::file::{AtomicFile, remove_unfinished_of};

use super::activate::{self, New};
use super::imported::{IMPORTED_FILE, Ingredients};
use super::state::FeedState;
use super::{KNOWLEDGE_FILE, Progress, Step, SyncError, feeds_dir, history, records};

/// When the knowledge file is compiled.
#[derive(Debug, Clone, Copy)]
pub(super) enum When<'a> {
    /// Where it is not up to date. These feeds may be lost from it.
    Needed {
        accept_loss: &'a [String],
    },
    Always,
}

/// Compiles the knowledge file; tells whether it did.
pub(super) async fn knowledge(data_dir: &Path, when: When<'_>, progress: &dyn Progress) -> Result<bool, SyncError> {
    let path = data_dir.join(KNOWLEDGE_FILE);
    let io = |source| SyncError::Io { path: path.clone(), source };
    remove_unfinished_of(&path).map_err(io)?;
    let ingredients = Ingredients::now(data_dir)?;
    let (in_use, target) = (path.clone(), path.clone());
    let in_use = off_thread(move || Ok(activate::usable(&in_use))).await?;
    let accept_loss = match when {
        When::Always => &[],
        When::Needed { accept_loss } => accept_loss,
    };
    if let Some(in_use) = &in_use {
        let rests = ingredients.are_in(in_use) || activate::is_refused(data_dir, &ingredients.digest());
        if matches!(when, When::Needed { .. }) && rests {
            return Ok(false);
        }
        let lost = ingredients.lost_from(in_use, accept_loss);
        if !lost.is_empty() {
            return Err(SyncError::Held(lost));
        }
    }
    activate::accept(data_dir).map_err(io)?;
    progress.step(Step::Compiling);
    let folder = data_dir.to_owned();
    let compiled = off_thread(move || compile(&folder, &target, &ingredients)).await?;
    progress.step(Step::Compiled);
    activate::put_in_place(New::Compiled(compiled), data_dir)?;
    Ok(true)
}

/// Puts imported knowledge to use, with what this folder has of its own; gives the hash of what is in use then. What would be
/// lost by it is held, but for these feeds.
pub(super) fn import(data_dir: &Path, bytes: &[u8], accept_loss: &[String]) -> Result<String, SyncError> {
    let (path, target) = (data_dir.join(KNOWLEDGE_FILE), data_dir.join(IMPORTED_FILE));
    for path in [&path, &target] {
        remove_unfinished_of(path).map_err(|source| SyncError::Io { path: path.clone(), source })?;
    }
    let io = |source| SyncError::Io { path: target.clone(), source };
    let mut import = AtomicFile::create(&target).map_err(io)?;
    import.write_all(bytes).and_then(|()| import.file_mut().sync_all()).map_err(io)?;
    let imported = Knowledge::open(import.path()).map_err(|e| SyncError::Compile(e.to_string()))?;
    let ingredients = Ingredients::with(data_dir, Some(imported));
    if let Some(in_use) = activate::usable(&path) {
        let lost = ingredients.lost_by_import(&in_use, accept_loss);
        if !lost.is_empty() {
            return Err(SyncError::Held(lost));
        }
    }
    let is_all = ingredients.imported.as_ref().is_some_and(|imported| ingredients.are_in(imported));
    let merged = if is_all { None } else { Some(compile(data_dir, &path, &ingredients)?) };
    drop(ingredients);
    activate::accept(data_dir).map_err(|source| SyncError::Io { path: path.clone(), source })?;
    activate::put_in_place(New::Imported { import, merged }, data_dir)
}

async fn off_thread<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, SyncError> + Send + 'static,
) -> Result<T, SyncError> {
    let done = tokio::task::spawn_blocking(job).await;
    done.map_err(|e| SyncError::Compile(format!("the compiler broke: {e}")))?
}

fn compile(data_dir: &Path, target: &Path, ingredients: &Ingredients) -> Result<AtomicFile, SyncError> {
    let io = |source| SyncError::Io { path: target.to_owned(), source };
    let mut builder = Builder::new();
    let mut expected = Expected { snapshots: ingredients.snapshots(), ..Expected::default() };
    expected.snapshots.iter().cloned().for_each(|snapshot| builder.feed(snapshot));
    if let Some(import) = ingredients.import() {
        let damaged = |reason: String| SyncError::Imported { path: data_dir.join(IMPORTED_FILE), reason };
        import.verify().map_err(|error| damaged(error.to_string()))?;
        let taken = builder.take_over(import, &|feed| ingredients.replaces(feed));
        taken.map_err(|error| damaged(error.to_string()))?;
    }
    for state in ingredients.own() {
        let id = state.snapshot.id.as_str();
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
    expected.check(file.path()).map_err(SyncError::Compile)?;
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
    snapshots: Vec<FeedSnapshot>,
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

    fn check(&self, path: &Path) -> Result<(), String> {
        let knowledge = Knowledge::open(path).map_err(|e| e.to_string())?;
        knowledge.verify().map_err(|e| e.to_string())?;
        if let Some(missing) = self.snapshots.iter().find(|snapshot| !knowledge.feeds().contains(snapshot)) {
            return Err(format!("the feed {} is not in it", missing.id));
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
