//! What one run makes of a feed: its new state, put in place in one step.

use std::collections::{BTreeMap, HashSet};

use domain::feed::FeedSnapshot;
use outside::file::AtomicFile;
use sha2::{Digest as _, Sha256};

use super::super::documents::Changes;
use super::super::file::{Failure, cannot_store};
use super::super::hold::held_back;
use super::super::state::{Documents, Fault, FeedFolder, FeedState, FileState, NAMED_PROBLEMS};
use super::super::{Outcome, Step, history};
use super::Run;

impl Run<'_> {
    /// Puts the outcome to use, unless it is held.
    pub(super) fn switch(mut self) -> Outcome {
        let failed = |reason: String| Outcome::Failed(reason);
        let (documents, file) = match self.documents() {
            Ok(Some((documents, file))) => (Some(documents), file),
            Ok(None) => (None, None),
            Err(reason) => return failed(reason),
        };
        let mut state = self.state(documents);
        let confirmed = self.options.accept_loss.iter().any(|id| self.subscription.is(id));
        let in_use = self.folder.in_use.as_ref().filter(|_| !confirmed);
        let held = in_use.and_then(|old| Some((held_back(&state, old, &self.options.source)?, old)));
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
    /// The documents after this run, in a file that is not yet in its place.
    fn documents(&mut self) -> Result<Option<(Documents, Option<AtomicFile>)>, String> {
        if !self.errors.is_empty() || self.unread {
            // Who could not read every index does not know what is gone.
            self.changes.all = None;
        }
        let old = self.old_documents();
        let whole = self.changes.deltas.iter().any(|delta| delta.all);
        let kept = old.filter(|_| !whole);
        let faults = self.faults_now(kept);
        let is_whole = self.errors.is_empty() && !self.unfinished && !self.unread;
        let complete = self.changes.is_complete() && is_whole;
        let unfinished = self.lacks_documents() || (!is_whole && kept.is_some_and(|documents| documents.unfinished));
        let complete_at =
            if complete { Some(self.options.now) } else { kept.and_then(|documents| documents.complete_at) };
        if let Some(old) = old.filter(|_| self.changes.deltas.is_empty())
            && !self.loses_a_document().map_err(|failure| failure.reason)?
        {
            return Ok(Some((Documents { complete_at, unfinished, ..old.clone() }.with(faults), None)));
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
            unfinished,
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
            let is_gone = match name.strip_suffix(".json") {
                Some(document) => left(document),
                // A list that its provider does not name any more.
                None => self.subscription.provider.is_some() && self.errors.is_empty(),
            };
            !self.read.contains(name) && !is_gone
        });
        faults.append(&mut self.faults);
        faults
    }

    /// Whether there are documents that this run did not fetch, or could not learn of.
    const fn lacks_documents(&self) -> bool {
        self.unfinished || self.unread
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
        let of_documents = |d: &Documents| d.partial || d.unfinished || d.complete_at.is_none();
        let incomplete = documents.as_ref().is_some_and(of_documents) || self.lacks_documents();
        let record_count = of_files().map(|file| file.record_count).sum::<u64>()
            + documents.as_ref().map_or(0, |documents| documents.record_count);
        let lack = self.lack(record_count);
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
                || !lack.is_empty()
                || (self.has_a_part && self.lacks_a_part),
            lack,
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
            whole_from: old.and_then(|old| old.whole_from).or_else(|| snapshot.is_whole().then_some(self.options.now)),
            history: old.map(|old| old.history.clone()).unwrap_or_default(),
            snapshot,
            files: files.clone(),
            documents,
        }
    }

    /// What is implausible about the number of records, unless the mirror says that it is meant so.
    fn lack(&self, record_count: u64) -> String {
        if record_count == 0 || self.options.source.is_small(&self.subscription.id) {
            return String::new();
        }
        let few = |what: &str, count: u64, least: u64| {
            (count < least).then(|| format!("{what} only {count} records, where at least {least} are expected"))
        };
        let of_file = |file: &FileState| {
            few(&format!("{} has", file.name), file.record_count, self.feed.least_records_of(&file.name))
        };
        let of_files = self.files.iter().filter(|file| !file.records.is_empty()).filter_map(of_file);
        let of_feed = few("it has", record_count, self.feed.least_records());
        of_feed.into_iter().chain(of_files).collect::<Vec<_>>().join("; ")
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
