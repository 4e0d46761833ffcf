//! Asking an index and its model the same, and comparing.

use std::collections::BTreeSet;

use domain::filter::Filter;
use domain::finding::FindingKey;
use domain::ids::AssetId;
use index::{Cursor, Found, Page, Query, Snapshot, Sort, Visible};

use crate::dice::{Dice, TODAY};
use crate::model::{Model, Whole};

/// A question, whoever asks it.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) reader: Option<BTreeSet<AssetId>>,
    pub(crate) visible: Visible,
    pub(crate) filter: Filter,
    pub(crate) sort: Sort,
    pub(crate) limit: usize,
}

impl Question {
    pub(crate) fn random(dice: &mut Dice, model: &Model, snapshot: &Snapshot, limit_max: u64) -> Self {
        let (reader, visible) = model.reader(dice, snapshot);
        let vulnerabilities = model.signals.len() as u64 * 2 + 1;
        Self {
            reader,
            visible,
            filter: dice.filter(2, model.assets.len() as u64 + 1, vulnerabilities),
            sort: dice.sort(),
            limit: 1 + usize::try_from(dice.below(limit_max)).expect("small"),
        }
    }

    pub(crate) fn page(&self, snapshot: &Snapshot, after: Option<&Cursor>) -> Page {
        let query = Query { filter: &self.filter, sort: self.sort, after, limit: self.limit, today: TODAY };
        snapshot.list(&self.visible, &query).expect("a legal question")
    }

    /// All pages, one after the other, must be what the model says; so must every total.
    pub(crate) fn check(&self, model: &Model, snapshot: &Snapshot) {
        let expected = model.list(self.reader.as_ref(), &self.filter, self.sort);
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let page = self.page(snapshot, after.as_ref());
            assert_eq!(page.total, expected.len() as u64, "total of {}", self.filter);
            assert!(page.rows.len() <= self.limit);
            assert_eq!(page.next.is_some(), rows.len() + page.rows.len() < expected.len(), "{}", self.filter);
            rows.extend(page.rows);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(rows.len(), expected.len(), "{} sorted by {:?}", self.filter, self.sort);
        for (place, (found, whole)) in rows.iter().zip(&expected).enumerate() {
            assert!(is(snapshot, found, whole), "{place} of {} by {:?}: {found:?}, {whole:?}", self.filter, self.sort);
        }
    }
}

pub(crate) fn key(snapshot: &Snapshot, found: &Found) -> FindingKey {
    snapshot.key(found.asset, found.vulnerability, found.package)
}

/// Whether a row of an answer says what the model says.
fn is(snapshot: &Snapshot, found: &Found, whole: &Whole<'_>) -> bool {
    let Found { state, tier, score, due, first_seen, .. } = *found;
    let judged = whole.plain.judged;
    let expected =
        FindingKey { asset: whole.asset.id, package: whole.key.1.clone(), vulnerability: whole.key.0.clone() };
    key(snapshot, found) == expected
        && snapshot.asset(found.asset) == whole.asset
        && snapshot.vulnerability(found.vulnerability).signals == whole.signals
        && state == whole.plain.state
        && tier == judged.map(|judged| judged.tier)
        && score == judged.and_then(|judged| judged.score)
        && due == whole.plain.due()
        && first_seen == whole.plain.first_seen
}
