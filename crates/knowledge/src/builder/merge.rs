//! What several records say of one flaw becomes one row, whatever their order.

use std::cmp::Reverse;

use domain::vulnerability::{Epss, Exploitation, Kev, Ssvc};
use jiff::Timestamp;
use jiff::civil::Date;

use super::FlawEntry;
use super::strings::Word;
use crate::format::{Day, EpssRow, Instant, flag};

/// One flaw's own facts.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub flags: u16,
    pub published: Instant,
    pub ssvc_at: Instant,
    pub epss: Option<EpssRow>,
    pub kev_added: Day,
    pub kev_due: Day,
}

/// Merges the records of one alias group.
pub(super) fn merge(canonical: Word, flaws: &[FlawEntry], epss: &[(Word, Epss)], kev: &[(Word, Kev)]) -> Merged {
    let mut merged = Merged::default();
    if rejected(canonical, flaws) {
        merged.flags |= flag::REJECTED;
    }
    if let Some(published) = flaws.iter().filter_map(|flaw| flaw.published_at).min() {
        merged.flags |= flag::PUBLISHED;
        merged.published = instant(published);
    }
    if let Some(ssvc) = flaws.iter().filter_map(|flaw| flaw.ssvc).max_by_key(ssvc_order) {
        merged.ssvc(ssvc);
    }
    if let Some(epss) = epss.iter().map(|(_, epss)| epss).max_by(|a, b| epss_order(a).cmp(&epss_order(b))) {
        merged.epss = Some(EpssRow {
            probability: epss.probability.to_bits().into(),
            percentile: epss.percentile.to_bits().into(),
            date: day(epss.date),
        });
    }
    if let Some(added) = kev.iter().map(|(_, kev)| kev.added).min() {
        merged.flags |= flag::KEV;
        merged.kev_added = day(added);
        if kev.iter().any(|(_, kev)| kev.ransomware) {
            merged.flags |= flag::RANSOMWARE;
        }
        if let Some(due) = kev.iter().filter_map(|(_, kev)| kev.due).min() {
            merged.flags |= flag::KEV_DUE;
            merged.kev_due = day(due);
        }
    }
    merged
}

/// Only when everyone who describes the canonical identifier says so: a doubtful withdrawal must not hide a flaw.
fn rejected(canonical: Word, flaws: &[FlawEntry]) -> bool {
    let own = || flaws.iter().filter(|flaw| flaw.id == canonical);
    if own().next().is_some() {
        own().all(|flaw| flaw.rejected)
    } else {
        !flaws.is_empty() && flaws.iter().all(|flaw| flaw.rejected)
    }
}

/// The latest answer counts; of two at one instant, the worse.
fn ssvc_order(ssvc: &Ssvc) -> (Timestamp, Exploitation, bool, bool) {
    (ssvc.at, ssvc.exploitation, ssvc.automatable, ssvc.technical_impact_total)
}

/// The latest day counts; of two on one day, the higher.
fn epss_order(epss: &Epss) -> (Date, u64, u64) {
    // The bits of numbers from 0 on compare as the numbers do.
    (epss.date, epss.probability.to_bits(), epss.percentile.to_bits())
}

impl Merged {
    fn ssvc(&mut self, ssvc: Ssvc) {
        self.flags |= flag::SSVC;
        self.ssvc_at = instant(ssvc.at);
        self.flags |= match ssvc.exploitation {
            Exploitation::None => 0,
            Exploitation::Poc => flag::EXPLOIT_POC,
            Exploitation::Active => flag::EXPLOIT_ACTIVE,
        };
        if ssvc.automatable {
            self.flags |= flag::AUTOMATABLE;
        }
        if ssvc.technical_impact_total {
            self.flags |= flag::TOTAL_IMPACT;
        }
    }
}

fn instant(at: Timestamp) -> Instant {
    let nanoseconds = at.as_nanosecond().clamp(i64::MIN.into(), i64::MAX.into());
    Instant { nanoseconds: i64::try_from(nanoseconds).unwrap_or_default().into() }
}

pub(super) fn day(date: Date) -> Day {
    Day { year: date.year().into(), month: date.month(), day: date.day() }
}

/// The run of entries of one key, taken from the front of a sorted list.
pub(super) fn take_run<'a, T>(entries: &mut &'a [T], rank: u32, rank_of: impl Fn(&T) -> u32) -> &'a [T] {
    let before = entries.partition_point(|entry| rank_of(entry) < rank);
    let rest = &entries[before..];
    let length = rest.iter().take_while(|entry| rank_of(entry) == rank).count();
    let (run, after) = rest.split_at(length);
    *entries = after;
    run
}

/// Snapshots, one for each feed: the latest, whatever the order in which they came.
pub(super) fn latest(mut snapshots: Vec<domain::feed::FeedSnapshot>) -> Vec<domain::feed::FeedSnapshot> {
    snapshots.sort_by_cached_key(|snapshot| {
        let text = serde_json::to_string(snapshot).unwrap_or_default();
        (snapshot.id.clone(), Reverse((snapshot.fetched_at, text)))
    });
    snapshots.dedup_by(|later, kept| later.id == kept.id);
    snapshots
}
