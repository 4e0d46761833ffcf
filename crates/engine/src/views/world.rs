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

use super::nodes::silence_warnings;
use super::{AssetSummary, Row};
use crate::Engine;
use crate::assign::context_of;
use crate::policy::InUse;
use crate::prioritize::{Judge, state_of, undecided};

/// Rows that are read from the store at once.
const READ_ROWS: usize = 2000;

/// What views join.
pub(crate) struct World {
    pub(crate) assets: BTreeMap<AssetId, Arc<Asset>>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) knowledge: Option<Arc<Knowledge>>,
    pub(crate) policy: InUse,
    pub(crate) feeds: Vec<FeedSnapshot>,
}

impl World {
    /// Judges stored findings as of `now`, each in the context of its asset.
    pub(crate) fn rows(&self, stored: Vec<StoredFinding>, now: Timestamp) -> Vec<Row> {
        let mut contexts: HashMap<AssetId, Arc<Context>> = HashMap::new();
        judged(&mut Judge::new(self.knowledge.as_deref(), &self.policy.policy, now), stored, |id| {
            let asset = self.assets.get(&id)?;
            let context = contexts.entry(id).or_insert_with(|| Arc::new(context_of(asset, &self.scopes)));
            Some((Arc::clone(asset), Arc::clone(context)))
        })
    }

    pub(super) fn summary(&self, asset: &Arc<Asset>, counts: Option<[u64; 5]>, undecided: Option<u64>) -> AssetSummary {
        let inspected = asset.last_inspected_at.is_some();
        AssetSummary {
            asset: Arc::clone(asset),
            context: context_of(asset, &self.scopes),
            counts: counts.filter(|counts| inspected || *counts != [0; 5]).or_else(|| inspected.then_some([0; 5])),
            undecided_count: undecided,
        }
    }
}

/// Stored findings with their verdicts, each in the context of its asset. What is about an asset that is not here, or was
/// found without a match, is left out.
pub(super) fn judged(
    judge: &mut Judge<'_>,
    stored: Vec<StoredFinding>,
    mut asset_of: impl FnMut(AssetId) -> Option<(Arc<Asset>, Arc<Context>)>,
) -> Vec<Row> {
    stored
        .into_iter()
        .filter_map(|stored| {
            let (asset, context) = asset_of(stored.finding.key.asset)?;
            let judged = judge.judge(stored.matched?, &context);
            Some(Row { asset, finding: stored.finding, judged })
        })
        .collect()
}

impl Engine {
    /// Everything that views join, read once for each answer.
    pub(crate) async fn world(&self) -> anyhow::Result<World> {
        let (mut assets, mut after) = (BTreeMap::new(), None);
        loop {
            let page = store::asset::list(&self.db, after, READ_ROWS).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            assets.extend(page.into_iter().map(|asset| (asset.id, Arc::new(asset))));
        }
        self.world_with(assets).await
    }

    /// The same, with a few assets only.
    pub(super) async fn world_of(&self, ids: &[AssetId]) -> anyhow::Result<World> {
        let assets = store::asset::get_all(&self.db, ids).await?;
        self.world_with(assets.into_iter().map(|asset| (asset.id, Arc::new(asset))).collect()).await
    }

    async fn world_with(&self, assets: BTreeMap<AssetId, Arc<Asset>>) -> anyhow::Result<World> {
        let knowledge = self.knowledge()?;
        let feeds = crate::ingest::known(knowledge.as_deref());
        let (scopes, policy) = (store::scope::list(&self.db).await?, self.policy().await?);
        Ok(World { assets, scopes, knowledge, policy, feeds })
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
    pub(super) async fn warnings(&self, policy: &InUse, now: Timestamp) -> anyhow::Result<Vec<String>> {
        let knowledge = self.knowledge()?;
        let feeds = crate::ingest::known(knowledge.as_deref());
        let mut warnings = Vec::new();
        if let Some(trouble) = self.trouble() {
            warnings.push(format!("Nothing can be kept now, and no job is done: {trouble}."));
        }
        if self.is_sample().await? {
            warnings.push(
                "No publisher of vulnerability data answered, so a small bundled sample is in use: \
                 most vulnerabilities are missing here."
                    .to_owned(),
            );
        }
        if let Some(damage) = knowledge.as_ref().and_then(|knowledge| knowledge.damage()) {
            warnings.push(format!("The knowledge file is damaged, so verdicts may be missing: {damage}."));
        }
        warnings.extend(feed_warnings(&feeds, now));
        warnings.extend(policy_warnings(policy, &feeds, now));
        match store::queue::count(&self.db, JobState::Dead).await? {
            0 => {}
            1 => warnings.push(
                "A job failed for good: `vigie jobs list --state dead` says why, `vigie jobs retry` tries again."
                    .to_owned(),
            ),
            dead => warnings.push(format!(
                "{dead} jobs failed for good: `vigie jobs list --state dead` says why, `vigie jobs retry` tries again."
            )),
        }
        warnings.extend(silence_warnings(&self.silent_nodes(now).await?));
        if let [one, others @ ..] = self.differing().await?.as_slice() {
            let more = if others.is_empty() { String::new() } else { format!(" and of {} other assets", others.len()) };
            warnings.push(format!(
                "The findings of {}{more} are not what they must be: `vigie check` says what differs.",
                one.name
            ));
        }
        Ok(warnings)
    }
}

/// What keeps the policy from meaning what it says.
fn policy_warnings(in_use: &InUse, feeds: &[FeedSnapshot], now: Timestamp) -> Vec<String> {
    let lists = in_use.policy.exploited_lists.iter().map(String::as_str);
    // Of CISA's list every finding says so itself.
    let missing = |list: &&str| *list != "kev" && state_of(feeds, list, now) != FeedState::Fresh;
    let missing: Vec<&str> = lists.filter(missing).collect();
    let mut warnings: Vec<String> = in_use.trouble.iter().map(|trouble| format!("The policy: {trouble}.")).collect();
    if !missing.is_empty() {
        warnings.push(format!(
            "The policy counts as exploited what {} lists, and that feed is missing or not fresh: what it does not list may be \
             exploited all the same.",
            missing.join(", ")
        ));
    }
    warnings
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
