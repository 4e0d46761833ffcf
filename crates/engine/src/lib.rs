//! The verbs of the loop, one file each.
//!
//! Read them in the order of the loop: ingest brings knowledge, discover finds assets, inspect looks inside one, assign
//! says which scopes hold it, detect moves its findings, prioritize ranks them, mobilize fixes them, and the next
//! inspection validates; forget ends what ended long ago; check compares what is kept with what it must be; deliver tells others.
//! [`Engine`] holds what they share; the pure parts take everything as arguments.

pub mod ingest;
pub mod discover;
pub mod inspect;
pub mod import;
pub mod assign;
pub mod detect;
pub mod policy;
pub mod prioritize;
pub mod evaluate;
pub mod mobilize;
pub mod deliver;
pub mod schedule;
pub mod retire;
pub mod forget;
pub mod check;
pub mod work;
pub mod identify;
mod read_model;
pub mod views;
pub mod events;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::Context as _;
use domain::event::EventKind;
use domain::inventory::Inventory;
use ecosystems::Pool;
use jiff::Timestamp;
use knowledge::{Knowledge, Matcher, Matches};
use outside::NeverTouch;
use outside::receiver::Destinations;
use store::outbox::NewEvent;
use store::{Db, StoreError, Tx};
use tokio::sync::Notify;

pub use index::{Count, Cursor, GroupBy, Sort, SortBy, UnknownWord, Visible};
pub use read_model::Loading;

use read_model::ReadModel;

/// What was asked for cannot be done as asked; the text says why, to whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// An error with its causes, each said once: some libraries put a cause into their text too, and others do not.
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Whether an error is about what is kept of an asset, and not about the database.
pub(crate) fn is_of_an_asset(error: &anyhow::Error) -> bool {
    let stored = error.downcast_ref::<StoreError>();
    stored.is_some_and(|error| {
        matches!(error, StoreError::Corrupt { .. } | StoreError::Refused { .. } | StoreError::Missing { .. })
    })
}

/// Tells the time: the clock belongs to the program, not to the verbs.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the verbs share.
pub struct Engine {
    pub db: Db,
    pub data_dir: PathBuf,
    pub never_touch: NeverTouch,
    /// Where messages may go.
    pub destinations: Destinations,
    pub clock: Clock,
    /// Tells the workers of this process that there is work.
    pub wake: Notify,
    knowledge: RwLock<Option<Loaded>>,
    /// What inventories that are read now have in common.
    components: Mutex<Pool>,
    /// How priorities are set, as it was read last.
    policy: RwLock<policy::Known>,
    /// What lists are answered from.
    lists: ReadModel,
    /// Why nobody can work on the database now. `None`: all is well, as far as anybody has tried.
    trouble: Mutex<Option<String>>,
}

/// The setting that holds the hash of the knowledge that was told of last.
const KNOWLEDGE_TOLD: &str = "knowledge_told";

/// The knowledge file in use, and how to tell that another one has taken its place.
#[derive(Clone)]
struct Loaded {
    knowledge: Arc<Knowledge>,
    /// Remembers the verdicts on what machines have in common.
    matcher: Arc<Mutex<Matcher>>,
    stamp: Stamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    modified: std::time::SystemTime,
    size: u64,
    /// Newest state of any feed: it changes at each synchronisation, also where no record does.
    feeds: Option<std::time::SystemTime>,
}

impl Engine {
    /// Opens the engine over a migrated store.
    pub fn new(db: Db, data_dir: PathBuf, never_touch: NeverTouch, clock: Clock) -> Self {
        let (wake, knowledge, components) = (Notify::new(), RwLock::new(None), Mutex::default());
        let (lists, policy) = (ReadModel::default(), RwLock::default());
        let destinations = Destinations { never_touch: never_touch.clone(), ..Destinations::default() };
        Self {
            db,
            data_dir,
            never_touch,
            destinations,
            clock,
            wake,
            knowledge,
            components,
            policy,
            lists,
            trouble: Mutex::default(),
        }
    }

    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Why the worker of this process cannot work on the database now. `None`: it can.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says whether that is news.
    fn set_trouble(&self, trouble: Option<String>) -> bool {
        let mut known = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *known != trouble;
        *known = trouble;
        is_news
    }

    pub fn knowledge_path(&self) -> PathBuf {
        self.data_dir.join(ingest::KNOWLEDGE_FILE)
    }

    /// The knowledge in use, opened again if another process has activated a newer file. `None`: there is none yet.
    pub fn knowledge(&self) -> anyhow::Result<Option<Arc<Knowledge>>> {
        Ok(self.loaded()?.map(|loaded| loaded.knowledge))
    }

    /// Tells of the knowledge in use, unless that was told before. It is a file, so this follows the change.
    pub async fn tell_knowledge(&self, tx: &mut Tx) -> anyhow::Result<()> {
        let Some(knowledge) = self.knowledge()? else { return Ok(()) };
        let hash = knowledge.hash();
        if store::meta::replace(tx, KNOWLEDGE_TOLD, &hash).await? {
            let told = serde_json::json!({ "knowledge": hash });
            tx.tell(NewEvent::new(self.now(), EventKind::KnowledgeActivated).saying(&told));
        }
        Ok(())
    }

    fn loaded(&self) -> anyhow::Result<Option<Loaded>> {
        let path = self.knowledge_path();
        let Some(stamp) = stamp(&path, &self.data_dir)? else { return Ok(None) };
        if let Some(loaded) = self.knowledge.read().unwrap_or_else(PoisonError::into_inner).as_ref()
            && loaded.stamp == stamp
        {
            return Ok(Some(loaded.clone()));
        }
        let knowledge =
            Knowledge::open(&path).with_context(|| format!("open the knowledge file {}", path.display()))?;
        let knowledge = Arc::new(knowledge.with_snapshots(&ingest::snapshots(&self.data_dir)));
        let matcher = Arc::new(Mutex::new(Matcher::new(Arc::clone(&knowledge))));
        let loaded = Loaded { knowledge, matcher, stamp };
        *self.knowledge.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded.clone());
        Ok(Some(loaded))
    }
}

impl Loaded {
    fn find(&self, inventory: &Inventory) -> Matches {
        self.matcher.lock().unwrap_or_else(PoisonError::into_inner).find(inventory)
    }
}

fn stamp(path: &Path, data_dir: &Path) -> anyhow::Result<Option<Stamp>> {
    use std::os::unix::fs::MetadataExt as _;
    match std::fs::metadata(path) {
        Ok(meta) => Ok(Some(Stamp {
            inode: meta.ino(),
            modified: meta.modified()?,
            size: meta.len(),
            feeds: ingest::states_changed(data_dir),
        })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("look at {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "no such file");
        let told = knowledge::KnowledgeError::Open { path: "k".into(), source: missing() };
        let error = anyhow::Error::new(told).context("start");
        assert_eq!(with_causes(&error), "start: cannot open the knowledge file k: no such file");
        let silent = anyhow::Error::new(missing()).context("open k").context("start");
        assert_eq!(with_causes(&silent), "start: open k: no such file");
    }
}
