//! What an operator would do once: upgrades, by what they would end. Answered from memory, as lists are.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use domain::component::{Ecosystem, Package, Release};
use domain::filter::{Condition, Filter};
use domain::ids::AssetId;
use domain::priority::Tier;
use domain::vulnerability::VulnerabilityId;
use index::{InCommon, OfPackage, PackageNo, QueryError, Saying, Snapshot, Visible};

use crate::Engine;
use crate::read_model::Fixes;
use crate::views::{active, scan};

/// Upgrade this source package on the assets of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    pub ecosystem: Ecosystem,
    pub release: Release,
    pub package: String,
    /// The version that ends every finding that a version ends.
    pub fixed_version: String,
    pub asset_count: u64,
    /// Some of the assets with their names.
    pub assets: Vec<(AssetId, String)>,
    pub finding_count: u64,
    /// The most urgent tier among the findings.
    pub tier: Tier,
    /// All of them, the most urgent ones first.
    pub vulnerabilities: Vec<VulnerabilityId>,
}

/// The first upgrades, those that end the most urgent findings at the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrades {
    pub upgrades: Vec<Upgrade>,
    /// Of all of them.
    pub total: u64,
    pub warnings: Vec<String>,
}

/// How much of it is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub upgrades: usize,
    /// Assets that are named of each.
    pub assets: usize,
}

impl Engine {
    /// What upgrades would end of the active findings that a filter holds.
    pub async fn upgrades(&self, visible: &Visible, filter: &Filter, extent: Extent) -> anyhow::Result<Upgrades> {
        let current = self.lists().await?;
        let (today, seen, model) = (self.today(), visible.clone(), Arc::clone(&current.model));
        // Nobody reaches what has expired.
        let reached = Filter::Where(Condition::Retired(false));
        let filter = Filter::all([active(), reached, filter.clone()]);
        let (upgrades, total) = scan(&current.model, move |snapshot| {
            let fixes = model.fixes();
            let words = fixes.numbers();
            let saying = Saying { visible: &seen, filter: &filter, words: &words, today };
            let mut groups = groups(snapshot, snapshot.by_package(&saying)?);
            let total = groups.len() as u64;
            groups.truncate(extent.upgrades);
            let packages: Vec<Vec<PackageNo>> = groups.iter().map(|group| group.packages.clone()).collect();
            let found = snapshot.in_common(&saying, &packages, extent.assets)?;
            let upgrades = groups.into_iter().zip(found);
            let upgrades = upgrades.filter_map(|(group, found)| group.upgrade(snapshot, &found, &fixes));
            Ok::<_, QueryError>((upgrades.collect(), total))
        })
        .await?;
        Ok(Upgrades { upgrades, total, warnings: self.warnings_beside(&current, visible).await? })
    }
}

/// One package in all places, before its version is known.
struct Group {
    package: Package,
    packages: Vec<PackageNo>,
    count: u64,
    tier: Tier,
}

/// The most urgent ones first, and among them those with most findings.
fn groups(snapshot: &Snapshot, found: Vec<OfPackage>) -> Vec<Group> {
    let mut groups: BTreeMap<(&str, Ecosystem, &Release), Group> = BTreeMap::new();
    for of in found {
        let package = snapshot.package(of.package);
        // What nothing has judged is as far back as can be.
        let tier = of.tier.unwrap_or(Tier::P4);
        let group = groups.entry((&package.name, package.ecosystem, &package.release)).or_insert_with(|| Group {
            package: package.clone(),
            packages: Vec::new(),
            count: 0,
            tier,
        });
        group.packages.push(of.package);
        group.count += of.count;
        group.tier = group.tier.min(tier);
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    // The sort is stable: names decide last.
    groups.sort_by(|a, b| a.tier.cmp(&b.tier).then(b.count.cmp(&a.count)));
    groups
}

impl Group {
    fn upgrade(self, snapshot: &Snapshot, found: &InCommon, fixes: &Fixes) -> Option<Upgrade> {
        let Package { ecosystem, release, name, .. } = self.package;
        let versions = found.words.iter().filter_map(|number| fixes.get(*number));
        let newer = |a: &str, b: &str| ecosystems::compare(ecosystem, a, b) == Ok(Ordering::Less);
        let fixed_version = versions.reduce(|a, b| if newer(a, b) { b } else { a })?.to_owned();
        let mut assets: Vec<(AssetId, String)> = found
            .assets
            .iter()
            .map(|number| snapshot.asset(*number))
            .map(|asset| (asset.id, asset.name.clone()))
            .collect();
        assets.sort_by(|a, b| a.1.cmp(&b.1));
        Some(Upgrade {
            ecosystem,
            release,
            package: name,
            fixed_version,
            asset_count: found.asset_count,
            assets,
            finding_count: self.count,
            tier: self.tier,
            vulnerabilities: found
                .vulnerabilities
                .iter()
                .map(|flaw| snapshot.vulnerability(*flaw).id.clone())
                .collect(),
        })
    }
}
