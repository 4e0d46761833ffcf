//! Judging findings anew, from what is in memory: when the knowledge has changed, or the day.

use domain::vulnerability::VulnerabilityId;

use crate::Index;
use crate::bits::Bits;
use crate::numbers::{AssetNo, VulnerabilityNo, next};
use crate::row::{Judged, Signals, due, priority, score};
use crate::segment::column::Column;
use crate::segment::{Segment, tier_sets};
use crate::visible::Lineage;

impl Index {
    /// The same findings by other verdicts, as of the same position of the change log. `signals` says what the feeds say of a
    /// vulnerability now, and `judge` the verdict on a vulnerability of an asset by the words of its match. Vulnerabilities that
    /// are not `changed` keep what is said of them and all verdicts; what is about no other ones is shared with this index.
    pub fn judged_anew(
        &self,
        mut changed: impl FnMut(&VulnerabilityId) -> bool,
        mut signals: impl FnMut(&VulnerabilityId) -> Signals,
        mut judge: impl FnMut(AssetNo, VulnerabilityNo, u32) -> Option<Judged>,
    ) -> Self {
        let mut working = self.working.lock().expect("an earlier batch panicked: load the index again").clone();
        let snapshot = &mut working.snapshot;
        // From here on the two give their numbers apart from each other.
        snapshot.lineage = Lineage::default();
        let mut concerned = Bits::with_room_for(snapshot.vulnerabilities.len());
        for number in 0..next(snapshot.vulnerabilities.len()) {
            let id = &snapshot.vulnerabilities.get(number).id;
            if changed(id) {
                let signals = signals(id);
                snapshot.vulnerabilities.set_signals(number, signals);
                concerned.insert(number);
            }
        }
        for at in snapshot.segments.places_backwards() {
            if snapshot.segments.get(at).is_about(|number| concerned.contains(number)) {
                let segment = snapshot.segments.get_mut(at);
                segment.judge(&concerned, &mut judge);
                segment.copy_down(&snapshot.vulnerabilities);
            }
        }
        Self::of(working)
    }
}

impl Segment {
    fn judge(&mut self, concerned: &Bits, judge: &mut impl FnMut(AssetNo, VulnerabilityNo, u32) -> Option<Judged>) {
        let rows = self.row_count();
        let padded = rows.next_multiple_of(64);
        let (mut priorities, mut dues) = (Vec::with_capacity(padded), Vec::with_capacity(padded));
        let mut scores = Vec::with_capacity(padded);
        for (place, asset) in self.directory.assets.iter().enumerate() {
            for row in self.directory.rows(place) {
                let vulnerability = self.vulnerability.get(row);
                if concerned.contains(vulnerability) {
                    let judged = judge(AssetNo(*asset), VulnerabilityNo(vulnerability), self.words.get(row));
                    priorities.push(judged.map_or(u16::MAX, priority));
                    dues.push(due(judged, self.detected.get(row)));
                    scores.push(score(judged.and_then(|judged| judged.score)));
                } else {
                    priorities.push(self.priority.get(row));
                    dues.push(self.due.get(row));
                    scores.push(self.score.get(row));
                }
            }
        }
        self.tiers = tier_sets(priorities.iter().copied());
        self.priority = Column::of(priorities);
        self.due = Column::of(dues);
        self.score = Column::of(scores);
    }
}
