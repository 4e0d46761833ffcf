//! What retention has to leave, worked out by reading everything.

use std::collections::BTreeSet;

use domain::finding::Detection;
use domain::ids::{AssetId, FindingId, InspectionId};
use store::{finding, inspection};

use crate::Engine;
use crate::forget::Retention;

/// What there is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Remains {
    pub(super) findings: BTreeSet<FindingId>,
    /// Of these, those that have ended.
    pub(super) ended: u64,
    inspections: BTreeSet<InspectionId>,
}

/// What is there now. Each thing is whole: evidence explains every finding, and every inventory can be read.
pub(super) async fn now(engine: &Engine) -> Remains {
    let mut remains = Remains::default();
    for asset in assets(engine).await {
        for stored in finding::of_asset(&engine.db, asset).await.unwrap() {
            remains.findings.insert(stored.finding.key.id());
            remains.ended += u64::from(!stored.finding.detection.is_active());
        }
        assert_eq!(finding::replay_check(&engine.db, asset).await.unwrap(), []);
        for summary in inspection::history(&engine.db, asset, 10_000).await.unwrap() {
            assert!(inspection::get(&engine.db, asset, summary.id).await.unwrap().is_some());
            remains.inspections.insert(summary.id);
        }
    }
    remains
}

/// What has to be there after what is too old was forgotten, and how many findings and inspections that will be.
pub(super) async fn after(engine: &Engine, retention: &Retention) -> (Remains, u64, u64) {
    let mut remains = now(engine).await;
    let (findings, inspections) = (remains.findings.len(), remains.inspections.len());
    let ended_before = engine.now() - retention.findings.unwrap();
    let seen_before = engine.now() - retention.inspections.unwrap();
    for asset in assets(engine).await {
        for stored in finding::of_asset(&engine.db, asset).await.unwrap() {
            if let Detection::Fixed { at, .. } | Detection::Closed { at, .. } = stored.finding.detection
                && at < ended_before
            {
                remains.findings.remove(&stored.finding.key.id());
                remains.ended -= 1;
            }
        }
        // The latest first: the one that says what the asset was like when the window begins, and what it holds then.
        let history = inspection::history(&engine.db, asset, 10_000).await.unwrap();
        let old: Vec<_> = history.iter().filter(|summary| summary.observed_at < seen_before).collect();
        let kept = [old.first(), old.iter().find(|summary| summary.complete)];
        for summary in &old {
            if !kept.iter().flatten().any(|kept| kept.id == summary.id) {
                remains.inspections.remove(&summary.id);
            }
        }
    }
    let gone = (findings - remains.findings.len(), inspections - remains.inspections.len());
    (remains, gone.0 as u64, gone.1 as u64)
}

async fn assets(engine: &Engine) -> Vec<AssetId> {
    let all = store::asset::list(&engine.db, None, 10_000).await.unwrap();
    all.into_iter().map(|asset| asset.id).collect()
}
