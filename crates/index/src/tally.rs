//! Counting findings by what verdicts on them depend on: there are millions of the ones, and few of the others.

use std::collections::HashMap;

use domain::finding::State;
use foldhash::fast::FixedState;

use crate::numbers::{AssetNo, VulnerabilityNo};
use crate::snapshot::Snapshot;

impl Snapshot {
    /// Open, pending and stale findings by vulnerability, words and the group that their asset is in. What is on an asset without a
    /// group is left out.
    pub fn active_by_verdict(
        &self,
        mut group_of: impl FnMut(AssetNo) -> Option<u32>,
    ) -> HashMap<(VulnerabilityNo, u32, u32), u64, FixedState> {
        let mut counts = HashMap::default();
        for segment in self.segments.iter() {
            for (place, asset) in segment.directory.assets.iter().enumerate() {
                let Some(group) = group_of(AssetNo(*asset)) else { continue };
                for row in segment.directory.rows(place) {
                    if State::ACTIVE.contains(&segment.state(row)) {
                        let vulnerability = VulnerabilityNo(segment.vulnerability.get(row));
                        *counts.entry((vulnerability, segment.words.get(row), group)).or_default() += 1;
                    }
                }
            }
        }
        counts
    }
}
