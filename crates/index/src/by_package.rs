//! Findings by package, and what those of a package have in common: what an upgrade of it would end.

use domain::filter::Filter;
use domain::priority::Tier;
use jiff::civil::Date;

use crate::bits::{Bits, for_each, for_each_within};
use crate::compile::{Numbers, Plan, RowTest};
use crate::list::QueryError;
use crate::numbers::{AssetNo, PackageNo, VulnerabilityNo};
use crate::row::{TIER_UNKNOWN, tier};
use crate::scan::{Part, scan};
use crate::segment::column::{Number as _, with_rows};
use crate::snapshot::Snapshot;
use crate::visible::Visible;

/// The findings of one package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfPackage {
    pub package: PackageNo,
    pub count: u64,
    /// The most urgent one. `None`: nothing has judged them.
    pub tier: Option<Tier>,
}

/// What findings have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InCommon {
    pub asset_count: u64,
    /// Some of the assets: the first ones.
    pub assets: Vec<AssetNo>,
    /// All of them, the most urgent ones first.
    pub vulnerabilities: Vec<VulnerabilityNo>,
    /// All numbers that the matches say, in ascending order.
    pub words: Vec<u32>,
}

/// Which findings are asked for: those that a reader may see, a filter holds, and whose match says one of these words.
#[derive(Debug, Clone, Copy)]
pub struct Saying<'a> {
    pub visible: &'a Visible,
    pub filter: &'a Filter,
    pub words: &'a [u32],
    pub today: Date,
}

impl Snapshot {
    /// Packages that have such findings, in the order of their names.
    pub fn by_package(&self, saying: &Saying<'_>) -> Result<Vec<OfPackage>, QueryError> {
        let plan = self.plan(saying)?;
        let mut found = vec![(0_u32, TIER_UNKNOWN); self.packages.len()];
        scan(self, &plan, |part, mask| {
            plan.keep_tiers_and_states(part, mask);
            let priorities = &part.segment.priority.rows()[part.base()..];
            with_rows!(&part.segment.package, all => {
                let packages = &all[part.base()..];
                for_each(mask, |row| {
                    let (count, best) = &mut found[packages[row].number() as usize];
                    *count += 1;
                    *best = (*best).min(tier(priorities[row]));
                });
            });
        });
        let of = |number: &u32| {
            let (count, best) = found[*number as usize];
            (count > 0).then(|| OfPackage {
                package: PackageNo(*number),
                count: count.into(),
                tier: Tier::ALL.get(best).copied(),
            })
        };
        Ok(self.packages.order().sorted().iter().filter_map(of).collect())
    }

    /// What such findings of each group of packages have in common. A package is in one group at most.
    pub fn in_common(
        &self,
        saying: &Saying<'_>,
        groups: &[Vec<PackageNo>],
        assets_max: usize,
    ) -> Result<Vec<InCommon>, QueryError> {
        let mut plan = self.plan(saying)?;
        let mut wanted = Bits::with_room_for(self.packages.len());
        let mut group_of = vec![usize::MAX; self.packages.len()];
        for (group, packages) in groups.iter().enumerate() {
            for package in packages {
                wanted.insert(package.0);
                group_of[package.0 as usize] = group;
            }
        }
        plan.tests.insert(0, RowTest::Packages(Numbers::of(wanted)));
        let mut found = vec![Found::default(); groups.len()];
        scan(self, &plan, |part, mask| {
            plan.keep_tiers_and_states(part, mask);
            part.for_each_asset(mask.len(), |asset, rows| {
                for_each_within(mask, rows, |row| {
                    let row = part.base() + row;
                    let group = group_of[part.segment.package.get(row) as usize];
                    found[group].add(part, row, asset, assets_max);
                });
            });
        });
        Ok(found.into_iter().map(|found| found.in_common(self)).collect())
    }

    fn plan(&self, saying: &Saying<'_>) -> Result<Plan, QueryError> {
        self.check(saying.visible)?;
        let mut plan = Plan::of(self, saying.visible, saying.filter, saying.today);
        let mut words = Bits::default();
        saying.words.iter().for_each(|number| words.put(*number));
        plan.tests.push(RowTest::Words(Numbers::of(words)));
        Ok(plan)
    }
}

/// What was found of one group so far.
#[derive(Clone, Default)]
struct Found {
    asset_count: u64,
    assets: Vec<AssetNo>,
    /// Rows of an asset come one after the other.
    last: Option<u32>,
    /// By tier, the last one for unknown.
    vulnerabilities: [Bits; TIER_UNKNOWN + 1],
    words: Bits,
}

impl Found {
    fn add(&mut self, part: &Part<'_>, row: usize, asset: u32, assets_max: usize) {
        if self.last != Some(asset) {
            self.last = Some(asset);
            self.asset_count += 1;
            if self.assets.len() < assets_max {
                self.assets.push(AssetNo(asset));
            }
        }
        let segment = part.segment;
        self.vulnerabilities[tier(segment.priority.get(row))].put(segment.vulnerability.get(row));
        self.words.put(segment.words.get(row));
    }

    fn in_common(self, snapshot: &Snapshot) -> InCommon {
        let rank = snapshot.vulnerabilities.order().rank();
        let mut seen = Bits::default();
        let mut vulnerabilities = Vec::new();
        for of_tier in self.vulnerabilities {
            let mut more: Vec<u32> = of_tier.numbers().filter(|number| !seen.contains(*number)).collect();
            more.sort_unstable_by_key(|number| rank[*number as usize]);
            more.iter().for_each(|number| seen.put(*number));
            vulnerabilities.extend(more.into_iter().map(VulnerabilityNo));
        }
        let words = self.words.numbers().collect();
        InCommon { asset_count: self.asset_count, assets: self.assets, vulnerabilities, words }
    }
}
