//! Rule: the remediation table of CISA's BOD 26-04.

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

#[cfg(test)]
mod tests {
    use super::*;

    const BOOLS: [bool; 2] = [false, true];

    #[test]
    fn every_row_is_as_published() {
        let published = "0000 upgrade, 0001 upgrade, 0010 60, 0011 60, 0100 60, 0101 14, 0110 14, 0111 3, \
                         1000 14, 1001 14, 1010 14, 1011 3+, 1100 14, 1101 3+, 1110 3, 1111 3+";
        let mut rows = 0;
        for row in published.split(", ") {
            let (inputs, word) = row.split_once(' ').expect("inputs and outcome");
            let bits: Vec<bool> = inputs.chars().map(|c| c == '1').collect();
            let expected = match word {
                "upgrade" => SystemUpgrade,
                "60" => SixtyDays,
                "14" => FourteenDays,
                "3" => ThreeDays,
                _ => ThreeDaysWithTriage,
            };
            assert_eq!(outcome(bits[0], bits[1], bits[2], bits[3]), expected, "{row}");
            rows += 1;
        }
        assert_eq!(rows, 16);
    }

    #[test]
    fn an_unknown_exposure_lies_between_internal_and_internet() {
        for listed in BOOLS {
            for automatable in [None, Some(false), Some(true)] {
                for technical_impact_total in [None, Some(false), Some(true)] {
                    for network in [None, Some(false), Some(true)] {
                        let answers = Answers { automatable, technical_impact_total };
                        let unknown = judge(listed, Exposure::Unknown, network, answers);
                        assert!(judge(listed, Exposure::Internet, network, answers) <= unknown);
                        assert!(unknown <= judge(listed, Exposure::Internal, network, answers));
                        assert!(listed || unknown >= FourteenDays, "three days need a listing or known exposure");
                        assert!(!listed || unknown <= FourteenDays);
                    }
                }
            }
        }
    }

    #[test]
    fn a_local_flaw_is_not_exposed_by_an_unknown_exposure() {
        let answers = Answers { automatable: Some(false), technical_impact_total: Some(true) };
        assert_eq!(judge(false, Exposure::Unknown, Some(false), answers), SystemUpgrade);
        assert_eq!(judge(false, Exposure::Unknown, Some(true), answers), FourteenDays);
        assert_eq!(judge(false, Exposure::Unknown, None, answers), FourteenDays);
    }
}
