//! What rows are sorted by: offering the rows of a part whose keys can still win.

use std::ops::Range;

use super::keep::keep_runs;
use super::lanes::{Span, keep_within};
use super::top::{Hit, Top};
use super::{Part, ZONE_WORDS, words};
use crate::bits::{count, fill, for_each, for_each_within, runs};
use crate::compile::FEW_RUNS;
use crate::numbers::next;
use crate::segment::column::{Code, Column, Number, with_rows};

/// Up to so many places are compared with, as runs of neighbouring numbers.
const FEW_PLACES: usize = 256;

/// Up to one row in so many words on average, places are looked up whatever they are.
const FEW_ROWS: u64 = 2;

/// The key of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keys<'a> {
    Values(Valued, Direction),
    /// Places by number of the asset, the vulnerability or the package.
    Places(Placed, Places<'a>),
}

/// The place of every number of a table, counted from one end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) up: &'a [u32],
    /// The number at every place.
    pub(crate) sorted: &'a [u32],
    pub(crate) direction: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Valued {
    Priority,
    Score,
    Cvss,
    Epss,
    Due,
    FirstSeen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    Asset,
    Vulnerability,
    Package,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Smallest value first.
    Up,
    /// Largest value first; unknown stays last.
    Down,
}

/// Where a page begins: the first row behind the last one of the page before, and the keys that are left.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Floor {
    /// Segment, and row within it, of the first row behind.
    pub(crate) order: u32,
    pub(crate) row: u32,
    /// Lowest key of rows in front of it.
    pub(crate) before: u32,
    /// Lowest key of rows from it on.
    pub(crate) after: u32,
}

impl Keys<'_> {
    /// Offers every row of the mask that stands behind the floor and can still win.
    pub(crate) fn collect(&self, part: &Part<'_>, mask: &[u64], floor: &Floor, top: &mut Top) {
        match part.order.cmp(&floor.order) {
            std::cmp::Ordering::Less => self.from(part, mask, floor.before, top),
            std::cmp::Ordering::Greater => self.from(part, mask, floor.after, top),
            std::cmp::Ordering::Equal => {
                let rows = (floor.row as usize).saturating_sub(part.base()).min(mask.len() * 64);
                let mut front = [0; ZONE_WORDS];
                fill(&mut front, 0..rows);
                let mut one = [0; ZONE_WORDS];
                let one = &mut one[..mask.len()];
                one.iter_mut().zip(mask).zip(&front).for_each(|((to, word), front)| *to = word & front);
                self.from(part, one, floor.before, top);
                one.iter_mut().zip(mask).zip(&front).for_each(|((to, word), front)| *to = word & !front);
                self.from(part, one, floor.after, top);
            }
        }
    }

    fn from(&self, part: &Part<'_>, mask: &[u64], low: u32, top: &mut Top) {
        let segment = part.segment;
        match *self {
            Self::Values(valued, direction) => match valued {
                Valued::Priority => values(&segment.priority, direction, part, mask, low, top),
                Valued::Score => values(&segment.score, direction, part, mask, low, top),
                Valued::Cvss => values(&segment.cvss, direction, part, mask, low, top),
                Valued::Epss => values(&segment.epss, direction, part, mask, low, top),
                Valued::Due => values(&segment.due, direction, part, mask, low, top),
                Valued::FirstSeen => values(&segment.first_seen, direction, part, mask, low, top),
            },
            Self::Places(Placed::Asset, places) => assets(places, part, mask, low, top),
            Self::Places(Placed::Vulnerability, places) => {
                with_rows!(&segment.vulnerability, all => gathered(words(all, part), places, part, mask, low, top));
            }
            Self::Places(Placed::Package, places) => {
                with_rows!(&segment.package, all => gathered(words(all, part), places, part, mask, low, top));
            }
        }
    }
}

fn key<T: Code>(code: T, direction: Direction) -> u32 {
    let code: u16 = match direction {
        Direction::Up => code.into(),
        Direction::Down => code.turned().into(),
    };
    code.into()
}

impl Places<'_> {
    /// What stands at a place that is counted from the end that stands first. `None`: nothing does any more.
    fn number(self, key: u32) -> Option<u32> {
        let place = match self.direction {
            Direction::Up => key,
            Direction::Down => next(self.up.len()).checked_sub(1)?.checked_sub(key)?,
        };
        self.sorted.get(place as usize).copied()
    }

    /// What stands at some places, as runs of neighbouring numbers. `None`: they are many.
    fn runs(self, keys: Range<u32>) -> Option<Vec<(u32, u32)>> {
        if keys.len() > FEW_PLACES {
            return None;
        }
        runs(keys.filter_map(|key| self.number(key)), FEW_RUNS)
    }

    /// The number's place, counted from the end that stands first.
    #[inline]
    fn key(self, number: u32) -> u32 {
        let place = self.up[number as usize];
        match self.direction {
            Direction::Up => place,
            Direction::Down => next(self.up.len() - 1) - place,
        }
    }
}

fn values<T: Code>(column: &Column<T>, direction: Direction, part: &Part<'_>, mask: &[u64], low: u32, top: &mut Top) {
    let zone = column.zone(part.zone());
    let best: u16 = match direction {
        Direction::Up => zone.min.into(),
        Direction::Down => zone.max.turned().into(),
    };
    let last: u16 = T::UNKNOWN.into();
    if u32::from(best) >= top.bar() || low > u32::from(last) {
        return;
    }
    let (floor, ceiling) = (T::at_most(low), T::at_most(top.bar() - 1));
    let span = match direction {
        Direction::Up => Span::between(floor, ceiling),
        Direction::Down => Span::turned_between(floor, ceiling),
    };
    let words = &column.words()[part.first_word..];
    let keep = |mask: &mut [u64]| keep_within(words, span.as_slice(), mask);
    for_each_kept(mask, keep, |row| {
        let key = key(words[row / 64][row % 64], direction);
        top.offer(hit(part, part.base() + row, key));
    });
}

/// Visits the rows of the mask that are kept.
fn for_each_kept(mask: &[u64], keep: impl FnOnce(&mut [u64]), visit: impl FnMut(usize)) {
    let mut kept = [0; ZONE_WORDS];
    let kept = &mut kept[..mask.len()];
    kept.copy_from_slice(mask);
    keep(kept);
    for_each(kept, visit);
}

fn assets(places: Places<'_>, part: &Part<'_>, mask: &[u64], low: u32, top: &mut Top) {
    let mut better = Vec::new();
    part.for_each_asset(mask.len(), |asset, rows| {
        let key = places.key(asset);
        if key >= low && key < top.bar() {
            better.push((key, rows));
        }
    });
    // Best first: where names run against numbers, each asset would win over all before it, and every row would be offered.
    better.sort_unstable_by_key(|(key, _)| *key);
    for (key, rows) in better {
        if key >= top.bar() {
            break;
        }
        for_each_within(mask, rows, |row| top.offer(hit(part, part.base() + row, key)));
    }
}

/// Looks the place of every row up, unless so few places can still win that comparing with their numbers is faster.
fn gathered<N: Number>(words: &[[N; 64]], places: Places<'_>, part: &Part<'_>, mask: &[u64], low: u32, top: &mut Top) {
    let keys = low..top.bar();
    let offer = |row: usize| {
        let key = places.key(words[row / 64][row % 64].number());
        if key >= low && key < top.bar() {
            top.offer(hit(part, part.base() + row, key));
        }
    };
    if count(mask) * FEW_ROWS <= mask.len() as u64 {
        return for_each(mask, offer);
    }
    let Some(runs) = places.runs(keys) else { return for_each(mask, offer) };
    for_each_kept(mask, |mask| keep_runs(words, &runs, mask), offer);
}

fn hit(part: &Part<'_>, row: usize, key: u32) -> Hit {
    Hit { key, order: part.order, row: u32::try_from(row).expect("rows of a segment fit") }
}
