//! One consistent state of the index. Readers keep it as long as they need it; nothing in it ever changes.

use domain::finding::FindingKey;
use domain::ids::AssetId;
use roaring::RoaringBitmap;

use crate::numbers::{AssetNo, PackageNo, VulnerabilityNo};
use crate::segment::Segment;
use crate::segment::list::{At, Segments};
use crate::tables::assets::{Asset, Assets};
use crate::tables::packages::Packages;
use crate::tables::vulnerabilities::{Vulnerabilities, Vulnerability};
use crate::visible::{AssetSet, Lineage, Visible};

/// Findings with their assets, vulnerabilities and packages, as of one position of the change log.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub(crate) lineage: Lineage,
    pub(crate) assets: Assets,
    pub(crate) vulnerabilities: Vulnerabilities,
    pub(crate) packages: Packages,
    pub(crate) segments: Segments,
    pub(crate) log: u64,
}

impl Snapshot {
    /// Position of the change log that this state is as of.
    pub const fn log(&self) -> u64 {
        self.log
    }

    /// Findings of all assets, ended ones included.
    pub fn finding_count(&self) -> u64 {
        self.segments.iter().map(|segment| segment.row_count() as u64).sum()
    }

    pub fn asset_count(&self) -> u64 {
        self.assets.present.len()
    }

    /// Bytes of the columns, bitsets and directories: what grows with every finding.
    pub fn column_bytes(&self) -> usize {
        self.segments.iter().map(Segment::bytes).sum()
    }

    pub fn asset(&self, number: AssetNo) -> &Asset {
        self.assets.get(number.0)
    }

    pub fn vulnerability(&self, number: VulnerabilityNo) -> &Vulnerability {
        self.vulnerabilities.get(number.0)
    }

    pub fn package(&self, number: PackageNo) -> &domain::component::Package {
        self.packages.get(number.0)
    }

    /// What a finding is about, from which its public identifier is computed.
    pub fn key(&self, asset: AssetNo, vulnerability: VulnerabilityNo, package: PackageNo) -> FindingKey {
        FindingKey {
            asset: self.asset(asset).id,
            package: self.package(package).clone(),
            vulnerability: self.vulnerability(vulnerability).id.clone(),
        }
    }

    /// The assets with these ids, as far as they are here.
    pub fn asset_set(&self, ids: impl IntoIterator<Item = AssetId>) -> AssetSet {
        let numbers: RoaringBitmap = ids.into_iter().filter_map(|id| self.place_of(id)).map(|(_, _, no)| no).collect();
        AssetSet { lineage: self.lineage.clone(), numbers }
    }

    /// The assets that a rule selects.
    pub fn assets_where(&self, selects: impl Fn(&Asset) -> bool) -> AssetSet {
        let numbers = self.assets.present.iter().filter(|number| selects(self.assets.get(*number))).collect();
        AssetSet { lineage: self.lineage.clone(), numbers }
    }

    /// Whether a reader may see an asset. A set of another index shows nothing.
    pub fn sees(&self, visible: &Visible, id: AssetId) -> bool {
        match visible {
            Visible::All => true,
            Visible::Assets(set) => {
                let number = || self.place_of(id).map(|(_, _, number)| number);
                set.lineage.is(&self.lineage) && number().is_some_and(|number| set.numbers.contains(number))
            }
        }
    }

    /// Segment, place in its directory and number of an asset.
    pub(crate) fn place_of(&self, id: AssetId) -> Option<(At, usize, u32)> {
        let at = self.segments.locate(id)?;
        let numbers = &self.segments.get(at).directory.assets;
        let place = numbers.binary_search_by_key(&id, |number| self.assets.get(*number).id).ok()?;
        Some((at, place, numbers[place]))
    }
}
