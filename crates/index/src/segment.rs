//! A run of whole assets with their rows, in columns. Immutable once published; a change copies only the columns that it
//! touches.
//!
//! Rows stand in the order (asset, vulnerability, package). The columns end at a multiple of 64 rows, so that loops over
//! 64 rows at a time need no remainder.

use std::ops::Range;
use std::sync::Arc;

use domain::finding::State;
use domain::ids::AssetId;

use crate::row::{Packed, Signals, TIER_UNKNOWN, epss, score, tier};
use crate::tables::vulnerabilities::Vulnerabilities;

pub(crate) mod column;
pub(crate) mod draft;
pub(crate) mod insert;
pub(crate) mod list;

use column::{Code, Column, Number as _, NumberColumn, with_rows};
use draft::Draft;

/// Rows of a segment at most, unless one asset alone has more.
pub const ROWS_MAX: usize = 1 << 16;
/// Rows that are looked at together. Between two columns the processor waits until masks are written: with fewer rows it waits more
/// often, with more of them their bounds leave less out.
pub(crate) const ZONE_ROWS: usize = 16384;
pub(crate) const ZONE_WORDS: usize = ZONE_ROWS / 64;

#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// Id of the first asset.
    pub(crate) first: AssetId,
    pub(crate) directory: Arc<Directory>,
    pub(crate) vulnerability: NumberColumn,
    pub(crate) package: NumberColumn,
    pub(crate) priority: Column<u16>,
    pub(crate) score: Column<u8>,
    pub(crate) due: Column<u16>,
    pub(crate) first_seen: Column<u16>,
    pub(crate) detected: Column<u16>,
    pub(crate) words: NumberColumn,
    /// Copied down from the vulnerability, as are the sets of KEV.
    pub(crate) epss: Column<u16>,
    pub(crate) cvss: Column<u8>,
    pub(crate) states: [RowSet; 5],
    pub(crate) tiers: [RowSet; 5],
    pub(crate) kev_listed: RowSet,
    pub(crate) kev_unknown: RowSet,
}

/// One bit for each row.
pub(crate) type RowSet = Arc<Vec<u64>>;

/// Which asset has which rows.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Numbers of the assets, in the order of their ids.
    pub(crate) assets: Vec<u32>,
    /// Where each asset's rows begin, and the end of the last one's.
    pub(crate) starts: Vec<u32>,
    /// Lowest and highest number among the assets.
    pub(crate) span: (u32, u32),
}

impl Directory {
    pub(crate) fn rows(&self, place: usize) -> Range<usize> {
        self.starts[place] as usize..self.starts[place + 1] as usize
    }

    pub(crate) fn row_count(&self) -> usize {
        self.starts.last().map_or(0, |end| *end as usize)
    }

    /// The asset that a row belongs to.
    pub(crate) fn asset_of(&self, row: usize) -> u32 {
        self.assets[self.starts.partition_point(|start| *start as usize <= row) - 1]
    }

    /// Places of the assets that have rows within a range.
    pub(crate) fn places(&self, rows: Range<usize>) -> Range<usize> {
        let first = self.starts.partition_point(|start| *start as usize <= rows.start) - 1;
        first..self.starts.partition_point(|start| (*start as usize) < rows.end).min(self.assets.len())
    }
}

impl Segment {
    pub(crate) fn row_count(&self) -> usize {
        self.directory.row_count()
    }

    pub(crate) fn word_count(&self) -> usize {
        self.row_count().div_ceil(64)
    }

    /// The row as it was packed.
    pub(crate) fn packed(&self, row: usize) -> Packed {
        Packed {
            vulnerability: self.vulnerability.get(row),
            package: self.package.get(row),
            priority: self.priority.get(row),
            due: self.due.get(row),
            first_seen: self.first_seen.get(row),
            detected: self.detected.get(row),
            words: self.words.get(row),
            score: self.score.get(row),
            state: self.state(row) as u8,
        }
    }

    pub(crate) fn state(&self, row: usize) -> State {
        let is = |state: &State| self.states[*state as usize][row / 64] >> (row % 64) & 1 == 1;
        State::ALL.into_iter().find(is).expect("every row is in the set of its state")
    }

    /// Changes one row whose vulnerability and package stay.
    pub(crate) fn set(&mut self, row: usize, new: &Packed) {
        let old = self.packed(row);
        if old.state != new.state {
            put(&mut self.states[usize::from(old.state)], row, false);
            put(&mut self.states[usize::from(new.state)], row, true);
        }
        let (from, to) = (tier(old.priority), tier(new.priority));
        if from != to {
            if from != TIER_UNKNOWN {
                put(&mut self.tiers[from], row, false);
            }
            if to != TIER_UNKNOWN {
                put(&mut self.tiers[to], row, true);
            }
        }
        self.priority.set(row, new.priority);
        self.score.set(row, new.score);
        self.due.set(row, new.due);
        self.first_seen.set(row, new.first_seen);
        self.detected.set(row, new.detected);
        self.words.set(row, new.words);
    }

    /// Copies what the feeds say down to the rows.
    pub(crate) fn copy_down(&mut self, vulnerabilities: &Vulnerabilities) {
        let rows = self.row_count();
        let words = self.word_count();
        let (mut probabilities, mut scores) = (Vec::with_capacity(words * 64), Vec::with_capacity(words * 64));
        let (mut listed, mut unknown) = (vec![0; words], vec![0; words]);
        let mut copy = |row: usize, number: u32| {
            let Signals { epss: probability, cvss, kev } = vulnerabilities.get(number).signals;
            probabilities.push(epss(probability));
            scores.push(score(cvss));
            match kev {
                Some(true) => listed[row / 64] |= 1 << (row % 64),
                Some(false) => {}
                None => unknown[row / 64] |= 1 << (row % 64),
            }
        };
        with_rows!(&self.vulnerability, all => (0..rows).for_each(|row| copy(row, all[row].number())));
        self.epss = Column::of(probabilities);
        self.cvss = Column::of(scores);
        self.kev_listed = Arc::new(listed);
        self.kev_unknown = Arc::new(unknown);
    }

    /// Follows tables whose numbers have changed, by the new number of each old one. `None`: they have not.
    pub(crate) fn renumber(&mut self, vulnerabilities: Option<&[u32]>, packages: Option<&[u32]>) {
        let rows = self.row_count();
        if let Some(new) = vulnerabilities {
            self.vulnerability = self.vulnerability.renumbered(rows, new);
        }
        if let Some(new) = packages {
            self.package = self.package.renumbered(rows, new);
        }
    }

    /// Whether a row is about one of some vulnerabilities.
    pub(crate) fn is_about(&self, wanted: impl Fn(u32) -> bool) -> bool {
        with_rows!(&self.vulnerability, all => all[..self.row_count()].iter().any(|number| wanted(number.number())))
    }

    /// Bytes of heap that belong to this segment.
    pub(crate) fn bytes(&self) -> usize {
        let directory = (self.directory.assets.capacity() + self.directory.starts.capacity()) * 4;
        let words: usize = self.states.iter().chain(&self.tiers).map(|set| set.capacity()).sum();
        let kev = self.kev_listed.capacity() + self.kev_unknown.capacity();
        let wide = self.vulnerability.bytes() + self.package.bytes() + self.words.bytes();
        let dates = self.due.bytes() + self.first_seen.bytes() + self.detected.bytes();
        let narrow = self.priority.bytes() + self.epss.bytes() + dates;
        size_of::<Self>() + directory + (words + kev) * 8 + wide + narrow + self.score.bytes() + self.cvss.bytes()
    }
}

/// Sets or clears a row's bit.
fn put(set: &mut RowSet, row: usize, is: bool) {
    let word = &mut Arc::make_mut(set)[row / 64];
    let bit = 1 << (row % 64);
    *word = if is { *word | bit } else { *word & !bit };
}

/// Makes the columns of rows that stand in order.
pub(crate) fn seal(draft: &Draft, first: AssetId, vulnerabilities: &Vulnerabilities) -> Segment {
    let rows = &draft.rows;
    let words = rows.len().div_ceil(64);
    let mut states = [(); 5].map(|()| vec![0_u64; words]);
    for (place, row) in rows.iter().enumerate() {
        states[usize::from(row.state)][place / 64] |= 1 << (place % 64);
    }
    let span = (draft.assets.iter().copied().min().unwrap_or(0), draft.assets.iter().copied().max().unwrap_or(0));
    let directory = Directory { assets: draft.assets.clone(), starts: draft.starts(), span };
    let mut segment = Segment {
        first,
        directory: Arc::new(directory),
        vulnerability: NumberColumn::of(rows.iter().map(|row| row.vulnerability)),
        package: NumberColumn::of(rows.iter().map(|row| row.package)),
        priority: column(rows, |row| row.priority),
        score: column(rows, |row| row.score),
        due: column(rows, |row| row.due),
        first_seen: column(rows, |row| row.first_seen),
        detected: column(rows, |row| row.detected),
        words: NumberColumn::of(rows.iter().map(|row| row.words)),
        epss: Column::default(),
        cvss: Column::default(),
        states: states.map(Arc::new),
        tiers: tier_sets(rows.iter().map(|row| row.priority)),
        kev_listed: RowSet::default(),
        kev_unknown: RowSet::default(),
    };
    segment.copy_down(vulnerabilities);
    segment
}

/// The rows of each tier, by the packed priority of all rows.
pub(crate) fn tier_sets(priorities: impl ExactSizeIterator<Item = u16>) -> [RowSet; 5] {
    let mut tiers = [(); 5].map(|()| vec![0_u64; priorities.len().div_ceil(64)]);
    for (row, priority) in priorities.enumerate() {
        if let Some(set) = tiers.get_mut(tier(priority)) {
            set[row / 64] |= 1 << (row % 64);
        }
    }
    tiers.map(Arc::new)
}

fn column<T: Code>(rows: &[Packed], part: impl Fn(&Packed) -> T) -> Column<T> {
    let mut values = Vec::with_capacity(rows.len().next_multiple_of(64));
    values.extend(rows.iter().map(part));
    Column::of(values)
}
