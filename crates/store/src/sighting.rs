//! Sightings: what a discovery source saw at an address, attached to the asset that it was taken for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use domain::asset::Sighting;
use domain::ids::{AssetId, RecordId};

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, json, query, query_built};

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select asset_id, source, address, services, ssh_host_key, observed_at, first_observed_at from sighting ",
            $tail
        )
    };
}

/// Records a sighting of an asset: the latest of each source and address is kept, with the instant of the first.
pub async fn record(tx: &mut Tx, asset: AssetId, record: RecordId, sighting: &Sighting) -> Result<(), StoreError> {
    query(
        "record the sighting",
        "insert into sighting (asset_id, source, address, services, ssh_host_key, first_observed_at, observed_at,
             record_id)
         values ($1, $2, $3, $4, $5, $6, $6, $7)
         on conflict (asset_id, source, address) do update set services = excluded.services,
             ssh_host_key = excluded.ssh_host_key, observed_at = excluded.observed_at,
             record_id = excluded.record_id
         where sighting.observed_at <= excluded.observed_at",
    )
    .bind(asset)
    .bind(sighting.source.as_str())
    .bind(sighting.address.to_string())
    .bind(json(&sighting.services))
    .bind(sighting.ssh_host_key.as_deref())
    .bind(sighting.observed_at)
    .bind(record.uuid())
    .execute(tx)
    .await?;
    Ok(())
}

/// The sightings of one asset, latest first.
pub async fn of_asset<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Vec<Sighting>, StoreError> {
    query("read sightings", select!("where asset_id = $1 order by observed_at desc, source, address"))
        .bind(asset)
        .all(on)
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// The sightings of these assets: at most as many as are looked up in one statement.
pub(crate) async fn of_assets(mut on: On<'_>, ids: &[AssetId]) -> Result<BTreeMap<AssetId, Vec<Sighting>>, StoreError> {
    let list = on.dialect().placeholders(1, ids.len());
    let text = format!("{}{list}", select!("where asset_id in "));
    let query = ids.iter().fold(query_built("read sightings", text), |query, id| query.bind(*id));
    let mut seen: BTreeMap<AssetId, Vec<Sighting>> = BTreeMap::new();
    for row in &query.all(on.again()).await? {
        seen.entry(AssetId::from_uuid(row.uuid("asset_id")?)).or_default().push(from_row(row)?);
    }
    Ok(seen)
}

/// Which assets were seen at an address, latest first.
pub async fn at_address<'a>(on: impl Into<On<'a>>, address: IpAddr) -> Result<Vec<(AssetId, Sighting)>, StoreError> {
    query("read sightings", select!("where address = $1 order by observed_at desc, source, asset_id"))
        .bind(address.to_string())
        .all(on)
        .await?
        .iter()
        .map(|row| Ok((AssetId::from_uuid(row.uuid("asset_id")?), from_row(row)?)))
        .collect()
}

fn from_row(row: &Row) -> Result<Sighting, StoreError> {
    let address = row.text("address")?;
    Ok(Sighting {
        source: row.text("source")?,
        site: String::new(),
        address: address.parse().map_err(|_| row.corrupt(format!("{address:?} is no address")))?,
        services: row.json("services")?,
        ssh_host_key: row.get("ssh_host_key")?,
        observed_at: row.instant("observed_at")?,
    })
}
