//! The equations of CVSS 3.0 and 3.1 (methods.md §1.3) in fixed point.
//!
//! Everything but one power is exact at this scale. The power has up to 120 decimals; a test compares every score that it
//! can reach with exact fractions.

use super::{Score, Vector, Version};

const ONE: i128 = 10_i128.pow(18);
const HUNDREDTH: i128 = ONE / 100;

// Weights in hundredths by value index of `metrics::V3`.
const ATTACK_VECTOR: [i128; 4] = [85, 62, 55, 20];
const ATTACK_COMPLEXITY: [i128; 2] = [77, 44];
const PRIVILEGES_REQUIRED: [[i128; 3]; 2] = [[85, 62, 27], [85, 68, 50]];
const USER_INTERACTION: [i128; 2] = [85, 62];
const IMPACT: [i128; 3] = [56, 22, 0];
const EXPLOIT_MATURITY: [i128; 5] = [100, 91, 94, 97, 100];
const REMEDIATION_LEVEL: [i128; 5] = [100, 95, 96, 97, 100];
const REPORT_CONFIDENCE: [i128; 4] = [100, 92, 96, 100];
const REQUIREMENT: [i128; 4] = [100, 50, 100, 150];

// Positions in `metrics::V3`.
const PRIVILEGES: usize = 2;
const SCOPE: usize = 4;
const IMPACTS: usize = 5;
const THREATS: usize = 8;
const REQUIREMENTS: usize = 11;
const MODIFIED: usize = 14;

pub(super) fn base(vector: &Vector) -> Score {
    Score::clamped(base_tenths(vector))
}

pub(super) fn temporal(vector: &Vector) -> Score {
    Score::clamped(temporal_tenths(vector, base_tenths(vector)))
}

pub(super) fn environmental(vector: &Vector) -> Score {
    Score::clamped(temporal_tenths(vector, modified_base_tenths(vector)))
}

fn base_tenths(vector: &Vector) -> i128 {
    let metrics: [usize; 8] = std::array::from_fn(|index| vector.at(index));
    let iss = 1_000_000 - (0..3).map(|n| 100 - IMPACT[metrics[IMPACTS + n]]).product::<i128>();
    let iss = iss * (ONE / 1_000_000);
    let changed = metrics[SCOPE] == 1;
    let impact = if changed {
        752 * (iss - 29 * (ONE / 1000)) / 100 - 325 * power(iss - 2 * HUNDREDTH, 15) / 100
    } else {
        642 * iss / 100
    };
    combine(&metrics, impact, changed)
}

fn modified_base_tenths(vector: &Vector) -> i128 {
    // A modified metric that is not defined takes the base metric's value, the scope included.
    let metrics: [usize; 8] = std::array::from_fn(|index| match vector.at(MODIFIED + index) {
        0 => vector.at(index),
        modified => modified - 1,
    });
    let spared: i128 =
        (0..3).map(|n| 10_000 - IMPACT[metrics[IMPACTS + n]] * REQUIREMENT[vector.at(REQUIREMENTS + n)]).product();
    let miss = ((10_i128.pow(12) - spared) * (ONE / 10_i128.pow(12))).min(915 * (ONE / 1000));
    let changed = metrics[SCOPE] == 1;
    let impact = if changed {
        let power = match vector.version() {
            // 3.1 changed the constant and the exponent, so a 3.0 vector must not be scored as 3.1.
            Version::V31 => power(multiply(miss, 9731 * (ONE / 10_000)) - 2 * HUNDREDTH, 13),
            _ => power(miss - 2 * HUNDREDTH, 15),
        };
        752 * (miss - 29 * (ONE / 1000)) / 100 - 325 * power / 100
    } else {
        642 * miss / 100
    };
    combine(&metrics, impact, changed)
}

/// The weight of privileges follows the scope that is in force: the modified one in the environmental score.
fn combine(metrics: &[usize; 8], impact: i128, changed: bool) -> i128 {
    if impact <= 0 {
        return 0;
    }
    let weights = ATTACK_VECTOR[metrics[0]]
        * ATTACK_COMPLEXITY[metrics[1]]
        * PRIVILEGES_REQUIRED[usize::from(changed)][metrics[PRIVILEGES]]
        * USER_INTERACTION[metrics[3]];
    let exploitability = 822 * weights * (ONE / 10_i128.pow(10));
    let sum = impact + exploitability;
    let score = if changed { 108 * sum / 100 } else { sum };
    divide_up(score.min(10 * ONE), ONE / 10)
}

fn temporal_tenths(vector: &Vector, base_tenths: i128) -> i128 {
    let factors = EXPLOIT_MATURITY[vector.at(THREATS)]
        * REMEDIATION_LEVEL[vector.at(THREATS + 1)]
        * REPORT_CONFIDENCE[vector.at(THREATS + 2)];
    divide_up(base_tenths * factors, 1_000_000)
}

const fn multiply(a: i128, b: i128) -> i128 {
    a * b / ONE
}

fn power(base: i128, exponent: u32) -> i128 {
    (0..exponent).fold(ONE, |product, _| multiply(product, base))
}

/// Rounds up to a whole number. On exact operands this is `Roundup` of both versions: the integer form of 3.1 only
/// undoes what binary fractions do.
const fn divide_up(numerator: i128, denominator: i128) -> i128 {
    (numerator + denominator - 1) / denominator
}
