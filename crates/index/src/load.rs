//! Building an index from a stream, in the order of the assets' ids, as the store gives them.

use std::collections::HashMap;

use domain::component::Package;
use domain::ids::AssetId;
use domain::vulnerability::VulnerabilityId;

use crate::Index;
use crate::numbers::{PackageNo, VulnerabilityNo};
use crate::row::{Packed, Row, Signals};
use crate::segment::ROWS_MAX;
use crate::segment::draft::{Draft, arrange, overflows};
use crate::snapshot::Snapshot;
use crate::tables::assets::Asset;
use crate::tables::{packages, vulnerabilities};
use crate::write::Working;

/// Takes assets with their rows and seals segments as they fill.
#[derive(Debug)]
pub struct Loader {
    pub(crate) working: Working,
    draft: Draft,
    last: Option<AssetId>,
}

/// Assets must come in the order of their ids, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the asset {this} came after {last}: a load takes assets in ascending order of their ids, each once")]
pub struct OutOfOrder {
    pub last: AssetId,
    pub this: AssetId,
}

impl Default for Loader {
    fn default() -> Self {
        Self::with_segment_rows(ROWS_MAX)
    }
}

impl Loader {
    pub fn new() -> Self {
        Self::default()
    }

    /// With smaller segments than is good for speed, so that few rows make many of them.
    pub fn with_segment_rows(rows_max: usize) -> Self {
        let working = Working {
            snapshot: Snapshot::default(),
            vulnerability_names: vulnerabilities::Names::default(),
            package_names: packages::Names::default(),
            asset_numbers: HashMap::new(),
            rows_max: rows_max.clamp(1, ROWS_MAX),
        };
        Self { working, draft: Draft::default(), last: None }
    }

    /// The number of a vulnerability until all is loaded. What the feeds say must be known before rows refer to it.
    pub fn vulnerability(&mut self, id: &VulnerabilityId, signals: Signals) -> VulnerabilityNo {
        let table = &mut self.working.snapshot.vulnerabilities;
        let number = self.working.vulnerability_names.intern(table, id);
        table.set_signals(number.0, signals);
        number
    }

    /// The number of a package until all is loaded.
    pub fn package(&mut self, package: &Package) -> PackageNo {
        self.working.package_names.intern(&mut self.working.snapshot.packages, package)
    }

    /// The next asset with its findings, in any order.
    pub fn asset(&mut self, asset: Asset, rows: &[Row]) -> Result<(), OutOfOrder> {
        self.packed(asset, rows.iter().map(Packed::of).collect())
    }

    pub(crate) fn packed(&mut self, asset: Asset, mut rows: Vec<Packed>) -> Result<(), OutOfOrder> {
        if let Some(last) = self.last.filter(|last| *last >= asset.id) {
            return Err(OutOfOrder { last, this: asset.id });
        }
        self.last = Some(asset.id);
        let Snapshot { assets, vulnerabilities, packages, .. } = &mut self.working.snapshot;
        arrange(&mut rows, vulnerabilities, packages);
        let id = asset.id;
        let number = assets.push(asset);
        self.working.asset_numbers.insert(id, number);
        if overflows(self.draft.rows.len(), rows.len(), self.working.rows_max) {
            self.seal();
        }
        self.draft.push(number, rows);
        Ok(())
    }

    /// The index, as of a position of the change log.
    pub fn finish(mut self, log: u64) -> Index {
        self.seal();
        self.working.snapshot.assets.sort();
        self.settle();
        self.working.snapshot.log = log;
        Index::of(self.working)
    }

    /// Numbers vulnerabilities and packages by name: a filter by how names begin then asks for few runs of numbers.
    fn settle(&mut self) {
        let Working { snapshot, vulnerability_names, package_names, .. } = &mut self.working;
        let (vulnerabilities, packages) = (snapshot.vulnerabilities.settle(), snapshot.packages.settle());
        vulnerability_names.renumber(vulnerabilities.rank());
        package_names.renumber(packages.rank());
        let [vulnerabilities, packages] = [&vulnerabilities, &packages].map(|before| before.moved());
        for at in snapshot.segments.places_backwards() {
            snapshot.segments.get_mut(at).renumber(vulnerabilities, packages);
        }
    }

    fn seal(&mut self) {
        if !self.draft.is_empty() {
            let Snapshot { assets, vulnerabilities, segments, .. } = &mut self.working.snapshot;
            segments.push(self.draft.seal(assets, vulnerabilities));
            self.draft.clear();
        }
    }
}
