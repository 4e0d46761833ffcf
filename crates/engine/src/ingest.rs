//! Ingest: bring the knowledge up to date.
//!
//! Each feed is fetched if it changed, parsed into records beside its last good ones, and switched in one step. What one
//! feed suffers stops no other. Then the knowledge file is compiled anew from all records, tested, and switched in one
//! step too: a kill at any point leaves the old state or the new one.

mod activate;
pub mod carry;
mod compile;
mod documents;
mod fetch;
mod file;
mod history;
mod hold;
mod imported;
pub mod keys;
mod queue;
mod records;
mod state;
mod subscription;
mod sums;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::feed::FeedSnapshot;
use feeds::{FEEDS, Known};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use outside::Source;

pub use self::activate::roll_back;
use self::compile::When;
pub use self::hold::Loss;
pub use self::imported::{KnownFeed, status};
use self::state::{FeedFolder, Lock};
pub use self::subscription::{PROVIDERS_FILE, Subscription, known, subscriptions, wanted};

/// The compiled knowledge in the data folder.
pub const KNOWLEDGE_FILE: &str = "knowledge.vkb";

/// The knowledge before it, to go back to.
pub const PREVIOUS_FILE: &str = "knowledge.previous.vkb";

/// What the operator says: advisories and VEX, one document a file.
pub const OPERATOR_FOLDER: &str = "advisories";

/// How long one CSAF provider may take in one run, if nobody knows better.
pub const PROVIDER_TIME: Duration = Duration::from_secs(60 * 60);

/// Feeds that are fetched at the same time; each publisher is asked for one file at a time.
const AT_ONCE: usize = 4;

/// What to bring up to date, and from where.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    pub data_dir: PathBuf,
    pub source: Source,
    /// Feed ids. `None`: all.
    pub only: Option<Vec<String>>,
    /// Feeds that may lose more than a tenth of their records this time.
    pub accept_loss: Vec<String>,
    pub now: Timestamp,
    /// Longest time for one CSAF provider; the next run goes on.
    pub provider_time: Duration,
}

/// Hears how a synchronisation goes on.
pub trait Progress: Send + Sync {
    fn step(&self, step: Step<'_>);
}

/// Progress that nobody looks at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn step(&self, _: Step<'_>) {}
}

/// Where a synchronisation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    Fetching {
        feed: &'a str,
        file: &'a str,
        bytes: u64,
        size: Option<u64>,
    },
    Parsing {
        feed: &'a str,
        file: &'a str,
    },
    /// The feed's new records are in place.
    Switched {
        feed: &'a str,
    },
    Finished {
        feed: &'a str,
        outcome: &'a Outcome,
    },
    Compiling,
    /// The new knowledge file is complete and tested, and not yet in place.
    Compiled,
}

/// What came of one feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Updated,
    Unchanged,
    /// The mirror lacks it: whatever was there stays.
    Absent,
    /// Some or all of it failed; the last good records stay in use.
    Failed(String),
}

impl Outcome {
    /// The outcome in words.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Absent => "not in the mirror",
            Self::Failed(_) => "failed",
        }
    }
}

/// What came of a synchronisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncReport {
    /// Each feed that was asked for, in the order of the guide.
    pub feeds: Vec<(String, Outcome)>,
    /// Every feed as it is known now.
    pub snapshots: Vec<FeedSnapshot>,
    /// The knowledge file was compiled anew.
    pub compiled: bool,
}

impl SyncReport {
    pub fn has_failure(&self) -> bool {
        self.feeds.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
    }

    /// One line for a log: `debian updated, nvd failed`.
    pub fn summary(&self) -> String {
        let one = |(id, outcome): &(String, Outcome)| format!("{id} {}", outcome.as_str());
        self.feeds.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Why nothing, or not everything, could be brought up to date. What one feed suffers is in [`Outcome`] instead.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error("unknown feed {id:?} (known: {known})")]
    UnknownFeed { id: String, known: String },
    #[error("another synchronisation of {} is running: try again when it has ended", .0.display())]
    Busy(PathBuf),
    #[error("cannot use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the stored records {} are damaged ({reason}): remove the file and synchronise again", path.display())]
    Records { path: PathBuf, reason: String },
    #[error("the new knowledge file is not put to use: {0}")]
    Compile(String),
    #[error("the imported knowledge {} cannot be used ({reason}): import a bundle again", path.display())]
    Imported { path: PathBuf, reason: String },
    #[error(
        "held: less would be known than now ({losses}); what is in use stays until these feeds are whole again, or \
         `--accept-loss {feeds}` confirms the loss",
        losses = .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        feeds = .0.iter().map(|loss| loss.feed.as_str()).collect::<Vec<_>>().join(","),
    )]
    Held(Vec<Loss>),
}

/// Fetches what changed, compiles it, puts it to use.
pub async fn sync(options: &SyncOptions, progress: &dyn Progress) -> Result<SyncReport, SyncError> {
    let wanted = wanted(&options.data_dir, options.only.as_deref())?;
    let root = feeds_dir(&options.data_dir);
    let _lock = lock(&options.data_dir)?;
    subscription::forget_others(&options.data_dir, &subscriptions(&options.data_dir))
        .map_err(|source| SyncError::Io { path: root.clone(), source })?;
    let all: Vec<_> = wanted.into_iter().map(|one| one_feed(one, &root, options, progress)).collect();
    let running = futures_util::stream::iter(all).buffered(AT_ONCE);
    let feeds: Vec<_> = running.collect().await;
    let compiled =
        compile::knowledge(&options.data_dir, When::Needed { accept_loss: &options.accept_loss }, progress).await?;
    let snapshots = snapshots(&options.data_dir);
    Ok(SyncReport { feeds, snapshots, compiled })
}

/// Compiles the records that are here anew, fetches nothing, and puts the outcome to use.
pub async fn build(data_dir: &Path, progress: &dyn Progress) -> Result<(), SyncError> {
    let root = feeds_dir(data_dir);
    if !root.is_dir() {
        return Err(SyncError::Compile(format!("{} holds no feeds: synchronise them first", data_dir.display())));
    }
    let _lock = Lock::take(&root)?;
    compile::knowledge(data_dir, When::Always, progress).await.map(drop)
}

/// Makes the folder of the feeds and keeps others out of it.
fn lock(data_dir: &Path) -> Result<Lock, SyncError> {
    let root = feeds_dir(data_dir);
    // The data folder also holds credentials: whoever makes it keeps others out.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&root)
        .map_err(|source| SyncError::Io { path: root.clone(), source })?;
    Lock::take(&root)
}

async fn one_feed(
    subscription: Subscription,
    root: &Path,
    options: &SyncOptions,
    progress: &dyn Progress,
) -> (String, Outcome) {
    let own;
    let options = if feeds::is_operators(subscription.feed.id) {
        own = SyncOptions { source: Source::Operator(options.data_dir.join(OPERATOR_FOLDER)), ..options.clone() };
        &own
    } else {
        options
    };
    let id = &subscription.id;
    let outcome = match (&subscription.wrong, FeedFolder::open(root, id)) {
        (Some(reason), _) => Outcome::Failed(reason.clone()),
        (None, Ok(folder)) => fetch::feed(&subscription, &folder, options, progress).await,
        (None, Err(error)) => Outcome::Failed(format!("cannot use {}: {error}", root.join(id).display())),
    };
    progress.step(Step::Finished { feed: id, outcome: &outcome });
    (subscription.id, outcome)
}

/// Every feed as this data folder has it; what was never fetched is there as such. [`status`] knows imported ones too.
pub fn snapshots(data_dir: &Path) -> Vec<FeedSnapshot> {
    let root = feeds_dir(data_dir);
    subscriptions(data_dir).iter().map(|one| one.state(&root).snapshot).collect()
}

/// When the state of any feed last changed.
pub fn states_changed(data_dir: &Path) -> Option<std::time::SystemTime> {
    let root = feeds_dir(data_dir);
    let of_feeds = subscriptions(data_dir);
    let named = fs::metadata(subscription::providers_file(data_dir)).and_then(|meta| meta.modified()).ok();
    of_feeds.iter().filter_map(|one| state::changed(&root.join(&one.id))).chain(named).max()
}

/// Tells whether any publisher answers within the time: else a bundled sample is better than nothing. A mirror was
/// opened already, so it counts as answering.
pub async fn probe_publishers(source: &Source, within: Duration) -> bool {
    let Source::Publishers(client) = source else { return true };
    // The last request of a feed does not depend on the year.
    let nothing = Known::nothing(Timestamp::UNIX_EPOCH);
    let last = FEEDS.iter().filter_map(|feed| (feed.requests)(&nothing).pop());
    let mut answers: FuturesUnordered<_> =
        last.map(|request| async move { client.answers(&request.url).await }).collect();
    let any = async {
        while let Some(answered) = answers.next().await {
            if answered {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(within, any).await.unwrap_or(false)
}

fn feeds_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("feeds")
}
