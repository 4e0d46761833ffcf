//! A clock that is set back by an hour stops no work.

use jiff::{SignedDuration, Timestamp};
use store::Db;
use store::queue::{self, Heartbeat, NewJob, Progress};
use store::schedule::{self, Schedule};

use crate::queue::{ANY, LEASE, enqueue, finish, job};
use crate::sample::at;

contract!(a_clock_that_is_set_back_stops_no_work, a_live_holder_keeps_its_job_through_a_clock_that_is_set_back,);

/// A minute before the clock is set back by an hour, at hour 1.
fn late(seconds: i64) -> Timestamp {
    at(2) - SignedDuration::from_mins(1) + SignedDuration::from_secs(seconds)
}

async fn a_clock_that_is_set_back_stops_no_work(db: &Db) {
    let clock = Schedule {
        name: "clock".to_owned(),
        kind: "inspect".to_owned(),
        payload: serde_json::Value::Null,
        every_seconds: 60,
        next_at: late(0),
    };
    let mut tx = db.begin().await.unwrap();
    schedule::set(&mut tx, &clock).await.unwrap();
    assert_eq!(schedule::enqueue_due(&mut tx, late(0)).await.unwrap(), 1);
    // Which of them dies and which fails is by chance.
    for key in ["dies", "fails", "waits"] {
        queue::enqueue(&mut tx, &NewJob { run_at: late(0), ..job(key) }, late(0)).await.unwrap().unwrap();
    }
    tx.commit().await.unwrap();
    let before = [queue::claim(db, &ANY, late(0)).await.unwrap(), queue::claim(db, &ANY, late(0)).await.unwrap()];
    let [Some(dies), Some(fails)] = before else { panic!("two are due: {before:?}") };
    let mut tx = db.begin().await.unwrap();
    queue::fail(&mut tx, &fails, "no route", late(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!schedule::is_due(db, late(2)).await.unwrap());

    // The schedule goes on at once, and once.
    let back = at(1);
    assert!(schedule::is_due(db, back).await.unwrap());
    let mut tx = db.begin().await.unwrap();
    assert_eq!(schedule::enqueue_due(&mut tx, back).await.unwrap(), 0, "its job waits still");
    tx.commit().await.unwrap();
    assert!(!schedule::is_due(db, back).await.unwrap());
    // What waited, and what is to be tried again, is not held up by an hour.
    assert!(queue::is_due(db, &ANY, back).await.unwrap());
    let mut keys = Vec::new();
    while let Some(lease) = queue::claim(db, &ANY, back).await.unwrap() {
        finish(db, &lease, 1).await;
        keys.push(lease.key);
    }
    keys.sort();
    let expected: Vec<&str> = ["clock", "dies", "fails", "waits"].into_iter().filter(|key| *key != dies.key).collect();
    assert_eq!(keys, expected);
    // The one whose holder is dead comes back after the longest that a lease may be, and not after an hour more.
    assert_eq!(queue::claim(db, &ANY, back + SignedDuration::from_mins(9)).await.unwrap(), None);
    let again = queue::claim(db, &ANY, back + SignedDuration::from_mins(10)).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempt), (dies.id, 2));
}

async fn a_live_holder_keeps_its_job_through_a_clock_that_is_set_back(db: &Db) {
    enqueue(db, &job("web01")).await;
    let lease = queue::claim(db, &ANY, late(0)).await.unwrap().unwrap();
    for minutes in 0..30 {
        let now = at(1) + SignedDuration::from_secs(minutes * 20);
        assert_eq!(queue::claim(db, &ANY, now).await.unwrap(), None);
        let mut tx = db.begin().await.unwrap();
        let heard = queue::heartbeat(&mut tx, &lease, &Progress::default(), now, LEASE).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(heard, Heartbeat::Kept);
    }
    let mut tx = db.begin().await.unwrap();
    queue::finish(&mut tx, &lease, "well", at(1)).await.unwrap();
    tx.commit().await.unwrap();
}
