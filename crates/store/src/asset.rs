//! Assets.

use domain::asset::{Asset, Retired, Service, Way};
use domain::event::EventKind;
use domain::ids::AssetId;
use domain::retirement::Ending;
use jiff::Timestamp;
use uuid::Uuid;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::outbox::{self, NewEvent};
use crate::sql::{IDS_MAX, Query, Row, json, query, word};

/// The columns of an asset, in front of what selects the rows.
macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select id, name, way, identity, platform, tags, services, first_seen_at, last_seen_at, ",
            "last_inspected_at, last_error, unreachable_since, retired_at, retired_as, retired_because from asset ",
            $tail
        )
    };
}

/// Makes an asset known. Its name must be free.
pub async fn insert(tx: &mut Tx, asset: &Asset) -> Result<(), StoreError> {
    let text = "insert into asset (name, way, identity, platform, tags, services, first_seen_at, last_seen_at,
                    last_inspected_at, last_error, unreachable_since, retired_at, retired_as, retired_because, id, tail)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    bind(query("add the asset", text), asset).bind(asset.id.tail()).execute(tx).await?;
    tx.touched.asset(asset.id);
    tx.tell(NewEvent::new(asset.first_seen_at, EventKind::AssetAdded).of_asset(asset.id));
    Ok(())
}

/// Writes all of an asset that exists.
pub async fn update(tx: &mut Tx, asset: &Asset) -> Result<(), StoreError> {
    let text = "update asset set name = $1, way = $2, identity = $3, platform = $4, tags = $5, services = $6,
                    first_seen_at = $7, last_seen_at = $8, last_inspected_at = $9, last_error = $10,
                    unreachable_since = $11, retired_at = $12, retired_as = $13, retired_because = $14
                where id = $15";
    let changed = bind(query("change the asset", text), asset).execute(tx).await?;
    expect_one(changed, asset.id)?;
    tx.touched.asset(asset.id);
    Ok(())
}

/// Writes an asset, known or not.
pub async fn upsert(tx: &mut Tx, asset: &Asset) -> Result<(), StoreError> {
    match get(&mut *tx, asset.id).await? {
        Some(_) => update(tx, asset).await,
        None => insert(tx, asset).await,
    }
}

/// Keeps every other transaction from working on the asset until this one ends.
pub async fn lock(tx: &mut Tx, id: AssetId) -> Result<Asset, StoreError> {
    let found = query("lock the asset", select!("where id = $1 {lock}")).bind(id).optional(tx).await?;
    found.as_ref().map(from_row).transpose()?.ok_or_else(|| StoreError::missing("asset", id))
}

/// The same for many assets, in the order of their ids: whoever locks several does so in this order.
pub async fn lock_all(tx: &mut Tx, ids: &[AssetId]) -> Result<(), StoreError> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    for chunk in ids.chunks(IDS_MAX) {
        let text = "select id from asset where id {in rows} order by id {lock}";
        query("lock assets", text).each(chunk).all(&mut *tx).await?;
    }
    Ok(())
}

pub async fn get<'a>(on: impl Into<On<'a>>, id: AssetId) -> Result<Option<Asset>, StoreError> {
    query("read the asset", select!("where id = $1")).bind(id).optional(on).await?.as_ref().map(from_row).transpose()
}

/// Finds an asset by its name; a retired one only if no other has the name now.
pub async fn find_by_name<'a>(on: impl Into<On<'a>>, name: &str) -> Result<Option<Asset>, StoreError> {
    query(
        "find the asset",
        select!("where name = $1 order by case when retired_at is null then 0 else 1 end, id desc limit 1"),
    )
    .bind(name)
    .optional(on)
    .await?
    .as_ref()
    .map(from_row)
    .transpose()
}

/// The assets with these ids, as far as they are there and were not found to be others, in no order.
pub async fn get_all<'a>(on: impl Into<On<'a>>, ids: &[AssetId]) -> Result<Vec<Asset>, StoreError> {
    let mut on = on.into();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_MAX) {
        let text = select!("where merged_into is null and id {in rows}");
        let rows = query("read assets", text).each(chunk).all(on.again()).await?;
        found.extend(rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(found)
}

/// One page of all assets, retired ones included and those left out that were found to be others, in the order in which they
/// became known. The cursor is the last asset of the page before.
pub async fn list<'a>(on: impl Into<On<'a>>, after: Option<AssetId>, limit: usize) -> Result<Vec<Asset>, StoreError> {
    let query = match after {
        None => query("list assets", select!("where merged_into is null order by id limit $1")).bind(limit),
        Some(after) => query("list assets", select!("where merged_into is null and id > $2 order by id limit $1"))
            .bind(limit)
            .bind(after),
    };
    query.all(on).await?.iter().map(from_row).collect()
}

/// One page of the assets that are not retired, in the order in which they became known, after the one given.
pub async fn present<'a>(
    on: impl Into<On<'a>>,
    after: Option<AssetId>,
    limit: usize,
) -> Result<Vec<Asset>, StoreError> {
    query("list assets", select!("where retired_at is null and id > $1 order by id limit $2"))
        .bind(after.map_or(Uuid::nil(), AssetId::uuid))
        .bind(limit)
        .all(on)
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// One page of the assets that a statement selects by an instant in `$1`, after the one in `$2`, up to `$3`.
pub(crate) async fn selected(
    on: On<'_>,
    query: Query,
    before: Timestamp,
    after: Option<AssetId>,
    limit: usize,
) -> Result<Vec<AssetId>, StoreError> {
    let rows = query.bind(before).bind(after.map_or(Uuid::nil(), AssetId::uuid)).bind(limit).all(on).await?;
    rows.iter().map(|row| Ok(AssetId::from_uuid(row.uuid("asset_id")?))).collect()
}

/// Notes why the latest inspection failed. That it fails as before is no news.
pub async fn record_error(tx: &mut Tx, id: AssetId, reason: &str, at: Timestamp) -> Result<(), StoreError> {
    let before = lock(tx, id).await?.last_error;
    tx.touched.asset(id);
    query("note the failed inspection", "update asset set last_error = $1 where id = $2")
        .bind(reason)
        .bind(id)
        .execute(tx)
        .await?;
    if before.as_deref() != Some(reason) {
        let why = serde_json::json!({ "reason": outbox::reason(reason) });
        tx.tell(NewEvent::new(at, EventKind::InspectionFailed).of_asset(id).saying(&why));
    }
    Ok(())
}

/// Retires an asset, once; what has expired may be said to be gone later. Its findings and its history stay.
pub async fn retire(tx: &mut Tx, id: AssetId, retired: &Retired, at: Timestamp) -> Result<(), StoreError> {
    let known = lock(tx, id).await?;
    let is_said = known.retired.is_some_and(|known| known.ending == Ending::Expired) && retired.ending == Ending::Gone;
    if known.retired_at.is_some() && !is_said {
        return Ok(());
    }
    tx.touched.asset(id);
    let text = "update asset set retired_at = $1, retired_as = $2, retired_because = $3, unreachable_since = null,
                    unanswered_first_at = null, unanswered_at = null
                where id = $4";
    query("retire the asset", text)
        .bind(at)
        .bind(word(retired.ending))
        .bind(retired.because.as_str())
        .bind(id)
        .execute(tx)
        .await?;
    let why = serde_json::json!({ "as": retired.ending, "because": outbox::reason(&retired.because) });
    tx.tell(NewEvent::new(at, EventKind::AssetRetired).of_asset(id).saying(&why));
    Ok(())
}

/// Notes since when there was no contact with an asset that was looked for. `None`: it answers again.
pub async fn set_unreachable(tx: &mut Tx, id: AssetId, since: Option<Timestamp>) -> Result<(), StoreError> {
    tx.touched.asset(id);
    let text = "update asset set unreachable_since = $1 where id = $2";
    expect_one(query("note whether the asset answers", text).bind(since).bind(id).execute(tx).await?, id)
}

/// Notes a contact with an asset that tells nothing else of it.
pub async fn record_contact(tx: &mut Tx, id: AssetId, at: Timestamp) -> Result<(), StoreError> {
    if lock(tx, id).await?.unreachable_since.is_some() {
        set_unreachable(tx, id, None).await?;
    }
    let text = "update asset set last_seen_at = case when last_seen_at < $1 then $1 else last_seen_at end,
                    unanswered_first_at = null, unanswered_at = null
                where id = $2";
    expect_one(query("note the contact", text).bind(at).bind(id).execute(tx).await?, id)
}

/// Notes that nothing answered where an asset should be looked into.
pub async fn record_silence(tx: &mut Tx, id: AssetId, at: Timestamp) -> Result<(), StoreError> {
    let text = "update asset set unanswered_first_at = coalesce(unanswered_first_at, $1), unanswered_at = $1
                where id = $2 and retired_at is null";
    query("note that nothing answered", text).bind(at).bind(id).execute(tx).await.map(drop)
}

/// Brings a retired asset back, by a name that must be free.
pub async fn reinstate(tx: &mut Tx, id: AssetId, name: &str, at: Timestamp) -> Result<(), StoreError> {
    tx.touched.asset(id);
    tx.tell(NewEvent::new(at, EventKind::AssetBack).of_asset(id));
    let text =
        "update asset set retired_at = null, retired_as = null, retired_because = null, unreachable_since = null,
                    unanswered_first_at = null, unanswered_at = null, name = $1
                where id = $2";
    expect_one(query("reinstate the asset", text).bind(name).bind(id).execute(tx).await?, id)
}

/// Notes that an asset was found to be another one, which takes over how to look inside where it does not know, and the tags.
pub async fn merge(tx: &mut Tx, gone: AssetId, into: AssetId, at: Timestamp) -> Result<(), StoreError> {
    let (left, mut kept) = (lock(tx, gone).await?, lock(tx, into).await?);
    let news: Vec<String> = left.tags.into_iter().filter(|tag| !kept.tags.contains(tag)).collect();
    let text =
        "update asset set retired_at = coalesce(retired_at, $1), merged_into = $2, merged_tags = $3 where id = $4";
    let query = query("note that the asset is another", text).bind(at).bind(into).bind(json(&news)).bind(gone);
    expect_one(query.execute(tx).await?, gone)?;
    tx.tell(NewEvent::new(at, EventKind::AssetMerged).of_asset(gone).saying(&serde_json::json!({ "into": into })));
    kept.way = kept.way.or(left.way);
    kept.tags.extend(news);
    kept.tags.sort();
    update(tx, &kept).await
}

/// Makes a merged asset itself again, by a name that must be free. What the one that it was part of took over from it stays
/// with it alone.
pub async fn part(tx: &mut Tx, id: AssetId, from: AssetId, name: &str, at: Timestamp) -> Result<(), StoreError> {
    let (own, mut other) = (lock(tx, id).await?, lock(tx, from).await?);
    let row = query("read the merged asset", "select merged_tags from asset where id = $1");
    let taken: Vec<String> = row.bind(id).one(&mut *tx).await?.json_opt("merged_tags")?.unwrap_or_default();
    other.tags.retain(|tag| !taken.contains(tag));
    if other.way == own.way {
        other.way = None;
    }
    update(tx, &other).await?;
    tx.touched.asset(id);
    tx.tell(NewEvent::new(at, EventKind::AssetSplit).of_asset(id).saying(&serde_json::json!({ "from": from })));
    let text = "update asset set retired_at = null, retired_as = null, retired_because = null, merged_into = null,
                    merged_tags = null, name = $1
                where id = $2";
    expect_one(query("make the asset itself again", text).bind(name).bind(id).execute(tx).await?, id)
}

/// The asset that this one was found to be, and that one, and so on. `None`: it is itself.
pub async fn merged_into<'a>(on: impl Into<On<'a>>, id: AssetId) -> Result<Option<AssetId>, StoreError> {
    let mut on = on.into();
    let mut found = None;
    loop {
        let row = query("read the asset", "select merged_into from asset where id = $1").bind(found.unwrap_or(id));
        match row.optional(on.again()).await?.map(|row| row.get::<Option<Uuid>>("merged_into")).transpose()?.flatten() {
            Some(into) => found = Some(AssetId::from_uuid(into)),
            None => return Ok(found),
        }
    }
}

/// The asset itself, or the one that it was found to be.
pub async fn current<'a>(on: impl Into<On<'a>>, asset: Asset) -> Result<Asset, StoreError> {
    let mut on = on.into();
    match merged_into(on.again(), asset.id).await? {
        Some(into) => Ok(get(on, into).await?.unwrap_or(asset)),
        None => Ok(asset),
    }
}

/// Says how to look inside.
pub async fn set_way(tx: &mut Tx, id: AssetId, way: Option<&Way>) -> Result<(), StoreError> {
    tx.touched.asset(id);
    let text = "update asset set way = $1 where id = $2";
    expect_one(query("set the asset's connector", text).bind(way.map(json)).bind(id).execute(tx).await?, id)
}

pub async fn set_tags(tx: &mut Tx, id: AssetId, tags: &[String]) -> Result<(), StoreError> {
    tx.touched.asset(id);
    let text = "update asset set tags = $1 where id = $2";
    expect_one(query("set the asset's tags", text).bind(json(tags)).bind(id).execute(tx).await?, id)
}

/// Notes what is seen of an asset from outside, which is a contact. The change log leaves it out: nothing that lists keep depends
/// on it, and discovery sees everything again and again.
pub async fn set_services(
    tx: &mut Tx,
    id: AssetId,
    services: &[Service],
    seen_at: Timestamp,
) -> Result<(), StoreError> {
    let text = "update asset set services = $1,
                    last_seen_at = case when last_seen_at < $2 then $2 else last_seen_at end,
                    unanswered_first_at = null, unanswered_at = null
                where id = $3";
    let query = query("note the asset's services", text);
    expect_one(query.bind(json(services)).bind(seen_at).bind(id).execute(tx).await?, id)
}

/// Binds all columns, the id last.
fn bind(query: Query, asset: &Asset) -> Query {
    query
        .bind(asset.name.as_str())
        .bind(asset.way.as_ref().map(json))
        .bind(json(&asset.identity))
        .bind(asset.platform.as_ref().map(json))
        .bind(json(&asset.tags))
        .bind(json(&asset.services))
        .bind(asset.first_seen_at)
        .bind(asset.last_seen_at)
        .bind(asset.last_inspected_at)
        .bind(asset.last_error.as_deref())
        .bind(asset.unreachable_since)
        .bind(asset.retired_at)
        .bind(asset.retired.as_ref().map(|retired| word(retired.ending)))
        .bind(asset.retired.as_ref().map(|retired| retired.because.as_str()))
        .bind(asset.id)
}

fn from_row(row: &Row) -> Result<Asset, StoreError> {
    Ok(Asset {
        id: AssetId::from_uuid(row.uuid("id")?),
        name: row.text("name")?,
        way: row.json_opt("way")?,
        identity: row.json("identity")?,
        platform: row.json_opt("platform")?,
        tags: row.json("tags")?,
        services: row.json("services")?,
        first_seen_at: row.instant("first_seen_at")?,
        last_seen_at: row.instant("last_seen_at")?,
        last_inspected_at: row.instant_opt("last_inspected_at")?,
        last_error: row.get("last_error")?,
        unreachable_since: row.instant_opt("unreachable_since")?,
        retired_at: row.instant_opt("retired_at")?,
        retired: retired(row)?,
    })
}

/// Older nodes bring an asset back without forgetting how it was retired.
fn retired(row: &Row) -> Result<Option<Retired>, StoreError> {
    let (at, ending) = (row.instant_opt("retired_at")?, row.word_opt("retired_as")?);
    let because = row.get::<Option<String>>("retired_because")?.unwrap_or_default();
    Ok(ending.filter(|_| at.is_some()).map(|ending| Retired { ending, because }))
}

fn expect_one(changed: u64, id: AssetId) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::missing("asset", id)) } else { Ok(()) }
}
