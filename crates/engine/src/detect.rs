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
    Change, ClosedCause, Detection, Evidence, Fact, Finding, FindingKey, FixedCause, OpenedBy, PendingCause, Strength,
};
use domain::ids::AssetId;
use domain::inventory::Inventory;
use domain::verdict::{Acquittal, Match};
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
    /// It was not among the findings before.
    pub is_new: bool,
}

/// What was read of an asset.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    pub inventory: &'a Inventory,
    /// The system was installed anew since its packages were last read whole: what is gone was not remediated.
    pub is_new_installation: bool,
}

/// How the advisories stand by which findings were found.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// Whether its publisher rejected a vulnerability.
    pub is_rejected: &'a dyn Fn(&VulnerabilityId) -> bool,
    /// Whether the feed that a finding rests on says nothing any more of the vulnerability in what is installed.
    pub is_gone: &'a dyn Fn(&Finding, &[&Component]) -> bool,
}

/// Applies one evaluation to the findings of one asset. Only findings that changed, and every matched one, come back. `when`
/// is when the inventory was read or judged; in the present it counts also if something else is later by a clock that was
/// ahead, or by a judgement of the inventory before it.
pub fn detect(
    asset: AssetId,
    prior: Vec<Finding>,
    reading: Reading<'_>,
    matches: &Matches,
    standing: Standing<'_>,
    when: When,
) -> Vec<Moved> {
    let mut prior: BTreeMap<FindingKey, Finding> = prior.into_iter().map(|f| (f.key.clone(), f)).collect();
    let mut moved = Vec::new();
    for matched in matches.matched() {
        let key = FindingKey { asset, package: matched.package.clone(), vulnerability: matched.vulnerability.clone() };
        let prior = prior.remove(&key);
        moved.extend(detected(key, prior, matched, when));
    }
    if prior.is_empty() {
        return moved;
    }
    let absence = Absence::of(reading, matches, standing);
    for mut finding in prior.into_values() {
        let Some(fact) = absence.of_finding(&finding) else { continue };
        let evidence = Evidence { observed_at: counts_from(&finding, when), fact };
        let change = finding.apply(&evidence);
        if change != Change::None {
            moved.push(Moved { finding, matched: None, evidence: vec![(evidence, change)], is_new: false });
        }
    }
    moved
}

/// When the latest word about a finding counts from: as soon as what is known of it already allows. A claim of a person or a run
/// is later than what was read before it, whatever that says.
fn counts_from(finding: &Finding, when: When) -> Timestamp {
    let known_at = finding.shown_at();
    let is_claimed = matches!(finding.detection, Detection::Pending { cause: PendingCause::FixClaimed, .. });
    if is_claimed && !when.is_overtaken_by(known_at) { when.at } else { when.after(known_at) }
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
    let at = prior.as_ref().map_or(when.at, |finding| counts_from(finding, when));
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
        Detection::Closed { cause, .. } => cause.undone_by(),
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
    /// By the operator's word alone.
    acquitted: BTreeMap<(&'a Package, &'a VulnerabilityId), &'a Acquittal>,
    standing: Standing<'a>,
    is_new_installation: bool,
}

impl<'a> Absence<'a> {
    fn of(reading: Reading<'a>, matches: &'a Matches, standing: Standing<'a>) -> Self {
        let Reading { inventory, is_new_installation } = reading;
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
        let acquitted = matches.packages.iter().flat_map(|verdict| {
            verdict.acquitted.iter().map(|acquittal| ((&verdict.package, &acquittal.vulnerability), acquittal))
        });
        let acquitted = acquitted.collect();
        Self { inventory, decided: matches.decided(), installed, undecided, acquitted, standing, is_new_installation }
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
        let undecided = self.undecided.contains(&(package.name.as_str(), &finding.key.vulnerability));
        let same = || installed.is_some_and(|all| all.iter().any(|one| one.source_version == finding.version));
        if *release != package.release {
            // A repository of another release was added: the very code that was found may be there yet.
            if undecided && same() {
                return None;
            }
            return Some(Fact::Ended { cause: ClosedCause::Reimaged });
        }
        let Some(installed) = installed else {
            return Some(self.gone(FixedCause::Removed, None));
        };
        if undecided {
            return None;
        }
        if (self.standing.is_rejected)(&finding.key.vulnerability) {
            return Some(Fact::Ended { cause: ClosedCause::Withdrawn });
        }
        let acquitted = self.acquitted.get(&(&here, &finding.key.vulnerability));
        let decided = |acquittal: &Acquittal| Fact::NotAffected {
            source: acquittal.source.clone(),
            statement: acquittal.statement.clone(),
        };
        if same() {
            return Some(match acquitted {
                Some(acquittal) => decided(acquittal),
                None if (self.standing.is_gone)(finding, installed) => Fact::Ended { cause: ClosedCause::Withdrawn },
                None => Fact::Ended { cause: ClosedCause::RangeCorrected },
            });
        }
        let stale = self.inventory.stale_packages.as_deref().unwrap_or_default();
        if installed.iter().any(|component| stale.contains(&component.name)) {
            return Some(Fact::RestartNeeded { strength });
        }
        if let Some(acquittal) = acquitted.filter(|acquittal| acquittal.overrules) {
            return Some(decided(acquittal));
        }
        let version = installed.first().map(|component| component.source_version.clone());
        Some(self.gone(FixedCause::Upgraded, version))
    }

    /// It is not there any more, by whatever became of the system.
    fn gone(&self, cause: FixedCause, version: Option<String>) -> Fact {
        match self.is_new_installation {
            true => Fact::Ended { cause: ClosedCause::Reimaged },
            false => Fact::Absent { cause, version, strength: Strength::PackageDatabase },
        }
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
        /// Which release of the system is installed.
        release: u8,
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
        /// The system was installed anew since the inspection before.
        anew: bool,
    }

    fn worlds() -> impl Strategy<Value = Vec<World>> {
        let fixed = || prop_oneof![4 => (0_u8..=4).prop_map(Some), 1 => proptest::strategy::Just(None)];
        let release = prop_oneof![2 => proptest::strategy::Just(0_u8), 1 => 1_u8..3];
        let world = (release, 0_u8..=4, [fixed(), fixed()], any::<[bool; 4]>(), 0_u8..6).prop_map(
            |(release, installed, fixed, [whole, decided, stale, anew], rejected)| World {
                release,
                installed,
                fixed,
                whole: whole || decided,
                decided,
                rejected: rejected == 0,
                stale,
                anew,
            },
        );
        proptest::collection::vec(world, 1..12)
    }

    fn release(world: &World) -> Release {
        let name = ["bookworm", "trixie", "forky"][usize::from(world.release)];
        Release { distribution: "debian".to_owned(), name: name.to_owned() }
    }

    fn package(world: &World) -> Package {
        Package { ecosystem: Ecosystem::Deb, release: release(world), name: "demo".to_owned(), place: String::new() }
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
        let platform = Platform { name: "Debian".to_owned(), release: Some(release(world)), architecture: None };
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
            package: package(world),
            decided: world.decided,
            matched: Vec::new(),
            undecided: Vec::new(),
            acquitted: Vec::new(),
            unlisted: String::new(),
        };
        for (index, flaw) in FLAWS.iter().enumerate() {
            let vulnerability = VulnerabilityId::new(*flaw).unwrap();
            if affected(world, index) {
                let fixed = world.fixed[index].filter(|fixed| *fixed > 0);
                verdict.matched.push(Match {
                    package: package(world),
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

    fn asset() -> AssetId {
        AssetId::from_uuid(Uuid::from_u128(1))
    }

    type State = BTreeMap<FindingKey, Finding>;

    fn step(state: &State, world: &World, hour: usize) -> Vec<Moved> {
        let prior = state.values().cloned().collect();
        detect(
            asset(),
            prior,
            Reading { inventory: &inventory(world), is_new_installation: world.anew },
            &matches(world),
            Standing { is_rejected: &|_| world.rejected, is_gone: &|_, _| false },
            When::present(at(hour), at(hour)),
        )
    }

    proptest! {
        #[test]
        fn any_history_is_honest_idempotent_and_replayable(worlds in worlds()) {
            let mut state = State::new();
            let mut log: BTreeMap<FindingKey, Vec<Evidence>> = BTreeMap::new();
            for (hour, world) in worlds.iter().enumerate() {
                let before = state.clone();
                for moved in step(&state, world, hour) {
                    let is_remedied = moved.evidence.iter().any(|(evidence, _)| matches!(evidence.fact, Fact::Absent { .. }));
                    prop_assert!(!world.anew || !is_remedied, "a new system is no remediation at {hour}");
                    let kept = log.entry(moved.finding.key.clone()).or_default();
                    kept.extend(moved.evidence.iter().map(|(evidence, _)| evidence.clone()));
                    state.insert(moved.finding.key.clone(), moved.finding);
                }
                // Inspecting again, at once or later, changes nothing.
                for later in [hour, hour + 1] {
                    let again = step(&state, world, later);
                    prop_assert!(again.iter().all(|moved| moved.evidence.is_empty()), "{again:?}");
                }
                let active = |state: &State| -> BTreeSet<FindingKey> {
                    let active = state.values().filter(|finding| finding.detection.is_active());
                    active.map(|finding| finding.key.clone()).collect()
                };
                let (was, is) = (active(&before), active(&state));
                let proves = world.whole && (world.decided || world.installed == 0);
                // Nothing is proven, so nothing that was active may end.
                prop_assert!(proves || was.is_subset(&is), "ended without proof at {hour}: {was:?} {is:?}");
                for (index, flaw) in FLAWS.iter().enumerate() {
                    let vulnerability = VulnerabilityId::new(*flaw).unwrap();
                    let key = FindingKey { asset: asset(), package: package(world), vulnerability };
                    let decided = world.fixed[index].is_some();
                    if affected(world, index) {
                        prop_assert!(is.contains(&key), "affected and not active: {flaw} at {hour}");
                    } else if proves && (world.installed == 0 || (decided && !world.stale)) {
                        prop_assert!(!is.contains(&key), "proven absent and still active: {flaw} at {hour}");
                    }
                    // What belongs to another release is gone with it, unless nobody can tell.
                    let elsewhere = |found: &&FindingKey| {
                        found.vulnerability == key.vulnerability && found.package != key.package
                    };
                    if proves && (world.installed == 0 || decided) {
                        prop_assert_eq!(is.iter().find(elsewhere), None, "of another release at {}", hour);
                    }
                }
            }
            for (key, finding) in &state {
                prop_assert_eq!(&Finding::replay(key.clone(), &log[key]).unwrap(), finding);
            }
        }
    }
    const PLAIN: World = World {
        release: 0,
        installed: 1,
        fixed: [Some(2), Some(1)],
        whole: true,
        decided: true,
        rejected: false,
        stale: false,
        anew: false,
    };

    /// All findings after these inspections, one an hour.
    fn after(worlds: &[World]) -> Vec<Finding> {
        let mut state = State::new();
        for (hour, world) in worlds.iter().enumerate() {
            let moved = step(&state, world, hour);
            state.extend(moved.into_iter().map(|moved| (moved.finding.key.clone(), moved.finding)));
        }
        state.into_values().collect()
    }

    #[test]
    fn a_system_that_goes_back_to_its_old_release_has_its_old_findings_again() {
        let upgraded = World { release: 1, fixed: [Some(1), Some(1)], ..PLAIN };
        let [closed] = &after(&[PLAIN, upgraded.clone()])[..] else { panic!("one finding") };
        assert_eq!(closed.detection, Detection::Closed { at: at(1), cause: ClosedCause::Reimaged });
        let [back] = &after(&[PLAIN, upgraded, PLAIN])[..] else { panic!("one finding") };
        assert_eq!((back.detection, back.episodes.len()), (Detection::Open, 2));
        assert_eq!((back.episode().opened_by, back.first_detected_at()), (OpenedBy::RolledBack, at(0)));
    }

    #[test]
    fn what_a_new_installation_of_the_same_release_lacks_was_not_remediated() {
        for installed in [0, 3] {
            let anew = World { installed, anew: true, ..PLAIN };
            let [closed] = &after(&[PLAIN, anew.clone()])[..] else { panic!("one finding") };
            assert_eq!(closed.detection, Detection::Closed { at: at(1), cause: ClosedCause::Reimaged });
            let [back] = &after(&[PLAIN, anew, PLAIN])[..] else { panic!("one finding") };
            assert_eq!((back.detection, back.episode().opened_by), (Detection::Open, OpenedBy::RolledBack));
        }
        // What it has as well goes on.
        let [found] = &after(&[PLAIN, World { anew: true, ..PLAIN }])[..] else { panic!("one finding") };
        assert_eq!((found.detection, found.episodes.len()), (Detection::Open, 1));
    }

    #[test]
    fn the_same_code_under_another_release_is_there_until_somebody_decides() {
        let unknown = World { release: 1, fixed: [None, Some(1)], ..PLAIN };
        let [found] = &after(&[PLAIN, unknown.clone()])[..] else { panic!("one finding") };
        assert_eq!(found.detection, Detection::Open);
        // Other code is not what was found.
        let [found] = &after(&[PLAIN, World { installed: 3, ..unknown }])[..] else { panic!("one finding") };
        assert_eq!(found.detection, Detection::Closed { at: at(1), cause: ClosedCause::Reimaged });
    }
}
