//! Listings: what the owners of things say that there is, and that they listed everything.

use std::collections::BTreeMap;

use domain::clock::CLOCKS_APART;
use domain::ids::{AssetId, RecordId};
use domain::listing::{Listed, Whole};
use jiff::Timestamp;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, query, word};

/// Records what a source says of a thing, as a part of what one record says. False: it said something later already, other than
/// what lies ahead of `now`.
pub async fn record(tx: &mut Tx, record: RecordId, listed: &Listed, now: Timestamp) -> Result<bool, StoreError> {
    let changed = query(
        "record what is listed",
        "insert into listed (record_id, source, kind, fleet, image, started_at, listed_at, ended_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (record_id) do update set
             fleet = excluded.fleet, image = excluded.image, started_at = coalesce(excluded.started_at, listed.started_at),
             listed_at = excluded.listed_at, ended_at = excluded.ended_at
         where excluded.listed_at >= listed.listed_at or listed.listed_at > $9",
    )
    .bind(record.uuid())
    .bind(listed.source.as_str())
    .bind(word(listed.kind))
    .bind(listed.fleet.as_deref())
    .bind(listed.image.as_deref())
    .bind(listed.started_at)
    .bind(listed.listed_at)
    .bind(listed.ended_at)
    .bind(now.saturating_add(CLOCKS_APART).unwrap_or(now))
    .execute(tx)
    .await?;
    Ok(changed > 0)
}

/// Notes that everything of a kind was listed, after what was listed is kept: whoever counts it must find that.
pub async fn note(tx: &mut Tx, whole: &Whole) -> Result<(), StoreError> {
    query(
        "note the listing",
        "insert into listing (source, kind, taken_at, things) values ($1, $2, $3, $4)
         on conflict (source, kind, taken_at) do nothing",
    )
    .bind(whole.source.as_str())
    .bind(word(whole.kind))
    .bind(whole.taken_at)
    .bind(i64::try_from(whole.things).unwrap_or(i64::MAX))
    .execute(tx)
    .await
    .map(drop)
}

/// Listings of everything: those since an instant, and of each source and kind at least the latest ones with something in them, and
/// as many without.
pub async fn wholes<'a>(on: impl Into<On<'a>>, since: Timestamp, of_each: usize) -> Result<Vec<Whole>, StoreError> {
    query(
        "read the latest listings",
        "select source, kind, taken_at, things from (
             select source, kind, taken_at, things, row_number() over (
                 partition by source, kind, case when things > 0 then 1 else 0 end order by taken_at desc
             ) as place
             from listing
         ) as numbered
         where place <= $1 or taken_at >= $2 order by taken_at, source, kind",
    )
    .bind(of_each)
    .bind(since)
    .all(on)
    .await?
    .iter()
    .map(|row| {
        Ok(Whole {
            source: row.text("source")?,
            kind: row.word("kind")?,
            taken_at: row.instant("taken_at")?,
            things: row.number("things")?,
        })
    })
    .collect()
}

/// What is said of a thing, in front of what selects the rows.
macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select record.asset_id, listed.source, listed.kind, listed.fleet, listed.image, listed.started_at,
                    listed.listed_at, listed.ended_at
             from listed join record on record.id = listed.record_id ",
            $tail
        )
    };
}

/// What is listed of an asset.
pub async fn of_asset<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Vec<Listed>, StoreError> {
    Ok(of_assets(on.into(), &[asset]).await?.remove(&asset).unwrap_or_default())
}

/// The same of these assets: at most as many as are looked up in one statement.
pub(crate) async fn of_assets(on: On<'_>, ids: &[AssetId]) -> Result<BTreeMap<AssetId, Vec<Listed>>, StoreError> {
    let text = select!("where record.asset_id {in rows} order by listed.record_id");
    by_asset(&query("read what is listed of assets", text).each(ids).all(on).await?)
}

/// The same of all assets.
pub(crate) async fn of_all(on: On<'_>) -> Result<BTreeMap<AssetId, Vec<Listed>>, StoreError> {
    by_asset(&query("read what is listed", select!("order by listed.record_id")).all(on).await?)
}

fn by_asset(rows: &[Row]) -> Result<BTreeMap<AssetId, Vec<Listed>>, StoreError> {
    let mut all: BTreeMap<AssetId, Vec<Listed>> = BTreeMap::new();
    for row in rows {
        all.entry(AssetId::from_uuid(row.uuid("asset_id")?)).or_default().push(from_row(row)?);
    }
    Ok(all)
}

/// Forgets so many listings that were taken before an instant; returns how many. What was listed stays.
pub async fn forget(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
    let text = "delete from listing where (source, kind, taken_at) in (
                    select source, kind, taken_at from listing where taken_at < $1
                    order by taken_at, source, kind limit $2)";
    query("forget old listings", text).bind(before).bind(limit).execute(tx).await
}

fn from_row(row: &Row) -> Result<Listed, StoreError> {
    Ok(Listed {
        source: row.text("source")?,
        kind: row.word("kind")?,
        fleet: row.get("fleet")?,
        image: row.get("image")?,
        started_at: row.instant_opt("started_at")?,
        listed_at: row.instant("listed_at")?,
        ended_at: row.instant_opt("ended_at")?,
    })
}
