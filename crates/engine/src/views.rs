//! What people look at: the queue, one asset, one vulnerability, the state of the installation.
//!
//! Computed from the store and the knowledge file at the moment of asking; nothing here is kept.

mod world;

use std::collections::HashMap;
use std::sync::Arc;

use domain::asset::{Asset, Way};
use domain::catalogue::{Scheme, Term, Usage};
use domain::feed::FeedSnapshot;
use domain::finding::Finding;
use domain::ids::{AssetId, FindingId};
use domain::inventory::Inventory;
use domain::priority::Tier;
use domain::scope::Context;
use domain::verdict::Undecided;
use domain::vulnerability::{Prose, Vulnerability, VulnerabilityId};

use crate::Engine;
use crate::prioritize::Judged;
use world::{World, feed_warnings, is_unknown};

/// Rows on one page at most.
pub const PAGE_ROWS_MAX: usize = 500;

/// One finding with all that is needed to show it.
#[derive(Debug, Clone)]
pub struct Row {
    pub asset: Arc<Asset>,
    pub finding: Finding,
    pub judged: Judged,
}

/// Which findings of the queue to show.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub tier: Option<Tier>,
    /// Name of a scope.
    pub scope: Option<String>,
    pub asset: Option<AssetId>,
    pub vulnerability: Option<VulnerabilityId>,
    /// Part of a package, vulnerability or asset name.
    pub text: Option<String>,
}

/// One page of the queue.
#[derive(Debug, Clone)]
pub struct Page {
    pub rows: Vec<Row>,
    pub total: usize,
    /// Position of the next page's first row, as [`Engine::queue`] takes it. `None`: this is the last page.
    pub next: Option<Position>,
    pub warnings: Vec<String>,
}

/// A place in the queue that survives changes around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub order_key: String,
    pub finding: FindingId,
}

/// One asset with everything about it.
#[derive(Debug, Clone)]
pub struct AssetView {
    pub summary: AssetSummary,
    /// `None`: never inspected.
    pub inventory: Option<Inventory>,
    pub undecided: Vec<Undecided>,
    /// The active ones first, best first; the ended ones after them.
    pub rows: Vec<Row>,
}

/// A row of the list of assets.
#[derive(Debug, Clone)]
pub struct AssetSummary {
    pub asset: Arc<Asset>,
    pub context: Context,
    /// Active findings by tier. `None`: never inspected, so nobody knows.
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
    pub rows: Vec<Row>,
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
}

impl Engine {
    /// One page of the queue: the active findings, best first.
    pub async fn queue(&self, filter: &Filter, from: Option<&Position>, limit: usize) -> anyhow::Result<Page> {
        let world = self.world().await?;
        let rows = self.matching(&world, filter).await?;
        let total = rows.len();
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let start = from.map_or(0, |from| rows.partition_point(|row| position(row) < *from));
        let next = rows.get(start + limit).map(position);
        let rows = rows.into_iter().skip(start).take(limit).collect();
        let warnings = self.warnings(&world, self.now()).await?;
        Ok(Page { rows, total, next, warnings })
    }

    /// The whole queue: for grouping into actions, not for lists.
    pub async fn all_rows(&self, filter: &Filter) -> anyhow::Result<Vec<Row>> {
        let world = self.world().await?;
        self.matching(&world, filter).await
    }

    /// The active findings that a filter keeps, best first.
    async fn matching(&self, world: &World, filter: &Filter) -> anyhow::Result<Vec<Row>> {
        let stored = match (&filter.asset, &filter.vulnerability) {
            (Some(asset), _) => store::finding::of_asset(&self.db, *asset).await?,
            (None, Some(vulnerability)) => store::finding::of_vulnerability(&self.db, vulnerability).await?,
            (None, None) => self.active().await?,
        };
        let mut rows = world.rows(stored, self.now());
        rows.retain(|row| row.finding.detection.is_active() && world.keeps(filter, row));
        sort(&mut rows);
        Ok(rows)
    }

    /// Every asset, by name.
    pub async fn assets(&self) -> anyhow::Result<Vec<AssetSummary>> {
        let now = self.now();
        let world = self.world().await?;
        let rows = world.rows(self.active().await?, now);
        let mut counts: HashMap<AssetId, [u64; 5]> = HashMap::new();
        for row in &rows {
            counts.entry(row.asset.id).or_default()[row.judged.priority.tier as usize] += 1;
        }
        let undecided = self.undecided_counts().await?;
        let mut summaries: Vec<AssetSummary> = world
            .assets
            .values()
            .map(|asset| world.summary(asset, counts.get(&asset.id).copied(), undecided.get(&asset.id).copied()))
            .collect();
        summaries.sort_by(|a, b| a.asset.name.cmp(&b.asset.name));
        Ok(summaries)
    }

    /// Everything about one asset. `None`: there is no such asset.
    pub async fn asset(&self, id: AssetId) -> anyhow::Result<Option<AssetView>> {
        let now = self.now();
        let world = self.world().await?;
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
        Ok(Some(AssetView { summary, inventory, undecided: undecided.unwrap_or_default(), rows }))
    }

    /// Everything about one vulnerability. `None`: neither the feeds nor any finding knows it.
    pub async fn vulnerability(&self, id: &VulnerabilityId) -> anyhow::Result<Option<VulnerabilityView>> {
        let now = self.now();
        let world = self.world().await?;
        let known = world.knowledge.as_ref().and_then(|knowledge| knowledge.vulnerability_at(id.as_str(), now));
        let id = known.as_ref().map_or(id, |known| &known.id).clone();
        let mut rows = world.rows(store::finding::of_vulnerability(&self.db, &id).await?, now);
        if known.is_none() && rows.is_empty() {
            return Ok(None);
        }
        sort(&mut rows);
        rows.sort_by_key(|row| !row.finding.detection.is_active());
        let vulnerability = Arc::new(known.unwrap_or_else(|| Vulnerability::bare(id)));
        let knowledge = world.knowledge.as_ref();
        let prose = knowledge.and_then(|knowledge| knowledge.prose(vulnerability.id.as_str())).unwrap_or_default();
        let term = |usage: &Usage| knowledge?.term(Scheme::Attack, &usage.technique);
        let techniques = vulnerability.usages.iter().filter_map(term).collect();
        let warnings = feed_warnings(&world.feeds, now);
        Ok(Some(VulnerabilityView { vulnerability, prose, techniques, rows, warnings }))
    }

    /// One finding. `None`: there is no such finding.
    pub async fn finding(&self, id: FindingId) -> anyhow::Result<Option<Row>> {
        let now = self.now();
        let world = self.world().await?;
        let stored = store::finding::get(&self.db, id).await?;
        Ok(world.rows(stored.into_iter().collect(), now).pop())
    }

    /// How the installation is doing.
    pub async fn status(&self) -> anyhow::Result<StatusView> {
        let now = self.now();
        let world = self.world().await?;
        let rows = world.rows(self.active().await?, now);
        let inspected = world.assets.values().any(|asset| asset.last_inspected_at.is_some());
        let mut counts = [0; 5];
        for row in &rows {
            counts[row.judged.priority.tier as usize] += 1;
        }
        let undecided_count = self.undecided_counts().await?.values().sum();
        Ok(StatusView {
            sample: self.is_sample().await?,
            warnings: self.warnings(&world, now).await?,
            asset_count: world.assets.len() as u64,
            asset_unknown_count: world.assets.values().filter(|asset| is_unknown(asset)).count() as u64,
            counts: inspected.then_some(counts),
            undecided_count: inspected.then_some(undecided_count),
            feeds: world.feeds,
        })
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
    rows.sort_by_cached_key(position);
}

fn position(row: &Row) -> Position {
    Position { order_key: row.judged.priority.order_key.clone(), finding: row.finding.key.id() }
}
