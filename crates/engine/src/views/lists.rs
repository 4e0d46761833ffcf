//! Lists and counts, answered from memory; what a page shows is read from the store, a page at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use anyhow::Context as _;
use domain::component::Package;
use domain::filter::{Condition, Filter, Known as Value};
use domain::finding::{FindingKey, State};
use domain::ids::{AssetId, FindingId};
use domain::pattern::Pattern;
use domain::priority::Tier;
use domain::scope::Scope;
use domain::vulnerability::VulnerabilityId;
use index::{Count, Cursor, Group, GroupBy, QueryError, Snapshot, Sort, Visible};
use jiff::civil::Date;
use jiff::tz::Offset;
use store::finding::StoredFinding;
use store::queue::JobState;

use super::assets::AssetCursor;
use super::{AssetSummary, PAGE_ROWS_MAX, Row, StatusView};
use crate::read_model::{Current, Known, Model};
use crate::{Engine, Invalid};

/// Which findings to show, in which order, from where on.
#[derive(Debug, Clone)]
pub struct Query {
    pub filter: Filter,
    pub sort: Sort,
    /// [`Page::next`] of the page before. `None`: the first page.
    pub after: Option<Cursor>,
    /// 1 to [`PAGE_ROWS_MAX`].
    pub limit: usize,
}

/// One page of findings.
#[derive(Debug, Clone)]
pub struct Page {
    pub rows: Vec<Row>,
    /// Over all pages.
    pub total: u64,
    /// `None`: this is the last page.
    pub next: Option<Cursor>,
    pub warnings: Vec<String>,
}

/// Counts beside a list.
#[derive(Debug, Clone)]
pub struct Facets {
    /// Findings that the filter holds.
    pub total: u64,
    /// By tier, whatever the filter asks of the tier.
    pub tiers: [u64; 5],
    /// By state, in the order of [`State::ALL`], whatever the filter asks of the state.
    pub states: [u64; 5],
    pub os: Vec<Count<Option<String>>>,
    pub scopes: Vec<Count<Option<String>>>,
    /// The vulnerabilities on most assets: counts of assets.
    pub vulnerabilities: Vec<Count<VulnerabilityId>>,
    pub warnings: Vec<String>,
}

/// Findings with something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCount {
    /// What they have in common. `None`: that it is unknown, or that there is none.
    pub value: Option<String>,
    /// The asset, where they are grouped by asset.
    pub asset: Option<AssetId>,
    pub count: u64,
}

/// Groups of findings, those with most findings first.
#[derive(Debug, Clone)]
pub struct Groups {
    pub groups: Vec<GroupCount>,
    pub warnings: Vec<String>,
}

/// One page of assets.
#[derive(Debug, Clone)]
pub struct AssetPage {
    pub assets: Vec<AssetSummary>,
    pub total: u64,
    /// `None`: this is the last page.
    pub next: Option<AssetCursor>,
}

/// The findings that there is something to do about.
pub fn active() -> Filter {
    Filter::Where(Condition::State(State::ACTIVE.to_vec()))
}

/// What an event about a finding names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) asset: AssetId,
    pub(crate) id: FindingId,
    pub(crate) vulnerability: &'a str,
}

impl Engine {
    /// Which of these findings a filter holds now. One that is not there any more is not held. `None`: the lists are behind.
    pub(crate) async fn held_findings(
        &self,
        filter: &Filter,
        about: &[About<'_>],
    ) -> anyhow::Result<Option<HashSet<FindingId>>> {
        if about.is_empty() {
            return Ok(Some(HashSet::new()));
        }
        let current = self.lists().await?;
        if current.is_behind {
            return Ok(None);
        }
        let ids: BTreeSet<FindingId> = about.iter().map(|about| about.id).collect();
        let assets: BTreeSet<AssetId> = about.iter().map(|about| about.asset).collect();
        let flaws: BTreeSet<&str> = about.iter().map(|about| about.vulnerability).collect();
        let filter = Filter::all([
            Filter::Where(Condition::AssetId(assets.into_iter().collect())),
            Filter::Where(Condition::Vulnerability(flaws.into_iter().map(Pattern::new).collect())),
            filter.clone(),
        ]);
        let today = self.today();
        scan(&current.model, move |snapshot| {
            let (mut held, mut after) = (HashSet::new(), None);
            loop {
                let (sort, limit) = (Sort::WORK, PAGE_ROWS_MAX);
                let question = index::Query { filter: &filter, sort, after: after.as_ref(), limit, today };
                let page = snapshot.list(&Visible::All, &question)?;
                let found = page.rows.iter().map(|row| snapshot.key(row.asset, row.vulnerability, row.package).id());
                held.extend(found.filter(|id| ids.contains(id)));
                after = page.next;
                if after.is_none() {
                    return Ok(Some(held));
                }
            }
        })
        .await
    }

    /// One page of what a reader may see of the findings.
    pub async fn findings(&self, visible: &Visible, query: &Query) -> anyhow::Result<Page> {
        let current = self.lists().await?;
        let (today, seen, asked) = (self.today(), visible.clone(), query.clone());
        let (total, keys, next) = scan(&current.model, move |snapshot| {
            let limit = asked.limit.clamp(1, PAGE_ROWS_MAX);
            let question =
                index::Query { filter: &asked.filter, sort: asked.sort, after: asked.after.as_ref(), limit, today };
            let page = snapshot.list(&seen, &question)?;
            let key = |row: &index::Found| snapshot.key(row.asset, row.vulnerability, row.package);
            Ok((page.total, page.rows.iter().map(key).collect::<Vec<_>>(), page.next))
        })
        .await?;
        let rows = self.shown(&current.model, keys).await?;
        Ok(Page { rows, total, next, warnings: self.warnings_beside(&current, visible).await? })
    }

    /// Counts beside a list: of names and vulnerabilities the `most` with the highest ones.
    pub async fn facets(&self, visible: &Visible, filter: &Filter, most: usize) -> anyhow::Result<Facets> {
        let current = self.lists().await?;
        let (today, seen, filter) = (self.today(), visible.clone(), filter.clone());
        let facets = scan(&current.model, move |snapshot| {
            let found = snapshot.facets(&seen, &filter, most, today)?;
            let id = |count: Count<index::VulnerabilityNo>| Count {
                value: snapshot.vulnerability(count.value).id.clone(),
                count: count.count,
            };
            // Everything in memory was judged, so nothing stands in the sixth place.
            let [p0, p1, p2, p3, p4, _] = found.tiers;
            Ok(Facets {
                total: found.total,
                tiers: [p0, p1, p2, p3, p4],
                states: found.states,
                os: found.os,
                scopes: found.scopes,
                vulnerabilities: found.vulnerabilities.into_iter().map(id).collect(),
                warnings: Vec::new(),
            })
        })
        .await?;
        Ok(Facets { warnings: self.warnings_beside(&current, visible).await?, ..facets })
    }

    /// Findings counted by one thing: the `most` groups with the highest counts.
    pub async fn groups(&self, visible: &Visible, filter: &Filter, by: GroupBy, most: usize) -> anyhow::Result<Groups> {
        let current = self.lists().await?;
        let (today, seen, filter) = (self.today(), visible.clone(), filter.clone());
        let groups = scan(&current.model, move |snapshot| {
            let groups = snapshot.groups(&seen, &filter, by, most, today)?;
            Ok(groups.into_iter().map(|group| named(snapshot, group)).collect())
        })
        .await?;
        Ok(Groups { groups, warnings: self.warnings_beside(&current, visible).await? })
    }

    /// What lists say of some assets, in the order of their ids. An asset that is not there is left out.
    pub async fn summaries(&self, ids: &[AssetId]) -> anyhow::Result<Vec<AssetSummary>> {
        let current = self.lists().await?;
        self.summed_up(&current.model, ids).await
    }

    /// How many active findings of an asset lists show. `None`: they are behind, or nobody keeps any here.
    pub(crate) async fn listed_count(&self, asset: AssetId) -> anyhow::Result<Option<u64>> {
        if !self.keeps_lists() {
            return Ok(None);
        }
        let current = self.lists().await?;
        let today = self.today();
        let counts = scan(&current.model, move |snapshot| counts_of(snapshot, &[asset], today)).await?;
        Ok((!current.is_behind).then(|| counts.get(&asset).map_or(0, |counts| counts.iter().sum())))
    }

    /// How many assets each of the scopes holds.
    pub async fn held_by(&self, scopes: &[Scope]) -> anyhow::Result<Vec<u64>> {
        let current = self.lists().await?;
        let estate = current.model.estate();
        let held = |scope: &Scope| estate.assets.values().filter(|known| scope.selector.selects(&known.asset)).count();
        Ok(scopes.iter().map(|scope| held(scope) as u64).collect())
    }

    /// How the installation is doing, as far as a reader may see it.
    pub async fn status(&self, visible: &Visible) -> anyhow::Result<StatusView> {
        let current = self.lists().await?;
        let (today, seen) = (self.today(), visible.clone());
        let groups = scan(&current.model, move |snapshot| {
            let groups = snapshot.groups(&seen, &active(), GroupBy::Tier, Tier::ALL.len() + 1, today)?;
            Ok(groups.into_iter().map(|group| (group.value, group.count)).collect::<Vec<_>>())
        })
        .await?;
        let mut counts = [0; 5];
        for (group, count) in groups {
            if let Group::Tier(Some(tier)) = group {
                counts[tier as usize] = count;
            }
        }
        let (mut asset_count, mut inspected, mut unknown, mut undecided) = (0, false, 0, 0);
        {
            let (estate, snapshot) = (current.model.estate(), current.model.snapshot());
            for (id, known) in estate.assets.iter().filter(|(id, _)| snapshot.sees(visible, **id)) {
                asset_count += 1;
                inspected |= known.asset.last_inspected_at.is_some();
                unknown += u64::from(estate.unknown.contains(id));
                undecided += known.undecided_count.unwrap_or(0);
            }
        }
        Ok(StatusView {
            sample: self.is_sample().await?,
            warnings: self.warnings_beside(&current, visible).await?,
            asset_count,
            asset_unknown_count: unknown,
            // What other tools report counts without any inspection.
            counts: Some(counts).filter(|counts| inspected || *counts != [0; 5]),
            undecided_count: inspected.then_some(undecided),
            dead_job_count: store::queue::count(&self.db, JobState::Dead).await?,
            silent_node_count: self.silent_nodes(self.now()).await?.len() as u64,
            feeds: crate::ingest::known(self.knowledge()?.as_deref()),
        })
    }

    /// Findings as they are shown, read from the store and judged by what the lists were judged by.
    async fn shown(&self, model: &Model, keys: Vec<FindingKey>) -> anyhow::Result<Vec<Row>> {
        let stored = store::finding::with_keys(&self.db, &keys).await?;
        let mut stored: HashMap<_, _> = stored.into_iter().map(|stored| (stored.finding.key.clone(), stored)).collect();
        let stored = keys.iter().filter_map(|key| stored.remove(key)).collect();
        Ok(rows(model, stored))
    }

    pub(super) async fn summed_up(&self, model: &Arc<Model>, ids: &[AssetId]) -> anyhow::Result<Vec<AssetSummary>> {
        let records = store::asset::get_all(&self.db, ids).await?;
        let mut records: BTreeMap<AssetId, _> = records.into_iter().map(|asset| (asset.id, Arc::new(asset))).collect();
        let (asked, today) = (ids.to_vec(), self.today());
        let mut counts = scan(model, move |snapshot| counts_of(snapshot, &asked, today)).await?;
        let estate = model.estate();
        let summary = |id: &AssetId| {
            let (asset, known) = (records.remove(id)?, estate.assets.get(id)?);
            let inspected = asset.last_inspected_at.is_some();
            Some(AssetSummary {
                asset,
                context: known.context.as_ref().clone(),
                counts: counts.remove(id).or_else(|| inspected.then_some([0; 5])),
                undecided_count: known.undecided_count,
            })
        };
        Ok(ids.iter().filter_map(summary).collect())
    }

    pub(crate) fn today(&self) -> Date {
        Offset::UTC.to_datetime(self.now()).date()
    }

    pub(crate) async fn warnings_beside(&self, current: &Current, visible: &Visible) -> anyhow::Result<Vec<String>> {
        let (unknown, some, all, any_expired) = {
            let estate = current.model.estate();
            let name = |id: &AssetId| estate.assets.get(id).map(|known| known.asset.name.clone());
            (
                estate.unknown.len(),
                estate.unknown.iter().take(5).filter_map(name).collect::<Vec<_>>(),
                estate.assets.len(),
                !estate.expired.is_empty(),
            )
        };
        let mut warnings = self.warnings(&current.model.by.policy, self.now()).await?;
        if any_expired {
            let (today, visible) = (self.today(), visible.clone());
            let count = scan(&current.model, move |snapshot| {
                let filter = Filter::all([Filter::Where(Condition::Retired(true)), active()]);
                let question = index::Query { filter: &filter, sort: Sort::WORK, after: None, limit: 1, today };
                Ok(snapshot.list(&visible, &question)?.total)
            })
            .await?;
            if count > 0 {
                warnings.push(format!(
                    "{count} findings are on expired assets: nobody has heard of these for too long, and nothing on them is \
                     known to be fixed. The filter `retired:yes state:active` shows them."
                ));
            }
        }
        if unknown > 0 {
            let more = if unknown > some.len() { " …" } else { "" };
            warnings.push(format!(
                "{unknown} of {all} assets are unknown (never inspected, or the last inspection failed): {}{more}",
                some.join(", "),
            ));
        }
        if current.is_behind {
            warnings.push(
                "Newer changes or newer knowledge are still being read: this is how things stood a moment ago."
                    .to_owned(),
            );
        }
        Ok(warnings)
    }
}

/// Stored findings with their verdicts.
fn rows(model: &Model, stored: Vec<StoredFinding>) -> Vec<Row> {
    let estate = model.estate();
    let of = |id| estate.assets.get(&id).map(|Known { asset, context, .. }| (Arc::clone(asset), Arc::clone(context)));
    super::judged(&mut model.by.judge(), stored, of)
}

/// Asks the findings something that may take a while, beside what else is going on.
pub(crate) async fn scan<T: Send + 'static>(
    model: &Arc<Model>,
    ask: impl FnOnce(&Snapshot) -> Result<T, QueryError> + Send + 'static,
) -> anyhow::Result<T> {
    let snapshot = model.snapshot();
    let answer = tokio::task::spawn_blocking(move || ask(&snapshot)).await.context("ask the lists")?;
    answer.map_err(|error| Invalid(error.to_string()).into())
}

/// Active findings by tier of a few assets.
fn counts_of(snapshot: &Snapshot, ids: &[AssetId], today: Date) -> Result<HashMap<AssetId, [u64; 5]>, QueryError> {
    let mut counts: HashMap<AssetId, [u64; 5]> = HashMap::new();
    let tiers = Tier::ALL.into_iter();
    for (chunk, tier) in ids.chunks(PAGE_ROWS_MAX).flat_map(|chunk| tiers.clone().map(move |tier| (chunk, tier))) {
        let these = Filter::Where(Condition::AssetId(chunk.to_vec()));
        let filter = Filter::all([these, active(), Filter::Where(Condition::Tier(vec![Value::Is(tier)]))]);
        for group in snapshot.groups(&Visible::All, &filter, GroupBy::Asset, chunk.len(), today)? {
            if let Group::Asset(number) = group.value {
                counts.entry(snapshot.asset(number).id).or_default()[tier as usize] = group.count;
            }
        }
    }
    Ok(counts)
}

fn named(snapshot: &Snapshot, group: Count<Group>) -> GroupCount {
    let (value, asset) = match group.value {
        Group::Tier(tier) => (tier.map(|tier| tier.as_str().to_owned()), None),
        Group::State(state) => (Some(state.as_str().to_owned()), None),
        Group::Name(name) => (name, None),
        Group::Asset(number) => {
            let asset = snapshot.asset(number);
            (Some(asset.name.clone()), Some(asset.id))
        }
        Group::Vulnerability(number) => (Some(snapshot.vulnerability(number).id.to_string()), None),
        Group::Package(number) => (Some(in_words(snapshot.package(number))), None),
    };
    GroupCount { value, asset, count: group.count }
}

/// A package with where it belongs: releases have packages of one name.
fn in_words(package: &Package) -> String {
    let Package { ecosystem, release, name, .. } = package;
    if release.is_none() { format!("{name} ({ecosystem})") } else { format!("{name} ({release})") }
}
