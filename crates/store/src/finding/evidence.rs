//! What was learnt of findings: rows of evidence, and first evidence that the finding's own row tells whole.

use std::collections::{BTreeMap, HashMap};

use domain::finding::{Change, Evidence};
use domain::ids::AssetId;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Position, Recording, more};
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{IDS_MAX, Row, Value, json, load_rows, query, word};

/// One piece of evidence on its way to its row.
pub(super) struct Told<'a> {
    pub(super) seq: i64,
    pub(super) recording: i64,
    pub(super) evidence: &'a Evidence,
    pub(super) change: Change,
}

impl Told<'_> {
    pub(super) fn row(&self, position: Position) -> Vec<Value> {
        vec![
            position.asset.into(),
            position.defect.into(),
            self.seq.into(),
            self.recording.into(),
            self.evidence.observed_at.into(),
            word(self.change).into(),
            json(&self.evidence.fact).into(),
        ]
    }
}

/// One piece of evidence as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) evidence: Evidence,
    pub(super) change: Change,
    pub(super) recorded_at: Timestamp,
    pub(super) cause: String,
    /// `None`: the asset's own.
    pub(super) record: Option<Uuid>,
}

/// Notes when and why something is learnt of assets; the number of it in each.
pub(super) async fn record(
    tx: &mut Tx,
    reasons: &BTreeMap<AssetId, Recording<'_>>,
) -> Result<HashMap<AssetId, i64>, StoreError> {
    let mut numbers: HashMap<AssetId, i64> = reasons.keys().map(|asset| (*asset, 1)).collect();
    for chunk in reasons.keys().copied().collect::<Vec<_>>().chunks(IDS_MAX) {
        let text = "select asset_id, max(seq) as seq from recording where asset_id {in rows} group by asset_id";
        for row in query("number the recording", text).each(chunk).all(&mut *tx).await? {
            numbers.insert(more::asset(&row)?, row.int("seq")? + 1);
        }
    }
    let row = |(asset, recording): (&AssetId, &Recording<'_>)| {
        let Recording { at, cause, record } = *recording;
        vec![(*asset).into(), numbers[asset].into(), at.into(), cause.to_string().into(), record.into()]
    };
    insert_recordings(tx, reasons.iter().map(row).collect()).await?;
    Ok(numbers)
}

/// Writes recordings, in the order of the columns.
async fn insert_recordings(tx: &mut Tx, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
    load_rows(tx, "note why something was learnt", "recording", "asset_id, seq, at, cause, record_id", rows).await
}

/// Writes rows of evidence.
pub(super) async fn insert(tx: &mut Tx, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
    let columns = "asset_id, defect_id, seq, recording, observed_at, change, fact";
    load_rows(tx, "save evidence", "finding_event", columns, rows).await
}

/// Writes all evidence of some findings of an asset, none of which has any rows of evidence yet.
pub(super) async fn write(tx: &mut Tx, asset: AssetId, pieces: &BTreeMap<i64, Vec<Kept>>) -> Result<(), StoreError> {
    let text = "select coalesce(max(seq), 0) as seq from recording where asset_id = $1";
    let mut last = query("number the recording", text).bind(asset).one(&mut *tx).await?.int("seq")?;
    let mut numbers: HashMap<(Timestamp, &str, Option<Uuid>), i64> = HashMap::new();
    let (mut recordings, mut rows) = (Vec::new(), Vec::new());
    for (defect, pieces) in pieces {
        for (seq, piece) in (1..).zip(pieces) {
            let recording = *numbers.entry((piece.recorded_at, &piece.cause, piece.record)).or_insert_with(|| {
                last += 1;
                let (at, cause) = (piece.recorded_at, piece.cause.as_str());
                recordings.push(vec![asset.into(), last.into(), at.into(), cause.into(), piece.record.into()]);
                last
            });
            let told = Told { seq, recording, evidence: &piece.evidence, change: piece.change };
            rows.push(told.row(Position { asset, defect: *defect }));
        }
    }
    insert_recordings(tx, recordings).await?;
    insert(tx, rows).await
}

/// Forgets recordings of an asset that nothing rests on any more.
pub(super) async fn spare_recordings(tx: &mut Tx, asset: AssetId) -> Result<(), StoreError> {
    query(
        "forget why things were learnt",
        "delete from recording where asset_id = $1 and seq not in (
             select recording from finding where asset_id = $1
             union select recording from finding_event where asset_id = $1
         )",
    )
    .bind(asset)
    .execute(tx)
    .await
    .map(drop)
}

macro_rules! rows {
    ($tail:literal) => {
        concat!(
            "select event.defect_id, event.observed_at, event.fact, event.change, recording.at, recording.cause, ",
            "recording.record_id from finding_event event join recording on recording.asset_id = event.asset_id ",
            "and recording.seq = event.recording where event.asset_id = $1 ",
            $tail,
            " order by event.defect_id, event.seq"
        )
    };
}

macro_rules! told_by_row {
    ($tail:literal) => {
        concat!(
            "select finding.defect_id, finding.detected_at, finding.more, match.version, recording.at, ",
            "recording.cause, recording.record_id from finding left join match on match.id = finding.match_id ",
            "join recording on recording.asset_id = finding.asset_id and recording.seq = finding.recording ",
            "where finding.asset_id = $1 and finding.recording <> 0 ",
            $tail
        )
    };
}

/// The evidence of every finding of an asset, in the order in which it was kept.
pub(super) async fn of_asset(on: On<'_>, asset: AssetId) -> Result<BTreeMap<i64, Vec<Kept>>, StoreError> {
    let mut on = on;
    let rows = query("read the asset's evidence", rows!("")).bind(asset).all(on.again()).await?;
    let told = query("read the asset's evidence", told_by_row!("")).bind(asset).all(on).await?;
    kept(&rows, &told)
}

/// The evidence of one finding, in the order in which it was kept.
pub(super) async fn of_finding(on: On<'_>, position: Position) -> Result<Vec<Kept>, StoreError> {
    let mut on = on;
    let here = |text| query("read the finding's evidence", text).bind(position.asset).bind(position.defect);
    let rows = here(rows!("and event.defect_id = $2")).all(on.again()).await?;
    let told = here(told_by_row!("and finding.defect_id = $2")).all(on).await?;
    Ok(kept(&rows, &told)?.remove(&position.defect).unwrap_or_default())
}

fn kept(rows: &[Row], told: &[Row]) -> Result<BTreeMap<i64, Vec<Kept>>, StoreError> {
    let mut found: BTreeMap<i64, Vec<Kept>> = BTreeMap::new();
    for row in rows {
        let evidence = Evidence { observed_at: row.instant("observed_at")?, fact: row.json("fact")? };
        found.entry(row.int("defect_id")?).or_default().push(piece(row, evidence, row.word("change")?)?);
    }
    for row in told {
        let version: Option<String> = row.get("version")?;
        let evidence = more::first_evidence(row, version.as_deref())?;
        found.entry(row.int("defect_id")?).or_default().push(piece(row, evidence, Change::Moved)?);
    }
    Ok(found)
}

fn piece(row: &Row, evidence: Evidence, change: Change) -> Result<Kept, StoreError> {
    let (recorded_at, cause, record) = (row.instant("at")?, row.text("cause")?, row.get("record_id")?);
    Ok(Kept { evidence, change, recorded_at, cause, record })
}
