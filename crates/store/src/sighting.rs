//! Sightings: what a discovery source saw at an address, as it was, by the record that it is a part of.
//!
//! What was seen once never changes: who sees something else adds a row, and who sees the same again says until when. So a
//! sighting is of whatever asset its record is of, and after a merge and a split everything is as it was.

use std::collections::{BTreeMap, BTreeSet};

use domain::asset::{Service, Sighting};
use domain::digest;
use domain::ids::{AssetId, RecordId};

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, json, query};

/// Different things that are kept of what a record showed at one address: the latest ones.
const KEPT: usize = 16;

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select record.asset_id, seen.source, seen.site, seen.address, seen.services,
                    seen.ssh_host_key, seen.observed_at
             from observation seen join record on record.id = seen.record_id ",
            $tail
        )
    };
}

/// Records what a source saw, as a part of what one record says.
pub async fn record(tx: &mut Tx, record: RecordId, sighting: &Sighting) -> Result<(), StoreError> {
    let address = sighting.address.to_string();
    query(
        "record the sighting",
        "insert into observation (record_id, digest, source, site, address, services, ssh_host_key, first_observed_at,
             observed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
         on conflict (record_id, digest) do update set
             first_observed_at = case when excluded.first_observed_at < observation.first_observed_at
                 then excluded.first_observed_at else observation.first_observed_at end,
             observed_at = case when excluded.observed_at > observation.observed_at
                 then excluded.observed_at else observation.observed_at end",
    )
    .bind(record.uuid())
    .bind(digest(sighting))
    .bind(sighting.source.as_str())
    .bind(sighting.site.as_str())
    .bind(address.as_str())
    .bind(json(&sighting.services))
    .bind(sighting.ssh_host_key.as_deref())
    .bind(sighting.observed_at)
    .execute(&mut *tx)
    .await?;
    query(
        "forget what was seen long ago",
        "delete from observation where record_id = $1 and digest in (
             select digest from observation where record_id = $1 and source = $2 and site = $3 and address = $4
             order by observed_at desc, digest limit 1000 offset $5)",
    )
    .bind(record.uuid())
    .bind(sighting.source.as_str())
    .bind(sighting.site.as_str())
    .bind(address.as_str())
    .bind(KEPT)
    .execute(tx)
    .await
    .map(drop)
}

/// Of everything that was seen, whenever that was.
fn digest(sighting: &Sighting) -> String {
    let services: Vec<(u16, &Option<String>, &Option<String>)> =
        sighting.services.iter().map(|service| (service.port, &service.protocol, &service.banner)).collect();
    let key = json(&sighting.ssh_host_key);
    digest::of(&[&sighting.source, &sighting.site, &sighting.address.to_string(), &json(&services), &key])
}

/// What each source saw last at each address of an asset, latest first.
pub async fn of_asset<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Vec<Sighting>, StoreError> {
    let rows = query("read sightings", select!("where record.asset_id = $1")).bind(asset).all(on).await?;
    Ok(latest(&rows)?.remove(&asset).unwrap_or_default())
}

/// The same of these assets: at most as many as are looked up in one statement.
pub(crate) async fn of_assets(on: On<'_>, ids: &[AssetId]) -> Result<BTreeMap<AssetId, Vec<Sighting>>, StoreError> {
    latest(&query("read sightings", select!("where record.asset_id {in rows}")).each(ids).all(on).await?)
}

/// Everything that is kept of what was seen of an asset, latest first.
pub async fn history<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Vec<Sighting>, StoreError> {
    let text = select!(
        "where record.asset_id = $1
         order by seen.observed_at desc, seen.source, seen.site, seen.address, seen.digest"
    );
    query("read sightings", text).bind(asset).all(on).await?.iter().map(from_row).collect()
}

/// Of each asset the latest sighting for each source and address, latest first.
fn latest(rows: &[Row]) -> Result<BTreeMap<AssetId, Vec<Sighting>>, StoreError> {
    let mut all: Vec<(AssetId, Sighting)> = Vec::with_capacity(rows.len());
    for row in rows {
        all.push((AssetId::from_uuid(row.uuid("asset_id")?), from_row(row)?));
    }
    let place = |sighting: &Sighting| (sighting.source.clone(), sighting.site.clone(), sighting.address);
    // Of two that differ at one instant, any: but always the same.
    all.sort_by_cached_key(|(_, seen)| (std::cmp::Reverse(seen.observed_at), place(seen), digest(seen)));
    let (mut found, mut known): (BTreeMap<AssetId, Vec<Sighting>>, BTreeSet<_>) = Default::default();
    for (asset, sighting) in all {
        if known.insert((asset, place(&sighting))) {
            found.entry(asset).or_default().push(sighting);
        }
    }
    Ok(found)
}

fn from_row(row: &Row) -> Result<Sighting, StoreError> {
    let address = row.text("address")?;
    let observed_at = row.instant("observed_at")?;
    let services: Vec<Service> = row.json("services")?;
    Ok(Sighting {
        source: row.text("source")?,
        site: row.text("site")?,
        address: address.parse().map_err(|_| row.corrupt(format!("{address:?} is no address")))?,
        // They were seen together, whenever that was last.
        services: services.into_iter().map(|service| Service { seen_at: observed_at, ..service }).collect(),
        ssh_host_key: row.get("ssh_host_key")?,
        observed_at,
    })
}
