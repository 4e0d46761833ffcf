//! Findings go where their evidence goes, when records are found to be of another asset.

use std::collections::{BTreeMap, BTreeSet};

use domain::finding::{Change, Evidence, Finding, FindingKey};
use domain::ids::{AssetId, FindingId, RecordId};
use jiff::Timestamp;
use uuid::Uuid;

use super::row::{load, select};
use super::{Recording, Save, StoredFinding, write};
use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::{Value, insert_rows, json, query, word};

/// A finding's place within one asset.
type Place = (i64, i64);

/// One piece of evidence, wherever it lies.
#[derive(Clone)]
struct Piece {
    evidence: Evidence,
    recorded_at: Timestamp,
    cause: String,
    record: Uuid,
}

/// One asset's findings that the move touches.
struct Side {
    asset: AssetId,
    rows: BTreeMap<Place, StoredFinding>,
    pieces: BTreeMap<Place, Vec<Piece>>,
}

/// Takes the evidence that `from` has from these records to `to`, where it is put among what is there in the order in which
/// all of it was learnt. The rows of both say what their evidence says then. Evidence that can begin no finding where it
/// comes to is forgotten: the inspection that it rests on goes there too. Returns the findings with a new identifier.
pub(crate) async fn carry(
    tx: &mut Tx,
    records: &[RecordId],
    from: AssetId,
    to: AssetId,
) -> Result<Vec<(FindingId, FindingId)>, StoreError> {
    let records: BTreeSet<Uuid> = records.iter().map(|record| record.uuid()).collect();
    let mut left = Side::read(tx, from).await?;
    let touched: BTreeSet<Place> = left
        .pieces
        .iter()
        .filter(|(_, pieces)| pieces.iter().any(|piece| records.contains(&piece.record)))
        .map(|(place, _)| *place)
        .collect();
    if touched.is_empty() {
        return Ok(Vec::new());
    }
    let mut entered = Side::read(tx, to).await?;
    for place in &touched {
        let pieces = left.pieces.remove(place).unwrap_or_default();
        let (going, staying): (Vec<Piece>, Vec<Piece>) =
            pieces.into_iter().partition(|piece| records.contains(&piece.record));
        left.pieces.insert(*place, staying);
        let there = entered.pieces.entry(*place).or_default();
        there.extend(going);
        there.sort_by_key(|piece| piece.recorded_at);
    }
    let mut moved = Vec::new();
    let mut aliases: Vec<Vec<Value>> = Vec::new();
    for place in &touched {
        let Some(old) = left.rows.get(place).cloned() else { continue };
        let key = FindingKey { asset: to, ..old.finding.key.clone() };
        entered.fold(*place, &key, &old);
        left.fold(*place, &old.finding.key.clone(), &old);
        let (old_id, new_id) = (old.finding.key.id(), key.id());
        if !left.rows.contains_key(place) && entered.rows.contains_key(place) {
            moved.push((old_id, new_id));
            aliases.push(vec![old_id.into(), to.into(), place.0.into(), place.1.into()]);
        }
    }
    left.write(tx, &touched).await?;
    entered.write(tx, &touched).await?;
    insert_rows(
        tx,
        "note the findings' former identifiers",
        "insert into finding_alias (id, asset_id, package_id, vulnerability_id) values",
        "on conflict (id) do update set asset_id = excluded.asset_id, package_id = excluded.package_id,
             vulnerability_id = excluded.vulnerability_id",
        aliases,
    )
    .await?;
    Ok(moved)
}

impl Side {
    async fn read(tx: &mut Tx, asset: AssetId) -> Result<Self, StoreError> {
        let text = select!("where finding.asset_id = $1");
        let rows = load((&mut *tx).into(), query("read the asset's findings", text).bind(asset)).await?;
        let rows = rows.into_iter().map(|(position, stored)| ((position.package, position.vulnerability), stored));
        let mut side = Self { asset, rows: rows.collect(), pieces: BTreeMap::new() };
        let events = query(
            "read the asset's evidence",
            "select package_id, vulnerability_id, observed_at, recorded_at, fact, cause,
                 coalesce(record_id, asset_id) as record
             from finding_event where asset_id = $1 order by package_id, vulnerability_id, seq",
        );
        for row in events.bind(asset).all(&mut *tx).await? {
            let piece = Piece {
                evidence: Evidence { observed_at: row.instant("observed_at")?, fact: row.json("fact")? },
                recorded_at: row.instant("recorded_at")?,
                cause: row.text("cause")?,
                record: row.uuid("record")?,
            };
            let place = (row.int("package_id")?, row.int("vulnerability_id")?);
            side.pieces.entry(place).or_default().push(piece);
        }
        Ok(side)
    }

    /// Makes one row what its evidence says. A match is known here, or from where the evidence was.
    fn fold(&mut self, place: Place, key: &FindingKey, other: &StoredFinding) {
        let evidence = self.pieces.get(&place).into_iter().flatten().map(|piece| &piece.evidence);
        match Finding::replay(key.clone(), evidence) {
            Some(finding) => {
                let here = self.rows.remove(&place).and_then(|stored| stored.matched);
                let matched = here.or_else(|| other.matched.clone());
                self.rows.insert(place, StoredFinding { finding, matched });
            }
            None => {
                self.rows.remove(&place);
                self.pieces.remove(&place);
            }
        }
    }

    /// Writes the touched findings anew, with everything that hangs on them.
    async fn write(&self, tx: &mut Tx, touched: &BTreeSet<Place>) -> Result<(), StoreError> {
        tx.touched.asset(self.asset);
        for (package, vulnerability) in touched {
            let here = |doing, text| query(doing, text).bind(self.asset).bind(*package).bind(*vulnerability);
            let events = "delete from finding_event where asset_id = $1 and package_id = $2 and vulnerability_id = $3";
            here("move evidence", events).execute(tx).await?;
            let episodes = "delete from episode where asset_id = $1 and package_id = $2 and vulnerability_id = $3";
            here("move episodes", episodes).execute(tx).await?;
            if !self.rows.contains_key(&(*package, *vulnerability)) {
                let finding = "delete from finding where asset_id = $1 and package_id = $2 and vulnerability_id = $3";
                here("move findings", finding).execute(tx).await?;
            }
        }
        let kept: Vec<(&Place, &StoredFinding)> =
            self.rows.iter().filter(|(place, _)| touched.contains(place)).collect();
        let saves: Vec<Save<'_>> = kept
            .iter()
            .map(|(_, stored)| Save { finding: &stored.finding, matched: stored.matched.as_ref(), evidence: &[] })
            .collect();
        // Without evidence nothing is recorded, so neither when nor why is kept.
        write::save_all(tx, &saves, Recording { at: Timestamp::UNIX_EPOCH, cause: "", record: None }).await?;
        let rows = kept.iter().flat_map(|(place, stored)| self.events(**place, &stored.finding.key)).collect();
        write::insert_events(tx, rows).await
    }

    fn events(&self, place: Place, key: &FindingKey) -> Vec<Vec<Value>> {
        let mut state: Option<Finding> = None;
        let pieces = self.pieces.get(&place).into_iter().flatten();
        let row = |(number, piece): (i64, &Piece)| {
            let change = match &mut state {
                Some(finding) => finding.apply(&piece.evidence),
                None => {
                    state = Finding::open(key.clone(), &piece.evidence);
                    Change::Moved
                }
            };
            vec![
                self.asset.into(),
                place.0.into(),
                place.1.into(),
                number.into(),
                piece.evidence.observed_at.into(),
                piece.recorded_at.into(),
                word(change).into(),
                json(&piece.evidence.fact).into(),
                piece.cause.as_str().into(),
                piece.record.into(),
            ]
        };
        (1..).zip(pieces).map(row).collect()
    }
}
