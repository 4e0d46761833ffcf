//! The order of a table by name: every entry's place, kept beside its number, since entries arrive in any order.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::numbers::next;
use crate::scan::keys::{Direction, Places};

/// Numbers in order, and each number's place. Cheap to copy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    sorted: Arc<Vec<u32>>,
    rank: Arc<Vec<u32>>,
}

impl Order {
    /// Takes numbers out and others in. A number that has moved is named in both lists.
    pub(crate) fn change(&mut self, gone: &[u32], mut new: Vec<u32>, compare: impl Fn(u32, u32) -> Ordering) {
        if gone.is_empty() && new.is_empty() {
            return;
        }
        let last = new.iter().copied().max().map_or(0, |last| last as usize + 1).max(self.rank.len());
        let mut leaves = vec![false; last];
        for number in gone {
            leaves[*number as usize] = true;
        }
        // Those that move would stand out of order under their new names: they leave first.
        let staying: Vec<u32> = self.sorted.iter().copied().filter(|number| !leaves[*number as usize]).collect();
        new.sort_unstable_by(|a, b| compare(*a, *b));
        let mut sorted = Vec::with_capacity(staying.len() + new.len());
        let mut rest: &[u32] = &staying;
        for number in new {
            let before = rest.partition_point(|other| compare(*other, number) == Ordering::Less);
            sorted.extend_from_slice(&rest[..before]);
            rest = &rest[before..];
            sorted.push(number);
        }
        sorted.extend_from_slice(rest);
        let mut rank = vec![0; last];
        for (place, number) in sorted.iter().enumerate() {
            rank[*number as usize] = u32::try_from(place).expect("numbers fit");
        }
        self.sorted = Arc::new(sorted);
        self.rank = Arc::new(rank);
    }

    /// Of so many numbers that stand in order.
    fn natural(len: usize) -> Self {
        let numbers: Arc<Vec<u32>> = Arc::new((0..next(len)).collect());
        Self { sorted: Arc::clone(&numbers), rank: numbers }
    }

    /// The place of each number. `None`: each stands at the place that it names.
    pub(crate) fn moved(&self) -> Option<&[u32]> {
        self.rank.iter().zip(0..).any(|(place, number)| *place != number).then_some(&*self.rank)
    }

    /// Makes every place the number of what stands there. Gives how it stood before: what was at each place, and where each
    /// number went.
    pub(crate) fn settle(&mut self) -> Self {
        let settled = Self::natural(self.sorted.len());
        std::mem::replace(self, settled)
    }

    pub(crate) fn sorted(&self) -> &[u32] {
        &self.sorted
    }

    /// What rows are sorted by.
    pub(crate) fn places(&self, direction: Direction) -> Places<'_> {
        Places { up: &self.rank, sorted: &self.sorted, direction }
    }

    /// Places by number.
    pub(crate) fn rank(&self) -> &[u32] {
        &self.rank
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_go_and_move() {
        let mut names = vec!["d", "a", "c", "b"];
        let mut order = Order::default();
        order.change(&[], vec![0, 1, 2, 3], |a, b| names[a as usize].cmp(names[b as usize]));
        assert_eq!((order.sorted(), order.rank()), (&[1, 3, 2, 0][..], &[3, 0, 2, 1][..]));
        names[1] = "e";
        names.push("aa");
        order.change(&[1, 3], vec![1, 4], |a, b| names[a as usize].cmp(names[b as usize]));
        assert_eq!(order.sorted(), [4, 2, 0, 1]);
        assert_eq!(order.rank()[4], 0);
        assert_eq!(order.rank()[1], 3);
    }
}
