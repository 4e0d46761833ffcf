//! What a filter asks of rows, answered for a mask: bits of rows that do not pass are cleared.

use super::lanes::{Lane, Span, keep_within};
use super::{Part, words};
use crate::bits::{fill, for_each_in};
use crate::compile::{Bounds, Numbers, Ranged, RowTest};
use crate::segment::column::{Code, Column, Number, with_rows};
use crate::segment::{RowSet, ZONE_WORDS};

/// Keeps the rows that pass all tests.
pub(crate) fn keep_all(tests: &[RowTest], part: &Part<'_>, mask: &mut [u64]) {
    for test in tests {
        keep(test, part, mask);
    }
}

fn keep(test: &RowTest, part: &Part<'_>, mask: &mut [u64]) {
    let segment = part.segment;
    match test {
        RowTest::Nothing => mask.fill(0),
        RowTest::States(states) => keep_in(chosen(&segment.states, *states), part, mask),
        RowTest::Tiers(tiers) => keep_tiers(*tiers, part, mask),
        RowTest::Kev(answers) => keep_kev(*answers, part, mask),
        RowTest::Range(column, bounds) => match column {
            Ranged::Score => keep_between(&segment.score, *bounds, part, mask),
            Ranged::Cvss => keep_between(&segment.cvss, *bounds, part, mask),
            Ranged::Epss => keep_between(&segment.epss, *bounds, part, mask),
            Ranged::Due => keep_between(&segment.due, *bounds, part, mask),
            Ranged::FirstSeen => keep_between(&segment.first_seen, *bounds, part, mask),
        },
        RowTest::Assets(set) => {
            let mut rows = [0; ZONE_WORDS];
            part.for_each_asset(mask.len(), |asset, range| {
                if set.contains(asset) {
                    fill(&mut rows, range);
                }
            });
            and(mask, &rows);
        }
        RowTest::Vulnerabilities(numbers) => {
            with_rows!(&segment.vulnerability, all => keep_members(words(all, part), numbers, mask));
        }
        RowTest::Packages(numbers) => {
            with_rows!(&segment.package, all => keep_members(words(all, part), numbers, mask));
        }
        RowTest::Words(numbers) => {
            with_rows!(&segment.words, all => keep_members(words(all, part), numbers, mask));
        }
        RowTest::All(tests) => keep_all(tests, part, mask),
        RowTest::Any(tests) => {
            let mut found = [0; ZONE_WORDS];
            for test in tests {
                // Rows that have passed need not be asked again.
                let mut rest = [0; ZONE_WORDS];
                let rest = &mut rest[..mask.len()];
                rest.iter_mut().zip(&*mask).zip(&found).for_each(|((to, from), found)| *to = from & !found);
                keep(test, part, rest);
                found.iter_mut().zip(&*rest).for_each(|(to, from)| *to |= from);
            }
            mask.copy_from_slice(&found[..mask.len()]);
        }
        RowTest::Not(test) => {
            let mut passed = [0; ZONE_WORDS];
            let passed = &mut passed[..mask.len()];
            passed.copy_from_slice(mask);
            keep(test, part, passed);
            mask.iter_mut().zip(&*passed).for_each(|(word, passed)| *word &= !passed);
        }
    }
}

fn chosen(sets: &[RowSet; 5], wanted: u8) -> impl Iterator<Item = &RowSet> {
    sets.iter().enumerate().filter(move |(place, _)| wanted >> place & 1 == 1).map(|(_, set)| set)
}

fn and(mask: &mut [u64], other: &[u64]) {
    mask.iter_mut().zip(other).for_each(|(word, other)| *word &= other);
}

/// Keeps the rows that are in any of the sets.
fn keep_in<'a>(mut sets: impl Iterator<Item = &'a RowSet>, part: &Part<'_>, mask: &mut [u64]) {
    let Some(first) = sets.next() else { return mask.fill(0) };
    let mut rows = [0; ZONE_WORDS];
    let rows = &mut rows[..mask.len()];
    rows.copy_from_slice(&first[part.first_word..part.first_word + mask.len()]);
    for set in sets {
        rows.iter_mut().zip(&set[part.first_word..]).for_each(|(word, other)| *word |= other);
    }
    and(mask, rows);
}

/// The tier is unknown where a row is in no tier's set.
fn keep_tiers(tiers: u8, part: &Part<'_>, mask: &mut [u64]) {
    let sets = &part.segment.tiers;
    if tiers >> 5 & 1 == 0 {
        return keep_in(chosen(sets, tiers), part, mask);
    }
    drop_in(chosen(sets, !tiers), part, mask);
}

fn keep_kev(answers: u8, part: &Part<'_>, mask: &mut [u64]) {
    let (listed, unknown) = (&part.segment.kev_listed, &part.segment.kev_unknown);
    let (yes, no, not_known) = (answers & 1 == 1, answers & 2 == 2, answers & 4 == 4);
    if no {
        let unwanted = [(!yes).then_some(listed), (!not_known).then_some(unknown)];
        return drop_in(unwanted.into_iter().flatten(), part, mask);
    }
    keep_in([yes.then_some(listed), not_known.then_some(unknown)].into_iter().flatten(), part, mask);
}

/// Keeps the rows that are in none of the sets.
fn drop_in<'a>(sets: impl Iterator<Item = &'a RowSet>, part: &Part<'_>, mask: &mut [u64]) {
    for set in sets {
        mask.iter_mut().zip(&set[part.first_word..]).for_each(|(word, other)| *word &= !other);
    }
}

fn keep_between<T: Code + Lane>(column: &Column<T>, bounds: Bounds, part: &Part<'_>, mask: &mut [u64]) {
    let (low, high) = (T::at_most(bounds.low.into()), T::at_most(bounds.high.into()));
    let zone = column.zone(part.zone());
    if zone.min > high || (low != T::UNKNOWN && zone.max < low) || (low == T::UNKNOWN && !zone.has_unknown) {
        return mask.fill(0);
    }
    if zone.min >= low && zone.max <= high && (!zone.has_unknown || high == T::UNKNOWN) {
        return;
    }
    keep_within(&column.words()[part.first_word..], Span::between(low, high).as_slice(), mask);
}

/// Keeps the rows whose number is in a set.
fn keep_members<N: Number>(words: &[[N; 64]], numbers: &Numbers, mask: &mut [u64]) {
    match numbers {
        Numbers::Runs(runs) => keep_runs(words, runs, mask),
        Numbers::Set(set) => {
            for (word, values) in mask.iter_mut().zip(words) {
                let mut found = 0;
                for_each_in(*word, 0, |lane| found |= u64::from(set.contains(values[lane].number())) << lane);
                *word = found;
            }
        }
    }
}

/// Keeps the rows whose number is in one of a few runs.
pub(super) fn keep_runs<N: Number>(words: &[[N; 64]], runs: &[(u32, u32)], mask: &mut [u64]) {
    let spans: Vec<Span<N>> = runs.iter().filter_map(|(first, last)| N::span(*first, *last)).collect();
    keep_within(words, &spans, mask);
}
