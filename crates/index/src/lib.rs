//! The read model: findings in memory, in columns, for every list, filter, sort and count.
//!
//! Findings stand in the order of their assets, in immutable segments of at most 65,536 rows, whole assets in each. A question
//! is one scan: bitsets and ranges leave the rows that match, 64 at a time, and the sort key is compared with the worst of
//! the best rows so far. There is no precomputed order and no planner; docs/adr/0018-read-model.md says why.
//!
//! Nothing here reads a file, a socket, a clock or the store. Whoever has them loads an index from a stream of rows
//! ([`Loader`]) or from a checkpoint ([`Index::read_checkpoint`]), follows the change log with [`Index::update`], judges
//! all anew with [`Index::judged_anew`], and asks a [`Snapshot`]. Every question takes what the reader may see.

mod numbers;
mod row;
mod bits;
mod chunked;
mod order;
mod tables;
mod segment;
mod visible;
mod snapshot;
mod compile;
mod scan;
mod list;
mod count;
mod by_package;
mod tally;
mod write;
mod judge;
mod load;
mod checkpoint;
mod holders;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use by_package::{InCommon, OfPackage, Saying};
pub use checkpoint::{CheckpointError, seal_frames};
pub use count::{Count, Facets, Group, GroupBy, VALUES_MAX};
pub use holders::{Has, Holders, HoldersLoader, ListDigest};
pub use list::{Cursor, Found, PAGE_ROWS_MAX, Page, Query, QueryError, Sort, SortBy, UnknownWord};
pub use load::{Loader, OutOfOrder};
pub use numbers::{AssetNo, PackageNo, VulnerabilityNo};
pub use row::{Judged, Row, Signals};
pub use segment::ROWS_MAX;
pub use snapshot::Snapshot;
pub use tables::assets::Asset;
pub use tables::vulnerabilities::Vulnerability;
pub use visible::{AssetSet, Visible};
pub use write::{Batch, UnknownAsset};

use write::Working;

/// The state that readers see, and the one that the next changes are made on.
#[derive(Debug)]
pub struct Index {
    published: RwLock<Arc<Snapshot>>,
    working: Mutex<Working>,
}

impl Index {
    pub(crate) fn of(working: Working) -> Self {
        Self { published: RwLock::new(Arc::new(working.snapshot.clone())), working: Mutex::new(working) }
    }

    /// The same findings, to be changed apart from these. What neither changes is in memory once.
    ///
    /// # Panics
    ///
    /// Where an earlier batch panicked, as [`Self::update`].
    pub fn fork(&self) -> Self {
        Self::of(self.working.lock().expect("an earlier batch panicked: load the index again").clone())
    }

    /// The state as of now. It stays as it is while it is held, so ask for a new one for each question.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.published.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes changes together and publishes them, as of a position of the change log. Readers see all of them or none.
    ///
    /// # Panics
    ///
    /// Where an earlier batch panicked: what it left is half done, and the index has to be loaded again.
    pub fn update<T>(&self, log: u64, change: impl FnOnce(&mut Batch<'_>) -> T) -> T {
        let mut working = self.working.lock().expect("an earlier batch panicked: load the index again");
        let mut batch = Batch::new(&mut working);
        let answer = change(&mut batch);
        batch.finish(log);
        let snapshot = Arc::new(working.snapshot.clone());
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        answer
    }
}
