//! Imported knowledge, and which records speak for each feed: those that came with it, or those of this data folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use domain::feed::FeedSnapshot;
use knowledge::Knowledge;
use sha2::{Digest as _, Sha256};

use super::hold::{Loss, loss};
use super::state::FeedState;
use super::{KNOWLEDGE_FILE, SyncError, feeds_dir, subscriptions};

/// The latest import, as it came: what is compiled here builds on it, and so do later deltas.
pub(super) const IMPORTED_FILE: &str = "knowledge.imported.vkb";

/// The import that the knowledge before the latest was made with.
pub(super) const IMPORTED_PREVIOUS_FILE: &str = "knowledge.imported.previous.vkb";

/// A feed as it is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFeed {
    pub snapshot: FeedSnapshot,
    /// It came with imported knowledge: nobody here asked its publisher.
    pub is_imported: bool,
}

/// What a knowledge file is made of.
#[derive(Debug)]
pub(super) struct Ingredients {
    /// What is stored of every feed here, in the order of the guide.
    pub(super) own: Vec<FeedState>,
    pub(super) imported: Option<Knowledge>,
    /// Feeds that the import speaks for.
    from_import: BTreeSet<String>,
}

impl Ingredients {
    /// What is here now.
    pub(super) fn now(data_dir: &Path) -> Result<Self, SyncError> {
        let path = data_dir.join(IMPORTED_FILE);
        let imported = if path.is_file() { Some(open(&path)?) } else { None };
        Ok(Self::with(data_dir, imported))
    }

    /// What would be here with this import.
    pub(super) fn with(data_dir: &Path, imported: Option<Knowledge>) -> Self {
        let root = feeds_dir(data_dir);
        let own: Vec<FeedState> = subscriptions(data_dir).iter().map(|one| one.state(&root)).collect();
        let theirs = imported.as_ref().map(Knowledge::feeds).unwrap_or_default();
        let speaks = |theirs: &&FeedSnapshot| {
            let own = own.iter().find(|own| own.snapshot.id == theirs.id);
            theirs.fetched_at.is_some() && own.is_none_or(|own| is_better(theirs, own))
        };
        let from_import = theirs.iter().filter(speaks).map(|theirs| theirs.id.clone()).collect();
        Self { own, imported, from_import }
    }

    /// The states whose records are read.
    pub(super) fn own(&self) -> impl Iterator<Item = &FeedState> {
        self.own.iter().filter(|state| !self.from_import.contains(&state.snapshot.id))
    }

    /// Whether the records of this folder take the place of the import's. What operators say adds to what others said.
    pub(super) fn replaces(&self, feed: &str) -> bool {
        !feeds::is_operators(feed) && self.own().any(|own| own.snapshot.id == feed && own.snapshot.fetched_at.is_some())
    }

    /// Whether the import says anything.
    pub(super) fn import(&self) -> Option<&Knowledge> {
        let says = |theirs: &FeedSnapshot| theirs.fetched_at.is_some() && !self.replaces(&theirs.id);
        self.imported.as_ref().filter(|imported| imported.feeds().iter().any(says))
    }

    /// Every feed as the knowledge file has it, in the order of their ids.
    pub(super) fn snapshots(&self) -> Vec<FeedSnapshot> {
        let theirs = self.imported.iter().flat_map(Knowledge::feeds);
        let theirs = theirs.filter(|theirs| self.from_import.contains(&theirs.id)).cloned();
        let mut all: Vec<_> = self.own().map(FeedState::settled).chain(theirs).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// Every feed for people: those of this folder in the order of the guide, then those that came with the import alone.
    pub(super) fn known(self) -> Vec<KnownFeed> {
        let theirs = self.imported.as_ref().map(Knowledge::feeds).unwrap_or_default();
        let find = |id: &str| theirs.iter().find(|theirs| self.from_import.contains(id) && theirs.id == id);
        let one = |own: &FeedState| match find(&own.snapshot.id) {
            // The same records: who asked last knows more of them.
            Some(theirs) if own.snapshot.sha256 != theirs.sha256 || own.snapshot.fetched_at.is_none() => {
                KnownFeed { snapshot: theirs.clone(), is_imported: true }
            }
            _ => KnownFeed { snapshot: own.snapshot.clone(), is_imported: false },
        };
        let mut all: Vec<_> = self.own.iter().map(one).collect();
        let is_listed = |id: &String| self.own.iter().any(|own| own.snapshot.id == *id);
        let others = self.from_import.iter().filter(|id| !is_listed(id)).filter_map(|id| find(id));
        all.extend(others.map(|theirs| KnownFeed { snapshot: theirs.clone(), is_imported: true }));
        all
    }

    /// Tells whether a file holds these records: an interrupted run is made up for.
    pub(super) fn are_in(&self, file: &Knowledge) -> bool {
        file.feeds() == self.snapshots()
    }

    /// Names these records, whatever was made of them.
    pub(super) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.imported.as_ref().map(Knowledge::hash).unwrap_or_default());
        hash.update(serde_json::to_vec(&self.snapshots()).unwrap_or_default());
        hex::encode(hash.finalize())
    }

    /// What these records would lose of what a file says. Losses of a feed that is synchronised here were held before, feed
    /// by feed: of it only the whole counts, and what it would lose of an import that it takes the place of.
    pub(super) fn lost_from(&self, file: &Knowledge, accepted: &[String]) -> Vec<Loss> {
        let came_with_import = |known: &FeedSnapshot| {
            self.imported.as_ref().is_some_and(|imported| imported.feeds().contains(known))
                && !self.from_import.contains(&known.id)
        };
        let snapshots = self.snapshots();
        let lost = |known: &FeedSnapshot| {
            let now = snapshots.iter().find(|now| now.id == known.id)?;
            loss(Some(now), known).filter(|loss| loss.after == 0 || came_with_import(known))
        };
        file.feeds().iter().filter_map(lost).filter(|loss| !is_accepted(&loss.feed, accepted)).collect()
    }

    /// What this import would lose of what is in use: it is judged as a synchronisation is, and speaks for many feeds at
    /// once. A feed that it does not name is lost as a whole.
    pub(super) fn lost_by_import(&self, in_use: &Knowledge, accepted: &[String]) -> Vec<Loss> {
        let snapshots = self.snapshots();
        let lost = |known: &FeedSnapshot| loss(snapshots.iter().find(|now| now.id == known.id), known);
        in_use.feeds().iter().filter_map(lost).filter(|loss| !is_accepted(&loss.feed, accepted)).collect()
    }
}

/// Whether somebody confirmed the loss, by the feed's id or for all providers of one.
fn is_accepted(feed: &str, accepted: &[String]) -> bool {
    let is = |id: &String| id == feed || feeds::feed(id).is_some_and(|all| feeds::is_provided(all, feed));
    accepted.iter().any(is)
}

/// Every feed as it is known in a data folder; what was never fetched and did not come with an import is there as such.
pub fn status(data_dir: &Path) -> Vec<KnownFeed> {
    // Whoever has to compile says what is wrong with the import.
    Ingredients::now(data_dir).unwrap_or_else(|_| Ingredients::with(data_dir, None)).known()
}

/// Whether the import speaks for a feed rather than what this folder has: a whole feed rather than a part, then what is
/// newer.
fn is_better(theirs: &FeedSnapshot, own: &FeedState) -> bool {
    let own = &own.snapshot;
    if own.fetched_at.is_none() {
        return true;
    }
    if feeds::is_operators(&own.id) {
        return false;
    }
    let same = own.sha256 == theirs.sha256 && own.partial == theirs.partial;
    same || (!theirs.partial, theirs.fetched_at) > (!own.partial, own.fetched_at)
}

fn open(path: &Path) -> Result<Knowledge, SyncError> {
    Knowledge::open(path).map_err(|error| SyncError::Imported { path: path.to_owned(), reason: error.to_string() })
}

/// The files that a delta may build on, the likeliest first.
pub(super) fn delta_bases(data_dir: &Path) -> [PathBuf; 4] {
    [IMPORTED_FILE, KNOWLEDGE_FILE, IMPORTED_PREVIOUS_FILE, super::PREVIOUS_FILE].map(|name| data_dir.join(name))
}
