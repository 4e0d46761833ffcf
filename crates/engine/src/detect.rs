//! Detect: turns one evaluation of one inventory into evidence for the life-cycle machine.
//!
//! Pure: the same findings, inventory, matches and instant give the same evidence, and taking it in twice changes
//! nothing. A finding ends only where the inventory is whole *and* the knowledge decides (methods.md §4.6); everything
//! undecided leaves findings as they are.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use domain::component::{Component, Package};
use domain::finding::{
    Change, ClosedCause, Detection, Evidence, Fact, Finding, FindingKey, FixedCause, OpenedBy, Strength,
};
use domain::ids::AssetId;
use domain::inventory::Inventory;
use domain::verdict::Match;
use domain::vulnerability::VulnerabilityId;
use jiff::Timestamp;
use knowledge::Matches;

/// What one evaluation did to one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// After the evidence.
    pub finding: Finding,
    /// The match that the evidence rests on. `None`: the finding was not matched.
    pub matched: Option<Match>,
    /// What was learnt, and what it did. Evidence that did nothing is not here.
    pub evidence: Vec<(Evidence, Change)>,
}

/// Applies one evaluation to the findings of one asset. Only findings that changed, and every matched one, come back.
pub fn detect(
    asset: AssetId,
    prior: Vec<Finding>,
    inventory: &Inventory,
    matches: &Matches,
    rejected: &dyn Fn(&VulnerabilityId) -> bool,
    at: Timestamp,
) -> Vec<Moved> {
    let mut prior: BTreeMap<FindingKey, Finding> = prior.into_iter().map(|f| (f.key.clone(), f)).collect();
    let mut moved = Vec::with_capacity(matches.matched.len());
    for matched in &matches.matched {
        let key = FindingKey {
            asset,
            package: matched.package.clone(),
            vulnerability: matched.vulnerability.clone(),
        };
        moved.extend(detected(key.clone(), prior.remove(&key), matched, at));
    }
    let absence = Absence::of(inventory, matches, rejected);
    for mut finding in prior.into_values() {
        let Some(fact) = absence.of_finding(&finding) else { continue };
        let evidence = Evidence { observed_at: at, fact };
        let change = finding.apply(&evidence);
        if change != Change::None {
            moved.push(Moved { finding, matched: None, evidence: vec![(evidence, change)] });
        }
    }
    moved
}

/// Takes the positive evidence of one match in.
fn detected(key: FindingKey, prior: Option<Finding>, matched: &Match, at: Timestamp) -> Option<Moved> {
    let strength = Strength::PackageDatabase;
    let cause = prior.as_ref().map_or(OpenedBy::Detected, |finding| reopened_by(finding, &matched.version));
    // While a restart is awaited, each inspection sees the affected code run on: that is no failed fix.
    let awaiting = prior.as_ref().is_some_and(|f| matched.restart_needed && f.detection.is_active());
    let mut facts = Vec::new();
    if !awaiting {
        facts.push(Fact::Detected { version: matched.version.clone(), strength, cause });
    }
    if matched.restart_needed {
        facts.push(Fact::RestartNeeded { strength });
    }
    let mut kept = Vec::new();
    let mut finding = prior;
    for fact in facts {
        let evidence = Evidence { observed_at: at, fact };
        let change = match &mut finding {
            Some(finding) => finding.apply(&evidence),
            None => {
                finding = Some(Finding::open(key.clone(), &evidence)?);
                Change::Moved
            }
        };
        if change != Change::None {
            kept.push((evidence, change));
        }
    }
    Some(Moved { finding: finding?, matched: Some(matched.clone()), evidence: kept })
}

/// Why an ended finding is back.
fn reopened_by(finding: &Finding, version: &str) -> OpenedBy {
    match finding.detection {
        Detection::Open | Detection::Pending { .. } | Detection::Stale { .. } => OpenedBy::Detected,
        Detection::Closed { cause: ClosedCause::AssetRetired, .. } => OpenedBy::Resurrected,
        Detection::Closed { .. } => OpenedBy::Reinstated,
        Detection::Fixed { cause: FixedCause::Removed, .. } => OpenedBy::Reintroduced,
        Detection::Fixed { cause: FixedCause::Upgraded, .. } => {
            let Some(seen) = &finding.fixed_version_seen else { return OpenedBy::Regressed };
            match ecosystems::compare(finding.key.package.ecosystem, version, seen) {
                Ok(Ordering::Less) | Err(_) => OpenedBy::Regressed,
                Ok(Ordering::Equal | Ordering::Greater) => OpenedBy::RangeWidened,
            }
        }
    }
}

/// What this evaluation can prove about findings that it did not match.
struct Absence<'a> {
    inventory: &'a Inventory,
    matches: &'a Matches,
    /// Installed source versions and binaries, by source name.
    installed: BTreeMap<&'a str, Vec<&'a Component>>,
    undecided: BTreeSet<(&'a str, &'a VulnerabilityId)>,
    rejected: &'a dyn Fn(&VulnerabilityId) -> bool,
}

impl<'a> Absence<'a> {
    fn of(
        inventory: &'a Inventory,
        matches: &'a Matches,
        rejected: &'a dyn Fn(&VulnerabilityId) -> bool,
    ) -> Self {
        let mut installed: BTreeMap<&str, Vec<&Component>> = BTreeMap::new();
        for component in inventory.components.iter().flatten() {
            let runs = inventory.running_kernel.as_ref().is_none_or(|running| *running == component.kernel);
            // Code of a kernel that does not run proves nothing about the one that does.
            if component.kernel.is_empty() || runs {
                installed.entry(&component.source).or_default().push(component);
            }
        }
        let undecided = matches
            .undecided
            .iter()
            .filter_map(|entry| Some((entry.subject.as_str(), entry.vulnerability.as_ref()?)))
            .collect();
        Self { inventory, matches, installed, undecided, rejected }
    }

    /// The negative evidence for one unmatched finding. `None`: nothing is proven.
    fn of_finding(&self, finding: &Finding) -> Option<Fact> {
        if !finding.detection.is_active() || !self.inventory.packages_complete() {
            return None;
        }
        let strength = Strength::PackageDatabase;
        let package = &finding.key.package;
        let release = self.inventory.platform.release.as_ref()?;
        let here = Package { release: release.clone(), ..package.clone() };
        let installed = self.installed.get(package.name.as_str());
        if installed.is_some() && !self.matches.decided.contains(&here) {
            return None;
        }
        if *release != package.release {
            return Some(Fact::Ended { cause: ClosedCause::Reimaged });
        }
        let Some(installed) = installed else {
            return Some(Fact::Absent { cause: FixedCause::Removed, version: None, strength });
        };
        if self.undecided.contains(&(package.name.as_str(), &finding.key.vulnerability)) {
            return None;
        }
        if (self.rejected)(&finding.key.vulnerability) {
            return Some(Fact::Ended { cause: ClosedCause::Withdrawn });
        }
        if installed.iter().any(|component| component.source_version == finding.version) {
            return Some(Fact::Ended { cause: ClosedCause::RangeCorrected });
        }
        let stale = self.inventory.stale_packages.as_deref().unwrap_or_default();
        if installed.iter().any(|component| stale.contains(&component.name)) {
            return Some(Fact::RestartNeeded { strength });
        }
        let version = installed.first().map(|component| component.source_version.clone());
        Some(Fact::Absent { cause: FixedCause::Upgraded, version, strength })
    }
}
