//! The score of CVSS 4.0: macro vector, then interpolation by the closed form, in integers (methods.md §1.4 and §1.5).

use super::v4_macro_scores::{NONE, of};
use super::{Score, Vector};

/// Where a vector stands in the four classes that have depth, and the class of exploit maturity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Standing {
    /// Classes 1 to 6, which are the digits of the macro vector.
    pub(super) levels: [usize; 6],
    /// Steps below the highest vector of its level, for classes 1, 2, 3 with 6, and 4.
    pub(super) distances: [usize; 4],
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
    standing(vector).map_or(Score::ZERO, |standing| Score::clamped(interpolate(&standing)))
}

/// `None`: no impact anywhere, which scores zero.
pub(super) fn standing(vector: &Vector) -> Option<Standing> {
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

/// The score in tenths: the macro vector's, less the mean way down to the next lower ones.
pub(super) fn interpolate(standing: &Standing) -> i128 {
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
    if count == 0 {
        return value;
    }
    let whole = DEPTHS_LCM * count;
    let exact = value * whole - sum;
    (2 * exact + whole).div_euclid(2 * whole)
}
