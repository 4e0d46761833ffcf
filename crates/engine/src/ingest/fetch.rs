//! One feed: fetch what changed, parse it, switch to it.

mod outcome;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use feeds::{Asked, Feed, Keep, Known, Plan, Request};
use futures_util::future::{Either, select};
use jiff::SignedDuration;
use outside::Source;
use outside::file::AtomicFile;

use super::documents::{Changes, Delta, revisions};
use super::file::{self, Cause, Failure, Fetched};
use super::queue::{Queue, Todo};
use super::state::{Documents, Fault, FeedFolder, FileState, NAMED_PROBLEMS};
use super::{Outcome, Progress, Subscription, SyncOptions};

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
    /// There is more than one run asks for.
    unfinished: bool,
    /// Some index was not read, or not as a whole: what it names is unknown, so nothing is taken to be withdrawn.
    unread: bool,
    /// The latest page was empty, or is not here.
    is_past_the_end: bool,
    /// The publisher did not answer, however often it was asked: its other files can wait for the next time.
    unreachable: bool,
    failures_in_a_row: u32,
    /// Of the files that a whole feed has, some are here …
    has_a_part: bool,
    /// … and some are not.
    lacks_a_part: bool,
    /// What went wrong at the places of one file, as long as another may have the same …
    tried: Vec<String>,
    /// … and which of them do not exist.
    lacking: Vec<String>,
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
            unread: false,
            is_past_the_end: false,
            unreachable: false,
            failures_in_a_row: 0,
            has_a_part: false,
            lacks_a_part: false,
            tried: Vec::new(),
            lacking: Vec::new(),
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
        // One provider's slowness must not keep everybody's knowledge waiting.
        let is_provider = self.subscription.provider.is_some();
        let patience = if is_provider { self.options.provider_time } else { Duration::MAX };
        let mut patience = pin!(tokio::time::sleep(patience));
        while let Some(todo) = queue.next() {
            let request = todo.request();
            let old = self.folder.old_file(&request.name);
            if request.asked == Asked::NextPage && self.is_past_the_end {
                self.changed |= old.is_some_and(|old| old.record_count > 0);
                continue;
            }
            if self.unreachable
                || old.is_some_and(|old| old.rests(request.asked, &self.options.source, self.options.now))
            {
                self.keep(request, old);
                self.unfinished |= todo.listed().is_some();
                continue;
            }
            if todo.is_followed() && is_publisher {
                tokio::time::sleep(self.feed.pause()).await;
            }
            let result = match select(pin!(self.one(&todo, &known)), patience.as_mut()).await {
                Either::Left((result, _)) => Some(result),
                Either::Right(_) => None,
            };
            match result {
                Some(Ok(plan)) => {
                    self.failures_in_a_row = 0;
                    if plan.is_useful() {
                        self.tried.clear();
                        self.lacking.clear();
                    }
                    queue.take(plan, todo.depth);
                }
                Some(Err(failure)) => self.failed(&todo, failure, &mut queue),
                None => {
                    self.out_of_time(&todo);
                    break;
                }
            }
            self.is_past_the_end = self.is_empty(todo.request());
            self.all_tried(&todo, &queue);
            let documents = self.changes.all.as_ref().map_or(0, HashSet::len);
            if let Some(reason) = too_much(queue.followed_count(), documents) {
                self.errors.push(reason);
                break;
            }
        }
        self.unfinished |= queue.is_cut();
        self.errors.append(&mut self.tried);
        if is_provider && is_publisher && !queue.is_useful(0) {
            let places = (self.feed.requests)(&known).into_iter().map(|request| request.url).collect::<Vec<_>>();
            let reasons = if self.errors.is_empty() { "nothing is there" } else { &self.errors.join("; ") };
            self.errors = vec![format!("no provider is found at {}: {reasons}", places.join(", "))];
        }
    }

    /// Whether a page has nothing, so that there is none after it.
    fn is_empty(&self, page: &Request) -> bool {
        let file = self.files.last().filter(|file| file.name == page.name);
        file.is_none_or(|file| file.complete && file.record_count == 0 && file.problem_count == 0)
    }

    /// Leaves the rest for the next run.
    fn out_of_time(&mut self, todo: &Todo) {
        let minutes = self.options.provider_time.as_secs() / 60;
        tracing::warn!(feed = self.subscription.id, minutes, "the provider's time is over: the next run goes on");
        self.unfinished = true;
        if todo.listed().is_none() {
            self.errors.push(format!("its lists take more than {minutes} minutes: left for the next time"));
        }
    }

    /// Where no place of a list was of use, nobody knows what it names.
    fn all_tried(&mut self, todo: &Todo, queue: &Queue) {
        if todo.listed().is_some() || queue.has_alternative(todo.depth) || queue.is_useful(todo.depth) {
            return;
        }
        let lacking = std::mem::take(&mut self.lacking);
        self.unread |= !lacking.is_empty();
        if !lacking.is_empty() && self.tried.is_empty() && matches!(self.options.source, Source::Publishers(_)) {
            self.errors.push(format!("there is no {}", lacking.join(", and no ")));
        }
        self.errors.append(&mut self.tried);
    }

    /// Notes what is not taken over.
    fn failed(&mut self, todo: &Todo, failure: Failure, queue: &mut Queue) {
        let Failure { reason, cause } = failure;
        let request = todo.request();
        tracing::warn!(feed = self.subscription.id, file = request.name, reason, "the file is not taken over");
        if queue.has_alternative(todo.depth) {
            // Another list knows less of the same documents: it stands in for one that is lacking, not for one that is late.
            if !(todo.is_followed() && matches!(cause, Cause::Unreachable | Cause::Busy)) {
                return self.tried.push(reason);
            }
            queue.skip_alternatives(todo.depth);
        }
        self.unread |= request.keep == Keep::Index;
        self.failures_in_a_row += u32::from(cause != Cause::Content);
        let too_many = self.failures_in_a_row >= FAILURES_MAX;
        // One document may be anywhere: its host is not the publisher.
        self.unreachable |= too_many || (cause == Cause::Unreachable && todo.listed().is_none());
        match todo.listed() {
            // One document of many: it is said, and the others count.
            Some(listed) if !too_many => {
                let revision = if cause == Cause::Content { listed.revision.clone() } else { String::new() };
                let text = format!("{} {}: {reason}", self.subscription.id, request.name);
                self.fault(&request.name, 1, vec![text], revision);
            }
            _ => self.errors.push(reason),
        }
        self.keep(request, self.folder.old_file(&request.name));
    }

    /// The revision in which a document could not be used less than a day ago: it is not asked for again yet, and takes no
    /// other's place in the run.
    fn resting(&self, document: &str) -> Option<String> {
        let fault = self.old_documents()?.faults.get(&format!("{document}.json"))?;
        let rests = !fault.revision.is_empty() && self.options.now.duration_since(fault.at) < FAULT_REST;
        rests.then(|| fault.revision.clone())
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
                if followed && request.keep == Keep::Index {
                    self.lacking.push(request.url.clone());
                }
                self.keep(request, self.folder.old_file(&request.name));
            }
            Fetched::Same(state) => self.take(state, always, followed),
            Fetched::Index(state, mut download) => {
                let revisions = self.revisions()?;
                let revision = |document: &str| self.resting(document).or_else(|| revisions.get(document).cloned());
                let mut plan = file::follow(self.feed, request, known, &revision, &mut download)?;
                self.changes.removed.extend(plan.removed.iter().cloned());
                if let Some(all) = &plan.all {
                    self.changes.all.get_or_insert_default().extend(all.iter().cloned());
                }
                self.unfinished |= plan.unfinished;
                self.read.insert(request.name.clone());
                if plan.problems.count() > 0 {
                    self.unread = true;
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
        self.changes.deltas.push(Delta { file: records.close(), all });
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
}

/// Why what the indexes of a feed ask for is more than any publisher has.
fn too_much(followed: usize, documents: usize) -> Option<String> {
    if followed > FOLLOWED_MAX {
        Some(format!("its indexes ask for more than {FOLLOWED_MAX} files"))
    } else if documents > feeds::DOCUMENTS_MAX {
        Some(format!("its indexes name more than {} documents", feeds::DOCUMENTS_MAX))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_indexes_of_a_feed_name_together_is_bounded() {
        let said = |followed, documents| too_much(followed, documents).unwrap_or_default();
        assert_eq!(said(FOLLOWED_MAX, feeds::DOCUMENTS_MAX), "");
        assert_eq!(said(FOLLOWED_MAX + 1, 0), "its indexes ask for more than 500000 files");
        assert_eq!(said(0, feeds::DOCUMENTS_MAX + 1), "its indexes name more than 500000 documents");
    }
}
