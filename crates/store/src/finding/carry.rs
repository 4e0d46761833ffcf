//! Findings go where their evidence goes, when records are found to be of another asset.

use std::collections::{BTreeMap, BTreeSet};

use domain::cause::Cause;
use domain::finding::{Change, Finding, FindingKey};
use domain::ids::{AssetId, FindingId, RecordId};
use jiff::Timestamp;
use uuid::Uuid;

use super::evidence::{self, Kept};
use super::row::{load, select};
use super::{Recording, Save, StoredFinding, write};
use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::{Value, insert_rows, query};

/// One asset's findings that the move touches, by their defects.
struct Side {
    asset: AssetId,
    rows: BTreeMap<i64, StoredFinding>,
    pieces: BTreeMap<i64, Vec<Kept>>,
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
    let goes = |piece: &Kept| records.contains(&piece.record.unwrap_or(from.uuid()));
    let mut left = Side::read(tx, from).await?;
    let touched: BTreeSet<i64> =
        left.pieces.iter().filter(|(_, pieces)| pieces.iter().any(&goes)).map(|(defect, _)| *defect).collect();
    if touched.is_empty() {
        return Ok(Vec::new());
    }
    let mut entered = Side::read(tx, to).await?;
    for defect in &touched {
        let pieces = left.pieces.remove(defect).unwrap_or_default();
        let (going, staying): (Vec<Kept>, Vec<Kept>) = pieces.into_iter().partition(&goes);
        left.pieces.insert(*defect, staying);
        let there = entered.pieces.entry(*defect).or_default();
        // Whose word it is must be said where it is not the asset's own any more.
        there.extend(going.into_iter().map(|piece| Kept { record: piece.record.or(Some(from.uuid())), ..piece }));
        there.sort_by_key(|piece| piece.recorded_at);
    }
    let mut moved = Vec::new();
    let mut aliases: Vec<Vec<Value>> = Vec::new();
    for defect in &touched {
        let Some(old) = left.rows.get(defect).cloned() else { continue };
        let key = FindingKey { asset: to, ..old.finding.key.clone() };
        entered.fold(*defect, &key, &old);
        left.fold(*defect, &old.finding.key.clone(), &old);
        let (old_id, new_id) = (old.finding.key.id(), key.id());
        if !left.rows.contains_key(defect) && entered.rows.contains_key(defect) {
            moved.push((old_id, new_id));
            aliases.push(vec![old_id.into(), to.into(), (*defect).into()]);
        }
    }
    left.write(tx, &touched).await?;
    entered.write(tx, &touched).await?;
    insert_rows(
        tx,
        "note the findings' former identifiers",
        "insert into finding_alias (id, asset_id, defect_id)",
        "on conflict (id) do update set asset_id = excluded.asset_id, defect_id = excluded.defect_id",
        aliases,
    )
    .await?;
    Ok(moved)
}

impl Side {
    async fn read(tx: &mut Tx, asset: AssetId) -> Result<Self, StoreError> {
        let text = select!("where finding.asset_id = $1");
        let rows = load((&mut *tx).into(), query("read the asset's findings", text).bind(asset)).await?;
        let rows = rows.into_iter().map(|(position, stored)| (position.defect, stored)).collect();
        Ok(Self { asset, rows, pieces: evidence::of_asset(tx.into(), asset).await? })
    }

    /// Makes one row what its evidence says, and each piece what it does there. A match is known here, or from where the
    /// evidence was.
    fn fold(&mut self, defect: i64, key: &FindingKey, other: &StoredFinding) {
        let pieces = self.pieces.entry(defect).or_default();
        let mut rest = pieces.iter_mut();
        let mut finding = rest.next().and_then(|first| {
            first.change = Change::Moved;
            Finding::open(key.clone(), &first.evidence)
        });
        if let Some(finding) = &mut finding {
            rest.for_each(|piece| piece.change = finding.apply(&piece.evidence));
        }
        match finding {
            Some(finding) => {
                let here = self.rows.remove(&defect).and_then(|stored| stored.matched);
                let matched = here.or_else(|| other.matched.clone());
                self.rows.insert(defect, StoredFinding { finding, matched });
            }
            None => {
                self.rows.remove(&defect);
                self.pieces.remove(&defect);
            }
        }
    }

    /// Writes the touched findings anew, with everything that hangs on them.
    async fn write(mut self, tx: &mut Tx, touched: &BTreeSet<i64>) -> Result<(), StoreError> {
        tx.touched.asset(self.asset);
        write::remove(tx, self.asset, &touched.iter().copied().collect::<Vec<_>>()).await?;
        self.rows.retain(|defect, _| touched.contains(defect));
        self.pieces.retain(|defect, _| touched.contains(defect));
        let saves: Vec<Save<'_>> = self
            .rows
            .values()
            .map(|stored| Save {
                finding: &stored.finding,
                matched: stored.matched.as_ref(),
                evidence: &[],
                is_new: false,
            })
            .collect();
        // Without evidence nothing is recorded, so neither when nor why is kept.
        write::save_all(
            tx,
            &saves,
            Recording { at: Timestamp::UNIX_EPOCH, cause: &Cause::Other(String::new()), record: None },
        )
        .await?;
        evidence::write(tx, self.asset, &self.pieces).await?;
        evidence::spare_recordings(tx, self.asset).await
    }
}
