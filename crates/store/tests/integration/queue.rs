use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::ids::JobId;
use jiff::{SignedDuration, Timestamp};
use store::queue::{
    self, Claim, Failed, Heartbeat, Job, JobState, Lease, Listing, NewJob, PERSON_PRIORITY, Progress,
    SCHEDULED_PRIORITY,
};
use store::schedule::{self, Schedule};
use store::{Db, StoreError, meta};

use crate::sample::at;

contract!(
    work_is_claimed_in_order_and_once,
    the_same_work_waits_once,
    what_a_person_asks_for_hastens_what_waits,
    a_lost_lease_finishes_nothing,
    failures_are_tried_again_and_then_seen,
    a_job_that_takes_its_holders_down_is_buried,
    a_job_with_one_attempt_survives_its_holder,
    work_that_no_node_does_any_more_is_adopted,
    holders_do_not_wait_for_each_other,
    a_lane_has_one_runner,
    a_segment_has_its_own_work,
    a_running_job_learns_that_it_is_cancelled,
    the_dead_are_seen_until_somebody_acts,
    progress_is_kept_with_the_job,
    what_is_given_back_has_not_been_tried,
    old_jobs_are_forgotten_and_the_dead_are_not,
    schedules_enqueue_once,
    whoever_dies_no_job_is_lost_and_none_committed_twice,
);

pub(crate) const LEASE: SignedDuration = SignedDuration::from_mins(1);

pub(crate) const ANY: Claim<'_> =
    Claim { kinds: &["inspect", "ingest"], segment: "", priority_max: i64::MAX, holder: "holder", lease: LEASE };

pub(crate) fn job(key: &str) -> NewJob {
    NewJob {
        kind: "inspect".to_owned(),
        key: key.to_owned(),
        payload: serde_json::json!({ "asset": key }),
        priority: PERSON_PRIORITY,
        run_at: at(0),
        attempts_max: 2,
        lane: String::new(),
        segment: String::new(),
        asked_by: String::new(),
    }
}

pub(crate) async fn enqueue(db: &Db, job: &NewJob) -> JobId {
    let mut tx = db.begin().await.unwrap();
    let id = queue::enqueue(&mut tx, job, at(0)).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    id
}

async fn claim(db: &Db, hour: i64) -> Option<Lease> {
    queue::claim(db, &ANY, at(hour)).await.unwrap()
}

async fn in_state(db: &Db, state: JobState) -> Vec<Job> {
    queue::list(db, Listing { states: &[state], kind: None, before: None, limit: 1000 }).await.unwrap()
}

pub(crate) async fn finish(db: &Db, lease: &Lease, hour: i64) {
    let mut tx = db.begin().await.unwrap();
    queue::finish(&mut tx, lease, "well", at(hour)).await.unwrap();
    tx.commit().await.unwrap();
}

/// Fails every attempt that is left.
async fn kill(db: &Db, key: &str) -> JobId {
    let id = enqueue(db, &NewJob { attempts_max: 1, ..job(key) }).await;
    let lease = claim(db, 0).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    assert_eq!(queue::fail(&mut tx, &lease, "no route", at(0)).await.unwrap(), Failed::Dead);
    tx.commit().await.unwrap();
    id
}

async fn work_is_claimed_in_order_and_once(db: &Db) {
    enqueue(db, &NewJob { priority: SCHEDULED_PRIORITY, ..job("scheduled") }).await;
    enqueue(db, &job("asked for")).await;
    enqueue(db, &NewJob { run_at: at(7), ..job("later") }).await;
    enqueue(db, &NewJob { kind: "other".to_owned(), ..job("not ours") }).await;
    assert!(queue::is_due(db, &ANY, at(0)).await.unwrap());
    let first = claim(db, 1).await.unwrap();
    assert_eq!((first.key.as_str(), first.attempt, first.started_at), ("asked for", 1, at(1)));
    assert_eq!(first.payload, job("asked for").payload);
    finish(db, &first, 1).await;
    let urgent = Claim { priority_max: PERSON_PRIORITY, ..ANY };
    assert_eq!(queue::claim(db, &urgent, at(1)).await.unwrap(), None, "a seat that is kept for people stays free");
    assert_eq!(claim(db, 1).await.unwrap().key, "scheduled");
    let again = claim(db, 2).await.unwrap();
    assert_eq!((again.key.as_str(), again.attempt), ("scheduled", 2), "its lease has ended");
    assert_eq!(claim(db, 2).await, None, "the others are not due, or not ours");
}

async fn the_same_work_waits_once(db: &Db) {
    enqueue(db, &job("web01")).await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(queue::enqueue(&mut tx, &job("web01"), at(0)).await.unwrap(), None);
    tx.commit().await.unwrap();
    let lease = claim(db, 1).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    assert_eq!(queue::enqueue(&mut tx, &job("web01"), at(1)).await.unwrap(), None, "it is running");
    queue::finish(&mut tx, &lease, "", at(1)).await.unwrap();
    assert!(queue::enqueue(&mut tx, &job("web01"), at(1)).await.unwrap().is_some());
}

async fn what_a_person_asks_for_hastens_what_waits(db: &Db) {
    let waiting = NewJob { priority: SCHEDULED_PRIORITY, run_at: at(9), ..job("web01") };
    let id = enqueue(db, &waiting).await;
    enqueue(db, &NewJob { priority: SCHEDULED_PRIORITY, ..job("web02") }).await;
    let mut tx = db.begin().await.unwrap();
    let asked = NewJob { run_at: at(1), ..job("web01") };
    assert_eq!(queue::enqueue_urgent(&mut tx, &asked, at(1)).await.unwrap(), id);
    let new = queue::enqueue_urgent(&mut tx, &NewJob { run_at: at(1), ..job("web03") }, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let mut claimed = [claim(db, 1).await.unwrap().id, claim(db, 1).await.unwrap().id];
    claimed.sort();
    let mut asked = [id, new];
    asked.sort();
    assert_eq!(claimed, asked);
    assert_eq!(claim(db, 1).await.unwrap().key, "web02");
}

async fn a_lost_lease_finishes_nothing(db: &Db) {
    enqueue(db, &job("web01")).await;
    let old = claim(db, 1).await.unwrap();
    let new = claim(db, 2).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let nothing = Progress::default();
    assert_eq!(queue::heartbeat(&mut tx, &old, &nothing, at(2), LEASE).await.unwrap(), Heartbeat::Lost);
    assert_eq!(queue::heartbeat(&mut tx, &new, &nothing, at(2), LEASE).await.unwrap(), Heartbeat::Kept);
    assert_eq!(queue::held(&mut tx, old.id, old.attempt, "holder").await.unwrap(), None);
    assert_eq!(queue::held(&mut tx, new.id, new.attempt, "another").await.unwrap(), None);
    assert_eq!(queue::held(&mut tx, new.id, new.attempt, "holder").await.unwrap().as_ref(), Some(&new));
    for lost in [
        queue::finish(&mut tx, &old, "", at(2)).await,
        queue::fail(&mut tx, &old, "x", at(2)).await.map(drop),
        queue::stop(&mut tx, &old, at(2)).await,
        queue::give_back(&mut tx, &old).await,
    ] {
        assert!(matches!(lost, Err(StoreError::Refused { .. })), "{lost:?}");
    }
    queue::finish(&mut tx, &new, "", at(2)).await.unwrap();
    assert!(queue::finish(&mut tx, &new, "", at(2)).await.is_err(), "finished once");
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
    let dead = in_state(db, JobState::Dead).await;
    assert_eq!((dead.len(), dead[0].attempts, dead[0].ended_at), (1, 2, Some(at(1))));
    assert_eq!(dead[0].last_error.as_ref().unwrap().len(), 2000);
    assert!(!queue::is_due(db, &ANY, at(999)).await.unwrap());
}

async fn a_job_that_takes_its_holders_down_is_buried(db: &Db) {
    enqueue(db, &job("web01")).await;
    // It may be tried twice; that a holder died says little of the job, so it gets one chance more.
    for hour in [1, 2, 3] {
        assert!(claim(db, hour).await.is_some());
    }
    assert_eq!(claim(db, 4).await, None);
    let dead = in_state(db, JobState::Dead).await;
    assert!(dead[0].last_error.as_ref().unwrap().contains("stopped answering"), "{dead:?}");
    assert_eq!(dead[0].ended_at, Some(at(4)));
}

async fn a_job_with_one_attempt_survives_its_holder(db: &Db) {
    enqueue(db, &NewJob { attempts_max: 1, ..job("web01") }).await;
    assert!(claim(db, 1).await.is_some());
    let again = claim(db, 2).await.unwrap();
    let waiting = in_state(db, JobState::Leased).await;
    assert_eq!((again.attempt, waiting[0].last_error.as_deref()), (2, None), "it has not failed");
    let mut tx = db.begin().await.unwrap();
    assert_eq!(
        queue::fail(&mut tx, &again, "no route", at(2)).await.unwrap(),
        Failed::Dead,
        "the first failure counts"
    );
    tx.commit().await.unwrap();
}

async fn work_that_no_node_does_any_more_is_adopted(db: &Db) {
    let branch = Claim { segment: "a scope without nodes", ..ANY };
    for key in ["waits", "runs"] {
        enqueue(db, &NewJob { segment: branch.segment.to_owned(), ..job(key) }).await;
    }
    let held = queue::claim(db, &branch, at(1)).await.unwrap().unwrap();
    assert_eq!(claim(db, 1).await, None, "that is not the servers'");
    let mut tx = db.begin().await.unwrap();
    store::node::adopt(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_ne!(claim(db, 1).await.unwrap().id, held.id);
    assert_eq!(claim(db, 2).await.unwrap().id, held.id, "its holder is gone");
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

async fn a_lane_has_one_runner(db: &Db) {
    for (kind, key) in [("inspect", "a"), ("ingest", "b"), ("ingest", "c")] {
        enqueue(db, &NewJob { kind: kind.to_owned(), lane: "web01".to_owned(), ..job(key) }).await;
    }
    let claims: Vec<_> = (0..6)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { claim(&db, 0).await })
        })
        .collect();
    let mut running = Vec::new();
    for claim in claims {
        running.extend(claim.await.unwrap());
    }
    assert_eq!(running.len(), 1, "{running:?}");
    finish(db, &running[0], 0).await;
    let next = claim(db, 0).await.unwrap();
    assert_ne!(next.id, running[0].id);
    enqueue(db, &job("beside")).await;
    assert_eq!(claim(db, 0).await.unwrap().key, "beside", "a full lane holds up nobody else");
    assert_eq!(claim(db, 0).await, None);
    assert!(claim(db, 1).await.is_some(), "a lane opens again when its runner dies");
}

async fn a_segment_has_its_own_work(db: &Db) {
    enqueue(db, &NewJob { segment: "branch".to_owned(), ..job("web01") }).await;
    assert_eq!(claim(db, 1).await, None);
    assert!(!queue::is_due(db, &ANY, at(999)).await.unwrap());
    let node = Claim { segment: "branch", ..ANY };
    assert!(queue::is_due(db, &node, at(0)).await.unwrap());
    assert_eq!(queue::claim(db, &node, at(1)).await.unwrap().unwrap().key, "web01");
}

async fn a_running_job_learns_that_it_is_cancelled(db: &Db) {
    let id = enqueue(db, &job("web01")).await;
    let waiting = enqueue(db, &NewJob { run_at: at(5), ..job("web02") }).await;
    let lease = claim(db, 0).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    assert_eq!(queue::cancel(&mut tx, waiting, at(1)).await.unwrap().state, JobState::Cancelled);
    let job = queue::cancel(&mut tx, id, at(1)).await.unwrap();
    assert_eq!((job.state, job.cancel_asked_at, job.ended_at), (JobState::Leased, Some(at(1)), None));
    let heard = queue::heartbeat(&mut tx, &lease, &Progress::default(), at(1), LEASE).await.unwrap();
    assert_eq!(heard, Heartbeat::CancelAsked);
    queue::stop(&mut tx, &lease, at(1)).await.unwrap();
    let refused = queue::cancel(&mut tx, id, at(1)).await;
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    tx.commit().await.unwrap();
    assert_eq!(claim(db, 9).await, None);
    assert_eq!(in_state(db, JobState::Cancelled).await.len(), 2);

    // One whose holder dies before it hears of it is not tried again either.
    let id = enqueue(db, &super::queue::job("web03")).await;
    claim(db, 0).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    queue::cancel(&mut tx, id, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(db, 9).await, None);
    assert_eq!(queue::get(db, id).await.unwrap().unwrap().state, JobState::Cancelled);
}

async fn the_dead_are_seen_until_somebody_acts(db: &Db) {
    let id = kill(db, "web01").await;
    assert_eq!(queue::count(db, JobState::Dead).await.unwrap(), 1);
    let mut tx = db.begin().await.unwrap();
    assert_eq!(queue::retry(&mut tx, id, at(1)).await.unwrap().state, JobState::Ready);
    tx.commit().await.unwrap();
    let lease = claim(db, 1).await.unwrap();
    assert_eq!((lease.id, lease.attempt), (id, 2), "the fence does not go back");
    let mut tx = db.begin().await.unwrap();
    assert!(matches!(queue::retry(&mut tx, id, at(1)).await, Err(StoreError::Refused { .. })), "it is running");
    drop(tx);
    finish(db, &lease, 1).await;

    // The same work, done later, makes the dead one history; so does a person who dismisses it.
    let id = kill(db, "web02").await;
    enqueue(db, &job("web02")).await;
    let mut tx = db.begin().await.unwrap();
    assert!(queue::retry(&mut tx, id, at(1)).await.is_err(), "the same work waits already");
    drop(tx);
    finish(db, &claim(db, 1).await.unwrap(), 1).await;
    assert_eq!(queue::get(db, id).await.unwrap().unwrap().state, JobState::Superseded);
    let id = kill(db, "web03").await;
    assert_ne!(kill(db, "web03").await, id);
    assert_eq!(queue::count(db, JobState::Dead).await.unwrap(), 1, "one for each work");
    let dead = in_state(db, JobState::Dead).await[0].id;
    let mut tx = db.begin().await.unwrap();
    queue::cancel(&mut tx, dead, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(queue::count(db, JobState::Dead).await.unwrap(), 0);
    let nobody = JobId::from_uuid(uuid::Uuid::nil());
    let mut tx = db.begin().await.unwrap();
    assert!(matches!(queue::cancel(&mut tx, nobody, at(1)).await, Err(StoreError::Missing { .. })));
}

async fn progress_is_kept_with_the_job(db: &Db) {
    let id = enqueue(db, &NewJob { asked_by: "anna".to_owned(), ..job("web01") }).await;
    let lease = claim(db, 0).await.unwrap();
    let progress = Progress { done: 3, total: Some(7), text: "ü".repeat(600) };
    let mut tx = db.begin().await.unwrap();
    queue::heartbeat(&mut tx, &lease, &progress, at(1), LEASE).await.unwrap();
    tx.commit().await.unwrap();
    let job = queue::get(db, id).await.unwrap().unwrap();
    assert_eq!((job.progress.done, job.progress.total), (3, Some(7)));
    assert_eq!((job.progress.text.chars().count(), job.lease_until), (500, Some(at(1) + LEASE)));
    assert_eq!((job.holder.as_deref(), job.asked_by.as_str()), (Some("holder"), "anna"));
    finish(db, &lease, 2).await;
    let job = queue::get(db, id).await.unwrap().unwrap();
    assert_eq!((job.progress.text.as_str(), job.state, job.lease_until), ("well", JobState::Done, None));
    let page = Listing { states: &JobState::ALL, kind: Some("inspect"), before: Some(id), limit: 10 };
    assert_eq!(queue::list(db, page).await.unwrap(), []);
    let other = Listing { kind: Some("other"), before: None, ..page };
    assert_eq!(queue::list(db, other).await.unwrap(), []);
    assert_eq!(queue::list(db, Listing { before: None, ..page }).await.unwrap(), [job]);
}

async fn what_is_given_back_has_not_been_tried(db: &Db) {
    enqueue(db, &NewJob { attempts_max: 1, ..job("web01") }).await;
    for attempt in 1..4 {
        let lease = claim(db, 0).await.unwrap();
        assert_eq!((lease.attempt, lease.attempts_max), (attempt, attempt));
        let mut tx = db.begin().await.unwrap();
        queue::give_back(&mut tx, &lease).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn old_jobs_are_forgotten_and_the_dead_are_not(db: &Db) {
    kill(db, "web01").await;
    for (key, hour) in [("web02", 1), ("web03", 6)] {
        enqueue(db, &job(key)).await;
        finish(db, &claim(db, hour).await.unwrap(), hour).await;
    }
    let mut tx = db.begin().await.unwrap();
    assert_eq!(queue::forget(&mut tx, at(5), 9).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(in_state(db, JobState::Done).await[0].key, "web03");
    assert_eq!(in_state(db, JobState::Dead).await.len(), 1);
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
    let urgent = Claim { priority_max: PERSON_PRIORITY, ..ANY };
    assert_eq!(queue::claim(db, &urgent, at(50)).await.unwrap(), None);
    assert_eq!(claim(db, 50).await.unwrap().payload, every_hour.payload);
    let mut tx = db.begin().await.unwrap();
    schedule::delete(&mut tx, "ingest debian").await.unwrap();
    assert!(schedule::list(&mut tx).await.unwrap().is_empty());
}

const JOBS: usize = 60;
const WORKERS: u64 = 6;

/// Workers beside each other, of which some die, hang until their lease has ended, fail, or lose their transaction.
/// What a job does is to note itself: once more than once, or never, would be seen.
async fn whoever_dies_no_job_is_lost_and_none_committed_twice(db: &Db) {
    for number in 0..JOBS {
        let lane = if number % 3 == 0 { String::new() } else { (number % 7).to_string() };
        enqueue(db, &NewJob { lane, attempts_max: 1_000_000, ..job(&number.to_string()) }).await;
    }
    let minutes = Arc::new(AtomicI64::new(0));
    let workers: Vec<_> =
        (1..=WORKERS).map(|seed| tokio::spawn(unreliable(db.clone(), Arc::clone(&minutes), seed))).collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let states = in_state(db, JobState::Done).await;
    assert_eq!(states.len(), JOBS, "no job is lost");
    for number in 0..JOBS {
        let noted = meta::get(db, &noted(&number.to_string())).await.unwrap();
        assert_eq!(noted.as_deref(), Some("1"), "job {number} was committed once");
    }
    let attempts: BTreeMap<u32, usize> = states.iter().fold(BTreeMap::new(), |mut counts, job| {
        *counts.entry(job.attempts).or_default() += 1;
        counts
    });
    assert!(attempts.keys().any(|attempts| *attempts > 1), "somebody died: {attempts:?}");
}

fn noted(key: &str) -> String {
    format!("noted {key}")
}

async fn unreliable(db: Db, minutes: Arc<AtomicI64>, seed: u64) {
    let mut random = seed;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let now = || -> Timestamp { at(0) + SignedDuration::from_mins(minutes.load(Ordering::Relaxed)) };
    let holder = format!("worker {seed}");
    let mine = Claim { holder: &holder, ..ANY };
    let mut zombies: Vec<Lease> = Vec::new();
    loop {
        let Some(lease) = queue::claim(&db, &mine, now()).await.unwrap() else {
            let live = [JobState::Ready, JobState::Leased];
            let live = Listing { states: &live, kind: None, before: None, limit: 1 };
            if queue::list(&db, live).await.unwrap().is_empty() {
                break;
            }
            // Everybody waits for leases of the dead, and for failures to be over.
            minutes.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        match next(10) {
            // Dies.
            0 | 1 => {}
            // Hangs, and comes back after its lease.
            2 => zombies.push(lease),
            3 => {
                let mut tx = db.begin().await.unwrap();
                match queue::fail(&mut tx, &lease, "tried", now()).await {
                    Ok(_) => tx.commit().await.unwrap(),
                    Err(error) => assert!(matches!(error, StoreError::Refused { .. }), "{error}"),
                }
            }
            // Dies between its result and the commit.
            4 => drop(commit(&db, &lease, now(), false).await),
            _ => drop(commit(&db, &lease, now(), true).await),
        }
        if next(4) == 0
            && let Some(zombie) = zombies.pop()
        {
            drop(commit(&db, &zombie, now(), true).await);
        }
    }
    for zombie in zombies {
        assert!(commit(&db, &zombie, now(), true).await.is_err(), "everything was done without it");
    }
}

/// Writes a job's result and its end, in one transaction.
async fn commit(db: &Db, lease: &Lease, now: Timestamp, survives: bool) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    queue::finish(&mut tx, lease, "", now).await?;
    let key = noted(&lease.key);
    let times = meta::get(&mut tx, &key).await?.map_or(0, |times| times.parse::<u32>().unwrap());
    meta::set(&mut tx, &key, &(times + 1).to_string()).await?;
    if survives { tx.commit().await } else { Ok(()) }
}
