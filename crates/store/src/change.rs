//! The change log: which assets have changed since a position, for whoever keeps lists of them in memory.
//!
//! A transaction notes what it touches, and its commit gives all of that one number. Numbers become visible in their order,
//! so a reader that has seen one has missed none before it.

use std::collections::BTreeSet;

use domain::ids::AssetId;
use jiff::Timestamp;
use uuid::Uuid;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::outbox::{self, NewEvent};
use crate::sql::{insert_rows, query};

/// Where the log ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Tells the log of this database from that of another, or of the same before a restore. Empty: nothing was noted yet.
    pub epoch: String,
    /// The number of the latest change.
    pub seq: u64,
}

/// A latest change of something. The order is that of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub seq: u64,
    what: Uuid,
}

impl Change {
    /// Stands behind everything with this number or a smaller one.
    pub const fn behind(seq: u64) -> Self {
        Self { seq, what: Uuid::max() }
    }

    /// The asset that has changed. `None`: the scopes, on which all assets depend.
    pub fn asset(&self) -> Option<AssetId> {
        (self.what != SCOPES).then(|| AssetId::from_uuid(self.what))
    }
}

/// Stands for the scopes among the identifiers of assets.
const SCOPES: Uuid = Uuid::nil();

/// The log has one head.
const HEAD: i64 = 1;

/// Where the log ends now: cheap enough to be asked before every answer.
pub async fn head<'a>(on: impl Into<On<'a>>) -> Result<Head, StoreError> {
    let text = "select seq, epoch from change_head where id = $1";
    match query("read the head of the change log", text).bind(HEAD).optional(on).await? {
        Some(row) => Ok(Head { epoch: row.text("epoch")?, seq: row.number("seq")? }),
        None => Ok(Head { epoch: String::new(), seq: 0 }),
    }
}

/// One page of what has changed after a position, oldest change first.
pub async fn after<'a>(on: impl Into<On<'a>>, position: Change, limit: usize) -> Result<Vec<Change>, StoreError> {
    let rows = query(
        "follow the change log",
        "select seq, asset_id from asset_change where (seq, asset_id) > ($1, $2) order by seq, asset_id limit $3",
    )
    .bind(i64::try_from(position.seq).unwrap_or(i64::MAX))
    .bind(position.what)
    .bind(limit)
    .all(on)
    .await?;
    rows.iter().map(|row| Ok(Change { seq: row.number("seq")?, what: row.uuid("asset_id")? })).collect()
}

/// The epoch of the log, and the number of the latest event. `None`: nothing was noted yet.
pub(crate) async fn event_head<'a>(on: impl Into<On<'a>>) -> Result<Option<(String, u64)>, StoreError> {
    let text = "select epoch, event_seq from change_head where id = $1";
    let row = query("read the number of the latest event", text).bind(HEAD).optional(on).await?;
    row.map(|row| Ok((row.text("epoch")?, row.number("event_seq")?))).transpose()
}

/// What a transaction has touched.
#[derive(Debug, Default)]
pub(crate) struct Touched(BTreeSet<Uuid>);

impl Touched {
    pub(crate) fn asset(&mut self, asset: AssetId) {
        self.0.insert(asset.uuid());
    }

    pub(crate) fn scopes(&mut self) {
        self.0.insert(SCOPES);
    }
}

/// Gives what was touched the next number, and each event that was told one of its own. Returns the epoch of the log. `None`:
/// there was nothing to append.
pub(crate) async fn append(tx: &mut Tx, touched: Touched, events: Vec<NewEvent>) -> Result<Option<String>, StoreError> {
    if touched.0.is_empty() && events.is_empty() {
        return Ok(None);
    }
    let row = query(
        "advance the change log",
        "insert into change_head (id, seq, epoch, event_seq) values ($1, $2, $3, $4)
         on conflict (id) do update set seq = change_head.seq + excluded.seq,
             event_seq = change_head.event_seq + excluded.event_seq
         returning seq, event_seq, epoch",
    )
    .bind(HEAD)
    .bind(i64::from(!touched.0.is_empty()))
    .bind(fresh_epoch())
    .bind(events.len())
    .one(&mut *tx)
    .await?;
    let epoch = row.text("epoch")?;
    tx.memory.expect_epoch(&epoch)?;
    let (seq, last_event) = (row.int("seq")?, row.int("event_seq")?);
    outbox::append(tx, last_event, events).await?;
    let rows = touched.0.into_iter().map(|what| vec![what.into(), seq.into()]).collect();
    insert_rows(
        tx,
        "note what has changed",
        "insert into asset_change (asset_id, seq) values",
        "on conflict (asset_id) do update set seq = excluded.seq",
        rows,
    )
    .await?;
    Ok(Some(epoch))
}

/// Begins another log: what was followed before says nothing about this database any more.
pub(crate) async fn begin_anew(tx: &mut Tx) -> Result<(), StoreError> {
    tx.memory.forget();
    query(
        "begin the change log anew",
        "insert into change_head (id, seq, epoch) values ($1, 1, $2)
         on conflict (id) do update set seq = change_head.seq + 1, epoch = excluded.epoch",
    )
    .bind(HEAD)
    .bind(fresh_epoch())
    .execute(tx)
    .await
    .map(drop)
}

/// Only its random part matters.
fn fresh_epoch() -> String {
    crate::new_id(Timestamp::UNIX_EPOCH).to_string()
}
