//! The best rows seen so far.

/// A candidate: its key, smaller is better, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    pub(crate) key: u32,
    /// Place of the segment among all of them.
    pub(crate) order: u32,
    pub(crate) row: u32,
}

/// Rows come in order, so of equal keys the earlier rows win, and a key that is not below the bar never gets in.
#[derive(Debug)]
pub(crate) struct Top {
    limit: usize,
    hits: Vec<Hit>,
    bar: u32,
}

/// Keys lie below.
const NO_BAR: u32 = u32::MAX;

impl Top {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, hits: Vec::with_capacity(limit * 2 + 64), bar: if limit == 0 { 0 } else { NO_BAR } }
    }

    /// Keys from here on cannot win.
    #[inline]
    pub(crate) const fn bar(&self) -> u32 {
        self.bar
    }

    #[inline]
    pub(crate) fn offer(&mut self, hit: Hit) {
        if hit.key >= self.bar {
            return;
        }
        self.hits.push(hit);
        if self.hits.len() >= self.limit * 2 + 64 {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.hits.len() >= self.limit {
            let (_, worst, _) = self.hits.select_nth_unstable(self.limit - 1);
            self.bar = worst.key;
            self.hits.truncate(self.limit);
        }
    }

    /// The best rows, best first.
    pub(crate) fn into_sorted(mut self) -> Vec<Hit> {
        self.hits.sort_unstable();
        self.hits.truncate(self.limit);
        self.hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_of_equal_rows_win() {
        let mut top = Top::new(3);
        for row in 0..1000 {
            top.offer(Hit { key: if row < 500 { 1000 - row } else { 501 }, order: 0, row });
        }
        let rows: Vec<u32> = top.into_sorted().iter().map(|hit| hit.row).collect();
        assert_eq!(rows, [499, 500, 501]);
        let mut none = Top::new(0);
        none.offer(Hit { key: 0, order: 0, row: 0 });
        assert!(none.into_sorted().is_empty());
    }
}
