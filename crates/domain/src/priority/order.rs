//! The order of work inside and across tiers, as a text that sorts byte by byte.

use super::Tier;
use super::policy::Facts;
use crate::vulnerability::VulnerabilityId;

/// Tier, due days, contextual score, EPSS, identifier.
///
/// An unscored flaw stands right behind those known to reach the scope's threshold: never at the place of a zero. A flaw
/// that EPSS has not scored stands before those that it scored below its threshold.
pub(super) fn key(tier: Tier, due_days: Option<u16>, facts: &Facts<'_>, id: &VulnerabilityId) -> String {
    let due = due_days.map_or(99_999, u32::from);
    let score = match facts.contextual {
        Some(score) => u32::from(score.tenths()) * 2 + 1,
        None => u32::from(facts.threshold_tenths) * 2,
    };
    let epss = match facts.epss {
        Some(scored) if scored.at_threshold => 2_000_000 + millionths(scored.probability),
        Some(scored) => millionths(scored.probability),
        None => 1_500_000,
    };
    format!("{}-{due:05}-{:03}-{:07}-{id}", tier.as_str(), 999 - score, 9_999_999 - epss)
}

fn millionths(probability: f64) -> u32 {
    (probability.clamp(0.0, 1.0) * 1_000_000.0) as u32
}
