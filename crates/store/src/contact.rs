//! Contacts: what is known of assets that tells whether they are still there, many at a time.

use std::collections::{BTreeMap, BTreeSet};

use domain::asset::{Asset, Sighting};
use domain::identity::Source;
use domain::ids::AssetId;
use domain::listing::Listed;
use domain::retirement::{Traits, Tries};
use jiff::Timestamp;

use crate::db::On;
use crate::error::StoreError;
use crate::sql::{IDS_MAX, Row, query};
use crate::{asset, listing, sighting};

/// An asset that is not retired, with what tells whether it is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub asset: Asset,
    pub traits: Traits,
    pub sightings: Vec<Sighting>,
    pub listed: Vec<Listed>,
    /// Tries to look inside that nothing answered, where it has a way in.
    pub tries: Tries,
}

const DOING: &str = "read what is known of assets";

/// One page of the assets that are not retired, after the asset given.
pub async fn page<'a>(on: impl Into<On<'a>>, after: Option<AssetId>, limit: usize) -> Result<Vec<Known>, StoreError> {
    let mut on = on.into();
    let assets = asset::present(on.again(), after, limit).await?;
    known(on, assets).await
}

/// One asset. `None`: it is not there, or retired.
pub async fn of_asset<'a>(on: impl Into<On<'a>>, id: AssetId) -> Result<Option<Known>, StoreError> {
    let mut on = on.into();
    let found = asset::get(on.again(), id).await?.filter(|asset| asset.retired_at.is_none());
    Ok(known(on, found.into_iter().collect()).await?.pop())
}

async fn known(mut on: On<'_>, assets: Vec<Asset>) -> Result<Vec<Known>, StoreError> {
    let mut all = Vec::with_capacity(assets.len());
    let mut assets = assets.into_iter().peekable();
    while assets.peek().is_some() {
        let chunk: Vec<Asset> = assets.by_ref().take(IDS_MAX).collect();
        let ids: Vec<AssetId> = chunk.iter().map(|asset| asset.id).collect();
        let mut sources = sources(on.again(), &ids).await?;
        let mut seen = sighting::of_assets(on.again(), &ids).await?;
        let mut listed = listing::of_assets(on.again(), &ids).await?;
        let tried = tried(on.again(), &ids).await?;
        all.extend(chunk.into_iter().map(|asset| {
            let sightings = seen.remove(&asset.id).unwrap_or_default();
            let listed = listed.remove(&asset.id).unwrap_or_default();
            let traits = Traits {
                sources: sources.remove(&asset.id).unwrap_or_default(),
                listed: listed.iter().map(|listed| listed.kind).collect(),
                tags: asset.tags.clone(),
                is_inspected: asset.last_inspected_at.is_some(),
                is_sighted: !sightings.is_empty(),
            };
            let tries = match (&asset.way, tried.get(&asset.id)) {
                (None, _) => Tries::Nobody,
                (Some(_), None) => Tries::None,
                (Some(_), Some((first_at, last_at))) => Tries::Unanswered { first_at: *first_at, last_at: *last_at },
            };
            Known { traits, sightings, listed, tries, asset }
        }));
    }
    Ok(all)
}

/// Who made the records of each asset.
async fn sources(on: On<'_>, ids: &[AssetId]) -> Result<BTreeMap<AssetId, BTreeSet<Source>>, StoreError> {
    let mut sources: BTreeMap<AssetId, BTreeSet<Source>> = BTreeMap::new();
    let text = "select distinct asset_id, source from record where asset_id {in rows}";
    for row in &query(DOING, text).each(ids).all(on).await? {
        sources.entry(id(row, "asset_id")?).or_default().insert(row.word("source")?);
    }
    Ok(sources)
}

/// The first and the latest try that nothing answered.
async fn tried(on: On<'_>, ids: &[AssetId]) -> Result<BTreeMap<AssetId, (Timestamp, Timestamp)>, StoreError> {
    let text = "select id, unanswered_first_at, unanswered_at from asset where id {in rows}";
    let mut tried = BTreeMap::new();
    for row in &query(DOING, text).each(ids).all(on).await? {
        if let Some(times) = row.instant_opt("unanswered_first_at")?.zip(row.instant_opt("unanswered_at")?) {
            tried.insert(id(row, "id")?, times);
        }
    }
    Ok(tried)
}

fn id(row: &Row, column: &str) -> Result<AssetId, StoreError> {
    row.uuid(column).map(AssetId::from_uuid)
}
