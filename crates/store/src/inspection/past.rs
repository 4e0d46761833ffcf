//! What an asset had on an earlier day.

use domain::ids::{AssetId, InspectionId};
use domain::inventory::{Identity, Inventory};
use jiff::Timestamp;

use super::{Stored, Summary, parse, part, parts, stored};
use crate::db::On;
use crate::error::StoreError;
use crate::sql::query;

/// What was known of an asset at an instant: the newest inspection that was observed by then. `None`: of none that is kept.
pub async fn at<'a>(on: impl Into<On<'a>>, asset: AssetId, instant: Timestamp) -> Result<Option<Stored>, StoreError> {
    let mut on = on.into();
    let text = select!("where asset_id = $1 and observed_at <= $2 order by observed_at desc, id desc limit 1");
    match query("read the inventory of a day", text).bind(asset).bind(instant).optional(on.again()).await? {
        Some(row) => stored(on, &row).await.map(Some),
        None => Ok(None),
    }
}

/// Who answered when the packages of an asset were last read whole before this inspection. `None`: nobody, as far as is kept.
pub async fn identity_before<'a>(
    on: impl Into<On<'a>>,
    asset: AssetId,
    (id, observed_at): (InspectionId, Timestamp),
) -> Result<Option<Identity>, StoreError> {
    let mut on = on.into();
    let text = "select facts from inspection
                where asset_id = $1 and complete and (observed_at < $2 or (observed_at = $2 and id < $3))
                order by observed_at desc, id desc limit 1";
    let query = query("read who answered before", text).bind(asset).bind(observed_at).bind(id);
    let Some(row) = query.optional(on.again()).await? else { return Ok(None) };
    let digest = row.text("facts")?;
    let parts = parts(on, asset, std::iter::once(&digest)).await?;
    let facts: Inventory = parse(&row, part(&row, &parts, &digest)?)?;
    Ok(Some(facts.identity))
}

/// The inspection before this one, of the same record: two machines that were taken for one are not compared with each other. Of
/// two that were observed at one instant nobody knows which was first.
pub async fn before<'a>(on: impl Into<On<'a>>, this: &Summary) -> Result<Option<Stored>, StoreError> {
    let mut on = on.into();
    let text = select!(
        "where asset_id = $1 and coalesce(record_id, asset_id) = $2 and observed_at < $3
         order by observed_at desc, id desc limit 1"
    );
    let whose = this.record.map_or(this.asset.uuid(), |record| record.uuid());
    let query = query("read the inspection before", text).bind(this.asset).bind(whose).bind(this.observed_at);
    match query.optional(on.again()).await? {
        Some(row) => stored(on, &row).await.map(Some),
        None => Ok(None),
    }
}
