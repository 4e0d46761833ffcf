//! Counts: facets beside a list, and findings grouped by one thing.

use std::ops::Range;
use std::str::FromStr;

use domain::filter::Filter;
use domain::finding::State;
use domain::priority::Tier;
use jiff::civil::Date;
use roaring::RoaringBitmap;

use crate::bits;
use crate::compile::Plan;
use crate::list::{QueryError, UnknownWord};
use crate::numbers::{AssetNo, PackageNo, VulnerabilityNo};
use crate::scan::{Part, keep_all, scan};
use crate::segment::ZONE_WORDS;
use crate::segment::column::{Number as _, with_rows};
use crate::snapshot::Snapshot;
use crate::tables::sets::Sets;
use crate::visible::Visible;

/// Values of one facet or group at most.
pub const VALUES_MAX: usize = 1000;

/// Counts of findings beside a list. Those by tier leave out what the filter asks of the tier, those by state what it asks
/// of the state, so that they say what another choice would bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facets {
    pub total: u64,
    /// P0 to P4, then unknown.
    pub tiers: [u64; 6],
    /// In the order of [`State::ALL`].
    pub states: [u64; 5],
    pub os: Vec<Count<Option<String>>>,
    pub scopes: Vec<Count<Option<String>>>,
    /// The vulnerabilities on most assets: counts of assets.
    pub vulnerabilities: Vec<Count<VulnerabilityNo>>,
}

/// A value and how often it is there. `None` as a value: unknown, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count<T> {
    pub value: T,
    pub count: u64,
}

/// What findings are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    Tier,
    State,
    Os,
    Scope,
    Tag,
    Asset,
    Vulnerability,
    Package,
}

impl GroupBy {
    pub const ALL: [Self; 8] =
        [Self::Tier, Self::State, Self::Os, Self::Scope, Self::Tag, Self::Asset, Self::Vulnerability, Self::Package];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tier => "tier",
            Self::State => "state",
            Self::Os => "os",
            Self::Scope => "scope",
            Self::Tag => "tag",
            Self::Asset => "asset",
            Self::Vulnerability => "vulnerability",
            Self::Package => "package",
        }
    }
}

impl FromStr for GroupBy {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let by = Self::ALL.into_iter().find(|by| by.as_str() == text);
        by.ok_or_else(|| UnknownWord::new(text, &Self::ALL.map(Self::as_str)))
    }
}

/// The value of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    Tier(Option<Tier>),
    State(State),
    /// A name of an operating system, a scope or a tag. `None`: unknown, or none.
    Name(Option<String>),
    Asset(AssetNo),
    Vulnerability(VulnerabilityNo),
    Package(PackageNo),
}

impl Snapshot {
    /// Counts beside a list; of names and vulnerabilities the `most` with the highest counts.
    pub fn facets(&self, visible: &Visible, filter: &Filter, most: usize, today: Date) -> Result<Facets, QueryError> {
        self.check(visible)?;
        let plan = Plan::of(self, visible, filter, today);
        let mut choices = Choices::default();
        let mut assets = ByAsset::new(self);
        let mut vulnerabilities = ByVulnerability::new(self);
        scan(self, &plan, |part, mask| {
            choices.add(&plan, part, mask);
            plan.keep_tiers_and_states(part, mask);
            part.for_each_asset(mask.len(), |asset, rows| {
                let count = bits::count_in(mask, rows.clone());
                if count > 0 {
                    assets.0[asset as usize] += count;
                    vulnerabilities.add(part, mask, asset, rows, count);
                }
            });
        });
        let most = most.min(VALUES_MAX);
        Ok(Facets {
            total: assets.0.iter().map(|count| u64::from(*count)).sum(),
            tiers: choices.tiers,
            states: choices.states,
            os: highest(assets.named(&self.assets.os), most),
            scopes: highest(assets.named(&self.assets.scopes), most),
            vulnerabilities: vulnerabilities.highest(self, most),
        })
    }

    /// Findings that the whole filter holds, counted by one thing: the `most` groups with the highest counts.
    pub fn groups(
        &self,
        visible: &Visible,
        filter: &Filter,
        by: GroupBy,
        most: usize,
        today: Date,
    ) -> Result<Vec<Count<Group>>, QueryError> {
        self.check(visible)?;
        let plan = Plan::of(self, visible, filter, today);
        let most = most.min(VALUES_MAX);
        Ok(match by {
            GroupBy::Tier | GroupBy::State => self.choices(&plan, by, most),
            GroupBy::Vulnerability | GroupBy::Package => self.numbers(&plan, by, most),
            GroupBy::Os | GroupBy::Scope | GroupBy::Tag | GroupBy::Asset => {
                let assets = self.by_asset(&plan);
                match by {
                    GroupBy::Os => named(highest(assets.named(&self.assets.os), most)),
                    GroupBy::Scope => named(highest(assets.named(&self.assets.scopes), most)),
                    GroupBy::Tag => named(highest(assets.named(&self.assets.tags), most)),
                    _ => self.assets_by_count(&assets, most),
                }
            }
        })
    }

    /// Findings that the whole filter holds on each asset that has any, in no order.
    pub fn on_assets(
        &self,
        visible: &Visible,
        filter: &Filter,
        today: Date,
    ) -> Result<Vec<Count<AssetNo>>, QueryError> {
        self.check(visible)?;
        let counts = self.by_asset(&Plan::of(self, visible, filter, today)).0;
        let some = counts.into_iter().zip(0..).filter(|(count, _)| *count > 0);
        Ok(some.map(|(count, number)| Count { value: AssetNo(number), count: count.into() }).collect())
    }

    fn by_asset(&self, plan: &Plan) -> ByAsset {
        let mut assets = ByAsset::new(self);
        scan(self, plan, |part, mask| {
            plan.keep_tiers_and_states(part, mask);
            part.for_each_asset(mask.len(), |asset, rows| {
                assets.0[asset as usize] += bits::count_in(mask, rows);
            });
        });
        assets
    }

    fn choices(&self, plan: &Plan, by: GroupBy, most: usize) -> Vec<Count<Group>> {
        let mut tiers = [0; 6];
        let mut states = [0; 5];
        scan(self, plan, |part, mask| {
            plan.keep_tiers_and_states(part, mask);
            add_tiers(&mut tiers, part, mask);
            add_states(&mut states, part, mask);
        });
        let tier = |place: usize| Group::Tier(Tier::ALL.get(place).copied());
        let counts: Vec<(Group, u64)> = match by {
            GroupBy::Tier => tiers.into_iter().enumerate().map(|(place, count)| (tier(place), count)).collect(),
            _ => State::ALL.into_iter().map(Group::State).zip(states).collect(),
        };
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        highest(counts.map(|(value, count)| Count { value, count }).collect(), most)
    }

    fn numbers(&self, plan: &Plan, by: GroupBy, most: usize) -> Vec<Count<Group>> {
        let of_packages = by == GroupBy::Package;
        let (order, len) = if of_packages {
            (self.packages.order(), self.packages.len())
        } else {
            (self.vulnerabilities.order(), self.vulnerabilities.len())
        };
        let mut counts = vec![0_u32; len];
        scan(self, plan, |part, mask| {
            plan.keep_tiers_and_states(part, mask);
            let column = if of_packages { &part.segment.package } else { &part.segment.vulnerability };
            with_rows!(column, all => {
                let rows = &all[part.base()..];
                bits::for_each(mask, |row| counts[rows[row].number() as usize] += 1);
            });
        });
        let group = |number| {
            if of_packages { Group::Package(PackageNo(number)) } else { Group::Vulnerability(VulnerabilityNo(number)) }
        };
        most_of(&counts, order.rank(), most)
            .into_iter()
            .map(|(number, count)| Count { value: group(number), count })
            .collect()
    }

    fn assets_by_count(&self, assets: &ByAsset, most: usize) -> Vec<Count<Group>> {
        let counts = most_of(&assets.0, self.assets.order().rank(), most).into_iter();
        counts.map(|(number, count)| Count { value: Group::Asset(AssetNo(number)), count }).collect()
    }
}

/// Counts by tier and by state, each without what the filter asks of it.
#[derive(Default)]
struct Choices {
    tiers: [u64; 6],
    states: [u64; 5],
}

impl Choices {
    fn add(&mut self, plan: &Plan, part: &Part<'_>, mask: &[u64]) {
        let mut buffer = [0; ZONE_WORDS];
        let rows = &mut buffer[..mask.len()];
        rows.copy_from_slice(mask);
        keep_all(&plan.state_tests, part, rows);
        add_tiers(&mut self.tiers, part, rows);
        rows.copy_from_slice(mask);
        keep_all(&plan.tier_tests, part, rows);
        add_states(&mut self.states, part, rows);
    }
}

fn add_tiers(tiers: &mut [u64; 6], part: &Part<'_>, mask: &[u64]) {
    let mut known = 0;
    for (count, set) in tiers.iter_mut().zip(&part.segment.tiers) {
        let here = count_both(mask, &set[part.first_word..]);
        *count += here;
        known += here;
    }
    tiers[5] += bits::count(mask) - known;
}

fn add_states(states: &mut [u64; 5], part: &Part<'_>, mask: &[u64]) {
    for (count, set) in states.iter_mut().zip(&part.segment.states) {
        *count += count_both(mask, &set[part.first_word..]);
    }
}

fn count_both(mask: &[u64], set: &[u64]) -> u64 {
    mask.iter().zip(set).map(|(word, set)| u64::from((word & set).count_ones())).sum()
}

/// Findings by number of the asset.
struct ByAsset(Vec<u32>);

impl ByAsset {
    fn new(snapshot: &Snapshot) -> Self {
        Self(vec![0; snapshot.assets.numbers()])
    }

    fn named(&self, sets: &Sets) -> Vec<Count<Option<String>>> {
        let sum = |set: &RoaringBitmap| set.iter().map(|asset| u64::from(self.0[asset as usize])).sum::<u64>();
        let named = sets.iter().map(|(name, set)| Count { value: Some(name.to_string()), count: sum(set) });
        let none = Count { value: None, count: sum(sets.none()) };
        named.chain([none]).filter(|count| count.count > 0).collect()
    }
}

/// Assets by number of the vulnerability. Rows of one asset stand in the order of the vulnerabilities, so an asset counts
/// once if each row is compared with the one before.
struct ByVulnerability {
    assets: Vec<u32>,
    last: Option<(u32, u32)>,
}

impl ByVulnerability {
    fn new(snapshot: &Snapshot) -> Self {
        Self { assets: vec![0; snapshot.vulnerabilities.len()], last: None }
    }

    fn add(&mut self, part: &Part<'_>, mask: &[u64], asset: u32, rows: Range<usize>, count: u32) {
        let mut last = self.last.filter(|(of, _)| *of == asset).map_or(u32::MAX, |(_, number)| number);
        let assets = &mut self.assets;
        let mut add = |number: u32| {
            if number != last {
                assets[number as usize] += 1;
                last = number;
            }
        };
        with_rows!(&part.segment.vulnerability, all => {
            let numbers = &all[part.base()..];
            if count as usize == rows.len() {
                numbers[rows].iter().for_each(|number| add(number.number()));
            } else {
                bits::for_each_within(mask, rows, |row| add(numbers[row].number()));
            }
        });
        self.last = Some((asset, last));
    }

    fn highest(&self, snapshot: &Snapshot, most: usize) -> Vec<Count<VulnerabilityNo>> {
        let counts = most_of(&self.assets, snapshot.vulnerabilities.order().rank(), most).into_iter();
        counts.map(|(number, count)| Count { value: VulnerabilityNo(number), count }).collect()
    }
}

/// The numbers with the highest counts; of equal ones, those that stand first in the order.
fn most_of(counts: &[u32], rank: &[u32], most: usize) -> Vec<(u32, u64)> {
    let mut all: Vec<(u32, u32)> =
        (0..).zip(counts).filter(|(_, count)| **count > 0).map(|(no, count)| (no, *count)).collect();
    let key = |(number, count): &(u32, u32)| (u32::MAX - count, rank[*number as usize]);
    if all.len() > most && most > 0 {
        all.select_nth_unstable_by_key(most - 1, key);
    }
    all.truncate(most);
    all.sort_unstable_by_key(key);
    all.into_iter().map(|(number, count)| (number, u64::from(count))).collect()
}

/// The values with the highest counts; of equal ones, those that came first.
fn highest<T>(mut counts: Vec<Count<T>>, most: usize) -> Vec<Count<T>> {
    counts.sort_by_key(|count| std::cmp::Reverse(count.count));
    counts.truncate(most);
    counts
}

fn named(counts: Vec<Count<Option<String>>>) -> Vec<Count<Group>> {
    counts.into_iter().map(|Count { value, count }| Count { value: Group::Name(value), count }).collect()
}
