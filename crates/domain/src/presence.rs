//! Asset-hours: how long things were there, which tells more of things that come and go than how many there were. Three machines
//! that are replaced every hour are three on average, and not thousands.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// For how long an asset was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// When it started, where its owner says so; else when it was first seen.
    pub began_at: Timestamp,
    /// When it ended; of what was only lost from sight, when something last told that it is there. `None`: it is there.
    pub ended_at: Option<Timestamp>,
    /// When its software was first read as a whole. `None`: never, so nobody knows what ran there.
    pub read_at: Option<Timestamp>,
    pub fleets: Vec<String>,
    pub tags: Vec<String>,
}

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Things that come and go for each other.
    Fleet,
    Tag,
}

/// A span of time, with its beginning and without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// How much of a period things were there. Milliseconds, so that sums are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Assets that were there at any time of the period.
    pub assets: u64,
    pub present_ms: u64,
    /// Of that, after their software had been read.
    pub read_ms: u64,
}

impl Grouping {
    pub const ALL: [Self; 2] = [Self::Fleet, Self::Tag];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Tag => "tag",
        }
    }
}

impl Period {
    fn ms(self) -> u64 {
        between(self.from, self.to)
    }
}

impl Usage {
    fn add(&mut self, presence: &Presence, period: Period) {
        let began_at = presence.began_at.max(period.from);
        let ended_at = presence.ended_at.map_or(period.to, |ended_at| ended_at.min(period.to));
        let present_ms = between(began_at, ended_at);
        if present_ms == 0 {
            return;
        }
        self.assets += 1;
        self.present_ms += present_ms;
        self.read_ms += presence.read_at.map_or(0, |read_at| between(read_at.max(began_at), ended_at));
    }

    #[expect(clippy::cast_precision_loss, reason = "hours of people, not of atoms")]
    pub fn hours(self) -> f64 {
        self.present_ms as f64 / 3_600_000.0
    }

    /// How many were there on average.
    #[expect(clippy::cast_precision_loss, reason = "hours of people, not of atoms")]
    pub fn average(self, period: Period) -> f64 {
        self.present_ms as f64 / period.ms().max(1) as f64
    }

    /// The part of the hours of which is known what ran. `None`: there were none.
    #[expect(clippy::cast_precision_loss, reason = "hours of people, not of atoms")]
    pub fn coverage(self) -> Option<f64> {
        (self.present_ms > 0).then(|| self.read_ms as f64 / self.present_ms as f64)
    }
}

/// The usage of everything together, and of each group in which there was something.
pub fn usage<'a>(
    all: impl IntoIterator<Item = &'a Presence>,
    grouping: Grouping,
    period: Period,
) -> (Usage, BTreeMap<&'a str, Usage>) {
    let (mut total, mut groups) = (Usage::default(), BTreeMap::<&str, Usage>::new());
    for presence in all {
        total.add(presence, period);
        let keys = match grouping {
            Grouping::Fleet => &presence.fleets,
            Grouping::Tag => &presence.tags,
        };
        for key in keys {
            groups.entry(key).or_default().add(presence, period);
        }
    }
    groups.retain(|_, usage| usage.assets > 0);
    (total, groups)
}

/// Milliseconds from one instant to another; none where that is before it.
fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(4_000_000_000_000 + ms).unwrap()
    }

    fn presence(began: i64, ended: Option<i64>, read: Option<i64>) -> Presence {
        Presence {
            began_at: at(began),
            ended_at: ended.map(at),
            read_at: read.map(at),
            fleets: vec!["web".to_owned()],
            tags: vec!["prod".to_owned(), "eu".to_owned()],
        }
    }

    fn used(all: &[Presence], from: i64, to: i64) -> Usage {
        usage(all, Grouping::Fleet, Period { from: at(from), to: at(to) }).1.get("web").copied().unwrap_or_default()
    }

    #[test]
    fn nine_hundred_launches_of_three_machines_are_three() {
        let launches: Vec<Presence> =
            (0..900).map(|n| n / 3 * HOUR).map(|began| presence(began, Some(began + HOUR), None)).collect();
        let period = Period { from: at(0), to: at(300 * HOUR) };
        let (total, _) = usage(&launches, Grouping::Fleet, period);
        assert_eq!((total.assets, total.hours(), total.average(period)), (900, 900.0, 3.0));
        assert_eq!(total.coverage(), Some(0.0), "nobody ever read one");
    }

    #[test]
    fn hours_are_those_of_the_period() {
        for (began, ended, read, expected) in [
            // From before it to after it, never read.
            (-5, Some(50), None, (1, 10, 0)),
            (-5, None, None, (1, 10, 0)),
            // Read before it, within it, after it.
            (-5, None, Some(-1), (1, 10, 10)),
            (2, Some(6), Some(3), (1, 4, 3)),
            (2, Some(6), Some(7), (1, 4, 0)),
            // Not in it at all.
            (-5, Some(0), Some(-5), (0, 0, 0)),
            (10, None, Some(10), (0, 0, 0)),
            // Lost from sight before it was seen, as a clock that stepped back tells.
            (6, Some(4), Some(5), (0, 0, 0)),
        ] {
            let hours = |hour: i64| hour * HOUR;
            let one = [presence(hours(began), ended.map(hours), read.map(hours))];
            let Usage { assets, present_ms, read_ms } = used(&one, 0, 10 * HOUR);
            let in_hours = (assets, present_ms as i64 / HOUR, read_ms as i64 / HOUR);
            assert_eq!(in_hours, expected, "{began} to {ended:?}, read {read:?}");
        }
        assert_eq!(Usage::default().coverage(), None, "of nothing nothing is known");
    }

    #[test]
    fn an_asset_counts_in_each_of_its_groups_and_once_in_all() {
        let one = [presence(0, Some(HOUR), Some(0))];
        let period = Period { from: at(0), to: at(HOUR) };
        let (total, groups) = usage(&one, Grouping::Tag, period);
        assert_eq!(groups.keys().copied().collect::<Vec<_>>(), ["eu", "prod"]);
        assert!(groups.values().all(|usage| *usage == total));
        assert!(usage(&one, Grouping::Tag, Period { from: at(HOUR), to: at(2 * HOUR) }).1.is_empty());
    }
}
