//! Building a model from the store: every asset with its findings, in the order of the assets' ids.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use domain::asset::Asset;
use domain::ids::AssetId;
use index::Loader;
use jiff::Timestamp;
use knowledge::Knowledge;
use store::{Db, change, finding, inspection};
use tracing::info;

use super::model::{Basis, Estate, Model, Working};
use crate::prioritize::Judge;

/// Assets that are read at once.
const PAGE: usize = 128;

/// Reads everything. The model is as of the change log's end before the first row was read: what came after is followed.
pub(super) async fn from_store(
    db: &Db,
    basis: Basis,
    knowledge: Option<Arc<Knowledge>>,
    at: Timestamp,
) -> anyhow::Result<Model> {
    let head = change::head(db).await?;
    let mut working = Working::new(head.seq, store::scope::list(db).await?);
    let (mut estate, mut loader, mut after) = (Estate::default(), Loader::new(), None);
    loop {
        let page = store::asset::list(db, after, PAGE).await?;
        let (Some(first), Some(last)) = (page.first(), page.last()) else { break };
        let (first, last) = (first.id, last.id);
        let undecided = undecided_counts(db, after, page.len()).await?;
        let listed = finding::listed(db, first, last).await?;
        working.texts.read(db, &listed).await?;
        after = Some(last);
        let judge = Judge::new(knowledge.as_deref(), at);
        let mut rest = listed.as_slice();
        for asset in page {
            let undecided = undecided.get(&asset.id).copied();
            let known = working.known(asset, undecided);
            // Findings of an asset that came after the page was read are followed later.
            let before = rest.partition_point(|listed| listed.asset < known.asset.id);
            let here = rest.partition_point(|listed| listed.asset <= known.asset.id);
            let (texts, verdicts) = (&working.texts, &mut working.verdicts);
            let rows = verdicts.rows(texts, &judge, &rest[before..here], &known.context, &mut loader)?;
            rest = &rest[here..];
            loader.asset(known.listed(), &rows)?;
            estate.put(known);
        }
    }
    let position = working.position;
    let index = tokio::task::spawn_blocking(move || loader.finish(position)).await.context("sort the lists")?;
    let snapshot = index.snapshot();
    info!(assets = snapshot.asset_count(), findings = snapshot.finding_count(), "the lists were loaded from the store");
    Ok(Model::new(index, estate, (basis, knowledge, at), head.epoch, working))
}

/// Every asset as it is kept, for an index that was read from elsewhere.
pub(super) async fn estate(db: &Db, working: &mut Working) -> anyhow::Result<Estate> {
    let (mut estate, mut after) = (Estate::default(), None);
    loop {
        let page: Vec<Asset> = store::asset::list(db, after, PAGE * 8).await?;
        let Some(last) = page.last().map(|asset| asset.id) else { return Ok(estate) };
        let undecided = undecided_counts(db, after, page.len()).await?;
        after = Some(last);
        for asset in page {
            let undecided = undecided.get(&asset.id).copied();
            estate.put(working.known(asset, undecided));
        }
    }
}

/// How many things are undecided about each inspected asset of a page.
async fn undecided_counts(db: &Db, after: Option<AssetId>, assets: usize) -> anyhow::Result<HashMap<AssetId, u64>> {
    let latest = inspection::latest_of_all(db, after, assets).await?;
    Ok(latest.into_iter().map(|summary| (summary.asset, summary.undecided_count)).collect())
}
