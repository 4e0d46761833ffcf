//! The one routine that every question goes through: rows in order, 16,384 at a time, as masks of 64 rows a word.
//!
//! Under a tenth of the assets, only their rows are visited. Otherwise all segments are walked, with a mask of the rows that
//! the reader may see.

use std::ops::Range;

use crate::bits::{Bits, fill, trim};
use crate::compile::Plan;
use crate::segment::column::Number;
use crate::segment::{Segment, ZONE_ROWS, ZONE_WORDS};
use crate::snapshot::Snapshot;

pub(crate) mod keys;
pub(crate) mod lanes;
pub(crate) mod top;
mod keep;

pub(crate) use keep::keep_all;

/// Up to 16,384 rows of one zone, from a multiple of 64 on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) segment: &'a Segment,
    /// Place of the segment among all of them.
    pub(crate) order: u32,
    /// Which word of the segment the mask begins with.
    pub(crate) first_word: usize,
}

impl Part<'_> {
    /// The row that the mask's first bit stands for.
    pub(crate) const fn base(&self) -> usize {
        self.first_word * 64
    }

    pub(crate) const fn zone(&self) -> usize {
        self.first_word / ZONE_WORDS
    }

    /// Each asset that has rows under the mask: its number, and its rows as bits of the mask.
    pub(crate) fn for_each_asset(&self, words: usize, mut visit: impl FnMut(u32, Range<usize>)) {
        let directory = &self.segment.directory;
        let (base, end) = (self.base(), (self.base() + words * 64).min(self.segment.row_count()));
        if base >= end {
            return;
        }
        for place in directory.places(base..end) {
            let rows = directory.rows(place);
            let rows = rows.start.max(base)..rows.end.min(end);
            if !rows.is_empty() {
                visit(directory.assets[place], rows.start - base..rows.end - base);
            }
        }
    }
}

/// The rows of a part and those behind it, 64 at a time.
fn words<'a, N: Number>(all: &'a [N], part: &Part<'_>) -> &'a [[N; 64]] {
    &all.as_chunks().0[part.first_word..]
}

/// Visits every part that may hold matching rows, in order. The mask has the rows that pass [`Plan::tests`].
pub(crate) fn scan(snapshot: &Snapshot, plan: &Plan, mut visit: impl FnMut(&Part<'_>, &mut [u64])) {
    let Some(assets) = &plan.assets else {
        for (segment, order) in snapshot.segments.iter().zip(0..) {
            walk(segment, order, plan, None, &mut visit);
        }
        return;
    };
    let few = assets.len() * 10 < snapshot.assets.present.len();
    let flat = Bits::of(assets, snapshot.assets.numbers());
    for (segment, order) in snapshot.segments.iter().zip(0..) {
        let (first, last) = segment.directory.span;
        if !flat.has_any(first, last) {
            continue;
        }
        if few {
            pick(segment, order, plan, &flat, &mut visit);
        } else {
            walk(segment, order, plan, Some(&flat), &mut visit);
        }
    }
}

/// Visits a whole segment, but for the assets that are not in the set.
fn walk(
    segment: &Segment,
    order: u32,
    plan: &Plan,
    assets: Option<&Bits>,
    visit: &mut impl FnMut(&Part<'_>, &mut [u64]),
) {
    let words = segment.word_count();
    let seen = assets.map(|assets| {
        let mut seen = vec![0; words];
        for_each_run(segment, assets, |rows| fill(&mut seen, rows));
        seen
    });
    for first_word in (0..words).step_by(ZONE_WORDS) {
        let count = ZONE_WORDS.min(words - first_word);
        let mut buffer = [!0; ZONE_WORDS];
        let mask = &mut buffer[..count];
        match &seen {
            Some(seen) => mask.copy_from_slice(&seen[first_word..first_word + count]),
            None => trim(mask, segment.row_count() - first_word * 64),
        }
        let part = Part { segment, order, first_word };
        keep_all(&plan.tests, &part, mask);
        visit(&part, mask);
    }
}

/// Visits the rows of a few assets.
fn pick(segment: &Segment, order: u32, plan: &Plan, assets: &Bits, visit: &mut impl FnMut(&Part<'_>, &mut [u64])) {
    for_each_run(segment, assets, |rows| {
        let mut start = rows.start;
        while start < rows.end {
            let end = rows.end.min((start / ZONE_ROWS + 1) * ZONE_ROWS);
            let first_word = start / 64;
            let mut buffer = [0; ZONE_WORDS];
            let mask = &mut buffer[..end.div_ceil(64) - first_word];
            fill(mask, start - first_word * 64..end - first_word * 64);
            let part = Part { segment, order, first_word };
            keep_all(&plan.tests, &part, mask);
            visit(&part, mask);
            start = end;
        }
    });
}

/// The rows of the assets in a set, those of neighbours together.
fn for_each_run(segment: &Segment, assets: &Bits, mut visit: impl FnMut(Range<usize>)) {
    let directory = &segment.directory;
    let mut run = 0..0;
    for (place, number) in directory.assets.iter().enumerate() {
        if !assets.contains(*number) {
            continue;
        }
        let rows = directory.rows(place);
        if rows.start != run.end {
            if !run.is_empty() {
                visit(run.clone());
            }
            run = rows;
        } else {
            run.end = rows.end;
        }
    }
    if !run.is_empty() {
        visit(run);
    }
}
