//! How well a rule would have chosen: what it flagged on a day, against what was found to be exploited afterwards.
//!
//! Numbers and nothing else: who was flagged, in which order, and who turned out to be exploited, comes from outside. The same
//! arguments give the same intervals: the draws come from a fixed seed.

/// One flaw, as one rule saw it on the day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chosen {
    /// Exploited within the time that is looked at.
    pub exploited: bool,
    pub flagged: bool,
    /// Place in the order of the rule: equal places are worked on in no particular order.
    pub place: u64,
}

/// What a flagged set is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// Share of all that is flagged.
    pub effort: f64,
    /// Share of the exploited that is flagged, with its interval.
    pub coverage: Interval,
    /// Share of the flagged that is exploited. `None`: nothing is flagged.
    pub efficiency: Option<f64>,
    /// Coverage divided by effort: 1 is what chance does. `None`: nothing is flagged.
    pub lift: Option<f64>,
}

/// An estimate with the bounds of 95 % of the draws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// Draws of the bootstrap.
const DRAWS: usize = 2000;

/// What is flagged. `None`: nothing was exploited, so there is nothing to measure.
pub fn worth(chosen: &[Chosen]) -> Option<Worth> {
    let exploited = chosen.iter().filter(|chosen| chosen.exploited).count();
    if exploited == 0 {
        return None;
    }
    let flagged = chosen.iter().filter(|chosen| chosen.flagged).count();
    let hits: Vec<f64> =
        chosen.iter().filter(|chosen| chosen.exploited).map(|chosen| f64::from(u8::from(chosen.flagged))).collect();
    let (hit_count, effort) = (hits.iter().sum::<f64>(), share(flagged, chosen.len()));
    let coverage = interval(&hits);
    Some(Worth {
        effort,
        coverage,
        efficiency: (flagged > 0).then(|| hit_count / flagged as f64),
        lift: (effort > 0.0).then(|| coverage.value / effort),
    })
}

/// Coverage where so much of all is worked on, in the order of the rule: a number from 0 to 1. Of what stands at one place, only
/// the part counts that fits. `None`: nothing was exploited.
pub fn coverage_at(chosen: &[Chosen], effort: f64) -> Option<Interval> {
    let shares = shares_at(chosen, effort);
    let hits: Vec<f64> =
        chosen.iter().zip(shares).filter(|(chosen, _)| chosen.exploited).map(|(_, share)| share).collect();
    (!hits.is_empty()).then(|| interval(&hits))
}

/// How much more one rule covers than another at the same effort, of the same flaws in the same order.
pub fn difference_at(ours: &[Chosen], other: &[Chosen], effort: f64) -> Option<Interval> {
    let shares = shares_at(ours, effort).into_iter().zip(shares_at(other, effort));
    let differences: Vec<f64> =
        ours.iter().zip(shares).filter(|(chosen, _)| chosen.exploited).map(|(_, (ours, other))| ours - other).collect();
    (!differences.is_empty()).then(|| interval(&differences))
}

/// Area under the curve of coverage over effort: 0.5 is what chance does. `None`: nothing was exploited, or everything.
pub fn area(chosen: &[Chosen]) -> Option<f64> {
    let mut places: Vec<(u64, bool)> = chosen.iter().map(|chosen| (chosen.place, chosen.exploited)).collect();
    places.sort_unstable();
    let all = places.len() as f64;
    let (mut before, mut sum, mut exploited) = (0.0, 0.0, 0.0);
    for same in places.chunk_by(|a, b| a.0 == b.0) {
        let count = same.len() as f64;
        let here = same.iter().filter(|(_, exploited)| *exploited).count() as f64;
        // In the middle of its place, on average.
        sum += here * (1.0 - (before + count / 2.0) / all);
        (before, exploited) = (before + count, exploited + here);
    }
    (exploited > 0.0).then(|| sum / exploited)
}

/// Which part of each is worked on, where so much of all is: 1, 0, or in between at the last place that is reached.
fn shares_at(chosen: &[Chosen], effort: f64) -> Vec<f64> {
    let mut places: Vec<u64> = chosen.iter().map(|chosen| chosen.place).collect();
    places.sort_unstable();
    let budget = effort.clamp(0.0, 1.0) * chosen.len() as f64;
    let whole = budget.floor() as usize;
    let Some(last) = places.get(whole.min(places.len().saturating_sub(1))).copied() else { return Vec::new() };
    let before = places.partition_point(|place| *place < last);
    let same = places.partition_point(|place| *place <= last) - before;
    let part = ((budget - before as f64) / same as f64).clamp(0.0, 1.0);
    let share = |chosen: &Chosen| match chosen.place.cmp(&last) {
        std::cmp::Ordering::Less => 1.0,
        std::cmp::Ordering::Equal => part,
        std::cmp::Ordering::Greater => 0.0,
    };
    chosen.iter().map(share).collect()
}

/// The mean of what is known of the exploited, and how far it may be off: percentiles of means of draws with replacement.
fn interval(values: &[f64]) -> Interval {
    let mean = |sum: f64| sum / values.len() as f64;
    let mut random = SplitMix(0x5EED);
    let mut means: Vec<f64> =
        (0..DRAWS).map(|_| mean((0..values.len()).map(|_| values[random.below(values.len())]).sum())).collect();
    means.sort_by(f64::total_cmp);
    Interval { value: mean(values.iter().sum()), low: means[DRAWS / 40], high: means[DRAWS - 1 - DRAWS / 40] }
}

fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

/// A small generator of numbers that look random (Steele, Lea and Flood 2014): the same ones from the same seed.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        // The high half of the product: without the division, and without a bias that anybody could see.
        ((u128::from(mixed) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chosen(exploited: bool, flagged: bool, place: u64) -> Chosen {
        Chosen { exploited, flagged, place }
    }

    /// Two thousand flaws with a planted signal: of 40 exploited ones 30 are among the 100 that are flagged, which come first.
    fn planted() -> Vec<Chosen> {
        (0..2000).map(|number| chosen(number < 30 || (100..110).contains(&number), number < 100, number)).collect()
    }

    #[test]
    fn a_planted_signal_is_measured_exactly() {
        let worth = worth(&planted()).unwrap();
        assert_eq!((worth.effort, worth.coverage.value), (0.05, 0.75));
        assert_eq!((worth.efficiency, worth.lift), (Some(0.3), Some(15.0)));
        // 30 of 40: the exact 95 % bounds of a share are 0.588 and 0.873.
        assert!((0.55..0.65).contains(&worth.coverage.low), "{worth:?}");
        assert!((0.84..0.92).contains(&worth.coverage.high), "{worth:?}");
        assert_eq!(coverage_at(&planted(), 0.05).unwrap().value, 0.75);
        assert_eq!(coverage_at(&planted(), 0.0525).unwrap().value, 0.875);
        assert_eq!(coverage_at(&planted(), 1.0).unwrap().value, 1.0);
        assert_eq!(coverage_at(&planted(), 0.0).unwrap().value, 0.0);
        assert!(area(&planted()).unwrap() > 0.98);
    }

    #[test]
    fn what_is_equal_is_worked_on_by_chance() {
        let all: Vec<Chosen> = (0..100).map(|number| chosen(number % 10 == 0, true, 7)).collect();
        assert_eq!(coverage_at(&all, 0.25).unwrap().value, 0.25);
        assert_eq!(area(&all), Some(0.5));
        let worth = worth(&all).unwrap();
        assert_eq!((worth.effort, worth.coverage.value, worth.lift), (1.0, 1.0, Some(1.0)));
        assert_eq!(difference_at(&all, &all, 0.3).unwrap(), Interval { value: 0.0, low: 0.0, high: 0.0 });
    }

    #[test]
    fn where_nothing_happened_nothing_is_measured() {
        let none = [chosen(false, true, 1), chosen(false, false, 2)];
        assert_eq!((worth(&none), coverage_at(&none, 0.5), area(&none)), (None, None, None));
        assert_eq!(worth(&[]), None);
        let nothing = worth(&[chosen(true, false, 1), chosen(false, false, 1)]).unwrap();
        assert_eq!((nothing.efficiency, nothing.lift, nothing.coverage.value), (None, None, 0.0));
    }

    proptest! {
        #[test]
        fn more_work_never_covers_less(
            rows in proptest::collection::vec((any::<bool>(), any::<bool>(), 0_u64..20), 1..80), a in 0.0..1.0, b in 0.0..1.0,
        ) {
            let rows: Vec<Chosen> = rows.into_iter().map(|(e, f, place)| chosen(e, f, place)).collect();
            let (less, more) = if a < b { (a, b) } else { (b, a) };
            if let (Some(less), Some(more)) = (coverage_at(&rows, less), coverage_at(&rows, more)) {
                prop_assert!(less.value <= more.value + 1e-12);
                prop_assert!(less.low <= less.value + 1e-12 && less.value <= less.high + 1e-12);
            }
            if let Some(area) = area(&rows) {
                prop_assert!((0.0..=1.0).contains(&area));
            }
        }
    }
}
