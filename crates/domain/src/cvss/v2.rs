//! The equations of CVSS 2.0 on exact decimals.

use super::{Score, Vector};

// Weights by value index of `metrics::V2`.
const ACCESS_VECTOR_THOUSANDTHS: [i128; 3] = [395, 646, 1000];
const ACCESS_COMPLEXITY_HUNDREDTHS: [i128; 3] = [35, 61, 71];
const AUTHENTICATION_THOUSANDTHS: [i128; 3] = [450, 560, 704];
const IMPACT_THOUSANDTHS: [i128; 3] = [0, 275, 660];
const EXPLOITABILITY_HUNDREDTHS: [i128; 5] = [100, 85, 90, 95, 100];
const REMEDIATION_LEVEL_HUNDREDTHS: [i128; 5] = [100, 87, 90, 95, 100];
const REPORT_CONFIDENCE_HUNDREDTHS: [i128; 4] = [100, 90, 95, 100];
const COLLATERAL_DAMAGE_TENTHS: [i128; 6] = [0, 0, 1, 3, 4, 5];
const TARGET_DISTRIBUTION_HUNDREDTHS: [i128; 5] = [100, 0, 25, 75, 100];
const REQUIREMENT_HUNDREDTHS: [i128; 4] = [100, 50, 100, 151];

/// Impact and exploitability are at scale 10^17, so that every product of weights is whole.
const ONE: i128 = 10_i128.pow(17);

pub(super) fn base(vector: &Vector) -> Score {
    Score::clamped(base_tenths(vector, impact(vector, [100; 3])))
}

pub(super) fn temporal(vector: &Vector) -> Score {
    let base = base_tenths(vector, impact(vector, [100; 3])).max(0);
    Score::clamped(temporal_tenths(vector, base))
}

/// The adjusted base may be below zero on the way; only the result is bounded.
pub(super) fn environmental(vector: &Vector) -> Score {
    let requirements = [11, 12, 13].map(|index| REQUIREMENT_HUNDREDTHS[vector.at(index)]);
    let adjusted_impact = impact(vector, requirements).min(10 * ONE);
    let temporal = temporal_tenths(vector, base_tenths(vector, adjusted_impact));
    let damage = COLLATERAL_DAMAGE_TENTHS[vector.at(9)];
    let distribution = TARGET_DISTRIBUTION_HUNDREDTHS[vector.at(10)];
    Score::clamped(round_half_up((10 * temporal + (100 - temporal) * damage) * distribution, 1000))
}

fn impact(vector: &Vector, requirements_hundredths: [i128; 3]) -> i128 {
    const WHOLE: i128 = 1000 * 100;
    let spared: i128 = requirements_hundredths
        .into_iter()
        .zip(3..)
        .map(|(requirement, index)| WHOLE - IMPACT_THOUSANDTHS[vector.at(index)] * requirement)
        .product();
    1041 * (WHOLE.pow(3) - spared)
}

fn base_tenths(vector: &Vector, impact: i128) -> i128 {
    if impact == 0 {
        return 0;
    }
    let exploitability = 20
        * ACCESS_VECTOR_THOUSANDTHS[vector.at(0)]
        * ACCESS_COMPLEXITY_HUNDREDTHS[vector.at(1)]
        * AUTHENTICATION_THOUSANDTHS[vector.at(2)]
        * (ONE / 10_i128.pow(8));
    // 0.6·Impact + 0.4·Exploitability − 1.5, ten times over, and then times 1.176.
    let sum = 6 * impact + 4 * exploitability - 15 * ONE;
    round_half_up(sum * 1176, 1000 * ONE)
}

fn temporal_tenths(vector: &Vector, base_tenths: i128) -> i128 {
    let factors = EXPLOITABILITY_HUNDREDTHS[vector.at(6)]
        * REMEDIATION_LEVEL_HUNDREDTHS[vector.at(7)]
        * REPORT_CONFIDENCE_HUNDREDTHS[vector.at(8)];
    round_half_up(base_tenths * factors, 1_000_000)
}

/// Rounds to the nearest integer, a half away from zero.
const fn round_half_up(numerator: i128, denominator: i128) -> i128 {
    (numerator + numerator.signum() * (denominator / 2)) / denominator
}
