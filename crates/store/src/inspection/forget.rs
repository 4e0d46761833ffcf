//! Retention: which inspections nobody needs any more.
//!
//! What an asset was like at any instant since the beginning of what is kept must still be known: besides all newer ones, the
//! last before it stays, and the last whole one where that is another.

use domain::ids::AssetId;
use jiff::Timestamp;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::query;

/// One that another takes the place of, before the instant in `$1`.
macro_rules! outdated {
    () => {
        "old.observed_at < $1 and exists (
             select 1 from inspection newer
             where newer.asset_id = old.asset_id and newer.observed_at < $1
               and (newer.observed_at, newer.id) > (old.observed_at, old.id) and (newer.complete or not old.complete))"
    };
}

/// One page of the assets of which there is something to forget, after the asset given.
pub async fn outdated<'a>(
    on: impl Into<On<'a>>,
    before: Timestamp,
    after: Option<AssetId>,
    limit: usize,
) -> Result<Vec<AssetId>, StoreError> {
    let text = concat!(
        "select distinct old.asset_id as asset_id from inspection old where ",
        outdated!(),
        " and old.asset_id > $2 order by asset_id limit $3"
    );
    crate::asset::selected(on.into(), query("look for old inspections", text), before, after, limit).await
}

/// Forgets inspections of an asset that others have taken the place of before an instant, the oldest first, and what they
/// alone refer to; returns how many. Lock the asset first: somebody may be about to refer to the same parts.
pub async fn forget(tx: &mut Tx, asset: AssetId, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
    let text = concat!(
        "delete from inspection where asset_id = $2 and id in (
             select old.id from inspection old where old.asset_id = $2 and ",
        outdated!(),
        " order by old.observed_at, old.id limit $3)"
    );
    let forgotten =
        query("forget old inspections", text).bind(before).bind(asset).bind(limit).execute(&mut *tx).await?;
    if forgotten > 0 {
        spare_parts(tx, asset).await?;
    }
    Ok(forgotten)
}

/// Forgets the parts of an asset's inspections that none of them refers to any more.
pub(crate) async fn spare_parts(tx: &mut Tx, asset: AssetId) -> Result<(), StoreError> {
    query(
        "forget parts of old inspections",
        "delete from inspection_part where asset_id = $1 and digest not in (
             select components from inspection where asset_id = $1 and components is not null
             union select facts from inspection where asset_id = $1
             union select undecided from inspection where asset_id = $1)",
    )
    .bind(asset)
    .execute(tx)
    .await?;
    Ok(())
}
