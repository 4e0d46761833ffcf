//! The disk is full, or somebody else holds the database: said clearly, nothing half-written, nothing lost.

use domain::ids::JobId;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use store::queue::{self, JobState, Listing, NewJob};
use store::{Db, StoreError, backup};

use crate::disk::SmallDisk;
use crate::finding::learn;
use crate::queue::{ANY, enqueue, job};
use crate::sample::{asset, at, detected, insert_asset, key};
use crate::server::Postgres;

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
    let place = disk.path().join("vigie.db");
    let db = Db::open(place.to_str().unwrap()).await.unwrap();
    fill_and_make_room(&db, &disk).await;
    db.close().await;
    let mut connection = SqliteConnection::connect(place.to_str().unwrap()).await.unwrap();
    let whole: String = sqlx::query_scalar("pragma integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(whole, "ok");
}

/// Where the log of PostgreSQL itself finds no room the server ends, and recovers when it is started again (`failover.rs` crashes
/// it); where its tables find none, it says so and goes on.
#[tokio::test]
async fn a_full_disk_of_postgresql_is_said_and_leaves_nothing_half_written() {
    let Some(disk) = SmallDisk::mount(48 << 20) else { return };
    let Some(server) = Postgres::start() else { return };
    server.keep_in(&disk.path().join("tables"));
    let db = Db::open(&server.place()).await.unwrap();
    fill_and_make_room(&db, &disk).await;
    db.close().await;
    server.sql("create extension amcheck");
    let wrong = server.sql(
        "select count(bt_index_check(index.indexrelid, true)) - count(*) from pg_index index
             join pg_class class on class.oid = index.indexrelid join pg_am am on am.oid = class.relam
             where am.amname = 'btree' and class.relkind = 'i' and class.relnamespace = 'public'::regnamespace",
    );
    assert!(wrong.parse::<i64>().is_ok(), "every index was read and agrees with its table: {wrong}");
    drop(server);
}

/// Fills the disk of a database, and makes room again.
async fn fill_and_make_room(db: &Db, disk: &SmallDisk) {
    insert_asset(db, 1).await;
    learn(db, &key(asset(1).id, "openssl", 1), detected(0, "1.0"), None).await;
    let mut jobs = [enqueue(db, &job("one")).await, enqueue(db, &job("two")).await];
    // Ids of one millisecond are in no order.
    jobs.sort();
    disk.fill();

    let mut kept = vec![1];
    let error = loop {
        let number = kept.len() as u128 + 1;
        match insert(db, number).await {
            Ok(()) => kept.push(number),
            Err(error) => break error,
        }
        assert!(kept.len() < 100_000, "the disk is full");
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("the disk of the database is full; make room"), "{error}");
    let mut finished = Vec::new();
    while let Ok(Some(id)) = finish_one(db).await {
        finished.push(id);
    }
    let found = async || -> Vec<u128> {
        let assets = store::asset::list(db, None, 1_000_000).await.unwrap();
        let mut numbers: Vec<u128> = assets.iter().map(|asset| asset.id.uuid().as_u128()).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(found().await, kept, "it can be read, and holds what was acknowledged and nothing else");

    disk.make_room();
    let next = kept.len() as u128 + 1;
    insert(db, next).await.unwrap();
    kept.push(next);
    assert_eq!(found().await, kept);
    while let Some(lease) = queue::claim(db, &ANY, at(1)).await.unwrap() {
        let mut tx = db.begin().await.unwrap();
        queue::finish(&mut tx, &lease, "", at(1)).await.unwrap();
        tx.commit().await.unwrap();
        finished.push(lease.id);
    }
    finished.sort();
    assert_eq!(finished, jobs, "each job was finished, and once");
    let done = Listing { states: &[JobState::Done], kind: None, before: None, limit: 100 };
    assert_eq!(queue::list(db, done).await.unwrap().len(), 2);
    assert_eq!(store::finding::replay_check(db, asset(1).id).await.unwrap(), []);
    assert_eq!(store::audit::verify(db, None).await.unwrap().broken, []);
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

#[tokio::test]
async fn a_forgotten_transaction_of_postgresql_is_told_of() {
    let Some(test) = crate::db::postgres().await else { return };
    let one = insert_asset(&test.db, 1).await;
    let impatient = Db::open(&format!("{}&options[lock_timeout]=300ms", test.place)).await.unwrap();
    let mut other = PgConnection::connect(&test.place).await.unwrap();
    sqlx::raw_sql("begin; lock table asset in share mode").execute(&mut other).await.unwrap();
    let error = insert(&impatient, 2).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }) && error.is_passing(), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("another session of the database holds") && said.contains("pg_stat_activity"), "{said}");
    assert_eq!(
        store::asset::list(&impatient, None, 9).await.unwrap(),
        [one],
        "reading goes on, and nothing is half-written"
    );
    sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
    insert(&impatient, 2).await.unwrap();
}

#[tokio::test]
async fn of_two_that_wait_for_each_other_one_gives_way() {
    let Some(test) = crate::db::postgres().await else { return };
    let (a, b) = (insert_asset(&test.db, 1).await.id, insert_asset(&test.db, 2).await.id);
    let meet = tokio::sync::Barrier::new(2);
    let cross = async |first, second| {
        let mut tx = test.db.begin().await?;
        store::asset::lock(&mut tx, first).await?;
        meet.wait().await;
        store::asset::lock(&mut tx, second).await?;
        tx.commit().await
    };
    let (one, two): (Result<(), StoreError>, Result<(), StoreError>) = tokio::join!(cross(a, b), cross(b, a));
    let error = match (one, two) {
        (Ok(()), Err(error)) | (Err(error), Ok(())) => error,
        both => panic!("{both:?}"),
    };
    assert!(matches!(error, StoreError::Conflict { .. }) && error.is_passing(), "{error:?}");
    assert!(error.to_string().contains("other work on the same rows came first"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_whose_beginning_is_given_up_is_not_left_to_the_next() {
    let Some(server) = Postgres::start() else { return };
    let open = || server.sql("select count(*) from pg_stat_activity where state like 'idle in transaction%'");
    for rounds in 0..20 {
        let db = Db::open(&server.place()).await.unwrap();
        tokio::select! {
            biased;
            begun = db.begin() => drop(begun.unwrap()),
            () = async { for _ in 0..rounds { tokio::task::yield_now().await } } => {}
        }
        // Reads on the same connection, and begins nothing.
        store::asset::list(&db, None, 10).await.unwrap();
        // What was begun for nobody is taken back by itself, a moment later.
        let is_taken_back = (0..100).any(|_| open() == "0");
        assert!(is_taken_back, "given up after {rounds} rounds");
        db.close().await;
    }
}

contract!(what_the_database_is_in_the_way_of_is_postponed);

/// It waits, as what failed does, and is not dead.
async fn what_the_database_is_in_the_way_of_is_postponed(db: &Db) {
    enqueue(db, &NewJob { attempts_max: 1, ..job("web01") }).await;
    let lease = queue::claim(db, &ANY, at(0)).await.unwrap().unwrap();
    let mut tx = db.begin().await.unwrap();
    let run_at = queue::postpone(&mut tx, &lease, "the disk is full", at(0)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(run_at > at(0) && queue::claim(db, &ANY, at(0)).await.unwrap().is_none(), "not before {run_at}");
    let job = queue::get(db, lease.id).await.unwrap().unwrap();
    assert_eq!((job.state, job.run_at, job.last_error.as_deref()), (JobState::Ready, run_at, Some("the disk is full")));
    let mut tx = db.begin().await.unwrap();
    assert!(
        matches!(queue::postpone(&mut tx, &lease, "", at(0)).await, Err(StoreError::Refused { .. })),
        "it was lost"
    );
    drop(tx);
    let again = queue::claim(db, &ANY, at(1)).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempt, again.attempts_max), (lease.id, 2, 2));
    // One that a person cancelled meanwhile has ended.
    let mut tx = db.begin().await.unwrap();
    queue::cancel(&mut tx, again.id, at(1)).await.unwrap();
    queue::postpone(&mut tx, &again, "", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(queue::get(db, again.id).await.unwrap().unwrap().state, JobState::Cancelled);
}
