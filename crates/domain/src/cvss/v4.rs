//! The score of CVSS 4.0: macro vector, then interpolation by the closed form, in integers.

use super::v4_macro_scores::{NONE, of};
use super::{Score, Vector};

/// Where a vector stands in the four classes that have depth, and the class of exploit maturity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Standing {
    /// Classes 1 to 6, which are the digits of the macro vector.
    levels: [usize; 6],
    /// Steps below the highest vector of its level, for classes 1, 2, 3 with 6, and 4.
    distances: [usize; 4],
}

/// Least common multiple of all depths, which keeps the mean distance whole.
const DEPTHS_LCM: i128 = 840;

// Severity sums of the highest vectors of each level, and how many steps a level is deep, plus one.
const HIGHEST_1: [usize; 3] = [0, 1, 3];
const HIGHEST_2: [usize; 2] = [0, 1];
const HIGHEST_4: [usize; 3] = [1, 3, 6];
const DEPTH_1: [usize; 3] = [1, 4, 5];
const DEPTH_2: [usize; 2] = [1, 2];
const DEPTH_4: [usize; 3] = [6, 5, 4];

/// The score of everything the vector defines.
pub(super) fn score(vector: &Vector) -> Score {
    standing(vector).map_or(Score::ZERO, |standing| Score::clamped(interpolate(&standing).rounded()))
}

/// `None`: no impact anywhere, which scores zero.
fn standing(vector: &Vector) -> Option<Standing> {
    let modified = |base: usize, modified: usize| match vector.at(modified) {
        0 => vector.at(base),
        value => value - 1,
    };
    // Not defined is the worst case: attacked, and a high requirement.
    let worst = |index: usize| vector.at(index).saturating_sub(1);
    let [av, ac, at, pr, ui] = [(0, 15), (1, 16), (2, 17), (3, 18), (4, 19)].map(|(b, m)| modified(b, m));
    let [vc, vi, va, sc] = [(5, 20), (6, 21), (7, 22), (8, 23)].map(|(b, m)| modified(b, m));
    // Safety is the one value that stands above the base metric's, and only the modified metric has it.
    let [si, sa] = [(9, 24), (10, 25)].map(|(base, modified)| match vector.at(modified) {
        0 => vector.at(base) + 1,
        4 => 0,
        value => value,
    });
    let requirements = [12, 13, 14].map(worst);
    let impacts = [vc, vi, va];
    if impacts == [2; 3] && sc == 2 && si == 3 && sa == 3 {
        return None;
    }
    let class_1 = match (av, pr, ui) {
        (0, 0, 0) => 0,
        (3, _, _) => 2,
        (0, _, _) | (_, 0, _) | (_, _, 0) => 1,
        _ => 2,
    };
    let class_2 = usize::from(ac + at > 0);
    let class_3 = if vc == 0 && vi == 0 {
        0
    } else if impacts.contains(&0) {
        1
    } else {
        2
    };
    let class_4 = if si == 0 || sa == 0 {
        0
    } else if sc == 0 || si == 1 || sa == 1 {
        1
    } else {
        2
    };
    let class_6 = usize::from(!impacts.into_iter().zip(requirements).any(|pair| pair == (0, 0)));
    let impact_steps: usize = impacts.into_iter().chain(requirements).sum();
    Some(Standing {
        levels: [class_1, class_2, class_3, class_4, worst(11), class_6],
        distances: [
            av + pr + ui - HIGHEST_1[class_1],
            ac + at - HIGHEST_2[class_2],
            impact_steps - highest_and_depth_36(class_3, class_6).0,
            // `SC` has no safety value: its levels start one lower than those of `SI` and `SA`.
            sc + 1 + si + sa - HIGHEST_4[class_4],
        ],
    })
}

const fn highest_and_depth_36(class_3: usize, class_6: usize) -> (usize, usize) {
    match (class_3, class_6) {
        (0, 0) => (0, 7),
        (0, _) => (3, 6),
        (1, 0) => (1, 8),
        (1, _) => (3, 8),
        _ => (3, 10),
    }
}

/// A number of tenths as a fraction, since many scores lie exactly between two.
struct Tenths {
    numerator: i128,
    denominator: i128,
}

/// The macro vector's score, less the mean way down to the next lower ones.
fn interpolate(standing: &Standing) -> Tenths {
    let levels = standing.levels;
    let [class_1, class_2, class_3, class_4, _, class_6] = levels;
    let below = |class: usize| {
        let mut next = levels;
        next[class] += 1;
        of(next)
    };
    // Classes 3 and 6 go down together: from 00 there are two ways, and the higher score counts.
    let below_36 = match (class_3, class_6) {
        (0, 0) => below(5).max(below(2)),
        (1, 0) => below(5),
        (0 | 1, _) => below(2),
        _ => NONE,
    };
    let depths = [DEPTH_1[class_1], DEPTH_2[class_2], highest_and_depth_36(class_3, class_6).1, DEPTH_4[class_4]];
    let value = i128::from(of(levels));
    let mut sum = 0;
    let mut count = 0;
    for ((lower, distance), depth) in
        [below(0), below(1), below_36, below(3)].into_iter().zip(standing.distances).zip(depths)
    {
        if lower != NONE {
            sum += (value - i128::from(lower)) * distance as i128 * (DEPTHS_LCM / depth as i128);
            count += 1;
        }
    }
    // Exploit maturity has one step a level, so it is always at the top of its own and only widens the mean.
    if below(4) != NONE {
        count += 1;
    }
    // Without a lower macro vector the sum is zero, and the score the macro vector's own.
    let denominator = DEPTHS_LCM * count.max(1);
    Tenths { numerator: value * denominator - sum, denominator }
}

impl Tenths {
    /// Half up.
    const fn rounded(&self) -> i128 {
        (2 * self.numerator + self.denominator).div_euclid(2 * self.denominator)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// All vectors of some metrics, with the other metrics as in the start.
    fn vary(metrics: &[(&str, &[&str])]) -> Vec<Vector> {
        let start = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H";
        metrics.iter().fold(vec![Vector::parse(start).expect("a legal vector")], |vectors, (metric, values)| {
            vectors
                .iter()
                .flat_map(|vector| values.iter().map(|value| vector.with(metric, value).expect("a legal value")))
                .collect()
        })
    }

    fn count<K: std::hash::Hash + Eq>(vectors: &[Vector], key: impl Fn(&Vector, Standing) -> K) -> HashMap<K, u64> {
        let mut counts = HashMap::new();
        for vector in vectors {
            let standing = standing(vector).expect("the other metrics have an impact");
            *counts.entry(key(vector, standing)).or_default() += 1;
        }
        counts
    }

    /// The score depends on a vector only through its standing, whose parts depend on four groups of metrics. So the sum over
    /// all 15,116,544 vectors is a sum over few combinations, each as often as it occurs.
    #[test]
    fn the_sum_of_all_scores_is_known() {
        const IMPACT: &[&str] = &["H", "L", "N"];
        const SAFETY: &[&str] = &["S", "H", "L", "N"];
        let reach = vary(&[("AV", &["N", "A", "L", "P"]), ("PR", &["N", "L", "H"]), ("UI", &["N", "P", "A"])]);
        let effort = vary(&[("AC", &["L", "H"]), ("AT", &["N", "P"])]);
        let requirements: &[&str] = &["H", "M", "L"];
        let impact = vary(&[
            ("VC", IMPACT),
            ("VI", IMPACT),
            ("VA", IMPACT),
            ("CR", requirements),
            ("IR", requirements),
            ("AR", requirements),
        ]);
        let beyond = vary(&[("SC", IMPACT), ("MSI", SAFETY), ("MSA", SAFETY)]);
        let is_none =
            |vector: &Vector, metrics: [&str; 3]| metrics.iter().all(|metric| vector.get(metric) == Some("N"));

        let reach = count(&reach, |_, s| (s.levels[0], s.distances[0]));
        let effort = count(&effort, |_, s| (s.levels[1], s.distances[1]));
        let impact = count(&impact, |v, s| (s.levels[2], s.levels[5], s.distances[2], is_none(v, ["VC", "VI", "VA"])));
        let beyond = count(&beyond, |v, s| (s.levels[3], s.distances[3], is_none(v, ["SC", "MSI", "MSA"])));
        let (mut vectors, mut none, mut ties, mut sum) = (0, 0, 0, 0);
        for ((level_1, distance_1), n1) in &reach {
            for ((level_2, distance_2), n2) in &effort {
                for ((level_3, level_6, distance_36, no_impact), n36) in &impact {
                    for ((level_4, distance_4, no_impact_beyond), n4) in &beyond {
                        for level_5 in 0..3 {
                            let n = n1 * n2 * n36 * n4;
                            vectors += n;
                            if *no_impact && *no_impact_beyond {
                                none += n;
                                continue;
                            }
                            let exact = interpolate(&Standing {
                                levels: [*level_1, *level_2, *level_3, *level_4, level_5, *level_6],
                                distances: [*distance_1, *distance_2, *distance_36, *distance_4],
                            });
                            let twice = 2 * exact.numerator;
                            ties += if (twice + exact.denominator) % (2 * exact.denominator) == 0 { n } else { 0 };
                            sum += n * u64::from(Score::clamped(exact.rounded()).tenths());
                        }
                    }
                }
            }
        }
        assert_eq!((vectors, none, ties, sum), (15_116_544, 11_664, 866_384, 657_475_441));
    }
}
