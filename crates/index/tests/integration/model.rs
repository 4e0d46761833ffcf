//! Findings as plain rows, and every question answered by looking at each of them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use domain::component::Package;
use domain::filter::{Condition, Filter, Known, Test};
use domain::finding::State;
use domain::ids::AssetId;
use domain::pattern::Pattern;
use domain::vulnerability::VulnerabilityId;
use index::{Asset, Index, Judged, Loader, Row, Signals, Snapshot, Sort, SortBy, Visible};
use jiff::Span;
use jiff::civil::Date;

use crate::dice::{Dice, TODAY};

/// A finding without its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) state: State,
    pub(crate) judged: Option<Judged>,
    pub(crate) detected: Date,
    pub(crate) words: u32,
    pub(crate) first_seen: Date,
}

impl Plain {
    /// The days that the policy gives, from the latest detection on.
    pub(crate) fn due(&self) -> Option<Date> {
        let days = self.judged?.due_days?;
        Some(self.detected.saturating_add(Span::new().days(days)))
    }
}

pub(crate) type Key = (VulnerabilityId, Package);

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) assets: BTreeMap<AssetId, (Asset, Vec<(Key, Plain)>)>,
    pub(crate) signals: BTreeMap<VulnerabilityId, Signals>,
}

/// A finding with all that it may be asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole<'a> {
    pub(crate) asset: &'a Asset,
    pub(crate) key: &'a Key,
    pub(crate) plain: &'a Plain,
    pub(crate) signals: Signals,
}

impl Model {
    pub(crate) fn random(dice: &mut Dice, assets: u64, rows: u64, vulnerabilities: u64) -> Self {
        let mut model = Self::default();
        for _ in 0..assets {
            let id = dice.asset_id(assets);
            let asset = dice.asset(id);
            let count = if dice.chance(10) { 0 } else { dice.below(rows + 1) };
            let rows = model.rows(dice, count, vulnerabilities);
            model.assets.insert(id, (asset, rows));
        }
        model
    }

    /// Random findings of one asset, each key once.
    pub(crate) fn rows(&mut self, dice: &mut Dice, count: u64, vulnerabilities: u64) -> Vec<(Key, Plain)> {
        let mut seen = BTreeSet::new();
        let mut rows = Vec::new();
        for _ in 0..count {
            let key = (dice.vulnerability(vulnerabilities), dice.package());
            self.signals.entry(key.0.clone()).or_insert_with(|| dice.signals());
            if seen.insert(key.clone()) {
                rows.push((key, dice.plain()));
            }
        }
        rows
    }

    /// An index of it, built from nothing.
    pub(crate) fn index(&self, segment_rows: usize) -> Index {
        let mut loader = Loader::with_segment_rows(segment_rows);
        for (asset, rows) in self.assets.values() {
            let rows: Vec<Row> = rows
                .iter()
                .map(|((id, package), plain)| {
                    let vulnerability = loader.vulnerability(id, self.signals[id]);
                    let package = loader.package(package);
                    row(vulnerability, package, plain)
                })
                .collect();
            loader.asset(asset.clone(), &rows).expect("in order");
        }
        loader.finish(7)
    }

    /// Every finding that a reader may see and a filter holds, in the order of a list.
    pub(crate) fn list<'a>(
        &'a self,
        reader: Option<&'a BTreeSet<AssetId>>,
        filter: &Filter,
        sort: Sort,
    ) -> Vec<Whole<'a>> {
        let mut all: Vec<Whole<'_>> = self.visible(reader).filter(|whole| holds(filter, whole)).collect();
        all.sort_by(|a, b| by_value(a, b, sort).then_with(|| natural(a, b)));
        all
    }

    pub(crate) fn visible<'a>(&'a self, reader: Option<&'a BTreeSet<AssetId>>) -> impl Iterator<Item = Whole<'a>> {
        let seen = move |id: &AssetId| reader.is_none_or(|reader| reader.contains(id));
        self.assets.iter().filter(move |(id, _)| seen(id)).flat_map(move |(_, (asset, rows))| {
            rows.iter().map(move |(key, plain)| Whole { asset, key, plain, signals: self.signals[&key.0] })
        })
    }

    /// A reader of some of the assets, in both worlds.
    pub(crate) fn reader(&self, dice: &mut Dice, snapshot: &Snapshot) -> (Option<BTreeSet<AssetId>>, Visible) {
        let percent = dice.pick(&[100, 50, 10, 3]);
        if percent == 100 {
            return (None, Visible::All);
        }
        let ids: BTreeSet<AssetId> = self.assets.keys().copied().filter(|_| dice.chance(percent)).collect();
        let set = if dice.chance(50) {
            snapshot.asset_set(ids.iter().copied())
        } else {
            snapshot.assets_where(|asset| ids.contains(&asset.id))
        };
        assert_eq!(set.len(), ids.len() as u64);
        (Some(ids), Visible::Assets(set))
    }
}

pub(crate) fn row(vulnerability: index::VulnerabilityNo, package: index::PackageNo, plain: &Plain) -> Row {
    let Plain { state, judged, first_seen, detected, words } = *plain;
    Row { vulnerability, package, state, judged, first_seen, detected, words }
}

/// In the steps in which the index keeps probabilities.
fn epss(signals: Signals) -> Option<u32> {
    signals.epss.map(|number| if number > 30_000 { number & !1 } else { number })
}

/// Asset, vulnerability, package: the order of equal keys.
fn natural(a: &Whole<'_>, b: &Whole<'_>) -> Ordering {
    a.asset
        .id
        .cmp(&b.asset.id)
        .then_with(|| by_identifier(&a.key.0, &b.key.0))
        .then_with(|| by_package(&a.key.1, &b.key.1))
}

/// CVEs by year and number, then the others.
pub(crate) fn by_identifier(a: &VulnerabilityId, b: &VulnerabilityId) -> Ordering {
    let parts = |id: &VulnerabilityId| {
        let (year, number) = id.as_str().strip_prefix("CVE-")?.split_once('-')?;
        Some((year.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
    };
    match (parts(a), parts(b)) {
        (Some(left), Some(right)) => left.cmp(&right).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

pub(crate) fn by_package(a: &Package, b: &Package) -> Ordering {
    (&a.name, a.ecosystem, &a.release, &a.place).cmp(&(&b.name, b.ecosystem, &b.release, &b.place))
}

fn by_value(a: &Whole<'_>, b: &Whole<'_>, sort: Sort) -> Ordering {
    let turn = |ordering: Ordering| if sort.descending { ordering.reverse() } else { ordering };
    let known = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => turn(a.cmp(&b)),
        // Unknown is last either way.
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    let days =
        |date: Date| u64::try_from(date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24).expect("later");
    match sort.by {
        SortBy::Priority => known(a.plain.judged.map(work), b.plain.judged.map(work)),
        SortBy::Score => {
            let score = |whole: &Whole<'_>| whole.plain.judged.and_then(|j| j.score).map(|score| score.tenths().into());
            known(score(a), score(b))
        }
        SortBy::Cvss => {
            let score = |whole: &Whole<'_>| whole.signals.cvss.map(|score| score.tenths().into());
            known(score(a), score(b))
        }
        SortBy::Epss => known(epss(a.signals).map(u64::from), epss(b.signals).map(u64::from)),
        SortBy::Due => known(a.plain.due().map(days), b.plain.due().map(days)),
        SortBy::FirstSeen => turn(a.plain.first_seen.cmp(&b.plain.first_seen)),
        SortBy::Asset => {
            turn((a.asset.name.to_lowercase(), a.asset.id).cmp(&(b.asset.name.to_lowercase(), b.asset.id)))
        }
        SortBy::Vulnerability => turn(by_identifier(&a.key.0, &b.key.0)),
        SortBy::Package => turn(by_package(&a.key.1, &b.key.1)),
    }
}

/// Tier, days, score: the smaller, the sooner. An unscored finding stands behind those at its threshold.
fn work(judged: Judged) -> u64 {
    let days = judged.due_days.map_or(1000, u64::from);
    let place = judged.score.map_or(u64::from(judged.threshold_tenths) * 2, |score| u64::from(score.tenths()) * 2 + 1);
    judged.tier as u64 * 1_000_000 + days * 1000 + (999 - place)
}

pub(crate) fn holds(filter: &Filter, whole: &Whole<'_>) -> bool {
    match filter {
        Filter::Everything => true,
        Filter::All(parts) => parts.iter().all(|part| holds(part, whole)),
        Filter::Any(parts) => parts.iter().any(|part| holds(part, whole)),
        Filter::Not(part) => !holds(part, whole),
        Filter::Where(condition) => meets(condition, whole),
    }
}

fn meets(condition: &Condition, whole: &Whole<'_>) -> bool {
    let Whole { asset, key: (vulnerability, package), plain, signals } = *whole;
    let judged = plain.judged;
    let day = |test: &Test<domain::filter::Day>, date: Option<Date>| match *test {
        Test::Unknown => date.is_none(),
        Test::Is(comparison, day) => Test::Is(comparison, day.on(TODAY)).passes(date.as_ref()),
    };
    match condition {
        Condition::Tier(tiers) => tiers.contains(&known(judged.map(|judged| judged.tier))),
        Condition::State(states) => states.contains(&plain.state),
        Condition::Kev(answers) => answers.contains(&known(signals.kev)),
        Condition::Score(test) => test.passes(judged.and_then(|judged| judged.score).as_ref()),
        Condition::Cvss(test) => test.passes(signals.cvss.as_ref()),
        Condition::Epss(test) => {
            let test = match *test {
                Test::Unknown => Test::Unknown,
                Test::Is(comparison, bound) => Test::Is(comparison, u32::from(bound.ten_thousandths()) * 10),
            };
            test.passes(epss(signals).as_ref())
        }
        Condition::Due(test) => day(test, plain.due()),
        Condition::FirstSeen(test) => day(test, Some(plain.first_seen)),
        Condition::Asset(patterns) => patterns.iter().any(|pattern| pattern.matches(&asset.name)),
        Condition::AssetId(ids) => ids.contains(&asset.id),
        Condition::Os(wanted) => {
            let fits = |pattern: &Pattern| {
                asset
                    .os
                    .as_ref()
                    .is_some_and(|os| pattern.matches(&os.distribution) || pattern.matches(&os.to_string()))
            };
            wanted.iter().any(|wanted| match wanted {
                Known::Unknown => asset.os.is_none(),
                Known::Is(pattern) => fits(pattern),
            })
        }
        Condition::Scope(wanted) => named(wanted, &asset.scopes),
        Condition::Tag(wanted) => named(wanted, &asset.tags),
        Condition::Retired(retired) => asset.retired == *retired,
        Condition::Unreachable(unreachable) => asset.unreachable == *unreachable,
        Condition::Vulnerability(patterns) => patterns.iter().any(|pattern| pattern.matches(vulnerability.as_str())),
        Condition::Package(patterns) => patterns.iter().any(|pattern| pattern.matches(&package.name)),
        Condition::Ecosystem(ecosystems) => ecosystems.contains(&package.ecosystem),
        Condition::Text(text) => [asset.name.as_str(), vulnerability.as_str(), &package.name]
            .iter()
            .any(|name| name.to_lowercase().contains(&text.to_lowercase())),
    }
}

fn named(wanted: &[Known<Pattern>], names: &[String]) -> bool {
    wanted.iter().any(|wanted| match wanted {
        Known::Unknown => names.is_empty(),
        Known::Is(pattern) => names.iter().any(|name| pattern.matches(name)),
    })
}

fn known<T>(value: Option<T>) -> Known<T> {
    value.map_or(Known::Unknown, Known::Is)
}
