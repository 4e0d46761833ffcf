//! The change log: which assets have changed since a position, for whoever keeps lists of them in memory.
//!
//! A transaction notes what it touches, and its commit gives all of that one number. Numbers become visible in their order,
//! so a reader that has seen one has missed none before it. Where only some findings of an asset have changed, the log names
//! them: nothing else of it need be read again.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::AssetId;
use jiff::Timestamp;
use uuid::Uuid;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::outbox::{self, NewEvent};
use crate::sql::{Row, Value, insert_rows, query};

/// Where the log ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Tells the log of this database from that of another, or of the same before a restore. Empty: nothing was noted yet.
    pub epoch: String,
    /// The number of the latest change.
    pub seq: u64,
    /// The version of the policy in use. Zero: nobody has saved one.
    pub policy: u64,
}

/// A place in the order of all changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    seq: u64,
    what: Uuid,
}

/// A latest change of something. The order is that of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub seq: u64,
    pub what: What,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The scopes, on which all assets depend.
    Scopes,
    Asset(AssetId, Extent),
}

/// How much of an asset has changed since a position that a reader has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    All,
    /// Findings by the numbers of their defects, and what is kept of the asset beside its findings.
    Parts {
        findings: BTreeSet<i64>,
        itself: bool,
    },
}

impl Position {
    /// Behind everything with this number or a smaller one.
    pub const fn behind(seq: u64) -> Self {
        Self { seq, what: Uuid::max() }
    }

    pub const fn seq(self) -> u64 {
        self.seq
    }
}

impl Change {
    /// Behind this change.
    pub fn position(&self) -> Position {
        let what = match &self.what {
            What::Scopes => SCOPES,
            What::Asset(asset, _) => asset.uuid(),
        };
        Position { seq: self.seq, what }
    }

    /// The asset that has changed. `None`: the scopes.
    pub const fn asset(&self) -> Option<AssetId> {
        match &self.what {
            What::Scopes => None,
            What::Asset(asset, _) => Some(*asset),
        }
    }

    /// `since` is the number up to which the reader knows everything.
    fn of(row: &Row, since: u64) -> Result<Self, StoreError> {
        let (seq, what) = (row.number("seq")?, row.uuid("asset_id")?);
        if what == SCOPES {
            return Ok(Self { seq, what: What::Scopes });
        }
        let extent = if row.number::<u64>("whole_seq")? > since {
            Extent::All
        } else {
            let numbers: Result<BTreeSet<i64>, _> =
                row.text("defects")?.split_terminator(',').map(str::parse::<i64>).collect();
            let mut findings = numbers.map_err(|error| row.corrupt(format!("defects: {error}")))?;
            let itself = findings.remove(&ITSELF);
            Extent::Parts { findings, itself }
        };
        Ok(Self { seq, what: What::Asset(AssetId::from_uuid(what), extent) })
    }
}

/// Stands for the scopes among the identifiers of assets.
const SCOPES: Uuid = Uuid::nil();

/// Stands for what is kept of an asset beside its findings among the numbers of defects, of which none is zero.
const ITSELF: i64 = 0;

/// Characters of the numbers that are kept of one asset. Of whatever changes more, everything is read again.
const DEFECTS_CHARS_MAX: usize = 1000;

/// The log has one head.
const HEAD: i64 = 1;

/// Where the log ends now: cheap enough to be asked before every answer.
pub async fn head<'a>(on: impl Into<On<'a>>) -> Result<Head, StoreError> {
    let text = "select coalesce((select max(version) from policy), 0) as policy,
                    coalesce((select seq from change_head where id = $1), 0) as seq,
                    coalesce((select epoch from change_head where id = $1), '') as epoch";
    let row = query("read the head of the change log", text).bind(HEAD).one(on).await?;
    Ok(Head { epoch: row.text("epoch")?, seq: row.number("seq")?, policy: row.number("policy")? })
}

/// One page of what has changed after a position, oldest change first. `since` is the number up to which the reader knows
/// everything: where it began to read.
pub async fn after<'a>(
    on: impl Into<On<'a>>,
    position: Position,
    since: u64,
    limit: usize,
) -> Result<Vec<Change>, StoreError> {
    let rows = query(
        "follow the change log",
        "select seq, asset_id, whole_seq, defects from asset_change
         where (seq, asset_id) > ($1, $2) order by seq, asset_id limit $3",
    )
    .bind(i64::try_from(position.seq).unwrap_or(i64::MAX))
    .bind(position.what)
    .bind(limit)
    .all(on)
    .await?;
    rows.iter().map(|row| Change::of(row, since)).collect()
}

/// The epoch of the log, and the number of the latest event. `None`: nothing was noted yet.
pub(crate) async fn event_head<'a>(on: impl Into<On<'a>>) -> Result<Option<(String, u64)>, StoreError> {
    let text = "select epoch, event_seq from change_head where id = $1";
    let row = query("read the number of the latest event", text).bind(HEAD).optional(on).await?;
    row.map(|row| Ok((row.text("epoch")?, row.number("event_seq")?))).transpose()
}

/// What a transaction has touched: everything, or the numbers of the findings' defects.
#[derive(Debug, Default)]
pub(crate) struct Touched(BTreeMap<Uuid, Option<BTreeSet<i64>>>);

impl Touched {
    pub(crate) fn asset(&mut self, asset: AssetId) {
        self.0.insert(asset.uuid(), None);
    }

    /// A finding, and nothing else of its asset.
    pub(crate) fn finding(&mut self, asset: AssetId, defect: i64) {
        self.part(asset, defect);
    }

    /// What is kept of the asset beside its findings, where no verdict depends on it.
    pub(crate) fn asset_alone(&mut self, asset: AssetId) {
        self.part(asset, ITSELF);
    }

    pub(crate) fn scopes(&mut self) {
        self.0.insert(SCOPES, None);
    }

    fn part(&mut self, asset: AssetId, number: i64) {
        if let Some(parts) = self.0.entry(asset.uuid()).or_insert_with(|| Some(BTreeSet::new())) {
            parts.insert(number);
        }
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
    let row = |(what, parts): (Uuid, Option<BTreeSet<i64>>)| -> Vec<Value> {
        let listed = |parts: BTreeSet<i64>| parts.iter().map(|number| format!("{number},")).collect::<String>();
        let defects = parts.map(listed).filter(|listed| listed.len() <= DEFECTS_CHARS_MAX);
        let whole_seq = if defects.is_some() { 0 } else { seq };
        vec![what.into(), seq.into(), whole_seq.into(), defects.unwrap_or_default().into()]
    };
    let is_whole = format!(
        "excluded.whole_seq > 0 or length(asset_change.defects) + length(excluded.defects) > {DEFECTS_CHARS_MAX}"
    );
    let tail = format!(
        "on conflict (asset_id) do update set seq = excluded.seq,
             whole_seq = case when {is_whole} then excluded.seq else asset_change.whole_seq end,
             defects = case when {is_whole} then '' else asset_change.defects || excluded.defects end"
    );
    insert_rows(
        tx,
        "note what has changed",
        "insert into asset_change (asset_id, seq, whole_seq, defects)",
        &tail,
        touched.0.into_iter().map(row).collect(),
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
