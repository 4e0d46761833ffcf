use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use store::audit::{self, Note};
use store::backup::{self, BackupError};
use store::inspection::NewInspection;
use store::{Db, Tx, asset, finding, inspection};

use crate::db;
use crate::finding::learn;
use crate::sample::{at, component, detected, insert_asset, inventory, key, matched, undecided, upgraded};

contract!(a_restored_database_is_the_same_and_goes_on, a_backup_beside_a_writer_is_of_one_instant);

pub(crate) async fn fill(db: &Db) {
    for number in 1..=2 {
        let asset = insert_asset(db, number).await;
        let key = key(asset.id, "openssl", 1);
        let matched = matched(&key, Some("3.0.11-9"));
        for evidence in [detected(0, "3.0.11-1"), upgraded(1, "3.0.11-9"), detected(2, "3.0.11-1")] {
            learn(db, &key, evidence, Some(&matched)).await;
        }
        record(db, number, 1).await;
    }
}

pub(crate) async fn record(db: &Db, number: u128, hour: i64) {
    let mut tx = db.begin().await.unwrap();
    record_in(&mut tx, number, hour).await;
    tx.commit().await.unwrap();
}

async fn record_in(tx: &mut Tx, number: u128, hour: i64) {
    let mut inventory = inventory();
    inventory.components.as_mut().unwrap().push(component("curl", &hour.to_string()));
    let new = NewInspection {
        record: None,
        asset: crate::sample::asset(number).id,
        inventory: &inventory,
        undecided: &[undecided("zlib")],
        knowledge: "3fa9",
        way: None,
        observed_at: at(hour),
        recorded_at: at(hour),
    };
    inspection::record(tx, &new).await.unwrap();
}

pub(crate) async fn expect_same(a: &Db, b: &Db) {
    for asset in asset::list(a, None, 100).await.unwrap() {
        assert_eq!(asset::get(b, asset.id).await.unwrap().as_ref(), Some(&asset));
        assert_eq!(inspection::latest(a, asset.id).await.unwrap(), inspection::latest(b, asset.id).await.unwrap());
        assert_eq!(finding::of_asset(a, asset.id).await.unwrap(), finding::of_asset(b, asset.id).await.unwrap());
        assert_eq!(finding::replay_check(b, asset.id).await.unwrap(), []);
    }
}

async fn a_restored_database_is_the_same_and_goes_on(db: &Db) {
    fill(db).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("vigie.backup");
    let made = backup::backup(db, &file).await.unwrap();
    assert_eq!(backup::verify(&file).unwrap(), made);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft stays behind");
    assert_eq!(backup::backup(db, &dir.path().join("again")).await.unwrap(), made, "the same rows, the same bytes");

    let mut targets = vec![db::sqlite().await];
    targets.extend(db::postgres().await);
    for target in targets {
        let restored = backup::restore(&target.db, &file, at(0)).await.unwrap();
        assert_eq!(restored, made);
        expect_same(db, &target.db).await;
        // New numbers begin after the old ones.
        record(&target.db, 1, 9).await;
        insert_asset(&target.db, 3).await;
        let refused = backup::restore(&target.db, &file, at(0)).await.unwrap_err();
        assert!(matches!(refused, BackupError::NotEmpty { .. }), "{refused}");
    }
}

/// Each transaction inspects both assets and notes it: whatever a backup has of one, it has of the other.
async fn a_backup_beside_a_writer_is_of_one_instant(db: &Db) {
    fill(db).await;
    let (hours, stop) = (Arc::new(AtomicI64::new(1)), Arc::new(AtomicBool::new(false)));
    let writer = tokio::spawn({
        let (db, hours, stop) = (db.clone(), Arc::clone(&hours), Arc::clone(&stop));
        async move {
            while !stop.load(Ordering::Relaxed) {
                let hour = hours.load(Ordering::Relaxed) + 1;
                let mut tx = db.begin().await.unwrap();
                for number in 1..=2 {
                    record_in(&mut tx, number, hour).await;
                }
                tx.note(Note::new(at(hour), "asset.inspect", hour));
                tx.commit().await.unwrap();
                hours.store(hour, Ordering::Relaxed);
            }
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("vigie.backup");
    let mut caught = 0;
    while caught < 3 {
        let before = hours.load(Ordering::Relaxed);
        backup::backup(db, &file).await.unwrap();
        let after = hours.load(Ordering::Relaxed);
        if after == before {
            continue;
        }
        caught += 1;
        let target = db::sqlite().await;
        backup::restore(&target.db, &file, at(0)).await.unwrap();
        let mut last = Vec::new();
        for number in 1..=2 {
            let stored = inspection::latest(&target.db, crate::sample::asset(number).id).await.unwrap().unwrap();
            last.push(stored.summary.observed_at);
        }
        assert_eq!(last[0], last[1], "both are of one instant");
        // What the writer kept before the backup began is in it. Of what it keeps meanwhile, its own word may be late by one.
        assert!(at(before) <= last[0] && last[0] <= at(after + 1), "{before} {} {after}", last[0]);
        assert_eq!(audit::verify(&target.db, None).await.unwrap().broken, []);
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_changes_nothing() {
    let source = db::sqlite().await;
    fill(&source.db).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("vigie.backup");
    backup::backup(&source.db, &file).await.unwrap();
    let whole = fs::read(&file).unwrap();
    let lines = zstd::decode_all(whole.as_slice()).unwrap();
    let text = String::from_utf8(lines).unwrap();
    let changed = zstd::encode_all(text.replace("web01.example", "web99.example").as_bytes(), 1).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let newer = text.replacen("\"schema\":", "\"schema\":9", 1);
    for (bytes, expected) in [
        (whole[..whole.len() / 2].to_vec(), "cut off or damaged"),
        (flipped, "cut off or damaged"),
        (changed, "the checksum differs"),
        (b"no archive".to_vec(), "no backup of Vigie"),
        (zstd::encode_all(&b"{\"format\":\"else\"}\n"[..], 1).unwrap(), "no backup of Vigie"),
        (zstd::encode_all(newer.as_bytes(), 1).unwrap(), "the checksum differs"),
    ] {
        fs::write(&file, bytes).unwrap();
        let target = db::sqlite().await;
        let refused = backup::restore(&target.db, &file, at(0)).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
        assert!(asset::list(&target.db, None, 10).await.unwrap().is_empty());
    }
}
