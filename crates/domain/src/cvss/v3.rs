//! The equations of CVSS 3.0 and 3.1 in fixed point.
//!
//! Everything but one power is exact at this scale. The power has more decimals; a test shows for every vector that what is
//! cut off never moves a score.

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
    Score::clamped(round_up_to_tenths(base_exact(vector)))
}

pub(super) fn temporal(vector: &Vector) -> Score {
    Score::clamped(temporal_tenths(vector, round_up_to_tenths(base_exact(vector))))
}

pub(super) fn environmental(vector: &Vector) -> Score {
    Score::clamped(temporal_tenths(vector, round_up_to_tenths(modified_base_exact(vector))))
}

fn base_exact(vector: &Vector) -> i128 {
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

fn modified_base_exact(vector: &Vector) -> i128 {
    // A modified metric that is not defined takes the base metric's value, the scope included.
    let metrics: [usize; 8] = std::array::from_fn(|index| match vector.at(MODIFIED + index) {
        0 => vector.at(index),
        modified => modified - 1,
    });
    let miss = modified_iss(vector, &metrics);
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

fn modified_iss(vector: &Vector, metrics: &[usize; 8]) -> i128 {
    let spared: i128 =
        (0..3).map(|n| 10_000 - IMPACT[metrics[IMPACTS + n]] * REQUIREMENT[vector.at(REQUIREMENTS + n)]).product();
    ((10_i128.pow(12) - spared) * (ONE / 10_i128.pow(12))).min(915 * (ONE / 1000))
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
    score.min(10 * ONE)
}

const fn round_up_to_tenths(score: i128) -> i128 {
    divide_up(score, ONE / 10)
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

/// By squaring: division at this width is what a score's time goes into.
fn power(base: i128, exponent: u32) -> i128 {
    match exponent {
        0 => ONE,
        _ if exponent.is_multiple_of(2) => power(multiply(base, base), exponent / 2),
        _ => multiply(base, power(base, exponent - 1)),
    }
}

/// Rounds up to a whole number. On exact operands this is `Roundup` of both versions: the integer form of 3.1 only
/// undoes what binary fractions do.
const fn divide_up(numerator: i128, denominator: i128) -> i128 {
    (numerator + denominator - 1) / denominator
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every metric of the first equation, modified impact by requirement included: the modified metrics only choose among these.
    fn every_vector(version: &str) -> Vec<Vector> {
        let mut vectors = vec![
            Vector::parse(&format!("CVSS:{version}/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N")).expect("a legal vector"),
        ];
        for (metric, values) in [
            ("AV", "NALP"),
            ("AC", "LH"),
            ("PR", "NLH"),
            ("UI", "NR"),
            ("S", "UC"),
            ("C", "HLN"),
            ("I", "HLN"),
            ("A", "HLN"),
            ("CR", "LMH"),
            ("IR", "LMH"),
            ("AR", "LMH"),
        ] {
            vectors = vectors
                .iter()
                .flat_map(|vector| {
                    values
                        .chars()
                        .map(|value| vector.with(metric, value.encode_utf8(&mut [0; 4])).expect("a legal value"))
                })
                .collect();
        }
        vectors
    }

    #[test]
    fn what_the_power_loses_moves_no_score() {
        // Each multiplication cuts off less than one unit; times 3.25, times 1.08 and over at most 15 of them it is below 100.
        const LOST_MAX: i128 = 100;
        for version in ["3.0", "3.1"] {
            for vector in every_vector(version) {
                let changed = vector.get("S") == Some("C");
                for exact in [base_exact(&vector), modified_base_exact(&vector)] {
                    if changed && exact > 0 && exact < 10 * ONE {
                        assert_eq!(
                            round_up_to_tenths(exact - LOST_MAX),
                            round_up_to_tenths(exact + LOST_MAX),
                            "{vector}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn exact_rounding_is_the_integer_form_of_3_1() {
        let integer_form = |hundred_thousandths: i128| divide_up(hundred_thousandths, 10_000);
        for vector in every_vector("3.1") {
            let exact = modified_base_exact(&vector);
            assert_eq!(round_up_to_tenths(exact), integer_form((exact + ONE / 200_000) / (ONE / 100_000)), "{vector}");
        }
        let mut checked = 0;
        for base in 0..=100 {
            for (e, rl, rc) in (0..5).flat_map(|e| (0..5).flat_map(move |rl| (0..4).map(move |rc| (e, rl, rc)))) {
                let product = base * EXPLOIT_MATURITY[e] * REMEDIATION_LEVEL[rl] * REPORT_CONFIDENCE[rc];
                assert_eq!(divide_up(product, 1_000_000), integer_form((product + 50) / 100), "{base} {e} {rl} {rc}");
                checked += 1;
            }
        }
        assert_eq!(checked, 10_100);
    }

    #[test]
    fn versions_differ_in_327_of_6528_environments() {
        use std::collections::BTreeMap;
        // A combination: the metrics of exploitability, the scope, and the impact as far as the equations tell it apart.
        let stages = |version: &str| -> BTreeMap<_, _> {
            every_vector(version)
                .iter()
                .map(|vector| {
                    let metrics = std::array::from_fn(|index| vector.at(index));
                    let key = ([0, 1, 2, 3, 4].map(|index| metrics[index]), modified_iss(vector, &metrics));
                    (key, round_up_to_tenths(modified_base_exact(vector)))
                })
                .collect()
        };
        let (v30, v31) = (stages("3.0"), stages("3.1"));
        assert_eq!(v30.iter().filter(|(key, score)| v31[*key] != **score).count(), 327);
        assert_eq!(v30.len(), 6528);
    }
}
