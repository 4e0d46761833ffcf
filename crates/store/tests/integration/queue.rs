use jiff::SignedDuration;
use store::queue::{self, Failed, JobState, Lease, NewJob};
use store::schedule::{self, Schedule};
use store::{Db, StoreError};

use crate::sample::at;

contract!(
    work_is_claimed_in_order_and_once,
    the_same_work_waits_once,
    a_lost_lease_finishes_nothing,
    failures_are_tried_again_and_then_seen,
    a_job_that_takes_its_holders_down_is_buried,
    holders_do_not_wait_for_each_other,
    schedules_enqueue_once,
);

const LEASE: SignedDuration = SignedDuration::from_mins(1);

fn job(key: &str) -> NewJob {
    NewJob {
        kind: "inspect".to_owned(),
        key: key.to_owned(),
        payload: serde_json::json!({ "asset": key }),
        priority: 0,
        run_at: at(0),
        attempts_max: 2,
    }
}

async fn enqueue(db: &Db, job: &NewJob) {
    let mut tx = db.begin().await.unwrap();
    assert!(queue::enqueue(&mut tx, job, at(0)).await.unwrap().is_some());
    tx.commit().await.unwrap();
}

async fn claim(db: &Db, hour: i64) -> Option<Lease> {
    let mut tx = db.begin().await.unwrap();
    let lease = queue::claim(&mut tx, &["inspect", "ingest"], "holder", at(hour), LEASE).await.unwrap();
    tx.commit().await.unwrap();
    lease
}

async fn work_is_claimed_in_order_and_once(db: &Db) {
    enqueue(db, &NewJob { priority: 10, ..job("scheduled") }).await;
    enqueue(db, &job("asked for")).await;
    enqueue(db, &NewJob { run_at: at(7), ..job("later") }).await;
    enqueue(db, &NewJob { kind: "other".to_owned(), ..job("not ours") }).await;
    assert_eq!(queue::next_at(db).await.unwrap(), Some(at(0)));
    let first = claim(db, 1).await.unwrap();
    assert_eq!((first.key.as_str(), first.attempt), ("asked for", 1));
    assert_eq!(first.payload, job("asked for").payload);
    let mut tx = db.begin().await.unwrap();
    queue::finish(&mut tx, &first, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(db, 1).await.unwrap().key, "scheduled");
    let again = claim(db, 2).await.unwrap();
    assert_eq!((again.key.as_str(), again.attempt), ("scheduled", 2), "its lease has ended");
    assert_eq!(claim(db, 2).await, None, "the others are not due, or not ours");
    let mut tx = db.begin().await.unwrap();
    assert_eq!(queue::sweep(&mut tx, at(5)).await.unwrap(), 1);
}

async fn the_same_work_waits_once(db: &Db) {
    enqueue(db, &job("web01")).await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(queue::enqueue(&mut tx, &job("web01"), at(0)).await.unwrap(), None);
    let lease = queue::claim(&mut tx, &["inspect"], "holder", at(1), LEASE).await.unwrap().unwrap();
    assert_eq!(queue::enqueue(&mut tx, &job("web01"), at(1)).await.unwrap(), None, "it is running");
    queue::finish(&mut tx, &lease, at(1)).await.unwrap();
    assert!(queue::enqueue(&mut tx, &job("web01"), at(1)).await.unwrap().is_some());
}

async fn a_lost_lease_finishes_nothing(db: &Db) {
    enqueue(db, &job("web01")).await;
    let old = claim(db, 1).await.unwrap();
    let new = claim(db, 2).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    assert!(!queue::heartbeat(&mut tx, &old, at(2), LEASE).await.unwrap());
    assert!(queue::heartbeat(&mut tx, &new, at(2), LEASE).await.unwrap());
    for lost in [queue::finish(&mut tx, &old, at(2)).await, queue::fail(&mut tx, &old, "x", at(2)).await.map(drop)] {
        assert!(matches!(lost, Err(StoreError::Refused { .. })), "{lost:?}");
    }
    queue::finish(&mut tx, &new, at(2)).await.unwrap();
    assert!(queue::finish(&mut tx, &new, at(2)).await.is_err(), "finished once");
}

async fn failures_are_tried_again_and_then_seen(db: &Db) {
    enqueue(db, &job("web01")).await;
    let first = claim(db, 0).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let Failed::Retry { run_at } = queue::fail(&mut tx, &first, "no route", at(0)).await.unwrap() else {
        panic!("one attempt is left")
    };
    let waits = run_at.duration_since(at(0));
    assert!((30..=38).contains(&waits.as_secs()), "{waits}");
    tx.commit().await.unwrap();
    assert_eq!(claim(db, 0).await, None);
    let second = claim(db, 1).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    assert_eq!(queue::fail(&mut tx, &second, &"x".repeat(9000), at(1)).await.unwrap(), Failed::Dead);
    tx.commit().await.unwrap();
    let dead = queue::list(db, JobState::Dead, 10).await.unwrap();
    assert_eq!((dead.len(), dead[0].attempts, dead[0].ended_at), (1, 2, Some(at(1))));
    assert_eq!(dead[0].last_error.as_ref().unwrap().len(), 2000);
    assert_eq!(queue::next_at(db).await.unwrap(), None);
}

async fn a_job_that_takes_its_holders_down_is_buried(db: &Db) {
    enqueue(db, &job("web01")).await;
    for hour in [1, 2] {
        assert!(claim(db, hour).await.is_some());
    }
    assert_eq!(claim(db, 3).await, None);
    let dead = queue::list(db, JobState::Dead, 10).await.unwrap();
    assert!(dead[0].last_error.as_ref().unwrap().contains("stopped answering"), "{dead:?}");
}

async fn holders_do_not_wait_for_each_other(db: &Db) {
    for number in 0..8 {
        enqueue(db, &job(&number.to_string())).await;
    }
    let claims = (0..8).map(|_| {
        let db = db.clone();
        tokio::spawn(async move { claim(&db, 1).await.unwrap().key })
    });
    let mut keys = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        keys.push(claim.await.unwrap());
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 8, "each job has one holder");
}

async fn schedules_enqueue_once(db: &Db) {
    let every_hour = Schedule {
        name: "ingest debian".to_owned(),
        kind: "ingest".to_owned(),
        payload: serde_json::json!({ "feed": "debian" }),
        every_seconds: 3600,
        next_at: at(1),
    };
    let mut tx = db.begin().await.unwrap();
    schedule::set(&mut tx, &every_hour).await.unwrap();
    schedule::set(&mut tx, &Schedule { next_at: at(9), ..every_hour.clone() }).await.unwrap();
    assert_eq!(schedule::list(&mut tx).await.unwrap(), std::slice::from_ref(&every_hour), "not put off");
    assert_eq!(schedule::enqueue_due(&mut tx, at(0)).await.unwrap(), 0);
    assert_eq!(schedule::enqueue_due(&mut tx, at(50)).await.unwrap(), 1, "what was missed is made up for once");
    assert_eq!(schedule::enqueue_due(&mut tx, at(50)).await.unwrap(), 0);
    let next = schedule::list(&mut tx).await.unwrap()[0].next_at;
    let wait = next.duration_since(at(50)).as_secs();
    assert!((3240..=3600).contains(&wait), "{wait}");
    tx.commit().await.unwrap();
    assert_eq!(claim(db, 50).await.unwrap().payload, every_hour.payload);
    let mut tx = db.begin().await.unwrap();
    schedule::delete(&mut tx, "ingest debian").await.unwrap();
    assert!(schedule::list(&mut tx).await.unwrap().is_empty());
}
