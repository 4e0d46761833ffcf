//! What brings knowledge, and how far it can be trusted right now.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The last good snapshot of one feed, and what went wrong since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedSnapshot {
    /// Feed id: `debian`, `nvd`, `kev`, `epss` …
    pub id: String,
    /// Last successful fetch (a conditional request that changed nothing counts). `None`: never.
    pub fetched_at: Option<Timestamp>,
    /// The instant that the publisher gives for its data. `None`: it gives none.
    pub published_at: Option<Timestamp>,
    /// The publisher's version, catalogue or model. Empty: none.
    pub version: String,
    pub record_count: u64,
    /// Records that could not be read: kept out, counted, shown.
    pub problem_count: u64,
    /// The first problems, for people: source, record, reason.
    pub problems: Vec<String>,
    /// The snapshot holds only a part of what the publisher has.
    pub partial: bool,
    /// Why it cannot be all that the publisher has, where nobody says so. Empty: nothing is implausible.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lack: String,
    /// Why the latest attempt failed. `None`: it did not.
    pub last_error: Option<String>,
    /// SHA-256 of the snapshot's bytes, in hex. Empty: no snapshot.
    pub sha256: String,
    /// How old the publisher's own date may be: some publish daily, others twice a year.
    #[serde(default = "fresh_for_default")]
    pub fresh_for_hours: u32,
}

const fn fresh_for_default() -> u32 {
    48
}

/// How far a feed can be trusted at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    /// Complete, and young enough.
    Fresh,
    /// Its publisher was not asked for two days, or its data is older than this publisher lets it become.
    Stale,
    /// Fetched, and without a record: a broken feed, not a clean world.
    Empty,
    /// A part of what the publisher has: by the mirror's own word, because records could not be read, or because there are
    /// implausibly few of them.
    Partial,
    /// The latest attempt failed; the last good snapshot, if there is one, stays in use.
    Failed,
    /// Never fetched.
    Never,
}

impl FeedState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Empty => "empty",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Never => "never",
        }
    }
}

/// A feed is stale when nobody has asked its publisher for longer than this.
pub const STALE_AFTER: SignedDuration = SignedDuration::from_hours(48);

impl FeedSnapshot {
    /// A feed of which nothing was ever fetched.
    pub fn never(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            fetched_at: None,
            published_at: None,
            version: String::new(),
            record_count: 0,
            problem_count: 0,
            problems: Vec::new(),
            partial: false,
            lack: String::new(),
            last_error: None,
            sha256: String::new(),
            fresh_for_hours: fresh_for_default(),
        }
    }

    /// A complete snapshot was fetched and read without a problem. A later failed attempt leaves it complete.
    pub const fn is_whole(&self) -> bool {
        self.fetched_at.is_some() && self.record_count > 0 && !self.partial && self.problem_count == 0
    }

    /// The state at an instant, worst news first.
    pub fn state(&self, at: Timestamp) -> FeedState {
        let Some(fetched_at) = self.fetched_at else {
            return if self.last_error.is_some() { FeedState::Failed } else { FeedState::Never };
        };
        let fresh_for = SignedDuration::from_hours(i64::from(self.fresh_for_hours));
        let is_old = self.published_at.is_some_and(|published| at.duration_since(published) > fresh_for);
        if self.last_error.is_some() {
            FeedState::Failed
        } else if self.record_count == 0 {
            FeedState::Empty
        } else if self.partial || self.problem_count > 0 {
            FeedState::Partial
        } else if is_old || at.duration_since(fetched_at) > STALE_AFTER {
            FeedState::Stale
        } else {
            FeedState::Fresh
        }
    }
}
