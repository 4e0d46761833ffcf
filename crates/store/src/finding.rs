//! Findings: where each stands, and the evidence that brought it there.
//!
//! The rows say what the fold of the evidence says; [`replay_check`] proves it for an asset. There are millions of them, so they
//! are narrow: what many findings share is interned, and what is not as usual stands in one more column.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;

use domain::cause::Cause;
use domain::finding::{Change, Detection, Evidence, Finding, FindingKey};
use domain::ids::{AssetId, FindingId, RecordId};
use domain::verdict::Match;
use jiff::Timestamp;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::intern;
use crate::sql::{IDS_MAX, Row, Value, json, query, query_built};

mod carry;
mod evidence;
mod forget;
mod listed;
mod more;
mod row;
mod standing;
mod write;

pub(crate) use carry::carry;
pub use forget::{forget, with_ended};
pub use listed::{Listed, ListedDefect, ListedMatch, defects, listed, listed_of, matches};
pub use standing::{Numbered, Standing, known_defects, numbered, standing};

use row::{load, select};

/// Findings that are looked up by asset and defect in one statement.
const PAIRS_MAX: usize = 2000;
/// So many are asked for by statements that are kept prepared.
const PAGE_PREPARED: usize = 100;

/// A finding with the match that it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFinding {
    pub finding: Finding,
    /// The latest match. `None`: found without one.
    pub matched: Option<Match>,
}

/// One finding to save, with what was learnt since it was read.
#[derive(Debug, Clone, Copy)]
pub struct Save<'a> {
    pub finding: &'a Finding,
    /// `None`: not matched this time, so what is known of the match stays.
    pub matched: Option<&'a Match>,
    /// Evidence that changed nothing is not kept.
    pub evidence: &'a [(Evidence, Change)],
    /// It was looked for in this transaction, or since its asset was locked, and is not there. Where that is wrong, nothing is
    /// saved.
    pub is_new: bool,
}

/// When and why findings are saved.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'a> {
    pub at: Timestamp,
    /// What brought the evidence.
    pub cause: &'a Cause,
    /// Whose word it is, and where it goes if that is another asset's. `None`: the asset's own.
    pub record: Option<RecordId>,
}

/// One piece of evidence, as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub evidence: Evidence,
    pub change: Change,
    /// The finding's state after it.
    pub detection: Detection,
    pub recorded_at: Timestamp,
    pub cause: Cause,
}

/// A place in the order of all findings, to go on reading from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    asset: AssetId,
    defect: i64,
}

impl Position {
    /// As a row of a statement.
    fn row(&self) -> Vec<Value> {
        vec![self.asset.into(), self.defect.into()]
    }

    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { asset: AssetId::from_uuid(row.uuid("asset_id")?), defect: row.int("defect_id")? })
    }
}

/// A finding whose row is not the fold of its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub stored: Finding,
    /// `None`: the evidence does not even begin a finding.
    pub replayed: Option<Finding>,
}

/// Saves a finding: its row, its episodes, its evidence.
pub async fn save(tx: &mut Tx, save: Save<'_>, recording: Recording<'_>) -> Result<(), StoreError> {
    write::save_all(tx, &[save], recording).await
}

/// Saves many findings in few statements.
pub async fn save_all(tx: &mut Tx, saves: &[Save<'_>], recording: Recording<'_>) -> Result<(), StoreError> {
    write::save_all(tx, saves, recording).await
}

/// Every finding of an asset, ended ones included.
pub async fn of_asset<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Vec<StoredFinding>, StoreError> {
    let query = query("read the asset's findings", select!("where finding.asset_id = $1"));
    load(on.into(), query.bind(asset)).await.map(bare)
}

/// The assets with a fix that was claimed before an instant and that nothing has come of.
pub async fn claimed<'a>(on: impl Into<On<'a>>, before: Timestamp) -> Result<Vec<AssetId>, StoreError> {
    let text = "select distinct asset_id from finding
                where state = 'pending' and moved_at < $1 and more like '%\"fix_claimed\"%'";
    query("look for claimed fixes", text).bind(before).all(on).await?.iter().map(more::asset).collect()
}

/// Those of some assets that have an open or pending finding that an inspection has found.
pub async fn with_confirmed<'a>(on: impl Into<On<'a>>, assets: &[AssetId]) -> Result<Vec<AssetId>, StoreError> {
    let (mut on, mut found) = (on.into(), Vec::new());
    for chunk in assets.chunks(IDS_MAX) {
        let text = "select id from asset where id {in rows} and exists (
                        select 1 from finding where finding.asset_id = asset.id and state in ('open', 'pending')
                            and more not like '%\"reported\"%'
                    )";
        for row in query("look for open findings", text).each(chunk).all(on.again()).await? {
            found.push(AssetId::from_uuid(row.uuid("id")?));
        }
    }
    Ok(found)
}

/// One finding by its public identifier, or by one that it had before its asset was found to be another.
pub async fn get<'a>(on: impl Into<On<'a>>, id: FindingId) -> Result<Option<StoredFinding>, StoreError> {
    find(on.into(), id).await.map(|found| found.map(|(_, stored)| stored))
}

/// An identifier says by its halves which defect of which asset it is of, so no index over all findings is needed.
async fn find(mut on: On<'_>, id: FindingId) -> Result<Option<(Position, StoredFinding)>, StoreError> {
    let text = select!(
        "where (finding.asset_id, finding.defect_id) in (
             select here.id, about.id from asset here, defect about where about.code = $1 and here.tail = $2
         )"
    );
    let found = load(on.again(), query("read the finding", text).bind(id.code()).bind(id.tail())).await?;
    if let Some(found) = found.into_iter().find(|(_, stored)| stored.finding.key.id() == id) {
        return Ok(Some(found));
    }
    let former = select!(
        "join finding_alias alias on alias.asset_id = finding.asset_id and alias.defect_id = finding.defect_id
         where alias.id = $1"
    );
    Ok(load(on, query("read the finding", former).bind(id)).await?.pop())
}

/// The findings with these keys, as far as they are there, in no order.
pub async fn with_keys<'a>(on: impl Into<On<'a>>, keys: &[FindingKey]) -> Result<Vec<StoredFinding>, StoreError> {
    let mut on = on.into();
    let about: Vec<intern::About<'_>> = keys.iter().map(|key| (&key.package, &key.vulnerability)).collect();
    let defects = intern::known_defects(on.again(), &about).await?;
    let position = |(key, defect): (&FindingKey, Option<i64>)| Some(Position { asset: key.asset, defect: defect? });
    let positions: Vec<Position> = keys.iter().zip(defects).filter_map(position).collect();
    at(on, &positions).await
}

/// The findings on these assets with these numbers of defects, as far as they are there, in no order.
pub async fn numbered_so<'a>(
    on: impl Into<On<'a>>,
    wanted: impl IntoIterator<Item = (AssetId, i64)>,
) -> Result<Vec<StoredFinding>, StoreError> {
    let positions: Vec<Position> = wanted.into_iter().map(|(asset, defect)| Position { asset, defect }).collect();
    at(on.into(), &positions).await
}

/// The numbers of all defects of packages with these names, by the name.
pub async fn defects_named<'a>(
    on: impl Into<On<'a>>,
    names: &BTreeSet<String>,
) -> Result<HashMap<String, Vec<i64>>, StoreError> {
    let row = query(
        "look for defects by name",
        "select {all {list package.name, defect.id}} as found
         from package join defect on defect.package_id = package.id
         where package.name in (select item.value from {texts $1})",
    );
    let mut by_name: HashMap<String, Vec<i64>> = HashMap::new();
    for (name, defect) in row.bind(json(names)).one(on).await?.json::<Vec<(String, i64)>>("found")? {
        by_name.entry(name).or_default().push(defect);
    }
    Ok(by_name)
}

/// The findings at these places, as far as they are there, in no order.
async fn at(mut on: On<'_>, positions: &[Position]) -> Result<Vec<StoredFinding>, StoreError> {
    let mut found = Vec::with_capacity(positions.len());
    for chunk in positions.chunks(PAIRS_MAX) {
        let (wanted, rows) = on.dialect().by_pairs("finding", ["asset_id", "defect_id"]);
        let text = format!("{wanted} {} {rows} {}", row::COLUMNS, row::JOINS);
        let query = query_built("read findings", text).rows(chunk.iter().map(Position::row).collect());
        // Planning takes longer than reading a page.
        let query = if chunk.len() <= PAGE_PREPARED { query.kept_prepared() } else { query };
        found.extend(bare(load(on.again(), query).await?));
    }
    Ok(found)
}

/// How many findings are open, pending or stale.
pub async fn active_count<'a>(on: impl Into<On<'a>>) -> Result<u64, StoreError> {
    let text = "select count(*) as count from finding where state in ('open', 'pending', 'stale')";
    query("count findings", text).one(on).await?.number("count")
}

/// The evidence of a finding in the order in which it was kept, each piece with the state after it.
pub async fn events<'a>(on: impl Into<On<'a>>, id: FindingId) -> Result<Vec<Event>, StoreError> {
    let mut on = on.into();
    let Some((position, stored)) = find(on.again(), id).await? else { return Err(StoreError::missing("finding", id)) };
    let mut state: Option<Finding> = None;
    let mut events = Vec::new();
    for kept in evidence::of_finding(on, position).await? {
        match &mut state {
            Some(finding) => drop(finding.apply(&kept.evidence)),
            None => state = Finding::open(stored.finding.key.clone(), &kept.evidence),
        }
        let no_beginning = || StoreError::corrupt("read the evidence", "the first piece is not a detection");
        let finding = state.as_ref().ok_or_else(no_beginning)?;
        events.push(Event {
            evidence: kept.evidence,
            change: kept.change,
            detection: finding.detection,
            recorded_at: kept.recorded_at,
            cause: parsed(&kept.cause),
        });
    }
    Ok(events)
}

/// Replays the evidence of every finding of an asset; what differs from its row comes back.
pub async fn replay_check<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Vec<Mismatch>, StoreError> {
    let mut on = on.into();
    let here = query("read the asset's findings", select!("where finding.asset_id = $1")).bind(asset);
    let stored = load(on.again(), here).await?;
    let evidence = evidence::of_asset(on, asset).await?;
    let mut mismatches = Vec::new();
    for (position, StoredFinding { finding: stored, .. }) in stored {
        let kept = evidence.get(&position.defect).into_iter().flatten();
        let replayed = Finding::replay(stored.key.clone(), kept.map(|kept| &kept.evidence));
        if replayed.as_ref() != Some(&stored) {
            mismatches.push(Mismatch { stored, replayed });
        }
    }
    Ok(mismatches)
}

fn parsed(cause: &str) -> Cause {
    cause.parse().unwrap_or_else(|never: Infallible| match never {})
}

fn bare(found: Vec<(Position, StoredFinding)>) -> Vec<StoredFinding> {
    found.into_iter().map(|(_, stored)| stored).collect()
}

/// Every finding of these assets, ended ones included.
pub async fn of_assets<'a>(on: impl Into<On<'a>>, assets: &[AssetId]) -> Result<Vec<StoredFinding>, StoreError> {
    let mut on = on.into();
    let mut found = Vec::new();
    for chunk in assets.chunks(IDS_MAX) {
        let query = query("read the findings of assets", select!("where finding.asset_id {in rows}")).each(chunk);
        found.extend(bare(load(on.again(), query).await?));
    }
    Ok(found)
}

/// Saves findings of many assets in few statements: each with its own recording.
pub async fn save_each(tx: &mut Tx, saves: &[(Save<'_>, Recording<'_>)]) -> Result<(), StoreError> {
    write::save_each(tx, saves).await
}
