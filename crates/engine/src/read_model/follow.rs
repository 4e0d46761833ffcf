//! Following the change log: what was touched is read again, and published together.

use std::collections::{BTreeSet, HashMap};

use domain::asset::Asset;
use domain::ids::AssetId;
use store::change::{self, Change, Head};
use store::{Db, finding, inspection};

use super::model::{Known, Model, Working};
use crate::assign::context_of;
use crate::prioritize::Judge;

/// Changes that are read, and assets that are published, at once.
const CHANGES_PAGE: usize = 1000;
const ASSETS_PAGE: usize = 64;

/// An asset as the store has it now.
enum Read {
    Here(Known),
    Gone(AssetId),
}

/// What has changed after a position of the log.
pub(super) struct Changed {
    pub(super) assets: BTreeSet<AssetId>,
    pub(super) scopes: bool,
    /// Whoever has read all of it is here.
    pub(super) end: u64,
}

/// Follows the log to its end.
pub(super) async fn changed_since(db: &Db, position: u64) -> anyhow::Result<Changed> {
    let mut end = Change::behind(position);
    let (mut assets, mut scopes) = (BTreeSet::new(), false);
    loop {
        let page = change::after(db, end, CHANGES_PAGE).await?;
        for change in &page {
            match change.asset() {
                Some(asset) => drop(assets.insert(asset)),
                None => scopes = true,
            }
        }
        end = page.last().copied().unwrap_or(end);
        // A page that is not full has the end of the log.
        if page.len() < CHANGES_PAGE {
            return Ok(Changed { assets, scopes, end: end.seq });
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
        let Changed { assets: mut touched, scopes, end } = changed_since(db, working.position).await?;
        if scopes {
            working.scopes = store::scope::list(db).await?;
            touched.extend(self.in_another_context(&working));
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
        let judge = Judge::new(self.knowledge.as_deref(), self.at);
        let texts = (&working.texts, &working.words);
        let (position, verdicts) = (working.position, &mut working.verdicts);
        let mut estate = self.estate_mut();
        self.index.update(position, |batch| {
            for read in read {
                match read {
                    Read::Here(known) => {
                        let here = listed.get(&known.asset.id).map(Vec::as_slice).unwrap_or_default();
                        let rows = verdicts.rows(texts, &judge, here, &known.context, batch)?;
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
}
