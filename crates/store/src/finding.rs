//! Findings: where each stands, and the evidence that brought it there.
//!
//! The rows say what the fold of the evidence says; [`replay_check`] proves it for an asset.

use domain::finding::{Change, Detection, Evidence, Finding};
use domain::ids::{AssetId, FindingId, RecordId};
use domain::verdict::Match;
use domain::vulnerability::VulnerabilityId;
use jiff::Timestamp;
use uuid::Uuid;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{IDS_MAX, query, query_built};

mod carry;
mod row;
mod listed;
mod write;
mod forget;

pub(crate) use carry::carry;
pub use forget::{forget, with_ended};
pub use listed::{Listed, listed, packages, vulnerabilities};

use row::{load, select};

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
}

/// When and why findings are saved.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'a> {
    pub at: Timestamp,
    /// What brought the evidence: `inspection 0190…`, `knowledge 3fa9…`, `run 0190…`.
    pub cause: &'a str,
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
    pub cause: String,
}

/// A place in the order of all findings, to go on reading from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    asset: Uuid,
    package: i64,
    vulnerability: i64,
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

/// One finding by its public identifier, or by one that it had before its asset was found to be another.
pub async fn get<'a>(on: impl Into<On<'a>>, id: FindingId) -> Result<Option<StoredFinding>, StoreError> {
    let mut on = on.into();
    let there = query("read the finding", select!("where finding.id = $1"));
    if let Some(found) = bare(load(on.again(), there.bind(id)).await?).pop() {
        return Ok(Some(found));
    }
    let former = select!(
        "join finding_alias alias on alias.asset_id = finding.asset_id and alias.package_id = finding.package_id
             and alias.vulnerability_id = finding.vulnerability_id
         where alias.id = $1"
    );
    load(on, query("read the finding", former).bind(id)).await.map(|found| bare(found).pop())
}

/// The findings with these public identifiers, as far as they are there, in no order.
pub async fn get_all<'a>(on: impl Into<On<'a>>, ids: &[FindingId]) -> Result<Vec<StoredFinding>, StoreError> {
    let mut on = on.into();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_MAX) {
        let list = on.dialect().placeholders(1, chunk.len());
        let query = query_built("read findings", format!("{}{list}", select!("where finding.id in ")));
        let query = chunk.iter().fold(query, |query, id| query.bind(*id));
        found.extend(bare(load(on.again(), query).await?));
    }
    Ok(found)
}

/// Every finding about a vulnerability, over all assets.
pub async fn of_vulnerability<'a>(
    on: impl Into<On<'a>>,
    id: &VulnerabilityId,
) -> Result<Vec<StoredFinding>, StoreError> {
    let text = select!("where vulnerability.public_id = $1");
    load(on.into(), query("read the vulnerability's findings", text).bind(id.as_str())).await.map(bare)
}

/// One page of the open, pending and stale findings of all assets, and where the next one begins. `None`: nowhere.
pub async fn active<'a>(
    on: impl Into<On<'a>>,
    after: Option<Position>,
    limit: usize,
) -> Result<(Vec<StoredFinding>, Option<Position>), StoreError> {
    let start = Position { asset: Uuid::nil(), package: 0, vulnerability: 0 };
    let after = after.unwrap_or(start);
    let text = select!(
        "where finding.state in ('open', 'pending', 'stale')
           and (finding.asset_id, finding.package_id, finding.vulnerability_id) > ($1, $2, $3)
         order by finding.asset_id, finding.package_id, finding.vulnerability_id limit $4"
    );
    let query = query("read active findings", text);
    let query = query.bind(after.asset).bind(after.package).bind(after.vulnerability).bind(limit);
    let found = load(on.into(), query).await?;
    let next = if found.len() < limit { None } else { found.last().map(|(position, _)| *position) };
    Ok((bare(found), next))
}

/// How many findings are open, pending or stale.
pub async fn active_count<'a>(on: impl Into<On<'a>>) -> Result<u64, StoreError> {
    let text = "select count(*) as count from finding where state in ('open', 'pending', 'stale')";
    query("count findings", text).one(on).await?.number("count")
}

/// The evidence of a finding in the order in which it was kept, each piece with the state after it.
pub async fn events<'a>(on: impl Into<On<'a>>, id: FindingId) -> Result<Vec<Event>, StoreError> {
    let mut on = on.into();
    let Some(stored) = get(on.again(), id).await? else { return Err(StoreError::missing("finding", id)) };
    let rows = query(
        "read the finding's events",
        "select event.observed_at, event.recorded_at, event.change, event.fact, event.cause
         from finding join finding_event event on event.asset_id = finding.asset_id
             and event.package_id = finding.package_id and event.vulnerability_id = finding.vulnerability_id
         where finding.id = $1 and event.change <> 'none' order by event.seq",
    )
    .bind(stored.finding.key.id())
    .all(on)
    .await?;
    let mut state: Option<Finding> = None;
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        let evidence = Evidence { observed_at: row.instant("observed_at")?, fact: row.json("fact")? };
        match &mut state {
            Some(finding) => drop(finding.apply(&evidence)),
            None => state = Finding::open(stored.finding.key.clone(), &evidence),
        }
        let Some(finding) = &state else { return Err(row.corrupt("the first evidence is not a detection")) };
        events.push(Event {
            evidence,
            change: row.word("change")?,
            detection: finding.detection,
            recorded_at: row.instant("recorded_at")?,
            cause: row.text("cause")?,
        });
    }
    Ok(events)
}

/// Replays the evidence of every finding of an asset; what differs from its row comes back.
pub async fn replay_check<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Vec<Mismatch>, StoreError> {
    let mut on = on.into();
    let mut mismatches = Vec::new();
    for StoredFinding { finding: stored, .. } in of_asset(on.again(), asset).await? {
        let events = events(on.again(), stored.key.id()).await?;
        let evidence = events.iter().map(|event| &event.evidence);
        let replayed = Finding::replay(stored.key.clone(), evidence);
        if replayed.as_ref() != Some(&stored) {
            mismatches.push(Mismatch { stored, replayed });
        }
    }
    Ok(mismatches)
}

fn bare(found: Vec<(Position, StoredFinding)>) -> Vec<StoredFinding> {
    found.into_iter().map(|(_, stored)| stored).collect()
}
