//! The outbox: what has happened, for whoever follows from outside.
//!
//! A transaction tells what it does ([`Tx::tell`]), and its commit numbers that behind everything that was committed before.
//! Numbers become visible in their order and without a gap, so a reader goes on from any number; only the oldest events are
//! ever forgotten, and a reader that comes too late for some is told so.

use std::fmt;
use std::str::FromStr;

use domain::component::Ecosystem;
use domain::event::EventKind;
use domain::ids::{AssetId, FindingId};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::change;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, json, load_rows, query};

/// Events are kept for so long.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// No more than this many are kept, however young.
pub const EVENTS_MAX: u64 = 5_000_000;
/// Forgotten in one transaction at most.
const FORGOTTEN_MAX: u64 = 100_000;
/// Events that are looked through for one page, however few of them are asked for.
const WINDOW: u64 = 20_000;
/// Reasons are told up to this.
const REASON_CHARS_MAX: usize = 500;

/// Something to tell.
#[derive(Debug, Clone)]
pub struct NewEvent {
    at: Timestamp,
    kind: EventKind,
    asset: Option<AssetId>,
    /// With the number of what it is about.
    finding: Option<(FindingId, i64)>,
    body: String,
}

/// A place in the order of all events: behind the one with this number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Tells the events of this database from those of another, or of the same before a restore.
    epoch: String,
    seq: u64,
}

/// The text is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no position in the order of events: give the id of an event as it is")]
pub struct NoPosition;

/// One event, as it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Also its name: there is no other event with it.
    pub position: Position,
    pub at: Timestamp,
    pub kind: EventKind,
    /// The asset that it is about, with its name now.
    pub asset: Option<(AssetId, String)>,
    pub finding: Option<About>,
    pub body: serde_json::Value,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    pub id: FindingId,
    pub vulnerability: String,
    pub ecosystem: Ecosystem,
    pub package: String,
    pub place: String,
}

/// What comes behind a position.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Events between the position and this one are gone, or were another database's.
    pub lost: Option<Position>,
    pub events: Vec<Event>,
    /// Where to go on from, also where nothing was found.
    pub end: Position,
    /// There is more behind it already.
    pub more: bool,
}

impl NewEvent {
    pub fn new(at: Timestamp, kind: EventKind) -> Self {
        Self { at, kind, asset: None, finding: None, body: "{}".to_owned() }
    }

    #[must_use]
    pub fn of_asset(self, asset: AssetId) -> Self {
        Self { asset: Some(asset), ..self }
    }

    #[must_use]
    pub(crate) fn of_finding(self, finding: FindingId, defect: i64) -> Self {
        Self { finding: Some((finding, defect)), ..self }
    }

    /// What is to be said beside it, in JSON. Never holds a secret.
    #[must_use]
    pub fn saying<T: Serialize + ?Sized>(self, body: &T) -> Self {
        Self { body: json(body), ..self }
    }
}

/// A reason as it is told: its beginning says what it is about.
pub(crate) fn reason(text: &str) -> String {
    text.chars().take(REASON_CHARS_MAX).collect()
}

/// Where the events end now: cheap enough to be asked again and again.
pub async fn end<'a>(on: impl Into<On<'a>>) -> Result<Position, StoreError> {
    let Some((epoch, seq)) = change::event_head(on).await? else { return Ok(Position::beginning()) };
    // The last group of the UUID is random.
    Ok(Position { epoch: epoch.chars().skip(epoch.len().saturating_sub(EPOCH_CHARS)).collect(), seq })
}

/// What comes behind a position, of these kinds, the oldest first; of every kind where none is given.
pub async fn after<'a>(
    on: impl Into<On<'a>>,
    position: &Position,
    kinds: &[EventKind],
    limit: usize,
) -> Result<Page, StoreError> {
    let mut on = on.into();
    let head = end(on.again()).await?;
    let kinds = if kinds.is_empty() { &EventKind::ALL } else { kinds };
    let is_here = position.epoch == head.epoch && position.seq <= head.seq;
    let mut from = match position {
        position if is_here => position.seq,
        // A database whose files were put back: what is there was told already.
        position if position.epoch == head.epoch => head.seq,
        _ => 0,
    };
    let mut lost = !is_here && *position != Position::beginning();
    loop {
        let to = head.seq.min(from + WINDOW);
        let events = read(on.again(), &head.epoch, (from, to), kinds, limit).await?;
        // Asked after the page: what is still there now was there then.
        let oldest = oldest(on.again()).await?.unwrap_or(head.seq + 1);
        if from < head.seq && oldest > from + 1 {
            (from, lost) = (oldest - 1, true);
            continue;
        }
        let full = events.last().filter(|_| events.len() == limit);
        let reached = full.map_or(to, |last| last.position.seq);
        let at = |seq| Position { epoch: head.epoch.clone(), seq };
        return Ok(Page { lost: lost.then(|| at(from)), end: at(reached), more: reached < head.seq, events });
    }
}

/// Forgets events from before an instant, and those that are too many; a bounded number at a time.
pub async fn prune(tx: &mut Tx, before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    let Some(oldest) = oldest(&mut *tx).await? else { return Ok(0) };
    let head = end(&mut *tx).await?;
    // What claims to be of the future keeps nothing.
    let text = "select seq from event where at >= $1 and at <= $2 order by seq limit 1";
    let young = query("look for old events", text).bind(before).bind(now).optional(&mut *tx).await?;
    let young = young.map_or(Ok(head.seq + 1), |row| row.number("seq"))?;
    let stays = young.max(head.seq.saturating_sub(EVENTS_MAX) + 1).min(oldest + FORGOTTEN_MAX);
    query("forget old events", "delete from event where seq < $1").bind(int(stays)).execute(tx).await
}

/// Writes what was told, the last under this number.
pub(crate) async fn append(tx: &mut Tx, last: i64, events: Vec<NewEvent>) -> Result<(), StoreError> {
    let first = last - i64::try_from(events.len()).unwrap_or(i64::MAX) + 1;
    let row = |(seq, event): (i64, NewEvent)| {
        let (finding, defect) = event.finding.map(|(id, defect)| (id.uuid(), defect)).unzip();
        let (asset, kind) = (event.asset.map(AssetId::uuid), event.kind.as_str());
        vec![seq.into(), event.at.into(), kind.into(), asset.into(), finding.into(), defect.into(), event.body.into()]
    };
    let rows = (first..).zip(events).map(row).collect();
    load_rows(tx, "write events", "event", "seq, at, kind, asset_id, finding_id, defect_id, body", rows).await
}

const EPOCH_CHARS: usize = 12;

impl Position {
    /// Whether there is something between this and the end: also where the end is another database's.
    pub fn is_before(&self, end: &Self) -> bool {
        self.epoch != end.epoch || self.seq < end.seq
    }

    /// Before the first event of a database that has told none yet.
    fn beginning() -> Self {
        Self { epoch: "0".repeat(EPOCH_CHARS), seq: 0 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (epoch, seq) = text.split_once('-').ok_or(NoPosition)?;
        let legal = epoch.len() == EPOCH_CHARS && epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
        let seq = seq.parse::<u64>().ok().filter(|seq| legal && i64::try_from(*seq).is_ok()).ok_or(NoPosition)?;
        Ok(Self { epoch: epoch.to_ascii_lowercase(), seq })
    }
}

async fn oldest(on: impl Into<On<'_>>) -> Result<Option<u64>, StoreError> {
    let row = query("look for the oldest event", "select seq from event order by seq limit 1").optional(on).await?;
    row.map(|row| row.number("seq")).transpose()
}

/// Events with numbers above the first and up to the second.
async fn read(
    on: On<'_>,
    epoch: &str,
    (from, to): (u64, u64),
    kinds: &[EventKind],
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let rows = query(
        "read events",
        "select event.seq, event.at, event.kind, event.body, event.asset_id, asset.name as asset_name, event.finding_id,
             vulnerability.public_id, package.ecosystem, package.name as package_name, package.place
         from event
         left join asset on asset.id = event.asset_id
         left join defect on defect.id = event.defect_id
         left join vulnerability on vulnerability.id = defect.vulnerability_id
         left join package on package.id = defect.package_id
         where event.seq > $1 and event.seq <= $2 and event.kind in (select item.value from {texts $3})
         order by event.seq limit $4",
    )
    .bind(int(from))
    .bind(int(to))
    .bind(json(&kinds))
    .bind(limit)
    .all(on)
    .await?;
    rows.iter().map(|row| from_row(row, epoch)).collect()
}

fn from_row(row: &Row, epoch: &str) -> Result<Event, StoreError> {
    let kind = row.text("kind")?;
    let asset = row.get::<Option<uuid::Uuid>>("asset_id")?.map(AssetId::from_uuid);
    // A name that is gone with its asset is no reason to tell nothing.
    let name = row.get::<Option<String>>("asset_name")?.unwrap_or_default();
    let finding = match row.get::<Option<uuid::Uuid>>("finding_id")?.zip(row.get("public_id")?) {
        None => None,
        Some((id, vulnerability)) => Some(About {
            id: FindingId::from_uuid(id),
            vulnerability,
            ecosystem: row.word("ecosystem")?,
            package: row.text("package_name")?,
            place: row.text("place")?,
        }),
    };
    Ok(Event {
        position: Position { epoch: epoch.to_owned(), seq: row.number("seq")? },
        at: row.instant("at")?,
        kind: EventKind::parse(&kind).ok_or_else(|| row.corrupt(format!("kind is {kind:?}")))?,
        asset: asset.map(|id| (id, name)),
        finding,
        body: row.json("body")?,
    })
}

fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written() {
        let position = Position { epoch: "0123456789ab".to_owned(), seq: 17 };
        assert_eq!(position.to_string(), "0123456789ab-17");
        assert_eq!(position.to_string().parse(), Ok(position));
        let large = format!("0123456789ab-{}", u64::MAX);
        for bad in ["", "17", "-17", "0123456789ab", "0123456789ab-", "0123456789ab--1", "0123456789ag-1", &large] {
            assert_eq!(bad.parse::<Position>(), Err(NoPosition), "{bad}");
        }
    }
}
