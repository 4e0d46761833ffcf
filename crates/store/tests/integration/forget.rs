//! What retention takes and what it leaves.

use domain::ids::{AssetId, InspectionId};
use domain::inventory::{Area, Gap, Inventory};
use store::inspection::NewInspection;
use store::queue::{self, Claim, JobState, Listing};
use store::{Db, backup, change, finding, inspection};

use crate::sample::{at, component, detected, insert_asset, inventory, key, matched, undecided, upgraded};

contract!(
    the_past_of_what_is_kept_stays_known,
    parts_go_with_the_last_that_refers_to_them,
    ended_findings_go_whole,
    jobs_go_in_batches,
);

async fn read(db: &Db, asset: AssetId, hour: i64, inventory: &Inventory) -> InspectionId {
    let unknown = [undecided(&format!("reading {hour}"))];
    let new = NewInspection {
        record: None,
        asset,
        inventory,
        undecided: &unknown,
        knowledge: "3fa9",
        way: None,
        observed_at: at(hour),
        recorded_at: at(hour),
    };
    let mut tx = db.begin().await.unwrap();
    let id = inspection::record(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn forget(db: &Db, asset: AssetId, hour: i64, limit: usize) -> u64 {
    let mut tx = db.begin().await.unwrap();
    let count = inspection::forget(&mut tx, asset, at(hour), limit).await.unwrap();
    tx.commit().await.unwrap();
    count
}

/// Hours of the readings that are there, each of them whole.
async fn hours(db: &Db, asset: AssetId) -> Vec<i64> {
    let mut hours = Vec::new();
    for summary in inspection::history(db, asset, 100).await.unwrap() {
        assert!(inspection::get(db, asset, summary.id).await.unwrap().is_some());
        hours.push((summary.observed_at.as_second() - at(0).as_second()) / 3600);
    }
    hours.reverse();
    hours
}

async fn the_past_of_what_is_kept_stays_known(db: &Db) {
    let (one, other) = (insert_asset(db, 1).await.id, insert_asset(db, 2).await.id);
    let mut partial = inventory();
    partial.gaps.push(Gap { area: Area::Packages, subject: "dpkg".to_owned(), reason: "locked".to_owned() });
    // Not in the order in which they were read.
    for hour in [1, 5, 3, 2, 8, 9] {
        read(db, one, hour, &inventory()).await;
    }
    for hour in [4, 6] {
        read(db, one, hour, &partial).await;
    }
    for (hour, inventory) in [(1, inventory()), (2, partial.clone()), (3, partial)] {
        read(db, other, hour, &inventory).await;
    }
    let outdated = async |hour| inspection::outdated(db, at(hour), None, 9).await.unwrap();
    assert_eq!(outdated(2).await, [], "the only one before it");
    assert_eq!(outdated(7).await, [one, other]);
    assert_eq!(inspection::outdated(db, at(7), Some(one), 9).await.unwrap(), [other]);
    assert_eq!(inspection::outdated(db, at(7), None, 1).await.unwrap(), [one]);

    assert_eq!(forget(db, one, 7, 2).await, 2, "a bounded batch, the oldest first");
    assert_eq!(hours(db, one).await, [3, 4, 5, 6, 8, 9]);
    assert_eq!(forget(db, one, 7, 9).await, 2);
    // At the beginning of the window: what was read last, and what was last read whole.
    assert_eq!(hours(db, one).await, [5, 6, 8, 9]);
    assert_eq!((forget(db, one, 7, 9).await, outdated(7).await), (0, vec![other]));
    assert_eq!(hours(db, other).await, [1, 2, 3]);
    assert_eq!(forget(db, other, 7, 9).await, 1);
    assert_eq!(hours(db, other).await, [1, 3]);
    // Later than everything: the latest stays, whatever its age.
    assert_eq!(forget(db, one, 1000, 9).await, 3);
    assert_eq!(hours(db, one).await, [9]);
    assert_eq!(inspection::latest(db, one).await.unwrap().unwrap().summary.observed_at, at(9));
}

/// Rows of a table, as a move to another database counts them.
async fn rows(db: &Db, table: &str) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("sqlite:{}", folder.path().join("copy.db").display());
    let moved = backup::migrate_to(db, &place, at(0), &|_| ()).await.unwrap();
    moved.tables.iter().find(|moved| moved.name == table).unwrap().row_count
}

async fn parts_go_with_the_last_that_refers_to_them(db: &Db) {
    let (one, other) = (insert_asset(db, 1).await.id, insert_asset(db, 2).await.id);
    let mut grown = inventory();
    grown.components.as_mut().unwrap().push(component("curl", "1"));
    for (asset, hour, inventory) in [(one, 1, &grown), (one, 2, &inventory()), (one, 3, &grown), (other, 1, &grown)] {
        read(db, asset, hour, inventory).await;
    }
    // Two lists of components, the same facts, and what is undecided of each; and three parts of the other asset.
    assert_eq!(rows(db, "inspection_part").await, 2 + 1 + 3 + 3);
    assert_eq!(forget(db, one, 9, 1).await, 1);
    assert_eq!(rows(db, "inspection_part").await, 2 + 1 + 2 + 3, "the list that the third has too stays");
    assert_eq!(forget(db, one, 9, 9).await, 1);
    assert_eq!(rows(db, "inspection_part").await, 1 + 1 + 1 + 3);
    assert_eq!((hours(db, one).await, hours(db, other).await), (vec![3], vec![1]));
}

async fn ended_findings_go_whole(db: &Db) {
    let (one, other) = (insert_asset(db, 1).await.id, insert_asset(db, 2).await.id);
    for asset in [one, other] {
        for (name, evidence) in [
            ("open", vec![detected(0, "1")]),
            ("early", vec![detected(0, "1"), upgraded(1, "2"), detected(2, "1"), upgraded(3, "2")]),
            ("late", vec![detected(0, "1"), upgraded(9, "2")]),
            ("back", vec![detected(0, "1"), upgraded(1, "2"), detected(10, "1")]),
        ] {
            let key = key(asset, name, 1);
            for evidence in evidence {
                learn(db, &key, evidence).await;
            }
        }
    }
    let with_ended = async |hour| finding::with_ended(db, at(hour), None, 9).await.unwrap();
    assert_eq!(with_ended(3).await, [], "at that instant it had not ended before it");
    assert_eq!(with_ended(4).await, [one, other]);
    let before = (change::head(db).await.unwrap().seq, rows(db, "finding_event").await, rows(db, "episode").await);
    let forget = async |asset, hour, limit| {
        let mut tx = db.begin().await.unwrap();
        let count = finding::forget(&mut tx, asset, at(hour), limit).await.unwrap();
        tx.commit().await.unwrap();
        count
    };
    assert_eq!(forget(one, 3, 9).await, 0);
    assert_eq!(change::head(db).await.unwrap().seq, before.0, "nothing is gone, nothing has changed");
    assert_eq!(forget(one, 4, 9).await, 1);
    assert_eq!(change::head(db).await.unwrap().seq, before.0 + 1, "lists learn of it");
    assert_eq!((rows(db, "finding_event").await, rows(db, "episode").await), (before.1 - 4, before.2 - 1));
    let names = async |asset| {
        let mut names: Vec<_> = finding::of_asset(db, asset).await.unwrap();
        names.sort_by(|a, b| a.finding.key.cmp(&b.finding.key));
        names.into_iter().map(|stored| stored.finding.key.package.name).collect::<Vec<_>>()
    };
    assert_eq!(names(one).await, ["back", "late", "open"]);
    assert_eq!(names(other).await, ["back", "early", "late", "open"]);
    assert_eq!(
        (forget(other, 100, 1).await, names(other).await),
        (1, ["back", "late", "open"].map(str::to_owned).to_vec())
    );
    assert_eq!((forget(other, 100, 1).await, names(other).await), (1, ["back", "open"].map(str::to_owned).to_vec()));
    assert_eq!((forget(other, 100, 1).await, with_ended(100).await), (0, vec![one]), "what is open stays for ever");
    for asset in [one, other] {
        assert_eq!(finding::replay_check(db, asset).await.unwrap(), []);
    }
    // It comes back as a new one.
    let again = learn(db, &key(other, "early", 1), detected(200, "1")).await;
    assert_eq!(again.episodes.len(), 1);
}

async fn learn(
    db: &Db,
    key: &domain::finding::FindingKey,
    evidence: domain::finding::Evidence,
) -> domain::finding::Finding {
    crate::finding::learn(db, key, evidence, Some(&matched(key, Some("2")))).await
}

async fn jobs_go_in_batches(db: &Db) {
    let lease = jiff::SignedDuration::from_mins(1);
    let claim = Claim { kinds: &["inspect"], segment: "", priority_max: i64::MAX, holder: "holder", lease };
    for number in 0..6_i64 {
        crate::queue::enqueue(db, &crate::queue::job(&number.to_string())).await;
        let lease = queue::claim(db, &claim, at(number)).await.unwrap().unwrap();
        let mut tx = db.begin().await.unwrap();
        queue::finish(&mut tx, &lease, "", at(number)).await.unwrap();
        tx.commit().await.unwrap();
    }
    crate::queue::enqueue(db, &crate::queue::job("waits")).await;
    let mut gone = Vec::new();
    for _ in 0..4 {
        let mut tx = db.begin().await.unwrap();
        gone.push(queue::forget(&mut tx, at(5), 2).await.unwrap());
        tx.commit().await.unwrap();
    }
    assert_eq!(gone, [2, 2, 1, 0]);
    let all = Listing { states: &JobState::ALL, kind: None, before: None, limit: 100 };
    assert_eq!(queue::list(db, all).await.unwrap().len(), 2, "one that ended at that instant, and one that waits");
}
