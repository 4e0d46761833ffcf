//! Flat sets of small numbers, 64 to a word: of rows within a segment, and of assets, vulnerabilities and packages within
//! one query.

use std::ops::Range;

use roaring::RoaringBitmap;

/// A flat set. Numbers beyond its end are not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn with_room_for(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    /// The numbers below `count` of a compressed set.
    pub(crate) fn of(set: &RoaringBitmap, count: usize) -> Self {
        Self::from(set.iter().take_while(|number| (*number as usize) < count), count)
    }

    /// Numbers that are below `count`.
    pub(crate) fn from(numbers: impl Iterator<Item = u32>, count: usize) -> Self {
        let mut bits = Self::with_room_for(count);
        numbers.for_each(|number| bits.insert(number));
        bits
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn insert(&mut self, number: u32) {
        self.0[number as usize / 64] |= 1 << (number % 64);
    }

    /// Inserts one that may lie beyond its end.
    pub(crate) fn put(&mut self, number: u32) {
        let needed = number as usize / 64 + 1;
        if self.0.len() < needed {
            self.0.resize(needed.next_power_of_two(), 0);
        }
        self.insert(number);
    }

    #[inline]
    pub(crate) fn contains(&self, number: u32) -> bool {
        self.0.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether any number of the closed range is in the set.
    pub(crate) fn has_any(&self, first: u32, last: u32) -> bool {
        let (from, to) = (first as usize / 64, last as usize / 64);
        (from..=to.min(self.0.len().saturating_sub(1))).any(|place| {
            let Some(mut word) = self.0.get(place).copied() else { return false };
            if place == from {
                word &= !0 << (first % 64);
            }
            if place == to {
                word &= !0 >> (63 - last % 64);
            }
            word != 0
        })
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= other;
        }
    }

    pub(crate) fn unite(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
        }
    }

    /// Everything below `count` that was not in it.
    pub(crate) fn negate(&mut self, count: usize) {
        for word in &mut self.0 {
            *word = !*word;
        }
        trim(&mut self.0, count);
    }

    /// In ascending order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        let rest = |word: u64| (word != 0).then_some(word);
        self.0.iter().zip((0..).step_by(64)).flat_map(move |(word, base)| {
            std::iter::successors(rest(*word), move |word| rest(word & (word - 1)))
                .map(move |word| base + word.trailing_zeros())
        })
    }
}

/// First and last of each run of neighbouring numbers, upwards or downwards, where they are few: up to `max` of them.
pub(crate) fn runs(numbers: impl Iterator<Item = u32>, max: usize) -> Option<Vec<(u32, u32)>> {
    let mut runs: Vec<(u32, u32)> = Vec::with_capacity(max);
    for number in numbers {
        match runs.pop() {
            Some((first, last)) if last + 1 == number => runs.push((first, number)),
            Some((first, last)) if number + 1 == first => runs.push((number, last)),
            before => {
                runs.extend(before);
                if runs.len() == max {
                    return None;
                }
                runs.push((number, number));
            }
        }
    }
    Some(runs)
}

/// Sets the bits of a range.
pub(crate) fn fill(words: &mut [u64], range: Range<usize>) {
    if range.is_empty() {
        return;
    }
    let (first, last) = (range.start / 64, (range.end - 1) / 64);
    let head = !0 << (range.start % 64);
    let tail = !0 >> (63 - (range.end - 1) % 64);
    if first == last {
        words[first] |= head & tail;
        return;
    }
    words[first] |= head;
    words[first + 1..last].fill(!0);
    words[last] |= tail;
}

/// Clears every bit from `count` on.
pub(crate) fn trim(words: &mut [u64], count: usize) {
    for (place, word) in words.iter_mut().enumerate().skip(count / 64) {
        *word &= if place == count / 64 { (1 << (count % 64)) - 1 } else { 0 };
    }
}

pub(crate) fn count(words: &[u64]) -> u64 {
    words.iter().map(|word| u64::from(word.count_ones())).sum()
}

/// How many bits of a range are set.
pub(crate) fn count_in(words: &[u64], range: Range<usize>) -> u32 {
    let mut count = 0;
    for_words(words, range, |_, word| count += word.count_ones());
    count
}

/// Every set bit, in ascending order.
#[inline]
pub(crate) fn for_each(words: &[u64], mut visit: impl FnMut(usize)) {
    for (place, word) in words.iter().enumerate() {
        for_each_in(*word, place * 64, &mut visit);
    }
}

/// Every set bit of a range, in ascending order.
#[inline]
pub(crate) fn for_each_within(words: &[u64], range: Range<usize>, mut visit: impl FnMut(usize)) {
    for_words(words, range, |place, word| for_each_in(word, place * 64, &mut visit));
}

/// Every set bit of one word, counted from `base` on.
#[inline]
pub(crate) fn for_each_in(mut word: u64, base: usize, mut visit: impl FnMut(usize)) {
    while word != 0 {
        visit(base + word.trailing_zeros() as usize);
        word &= word - 1;
    }
}

/// The words that a range touches, without the bits outside of it.
#[inline]
fn for_words(words: &[u64], range: Range<usize>, mut visit: impl FnMut(usize, u64)) {
    if range.is_empty() {
        return;
    }
    let (first, last) = (range.start / 64, (range.end - 1) / 64);
    for (place, word) in words.iter().enumerate().take(last + 1).skip(first) {
        let mut word = *word;
        if place == first {
            word &= !0 << (range.start % 64);
        }
        if place == last {
            word &= !0 >> (63 - (range.end - 1) % 64);
        }
        visit(place, word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_begin_and_end_anywhere() {
        for start in [0, 1, 63, 64, 65, 100, 191] {
            for end in [0, 1, 63, 64, 65, 127, 128, 192] {
                let mut words = [0; 3];
                fill(&mut words, start..end);
                let mut set = Vec::new();
                for_each(&words, |bit| set.push(bit));
                assert_eq!(set, (start..end).collect::<Vec<_>>());
                assert_eq!(count(&words), set.len() as u64);
                assert_eq!(count_in(&[!0; 3], start..end) as usize, set.len());
                let mut ones = [!0; 3];
                trim(&mut ones, end);
                assert_eq!(count(&ones), end as u64);
            }
        }
    }

    #[test]
    fn sets_know_their_end() {
        let mut bits = Bits::of(&RoaringBitmap::from_iter([3, 64, 129, 500]), 130);
        assert!(bits.contains(129) && !bits.contains(500) && !bits.contains(4));
        assert!(bits.has_any(4, 64) && !bits.has_any(4, 63) && bits.has_any(129, 900) && !bits.has_any(130, 900));
        assert_eq!(runs(bits.numbers(), 3), Some(vec![(3, 3), (64, 64), (129, 129)]));
        assert_eq!(runs(bits.numbers(), 2), None);
        assert_eq!(runs(Bits::with_room_for(9).numbers(), 0), Some(Vec::new()));
        (60..=70).for_each(|number| bits.insert(number));
        assert_eq!(runs(bits.numbers(), 3), Some(vec![(3, 3), (60, 70), (129, 129)]));
        assert_eq!(runs([9, 8, 7, 3, 4].into_iter(), 2), Some(vec![(7, 9), (3, 4)]));
        bits.negate(130);
        assert!(!bits.contains(129) && bits.contains(4) && !bits.contains(130));
    }
}
