//! Numbers of what was interned before, so that what an estate repeats is looked up once and not with each machine.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;

use crate::error::StoreError;

/// Numbers that are remembered of each table; with more than this, all of them are forgotten.
const KEYS_MAX: usize = 1_000_000;

/// What the numbers are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Component,
    Package,
    Vulnerability,
    Defect,
    Match,
}

const KINDS: usize = 5;

/// A key of which a number was read or given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interned {
    pub(crate) kind: Kind,
    pub(crate) key: u128,
    pub(crate) id: i64,
}

/// Numbers that one database has committed, and nothing ever removes there. Of another server, or of the same after a restore,
/// they mean something else: a server has a memory of its own, and each commit asks whether the log is still the same.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Epoch of the change log. `None`: nothing was committed yet.
    epoch: Option<String>,
    /// The keys are digests.
    ids: [HashMap<u128, i64, FixedState>; KINDS],
}

impl Memory {
    /// The numbers of keys, as far as they are known.
    pub(crate) fn known(&self, kind: Kind, keys: &[u128]) -> Vec<Option<i64>> {
        let inner = self.inner();
        let ids = &inner.ids[kind as usize];
        keys.iter().map(|key| ids.get(key).copied()).collect()
    }

    /// Refuses numbers of another log: those of a database that was replaced while the program was running.
    pub(crate) fn expect_epoch(&self, epoch: &str) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if inner.epoch.as_ref().is_none_or(|known| known == epoch) {
            return Ok(());
        }
        *inner = Inner::default();
        Err(StoreError::Replaced)
    }

    /// Remembers what was committed, and in which log. `None`: the commit did not touch it.
    pub(crate) fn remember(&self, committed: Vec<Interned>, epoch: Option<String>) {
        let mut inner = self.inner();
        if epoch.is_some() {
            inner.epoch = epoch;
        }
        for Interned { kind, key, id } in committed {
            let ids = &mut inner.ids[kind as usize];
            if ids.len() >= KEYS_MAX {
                ids.clear();
            }
            ids.insert(key, id);
        }
    }

    /// Another log begins.
    pub(crate) fn forget(&self) {
        *self.inner() = Inner::default();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
