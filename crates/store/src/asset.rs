//! Assets, and the identifiers that find them again.

use domain::asset::{Asset, Service, Way};
use domain::ids::AssetId;
use domain::inventory::Identity;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{IDS_MAX, Query, Row, json, query, query_built, word};

/// What an identifier is. The order is the strength, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    MachineId,
    /// Fingerprint of an SSH host key.
    SshHostKey,
    Hostname,
    Address,
}

/// One value that tells an asset from another. Clones share even the strong ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    pub kind: IdentifierKind,
    pub value: String,
}

/// The columns of an asset, in front of what selects the rows.
macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select id, name, way, identity, platform, tags, services, first_seen_at, last_seen_at, ",
            "last_inspected_at, last_error, retired_at from asset ",
            $tail
        )
    };
}

/// Makes an asset known. Its name must be free.
pub async fn insert(tx: &mut Tx, asset: &Asset) -> Result<(), StoreError> {
    let text = "insert into asset (name, way, identity, platform, tags, services, first_seen_at, last_seen_at,
                    last_inspected_at, last_error, retired_at, id)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    bind(query("add the asset", text), asset).execute(tx).await?;
    tx.touched.asset(asset.id);
    note_identifiers(tx, asset.id, &identifiers(&asset.identity), asset.last_seen_at).await
}

/// Writes all of an asset that exists.
pub async fn update(tx: &mut Tx, asset: &Asset) -> Result<(), StoreError> {
    let text = "update asset set name = $1, way = $2, identity = $3, platform = $4, tags = $5, services = $6,
                    first_seen_at = $7, last_seen_at = $8, last_inspected_at = $9, last_error = $10, retired_at = $11
                where id = $12";
    let changed = bind(query("change the asset", text), asset).execute(tx).await?;
    expect_one(changed, asset.id)?;
    tx.touched.asset(asset.id);
    note_identifiers(tx, asset.id, &identifiers(&asset.identity), asset.last_seen_at).await
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

/// The assets with these ids, as far as they are there, in no order.
pub async fn get_all<'a>(on: impl Into<On<'a>>, ids: &[AssetId]) -> Result<Vec<Asset>, StoreError> {
    let mut on = on.into();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_MAX) {
        let list = on.dialect().placeholders(1, chunk.len());
        let query = query_built("read assets", format!("{}{list}", select!("where id in ")));
        let rows = chunk.iter().fold(query, |query, id| query.bind(*id)).all(on.again()).await?;
        found.extend(rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(found)
}

/// Every asset that was ever seen with an identifier, longest known first.
pub async fn find_by_identifier<'a>(
    on: impl Into<On<'a>>,
    identifier: &Identifier,
) -> Result<Vec<AssetId>, StoreError> {
    query("find assets", "select asset_id from asset_identifier where kind = $1 and value = $2 order by asset_id")
        .bind(word(identifier.kind))
        .bind(identifier.value.as_str())
        .all(on)
        .await?
        .iter()
        .map(|row| row.uuid("asset_id").map(AssetId::from_uuid))
        .collect()
}

/// How many assets were inspected and are not retired.
pub async fn count_inspected<'a>(on: impl Into<On<'a>>) -> Result<u64, StoreError> {
    let text = "select count(*) as assets from asset where last_inspected_at is not null and retired_at is null";
    query("count inspected assets", text).one(on).await?.number("assets")
}

/// One page of all assets, retired ones included, in the order in which they became known. The cursor is the last
/// asset of the page before.
pub async fn list<'a>(on: impl Into<On<'a>>, after: Option<AssetId>, limit: usize) -> Result<Vec<Asset>, StoreError> {
    let query = match after {
        None => query("list assets", select!("order by id limit $1")).bind(limit),
        Some(after) => query("list assets", select!("where id > $2 order by id limit $1")).bind(limit).bind(after),
    };
    query.all(on).await?.iter().map(from_row).collect()
}

/// Notes why the latest inspection failed.
pub async fn record_error(tx: &mut Tx, id: AssetId, reason: &str) -> Result<(), StoreError> {
    tx.touched.asset(id);
    let changed = query("note the failed inspection", "update asset set last_error = $1 where id = $2")
        .bind(reason)
        .bind(id)
        .execute(tx)
        .await?;
    expect_one(changed, id)
}

/// Retires an asset. Its findings and its history stay.
pub async fn retire(tx: &mut Tx, id: AssetId, at: Timestamp) -> Result<(), StoreError> {
    tx.touched.asset(id);
    let text = "update asset set retired_at = coalesce(retired_at, $1) where id = $2";
    expect_one(query("retire the asset", text).bind(at).bind(id).execute(tx).await?, id)
}

/// Brings a retired asset back. Its name must be free.
pub async fn reinstate(tx: &mut Tx, id: AssetId) -> Result<(), StoreError> {
    tx.touched.asset(id);
    let text = "update asset set retired_at = null where id = $1";
    expect_one(query("reinstate the asset", text).bind(id).execute(tx).await?, id)
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

/// Notes what is seen of an asset from outside. The change log leaves it out: nothing that lists keep depends on it, and
/// discovery sees everything again and again.
pub async fn set_services(
    tx: &mut Tx,
    id: AssetId,
    services: &[Service],
    seen_at: Timestamp,
) -> Result<(), StoreError> {
    let text = "update asset set services = $1,
                    last_seen_at = case when last_seen_at < $2 then $2 else last_seen_at end
                where id = $3";
    let query = query("note the asset's services", text);
    expect_one(query.bind(json(services)).bind(seen_at).bind(id).execute(tx).await?, id)
}

/// Remembers identifiers of an asset with the instants at which they were first and last seen.
pub async fn note_identifiers(
    tx: &mut Tx,
    id: AssetId,
    identifiers: &[Identifier],
    seen_at: Timestamp,
) -> Result<(), StoreError> {
    for identifier in identifiers {
        query(
            "note an identifier of the asset",
            "insert into asset_identifier (asset_id, kind, value, first_seen_at, last_seen_at)
             values ($1, $2, $3, $4, $4)
             on conflict (asset_id, kind, value) do update set last_seen_at = excluded.last_seen_at
             where asset_identifier.last_seen_at < excluded.last_seen_at",
        )
        .bind(id)
        .bind(word(identifier.kind))
        .bind(identifier.value.as_str())
        .bind(seen_at)
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// The identifiers in what an inspection read.
pub(crate) fn identifiers(identity: &Identity) -> Vec<Identifier> {
    let machine_id = identity.machine_id.iter().map(|value| (IdentifierKind::MachineId, value.clone()));
    let hostname = identity.hostname.iter().map(|value| (IdentifierKind::Hostname, value.clone()));
    // A loopback address tells no asset from another.
    let addresses = identity.addresses.iter().filter(|address| !address.is_loopback());
    let addresses = addresses.map(|address| (IdentifierKind::Address, address.to_string()));
    machine_id.chain(hostname).chain(addresses).map(|(kind, value)| Identifier { kind, value }).collect()
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
        .bind(asset.retired_at)
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
        retired_at: row.instant_opt("retired_at")?,
    })
}

fn expect_one(changed: u64, id: AssetId) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::missing("asset", id)) } else { Ok(()) }
}
