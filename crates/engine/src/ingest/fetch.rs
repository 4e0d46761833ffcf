//! One feed: fetch what changed, parse it, switch to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use domain::feed::FeedSnapshot;
use feeds::{Asked, Feed, Keep, Known, Plan, Request};
use jiff::SignedDuration;
use outside::Source;
use outside::file::AtomicFile;
use sha2::{Digest as _, Sha256};

use super::documents::{Changes, Delta, revisions};
use super::file::{self, Cause, Failure, Fetched, cannot_store};
use super::hold::held_back;
use super::queue::{Queue, Todo};
use super::state::{Documents, Fault, FeedFolder, FeedState, FileState, NAMED_PROBLEMS};
use super::{Outcome, Progress, Step, Subscription, SyncOptions, history};

/// Requests that indexes of one feed may ask for in one run.
const FOLLOWED_MAX: usize = 500_000;
/// With this many documents that cannot be had in a row, the publisher is left alone until the next time.
const FAILURES_MAX: u32 = 20;
/// A document that cannot be used rests this long, unless it changes.
const FAULT_REST: SignedDuration = SignedDuration::from_hours(23);

/// Brings one feed up to date. Never fails as a whole: the outcome says what happened.
pub(super) async fn feed(
    subscription: &Subscription,
    folder: &FeedFolder,
    options: &SyncOptions,
    progress: &dyn Progress,
) -> Outcome {
    let mut run = Run::new(subscription, folder, options, progress);
    run.work().await;
    if !run.answered && run.errors.is_empty() {
        return Outcome::Absent;
    }
    run.switch()
}

/// One feed's files as they come in.
struct Run<'a> {
    subscription: &'a Subscription,
    feed: &'a Feed,
    folder: &'a FeedFolder,
    options: &'a SyncOptions,
    progress: &'a dyn Progress,
    files: Vec<FileState>,
    changes: Changes,
    /// The documents that are here, with their revisions.
    revisions: Option<Arc<HashMap<String, String>>>,
    /// What the files of this run lack, and which of them were read.
    faults: BTreeMap<String, Fault>,
    read: BTreeSet<String>,
    newest: Option<FileState>,
    /// Some file was fetched, or is known to be the same.
    answered: bool,
    changed: bool,
    /// An index has more than one run asks for.
    unfinished: bool,
    /// The publisher did not answer, however often it was asked: its other files can wait for the next time.
    unreachable: bool,
    failures_in_a_row: u32,
    /// Of the files that a whole feed has, some are here …
    has_a_part: bool,
    /// … and some are not.
    lacks_a_part: bool,
    /// What went wrong at one place, where another may have the same.
    tried: Vec<String>,
    errors: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(
        subscription: &'a Subscription,
        folder: &'a FeedFolder,
        options: &'a SyncOptions,
        progress: &'a dyn Progress,
    ) -> Self {
        Self {
            subscription,
            feed: subscription.feed,
            folder,
            options,
            progress,
            files: Vec::new(),
            changes: Changes::default(),
            revisions: None,
            faults: BTreeMap::new(),
            read: BTreeSet::new(),
            newest: None,
            answered: false,
            changed: false,
            unfinished: false,
            unreachable: false,
            failures_in_a_row: 0,
            has_a_part: false,
            lacks_a_part: false,
            tried: Vec::new(),
            errors: Vec::new(),
        }
    }

    fn old_documents(&self) -> Option<&'a Documents> {
        self.folder.old.as_ref()?.documents.as_ref()
    }

    fn known(&self) -> Known {
        // What another source gave is no ground to ask this one for changes only.
        let documents = self.old_documents().filter(|documents| documents.source == self.options.source.name());
        Known {
            now: self.options.now,
            complete_at: documents.and_then(|documents| documents.complete_at),
            newest: documents.and_then(|documents| documents.published_at),
            provider: self.subscription.provider.clone(),
        }
    }

    async fn work(&mut self) {
        let known = self.known();
        let is_publisher = matches!(self.options.source, Source::Publishers(_));
        let requests = (self.feed.requests)(&known).into_iter();
        let mut queue = Queue::new(requests.filter(|request| request.asked != Asked::OnlyMirrors || !is_publisher));
        while let Some(todo) = queue.next() {
            let request = todo.request();
            let old = self.folder.old_file(&request.name);
            if self.unreachable
                || old.is_some_and(|old| old.rests(request.asked, &self.options.source, self.options.now))
            {
                self.keep(request, old);
                continue;
            }
            if self.failed_lately(&todo) {
                continue;
            }
            if todo.is_followed() && is_publisher {
                tokio::time::sleep(self.feed.pause()).await;
            }
            match self.one(&todo, &known).await {
                Ok(plan) => {
                    self.failures_in_a_row = 0;
                    if plan.is_useful() {
                        self.tried.clear();
                    }
                    queue.take(plan, todo.depth);
                    if queue.followed_count() > FOLLOWED_MAX {
                        self.errors.push(format!("its indexes ask for more than {FOLLOWED_MAX} files"));
                        break;
                    }
                }
                Err(failure) => self.failed(&todo, failure, queue.has_alternative(todo.depth)),
            }
        }
        self.errors.append(&mut self.tried);
        if self.subscription.provider.is_some() && is_publisher && !queue.is_useful(0) {
            let places = (self.feed.requests)(&known).into_iter().map(|request| request.url).collect::<Vec<_>>();
            let reasons = if self.errors.is_empty() { "nothing is there" } else { &self.errors.join("; ") };
            self.errors = vec![format!("no provider is found at {}: {reasons}", places.join(", "))];
        }
    }

    /// Notes what is not taken over.
    fn failed(&mut self, todo: &Todo, failure: Failure, has_alternative: bool) {
        let Failure { reason, cause } = failure;
        let request = todo.request();
        tracing::warn!(feed = self.subscription.id, file = request.name, reason, "the file is not taken over");
        if has_alternative {
            return self.tried.push(reason);
        }
        self.failures_in_a_row += u32::from(cause != Cause::Content);
        let too_many = self.failures_in_a_row >= FAILURES_MAX;
        self.unreachable = cause == Cause::Unreachable || too_many;
        match todo.listed() {
            // One document of many: it is said, and the others count.
            Some(listed) if !self.unreachable => {
                let revision = if cause == Cause::Content { listed.revision.clone() } else { String::new() };
                let text = format!("{} {}: {reason}", self.subscription.id, request.name);
                self.fault(&request.name, 1, vec![text], revision);
            }
            _ => self.errors.push(reason),
        }
        self.keep(request, self.folder.old_file(&request.name));
    }

    /// Whether a document could not be used as it is less than a day ago: it is not asked for again yet.
    fn failed_lately(&mut self, todo: &Todo) -> bool {
        let Some((listed, documents)) = todo.listed().zip(self.old_documents()) else { return false };
        let Some(fault) = documents.faults.get(&listed.request.name) else { return false };
        let is_same = !fault.revision.is_empty() && fault.revision == listed.revision;
        is_same && self.options.now.duration_since(fault.at) < FAULT_REST
    }

    fn fault(&mut self, name: &str, count: u64, mut problems: Vec<String>, revision: String) {
        problems.truncate(NAMED_PROBLEMS);
        let fault = Fault { count, problems, revision, at: self.options.now };
        self.faults.insert(name.to_owned(), fault);
    }

    /// Fetches one file and takes it over; gives what its index asks for.
    async fn one(&mut self, todo: &Todo, known: &Known) -> Result<Plan, Failure> {
        let request = todo.request();
        let fetched = file::fetch(self.subscription, self.folder, todo, self.options, self.progress).await?;
        let always = matches!(request.asked, Asked::Always | Asked::Weekly);
        let followed = todo.is_followed();
        match fetched {
            Fetched::Absent if todo.listed().is_some() => {
                let reason = format!("{} is listed, and does not exist", request.url);
                return Err(Failure::from(reason));
            }
            Fetched::Absent => {
                self.lacks_a_part |= always && self.folder.old_file(&request.name).is_none();
                self.keep(request, self.folder.old_file(&request.name));
            }
            Fetched::Same(state) => self.take(state, always, followed),
            Fetched::Index(state, mut download) => {
                let revisions = self.revisions()?;
                let revision = |document: &str| revisions.get(document).cloned();
                let mut plan = file::follow(self.feed, request, known, &revision, &mut download)?;
                self.changes.removed.extend(plan.removed.iter().cloned());
                if let Some(all) = &plan.all {
                    self.changes.all.get_or_insert_default().extend(all.iter().cloned());
                }
                self.unfinished |= plan.unfinished;
                self.read.insert(request.name.clone());
                if plan.problems.count() > 0 {
                    let problems = std::mem::take(&mut plan.problems);
                    self.fault(&request.name, problems.count(), problems.named().to_vec(), String::new());
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

    fn revisions(&mut self) -> Result<Arc<HashMap<String, String>>, Failure> {
        if let Some(known) = &self.revisions {
            return Ok(Arc::clone(known));
        }
        let read = match self.old_documents() {
            None => HashMap::new(),
            Some(documents) => {
                let path = self.folder.path.join(&documents.records);
                revisions(&path).map_err(|e| Failure::from(format!("cannot read {}: {e}", path.display())))?
            }
        };
        Ok(Arc::clone(self.revisions.insert(Arc::new(read))))
    }

    fn take_documents(&mut self, state: &FileState, records: AtomicFile, all: bool) {
        if all {
            self.faults.clear();
        }
        self.read.insert(state.name.clone());
        if state.problem_count > 0 {
            self.fault(&state.name, state.problem_count, state.problems.clone(), String::new());
        }
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
        if !self.errors.is_empty() {
            // Who could not read every index does not know what is gone.
            self.changes.all = None;
        }
        let old = self.old_documents();
        let whole = self.changes.deltas.iter().any(|delta| delta.all);
        let kept = old.filter(|_| !whole);
        let faults = self.faults_now(kept);
        let complete = self.changes.is_complete() && self.errors.is_empty() && !self.unfinished;
        let complete_at =
            if complete { Some(self.options.now) } else { kept.and_then(|documents| documents.complete_at) };
        if let Some(old) = old.filter(|_| self.changes.deltas.is_empty())
            && !self.loses_a_document().map_err(|failure| failure.reason)?
        {
            return Ok(Some((Documents { complete_at, ..old.clone() }.with(faults), None)));
        }
        if self.changes.is_empty() {
            return Ok(None);
        }
        let name = self.documents_name();
        let target = self.folder.path.join(&name);
        let mut file = AtomicFile::create(&target).map_err(|e| cannot_store(self.folder, &e))?;
        let old_path = old.map(|documents| self.folder.path.join(&documents.records));
        let merged = self.changes.merge(old_path.as_deref(), &mut file).map_err(|e| cannot_store(self.folder, &e))?;
        let newest = self.newest.as_ref();
        let documents = Documents {
            records: name,
            parser: feeds::PARSER_VERSION,
            source: self.options.source.name().to_owned(),
            document_count: merged.document_count,
            record_count: merged.record_count,
            problem_count: 0,
            problems: Vec::new(),
            faults: BTreeMap::new(),
            complete_at,
            version: newest.map(|state| state.version.clone()).unwrap_or_default(),
            published_at: newest.and_then(|state| state.published_at).max(kept.and_then(|old| old.published_at)),
            partial: newest.is_some_and(|state| state.partial) || kept.is_some_and(|old| old.partial),
        };
        self.changed = true;
        Ok(Some((documents.with(faults), Some(file))))
    }

    /// What is wrong with the documents after this run: what was read anew is judged anew, what left is forgotten.
    fn faults_now(&mut self, kept: Option<&Documents>) -> BTreeMap<String, Fault> {
        let mut faults = kept.map(|documents| documents.faults.clone()).unwrap_or_default();
        let Changes { all, removed, .. } = &self.changes;
        let left = |document: &str| {
            let is_listed = |all: &HashSet<String>| all.contains(document);
            removed.contains(document) || all.as_ref().is_some_and(|all| !is_listed(all))
        };
        faults.retain(|name, _| {
            let is_gone = name.strip_suffix(".json").is_some_and(left);
            !self.read.contains(name) && !is_gone
        });
        faults.append(&mut self.faults);
        faults
    }

    fn loses_a_document(&mut self) -> Result<bool, Failure> {
        let revisions = self.revisions()?;
        let Changes { all, removed, .. } = &self.changes;
        Ok(revisions.keys().any(|id| removed.contains(id) || all.as_ref().is_some_and(|all| !all.contains(id))))
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
            id: self.subscription.id.clone(),
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
        let confirmed = self.options.accept_loss.iter().any(|id| self.subscription.is(id));
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
        self.progress.step(Step::Switched { feed: &self.subscription.id });
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
