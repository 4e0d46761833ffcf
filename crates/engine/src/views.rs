//! What people look at: lists of findings and assets, one asset, one vulnerability, the state of the installation.
//!
//! Lists and counts are answered from memory (`read_model.rs`); what is about one thing is computed from the store and the
//! knowledge file at the moment of asking.

mod assets;
mod lists;
mod world;
mod components;
mod history;
mod inventory;
mod nodes;
mod presence;
mod saved;

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::asset::{Asset, Way};
use domain::catalogue::{Scheme, Term, Usage};
use domain::feed::FeedSnapshot;
use domain::filter::{Condition, Filter};
use domain::finding::Finding;
use domain::identity::Record;
use domain::ids::{AssetId, FindingId};
use domain::inventory::Inventory;
use domain::pattern::Pattern;
use domain::scope::Context;
use domain::verdict::Undecided;
use domain::vulnerability::{Prose, Vulnerability, VulnerabilityId};
use index::{Sort, Visible};

use crate::Engine;
use crate::prioritize::Judged;
use world::{feed_warnings, judged};

pub use assets::{AssetCursor, AssetQuery, AssetSort, AssetSortBy};
pub use components::{ComponentView, VERSIONS_MAX, VersionView};
pub use history::Explained;
pub use inventory::PastInventory;
pub(crate) use lists::{About, scan};
pub use lists::{AssetPage, Facets, GroupCount, Groups, Page, Query, active};
pub use nodes::{NodeView, silence_warnings};
pub use presence::UsageView;
pub use saved::{NewView, asked};

use store::finding::StoredFinding;

/// Rows on one page at most.
pub const PAGE_ROWS_MAX: usize = 500;

/// One finding with all that is needed to show it.
#[derive(Debug, Clone)]
pub struct Row {
    pub asset: Arc<Asset>,
    pub finding: Finding,
    pub judged: Judged,
}

/// One asset with everything about it.
#[derive(Debug, Clone)]
pub struct AssetView {
    pub summary: AssetSummary,
    /// `None`: never inspected.
    pub inventory: Option<Inventory>,
    pub undecided: Vec<Undecided>,
    /// What each source says of who it is.
    pub records: Vec<Record>,
    /// The active ones first, best first; the ended ones after them.
    pub rows: Vec<Row>,
}

/// A row of the list of assets.
#[derive(Debug, Clone)]
pub struct AssetSummary {
    pub asset: Arc<Asset>,
    pub context: Context,
    /// Active findings by tier. `None`: never inspected, and no other tool reports any, so nobody knows.
    pub counts: Option<[u64; 5]>,
    /// `None`: never inspected.
    pub undecided_count: Option<u64>,
}

/// One vulnerability with where it is.
#[derive(Debug, Clone)]
pub struct VulnerabilityView {
    pub vulnerability: Arc<Vulnerability>,
    pub prose: Prose,
    /// The techniques that its usages name, where the catalogue is here.
    pub techniques: Vec<Term>,
    /// The active ones first, at most [`PAGE_ROWS_MAX`].
    pub rows: Vec<Row>,
    /// All findings of it.
    pub finding_count: u64,
    pub warnings: Vec<String>,
}

/// How the installation is doing.
#[derive(Debug, Clone)]
pub struct StatusView {
    pub sample: bool,
    pub warnings: Vec<String>,
    pub feeds: Vec<FeedSnapshot>,
    pub asset_count: u64,
    pub asset_unknown_count: u64,
    /// `None`: no asset was ever inspected.
    pub counts: Option<[u64; 5]>,
    pub undecided_count: Option<u64>,
    /// Jobs that failed for good.
    pub dead_job_count: u64,
    /// Scanner nodes that say nothing.
    pub silent_node_count: u64,
}

impl Engine {
    /// Every asset, by name: for going through them, not for lists.
    pub async fn all_assets(&self) -> anyhow::Result<Vec<Arc<Asset>>> {
        let mut assets: Vec<_> = self.world().await?.assets.into_values().collect();
        assets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(assets)
    }

    /// Everything about one asset. `None`: there is no such asset.
    pub async fn asset(&self, id: AssetId) -> anyhow::Result<Option<AssetView>> {
        let now = self.now();
        let world = self.world_of(&[id]).await?;
        let Some(asset) = world.assets.get(&id) else { return Ok(None) };
        let mut rows = world.rows(store::finding::of_asset(&self.db, id).await?, now);
        sort(&mut rows);
        rows.sort_by_key(|row| !row.finding.detection.is_active());
        let mut counts = [0; 5];
        for row in rows.iter().filter(|row| row.finding.detection.is_active()) {
            counts[row.judged.priority.tier as usize] += 1;
        }
        let inventory = store::inspection::latest(&self.db, id).await?.map(|inspection| inspection.inventory);
        let undecided = self.undecided_of(&world, id, now).await?;
        let summary = world.summary(asset, Some(counts), undecided.as_ref().map(|list| list.len() as u64));
        let records = store::record::of_asset(&self.db, id).await?;
        let records = records.into_iter().map(|assigned| assigned.record).collect();
        Ok(Some(AssetView { summary, inventory, undecided: undecided.unwrap_or_default(), records, rows }))
    }

    /// Everything about one vulnerability. `None`: neither the feeds nor any finding knows it.
    pub async fn vulnerability(&self, id: &VulnerabilityId) -> anyhow::Result<Option<VulnerabilityView>> {
        let now = self.now();
        let knowledge = self.knowledge()?;
        let known = knowledge.as_ref().and_then(|knowledge| knowledge.vulnerability_at(id.as_str(), now));
        let id = known.as_ref().map_or(id, |known| &known.id).clone();
        let about = Filter::Where(Condition::Vulnerability(vec![Pattern::new(id.as_str())]));
        let page = async |filter: Filter, limit: usize| {
            let filter = Filter::All(vec![about.clone(), filter]);
            self.findings(&Visible::All, &Query { filter, sort: Sort::WORK, after: None, limit }).await
        };
        let open = page(active(), PAGE_ROWS_MAX).await?;
        let room = PAGE_ROWS_MAX - open.rows.len();
        let ended = page(Filter::Not(Box::new(active())), room.max(1)).await?;
        let finding_count = open.total + ended.total;
        if known.is_none() && finding_count == 0 {
            return Ok(None);
        }
        let mut rows: Vec<Row> = open.rows.into_iter().chain(ended.rows.into_iter().take(room)).collect();
        sort(&mut rows);
        rows.sort_by_key(|row| !row.finding.detection.is_active());
        let vulnerability = Arc::new(known.unwrap_or_else(|| Vulnerability::bare(id)));
        let knowledge = knowledge.as_ref();
        let prose = knowledge.and_then(|knowledge| knowledge.prose(vulnerability.id.as_str())).unwrap_or_default();
        let term = |usage: &Usage| knowledge?.term(Scheme::Attack, &usage.technique);
        let techniques = vulnerability.usages.iter().filter_map(term).collect();
        let warnings = feed_warnings(&crate::ingest::known(knowledge.map(|knowledge| &**knowledge)), now);
        Ok(Some(VulnerabilityView { vulnerability, prose, techniques, rows, finding_count, warnings }))
    }

    /// One finding. `None`: there is no such finding.
    pub async fn finding(&self, id: FindingId) -> anyhow::Result<Option<Row>> {
        let now = self.now();
        let stored: Vec<_> = store::finding::get(&self.db, id).await?.into_iter().collect();
        Ok(self.world_of(&assets_of(&stored)).await?.rows(stored, now).pop())
    }

    /// Whether the feeds come from the bundled sample.
    pub async fn is_sample(&self) -> anyhow::Result<bool> {
        Ok(store::meta::flag(&self.db, SAMPLE).await?)
    }

    /// Notes whether the feeds come from the bundled sample.
    pub async fn set_sample(&self, sample: bool) -> anyhow::Result<()> {
        let mut tx = self.db.begin().await?;
        store::meta::set_flag(&mut tx, SAMPLE, sample).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The asset that is reached in this way. `None`: there is none.
    pub async fn find_way(&self, way: &Way) -> anyhow::Result<Option<Arc<Asset>>> {
        let world = self.world().await?;
        Ok(world.assets.into_values().find(|asset| asset.way.as_ref() == Some(way) && asset.retired_at.is_none()))
    }
}

/// Whether the feeds come from the bundled sample.
const SAMPLE: &str = "sample";

fn sort(rows: &mut [Row]) {
    rows.sort_by_cached_key(|row| (row.judged.priority.order_key.clone(), row.finding.key.id()));
}

/// The assets that findings are about.
fn assets_of(stored: &[StoredFinding]) -> Vec<AssetId> {
    let ids: BTreeSet<AssetId> = stored.iter().map(|stored| stored.finding.key.asset).collect();
    ids.into_iter().collect()
}
