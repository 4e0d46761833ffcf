//! Detect: turns one evaluation of one inventory into evidence for the life-cycle machine.
//!
//! Pure: the same findings, inventory, matches and instant give the same evidence, and taking it in twice changes
//! nothing. A finding ends only where the inventory is whole *and* the knowledge decides; everything
//! undecided leaves findings as they are.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use domain::clock::When;
use domain::component::{Component, Ecosystem, Package, Release};
use domain::finding::{
    Change, ClosedCause, Detection, Evidence, Fact, Finding, FindingKey, FixedCause, OpenedBy, Strength,
};
use domain::ids::AssetId;
use domain::inventory::Inventory;
use domain::verdict::Match;
use domain::vulnerability::VulnerabilityId;
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
    /// It was not among the findings before.
    pub is_new: bool,
}

/// Applies one evaluation to the findings of one asset. Only findings that changed, and every matched one, come back.
pub fn detect(
    asset: AssetId,
    prior: Vec<Finding>,
    inventory: &Inventory,
    matches: &Matches,
    rejected: &dyn Fn(&VulnerabilityId) -> bool,
    when: When,
) -> Vec<Moved> {
    let mut prior: BTreeMap<FindingKey, Finding> = prior.into_iter().map(|f| (f.key.clone(), f)).collect();
    let mut moved = Vec::new();
    for matched in matches.matched() {
        let key = FindingKey { asset, package: matched.package.clone(), vulnerability: matched.vulnerability.clone() };
        moved.extend(detected(key.clone(), prior.remove(&key), matched, when));
    }
    if prior.is_empty() {
        return moved;
    }
    let absence = Absence::of(inventory, matches, rejected);
    for mut finding in prior.into_values() {
        let Some(fact) = absence.of_finding(&finding) else { continue };
        let evidence = Evidence { observed_at: when.after(finding.shown_at()), fact };
        let change = finding.apply(&evidence);
        if change != Change::None {
            moved.push(Moved { finding, matched: None, evidence: vec![(evidence, change)], is_new: false });
        }
    }
    moved
}

/// Takes the positive evidence of one match in.
fn detected(key: FindingKey, prior: Option<Finding>, matched: &Match, when: When) -> Option<Moved> {
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
    let is_new = prior.is_none();
    let at = prior.as_ref().map_or(when.at, |finding| when.after(finding.shown_at()));
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
    Some(Moved { finding: finding?, matched: Some(matched.clone()), evidence: kept, is_new })
}

/// Why an ended finding is back.
fn reopened_by(finding: &Finding, version: &str) -> OpenedBy {
    match finding.detection {
        Detection::Open | Detection::Pending { .. } | Detection::Stale { .. } => OpenedBy::Detected,
        Detection::Closed { cause: ClosedCause::AssetRetired, .. } => OpenedBy::Resurrected,
        Detection::Closed { .. } => OpenedBy::Reinstated,
        Detection::Fixed { cause: FixedCause::Removed | FixedCause::NotReported, .. } => OpenedBy::Reintroduced,
        Detection::Fixed { cause: FixedCause::Upgraded, .. } => {
            let Some(seen) = &finding.fixed_version_seen else { return OpenedBy::Regressed };
            match ecosystems::compare(finding.key.package.ecosystem, version, seen) {
                Ok(Ordering::Less) | Err(_) => OpenedBy::Regressed,
                Ok(Ordering::Equal | Ordering::Greater) => OpenedBy::RangeWidened,
            }
        }
    }
}

/// Ecosystem, source name and place.
type Installed<'a> = (Ecosystem, &'a str, &'a str);

/// What this evaluation can prove about findings that it did not match.
struct Absence<'a> {
    inventory: &'a Inventory,
    decided: BTreeSet<&'a Package>,
    /// What is installed, by package.
    installed: BTreeMap<Installed<'a>, Vec<&'a Component>>,
    undecided: BTreeSet<(&'a str, &'a VulnerabilityId)>,
    rejected: &'a dyn Fn(&VulnerabilityId) -> bool,
}

impl<'a> Absence<'a> {
    fn of(inventory: &'a Inventory, matches: &'a Matches, rejected: &'a dyn Fn(&VulnerabilityId) -> bool) -> Self {
        let mut installed: BTreeMap<Installed<'_>, Vec<&Component>> = BTreeMap::new();
        for component in inventory.components.iter().flatten() {
            let runs = inventory.running_kernel.as_ref().is_none_or(|running| *running == component.kernel);
            // Code of a kernel that does not run proves nothing about the one that does.
            if component.kernel.is_empty() || runs {
                let package = (component.ecosystem, component.source.as_str(), component.place());
                installed.entry(package).or_default().push(component);
            }
        }
        let undecided = matches
            .undecided()
            .filter_map(|entry| Some((entry.subject.as_str(), entry.vulnerability.as_ref()?)))
            .collect();
        Self { inventory, decided: matches.decided(), installed, undecided, rejected }
    }

    /// The negative evidence for one unmatched finding. `None`: nothing is proven.
    fn of_finding(&self, finding: &Finding) -> Option<Fact> {
        if !finding.detection.is_active() || !self.inventory.packages_complete() {
            return None;
        }
        // What another tool alone reports may be about what no inventory tells of: its own reports end it.
        if finding.strength == Strength::Reported {
            return None;
        }
        let strength = Strength::PackageDatabase;
        let package = &finding.key.package;
        let release = match package.ecosystem.is_distribution() {
            true => self.inventory.platform.release.as_ref()?,
            false => &Release::none(),
        };
        let here = Package { release: release.clone(), ..package.clone() };
        let installed = self.installed.get(&(package.ecosystem, package.name.as_str(), package.place.as_str()));
        if installed.is_some() && !self.decided.contains(&here) {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use domain::advisory::VendorStatus;
    use domain::inventory::{Area, Gap, Platform};
    use domain::verdict::{Confidence, Undecided, UndecidedKind};
    use jiff::Timestamp;
    use knowledge::Verdict;
    use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use uuid::Uuid;

    use super::*;

    const FLAWS: [&str; 2] = ["CVE-2099-0001", "CVE-2099-0002"];

    /// What the world looks like at one inspection of a host with one package.
    #[derive(Debug, Clone)]
    struct World {
        /// Installed version, 1 to 4. 0: not installed.
        installed: u8,
        /// Version that fixes each flaw. 0: no fix. `None`: the vendor does not know.
        fixed: [Option<u8>; 2],
        /// The package list was read whole.
        whole: bool,
        /// The feed decides about the package.
        decided: bool,
        rejected: bool,
        /// Old files are still in use after an upgrade.
        stale: bool,
    }

    fn worlds() -> impl Strategy<Value = Vec<World>> {
        let fixed = || prop_oneof![4 => (0_u8..=4).prop_map(Some), 1 => proptest::strategy::Just(None)];
        let world = (0_u8..=4, [fixed(), fixed()], any::<[bool; 4]>(), 0_u8..6).prop_map(
            |(installed, fixed, [whole, decided, stale, _], rejected)| World {
                installed,
                fixed,
                whole: whole || decided,
                decided,
                rejected: rejected == 0,
                stale,
            },
        );
        proptest::collection::vec(world, 1..12)
    }

    fn release() -> Release {
        Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() }
    }

    fn package() -> Package {
        Package { ecosystem: Ecosystem::Deb, release: release(), name: "demo".to_owned(), place: String::new() }
    }

    fn inventory(world: &World) -> Inventory {
        let component = Component {
            ecosystem: Ecosystem::Deb,
            source: "demo".to_owned(),
            source_version: format!("{}-1", world.installed),
            name: "demo-bin".to_owned(),
            version: format!("{}-1", world.installed),
            arch: "amd64".to_owned(),
            path: "var/lib/dpkg/status".to_owned(),
            kernel: String::new(),
            ..Component::default()
        };
        let gap =
            Gap { area: Area::Packages, subject: "var/lib/dpkg/status".to_owned(), reason: "truncated".to_owned() };
        let platform = Platform { name: "Debian".to_owned(), release: Some(release()), architecture: None };
        Inventory {
            components: Some(if world.installed == 0 { Vec::new() } else { vec![component.into()] }),
            stale_packages: Some(if world.stale { vec!["demo-bin".to_owned()] } else { Vec::new() }),
            gaps: if world.whole { Vec::new() } else { vec![gap] },
            ..Inventory::of(platform)
        }
    }

    fn affected(world: &World, flaw: usize) -> bool {
        let fixed = world.fixed[flaw];
        world.installed > 0
            && world.decided
            && !world.rejected
            && fixed.is_some_and(|fixed| fixed == 0 || world.installed < fixed)
    }

    fn matches(world: &World) -> Matches {
        let mut verdict = Verdict {
            package: package(),
            decided: world.decided,
            matched: Vec::new(),
            undecided: Vec::new(),
            unlisted: String::new(),
        };
        for (index, flaw) in FLAWS.iter().enumerate() {
            let vulnerability = VulnerabilityId::new(*flaw).unwrap();
            if affected(world, index) {
                let fixed = world.fixed[index].filter(|fixed| *fixed > 0);
                verdict.matched.push(Match {
                    package: package(),
                    vulnerability,
                    version: format!("{}-1", world.installed),
                    places: inventory(world).components.unwrap().into(),
                    source: "debian".to_owned(),
                    advisory: (*flaw).to_owned(),
                    vendor_status: if fixed.is_some() { VendorStatus::FixedIn } else { VendorStatus::Open },
                    urgency: String::new(),
                    fixed_version: fixed.map(|fixed| format!("{fixed}-1")),
                    restart_needed: false,
                    confidence: Confidence::High,
                });
            } else if world.fixed[index].is_none() && world.installed > 0 {
                verdict.undecided.push(Undecided {
                    kind: UndecidedKind::Verdict,
                    subject: "demo".to_owned(),
                    vulnerability: Some(vulnerability),
                    reason: "undetermined".to_owned(),
                });
            }
        }
        Matches { packages: vec![Arc::new(verdict)], ..Matches::default() }
    }

    fn at(hour: usize) -> Timestamp {
        Timestamp::from_second(4_000_000_000 + i64::try_from(hour).unwrap() * 3600).unwrap()
    }

    type State = BTreeMap<FindingKey, Finding>;

    fn step(state: &State, world: &World, hour: usize) -> Vec<Moved> {
        let asset = AssetId::from_uuid(Uuid::from_u128(1));
        let prior = state.values().cloned().collect();
        detect(asset, prior, &inventory(world), &matches(world), &|_| world.rejected, When::past(at(hour)))
    }

    proptest! {
        #[test]
        fn any_history_is_honest_idempotent_and_replayable(worlds in worlds()) {
            let mut state = State::new();
            let mut log: BTreeMap<FindingKey, Vec<Evidence>> = BTreeMap::new();
            for (hour, world) in worlds.iter().enumerate() {
                let before = state.clone();
                for moved in step(&state, world, hour) {
                    let kept = log.entry(moved.finding.key.clone()).or_default();
                    kept.extend(moved.evidence.iter().map(|(evidence, _)| evidence.clone()));
                    state.insert(moved.finding.key.clone(), moved.finding);
                }
                // Inspecting again, at once or later, changes nothing.
                for later in [hour, hour + 1] {
                    let again = step(&state, world, later);
                    prop_assert!(again.iter().all(|moved| moved.evidence.is_empty()), "{again:?}");
                }
                for (index, flaw) in FLAWS.iter().enumerate() {
                    let found = state.values().find(|finding| finding.key.vulnerability.as_str() == *flaw);
                    let active = found.is_some_and(|finding| finding.detection.is_active());
                    if affected(world, index) {
                        prop_assert!(active, "affected and not active: {flaw} at {hour}");
                    } else if !(world.whole && (world.decided || world.installed == 0)) {
                        // Nothing is proven, so nothing that was active may end.
                        let was = before.values().find(|f| f.key.vulnerability.as_str() == *flaw);
                        let was_active = was.is_some_and(|finding| finding.detection.is_active());
                        prop_assert_eq!(active, was_active, "ended without proof: {} at {}", flaw, hour);
                    } else if world.installed == 0 || (world.fixed[index].is_some() && !world.stale) {
                        prop_assert!(!active, "proven absent and still active: {flaw} at {hour}");
                    }
                }
            }
            for (key, finding) in &state {
                prop_assert_eq!(&Finding::replay(key.clone(), &log[key]).unwrap(), finding);
            }
        }
    }
}
