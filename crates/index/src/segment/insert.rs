//! Adding rows to a segment: what stands there already is copied in runs, and not row by row.

use std::sync::Arc;

use super::column::{Code, Column};
use super::{Directory, RowSet, Segment, tier};
use crate::row::{Packed, TIER_UNKNOWN, epss, score};
use crate::tables::vulnerabilities::Vulnerabilities;

/// A row on its way into a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Added {
    /// The place of its asset in the directory.
    pub(crate) place: usize,
    /// It comes in front of the row that has this number now.
    pub(crate) before: usize,
    pub(crate) row: Packed,
}

impl Segment {
    /// The same with more rows, which come in their order.
    pub(crate) fn with(&self, added: &[Added], vulnerabilities: &Vulnerabilities) -> Self {
        let rows = self.row_count();
        let signals = |row: &Packed| vulnerabilities.get(row.vulnerability).signals;
        let set = |set: &RowSet, is: &dyn Fn(&Packed) -> bool| {
            let mut bits = Runs::with_room_for(rows + added.len());
            let mut from = 0;
            for Added { before, row, .. } in added {
                bits.run(set, from, *before);
                bits.push(is(row));
                from = *before;
            }
            bits.run(set, from, rows);
            Arc::new(bits.words)
        };
        let indexed = |sets: &[RowSet; 5], number: fn(&Packed) -> Option<usize>| {
            std::array::from_fn(|each| set(&sets[each], &|row| number(row) == Some(each)))
        };
        Self {
            first: self.first,
            directory: Arc::new(self.directory.with(added)),
            vulnerability: self.vulnerability.with(rows, added, |row| row.vulnerability),
            package: self.package.with(rows, added, |row| row.package),
            priority: self.priority.with(rows, added, |row| row.priority),
            score: self.score.with(rows, added, |row| row.score),
            due: self.due.with(rows, added, |row| row.due),
            first_seen: self.first_seen.with(rows, added, |row| row.first_seen),
            detected: self.detected.with(rows, added, |row| row.detected),
            words: self.words.with(rows, added, |row| row.words),
            epss: self.epss.with(rows, added, |row| epss(signals(row).epss)),
            cvss: self.cvss.with(rows, added, |row| score(signals(row).cvss)),
            states: indexed(&self.states, |row| Some(usize::from(row.state))),
            tiers: indexed(&self.tiers, |row| Some(tier(row.priority)).filter(|tier| *tier != TIER_UNKNOWN)),
            kev_listed: set(&self.kev_listed, &|row| signals(row).kev == Some(true)),
            kev_unknown: set(&self.kev_unknown, &|row| signals(row).kev.is_none()),
        }
    }
}

impl Directory {
    fn with(&self, added: &[Added]) -> Self {
        let mut more = vec![0_u32; self.assets.len()];
        added.iter().for_each(|added| more[added.place] += 1);
        let mut starts = Vec::with_capacity(self.starts.len());
        let mut sum = 0;
        for (place, start) in self.starts.iter().enumerate() {
            starts.push(start + sum);
            sum += more.get(place).copied().unwrap_or_default();
        }
        Self { assets: self.assets.clone(), starts, span: self.span }
    }
}

impl<T: Code> Column<T> {
    fn with(&self, rows: usize, added: &[Added], part: impl Fn(&Packed) -> T) -> Self {
        Self::of(spliced(&self.rows()[..rows], added, part))
    }
}

/// Old values with those of added rows between them.
pub(super) fn spliced<T: Copy>(old: &[T], added: &[Added], part: impl Fn(&Packed) -> T) -> Vec<T> {
    let mut values = Vec::with_capacity((old.len() + added.len()).next_multiple_of(64));
    let mut from = 0;
    for Added { before, row, .. } in added {
        values.extend_from_slice(&old[from..*before]);
        values.push(part(row));
        from = *before;
    }
    values.extend_from_slice(&old[from..]);
    values
}

/// Bits that are written one behind the other.
struct Runs {
    words: Vec<u64>,
    len: usize,
}

impl Runs {
    fn with_room_for(count: usize) -> Self {
        Self { words: Vec::with_capacity(count.div_ceil(64)), len: 0 }
    }

    fn push(&mut self, is: bool) {
        self.append(u64::from(is), 1);
    }

    /// Writes the bits of a set from a row up to another one.
    fn run(&mut self, set: &[u64], from: usize, to: usize) {
        let mut at = from;
        while at < to {
            let (word, shift) = (at / 64, at % 64);
            let low = set[word] >> shift;
            let high = if shift == 0 { 0 } else { set.get(word + 1).map_or(0, |next| next << (64 - shift)) };
            let count = (to - at).min(64);
            self.append(low | high, count);
            at += count;
        }
    }

    /// Writes the lowest bits of a word, 1 to 64 of them.
    fn append(&mut self, word: u64, count: usize) {
        let word = word & (u64::MAX >> (64 - count));
        let shift = self.len % 64;
        match self.words.last_mut() {
            Some(last) if shift > 0 => {
                *last |= word << shift;
                if shift + count > 64 {
                    self.words.push(word >> (64 - shift));
                }
            }
            _ => self.words.push(word),
        }
        self.len += count;
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn runs_are_what_single_bits_would_be(bits in vec(any::<bool>(), 0..300), cuts in vec(any::<(u16, bool)>(), 0..9)) {
            let mut words = vec![0; bits.len().div_ceil(64)];
            bits.iter().enumerate().filter(|(_, is)| **is).for_each(|(row, _)| words[row / 64] |= 1 << (row % 64));
            let mut cuts: Vec<(usize, bool)> =
                cuts.into_iter().map(|(at, is)| (usize::from(at) % (bits.len() + 1), is)).collect();
            cuts.sort_unstable();
            let (mut runs, mut expected, mut from) = (Runs::with_room_for(0), Vec::new(), 0);
            for (at, is) in cuts {
                runs.run(&words, from, at);
                runs.push(is);
                expected.extend_from_slice(&bits[from..at]);
                expected.push(is);
                from = at;
            }
            runs.run(&words, from, bits.len());
            expected.extend_from_slice(&bits[from..]);
            let written: Vec<bool> = (0..runs.len).map(|row| runs.words[row / 64] >> (row % 64) & 1 == 1).collect();
            prop_assert_eq!(written, expected);
            prop_assert_eq!(runs.words.len(), runs.len.div_ceil(64));
        }
    }
}
