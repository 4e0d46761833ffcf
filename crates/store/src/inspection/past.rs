//! What an asset had on an earlier day.

use domain::ids::AssetId;
use jiff::Timestamp;

use super::{Stored, Summary, stored};
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
