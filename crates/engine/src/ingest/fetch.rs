//! One feed: fetch what changed, parse it, switch to it.

use std::collections::{HashMap, VecDeque};

use domain::feed::FeedSnapshot;
use feeds::{Asked, Feed, Keep, Known, Plan, Request};
use jiff::SignedDuration;
use outside::Source;
use outside::file::AtomicFile;
use sha2::{Digest as _, Sha256};

use super::documents::{Changes, Delta, revisions};
use super::file::{self, Failure, Fetched, cannot_store};
use super::hold::held_back;
use super::state::{Documents, FeedFolder, FeedState, FileState};
use super::{Outcome, Progress, Step, SyncOptions, history};

/// Problems that a snapshot names.
const NAMED_PROBLEMS: usize = 20;
/// Requests that indexes of one feed may ask for in one run.
const FOLLOWED_MAX: usize = 500_000;
/// With this many documents that cannot be had in a row, the publisher is left alone until the next time.
const FAILURES_MAX: u32 = 20;
/// A file of [`Asked::Weekly`] rests this long: a little less than a week, since runs are not punctual.
const REST: SignedDuration = SignedDuration::from_hours(6 * 24);

/// Brings one feed up to date. Never fails as a whole: the outcome says what happened.
pub(super) async fn feed(feed: &Feed, folder: &FeedFolder, options: &SyncOptions, progress: &dyn Progress) -> Outcome {
    let mut run = Run::new(feed, folder, options, progress);
    run.work().await;
    if !run.answered && run.errors.is_empty() {
        return Outcome::Absent;
    }
    run.switch()
}

/// One request, and whether an index asked for it.
struct Todo {
    request: Request,
    followed: bool,
}

/// One feed's files as they come in.
struct Run<'a> {
    feed: &'a Feed,
    folder: &'a FeedFolder,
    options: &'a SyncOptions,
    progress: &'a dyn Progress,
    files: Vec<FileState>,
    changes: Changes,
    /// What the changed documents said of themselves.
    document_problems: Vec<String>,
    document_problem_count: u64,
    newest: Option<FileState>,
    /// Some file was fetched, or is known to be the same.
    answered: bool,
    changed: bool,
    /// The publisher did not answer, however often it was asked: its other files can wait for the next time.
    unreachable: bool,
    failures_in_a_row: u32,
    /// Of the files that a whole feed has, some are here …
    has_a_part: bool,
    /// … and some are not.
    lacks_a_part: bool,
    errors: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(feed: &'a Feed, folder: &'a FeedFolder, options: &'a SyncOptions, progress: &'a dyn Progress) -> Self {
        Self {
            feed,
            folder,
            options,
            progress,
            files: Vec::new(),
            changes: Changes::default(),
            document_problems: Vec::new(),
            document_problem_count: 0,
            newest: None,
            answered: false,
            changed: false,
            unreachable: false,
            failures_in_a_row: 0,
            has_a_part: false,
            lacks_a_part: false,
            errors: Vec::new(),
        }
    }

    fn old_documents(&self) -> Option<&'a Documents> {
        self.folder.old.as_ref()?.documents.as_ref()
    }

    fn known(&self) -> Known {
        // What another source gave is no ground to ask this one for changes only.
        let documents = self.old_documents().filter(|documents| documents.source == self.options.source.name());
        let newest = documents.and_then(|documents| documents.published_at);
        Known { now: self.options.now, complete_at: documents.and_then(|documents| documents.complete_at), newest }
    }

    async fn work(&mut self) {
        let known = self.known();
        let mut todo: VecDeque<Todo> = (self.feed.requests)(&known)
            .into_iter()
            .filter(|request| {
                request.asked != Asked::OnlyMirrors || !matches!(self.options.source, Source::Publishers(_))
            })
            .map(|request| Todo { request, followed: false })
            .collect();
        let mut followed = 0;
        while let Some(Todo { request, followed: is_followed }) = todo.pop_front() {
            let old = self.folder.old_file(&request.name);
            if self.unreachable || old.is_some_and(|old| self.rests(&request, old)) {
                self.keep(&request, old);
                continue;
            }
            if is_followed && matches!(self.options.source, Source::Publishers(_)) {
                tokio::time::sleep(self.feed.pause()).await;
            }
            match self.one(&request, &known, is_followed).await {
                Ok(plan) => {
                    self.failures_in_a_row = 0;
                    followed += plan.requests.len();
                    if followed > FOLLOWED_MAX {
                        self.errors
                            .push(format!("{}: its index asks for more than {FOLLOWED_MAX} files", request.name));
                        continue;
                    }
                    let next = plan.requests.into_iter().map(|request| Todo { request, followed: true });
                    next.rev().for_each(|next| todo.push_front(next));
                }
                Err(Failure { reason, unreachable }) => {
                    tracing::warn!(feed = self.feed.id, file = request.name, reason, "the file is not taken over");
                    self.errors.push(reason);
                    self.failures_in_a_row += 1;
                    self.unreachable = unreachable || self.failures_in_a_row >= FAILURES_MAX;
                    self.keep(&request, old);
                }
            }
        }
    }

    /// Whether the publisher need not be asked again yet. A mirror may change at any time, and costs nothing.
    fn rests(&self, request: &Request, old: &FileState) -> bool {
        request.asked == Asked::Weekly
            && matches!(self.options.source, Source::Publishers(_))
            && old.is_current()
            && old.source == self.options.source.name()
            && old.asked_at.is_some_and(|asked| self.options.now.duration_since(asked) < REST)
    }

    /// Fetches one file and takes it over; gives what its index asks for.
    async fn one(&mut self, request: &Request, known: &Known, followed: bool) -> Result<Plan, Failure> {
        let fetched = file::fetch(self.feed, self.folder, request, self.options, self.progress).await?;
        let always = matches!(request.asked, Asked::Always | Asked::Weekly);
        match fetched {
            Fetched::Absent => {
                self.lacks_a_part |= always && self.folder.old_file(&request.name).is_none();
                self.keep(request, self.folder.old_file(&request.name));
            }
            Fetched::Same(state) => self.take(state, always, followed),
            Fetched::Index(state, mut download) => {
                let revisions = self.revisions()?;
                let revision = |document: &str| revisions.get(document).cloned();
                let plan = file::follow(self.feed, request, known, &revision, &mut download)?;
                self.changes.removed.extend(plan.removed.iter().cloned());
                if let Some(all) = &plan.all {
                    self.changes.all.get_or_insert_default().extend(all.iter().cloned());
                }
                self.take(state, always, followed);
                return Ok(plan);
            }
            Fetched::Parsed(state, records) => {
                match records {
                    Some(records) => self.take_documents(&state, records, request.keep == Keep::AccumulateAll),
                    None => self.changed = true,
                }
                self.take(state, always, followed);
            }
        }
        Ok(Plan::default())
    }

    fn revisions(&self) -> Result<HashMap<String, String>, Failure> {
        let Some(documents) = self.old_documents() else { return Ok(HashMap::new()) };
        let path = self.folder.path.join(&documents.records);
        revisions(&path).map_err(|e| Failure::from(format!("cannot read {}: {e}", path.display())))
    }

    fn take_documents(&mut self, state: &FileState, records: AtomicFile, all: bool) {
        if all {
            self.document_problems.clear();
            self.document_problem_count = 0;
        }
        self.document_problem_count += state.problem_count;
        self.document_problems.extend(state.problems.iter().cloned());
        self.document_problems.truncate(NAMED_PROBLEMS);
        self.changes.deltas.push(Delta { file: records, all });
        if self.newest.as_ref().is_none_or(|newest| newest.published_at <= state.published_at) {
            self.newest = Some(state.clone());
        }
    }

    fn take(&mut self, state: FileState, always: bool, followed: bool) {
        let state = FileState { asked_at: Some(self.options.now), ..state };
        self.answered = true;
        self.has_a_part |= always;
        let old = self.folder.old_file(&state.name);
        self.changed |= old.is_none_or(|old| old.records != state.records || old.partial != state.partial) && !followed;
        // A document that an index named is remembered by its revision, not as a file.
        if !followed {
            self.files.push(state);
        }
    }

    /// What the source lacks, or cannot give, stays as it was.
    fn keep(&mut self, request: &Request, old: Option<&FileState>) {
        if request.keep != Keep::Index {
            self.files.extend(old.cloned());
        }
    }

    /// The documents after this run, in a file that is not yet in its place.
    fn documents(&mut self) -> Result<Option<(Documents, Option<AtomicFile>)>, String> {
        let old = self.old_documents();
        if self.changes.is_empty() {
            return Ok(old.map(|documents| (documents.clone(), None)));
        }
        let name = self.documents_name();
        let target = self.folder.path.join(&name);
        let mut file = AtomicFile::create(&target).map_err(|e| cannot_store(self.folder, &e))?;
        let old_path = old.map(|documents| self.folder.path.join(&documents.records));
        let merged = self.changes.merge(old_path.as_deref(), &mut file).map_err(|e| cannot_store(self.folder, &e))?;
        let whole = self.changes.deltas.iter().any(|delta| delta.all);
        let kept = old.filter(|_| !whole);
        let mut problems = kept.map(|documents| documents.problems.clone()).unwrap_or_default();
        problems.append(&mut self.document_problems);
        problems.truncate(NAMED_PROBLEMS);
        let newest = self.newest.as_ref();
        let complete = self.changes.is_complete() && self.errors.is_empty();
        let documents = Documents {
            records: name,
            parser: feeds::PARSER_VERSION,
            source: self.options.source.name().to_owned(),
            document_count: merged.document_count,
            record_count: merged.record_count,
            problem_count: kept.map_or(0, |documents| documents.problem_count) + self.document_problem_count,
            problems,
            complete_at: if complete {
                Some(self.options.now)
            } else {
                kept.and_then(|documents| documents.complete_at)
            },
            version: newest.map(|state| state.version.clone()).unwrap_or_default(),
            published_at: newest.and_then(|state| state.published_at).max(kept.and_then(|old| old.published_at)),
            partial: newest.is_some_and(|state| state.partial) || kept.is_some_and(|old| old.partial),
        };
        self.changed = true;
        Ok(Some((documents, Some(file))))
    }

    /// Another content is another file.
    fn documents_name(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.old_documents().map(|documents| documents.records.as_str()).unwrap_or_default());
        hash.update(self.options.now.to_string());
        hash.update(self.options.source.name());
        FeedFolder::records_name("documents", &hex::encode(hash.finalize()))
    }

    fn state(&self, documents: Option<Documents>) -> FeedState {
        let files = &self.files;
        let old = self.folder.old.as_ref();
        let old_snapshot = old.map(|state| &state.snapshot);
        let of_files = || files.iter().filter(|file| !file.records.is_empty());
        let parts = || of_files().map(|file| file.published_at).chain(documents.iter().map(|d| d.published_at));
        let problems = of_files().flat_map(|file| &file.problems).chain(documents.iter().flat_map(|d| &d.problems));
        let version = of_files().rev().map(|file| &file.version).chain(documents.iter().map(|d| &d.version));
        let incomplete = documents.as_ref().is_some_and(|d| d.partial || d.complete_at.is_none());
        let record_count = of_files().map(|file| file.record_count).sum::<u64>()
            + documents.as_ref().map_or(0, |documents| documents.record_count);
        let snapshot = FeedSnapshot {
            id: self.feed.id.to_owned(),
            fetched_at: if self.answered {
                Some(self.options.now)
            } else {
                old_snapshot.and_then(|old| old.fetched_at)
            },
            published_at: parts().flatten().max(),
            version: version.into_iter().find(|v| !v.is_empty()).cloned().unwrap_or_default(),
            record_count,
            problem_count: of_files().map(|file| file.problem_count).sum::<u64>()
                + documents.as_ref().map_or(0, |d| d.problem_count),
            problems: problems.take(NAMED_PROBLEMS).cloned().collect(),
            partial: of_files().any(|file| file.partial || !file.complete)
                || incomplete
                || record_count < self.feed.least_records()
                || (self.has_a_part && self.lacks_a_part),
            last_error: match self.errors.as_slice() {
                [] => None,
                [one] => Some(one.clone()),
                [first, rest @ ..] => Some(format!("{first} (and {} more)", rest.len())),
            },
            sha256: content_hash(files, documents.as_ref()),
            fresh_for_hours: self.feed.fresh_for_hours(),
        };
        let same = old.filter(|old| old.snapshot.sha256 == snapshot.sha256 && old.snapshot.partial == snapshot.partial);
        FeedState {
            changed_at: same.and_then(|old| old.changed_at).or(snapshot.fetched_at),
            history: old.map(|old| old.history.clone()).unwrap_or_default(),
            snapshot,
            files: files.clone(),
            documents,
        }
    }

    fn switch(mut self) -> Outcome {
        let failed = |reason: String| Outcome::Failed(reason);
        let (documents, file) = match self.documents() {
            Ok(Some((documents, file))) => (Some(documents), file),
            Ok(None) => (None, None),
            Err(reason) => return failed(reason),
        };
        let mut state = self.state(documents);
        let confirmed = self.options.accept_loss.iter().any(|id| id == self.feed.id);
        let held = if confirmed { None } else { held_back(&state, self.folder.old.as_ref(), &self.options.source) };
        if let Some((reason, old)) = held {
            let snapshot = FeedSnapshot { last_error: Some(reason), ..old.snapshot.clone() };
            state = FeedState { snapshot, ..old.clone() };
        } else {
            if let Some(Err(error)) = file.map(AtomicFile::commit) {
                return failed(cannot_store(self.folder, &error));
            }
            if let Err(error) = history::update(self.folder, &mut state, self.options.now) {
                return failed(cannot_store(self.folder, &error));
            }
        }
        let switched = self.folder.switch(&state);
        self.progress.step(Step::Switched { feed: self.feed.id });
        if let Err(error) = switched.and_then(|()| self.folder.clear(&state)) {
            return failed(cannot_store(self.folder, &error));
        }
        match state.snapshot.last_error {
            Some(reason) => Outcome::Failed(reason),
            None if self.changed => Outcome::Updated,
            None => Outcome::Unchanged,
        }
    }
}

/// The hash of all that the records were read from, and of the parser that read them.
fn content_hash(files: &[FileState], documents: Option<&Documents>) -> String {
    let mut hash = Sha256::new();
    let mut any = false;
    for file in files.iter().filter(|file| !file.records.is_empty()) {
        any = true;
        hash.update(format!("{} {} {}\n", file.name, file.sha256, file.parser));
    }
    if let Some(documents) = documents {
        any = true;
        hash.update(format!("{} {}\n", documents.records, documents.parser));
    }
    if any { hex::encode(hash.finalize()) } else { String::new() }
}
