//! What is kept of a finding, and how it is packed: smaller is better, and the largest number stands for unknown.

use domain::cvss::Score;
use domain::finding::State;
use domain::priority::Tier;
use jiff::Span;
use jiff::civil::Date;

use crate::numbers::{PackageNo, VulnerabilityNo};

/// One finding of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub vulnerability: VulnerabilityNo,
    pub package: PackageNo,
    pub state: State,
    /// `None`: nothing has judged it, so its tier is unknown.
    pub judged: Option<Judged>,
    pub first_seen: Date,
    /// When the latest episode began: from then on the days that the policy gives count.
    pub detected: Date,
    /// What the match says, as far as lists depend on it, as a number of whoever judges.
    pub words: u32,
}

/// The part of a priority that lists are sorted, filtered and counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    pub tier: Tier,
    /// Days that the policy gives. `None`: with the next upgrade.
    pub due_days: Option<u16>,
    /// The contextual score. `None`: unscored.
    pub score: Option<Score>,
    /// The threshold of the asset's scopes: an unscored finding stands right behind those that reach it.
    pub threshold_tenths: u8,
}

/// What the feeds say of a vulnerability, copied down to its findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signals {
    /// In hundred-thousandths, as the feed publishes it. `None`: not scored, or the feed is missing.
    pub epss: Option<u32>,
    pub cvss: Option<Score>,
    /// `None`: the list cannot be asked.
    pub kev: Option<bool>,
}

impl Signals {
    /// Of a vulnerability that no feed was asked about.
    pub const UNKNOWN: Self = Self { epss: None, cvss: None, kev: None };
}

/// A row as the columns have it, without what is copied down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) vulnerability: u32,
    pub(crate) package: u32,
    pub(crate) words: u32,
    pub(crate) priority: u16,
    pub(crate) due: u16,
    pub(crate) first_seen: u16,
    pub(crate) detected: u16,
    pub(crate) score: u8,
    pub(crate) state: u8,
}

impl Packed {
    pub(crate) fn of(row: &Row) -> Self {
        Self {
            vulnerability: row.vulnerability.0,
            package: row.package.0,
            priority: row.judged.map_or(u16::MAX, priority),
            due: due(row.judged, day(row.detected)),
            first_seen: day(row.first_seen),
            detected: day(row.detected),
            words: row.words,
            score: score(row.judged.and_then(|judged| judged.score)),
            state: row.state as u8,
        }
    }
}

/// The order of work in 16 bits: tier, days that the policy gives, contextual score. Ties at the full key are many and
/// follow the order of the rows.
pub(crate) fn priority(judged: Judged) -> u16 {
    let days = judged.due_days.map_or(31, |days| (days / 3).min(30));
    let place = match judged.score {
        Some(score) => u16::from(score.tenths()) * 2 + 1,
        None => u16::from(judged.threshold_tenths.min(100)) * 2,
    };
    (judged.tier as u16) << 13 | days << 8 | (255 - place)
}

/// The day until which it has to be done. Unknown: with the next upgrade, or nothing has judged it.
pub(crate) fn due(judged: Option<Judged>, detected: u16) -> u16 {
    let days = judged.and_then(|judged| judged.due_days);
    days.map_or(u16::MAX, |days| detected.saturating_add(days).min(DAY_LAST))
}

/// The tier of a packed priority: 5 where it is unknown.
pub(crate) const fn tier(priority: u16) -> usize {
    if priority == u16::MAX { TIER_UNKNOWN } else { (priority >> 13) as usize }
}

pub(crate) const TIER_UNKNOWN: usize = 5;

pub(crate) fn score(score: Option<Score>) -> u8 {
    score.map_or(u8::MAX, Score::tenths)
}

pub(crate) fn unpack_score(code: u8) -> Option<Score> {
    Score::try_from(code).ok()
}

/// In steps of 0.00001 up to 0.3, and of 0.00002 beyond, where few are: then 16 bits are enough.
pub(crate) fn epss(hundred_thousandths: Option<u32>) -> u16 {
    const FINE: u32 = 30_000;
    let Some(number) = hundred_thousandths else { return u16::MAX };
    let number = number.min(100_000);
    let code = if number <= FINE { number } else { FINE + (number - FINE) / 2 };
    u16::try_from(code).expect("at most 65,000")
}

const EPOCH: Date = Date::constant(1970, 1, 1);
const DAY_LAST: u16 = u16::MAX - 1;

/// Days since 1970; earlier and later ones (2149) count as the first and the last that can be told.
pub(crate) fn day(date: Date) -> u16 {
    let days = date.duration_since(EPOCH).as_hours() / 24;
    u16::try_from(days.clamp(0, i64::from(DAY_LAST))).expect("clamped")
}

pub(crate) fn unpack_day(code: u16) -> Option<Date> {
    (code != u16::MAX).then(|| EPOCH.saturating_add(Span::new().days(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(tier: Tier, due_days: Option<u16>, tenths: Option<u8>) -> u16 {
        let score = tenths.map(|tenths| Score::try_from(tenths).expect("at most 100"));
        priority(Judged { tier, due_days, score, threshold_tenths: 70 })
    }

    #[test]
    fn the_packed_priority_has_the_order_of_work() {
        let ascending = [
            judged(Tier::P0, Some(3), Some(100)),
            judged(Tier::P0, Some(3), Some(70)),
            judged(Tier::P0, Some(3), None),
            judged(Tier::P0, Some(3), Some(69)),
            judged(Tier::P0, Some(3), Some(0)),
            judged(Tier::P1, Some(14), Some(0)),
            judged(Tier::P3, Some(60), Some(0)),
            judged(Tier::P3, Some(90), Some(100)),
            judged(Tier::P4, None, Some(100)),
            judged(Tier::P4, None, Some(0)),
            u16::MAX,
        ];
        assert!(ascending.is_sorted_by(|a, b| a < b), "{ascending:?}");
        assert_eq!(ascending.map(tier), [0, 0, 0, 0, 0, 1, 3, 3, 4, 4, TIER_UNKNOWN]);
    }

    #[test]
    fn probabilities_keep_their_order_and_days_their_date() {
        let codes: Vec<u16> = (0..=100_000).map(|number| epss(Some(number))).collect();
        assert!(codes.is_sorted());
        assert!(codes[..=30_000].is_sorted_by(|a, b| a < b));
        assert_eq!((epss(Some(50_000)), epss(Some(49_999)), epss(None)), (40_000, 39_999, u16::MAX));
        for date in [EPOCH, Date::constant(2026, 2, 28), Date::constant(2149, 6, 5)] {
            assert_eq!(unpack_day(day(date)), Some(date));
        }
        assert_eq!(day(Date::constant(1960, 1, 1)), 0);
        assert_eq!(day(Date::constant(3000, 1, 1)), DAY_LAST);
        assert_eq!(unpack_day(u16::MAX), None);
    }
}
