//! The finding: one (asset, package, vulnerability) for its whole life, and the machine that moves it.
//!
//! Detection is what evidence says (docs/book/src/life-cycle.md). What people decide and what is being done are other
//! machines and live elsewhere. A finding is never deleted, and its state is the fold of its evidence:
//! [`Finding::apply`] is the only way to change one.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::component::Package;
use crate::digest;
use crate::ids::{AssetId, FindingId};
use crate::vulnerability::VulnerabilityId;

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FindingKey {
    pub asset: AssetId,
    pub package: Package,
    pub vulnerability: VulnerabilityId,
}

impl FindingKey {
    /// The public identifier, the same after every replay: a version 8 UUID that ends as the asset's does, behind what is the
    /// same on every asset.
    pub fn id(&self) -> FindingId {
        let mut bytes = Defect::of(&self.package, &self.vulnerability).0;
        bytes[8..].copy_from_slice(&self.asset.uuid().as_bytes()[8..]);
        FindingId::from_uuid(Uuid::new_v8(bytes))
    }
}

/// What a finding is about, on whatever asset: 128 bits over the package and the vulnerability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Defect([u8; 16]);

impl Defect {
    pub fn of(package: &Package, vulnerability: &VulnerabilityId) -> Self {
        let parts = [
            package.ecosystem.as_str(),
            &package.release.distribution,
            &package.release.name,
            &package.name,
            &package.place,
            vulnerability.as_str(),
        ];
        Self(digest::half(Sha256::new(), &parts))
    }

    /// All of it.
    pub const fn number(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The same in hexadecimal digits.
    pub fn digest(self) -> String {
        digest::in_digits(self.number())
    }

    /// What the public id of each of its findings begins with.
    pub fn code(self) -> i64 {
        FindingId::from_uuid(Uuid::new_v8(self.0)).code()
    }
}

/// Where the evidence has brought the finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Detection {
    /// Live positive evidence.
    Open,
    /// A fix is claimed or installed, and not yet active or verified.
    Pending { since: Timestamp, cause: PendingCause },
    /// Absence is proven.
    Fixed { at: Timestamp, cause: FixedCause },
    /// The asset has not been seen in its window; nobody knows.
    Stale { since: Timestamp },
    /// Ended without remediation.
    Closed { at: Timestamp, cause: ClosedCause },
}

/// A [`Detection`] without its details: what lists filter and count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Open,
    Pending,
    Stale,
    Fixed,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingCause {
    /// A remediation run or a person says that it is done.
    FixClaimed,
    /// The new code is installed and the old one still runs.
    RestartNeeded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixedCause {
    Upgraded,
    Removed,
    /// The tool that reported it no longer does, after a whole run over the same scope.
    NotReported,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedCause {
    AssetRetired,
    Reimaged,
    Merged,
    /// The advisory is gone from its feed, or the vulnerability rejected.
    Withdrawn,
    /// The advisory was corrected; the installed version was never affected.
    RangeCorrected,
    /// The operator decided that it is not affected.
    NotAffected,
}

/// How an episode began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenedBy {
    /// First detection on this asset.
    Detected,
    /// The same package is back at the affected or a lower version.
    Regressed,
    /// The package had been removed and was installed again.
    Reintroduced,
    /// The advisory now covers a version that counted as fixed.
    RangeWidened,
    /// The asset had been retired and is back.
    Resurrected,
    /// A withdrawn advisory was reinstated.
    Reinstated,
    /// A tool reports again what it had ceased to report.
    ReportedAgain,
    /// The system had been installed anew without it, and has it again.
    RolledBack,
    /// The asset had been taken for another one and is itself again.
    Parted,
    /// The operator's word that it is not affected is taken back, or is not about what is installed now.
    DecisionLapsed,
}

/// How strong a method is: a finding closes only by one at least as strong as the one that found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Said by another tool; how it looked, nobody here knows.
    Reported,
    /// Seen from the network.
    Remote,
    /// Read from the package database on the asset.
    PackageDatabase,
}

/// From first detection to proven absence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    pub number: u32,
    pub opened_by: OpenedBy,
    /// First positive evidence.
    pub detected_at: Timestamp,
    /// Latest positive evidence that changed something here; the asset's last inspection says more.
    pub confirmed_at: Timestamp,
    /// First negative evidence, or the closing event. `None`: still going on.
    pub ended_at: Option<Timestamp>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub key: FindingKey,
    pub detection: Detection,
    /// Source version of the latest positive evidence.
    pub version: String,
    /// Source version that proved the absence, where the latest ending was an upgrade: tells a regression (older than
    /// this) from a widened range.
    pub fixed_version_seen: Option<String>,
    /// Strongest method that has found it in the current episode.
    pub strength: Strength,
    /// Every episode, oldest first. Never empty.
    pub episodes: Vec<Episode>,
    /// Claims that a later inspection disproved.
    pub failed_fixes: u32,
    /// The latest evidence that moved the state: older evidence never flips it.
    pub moved_at: Timestamp,
}

/// One thing learnt about one finding, observed at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub observed_at: Timestamp,
    pub fact: Fact,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The affected code is there, at this source version; `cause` counts where the finding had ended.
    Detected { version: String, strength: Strength, cause: OpenedBy },
    /// The affected code is not there; `version` is the source version found instead, if the package still is.
    Absent { cause: FixedCause, version: Option<String>, strength: Strength },
    /// The fixed code is installed, the affected code still runs.
    RestartNeeded { strength: Strength },
    /// A remediation run or a person says that it is done.
    FixClaimed,
    /// Nobody verified the claim in time.
    VerificationTimedOut,
    /// The asset was not seen within its window.
    Unseen,
    /// An authoritative event ended the finding without remediation.
    Ended { cause: ClosedCause },
    /// The operator says that it is not affected, in this statement of this feed.
    NotAffected { source: String, statement: String },
}

/// What a piece of evidence did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Nothing: repeated, too weak, or impossible here. Such evidence is not kept.
    None,
    /// Dates or version only.
    Noted,
    /// The state moved.
    Moved,
}

impl Detection {
    /// Whether the finding counts as risk today: open, pending and stale do.
    pub const fn is_active(self) -> bool {
        match self {
            Self::Open | Self::Pending { .. } | Self::Stale { .. } => true,
            Self::Fixed { .. } | Self::Closed { .. } => false,
        }
    }

    /// The state without its details.
    pub const fn state(self) -> State {
        match self {
            Self::Open => State::Open,
            Self::Pending { .. } => State::Pending,
            Self::Fixed { .. } => State::Fixed,
            Self::Stale { .. } => State::Stale,
            Self::Closed { .. } => State::Closed,
        }
    }

    /// The state's word.
    pub const fn as_str(self) -> &'static str {
        self.state().as_str()
    }
}

impl ClosedCause {
    /// What has happened where later evidence shows that a finding which ended so is there all the same.
    pub const fn undone_by(self) -> OpenedBy {
        match self {
            Self::AssetRetired => OpenedBy::Resurrected,
            Self::Reimaged => OpenedBy::RolledBack,
            Self::Merged => OpenedBy::Parted,
            Self::Withdrawn | Self::RangeCorrected => OpenedBy::Reinstated,
            Self::NotAffected => OpenedBy::DecisionLapsed,
        }
    }
}

impl State {
    /// Every state, the active ones first.
    pub const ALL: [Self; 5] = [Self::Open, Self::Pending, Self::Stale, Self::Fixed, Self::Closed];

    /// What counts as risk today, as [`Detection::is_active`] has it.
    pub const ACTIVE: [Self; 3] = [Self::Open, Self::Pending, Self::Stale];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Stale => "stale",
            Self::Fixed => "fixed",
            Self::Closed => "closed",
        }
    }
}

impl Finding {
    /// Opens a finding on its first positive evidence; no other evidence can begin one.
    pub fn open(key: FindingKey, evidence: &Evidence) -> Option<Self> {
        let Fact::Detected { version, strength, .. } = &evidence.fact else { return None };
        let at = evidence.observed_at;
        Some(Self {
            key,
            detection: Detection::Open,
            version: version.clone(),
            fixed_version_seen: None,
            strength: *strength,
            episodes: vec![Episode {
                number: 1,
                opened_by: OpenedBy::Detected,
                detected_at: at,
                confirmed_at: at,
                ended_at: None,
            }],
            failed_fixes: 0,
            moved_at: at,
        })
    }

    /// Rebuilds a finding from all of its evidence, in the order in which it was kept.
    pub fn replay<'a>(key: FindingKey, evidence: impl IntoIterator<Item = &'a Evidence>) -> Option<Self> {
        let mut evidence = evidence.into_iter();
        let mut finding = Self::open(key, evidence.next()?)?;
        for piece in evidence {
            finding.apply(piece);
        }
        Some(finding)
    }

    /// Takes one piece of evidence in.
    pub fn apply(&mut self, evidence: &Evidence) -> Change {
        if evidence.observed_at < self.moved_at {
            return self.apply_late(evidence);
        }
        let at = evidence.observed_at;
        match &evidence.fact {
            Fact::Detected { version, strength, cause } => self.detected(at, version, *strength, *cause),
            Fact::Absent { cause, version, strength } => self.absent(at, *cause, version.as_deref(), *strength),
            Fact::RestartNeeded { strength } => self.restart_needed(at, *strength),
            Fact::FixClaimed => match self.detection {
                Detection::Open => self.move_to(at, Detection::Pending { since: at, cause: PendingCause::FixClaimed }),
                Detection::Pending { .. } | Detection::Fixed { .. } => Change::None,
                Detection::Stale { .. } | Detection::Closed { .. } => Change::None,
            },
            Fact::VerificationTimedOut => match self.detection {
                Detection::Pending { .. } => self.move_to(at, Detection::Open),
                Detection::Open | Detection::Fixed { .. } => Change::None,
                Detection::Stale { .. } | Detection::Closed { .. } => Change::None,
            },
            Fact::Unseen => match self.detection {
                Detection::Open | Detection::Pending { .. } => self.move_to(at, Detection::Stale { since: at }),
                Detection::Fixed { .. } | Detection::Stale { .. } | Detection::Closed { .. } => Change::None,
            },
            Fact::Ended { cause } => self.ended(at, *cause),
            Fact::NotAffected { .. } => self.ended(at, ClosedCause::NotAffected),
        }
    }

    /// The episode that is going on, or the last one that did.
    pub fn episode(&self) -> &Episode {
        self.episodes.last().expect("a finding is opened with an episode and none is ever removed")
    }

    /// The latest evidence that anything here is from.
    pub fn shown_at(&self) -> Timestamp {
        self.moved_at.max(self.episode().confirmed_at)
    }

    /// First positive evidence of all.
    pub fn first_detected_at(&self) -> Timestamp {
        self.episodes[0].detected_at
    }

    /// How long the asset was exposed: the sum over the episodes, the running one up to `now`.
    pub fn exposure_time(&self, now: Timestamp) -> SignedDuration {
        self.episodes.iter().fold(SignedDuration::ZERO, |sum, episode| {
            let end = episode.ended_at.unwrap_or(now);
            sum + end.duration_since(episode.detected_at).max(SignedDuration::ZERO)
        })
    }

    fn detected(&mut self, at: Timestamp, version: &str, strength: Strength, cause: OpenedBy) -> Change {
        match self.detection {
            Detection::Open => self.confirm(at, version, strength),
            Detection::Pending { since, cause } => {
                if at <= since {
                    return self.confirm(at, version, strength);
                }
                if cause == PendingCause::FixClaimed {
                    self.failed_fixes += 1;
                }
                self.confirm(at, version, strength);
                self.move_to(at, Detection::Open)
            }
            Detection::Stale { .. } => {
                self.confirm(at, version, strength);
                self.move_to(at, Detection::Open)
            }
            Detection::Fixed { at: ended, .. } | Detection::Closed { at: ended, .. } => {
                // Whatever ended it: what is seen later is there.
                if at <= ended {
                    return Change::None;
                }
                let number = self.episode().number + 1;
                self.episodes.push(Episode {
                    number,
                    opened_by: cause,
                    detected_at: at,
                    confirmed_at: at,
                    ended_at: None,
                });
                version.clone_into(&mut self.version);
                self.strength = strength;
                self.move_to(at, Detection::Open)
            }
        }
    }

    fn absent(&mut self, at: Timestamp, cause: FixedCause, version: Option<&str>, strength: Strength) -> Change {
        if strength < self.strength {
            return Change::None;
        }
        match self.detection {
            Detection::Open | Detection::Pending { .. } | Detection::Stale { .. } => {
                // Positive and negative evidence of the same instant: the positive one stands.
                if at <= self.episode().confirmed_at {
                    return Change::None;
                }
                self.end_episode(at);
                self.fixed_version_seen = version.map(str::to_owned);
                self.move_to(at, Detection::Fixed { at, cause })
            }
            Detection::Fixed { .. } | Detection::Closed { .. } => Change::None,
        }
    }

    fn restart_needed(&mut self, at: Timestamp, strength: Strength) -> Change {
        if strength < self.strength {
            return Change::None;
        }
        let pending = Detection::Pending { since: at, cause: PendingCause::RestartNeeded };
        match self.detection {
            Detection::Open | Detection::Stale { .. } => self.move_to(at, pending),
            Detection::Pending { cause: PendingCause::FixClaimed, .. } => self.move_to(at, pending),
            Detection::Pending { cause: PendingCause::RestartNeeded, .. } => Change::None,
            Detection::Fixed { .. } | Detection::Closed { .. } => Change::None,
        }
    }

    fn ended(&mut self, at: Timestamp, cause: ClosedCause) -> Change {
        match self.detection {
            Detection::Open | Detection::Pending { .. } | Detection::Stale { .. } => {
                self.end_episode(at);
                self.move_to(at, Detection::Closed { at, cause })
            }
            Detection::Fixed { .. } | Detection::Closed { .. } => Change::None,
        }
    }

    /// Evidence older than the last move edits dates only.
    fn apply_late(&mut self, evidence: &Evidence) -> Change {
        let Fact::Detected { .. } = evidence.fact else { return Change::None };
        let at = evidence.observed_at;
        let first = &mut self.episodes[0];
        if at < first.detected_at {
            first.detected_at = at;
            return Change::Noted;
        }
        Change::None
    }

    fn confirm(&mut self, at: Timestamp, version: &str, strength: Strength) -> Change {
        let news = self.version != version || strength > self.strength;
        if news {
            version.clone_into(&mut self.version);
            self.strength = self.strength.max(strength);
            if let Some(episode) = self.episodes.last_mut() {
                episode.confirmed_at = episode.confirmed_at.max(at);
            }
            return Change::Noted;
        }
        Change::None
    }

    fn end_episode(&mut self, at: Timestamp) {
        if let Some(episode) = self.episodes.last_mut() {
            episode.ended_at = Some(at);
        }
    }

    fn move_to(&mut self, at: Timestamp, detection: Detection) -> Change {
        self.detection = detection;
        self.moved_at = at;
        Change::Moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{Ecosystem, Release};

    fn key() -> FindingKey {
        FindingKey {
            asset: AssetId::from_uuid(Uuid::from_u128(7)),
            package: Package {
                ecosystem: Ecosystem::Deb,
                release: Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() },
                name: "openssl".to_owned(),
                place: String::new(),
            },
            vulnerability: VulnerabilityId::new("CVE-2099-0001").unwrap(),
        }
    }

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(4_000_000_000 + hour * 3600).unwrap()
    }

    fn evidence(hour: i64, fact: Fact) -> Evidence {
        Evidence { observed_at: at(hour), fact }
    }

    fn detected() -> Fact {
        Fact::Detected { version: "1.0-1".to_owned(), strength: Strength::PackageDatabase, cause: OpenedBy::Regressed }
    }

    fn absent() -> Fact {
        Fact::Absent {
            cause: FixedCause::Upgraded,
            version: Some("1.0-2".to_owned()),
            strength: Strength::PackageDatabase,
        }
    }

    /// The events of the model check.
    fn events() -> [Fact; 12] {
        [
            detected(),
            absent(),
            Fact::Absent { cause: FixedCause::Removed, version: None, strength: Strength::Remote },
            Fact::RestartNeeded { strength: Strength::PackageDatabase },
            Fact::FixClaimed,
            Fact::VerificationTimedOut,
            Fact::Unseen,
            Fact::Ended { cause: ClosedCause::AssetRetired },
            Fact::Ended { cause: ClosedCause::Withdrawn },
            Fact::Ended { cause: ClosedCause::Reimaged },
            Fact::Ended { cause: ClosedCause::Merged },
            Fact::NotAffected { source: "local".to_owned(), statement: "vex.json".to_owned() },
        ]
    }

    fn check_invariants(finding: &Finding, seen: &[Evidence]) {
        let running = finding.episodes.iter().filter(|e| e.ended_at.is_none()).count();
        assert_eq!(running, usize::from(finding.detection.is_active()), "one running episode while active: {seen:?}");
        for (index, episode) in finding.episodes.iter().enumerate() {
            assert_eq!(episode.number as usize, index + 1);
            assert!(episode.detected_at <= episode.confirmed_at, "{seen:?}");
            assert!(episode.ended_at.is_none_or(|end| episode.confirmed_at < end), "{seen:?}");
        }
        if let Detection::Fixed { at, .. } = finding.detection {
            let proof = seen.iter().any(|e| e.observed_at == at && matches!(e.fact, Fact::Absent { .. }));
            assert!(proof, "fixed never without an absence: {seen:?}");
        }
    }

    #[test]
    fn every_sequence_of_six_events_keeps_the_invariants() {
        fn walk(finding: &Finding, seen: &mut Vec<Evidence>, facts: &[Fact; 12], left: usize) {
            if left == 0 {
                return;
            }
            for fact in facts {
                let piece = evidence(seen.len() as i64, fact.clone());
                let mut next = finding.clone();
                let change = next.apply(&piece);
                assert_eq!(change == Change::None, next == *finding, "no change means no difference: {seen:?}");
                seen.push(piece.clone());
                check_invariants(&next, seen);
                let found = matches!(piece.fact, Fact::Detected { .. });
                assert!(!found || next.detection.is_active(), "seen last, and not active: {seen:?}");
                let mut again = next.clone();
                if !found || next.detection == Detection::Open {
                    again.apply(&piece);
                    assert_eq!(again, next, "evidence taken twice changes nothing: {seen:?}");
                }
                walk(&next, seen, facts, left - 1);
                seen.pop();
            }
        }
        let first = evidence(0, detected());
        let finding = Finding::open(key(), &first).unwrap();
        walk(&finding, &mut vec![first], &events(), 5);
    }

    #[test]
    fn only_positive_evidence_begins_a_finding() {
        for fact in events() {
            let begins = matches!(fact, Fact::Detected { .. });
            assert_eq!(Finding::open(key(), &evidence(0, fact)).is_some(), begins);
        }
    }

    #[test]
    fn a_regression_is_the_same_finding_with_a_new_episode() {
        let history =
            [evidence(0, detected()), evidence(24, absent()), evidence(48, detected()), evidence(60, absent())];
        let finding = Finding::replay(key(), &history).unwrap();
        assert_eq!(finding.key.id(), key().id());
        assert_eq!(finding.episodes.len(), 2);
        assert_eq!(finding.episodes[1].opened_by, OpenedBy::Regressed);
        assert_eq!(finding.first_detected_at(), at(0));
        assert_eq!(finding.exposure_time(at(1000)), SignedDuration::from_hours(24 + 12));
    }

    #[test]
    fn whatever_closed_it_is_undone_by_what_is_seen_later() {
        use ClosedCause::{AssetRetired, Merged, NotAffected, RangeCorrected, Reimaged, Withdrawn};
        for cause in [AssetRetired, Reimaged, Merged, Withdrawn, RangeCorrected, NotAffected] {
            let mut finding = Finding::open(key(), &evidence(0, detected())).unwrap();
            finding.apply(&evidence(5, Fact::Ended { cause }));
            assert_eq!(finding.apply(&evidence(5, detected())), Change::None, "no later than its end");
            let strength = Strength::PackageDatabase;
            let back = Fact::Detected { version: "1.0-1".to_owned(), strength, cause: cause.undone_by() };
            assert_eq!(finding.apply(&evidence(6, back)), Change::Moved, "{cause:?}");
            assert_eq!((finding.detection, finding.episodes.len()), (Detection::Open, 2));
            assert_eq!((finding.first_detected_at(), finding.episode().detected_at), (at(0), at(6)));
            assert_eq!(finding.episode().opened_by, cause.undone_by());
        }
    }

    #[test]
    fn weaker_evidence_never_closes() {
        let mut finding = Finding::open(key(), &evidence(0, detected())).unwrap();
        let weak = Fact::Absent { cause: FixedCause::Removed, version: None, strength: Strength::Remote };
        assert_eq!(finding.apply(&evidence(1, weak)), Change::None);
        assert_eq!(finding.detection, Detection::Open);
    }

    #[test]
    fn late_evidence_edits_dates_and_never_flips_the_present() {
        let mut finding = Finding::open(key(), &evidence(10, detected())).unwrap();
        finding.apply(&evidence(20, absent()));
        assert_eq!(finding.apply(&evidence(15, detected())), Change::None);
        assert_eq!(finding.apply(&evidence(5, detected())), Change::Noted);
        assert_eq!(finding.first_detected_at(), at(5));
        assert!(matches!(finding.detection, Detection::Fixed { .. }));
    }

    #[test]
    fn a_claim_that_an_inspection_disproves_counts_as_a_failed_fix() {
        let mut finding = Finding::open(key(), &evidence(0, detected())).unwrap();
        finding.apply(&evidence(1, Fact::FixClaimed));
        assert!(matches!(finding.detection, Detection::Pending { cause: PendingCause::FixClaimed, .. }));
        finding.apply(&evidence(2, detected()));
        assert_eq!((finding.detection, finding.failed_fixes), (Detection::Open, 1));
    }
}
