//! Changes: made together on a state of the writer's own, then published at once.
//!
//! The first change of a column copies it, because readers hold the published one; further changes of one batch go into
//! that copy. Changes that move rows (an asset's rows replaced, a finding added) are gathered and made once for each segment.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::component::Package;
use domain::ids::AssetId;
use domain::vulnerability::VulnerabilityId;

use crate::bits::Bits;
use crate::numbers::{PackageNo, VulnerabilityNo};
use crate::row::{Packed, Row, Signals};
use crate::segment::draft::{Draft, arrange};
use crate::segment::insert::Added;
use crate::segment::list::At;
use crate::snapshot::Snapshot;
use crate::tables::assets::Asset;
use crate::tables::{packages, vulnerabilities};

/// A segment may outgrow the size at which others are made by one such part, before it is made anew as two.
const ROOM: usize = 4;

/// There is no asset with this id: put it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the index has no asset {0}: put the asset before its findings")]
pub struct UnknownAsset(pub AssetId);

/// The state that is changed, and what finds its way in it.
#[derive(Debug, Clone)]
pub(crate) struct Working {
    pub(crate) snapshot: Snapshot,
    pub(crate) vulnerability_names: vulnerabilities::Names,
    pub(crate) package_names: packages::Names,
    pub(crate) asset_numbers: HashMap<AssetId, u32>,
    pub(crate) rows_max: usize,
}

/// Changes that are published together. They are made in the order in which they are given.
#[derive(Debug)]
pub struct Batch<'a> {
    working: &'a mut Working,
    /// Rows of assets whose segment has to be made anew. `None`: the asset is gone.
    pending: BTreeMap<AssetId, Option<Vec<Packed>>>,
    /// Rows that come to those that assets have.
    added: BTreeMap<AssetId, Vec<Packed>>,
    /// Vulnerabilities whose signals have changed.
    signals: Vec<u32>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(working: &'a mut Working) -> Self {
        Self { working, pending: BTreeMap::new(), added: BTreeMap::new(), signals: Vec::new() }
    }

    /// The number of a vulnerability, which gets one if it has none. Its signals are unknown until they are set.
    pub fn vulnerability(&mut self, id: &VulnerabilityId) -> VulnerabilityNo {
        self.working.vulnerability_names.intern(&mut self.working.snapshot.vulnerabilities, id)
    }

    /// The number of a package, which gets one if it has none.
    pub fn package(&mut self, package: &Package) -> PackageNo {
        self.working.package_names.intern(&mut self.working.snapshot.packages, package)
    }

    /// Adds an asset, or renames, moves, tags or retires one that is there. Its findings stay.
    pub fn put_asset(&mut self, asset: Asset) {
        let assets = &mut self.working.snapshot.assets;
        match self.working.asset_numbers.get(&asset.id) {
            Some(number) => {
                if *assets.get(*number) != asset {
                    assets.set(*number, asset);
                }
            }
            None => {
                let id = asset.id;
                self.working.asset_numbers.insert(id, assets.push(asset));
                self.pending.insert(id, Some(Vec::new()));
            }
        }
    }

    /// Takes an asset out with its findings, as when it was merged into another. Whether it was there.
    pub fn remove_asset(&mut self, id: AssetId) -> bool {
        let Some(number) = self.working.asset_numbers.remove(&id) else { return false };
        self.working.snapshot.assets.remove(number);
        self.added.remove(&id);
        self.pending.insert(id, None);
        true
    }

    /// Replaces all findings of an asset.
    pub fn replace(&mut self, asset: AssetId, rows: &[Row]) -> Result<(), UnknownAsset> {
        self.number(asset)?;
        self.added.remove(&asset);
        self.pending.insert(asset, Some(rows.iter().map(Packed::of).collect()));
        Ok(())
    }

    /// Adds a finding, or changes one that is there.
    pub fn put(&mut self, asset: AssetId, row: &Row) -> Result<(), UnknownAsset> {
        self.number(asset)?;
        let packed = Packed::of(row);
        if let Some(Some(rows)) = self.pending.get_mut(&asset) {
            rows.push(packed);
            return Ok(());
        }
        let snapshot = &mut self.working.snapshot;
        let (at, place, _) = snapshot.place_of(asset).ok_or(UnknownAsset(asset))?;
        let rows = snapshot.segments.get(at).directory.rows(place);
        match find(snapshot, at, rows, &packed) {
            Ok(row) => snapshot.segments.get_mut(at).set(row, &packed),
            Err(_) => self.added.entry(asset).or_default().push(packed),
        }
        Ok(())
    }

    /// Sets what the feeds say of a vulnerability, which is copied down to its findings.
    pub fn set_signals(&mut self, vulnerability: VulnerabilityNo, signals: Signals) {
        let table = &mut self.working.snapshot.vulnerabilities;
        if table.get(vulnerability.0).signals != signals {
            table.set_signals(vulnerability.0, signals);
            self.signals.push(vulnerability.0);
        }
    }

    /// Makes all that was gathered true, as of a position of the change log.
    pub(crate) fn finish(mut self, log: u64) {
        self.copy_signals_down();
        self.insert();
        self.rebuild();
        let snapshot = &mut self.working.snapshot;
        snapshot.assets.sort();
        snapshot.vulnerabilities.sort();
        snapshot.packages.sort();
        snapshot.log = log;
    }

    fn number(&self, asset: AssetId) -> Result<u32, UnknownAsset> {
        self.working.asset_numbers.get(&asset).copied().ok_or(UnknownAsset(asset))
    }

    fn copy_signals_down(&mut self) {
        if self.signals.is_empty() {
            return;
        }
        let Snapshot { segments, vulnerabilities, .. } = &mut self.working.snapshot;
        let mut changed = Bits::with_room_for(vulnerabilities.len());
        self.signals.iter().for_each(|number| changed.insert(*number));
        for at in segments.places_backwards() {
            if segments.get(at).is_about(|number| changed.contains(number)) {
                segments.get_mut(at).copy_down(vulnerabilities);
            }
        }
    }

    /// Adds rows to the segments that they belong into. Those that are made anew, and those that are too full, take them then.
    fn insert(&mut self) {
        let rows_max = self.working.rows_max + self.working.rows_max / ROOM;
        let mut anew: BTreeSet<At> = BTreeSet::new();
        anew.extend(self.pending.keys().filter_map(|asset| self.working.snapshot.segments.locate(*asset)));
        let mut by_segment: BTreeMap<At, Vec<(AssetId, Vec<Packed>)>> = BTreeMap::new();
        for (asset, mut rows) in std::mem::take(&mut self.added) {
            let Snapshot { segments, vulnerabilities, packages, .. } = &self.working.snapshot;
            arrange(&mut rows, vulnerabilities, packages);
            if let Some(at) = segments.locate(asset) {
                by_segment.entry(at).or_default().push((asset, rows));
            }
        }
        for (at, assets) in by_segment {
            let snapshot = &self.working.snapshot;
            let segment = snapshot.segments.get(at);
            let count: usize = assets.iter().map(|(_, rows)| rows.len()).sum();
            let fits = !anew.contains(&at) && segment.row_count() + count <= rows_max;
            let mut added = Vec::with_capacity(count);
            for (asset, rows) in assets {
                let Some((_, place, _)) = snapshot.place_of(asset) else { continue };
                let here = segment.directory.rows(place);
                if fits {
                    let before = |row: &Packed| find(snapshot, at, here.clone(), row).unwrap_or_else(|before| before);
                    added.extend(rows.into_iter().map(|row| Added { place, before: before(&row), row }));
                } else {
                    let all = here.map(|row| segment.packed(row)).chain(rows).collect();
                    self.pending.insert(asset, Some(all));
                }
            }
            if fits {
                let more = segment.with(&added, &snapshot.vulnerabilities);
                *self.working.snapshot.segments.get_mut(at) = more;
            }
        }
    }

    /// Makes the segments of all pending assets anew, the last one first, so that the places of the others stay.
    fn rebuild(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        while let Some((last, _)) = pending.last_key_value() {
            let Some(at) = self.working.snapshot.segments.locate(*last) else {
                let built = self.build(&Draft::default(), pending);
                built.into_iter().for_each(|segment| self.working.snapshot.segments.push(segment));
                return;
            };
            let first = self.working.snapshot.segments.get(at).first;
            // What stands before the first segment belongs into it as well.
            let here = if at == (0, 0) { std::mem::take(&mut pending) } else { pending.split_off(&first) };
            let old = unpack(&self.working.snapshot, at);
            let built = self.build(&old, here);
            self.working.snapshot.segments.replace(at, built);
        }
    }

    /// The assets of a draft and the pending ones, in the order of their ids, in new segments.
    fn build(&self, old: &Draft, pending: BTreeMap<AssetId, Option<Vec<Packed>>>) -> Vec<crate::segment::Segment> {
        let Snapshot { assets, vulnerabilities, packages, .. } = &self.working.snapshot;
        let starts = old.starts();
        let mut draft = Draft::default();
        let mut pending = pending.into_iter().peekable();
        let take = |draft: &mut Draft, id: AssetId, rows: Option<Vec<Packed>>| {
            if let (Some(number), Some(mut rows)) = (self.working.asset_numbers.get(&id), rows) {
                arrange(&mut rows, vulnerabilities, packages);
                draft.push(*number, rows);
            }
        };
        for (place, number) in old.assets.iter().enumerate() {
            let id = assets.get(*number).id;
            while let Some((id, rows)) = pending.next_if(|(new, _)| *new < id) {
                take(&mut draft, id, rows);
            }
            match pending.next_if(|(new, _)| *new == id) {
                Some((id, rows)) => take(&mut draft, id, rows),
                None => {
                    draft.push(*number, old.rows[starts[place] as usize..starts[place + 1] as usize].iter().copied())
                }
            }
        }
        for (id, rows) in pending {
            take(&mut draft, id, rows);
        }
        draft.split(self.working.rows_max, assets, vulnerabilities)
    }
}

/// The row of an asset about the same package and vulnerability, or the one that it would come before.
fn find(snapshot: &Snapshot, at: At, rows: std::ops::Range<usize>, wanted: &Packed) -> Result<usize, usize> {
    let segment = snapshot.segments.get(at);
    let mut rest = rows;
    while !rest.is_empty() {
        let middle = rest.start.midpoint(rest.end);
        let order = snapshot
            .vulnerabilities
            .compare(segment.vulnerability.get(middle), wanted.vulnerability)
            .then_with(|| snapshot.packages.compare(segment.package.get(middle), wanted.package));
        match order {
            std::cmp::Ordering::Less => rest.start = middle + 1,
            std::cmp::Ordering::Equal => return Ok(middle),
            std::cmp::Ordering::Greater => rest.end = middle,
        }
    }
    Err(rest.start)
}

/// A segment's rows, as they were packed.
fn unpack(snapshot: &Snapshot, at: At) -> Draft {
    let segment = snapshot.segments.get(at);
    let mut draft = Draft::default();
    for (place, number) in segment.directory.assets.iter().enumerate() {
        draft.push(*number, segment.directory.rows(place).map(|row| segment.packed(row)));
    }
    draft
}
