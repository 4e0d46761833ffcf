//! Presence: from when to when assets were there, of all of them, the retired ones too.

use domain::ids::AssetId;
use domain::presence::{Period, Presence};

use crate::db::On;
use crate::error::StoreError;
use crate::listing;
use crate::sql::query;

/// The assets that were there in a period, as far as anybody knows.
pub async fn within<'a>(on: impl Into<On<'a>>, period: Period) -> Result<Vec<(AssetId, Presence)>, StoreError> {
    let mut on = on.into();
    let rows = query(
        "read from when to when assets were there",
        "select id, tags, first_seen_at, last_seen_at, last_inspected_at, unreachable_since, retired_at,
             (select min(observed_at) from inspection where asset_id = asset.id and complete) as read_at
         from asset where merged_into is null and (retired_at is null or retired_at >= $1)",
    )
    .bind(period.from)
    .all(on.again())
    .await?;
    let mut listed = listing::of_all(on).await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let id = AssetId::from_uuid(row.uuid("id")?);
        let listed = listed.remove(&id).unwrap_or_default();
        // Last told to be there: what has ended was there until then, however late that was said.
        let told = listed.iter().map(|one| one.ended_at.unwrap_or(one.listed_at));
        let told = told.chain([row.instant("last_seen_at")?]).chain(row.instant_opt("last_inspected_at")?);
        // What its owner lists is there, whether it answers or not.
        let is_listed = listed.iter().any(|one| one.ended_at.is_none());
        let is_silent = row.instant_opt("unreachable_since")?.is_some() && !is_listed;
        let is_lost = is_silent || row.instant_opt("retired_at")?.is_some();
        let ended_at = told.max().filter(|_| is_lost);
        let first_seen_at = row.instant("first_seen_at")?;
        let started_at = listed.iter().filter_map(|one| one.started_at).min();
        let mut fleets: Vec<String> = listed.into_iter().filter_map(|one| one.fleet).collect();
        fleets.sort();
        fleets.dedup();
        let began_at = started_at.map_or(first_seen_at, |started_at| started_at.min(first_seen_at));
        let read_at = row.instant_opt("read_at")?;
        all.push((id, Presence { began_at, ended_at, read_at, fleets, tags: row.json("tags")? }));
    }
    Ok(all)
}
