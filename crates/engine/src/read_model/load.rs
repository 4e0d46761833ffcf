//! Building a model from the store: every asset with its findings, in the order of the assets' ids.

use anyhow::Context as _;
use domain::asset::Asset;
use domain::ids::AssetId;
use index::Loader;
use store::{Db, change, finding, inspection};
use tracing::info;

use super::model::{Basis, Estate, Model, Working};
use super::verdicts::AllWords;
use crate::policy::By;

/// Assets that are read at once.
const PAGE: usize = 128;

/// Reads everything. The model is as of the change log's end before the first row was read: what came after is followed.
pub(super) async fn from_store(db: &Db, basis: Basis, by: By) -> anyhow::Result<Model> {
    let head = change::head(db).await?;
    let mut working = Working::new(head.seq, store::scope::list(db).await?, AllWords::default());
    let (mut estate, mut loader, mut after) = (Estate::default(), Loader::new(), None);
    loop {
        let page = store::asset::list(db, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let ids: Vec<AssetId> = page.iter().map(|asset| asset.id).collect();
        let undecided = inspection::undecided_counts(db, &ids).await?;
        let listed = finding::listed(db, &ids).await?;
        working.texts.read(db, &mut working.words, listed.values().flatten()).await?;
        let judge = by.judge();
        for asset in page {
            let undecided = undecided.get(&asset.id).copied();
            let known = working.known(asset, undecided);
            let here = listed.get(&known.asset.id).map(Vec::as_slice).unwrap_or_default();
            let (texts, verdicts) = ((&working.texts, &working.words), &mut working.verdicts);
            let rows = verdicts.rows(texts, &judge, here, &known.context, &mut loader)?;
            loader.asset(known.listed(), &rows)?;
            estate.put(known);
        }
    }
    let position = working.position;
    let index = tokio::task::spawn_blocking(move || loader.finish(position)).await.context("sort the lists")?;
    let snapshot = index.snapshot();
    info!(assets = snapshot.asset_count(), findings = snapshot.finding_count(), "the lists were loaded from the store");
    Ok(Model::new(index, estate, (basis, by), head.epoch, working))
}

/// Every asset as it is kept, for an index that was read from elsewhere.
pub(super) async fn estate(db: &Db, working: &mut Working) -> anyhow::Result<Estate> {
    let (mut estate, mut after) = (Estate::default(), None);
    loop {
        let page: Vec<Asset> = store::asset::list(db, after, PAGE * 8).await?;
        let Some(last) = page.last() else { return Ok(estate) };
        after = Some(last.id);
        let ids: Vec<AssetId> = page.iter().map(|asset| asset.id).collect();
        let undecided = inspection::undecided_counts(db, &ids).await?;
        for asset in page {
            let undecided = undecided.get(&asset.id).copied();
            estate.put(working.known(asset, undecided));
        }
    }
}
