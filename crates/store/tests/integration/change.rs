use std::collections::BTreeSet;

use domain::cause::Cause;
use domain::finding::Finding;
use domain::ids::AssetId;
use store::change::{self, Change, Extent, Head, Position, What};
use store::finding::{Recording, Save};
use store::{Db, backup, scope};

use crate::db;
use crate::sample::{asset, at, inventory, undecided};

contract!(
    what_is_written_is_touched,
    a_change_takes_the_place_of_the_one_before,
    numbers_are_seen_in_their_order,
    what_was_taken_back_was_never_a_change,
    findings_are_named_until_there_are_many,
);

/// What has changed after a position, in pages.
async fn after(db: &Db, seq: u64) -> Vec<(u64, Option<AssetId>)> {
    let (mut all, mut position) = (Vec::new(), Position::behind(seq));
    loop {
        let page = change::after(db, position, seq, 3).await.unwrap();
        all.extend(page.iter().map(|change| (change.seq, change.asset())));
        match page.last() {
            Some(last) if page.len() == 3 => position = last.position(),
            _ => return all,
        }
    }
}

async fn touch(db: &Db, numbers: impl IntoIterator<Item = u128>) {
    let mut tx = db.begin().await.unwrap();
    for number in numbers {
        store::asset::upsert(&mut tx, &asset(number)).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn what_is_written_is_touched(db: &Db) {
    assert_eq!(change::head(db).await.unwrap(), Head { epoch: String::new(), seq: 0, policy: 0 });
    touch(db, [1]).await;
    let id = asset(1).id;
    let inventory = inventory();
    for step in 0..9 {
        let before = change::head(db).await.unwrap().seq;
        let mut tx = db.begin().await.unwrap();
        let mut expected = Some(id);
        match step {
            0 => store::asset::record_error(&mut tx, id, "no answer", at(0)).await.unwrap(),
            1 => store::asset::retire(&mut tx, id, &crate::sample::retired(), at(0)).await.unwrap(),
            2 => store::asset::reinstate(&mut tx, id, &asset(1).name, at(1)).await.unwrap(),
            3 => store::asset::set_tags(&mut tx, id, &[]).await.unwrap(),
            4 => {
                let new = store::inspection::NewInspection {
                    record: None,
                    asset: id,
                    inventory: &inventory,
                    undecided: &[],
                    knowledge: "k",
                    way: None,
                    observed_at: at(1),
                    recorded_at: at(1),
                };
                store::inspection::record(&mut tx, &new).await.unwrap();
            }
            5 => {
                let latest = store::inspection::latest(&mut tx, id).await.unwrap().unwrap().summary.id;
                let open = [undecided("zlib")];
                let rejudged = store::inspection::Rejudged { asset: id, id: latest, undecided: &open };
                store::inspection::set_undecided(&mut tx, &[rejudged], "l").await.unwrap();
            }
            6 => {
                expected = None;
                scope::insert(&mut tx, &crate::scope::sample(1, "Office"), at(0)).await.unwrap();
            }
            7 => {
                expected = None;
                scope::update(&mut tx, &crate::scope::sample(1, "Offices"), at(0)).await.unwrap();
            }
            _ => {
                expected = None;
                scope::delete(&mut tx, crate::scope::sample(1, "Offices").id, at(0)).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
        assert_eq!(change::head(db).await.unwrap().seq, before + 1, "{step}");
        assert_eq!(after(db, before).await, [(before + 1, expected)], "{step}");
    }
}

async fn a_change_takes_the_place_of_the_one_before(db: &Db) {
    touch(db, 1..=7).await;
    touch(db, [3]).await;
    touch(db, [5, 3]).await;
    let ids = |numbers: &[u128]| numbers.iter().map(|number| Some(asset(*number).id)).collect::<Vec<_>>();
    let all = after(db, 0).await;
    assert_eq!(all.iter().map(|(_, id)| *id).collect::<Vec<_>>(), ids(&[1, 2, 4, 6, 7, 3, 5]));
    assert_eq!(all.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 3, 3]);
    assert_eq!(after(db, 2).await.len(), 2);
    assert_eq!(after(db, 3).await, []);
}

/// What has changed of the first asset after a position.
async fn extent(db: &Db, seq: u64) -> Extent {
    let page = change::after(db, Position::behind(seq), seq, 9).await.unwrap();
    let [Change { what: What::Asset(id, extent), .. }] = &page[..] else { panic!("one asset: {page:?}") };
    assert_eq!(*id, asset(1).id);
    extent.clone()
}

async fn findings_are_named_until_there_are_many(db: &Db) {
    touch(db, [1]).await;
    let id = asset(1).id;
    let save = async |number: u32| {
        let key = crate::sample::key(id, "zlib", number);
        let evidence = crate::sample::detected(1, "1.0");
        let finding = Finding::open(key.clone(), &evidence).unwrap();
        let matched = crate::sample::matched(&key, None);
        let evidence = [(evidence, domain::finding::Change::Moved)];
        let save = Save { finding: &finding, matched: Some(&matched), evidence: &evidence, is_new: true };
        let mut tx = db.begin().await.unwrap();
        store::finding::save(&mut tx, save, Recording { at: at(1), cause: &Cause::Clock, record: None }).await.unwrap();
        tx.commit().await.unwrap();
        change::head(db).await.unwrap().seq
    };
    let start = change::head(db).await.unwrap().seq;
    let first = save(1).await;
    let Extent::Parts { findings: one, itself: false } = extent(db, start).await else { panic!("one finding") };
    assert_eq!(one.len(), 1);
    save(2).await;
    let Extent::Parts { findings: two, itself: false } = extent(db, first).await else { panic!("some findings") };
    assert!(two.len() == 2 && two.is_superset(&one), "no less than what changed: {two:?}");
    assert_eq!(extent(db, start - 1).await, Extent::All, "that was when the asset came");

    // What is changed beside them takes nothing away.
    touch(db, [1]).await;
    let whole = change::head(db).await.unwrap().seq;
    assert_eq!(extent(db, first).await, Extent::All);
    save(3).await;
    assert_eq!(extent(db, first).await, Extent::All, "it is still news to whoever was there");
    assert!(matches!(extent(db, whole).await, Extent::Parts { findings, .. } if findings.len() == 1));
    for number in 4..400 {
        save(number).await;
    }
    assert_eq!(extent(db, whole).await, Extent::All, "no list grows without end");
}

async fn what_was_taken_back_was_never_a_change(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    store::asset::insert(&mut tx, &asset(1)).await.unwrap();
    drop(tx);
    assert_eq!((change::head(db).await.unwrap().seq, after(db, 0).await), (0, Vec::new()));
}

/// Writers at once, and a reader that never goes back: it sees every asset.
async fn numbers_are_seen_in_their_order(db: &Db) {
    let writers: Vec<_> = (0..8_u128)
        .map(|writer| {
            let db = db.clone();
            tokio::spawn(async move {
                for turn in 0..12 {
                    touch(&db, [writer * 100 + turn + 1]).await;
                }
            })
        })
        .collect();
    let (mut seen, mut position) = (BTreeSet::new(), 0);
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        for (seq, id) in after(db, position).await {
            seen.insert(id);
            position = seq;
        }
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    seen.extend(after(db, position).await.into_iter().map(|(_, id)| id));
    assert_eq!(seen.len(), 8 * 12);
    assert_eq!(change::head(db).await.unwrap().seq, 8 * 12);
}

#[tokio::test]
async fn a_restored_database_has_a_log_of_its_own() {
    let (source, target) = (db::sqlite().await, db::sqlite().await);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    touch(&source.db, [1, 2]).await;
    backup::backup(&source.db, &file).await.unwrap();
    let before = change::head(&target.db).await.unwrap();
    backup::restore(&target.db, &file, at(9)).await.unwrap();
    let after = change::head(&target.db).await.unwrap();
    let source = change::head(&source.db).await.unwrap();
    assert!(after.epoch != before.epoch && after.epoch != source.epoch && !after.epoch.is_empty(), "{after:?}");
}
