//! Columns: plain arrays, with the lowest and highest value of each zone.

use std::sync::Arc;

use super::ZONE_ROWS;

/// A packed value. The largest one stands for unknown.
pub(crate) trait Code: Copy + Ord + Default + Into<u16> {
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

/// Bounds of 4096 rows: what lies outside of them is never looked at.
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

/// Numbers of vulnerabilities or packages.
#[derive(Debug, Clone, Default)]
pub(crate) struct WideColumn(Arc<Vec<u32>>);

impl WideColumn {
    pub(crate) fn of(values: impl ExactSizeIterator<Item = u32>) -> Self {
        let padded = values.len().next_multiple_of(64);
        let mut all = Vec::with_capacity(padded);
        all.extend(values);
        all.resize(padded, 0);
        Self(Arc::new(all))
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> u32 {
        self.0[row]
    }

    /// All rows, and what pads them.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.0
    }

    /// 64 rows at a time.
    pub(crate) fn words(&self) -> &[[u32; 64]] {
        self.0.as_chunks().0
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * 4
    }
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
    fn zones_follow_changes() {
        let mut column = Column::of((0..5000_u16).collect());
        assert_eq!(column.zone(1), Zone { min: 4096, max: 4999, has_unknown: false });
        let before = column.clone();
        column.set(4096, 7);
        column.set(4999, u16::UNKNOWN);
        assert_eq!(column.zone(1), Zone { min: 7, max: 4998, has_unknown: true });
        assert_eq!(before.get(4096), 4096);
        assert_eq!(Zone::of(&[u8::UNKNOWN]), Zone { min: u8::UNKNOWN, max: 0, has_unknown: true });
    }
}
