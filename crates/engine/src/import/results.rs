//! What one result does to one finding. Pure.

use domain::advisory::VendorStatus;
use domain::finding::FindingKey;
use domain::verdict::Confidence;
use store::report::ReportEntry;

use super::{
    Change, ClosedCause, Counts, Detection, Elsewhere, Evidence, Fact, Finding, FindingId, FixedCause, Match, OpenedBy,
    ReportScope, Reported, SignedDuration, Strength, Timestamp,
};

/// What a report does to one finding.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// A result stands for it.
    pub(super) seen: bool,
    pub(super) matched: Option<Match>,
    pub(super) evidence: Vec<(Evidence, Change)>,
}

impl Step {
    /// Takes in that the report has it.
    pub(super) fn detect(
        &mut self,
        finding: &mut Option<Finding>,
        key: FindingKey,
        result: &Reported,
        at: Timestamp,
        counts: &mut Counts,
    ) {
        use ClosedCause::{AssetRetired, Merged, Reimaged};
        self.seen = true;
        let cause = match finding.as_ref().map(|finding| finding.detection) {
            Some(Detection::Closed { cause: cause @ (AssetRetired | Reimaged | Merged), .. }) => cause.undone_by(),
            _ => OpenedBy::ReportedAgain,
        };
        let fact = Fact::Detected { version: result.version(), strength: Strength::Reported, cause };
        let Some(known) = finding else {
            let evidence = Evidence { observed_at: at, fact };
            *finding = Finding::open(key, &evidence);
            self.evidence.push((evidence, Change::Moved));
            counts.created += 1;
            return;
        };
        let was_active = known.detection.is_active();
        // What we have seen ourselves, we know better.
        if was_active && known.strength > Strength::Reported {
            counts.untouched += 1;
            return;
        }
        // Seen then; and where another scope ceased to report it a little later, the latest word of this one counts now.
        for again in [false, true] {
            if again && known.detection.is_active() {
                break;
            }
            let observed_at = if again { at.max(after(known.moved_at)) } else { at };
            let evidence = Evidence { observed_at, fact: fact.clone() };
            let change = known.apply(&evidence);
            if change != Change::None {
                self.evidence.push((evidence, change));
            }
        }
        match !was_active && known.detection.is_active() {
            true => counts.reopened += 1,
            false => counts.untouched += 1,
        }
    }

    /// Takes in that the report has it no longer, and what other scopes say of it.
    pub(super) fn miss(
        &mut self,
        finding: &mut Finding,
        elsewhere: Option<Elsewhere>,
        at: Timestamp,
        counts: &mut Counts,
    ) {
        if elsewhere.is_some_and(|says| says.reported) || !finding.detection.is_active() {
            return;
        }
        let others = elsewhere.and_then(|says| says.gone_at).unwrap_or(at);
        let at = at.max(others).max(after(finding.episode().confirmed_at)).max(finding.moved_at);
        let fact = Fact::Absent { cause: FixedCause::NotReported, version: None, strength: Strength::Reported };
        let evidence = Evidence { observed_at: at, fact };
        let change = finding.apply(&evidence);
        if change != Change::None {
            self.evidence.push((evidence, change));
        }
        if matches!(finding.detection, Detection::Fixed { .. }) {
            counts.closed += 1;
        }
    }
}

/// The next instant that the store can tell from this one.
fn after(at: Timestamp) -> Timestamp {
    at.checked_add(SignedDuration::from_millis(1)).unwrap_or(at)
}

/// What a finding rests on, in the words of our own matches.
pub(super) fn matched(result: &Reported, key: &FindingKey, scope: &ReportScope) -> Match {
    Match {
        package: key.package.clone(),
        vulnerability: key.vulnerability.clone(),
        version: result.version(),
        places: Vec::new().into(),
        source: scope.tool.clone(),
        advisory: result.rule.clone(),
        vendor_status: if result.suppressed.is_some() { VendorStatus::Suppressed } else { VendorStatus::Reported },
        urgency: result.severity.clone(),
        fixed_version: result.fixed_version.clone(),
        restart_needed: false,
        confidence: Confidence::Medium,
    }
}

/// Whether a finding rests on the new match from now on: never instead of our own, and of two tools the first one counts.
pub(super) fn overwrites(old: Option<&Match>, new: &Match) -> bool {
    match old {
        None => true,
        Some(old) => old.vendor_status.is_report() && old.source == new.source && old != new,
    }
}

/// What is kept of a result.
pub(super) fn entry_of(
    result: &Reported,
    finding: FindingId,
    before: Option<&ReportEntry>,
    at: Timestamp,
) -> ReportEntry {
    ReportEntry {
        identity: result.identity.clone(),
        finding,
        rule: result.rule.clone(),
        severity: result.severity.clone(),
        message: result.message.clone(),
        path: result.location.path.clone(),
        url: result.location.url.clone(),
        object: result.location.object.clone(),
        line: result.location.line,
        suppressed: result.suppressed.clone(),
        first_at: before.map_or(at, |entry| entry.first_at),
        gone_at: None,
    }
}
