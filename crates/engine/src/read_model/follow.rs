//! Following the change log: what was touched is read again, and published together. Where only some findings of an asset have
//! changed, only these are read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::asset::Asset;
use domain::ids::AssetId;
use index::Batch;
use store::change::{self, Extent, Head, Position, What};
use store::finding::Listed;
use store::{Db, finding, inspection};

use super::model::{Known, Model, Working};
use crate::assign::context_of;
use crate::prioritize::Judge;

/// Changes that are read, and assets that are published, at once.
const CHANGES_PAGE: usize = 1000;
const ASSETS_PAGE: usize = 64;
/// Assets of which some findings are published at once. Those of one segment should come together: it is made anew for each
/// page that adds to it.
const PARTS_PAGE: usize = 4000;

/// An asset as the store has it now.
enum Read {
    Here(Known),
    Gone(AssetId),
}

/// What has changed after a position of the log.
pub(super) struct Changed {
    /// Of which everything may have.
    pub(super) assets: BTreeSet<AssetId>,
    /// Of which only these findings have, by the numbers of their defects.
    findings: BTreeMap<AssetId, BTreeSet<i64>>,
    /// Of which something beside the findings has.
    beside: BTreeSet<AssetId>,
    pub(super) scopes: bool,
    /// Whoever has read all of it is here.
    pub(super) end: u64,
}

/// Follows the log to its end.
pub(super) async fn changed_since(db: &Db, position: u64) -> anyhow::Result<Changed> {
    let mut end = Position::behind(position);
    let (mut assets, mut findings, mut beside) = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
    let mut scopes = false;
    loop {
        let page = change::after(db, end, position, CHANGES_PAGE).await?;
        end = page.last().map_or(end, change::Change::position);
        // A page that is not full has the end of the log.
        let is_last = page.len() < CHANGES_PAGE;
        for change in page {
            match change.what {
                What::Scopes => scopes = true,
                What::Asset(asset, Extent::All) => drop(assets.insert(asset)),
                What::Asset(asset, Extent::Parts { findings: parts, itself }) => {
                    if itself {
                        beside.insert(asset);
                    }
                    if !parts.is_empty() {
                        findings.entry(asset).or_insert_with(BTreeSet::new).extend(parts);
                    }
                }
            }
        }
        if is_last {
            // One that was read while it changed again may be among both.
            findings.retain(|asset, _| !assets.contains(asset));
            beside.retain(|asset| !assets.contains(asset));
            return Ok(Changed { assets, findings, beside, scopes, end: end.seq() });
        }
    }
}

impl Model {
    /// Brings the model to the head of the log, or beyond. May be given up at any point: it goes on from there.
    pub(super) async fn follow(&self, db: &Db, head: &Head) -> anyhow::Result<()> {
        if self.snapshot().log() >= head.seq {
            return Ok(());
        }
        let mut working = self.working.lock().await;
        if working.position >= head.seq {
            return Ok(());
        }
        let Changed { assets: mut touched, findings, beside, scopes, end } =
            changed_since(db, working.position).await?;
        if scopes {
            working.scopes = store::scope::list(db).await?;
            touched.extend(self.in_another_context(&working));
        }
        touched.extend(self.renew_beside(db, &mut working, beside).await?);
        let findings: Vec<(AssetId, BTreeSet<i64>)> =
            findings.into_iter().filter(|(asset, _)| !touched.contains(asset)).collect();
        for chunk in findings.chunks(PARTS_PAGE) {
            touched.extend(self.renew_findings(db, &mut working, chunk).await?);
        }
        let touched: Vec<AssetId> = touched.into_iter().collect();
        for chunk in touched.chunks(ASSETS_PAGE) {
            self.renew(db, &mut working, chunk).await?;
        }
        working.position = end;
        self.index.update(end, |_| ());
        Ok(())
    }

    /// Assets of which the scopes say something else than when they were judged.
    fn in_another_context(&self, working: &Working) -> Vec<AssetId> {
        let estate = self.estate();
        let moved = |known: &&Known| *known.context != context_of(&known.asset, &working.scopes);
        estate.assets.values().filter(moved).map(|known| known.asset.id).collect()
    }

    /// Reads again what is kept of assets beside their findings, and publishes it. Returns those of which everything has to be
    /// read: they are not here, or not in the same context any more.
    async fn renew_beside(
        &self,
        db: &Db,
        working: &mut Working,
        assets: BTreeSet<AssetId>,
    ) -> anyhow::Result<Vec<AssetId>> {
        let (ids, mut left) = (Vec::from_iter(assets), Vec::new());
        for chunk in ids.chunks(PARTS_PAGE) {
            let assets = store::asset::get_all(db, chunk).await?;
            let undecided = inspection::undecided_counts(db, chunk).await?;
            let mut read: HashMap<AssetId, Known> = HashMap::with_capacity(assets.len());
            for asset in assets {
                let undecided = undecided.get(&asset.id).copied();
                read.insert(asset.id, working.known(asset, undecided));
            }
            let mut estate = self.estate_mut();
            self.index.update(working.position, |batch| {
                for id in chunk {
                    match (read.remove(id), estate.assets.get(id)) {
                        (Some(known), Some(before)) if known.context == before.context => {
                            batch.put_asset(known.listed());
                            estate.put(known);
                        }
                        _ => left.push(*id),
                    }
                }
            });
        }
        Ok(left)
    }

    /// Reads some findings of assets again and publishes them. Returns the assets of which everything has to be read: they are
    /// not here, or a finding is not there any more.
    async fn renew_findings(
        &self,
        db: &Db,
        working: &mut Working,
        wanted: &[(AssetId, BTreeSet<i64>)],
    ) -> anyhow::Result<Vec<AssetId>> {
        let each = |(asset, defects): &(AssetId, BTreeSet<i64>)| {
            let asset = *asset;
            defects.iter().map(move |defect| (asset, *defect)).collect::<Vec<_>>()
        };
        let pairs: Vec<(AssetId, i64)> = wanted.iter().flat_map(each).collect();
        let listed = finding::listed_of(db, &pairs).await?;
        working.texts.read(db, &mut working.words, listed.values().flatten()).await?;
        let estate = self.estate();
        let mut left = Vec::new();
        self.publish(working, |publishing, batch| {
            for (asset, defects) in wanted {
                match (estate.assets.get(asset), listed.get(asset)) {
                    (Some(known), Some(listed)) if listed.len() == defects.len() => {
                        for row in publishing.rows(listed, known, batch)? {
                            batch.put(*asset, &row)?;
                        }
                    }
                    _ => left.push(*asset),
                }
            }
            Ok(())
        })?;
        Ok(left)
    }

    /// Reads assets again and publishes them.
    async fn renew(&self, db: &Db, working: &mut Working, ids: &[AssetId]) -> anyhow::Result<()> {
        let assets = store::asset::get_all(db, ids).await?;
        let undecided = inspection::undecided_counts(db, ids).await?;
        let listed = finding::listed(db, ids).await?;
        working.texts.read(db, &mut working.words, listed.values().flatten()).await?;
        let mut assets: HashMap<AssetId, Asset> = assets.into_iter().map(|asset| (asset.id, asset)).collect();
        let read = ids.iter().map(|id| match assets.remove(id) {
            Some(asset) => Read::Here(working.known(asset, undecided.get(id).copied())),
            None => Read::Gone(*id),
        });
        let read: Vec<Read> = read.collect();
        let mut estate = self.estate_mut();
        self.publish(working, |publishing, batch| {
            for read in read {
                match read {
                    Read::Here(known) => {
                        let here = listed.get(&known.asset.id).map(Vec::as_slice).unwrap_or_default();
                        let rows = publishing.rows(here, &known, batch)?;
                        batch.put_asset(known.listed());
                        batch.replace(known.asset.id, &rows)?;
                        estate.put(known);
                    }
                    Read::Gone(id) => {
                        batch.remove_asset(id);
                        estate.remove(id);
                    }
                }
            }
            Ok(())
        })
    }

    /// Publishes changes together, with rows judged as the others are.
    fn publish(
        &self,
        working: &mut Working,
        change: impl FnOnce(&mut Publishing<'_>, &mut Batch<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.learn_fixes(&working.words);
        let judge = self.by.judge();
        let position = working.position;
        let mut publishing = Publishing { working, judge };
        self.index.update(position, |batch| change(&mut publishing, batch))
    }
}

/// What rows of the index are made with.
struct Publishing<'a> {
    working: &'a mut Working,
    judge: Judge<'a>,
}

impl Publishing<'_> {
    fn rows(&mut self, listed: &[Listed], known: &Known, batch: &mut Batch<'_>) -> anyhow::Result<Vec<index::Row>> {
        let Working { texts, words, verdicts, .. } = &mut *self.working;
        verdicts.rows((texts, words), &self.judge, listed, &known.context, batch)
    }
}
