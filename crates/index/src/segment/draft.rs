//! Rows on their way into segments.

use domain::ids::AssetId;

use super::{ROWS_MAX, Segment, seal};
use crate::numbers::next;
use crate::row::Packed;
use crate::tables::assets::Assets;
use crate::tables::packages::Packages;
use crate::tables::vulnerabilities::Vulnerabilities;

/// Assets in the order of their ids, each with its rows in order.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) assets: Vec<u32>,
    ends: Vec<u32>,
    pub(crate) rows: Vec<Packed>,
}

impl Draft {
    pub(crate) fn push(&mut self, asset: u32, rows: impl IntoIterator<Item = Packed>) {
        self.rows.extend(rows);
        self.assets.push(asset);
        self.ends.push(next(self.rows.len()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }

    /// Where each asset's rows begin, and the end of the last one's.
    pub(crate) fn starts(&self) -> Vec<u32> {
        let mut starts = Vec::with_capacity(self.ends.len() + 1);
        starts.push(0);
        starts.extend(&self.ends);
        starts
    }

    pub(crate) fn clear(&mut self) {
        self.assets.clear();
        self.ends.clear();
        self.rows.clear();
    }

    /// Seals everything, into as many segments as it takes: about equally full, so that each has room to grow.
    pub(crate) fn split(&self, rows_max: usize, assets: &Assets, vulnerabilities: &Vulnerabilities) -> Vec<Segment> {
        let wanted = self.rows.len().div_ceil(rows_max).max(1);
        let target = self.rows.len().div_ceil(wanted);
        let starts = self.starts();
        let mut sealed = Vec::with_capacity(wanted);
        let mut piece = Self::default();
        for (place, asset) in self.assets.iter().enumerate() {
            let rows = &self.rows[starts[place] as usize..starts[place + 1] as usize];
            let full = piece.rows.len() + rows.len() > rows_max || piece.rows.len() >= target;
            if !piece.is_empty() && wanted > 1 && full {
                sealed.push(piece.seal(assets, vulnerabilities));
                piece.clear();
            }
            piece.push(*asset, rows.iter().copied());
        }
        if !piece.is_empty() {
            sealed.push(piece.seal(assets, vulnerabilities));
        }
        sealed
    }

    pub(crate) fn seal(&self, assets: &Assets, vulnerabilities: &Vulnerabilities) -> Segment {
        let first = self.assets.first().map_or(AssetId::from_uuid(uuid::Uuid::nil()), |asset| assets.get(*asset).id);
        seal(self, first, vulnerabilities)
    }
}

/// Whether an asset with so many rows begins a new segment.
pub(crate) const fn overflows(have: usize, more: usize, rows_max: usize) -> bool {
    have > 0 && have + more > rows_max
}

/// Brings the rows of one asset in order. Of several with one key the last counts.
pub(crate) fn arrange(rows: &mut Vec<Packed>, vulnerabilities: &Vulnerabilities, packages: &Packages) {
    let compare = |a: &Packed, b: &Packed| {
        vulnerabilities.compare(a.vulnerability, b.vulnerability).then_with(|| packages.compare(a.package, b.package))
    };
    if rows.is_sorted_by(|a, b| compare(a, b).is_lt()) {
        return;
    }
    rows.sort_by(compare);
    rows.reverse();
    rows.dedup_by_key(|row| (row.vulnerability, row.package));
    rows.reverse();
}

const _: () = assert!(ROWS_MAX.is_multiple_of(64));
