//! Who has what, in memory: filled from the store and brought up to date with the change log before it is asked.
//!
//! It says nothing of verdicts, so new knowledge leaves it as it is, and nothing of it is in the checkpoint: it is loaded in
//! seconds, where it is asked for the first time or once a server has its lists.

use std::collections::BTreeSet;

use domain::ids::AssetId;
use index::{Has, Holders, HoldersLoader, ListDigest};
use store::Db;
use store::change::{self, Head};
use store::inspection::{self, ComponentList};
use tokio::sync::MutexGuard;
use tracing::info;

use super::follow::changed_since;
use crate::Engine;

/// Lists that are read at once.
const PAGE: usize = 2000;

/// Who has what, as of a position of the change log.
#[derive(Default)]
pub(crate) struct Held {
    /// `None`: it was never loaded.
    epoch: Option<String>,
    position: u64,
    pub(crate) holders: Holders,
    /// Assets whose list is kept and cannot be read: nobody knows what they have.
    pub(crate) unreadable: BTreeSet<AssetId>,
}

impl Engine {
    /// Who has what, with everything that was committed before this was asked.
    pub(crate) async fn who_has_what(&self) -> anyhow::Result<MutexGuard<'_, Held>> {
        let mut held = self.lists.held.lock().await;
        let head = change::head(&self.db).await?;
        if held.epoch.as_ref() != Some(&head.epoch) {
            *held = Held::load(&self.db, &head).await?;
        }
        held.follow(&self.db, &head).await?;
        Ok(held)
    }
}

impl Held {
    async fn load(db: &Db, head: &Head) -> anyhow::Result<Self> {
        let (mut loader, mut unreadable, mut after) = (HoldersLoader::default(), BTreeSet::new(), None);
        loop {
            let page = inspection::component_lists(db, after, PAGE).await?;
            let Some(last) = page.last().map(|list| list.asset) else { break };
            after = Some(last);
            for list in page {
                let asset = list.asset;
                match has(list) {
                    Some(has) => loader.asset(&has),
                    None => drop(unreadable.insert(asset)),
                }
            }
        }
        let holders = tokio::task::spawn_blocking(move || loader.finish()).await?;
        let (assets, components) = (holders.asset_count(), holders.component_count());
        info!(assets, components, bytes = holders.set_bytes(), "loaded who has what");
        Ok(Self { epoch: Some(head.epoch.clone()), position: head.seq, holders, unreadable })
    }

    async fn follow(&mut self, db: &Db, head: &Head) -> anyhow::Result<()> {
        if self.position >= head.seq {
            return Ok(());
        }
        let changed = changed_since(db, self.position).await?;
        let touched: Vec<AssetId> = changed.assets.into_iter().collect();
        for chunk in touched.chunks(PAGE) {
            self.renew(db, chunk).await?;
        }
        self.position = changed.end;
        Ok(())
    }

    /// Reads lists again, where they are others than before.
    async fn renew(&mut self, db: &Db, assets: &[AssetId]) -> anyhow::Result<()> {
        let digests = inspection::list_digests(db, assets).await?;
        let other = |asset: &&AssetId| {
            let known = self.holders.digest(**asset).map(|ListDigest(digest)| digest);
            self.unreadable.contains(*asset) || known != digests.get(*asset).copied()
        };
        let other: Vec<AssetId> = assets.iter().filter(other).copied().collect();
        let lists = inspection::component_lists_of(db, &other).await?;
        let mut gone: BTreeSet<AssetId> = other.into_iter().collect();
        self.unreadable.retain(|asset| !gone.contains(asset));
        let mut now = Vec::with_capacity(lists.len());
        for list in lists {
            let asset = list.asset;
            match has(list) {
                Some(has) => {
                    gone.remove(&asset);
                    now.push(has);
                }
                None => drop(self.unreadable.insert(asset)),
            }
        }
        self.holders.update(&now, &Vec::from_iter(gone));
        Ok(())
    }
}

fn has(list: ComponentList) -> Option<Has> {
    let ComponentList { asset, digest, components } = list;
    Some(Has { asset, digest: ListDigest(digest), components: components? })
}
