use domain::cause::Cause;
use domain::finding::{Change, Detection, Evidence, Finding, FindingKey, FixedCause};
use domain::ids::FindingId;
use domain::verdict::Match;
use store::finding::{self, Recording, Save, StoredFinding};
use store::{Db, StoreError};
use uuid::Uuid;

use crate::sample::{at, detected, insert_asset, key, matched, upgraded};

contract!(
    a_finding_lives_through_its_episodes,
    a_match_stays_until_the_next_one,
    events_tell_the_whole_story,
    findings_are_found_by_id,
    active_findings_are_counted,
    many_findings_are_saved_at_once,
    rows_that_evidence_does_not_explain_are_found,
);

/// Takes evidence in as the engine does: read, apply, save.
pub(crate) async fn learn(db: &Db, key: &FindingKey, evidence: Evidence, matched: Option<&Match>) -> Finding {
    learn_as(db, key, evidence, matched, Recording { at: at(500), cause: &Cause::Clock, record: None }).await
}

/// The same, recorded so.
pub(crate) async fn learn_as(
    db: &Db,
    key: &FindingKey,
    evidence: Evidence,
    matched: Option<&Match>,
    recording: Recording<'_>,
) -> Finding {
    let mut tx = db.begin().await.unwrap();
    let prior = finding::get(&mut tx, key.id()).await.unwrap();
    let (finding, change) = match prior {
        Some(StoredFinding { mut finding, .. }) => {
            let change = finding.apply(&evidence);
            (finding, change)
        }
        None => (Finding::open(key.clone(), &evidence).unwrap(), Change::Moved),
    };
    let save = Save { finding: &finding, matched, evidence: &[(evidence, change)], is_new: false };
    finding::save(&mut tx, save, recording).await.unwrap();
    tx.commit().await.unwrap();
    finding
}

async fn a_finding_lives_through_its_episodes(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let key = key(asset.id, "openssl", 1);
    let matched = matched(&key, Some("3.0.11-9"));
    for evidence in
        [detected(0, "3.0.11-1"), upgraded(24, "3.0.11-9"), detected(48, "3.0.11-1"), upgraded(60, "3.0.11-9")]
    {
        let finding = learn(db, &key, evidence, Some(&matched)).await;
        let stored = finding::of_asset(db, asset.id).await.unwrap();
        assert_eq!(stored, [StoredFinding { finding, matched: Some(matched.clone()) }]);
    }
    let [StoredFinding { finding, .. }] = &finding::of_asset(db, asset.id).await.unwrap()[..] else { panic!("one") };
    assert_eq!(finding.episodes.len(), 2);
    assert_eq!(finding.detection, Detection::Fixed { at: at(60), cause: FixedCause::Upgraded });
    assert_eq!(finding.fixed_version_seen.as_deref(), Some("3.0.11-9"));
    assert_eq!(finding::replay_check(db, asset.id).await.unwrap(), []);
}

async fn a_match_stays_until_the_next_one(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let key = key(asset.id, "openssl", 1);
    let fixed = matched(&key, Some("3.0.11-9"));
    learn(db, &key, detected(0, "3.0.11-1"), Some(&fixed)).await;
    learn(db, &key, upgraded(1, "3.0.11-9"), None).await;
    assert_eq!(finding::get(db, key.id()).await.unwrap().unwrap().matched, Some(fixed));
    let unfixed = matched(&key, None);
    learn(db, &key, detected(2, "3.0.11-1"), Some(&unfixed)).await;
    assert_eq!(finding::get(db, key.id()).await.unwrap().unwrap().matched, Some(unfixed));
}

async fn events_tell_the_whole_story(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let key = key(asset.id, "openssl", 1);
    let history = [detected(0, "3.0.11-1"), detected(1, "3.0.11-1"), detected(2, "3.0.11-2"), upgraded(3, "3.0.11-9")];
    for evidence in history.clone() {
        learn(db, &key, evidence, None).await;
    }
    let events = finding::events(db, key.id()).await.unwrap();
    let told: Vec<_> = events.iter().map(|event| (event.evidence.clone(), event.change, event.detection)).collect();
    let fixed = Detection::Fixed { at: at(3), cause: FixedCause::Upgraded };
    let [first, _, noted, last] = history;
    let expected = [
        (first, Change::Moved, Detection::Open),
        (noted, Change::Noted, Detection::Open),
        (last, Change::Moved, fixed),
    ];
    assert_eq!(told, expected, "what changed nothing is not kept");
    assert!(events.iter().all(|event| event.recorded_at == at(500) && event.cause == Cause::Clock));
    let missing = finding::events(db, FindingId::from_uuid(Uuid::nil())).await.unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
}

async fn findings_are_found_by_id(db: &Db) {
    let (one, two) = (insert_asset(db, 1).await, insert_asset(db, 2).await);
    for asset in [&one, &two] {
        for number in [1, 2] {
            learn(db, &key(asset.id, "openssl", number), detected(0, "3.0.11-1"), None).await;
        }
    }
    let wanted = key(two.id, "openssl", 2);
    assert_eq!(finding::get(db, wanted.id()).await.unwrap().unwrap().finding.key, wanted);
}

async fn active_findings_are_counted(db: &Db) {
    for number in 1..=2 {
        let asset = insert_asset(db, number).await;
        for flaw in 1..=4 {
            let key = key(asset.id, "openssl", flaw);
            learn(db, &key, detected(0, "3.0.11-1"), None).await;
            if flaw == 2 {
                learn(db, &key, upgraded(1, "3.0.11-9"), None).await;
            }
        }
    }
    assert_eq!(finding::active_count(db).await.unwrap(), 6);
}

async fn many_findings_are_saved_at_once(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let evidence = [(detected(0, "3.0.11-1"), Change::Moved)];
    let keys: Vec<FindingKey> =
        (0..1500).map(|number| key(asset.id, if number % 2 == 0 { "openssl" } else { "zlib" }, number)).collect();
    let matches: Vec<Match> = keys.iter().map(|key| matched(key, None)).collect();
    let findings: Vec<Finding> = keys.iter().map(|key| Finding::open(key.clone(), &evidence[0].0).unwrap()).collect();
    let saves: Vec<Save<'_>> = findings
        .iter()
        .zip(&matches)
        .map(|(finding, matched)| Save { finding, matched: Some(matched), evidence: &evidence, is_new: false })
        .collect();
    let mut tx = db.begin().await.unwrap();
    finding::save_all(&mut tx, &saves, Recording { at: at(1), cause: &Cause::Clock, record: None }).await.unwrap();
    tx.commit().await.unwrap();
    let mut stored = finding::of_asset(db, asset.id).await.unwrap();
    stored.sort_by(|a, b| a.finding.key.cmp(&b.finding.key));
    let pairs = findings.into_iter().zip(matches);
    let mut expected: Vec<_> =
        pairs.map(|(finding, matched)| StoredFinding { finding, matched: Some(matched) }).collect();
    expected.sort_by(|a, b| a.finding.key.cmp(&b.finding.key));
    assert_eq!(stored, expected);
}

async fn rows_that_evidence_does_not_explain_are_found(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let key = key(asset.id, "openssl", 1);
    let mut finding = learn(db, &key, detected(0, "3.0.11-1"), None).await;
    finding.failed_fixes = 7;
    let mut tx = db.begin().await.unwrap();
    let save = Save { finding: &finding, matched: None, evidence: &[], is_new: false };
    finding::save(&mut tx, save, Recording { at: at(1), cause: &Cause::Clock, record: None }).await.unwrap();
    tx.commit().await.unwrap();
    let [mismatch] = &finding::replay_check(db, asset.id).await.unwrap()[..] else { panic!("one") };
    assert_eq!(mismatch.stored, finding);
    assert_eq!(mismatch.replayed.as_ref().unwrap().failed_fixes, 0);
}
