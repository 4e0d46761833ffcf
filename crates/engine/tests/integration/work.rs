//! Work by jobs: two nodes on one database share it, what fails is seen, what is stopped goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::asset::Asset;
use domain::retirement::Policy;
use engine::discover::NewAsset;
use engine::forget::Retention;
use engine::work::{Sources, Verb, Waited, WorkOptions, Worker};
use engine::{Engine, Visible};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use outside::{NeverTouch, Source};
use store::queue::{self, Job, JobState, Listing};
use store::{Db, StoreError};
use tempfile::TempDir;
use testkit::db;
use testkit::disk::SmallDisk;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A source of feeds that never answers: a synchronisation that runs until it is stopped.
struct Endless;

impl Sources for Endless {
    fn choose(&self) -> BoxFuture<'_, anyhow::Result<Source>> {
        Box::pin(std::future::pending())
    }
}

/// No source of feeds.
pub(crate) struct Nowhere;

impl Sources for Nowhere {
    fn choose(&self) -> BoxFuture<'_, anyhow::Result<Source>> {
        Box::pin(async { anyhow::bail!("no publisher here") })
    }
}

/// One node over a database that others may have too.
struct Node {
    engine: Arc<Engine>,
    stop: watch::Sender<bool>,
    working: JoinHandle<Result<(), StoreError>>,
    seconds: Arc<AtomicI64>,
    _data: TempDir,
}

impl Node {
    fn start(db: &Db, holder: &str, sources: impl Sources + 'static) -> Self {
        let data = tempfile::tempdir().unwrap();
        let now: Timestamp = "2099-01-13T08:00:00Z".parse().unwrap();
        let seconds = Arc::new(AtomicI64::new(0));
        let passed = Arc::clone(&seconds);
        let clock: engine::Clock = Arc::new(move || now + SignedDuration::from_secs(passed.load(Ordering::Relaxed)));
        let engine = Arc::new(Engine::new(db.clone(), data.path().to_owned(), NeverTouch::default(), clock));
        let options = WorkOptions {
            holder: holder.to_owned(),
            lease: SignedDuration::from_mins(1),
            poll: Duration::from_millis(20),
            inspections_max: 2,
            retirement: Policy::default(),
            retention: Retention::default(),
        };
        let (stop, stopped) = watch::channel(false);
        let working = tokio::spawn(Worker::new(Arc::clone(&engine), options, Arc::new(sources)).run(stopped));
        Self { engine, stop, working, seconds, _data: data }
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.working.await.unwrap().unwrap();
    }

    async fn asset(&self, way: &str) -> Asset {
        let new = NewAsset { way: way.to_owned(), ..NewAsset::default() };
        self.engine.make_known(&new).await.unwrap()
    }
}

async fn jobs(db: &Db, verb: Verb) -> Vec<Job> {
    let listing = Listing { states: &JobState::ALL, kind: Some(verb.as_str()), before: None, limit: 100 };
    queue::list(db, listing).await.unwrap()
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

async fn two_nodes_share_what_is_due(db: &Db) {
    let (one, other) = (Node::start(db, "one", Nowhere), Node::start(db, "other", Nowhere));
    // Nothing listens there, and no packet leaves the machine.
    let mut assets = vec![one.asset("local").await];
    for port in 1..=4 {
        assets.push(one.asset(&format!("ssh://root@127.0.0.{port}:1")).await);
    }
    for node in [&one, &other] {
        node.engine.set_schedules().await.unwrap();
    }
    let tried = |job: &Job| job.state == JobState::Done || job.last_error.is_some();
    until("every asset was looked at", async || {
        let jobs = jobs(db, Verb::Inspect).await;
        jobs.len() == assets.len() && jobs.iter().all(tried)
    })
    .await;
    until("the clock has gone round", async || jobs(db, Verb::Clock).await.iter().all(|j| j.state == JobState::Done))
        .await;
    for job in jobs(db, Verb::Inspect).await {
        let asset = store::asset::get(db, job.key.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(job.attempts, 1, "{job:?}");
        if asset.name == assets[0].name {
            assert_eq!(job.state, JobState::Done, "{job:?}");
            assert!(job.progress.text.contains("active findings"), "{job:?}");
            assert!(asset.last_inspected_at.is_some());
        } else {
            assert_eq!(job.state, JobState::Ready, "a host that does not answer is tried again: {job:?}");
            assert_eq!(asset.last_error, job.last_error, "and it is unknown, not clean");
        }
    }
    assert_eq!(jobs(db, Verb::Clock).await.len(), 1, "one schedule, however many nodes");
    // Each start asks for it, and the one before may have ended already.
    let forgot = async || jobs(db, Verb::Forget).await.into_iter().find(|job| job.state == JobState::Done);
    until("old things were forgotten", async || forgot().await.is_some()).await;
    assert_eq!(
        forgot().await.unwrap().progress.text,
        "forgot 0 findings, 0 inspections, 0 sweeps and listings, 0 jobs, 0 sessions"
    );
    let retired = async || jobs(db, Verb::Retire).await.into_iter().find(|job| job.state == JobState::Done);
    until("it was looked for what has ended", async || retired().await.is_some()).await;
    let said = retired().await.unwrap().progress.text;
    assert!(
        said.contains(" assets: 0 gone, 0 expired, ")
            && said.ends_with("; 0 findings ended, 0 stale on what has expired; 0 findings became stale"),
        "{said}"
    );
    let sync = jobs(db, Verb::Sync).await;
    assert!(sync[0].last_error.as_ref().unwrap().contains("no publisher here"), "{sync:?}");
    one.stop().await;
    other.stop().await;
    assert_eq!(queue::list(db, LEASED).await.unwrap(), []);
}

const LEASED: Listing<'_> = Listing { states: &[JobState::Leased], kind: None, before: None, limit: 100 };

async fn what_is_stopped_goes_back_and_what_is_cancelled_ends(db: &Db) {
    let node = Node::start(db, "first", Endless);
    let mut tx = db.begin().await.unwrap();
    let asked = node.engine.ask(&mut tx, Verb::Sync, "anna").await.unwrap();
    tx.commit().await.unwrap();
    node.engine.wake.notify_one();
    until("it runs", async || !queue::list(db, LEASED).await.unwrap().is_empty()).await;
    node.stop().await;
    let job = queue::get(db, asked.job).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempts_max - job.attempts), (JobState::Ready, 3), "a stop is no failed attempt");

    let node = Node::start(db, "second", Nowhere);
    let Waited::Failed(reason) = node.engine.wait_for(asked).await.unwrap() else { panic!("there is no source") };
    assert!(reason.contains("no publisher here"), "{reason}");
    let mut tx = db.begin().await.unwrap();
    queue::cancel(&mut tx, asked.job, node.engine.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(node.engine.wait_for(asked).await.unwrap(), Waited::Cancelled);
    node.stop().await;
}

#[tokio::test]
async fn on_sqlite() {
    two_nodes_share_what_is_due(&db::sqlite().await.db).await;
    what_is_stopped_goes_back_and_what_is_cancelled_ends(&db::sqlite().await.db).await;
}

#[tokio::test]
async fn on_postgres() {
    let (Some(one), Some(other)) = (db::postgres().await, db::postgres().await) else { return };
    two_nodes_share_what_is_due(&one.db).await;
    what_is_stopped_goes_back_and_what_is_cancelled_ends(&other.db).await;
}

#[tokio::test]
async fn a_node_ends_when_a_newer_one_upgrades_its_database() {
    let Some(test) = db::postgres().await else { return };
    let node = Node::start(&test.db, "old", Endless);
    node.engine.set_schedules().await.unwrap();
    let runs = async || jobs(&test.db, Verb::Sync).await.iter().any(|job| job.state == JobState::Leased);
    until("its endless job runs", runs).await;
    test.run_sql("insert into schema_version (version, digest) values (999, '')");
    let ended = tokio::time::timeout(Duration::from_secs(60), node.working).await.expect("it ends").unwrap();
    assert!(matches!(ended, Err(StoreError::NewerSchema { found: 999, .. })), "{ended:?}");
    assert!(runs().await, "its job is there for the newer one, when its lease has ended");
}

/// A node that is in trouble stays, says so, and goes on when the trouble is over.
async fn goes_on(db: &Db, begin: impl AsyncFnOnce(), words: &str, end: impl AsyncFnOnce()) {
    let node = Node::start(db, "one", Nowhere);
    node.engine.set_schedules().await.unwrap();
    let done = async || jobs(db, Verb::Clock).await.iter().filter(|job| job.state == JobState::Done).count();
    // Every turn is due in its time; the pause lets one end before the next.
    let turn = async || {
        node.seconds.fetch_add(61, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    until("the clock has gone round", async || done().await >= 1).await;
    begin().await;
    until("it says what is wrong", async || {
        turn().await;
        node.engine.trouble().is_some_and(|trouble| trouble.contains(words))
    })
    .await;
    let warnings = node.engine.status(&Visible::All).await.unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.contains(words)), "{warnings:?}");
    end().await;
    let before = done().await;
    until("it goes on", async || {
        turn().await;
        node.engine.trouble().is_none() && done().await > before
    })
    .await;
    assert!(jobs(db, Verb::Clock).await.iter().all(|job| job.state != JobState::Dead), "nothing was given up");
    assert_eq!(store::audit::verify(db, None).await.unwrap().broken, []);
    node.stop().await;
}

#[tokio::test]
async fn a_full_disk_stops_nobody_for_good() {
    let Some(disk) = SmallDisk::mount(16 << 20) else { return };
    let db = Db::open(disk.path().join("vigie.db").to_str().unwrap()).await.unwrap();
    goes_on(&db, async || disk.fill(), "the disk of the database is full", async || disk.make_room()).await;
    db.close().await;
}

#[tokio::test]
async fn whoever_holds_the_database_stops_nobody_for_good() {
    let test = db::sqlite().await;
    let other = Db::open(&test.place).await.unwrap();
    let held = tokio::sync::Mutex::new(None);
    let hold = async || *held.lock().await = Some(other.begin().await.unwrap());
    goes_on(&test.db, hold, "another process holds the database", async || drop(held.lock().await.take())).await;
}
