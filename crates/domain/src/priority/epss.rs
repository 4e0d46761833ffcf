//! Signal: EPSS, the probability of exploitation within 30 days.

use jiff::civil::Date;

use super::Reason;
use super::policy::{AtLeast, Policy};
use crate::feed::FeedState;
use crate::vulnerability::Vulnerability;

const SOURCE: &str = "epss";

/// What EPSS says at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    pub probability: f64,
    pub at_threshold: bool,
}

/// Reads the score as it stood on a day. `None`: unknown, which is not zero.
pub fn read(
    policy: &Policy,
    vulnerability: &Vulnerability,
    state: FeedState,
    today: Date,
    reasons: &mut Vec<Reason>,
) -> Option<Scored> {
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
    let threshold = policy.threshold(epss.date);
    let (at_threshold, bound) = match threshold.at_least {
        AtLeast::Probability(bound) => (epss.probability >= bound, bound.to_string()),
        AtLeast::Percentile(bound) => (epss.percentile >= bound, format!("percentile {bound}")),
    };
    let (rule, side) =
        if at_threshold { ("epss.at_threshold", "at or above") } else { ("epss.below_threshold", "below") };
    let text = format!("EPSS {:.5}, {side} the policy's {bound} (model {})", epss.probability, threshold.model);
    reasons.push(Reason::input(rule, text, SOURCE, Some(epss.date)));
    Some(Scored { probability: epss.probability, at_threshold })
}
