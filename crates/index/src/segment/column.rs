//! Columns: plain arrays, with the lowest and highest value of each zone.

use std::sync::Arc;

use super::ZONE_ROWS;
use super::insert::{Added, spliced};
use crate::row::Packed;
use crate::scan::lanes::{Lane, Span};

/// A packed value. The largest one stands for unknown.
pub(crate) trait Code: Lane + Into<u16> {
    const UNKNOWN: Self;

    /// The largest code that is not above a number.
    fn at_most(number: u32) -> Self;

    /// The same order from the other end; unknown stays last.
    fn turned(self) -> Self;
}

impl Code for u8 {
    const UNKNOWN: Self = Self::MAX;

    fn at_most(number: u32) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }

    #[inline]
    fn turned(self) -> Self {
        (!self).wrapping_sub(1)
    }
}

impl Code for u16 {
    const UNKNOWN: Self = Self::MAX;

    fn at_most(number: u32) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }

    #[inline]
    fn turned(self) -> Self {
        (!self).wrapping_sub(1)
    }
}

/// Values that lists are sorted and filtered by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column<T> {
    values: Arc<Vec<T>>,
    zones: Arc<Vec<Zone<T>>>,
}

/// Bounds of some thousand rows: what lies outside of them is never looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Zone<T> {
    /// Lowest value; unknown if none is known.
    pub(crate) min: T,
    /// Highest known value; zero if none is known.
    pub(crate) max: T,
    pub(crate) has_unknown: bool,
}

impl<T: Code> Column<T> {
    pub(crate) fn of(mut values: Vec<T>) -> Self {
        let zones = values.chunks(ZONE_ROWS).map(Zone::of).collect();
        values.resize(values.len().next_multiple_of(64), T::UNKNOWN);
        Self { values: Arc::new(values), zones: Arc::new(zones) }
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> T {
        self.values[row]
    }

    /// All rows, and what pads them.
    pub(crate) fn rows(&self) -> &[T] {
        &self.values
    }

    /// 64 rows at a time.
    pub(crate) fn words(&self) -> &[[T; 64]] {
        self.values.as_chunks().0
    }

    pub(crate) fn zone(&self, zone: usize) -> Zone<T> {
        self.zones[zone]
    }

    pub(crate) fn set(&mut self, row: usize, value: T) {
        if self.values[row] == value {
            return;
        }
        Arc::make_mut(&mut self.values)[row] = value;
        // The rows that pad the last word are unknown, which loosens a bound and never breaks one.
        let start = row / ZONE_ROWS * ZONE_ROWS;
        let end = (start + ZONE_ROWS).min(self.values.len());
        Arc::make_mut(&mut self.zones)[row / ZONE_ROWS] = Zone::of(&self.values[start..end]);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<T>() + self.zones.capacity() * size_of::<Zone<T>>()
    }
}

impl<T: Code> Zone<T> {
    fn of(values: &[T]) -> Self {
        let mut zone = Self { min: T::UNKNOWN, max: T::default(), has_unknown: false };
        for value in values {
            zone.min = zone.min.min(*value);
            zone.max = zone.max.max(if *value == T::UNKNOWN { T::default() } else { *value });
            zone.has_unknown |= *value == T::UNKNOWN;
        }
        zone
    }
}

/// Numbers of vulnerabilities, packages or words, in two bytes each where none of them needs more: what is read of memory is most of
/// what a scan takes.
#[derive(Debug, Clone)]
pub(crate) enum NumberColumn {
    Narrow(Arc<Vec<u16>>),
    Wide(Arc<Vec<u32>>),
}

/// A number as a column has it.
pub(crate) trait Number: Lane {
    fn number(self) -> u32;

    /// From one number to another, as far as a column has them. `None`: it has none of them.
    fn span(first: u32, last: u32) -> Option<Span<Self>>;
}

impl Number for u16 {
    #[inline]
    fn number(self) -> u32 {
        self.into()
    }

    fn span(first: u32, last: u32) -> Option<Span<Self>> {
        Span::between(Self::try_from(first).ok()?, Self::try_from(last).unwrap_or(Self::MAX))
    }
}

impl Number for u32 {
    #[inline]
    fn number(self) -> u32 {
        self
    }

    fn span(first: u32, last: u32) -> Option<Span<Self>> {
        Span::between(first, last)
    }
}

/// Does the same with a column's rows, and what pads them, in whichever form they are.
macro_rules! with_rows {
    ($column:expr, $rows:ident => $body:expr) => {
        match $column {
            $crate::segment::column::NumberColumn::Narrow($rows) => $body,
            $crate::segment::column::NumberColumn::Wide($rows) => $body,
        }
    };
}
pub(crate) use with_rows;

impl NumberColumn {
    pub(crate) fn of(values: impl ExactSizeIterator<Item = u32>) -> Self {
        let values: Vec<u32> = values.collect();
        match values.iter().map(|value| u16::try_from(*value)).collect::<Result<Vec<u16>, _>>() {
            Ok(narrow) => Self::Narrow(padded(narrow)),
            Err(_) => Self::Wide(padded(values)),
        }
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> u32 {
        match self {
            Self::Narrow(rows) => rows[row].into(),
            Self::Wide(rows) => rows[row],
        }
    }

    /// The same rows by other numbers: each by the one that stands in its place.
    pub(crate) fn renumbered(&self, rows: usize, new: &[u32]) -> Self {
        match self {
            Self::Narrow(old) => Self::of(old[..rows].iter().map(|number| new[usize::from(*number)])),
            Self::Wide(old) => Self::of(old[..rows].iter().map(|number| new[*number as usize])),
        }
    }

    pub(crate) fn set(&mut self, row: usize, value: u32) {
        if self.get(row) == value {
            return;
        }
        match (&mut *self, u16::try_from(value)) {
            (Self::Wide(rows), _) => Arc::make_mut(rows)[row] = value,
            (Self::Narrow(rows), Ok(value)) => Arc::make_mut(rows)[row] = value,
            (Self::Narrow(rows), Err(_)) => {
                let mut rows = widened(rows);
                rows[row] = value;
                *self = Self::Wide(Arc::new(rows));
            }
        }
    }

    /// The first rows with more of them.
    pub(crate) fn with(&self, rows: usize, added: &[Added], part: impl Fn(&Packed) -> u32) -> Self {
        let narrow = |row: &Packed| u16::try_from(part(row)).ok();
        match self {
            Self::Narrow(old) if added.iter().all(|added| narrow(&added.row).is_some()) => {
                Self::Narrow(padded(spliced(&old[..rows], added, |row| narrow(row).unwrap_or_default())))
            }
            Self::Narrow(old) => Self::Wide(padded(spliced(&widened(&old[..rows]), added, part))),
            Self::Wide(old) => Self::Wide(padded(spliced(&old[..rows], added, part))),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Narrow(rows) => rows.capacity() * 2,
            Self::Wide(rows) => rows.capacity() * 4,
        }
    }
}

fn widened(rows: &[u16]) -> Vec<u32> {
    rows.iter().copied().map(u32::from).collect()
}

fn padded<N: Number>(mut rows: Vec<N>) -> Arc<Vec<N>> {
    rows.resize(rows.len().next_multiple_of(64), N::default());
    rows.shrink_to_fit();
    Arc::new(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_last_from_both_ends() {
        let mut codes: Vec<u8> = vec![3, u8::MAX, 0, 254];
        codes.sort_by_key(|code| code.turned());
        assert_eq!(codes, [254, 3, 0, u8::MAX]);
        assert_eq!((5_u16).turned().turned(), 5);
        assert_eq!(u16::UNKNOWN.turned(), u16::UNKNOWN);
    }

    #[test]
    fn numbers_take_two_bytes_until_one_needs_more() {
        let row = |package| Packed {
            vulnerability: 0,
            package,
            priority: 0,
            due: 0,
            first_seen: 0,
            detected: 0,
            words: 0,
            score: 0,
            state: 0,
        };
        let added = |before, package| Added { place: 0, before, row: row(package) };
        let all = |column: &NumberColumn, count: usize| (0..count).map(|row| column.get(row)).collect::<Vec<_>>();
        let narrow = NumberColumn::of([7, 65_535].into_iter());
        assert!(matches!(narrow, NumberColumn::Narrow(_)));
        let still = narrow.with(2, &[added(1, 8)], |row| row.package);
        assert!(matches!(still, NumberColumn::Narrow(_)));
        assert_eq!(all(&still, 3), [7, 8, 65_535]);
        let wide = still.with(3, &[added(0, 1), added(3, 65_536)], |row| row.package);
        assert!(matches!(wide, NumberColumn::Wide(_)));
        assert_eq!(all(&wide, 5), [1, 7, 8, 65_535, 65_536]);
        let (mut set, mut widened) = (still.clone(), still.clone());
        set.set(1, 9);
        widened.set(2, 70_000);
        assert!(matches!((&set, &widened), (NumberColumn::Narrow(_), NumberColumn::Wide(_))));
        assert_eq!(
            (all(&set, 3), all(&widened, 3), all(&still, 3)),
            (vec![7, 9, 65_535], vec![7, 8, 70_000], vec![7, 8, 65_535])
        );
        assert_eq!(all(&wide.with(5, &[added(5, 2)], |row| row.package), 6), [1, 7, 8, 65_535, 65_536, 2]);
        assert!(matches!(NumberColumn::of([65_536].into_iter()), NumberColumn::Wide(_)));
    }

    #[test]
    fn zones_follow_changes() {
        let mut column = Column::of((0..20_000_u16).collect());
        assert_eq!(column.zone(1), Zone { min: 16_384, max: 19_999, has_unknown: false });
        let before = column.clone();
        column.set(16_384, 7);
        column.set(19_999, u16::UNKNOWN);
        assert_eq!(column.zone(1), Zone { min: 7, max: 19_998, has_unknown: true });
        assert_eq!(before.get(16_384), 16_384);
        assert_eq!(Zone::of(&[u8::UNKNOWN]), Zone { min: u8::UNKNOWN, max: 0, has_unknown: true });
    }
}
