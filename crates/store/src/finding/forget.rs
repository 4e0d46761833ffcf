//! Retention: findings that ended long ago. What is open, pending or stale is never forgotten.

use std::collections::HashSet;

use domain::ids::AssetId;
use jiff::Timestamp;

use super::evidence;
use super::row::key;
use super::write::{keys, remove};
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{json, query};

/// One that ended before the instant in `$1`.
macro_rules! ended {
    () => {
        "finding.state in ('fixed', 'closed') and finding.moved_at < $1"
    };
}

/// One page of the assets that have findings which ended before an instant, after the asset given.
pub async fn with_ended<'a>(
    on: impl Into<On<'a>>,
    before: Timestamp,
    after: Option<AssetId>,
    limit: usize,
) -> Result<Vec<AssetId>, StoreError> {
    let text = concat!(
        "select distinct asset_id from finding where ",
        ended!(),
        " and asset_id > $2 order by asset_id limit $3"
    );
    crate::asset::selected(on.into(), query("look for old findings", text), before, after, limit).await
}

/// Forgets findings of an asset that ended before an instant, with their evidence, episodes, and what tools reported of
/// them; returns how many. One that is in some tool's latest report stays. Lock the asset first.
pub async fn forget(tx: &mut Tx, asset: AssetId, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
    let reported: HashSet<String> = query(
        "look at what tools report",
        "select {all finding} as ids from report_entry where asset_id = $1 and gone_at is null",
    )
    .bind(asset)
    .one(&mut *tx)
    .await?
    .json("ids")?;
    let text = concat!(
        "select finding.defect_id, package.ecosystem, package.distribution, package.release, package.name, package.place,
             vulnerability.public_id
         from finding join defect on defect.id = finding.defect_id join package on package.id = defect.package_id
         join vulnerability on vulnerability.id = defect.vulnerability_id where ",
        ended!(),
        " and finding.asset_id = $2 order by finding.moved_at, finding.defect_id"
    );
    let rows = query("find old findings", text).bind(before).bind(asset).all(&mut *tx).await?;
    let (mut ids, mut keys) = (Vec::new(), Vec::new());
    for row in &rows {
        let id = key(row, asset)?.id().to_string();
        if keys.len() < limit && !reported.contains(&id) {
            ids.push(id);
            keys.push(row.int("defect_id")?);
        }
    }
    if keys.is_empty() {
        return Ok(0);
    }
    tx.touched.asset(asset);
    let text = "delete from report_entry where asset_id = $1 and finding {in texts $2}";
    query("forget what was reported", text).bind(asset).bind(json(&ids)).execute(&mut *tx).await?;
    let text = concat!("delete from finding_alias where ", keys!());
    query("forget old findings", text).bind(asset).bind(json(&keys)).execute(&mut *tx).await?;
    let forgotten = remove(tx, asset, &keys).await?;
    evidence::spare_recordings(tx, asset).await?;
    Ok(forgotten)
}
