//! Every list answered by reading all of the store and looking at each finding.

use std::collections::{BTreeMap, BTreeSet};

use std::sync::Arc;

use domain::asset::Asset;
use domain::filter::{AssetFilter, Filter, ScopeFilter};
use domain::finding::{FindingKey, State};
use domain::ids::AssetId;
use domain::priority::Tier;
use domain::scope::Scope;
use index::{GroupBy, Sort, SortBy, Visible};
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Span, Timestamp};

use crate::Engine;
use crate::assign::context_of;
use crate::prioritize::{Judge, state_of};
use crate::views::{AssetQuery, AssetSort, AssetSortBy, AssetSummary, Query, Row};
use domain::feed::FeedState;

/// All findings, each with what may be asked of it.
struct Oracle {
    rows: Vec<Whole>,
    today: Date,
}

struct Whole {
    row: Row,
    scopes: Vec<String>,
    os: Option<String>,
    kev: Option<bool>,
    epss: Option<u32>,
    due: Option<Date>,
    first_seen: Date,
}

type Holds = fn(&Whole, Date) -> bool;

/// Filters, and what they say in another way. The third tells that neither tier nor state is asked for.
const FILTERS: [(&str, Holds, bool); 28] = [
    ("", |_, _| true, true),
    ("state:active", |whole, _| whole.row.finding.detection.is_active(), false),
    ("state:fixed,closed", |whole, _| !whole.row.finding.detection.is_active(), false),
    ("tier:P0,P1", |whole, _| whole.tier() <= Tier::P1, false),
    ("not tier:P4 tag:lab", |whole, _| whole.tier() != Tier::P4 && whole.has_tag("lab"), false),
    ("kev:yes", |whole, _| whole.kev == Some(true), true),
    ("kev:no", |whole, _| whole.kev == Some(false), true),
    ("kev:unknown", |whole, _| whole.kev.is_none(), true),
    ("epss>=0.1", |whole, _| whole.epss.is_some_and(|epss| epss >= 10_000), true),
    ("not epss>=0.1", |whole, _| whole.epss.is_none_or(|epss| epss < 10_000), true),
    ("epss:unknown", |whole, _| whole.epss.is_none(), true),
    ("score>=7", |whole, _| whole.score().is_some_and(|score| score >= 70), true),
    ("score:unknown", |whole, _| whole.score().is_none(), true),
    ("cvss>9", |whole, _| whole.cvss().is_some_and(|score| score > 90), true),
    (
        "due<today+20d",
        |whole, today| whole.due.is_some_and(|due| due < today.saturating_add(Span::new().days(20))),
        true,
    ),
    ("due:none", |whole, _| whole.due.is_none(), true),
    ("first_seen>=today-1d", |whole, today| whole.first_seen >= today.saturating_sub(Span::new().days(1)), true),
    ("asset:\"HOST *\"", |_, _| true, true),
    ("asset:\"host 1\"", |whole, _| whole.row.asset.name == "host 1", true),
    ("os:debian", |whole, _| whole.os.is_some(), true),
    ("scope:none", |whole, _| whole.scopes.is_empty(), true),
    ("scope:\"Scope *\"", |whole, _| !whole.scopes.is_empty(), true),
    ("tag:none", |whole, _| whole.row.asset.tags.is_empty(), true),
    ("retired:yes", |whole, _| whole.row.asset.retired_at.is_some(), true),
    ("unreachable:yes", |whole, _| whole.row.asset.unreachable_since.is_some(), true),
    ("vuln:cve-2099-*", |whole, _| whole.flaw().starts_with("CVE-2099-"), true),
    ("package:mixed or text:ghsa", |whole, _| whole.package() == "Mixed" || whole.flaw().starts_with("GHSA"), true),
    (
        "(kev:yes or score>=9) not tag:lab state:open",
        |whole, _| {
            (whole.kev == Some(true) || whole.score().is_some_and(|score| score >= 90))
                && !whole.has_tag("lab")
                && whole.state() == State::Open
        },
        false,
    ),
];

/// Compares every list, total and count of the engine with the store.
pub(super) async fn check(engine: &Engine) {
    let oracle = Oracle::read(engine).await;
    for (text, holds, counts_choices) in FILTERS {
        let filter: Filter = text.parse().unwrap();
        let expected: Vec<&Whole> = oracle.rows.iter().filter(|whole| holds(whole, oracle.today)).collect();
        let listed = list(engine, &filter, Sort::WORK, 500, text).await;
        let keys: BTreeSet<&FindingKey> = expected.iter().map(|whole| &whole.row.finding.key).collect();
        assert_eq!(listed.iter().map(|row| &row.finding.key).collect::<BTreeSet<_>>(), keys, "{text}");
        assert_eq!(listed.len(), expected.len(), "{text}: each once");
        for row in &listed {
            let whole = expected.iter().find(|whole| whole.row.finding.key == row.finding.key).unwrap();
            assert_eq!((&row.finding, &row.asset.name), (&whole.row.finding, &whole.row.asset.name), "{text}");
            assert_eq!(row.judged.priority.tier, whole.tier(), "{text}");
        }
        check_counts(engine, &filter, &expected, counts_choices, text).await;
    }
    check_orders(engine, &oracle).await;
    check_assets(engine, &oracle).await;
}

/// A whole list of assets, page by page, with the same total on each.
async fn assets(engine: &Engine, query: &AssetQuery) -> Vec<AssetSummary> {
    let (mut query, mut found, mut totals) = (query.clone(), Vec::new(), BTreeSet::new());
    loop {
        let page = engine.assets(&Visible::All, &query).await.unwrap();
        totals.insert(page.total);
        found.extend(page.assets);
        query.after = page.next;
        if query.after.is_none() {
            assert_eq!(totals, BTreeSet::from([found.len() as u64]), "the total");
            return found;
        }
    }
}

/// Every order and some filters: each asset once, unknown values last.
async fn check_asset_lists(engine: &Engine, expected: &[Arc<Asset>], scopes: &[Scope]) {
    for (by, descending) in AssetSortBy::ALL.into_iter().flat_map(|by| [(by, false), (by, true)]) {
        let sort = AssetSort { by, descending };
        let found = assets(engine, &AssetQuery { sort, ..AssetQuery::all(3) }).await;
        let ids: BTreeSet<AssetId> = found.iter().map(|summary| summary.asset.id).collect();
        assert_eq!((ids.len(), found.len()), (expected.len(), expected.len()), "{sort:?}");
        let value = |summary: &AssetSummary| match by {
            AssetSortBy::Name => Some(summary.asset.name.clone()),
            AssetSortBy::LastSeen => Some(summary.asset.last_seen_at.to_string()),
            // What other tools report is active without any inspection.
            AssetSortBy::Findings => summary.counts.map(|counts| format!("{:06}", counts.iter().sum::<u64>())),
        };
        let values: Vec<Option<String>> = found.iter().map(value).collect();
        let known: Vec<&String> = values.iter().map_while(Option::as_ref).collect();
        assert!(values[known.len()..].iter().all(Option::is_none), "{sort:?}: unknown is last: {values:?}");
        let in_order = if descending { known.is_sorted_by(|a, b| a >= b) } else { known.is_sorted() };
        assert!(in_order, "{sort:?}: {values:?}");
    }
    for text in OF_ASSETS.into_iter().chain(["scope:none", "scope:\"scope 1\" or host", "ST 1"]) {
        let filter: AssetFilter = text.parse().unwrap();
        let held = |asset: &&Arc<Asset>| filter.holds(asset, &context_of(asset, scopes).scopes);
        let held: BTreeSet<AssetId> = expected.iter().filter(held).map(|asset| asset.id).collect();
        let found = assets(engine, &AssetQuery { filter: Some(filter.clone()), ..AssetQuery::all(2) }).await;
        assert_eq!(found.iter().map(|summary| summary.asset.id).collect::<BTreeSet<_>>(), held, "{text}");
    }
}

/// Filters that ask for nothing but the asset.
const OF_ASSETS: [&str; 7] = [
    "asset:host*1,\"HOST 2\"",
    "tag:lab not tag:web",
    "tag:none or retired:yes",
    "os:debian,unknown unreachable:no",
    "os:\"debian book*\" (retired:no or unreachable:yes)",
    "not (os:debian tag:l?b)",
    "everything",
];

/// A whole list, page by page, with the same total on each.
async fn list(engine: &Engine, filter: &Filter, sort: Sort, limit: usize, text: &str) -> Vec<Row> {
    let mut query = Query { filter: filter.clone(), sort, after: None, limit };
    let (mut rows, mut totals) = (Vec::new(), BTreeSet::new());
    loop {
        let page = engine.findings(&Visible::All, &query).await.unwrap();
        totals.insert(page.total);
        rows.extend(page.rows);
        query.after = page.next;
        if query.after.is_none() {
            assert_eq!(totals, BTreeSet::from([rows.len() as u64]), "{text}: the total");
            return rows;
        }
    }
}

async fn check_counts(engine: &Engine, filter: &Filter, expected: &[&Whole], counts_choices: bool, text: &str) {
    let facets = engine.facets(&Visible::All, filter, 500).await.unwrap();
    assert_eq!(facets.total, expected.len() as u64, "{text}");
    let tiers = Tier::ALL.map(|tier| expected.iter().filter(|whole| whole.tier() == tier).count() as u64);
    let states = State::ALL.map(|state| expected.iter().filter(|whole| whole.state() == state).count() as u64);
    if counts_choices {
        assert_eq!((facets.tiers, facets.states), (tiers, states), "{text}");
    }
    let named = |counts: Vec<index::Count<Option<String>>>| -> BTreeMap<Option<String>, u64> {
        counts.into_iter().map(|count| (count.value, count.count)).collect()
    };
    let os = tally(expected, |whole| vec![whole.os.clone()]);
    let scopes = tally(expected, |whole| or_none(&whole.scopes));
    assert_eq!((named(facets.os), named(facets.scopes)), (os.clone(), scopes.clone()), "{text}");
    let mut on_assets: BTreeMap<String, BTreeSet<AssetId>> = BTreeMap::new();
    for whole in expected {
        on_assets.entry(whole.flaw().to_owned()).or_default().insert(whole.row.asset.id);
    }
    let found = facets.vulnerabilities.into_iter().map(|count| (count.value.to_string(), count.count));
    let on_assets = on_assets.into_iter().map(|(flaw, assets)| (flaw, assets.len() as u64));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), on_assets.collect(), "{text}");
    for (by, expected) in [
        (GroupBy::Tier, tally(expected, |whole| vec![Some(whole.tier().to_string())])),
        (GroupBy::State, tally(expected, |whole| vec![Some(whole.state().as_str().to_owned())])),
        (GroupBy::Os, os),
        (GroupBy::Scope, scopes),
        (GroupBy::Tag, tally(expected, |whole| or_none(&whole.row.asset.tags))),
        (GroupBy::Asset, tally(expected, |whole| vec![Some(whole.row.asset.name.clone())])),
        (GroupBy::Vulnerability, tally(expected, |whole| vec![Some(whole.flaw().to_owned())])),
    ] {
        let groups = engine.groups(&Visible::All, filter, by, 500).await.unwrap().groups;
        assert!(groups.is_sorted_by_key(|group| std::cmp::Reverse(group.count)), "{text}");
        let found: BTreeMap<_, _> = groups.into_iter().map(|group| (group.value, group.count)).collect();
        assert_eq!(found, expected, "{text} by {}", by.as_str());
    }
}

fn tally(rows: &[&Whole], values: impl Fn(&Whole) -> Vec<Option<String>>) -> BTreeMap<Option<String>, u64> {
    let mut counts = BTreeMap::new();
    rows.iter().flat_map(|whole| values(whole)).for_each(|value| *counts.entry(value).or_default() += 1);
    counts
}

fn or_none(names: &[String]) -> Vec<Option<String>> {
    if names.is_empty() { vec![None] } else { names.iter().cloned().map(Some).collect() }
}

/// Each sort, in pages of three: every finding once, and the values in order, unknown ones last.
async fn check_orders(engine: &Engine, oracle: &Oracle) {
    let by_key: BTreeMap<&FindingKey, &Whole> = oracle.rows.iter().map(|w| (&w.row.finding.key, w)).collect();
    for (by, descending) in SortBy::ALL.into_iter().flat_map(|by| [(by, false), (by, true)]) {
        let rows = list(engine, &Filter::Everything, Sort { by, descending }, 3, by.as_str()).await;
        let keys: BTreeSet<&FindingKey> = rows.iter().map(|row| &row.finding.key).collect();
        assert_eq!((keys.len(), rows.len()), (oracle.rows.len(), oracle.rows.len()), "{by:?}");
        let values: Vec<Option<String>> = rows.iter().map(|row| by_key[&row.finding.key].value(by)).collect();
        let known: Vec<&String> = values.iter().map_while(Option::as_ref).collect();
        assert!(values[known.len()..].iter().all(Option::is_none), "{by:?}: unknown is last: {values:?}");
        let in_order = if descending { known.is_sorted_by(|a, b| a >= b) } else { known.is_sorted() };
        assert!(in_order, "{by:?} descending {descending}: {values:?}");
    }
}

async fn check_assets(engine: &Engine, oracle: &Oracle) {
    let expected = engine.all_assets().await.unwrap();
    let found = assets(engine, &AssetQuery::all(2)).await;
    let ids: BTreeSet<AssetId> = found.iter().map(|summary| summary.asset.id).collect();
    assert_eq!(ids, expected.iter().map(|asset| asset.id).collect());
    assert!(found.is_sorted_by(|a, b| (&a.asset.name, a.asset.id) < (&b.asset.name, b.asset.id)));
    let scopes = store::scope::list(&engine.db).await.unwrap();
    let (mut all, mut undecided, mut inspected) = ([0; 5], 0, false);
    for summary in &found {
        let asset = expected.iter().find(|asset| asset.id == summary.asset.id).unwrap();
        assert_eq!((&summary.asset, &summary.context), (asset, &context_of(asset, &scopes)));
        let mut counts = [0; 5];
        let mine = oracle.rows.iter().filter(|whole| whole.row.asset.id == asset.id);
        for whole in mine.filter(|whole| whole.row.finding.detection.is_active()) {
            counts[whole.tier() as usize] += 1;
            all[whole.tier() as usize] += 1;
        }
        inspected |= asset.last_inspected_at.is_some();
        assert_eq!(summary.counts, asset.last_inspected_at.map(|_| counts), "never inspected is not zero");
        let latest = store::inspection::latest(&engine.db, asset.id).await.unwrap();
        let open = latest.filter(|_| asset.retired_at.is_none()).map(|stored| stored.undecided.len() as u64);
        assert_eq!(summary.undecided_count, open);
        undecided += open.unwrap_or(0);
    }
    let status = engine.status(&Visible::All).await.unwrap();
    assert_eq!((status.asset_count, status.counts), (expected.len() as u64, inspected.then_some(all)));
    assert_eq!(status.undecided_count, inspected.then_some(undecided));
    let unknown = expected.iter().filter(|asset| crate::read_model::is_unknown(asset)).count();
    assert_eq!(status.asset_unknown_count, unknown as u64);
    let held: Vec<u64> = scopes
        .iter()
        .map(|scope| expected.iter().filter(|asset| scope.selector.selects(asset)).count() as u64)
        .collect();
    assert_eq!(engine.held_by(&scopes).await.unwrap(), held);
    check_asset_lists(engine, &expected, &scopes).await;
    // What a filter holds of the assets alone is what it holds of the findings on them.
    for text in OF_ASSETS {
        let filter: ScopeFilter = text.parse().unwrap();
        let listed = list(engine, filter.filter(), Sort::WORK, 50, text).await;
        let listed: BTreeSet<AssetId> = listed.iter().map(|row| row.asset.id).collect();
        let on = oracle.rows.iter().map(|whole| &whole.row.asset).filter(|asset| filter.holds(asset));
        assert_eq!(listed, on.map(|asset| asset.id).collect(), "{text}");
    }
}

impl Oracle {
    async fn read(engine: &Engine) -> Self {
        let now = engine.now();
        let world = engine.world().await.unwrap();
        let feeds = world.knowledge.as_ref().map(|knowledge| knowledge.feeds().to_vec()).unwrap_or_default();
        let kev_known = state_of(&feeds, "kev", now) == FeedState::Fresh;
        let mut rows = Vec::new();
        for id in world.assets.keys() {
            let stored = store::finding::of_asset(&engine.db, *id).await.unwrap();
            rows.extend(world.rows(stored, now));
        }
        let today = day(now);
        let mut judge = Judge::new(world.knowledge.as_deref(), &world.policy.policy, now);
        let rows = rows.into_iter().map(|row| {
            let flaw = judge.flaw(&row.finding.key.vulnerability);
            let listed = flaw.kev.as_ref().is_some_and(|kev| kev.added <= today);
            let days = row.judged.priority.due_days.map(|days| SignedDuration::from_hours(24 * i64::from(days)));
            Whole {
                scopes: context_of(&row.asset, &world.scopes).scopes,
                os: row.asset.platform.as_ref().and_then(|p| p.release.as_ref()).map(ToString::to_string),
                kev: if listed { Some(true) } else { kev_known.then_some(false) },
                epss: flaw
                    .epss
                    .filter(|epss| epss.date <= today)
                    .map(|epss| (epss.probability * 100_000.0).round() as u32),
                due: days.map(|days| day(row.finding.episode().detected_at + days)),
                first_seen: day(row.finding.first_detected_at()),
                row,
            }
        });
        Self { rows: rows.collect(), today }
    }
}

impl Whole {
    fn tier(&self) -> Tier {
        self.row.judged.priority.tier
    }

    fn state(&self) -> State {
        self.row.finding.detection.state()
    }

    fn flaw(&self) -> &str {
        self.row.finding.key.vulnerability.as_str()
    }

    fn package(&self) -> &str {
        &self.row.finding.key.package.name
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.row.asset.tags.iter().any(|other| other == tag)
    }

    fn score(&self) -> Option<u8> {
        self.row.judged.priority.cvss.as_ref().map(|cvss| cvss.bte.tenths())
    }

    fn cvss(&self) -> Option<u8> {
        self.row.judged.priority.cvss.as_ref().map(|cvss| cvss.b.tenths())
    }

    /// What lists are sorted by, as a text that sorts byte by byte. `None`: unknown.
    fn value(&self, by: SortBy) -> Option<String> {
        let number = |score: Option<u8>| score.map(|score| format!("{score:03}"));
        match by {
            SortBy::Priority => {
                let priority = &self.row.judged.priority;
                let days = priority.due_days.map_or(99, |days| days / 3);
                // The first parts of the order of work: tier, days, contextual score.
                let key = priority.order_key.split('-').nth(2).unwrap();
                Some(format!("{}-{days:02}-{key}", priority.tier))
            }
            SortBy::Score => number(self.score()),
            SortBy::Cvss => number(self.cvss()),
            SortBy::Epss => self.epss.map(|epss| format!("{epss:06}")),
            SortBy::Due => self.due.map(|due| due.to_string()),
            SortBy::FirstSeen => Some(self.first_seen.to_string()),
            SortBy::Asset => Some(self.row.asset.name.to_lowercase()),
            SortBy::Vulnerability => {
                Some(match self.flaw().strip_prefix("CVE-").and_then(|rest| rest.split_once('-')) {
                    Some((year, number)) => format!("0 {year} {number:0>9}"),
                    None => format!("1 {}", self.flaw()),
                })
            }
            SortBy::Package => Some(self.package().to_owned()),
        }
    }
}

fn day(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}
