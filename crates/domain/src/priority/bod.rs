//! Rule: the remediation table of CISA's BOD 26-04 (methods.md §2.8).

use crate::exposure::Exposure;

use super::ssvc::Answers;

/// The outcome of a row, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    ThreeDaysWithTriage,
    ThreeDays,
    FourteenDays,
    SixtyDays,
    SystemUpgrade,
}

use Outcome::{FourteenDays, SixtyDays, SystemUpgrade, ThreeDays, ThreeDaysWithTriage};

/// The sixteen rows; the index's bits are listed, exposed, automatable, total, the last one lowest.
const ROWS: [Outcome; 16] = [
    SystemUpgrade,
    SystemUpgrade,
    SixtyDays,
    SixtyDays,
    SixtyDays,
    FourteenDays,
    FourteenDays,
    ThreeDays,
    FourteenDays,
    FourteenDays,
    FourteenDays,
    ThreeDaysWithTriage,
    FourteenDays,
    ThreeDaysWithTriage,
    ThreeDays,
    ThreeDaysWithTriage,
];

/// The table as published.
pub fn outcome(listed: bool, exposed: bool, automatable: bool, total: bool) -> Outcome {
    let bits = [listed, exposed, automatable, total];
    ROWS[bits.into_iter().fold(0, |index, bit| index * 2 + usize::from(bit))]
}

/// The table on inputs that may be unknown.
///
/// For a listed vulnerability everything unknown counts as yes: it is being exploited somewhere. For any other one, an
/// unknown exposure counts as exposed unless the flaw is known not to be reachable over a network, but it alone never
/// makes three days out of fourteen: else an installation without a single scope would have every remote flaw at the top.
/// Unassessed answers count as no here; the deployer tree, which is asked too, counts them as yes.
pub fn judge(listed: bool, exposure: Exposure, network: Option<bool>, answers: Answers) -> Outcome {
    let automatable = answers.automatable.unwrap_or(listed);
    let total = answers.technical_impact_total.unwrap_or(listed);
    let exposed = match exposure {
        Exposure::Internet => true,
        // Allow-listed sources are not the untrusted public that the directive means.
        Exposure::Partner | Exposure::Internal | Exposure::Restricted | Exposure::Isolated | Exposure::Offline => false,
        Exposure::Unknown => listed || network.unwrap_or(true),
    };
    let outcome = outcome(listed, exposed, automatable, total);
    if exposure == Exposure::Unknown && !listed { outcome.max(FourteenDays) } else { outcome }
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            ThreeDaysWithTriage => "3 days and forensic triage",
            ThreeDays => "3 days",
            FourteenDays => "14 days",
            SixtyDays => "60 days",
            SystemUpgrade => "with the next upgrade",
        }
    }
}
