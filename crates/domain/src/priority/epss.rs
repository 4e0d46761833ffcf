//! Signal: EPSS, the probability of exploitation within 30 days.

use jiff::civil::{Date, date};

use super::Reason;
use crate::feed::FeedState;
use crate::vulnerability::Vulnerability;

const SOURCE: &str = "epss";

/// The score from which EPSS counts as a sign of exploitation, which is only meaningful for one model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    pub model: &'static str,
    /// First day of the model's scores.
    from: Date,
    pub probability: f64,
}

/// What EPSS says at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    pub probability: f64,
    pub at_threshold: bool,
}

/// Policy data, a line for each model. On 2024-01-13 (model v2023.03.01) 0.1 selects 5.7 % of all scored vulnerabilities, near
/// the 5 % that the method aims at. The later models keep it until a site calibrates its own.
const THRESHOLDS: [Threshold; 5] = [
    Threshold { model: "v2026.06.15", from: date(2026, 6, 15), probability: 0.1 },
    Threshold { model: "v2025.03.14", from: date(2025, 3, 17), probability: 0.1 },
    Threshold { model: "v2023.03.01", from: date(2023, 3, 7), probability: 0.1 },
    Threshold { model: "v2022.01.01", from: date(2022, 2, 4), probability: 0.1 },
    Threshold { model: "v1", from: date(2021, 4, 14), probability: 0.1 },
];

/// The threshold for the scores of a day.
pub fn threshold(day: Date) -> Threshold {
    let [.., oldest] = THRESHOLDS;
    THRESHOLDS.into_iter().find(|threshold| threshold.from <= day).unwrap_or(oldest)
}

/// Reads the score as it stood on a day. `None`: unknown, which is not zero.
pub fn read(vulnerability: &Vulnerability, state: FeedState, today: Date, reasons: &mut Vec<Reason>) -> Option<Scored> {
    let Some(epss) = vulnerability.epss else {
        let text = match state {
            FeedState::Fresh => "not scored by EPSS: unknown, not zero",
            FeedState::Never | FeedState::Empty => "EPSS missing: counted as unknown",
            FeedState::Stale | FeedState::Partial | FeedState::Failed => {
                "not scored by EPSS, whose feed is stale, partial or failed: counted as unknown"
            }
        };
        reasons.push(Reason::input("epss.unknown", text, SOURCE, None));
        return None;
    };
    if epss.date > today {
        let text = "scored by EPSS only after the instant judged: does not count";
        reasons.push(Reason::input("epss.later", text, SOURCE, Some(epss.date)));
        return None;
    }
    let threshold = threshold(epss.date);
    let at_threshold = epss.probability >= threshold.probability;
    let (rule, side) =
        if at_threshold { ("epss.at_threshold", "at or above") } else { ("epss.below_threshold", "below") };
    let text = format!(
        "EPSS {:.5}, {side} the policy's {} (model {})",
        epss.probability, threshold.probability, threshold.model
    );
    reasons.push(Reason::input(rule, text, SOURCE, Some(epss.date)));
    Some(Scored { probability: epss.probability, at_threshold })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_belongs_to_the_model_of_the_day() {
        for (day, model) in [
            (date(2021, 1, 1), "v1"),
            (date(2022, 2, 3), "v1"),
            (date(2024, 1, 13), "v2023.03.01"),
            (date(2025, 3, 16), "v2023.03.01"),
            (date(2025, 3, 17), "v2025.03.14"),
            (date(2026, 6, 14), "v2025.03.14"),
            (date(2026, 6, 15), "v2026.06.15"),
            (date(2030, 1, 1), "v2026.06.15"),
        ] {
            assert_eq!(threshold(day).model, model, "{day}");
        }
    }
}
