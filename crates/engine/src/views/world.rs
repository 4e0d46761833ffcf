//! What views join, read once for each answer: assets, scopes, knowledge, and what none of them may hide.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::asset::Asset;
use domain::feed::{FeedSnapshot, FeedState};
use domain::ids::AssetId;
use domain::scope::{Context, Scope};
use domain::verdict::Undecided;
use jiff::Timestamp;
use knowledge::{Knowledge, Matches};
use store::finding::StoredFinding;
use store::queue::JobState;

use super::{AssetSummary, Filter, Row};
use crate::Engine;
use crate::assign::context_of;
use crate::prioritize::{Judge, undecided};

/// Rows that are read from the store at once.
const READ_ROWS: usize = 2000;

/// What views join.
pub(crate) struct World {
    pub(crate) assets: BTreeMap<AssetId, Arc<Asset>>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) knowledge: Option<Arc<Knowledge>>,
    pub(crate) feeds: Vec<FeedSnapshot>,
}

impl World {
    /// Judges stored findings as of `now`, each in the context of its asset.
    pub(crate) fn rows(&self, stored: Vec<StoredFinding>, now: Timestamp) -> Vec<Row> {
        let mut judge = Judge::new(self.knowledge.as_deref(), now);
        let mut contexts: HashMap<AssetId, Context> = HashMap::new();
        stored
            .into_iter()
            .filter_map(|stored| {
                let asset = self.assets.get(&stored.finding.key.asset)?;
                let context = contexts.entry(asset.id).or_insert_with(|| context_of(asset, &self.scopes));
                let judged = judge.judge(stored.matched?, context);
                Some(Row { asset: Arc::clone(asset), finding: stored.finding, judged })
            })
            .collect()
    }

    /// Whether a filter keeps a row.
    pub(super) fn keeps(&self, filter: &Filter, row: &Row) -> bool {
        let in_scope =
            |name: &String| self.scopes.iter().any(|scope| scope.name == *name && scope.selector.selects(&row.asset));
        let has_text = |text: &String| {
            let text = text.to_lowercase();
            [row.asset.name.as_str(), &row.judged.matched.package.name, row.judged.matched.vulnerability.as_str()]
                .iter()
                .any(|value| value.to_lowercase().contains(&text))
        };
        filter.tier.is_none_or(|tier| row.judged.priority.tier == tier)
            && filter.scope.as_ref().is_none_or(in_scope)
            && filter.asset.is_none_or(|asset| row.asset.id == asset)
            && filter.vulnerability.as_ref().is_none_or(|id| row.finding.key.vulnerability == *id)
            && filter.text.as_ref().is_none_or(has_text)
    }

    pub(super) fn summary(&self, asset: &Arc<Asset>, counts: Option<[u64; 5]>, undecided: Option<u64>) -> AssetSummary {
        let inspected = asset.last_inspected_at.is_some();
        AssetSummary {
            asset: Arc::clone(asset),
            context: context_of(asset, &self.scopes),
            counts: inspected.then(|| counts.unwrap_or_default()),
            undecided_count: undecided,
        }
    }
}

impl Engine {
    /// Everything that views join, read once for each answer.
    pub(crate) async fn world(&self) -> anyhow::Result<World> {
        let knowledge = self.knowledge()?;
        let feeds = crate::ingest::known(knowledge.as_ref().map(|k| k.feeds()).unwrap_or_default());
        let (mut assets, mut after) = (BTreeMap::new(), None);
        loop {
            let page = store::asset::list(&self.db, after, READ_ROWS).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            assets.extend(page.into_iter().map(|asset| (asset.id, Arc::new(asset))));
        }
        Ok(World { assets, scopes: store::scope::list(&self.db).await?, knowledge, feeds })
    }

    /// Every active finding, read page by page.
    pub(super) async fn active(&self) -> anyhow::Result<Vec<StoredFinding>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (mut page, next) = store::finding::active(&self.db, after, READ_ROWS).await?;
            all.append(&mut page);
            if next.is_none() {
                return Ok(all);
            }
            after = next;
        }
    }

    /// How many things are undecided, for each asset that was inspected.
    pub(super) async fn undecided_counts(&self) -> anyhow::Result<HashMap<AssetId, u64>> {
        let (mut counts, mut after) = (HashMap::new(), None);
        loop {
            let page = store::inspection::latest_of_all(&self.db, after, READ_ROWS).await?;
            let Some(last) = page.last() else { return Ok(counts) };
            after = Some(last.asset);
            counts.extend(page.iter().map(|summary| (summary.asset, summary.undecided_count)));
        }
    }

    /// What is undecided about one asset now: the last inventory against the knowledge in use.
    pub(super) async fn undecided_of(
        &self,
        world: &World,
        asset: AssetId,
        now: Timestamp,
    ) -> anyhow::Result<Option<Vec<Undecided>>> {
        let Some(inspection) = store::inspection::latest(&self.db, asset).await? else { return Ok(None) };
        let matches = world.knowledge.as_ref().map_or_else(Matches::default, |k| k.find(&inspection.inventory));
        Ok(Some(undecided(&world.feeds, &inspection.inventory, &matches, now)))
    }

    /// What no list may hide: said beside every one of them.
    pub(super) async fn warnings(&self, world: &World, now: Timestamp) -> anyhow::Result<Vec<String>> {
        let mut warnings = Vec::new();
        if self.is_sample().await? {
            warnings.push(
                "No publisher of vulnerability data answered, so a small bundled sample is in use: \
                 most vulnerabilities are missing here."
                    .to_owned(),
            );
        }
        if let Some(damage) = world.knowledge.as_ref().and_then(|knowledge| knowledge.damage()) {
            warnings.push(format!("The knowledge file is damaged, so verdicts may be missing: {damage}."));
        }
        warnings.extend(feed_warnings(&world.feeds, now));
        match store::queue::count(&self.db, JobState::Dead).await? {
            0 => {}
            dead => warnings.push(format!(
                "{dead} jobs failed for good: `vigie jobs list --state dead` says why, `vigie jobs retry` tries again."
            )),
        }
        let unknown: Vec<&str> =
            world.assets.values().filter(|asset| is_unknown(asset)).map(|asset| asset.name.as_str()).collect();
        if !unknown.is_empty() {
            let some = unknown.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            let more = if unknown.len() > 5 { " …" } else { "" };
            warnings.push(format!(
                "{} of {} assets are unknown (never inspected, or the last inspection failed): {some}{more}",
                unknown.len(),
                world.assets.len(),
            ));
        }
        Ok(warnings)
    }
}

/// Nobody knows what is on it: never inspected, or not successfully.
pub(super) fn is_unknown(asset: &Asset) -> bool {
    asset.retired_at.is_none() && (asset.last_inspected_at.is_none() || asset.last_error.is_some())
}

/// The feeds that cannot be fully trusted, those of one kind in one sentence. What the operator may bring and has not is
/// no lack.
pub(super) fn feed_warnings(feeds: &[FeedSnapshot], now: Timestamp) -> Vec<String> {
    let of = |state: FeedState| -> Vec<&str> {
        let optional = |feed: &&FeedSnapshot| state == FeedState::Never && feeds::is_optional(&feed.id);
        let mut ids = feeds.iter().filter(|feed| feed.state(now) == state).filter(|feed| !optional(feed));
        ids.by_ref().map(|feed| feed.id.as_str()).collect()
    };
    let mut warnings: Vec<String> = [
        (FeedState::Never, "was never fetched", "were never fetched"),
        (FeedState::Empty, "holds no record", "hold no record"),
        (
            FeedState::Partial,
            "holds only a part of what its publisher has",
            "hold only a part of what their publishers have",
        ),
        (FeedState::Stale, "is too old", "are too old"),
    ]
    .into_iter()
    .filter_map(|(state, one, several)| match of(state).as_slice() {
        [] => None,
        [id] => Some(format!("The feed {id} {one}.")),
        ids => Some(format!("The feeds {} {several}.", ids.join(", "))),
    })
    .collect();
    for feed in feeds.iter().filter(|feed| feed.state(now) == FeedState::Failed) {
        let reason = feed.last_error.as_deref().unwrap_or("no reason given");
        warnings.push(format!("The feed {} could not be fetched: {reason}", feed.id));
    }
    warnings
}
