//! The disk is full, or somebody else holds the database: said clearly, nothing half-written, nothing lost.

use domain::ids::JobId;
use sqlx::{Connection as _, SqliteConnection};
use store::queue::{self, JobState, Listing};
use store::{Db, StoreError, backup};

use crate::disk::SmallDisk;
use crate::finding::learn;
use crate::queue::{ANY, enqueue, job};
use crate::sample::{asset, at, detected, insert_asset, key};

async fn insert(db: &Db, number: u128) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    store::asset::insert(&mut tx, &asset(number)).await?;
    tx.commit().await
}

async fn finish_one(db: &Db) -> Result<Option<JobId>, StoreError> {
    let Some(lease) = queue::claim(db, &ANY, at(0)).await? else { return Ok(None) };
    let mut tx = db.begin().await?;
    queue::finish(&mut tx, &lease, "", at(0)).await?;
    tx.commit().await?;
    Ok(Some(lease.id))
}

#[tokio::test]
async fn a_full_disk_is_said_and_leaves_nothing_half_written() {
    let Some(disk) = SmallDisk::mount(16 << 20) else { return };
    let db = Db::open(disk.path().join("vigie.db").to_str().unwrap()).await.unwrap();
    insert_asset(&db, 1).await;
    learn(&db, &key(asset(1).id, "openssl", 1), detected(0, "1.0"), None).await;
    let mut jobs = [enqueue(&db, &job("one")).await, enqueue(&db, &job("two")).await];
    // Ids of one millisecond are in no order.
    jobs.sort();
    disk.fill();

    let mut kept = vec![1];
    let error = loop {
        let number = kept.len() as u128 + 1;
        match insert(&db, number).await {
            Ok(()) => kept.push(number),
            Err(error) => break error,
        }
        assert!(kept.len() < 100_000, "the disk is full");
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("the disk of the database is full; make room"), "{error}");
    let mut finished = Vec::new();
    while let Ok(Some(id)) = finish_one(&db).await {
        finished.push(id);
    }
    let found = async || -> Vec<u128> {
        let assets = store::asset::list(&db, None, 1_000_000).await.unwrap();
        let mut numbers: Vec<u128> = assets.iter().map(|asset| asset.id.uuid().as_u128()).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(found().await, kept, "it can be read, and holds what was acknowledged and nothing else");

    disk.make_room();
    let next = kept.len() as u128 + 1;
    insert(&db, next).await.unwrap();
    kept.push(next);
    assert_eq!(found().await, kept);
    while let Some(lease) = queue::claim(&db, &ANY, at(1)).await.unwrap() {
        let mut tx = db.begin().await.unwrap();
        queue::finish(&mut tx, &lease, "", at(1)).await.unwrap();
        tx.commit().await.unwrap();
        finished.push(lease.id);
    }
    finished.sort();
    assert_eq!(finished, jobs, "each job was finished, and once");
    let done = Listing { states: &[JobState::Done], kind: None, before: None, limit: 100 };
    assert_eq!(queue::list(&db, done).await.unwrap().len(), 2);
    assert_eq!(store::finding::replay_check(&db, asset(1).id).await.unwrap(), []);
    assert_eq!(store::audit::verify(&db, None).await.unwrap().broken, []);
    db.close().await;
    let mut connection = SqliteConnection::connect(disk.path().join("vigie.db").to_str().unwrap()).await.unwrap();
    let whole: String = sqlx::query_scalar("pragma integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(whole, "ok");
}

#[tokio::test]
async fn a_backup_that_finds_no_room_leaves_no_half() {
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let test = crate::db::sqlite().await;
    for number in 1..=200 {
        insert_asset(&test.db, number).await;
    }
    disk.fill();
    let file = disk.path().join("vigie.backup");
    let error = backup::backup(&test.db, &file).await.unwrap_err().to_string();
    assert!(error.contains(file.to_str().unwrap()) && error.contains("No space left"), "{error}");
    let left: Vec<_> = std::fs::read_dir(disk.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["filler"]);
    disk.make_room();
    let summary = backup::backup(&test.db, &file).await.unwrap();
    assert_eq!(backup::verify(&file).unwrap(), summary);
}

#[tokio::test]
async fn who_holds_the_database_too_long_is_told_of() {
    let test = crate::db::sqlite().await;
    let id = enqueue(&test.db, &job("one")).await;
    let mut other = SqliteConnection::connect(&test.place).await.unwrap();
    sqlx::raw_sql("begin immediate").execute(&mut other).await.unwrap();
    let error = queue::claim(&test.db, &ANY, at(0)).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
    assert!(error.to_string().contains("another process holds the database"), "{error}");
    assert_eq!(store::asset::list(&test.db, None, 9).await.unwrap(), [], "reading goes on");
    sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
    assert_eq!(finish_one(&test.db).await.unwrap(), Some(id));
}
