//! Two servers and three scanner nodes on one PostgreSQL that another one follows, under load, killed at random: no job is lost,
//! none is committed twice, nothing that was acknowledged is gone, and the findings are those that one look computes, on every
//! server. `make soak` kills often, `make test` each kind once.

mod load;
mod outcome;
mod site;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::asset::Asset;
use engine::work::Verb;
use store::Db;
use store::outbox::Position;
use store::queue::{self, JobState, NewJob, PERSON_PRIORITY};
use testkit::mirror::{TestMirror, VendorState};
use testkit::postgres::Postgres;

use self::load::{Load, WRITERS, until};
use self::outcome::{
    all_ended, all_work, at_one_look, expect_done_or_told, expect_kept, expect_listed, expect_nothing_differs,
    findings, jobs, names, patiently,
};
use self::site::{Running, Site};

const DAY_0: &str = "2024-01-13T08:00:00Z";

const SERVERS: usize = 2;
const NODES: usize = 3;
/// Of these hosts every other one is looked at by the servers themselves.
const HOSTS: usize = 4;
/// How long anything may take once nobody is killed any more.
const REST: Duration = Duration::from_secs(300);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A server is killed, and started again.
    Server,
    /// So is a scanner node.
    Node,
    /// PostgreSQL is, and whoever works on it goes on.
    Crash,
    /// The primary is killed and the PostgreSQL that follows it promoted; whoever works on it goes there.
    Promotion,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Server, Self::Node, Self::Crash, Self::Promotion];

    /// Each once; after that those that take everything with them fall less often.
    fn of(kill: usize) -> Self {
        match kill.checked_sub(Self::ALL.len()) {
            None => Self::ALL[kill],
            Some(further) if further % 12 == 5 => Self::Crash,
            Some(further) if further % 12 == 11 => Self::Promotion,
            Some(further) if further % 2 == 0 => Self::Server,
            Some(_) => Self::Node,
        }
    }
}

/// Numbers that look random, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    /// Not a wait for something: the instant of a kill is the test's input.
    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(300 + self.below(2000) as u64)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_under_load_nothing_is_lost_and_nothing_doubled() {
    let Some(mut site) = Site::start() else { return };
    let kills = std::env::var("VIGIE_SOAK_KILLS").map_or(Kind::ALL.len(), |kills| kills.parse().unwrap());
    let mut running = site.start_all();
    let site = Arc::new(site);
    let db = Db::open(&site.place()).await.unwrap();
    let assets = store::asset::list(&db, None, 100).await.unwrap();
    assert_eq!(assets.len(), HOSTS);
    let from = store::outbox::end(&db).await.unwrap();
    let (load, tasks) = Load::start(&site, &db, &assets);
    let done = async || jobs(&db, &[JobState::Done], Some("inspect")).await.len();
    until("somebody works", async || done().await >= HOSTS && load.acknowledged().reports > 0).await;

    let counts = kill_all(&site, &mut running, &db, &load, kills).await;
    if kills == Kind::ALL.len() {
        assert_eq!(counts, Kind::ALL.map(|kind| (kind, 1)).into());
    }
    all_work(&db, &running.ids(&site), now()).await;
    load.end();
    for task in tasks {
        task.await.unwrap();
    }
    let said = expect_all(&site, (&db, &from), &load, &assets).await;
    running.ids(&site);
    drop(running);
    let reports = load.acknowledged().reports;
    assert_eq!(findings(&db, &names(&assets)).await, at_one_look(&site, &assets, reports).await);
    expect_nothing_differs(&site);
    eprintln!("{counts:?}, {said}, answers: {:?}", load.answers());
}

/// Kills so often; returns how often each kind.
async fn kill_all(
    site: &Arc<Site>,
    running: &mut Running,
    db: &Db,
    load: &Load,
    kills: usize,
) -> BTreeMap<Kind, usize> {
    let (mut random, mut counts) = (Random(1), BTreeMap::new());
    for kill in 0..kills {
        random.pause().await;
        let (kind, before) = (Kind::of(kill), running.ids(site));
        match kind {
            Kind::Server => running.kill(site, random.below(SERVERS)),
            Kind::Node => running.kill(site, SERVERS + random.below(NODES)),
            Kind::Crash => site.postgres().0.crash(),
            Kind::Promotion => {
                let is_cut_off = counts.get(&kind).is_none_or(|count| count % 2 == 0);
                promote(site, db, load, &mut random, is_cut_off).await;
            }
        }
        if matches!(kind, Kind::Crash | Kind::Promotion) {
            assert_eq!(running.ids(site), before, "the same processes go on");
        }
        *counts.entry(kind).or_default() += 1;
        if kill == kills / 2 {
            let news = VendorState::FixedIn("1.0-9".to_owned());
            let demo = TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]);
            site.mirror(&demo.advisory("bookworm", "vigie-demo-lib", "CVE-2099-20001", news));
            // One that runs already may have looked before the news.
            until("news are asked for", async || ask_for_news(db).await.is_ok_and(|is_new| is_new)).await;
        }
    }
    counts
}

/// Kills the primary while many commits are on their way, and promotes the other one: what was acknowledged until then is there.
async fn promote(site: &Site, db: &Db, load: &Load, random: &mut Random, is_cut_off: bool) {
    let (old, new) = site.postgres();
    until("the other one follows", async || old.is_followed()).await;
    load.hurry(true);
    random.pause().await;
    let head = store::audit::head(db).await.unwrap();
    let done = jobs(db, &[JobState::Done], Some("inspect")).await;
    let receiver = new.take_nothing();
    let written = || load.acknowledged().written.len();
    until("commits wait for the other one, and nobody is told that they are kept", async || {
        let before = written();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let waiting = old.waiting_commits().min(load.committing());
        waiting >= WRITERS / 2 && written() == before
    })
    .await;
    let in_doubt = load.acknowledged().in_doubt;
    if is_cut_off {
        // What waits now was told to nobody, and is there or not.
        old.kill();
        Postgres::take_again(receiver);
    } else {
        // Some are told in the moment before the kill.
        let before = written();
        Postgres::take_again(receiver);
        until("commits go on", async || written() >= before + WRITERS).await;
        random.pause().await;
        until("commits are on their way", async || load.committing() >= WRITERS / 2).await;
        old.kill();
    }
    let noted = load.acknowledged();
    new.promote();
    site.changed_places();
    load.hurry(false);
    expect_kept(db, &noted).await;
    let after = jobs(db, &[JobState::Done], Some("inspect")).await;
    assert!(done.keys().all(|id| after.contains_key(id)), "what was done is done");
    assert_eq!(store::audit::verify(db, head.as_ref()).await.unwrap().broken, []);
    let reports = load.acknowledged().reports;
    until("a report is taken again", async || load.acknowledged().reports > reports).await;
    let cut_off = load.acknowledged().in_doubt - in_doubt;
    assert!(!is_cut_off || cut_off >= WRITERS / 2, "only {cut_off} commits were on their way");
    // The old primary follows the new one, for the next time.
    old.follow(new);
}

/// `false`: such a job runs or waits already.
async fn ask_for_news(db: &Db) -> anyhow::Result<bool> {
    let mut tx = db.begin().await?;
    let job = NewJob { priority: PERSON_PRIORITY, ..NewJob::scheduled(Verb::Sync.as_str(), "sync", 3, now()) };
    let asked = queue::enqueue(&mut tx, &job, now()).await?;
    tx.commit().await?;
    Ok(asked.is_some())
}

/// Holds everything against everything else once nobody is killed any more; returns it in words.
async fn expect_all(site: &Arc<Site>, (db, from): (&Db, &Position), load: &Load, assets: &[Asset]) -> String {
    let inspections = all_ended(db).await;
    let noted = load.acknowledged();
    assert!(!noted.asked.is_empty());
    expect_kept(db, &noted).await;
    let buried = expect_done_or_told(db, from, &noted.asked, &inspections).await;
    for asset in assets {
        let key = asset.id.to_string();
        let done = inspections.values().filter(|job| job.key == key && job.state == JobState::Done).count();
        let kept = store::inspection::history(db, asset.id, 1_000_000).await.unwrap().len();
        assert_eq!(kept, done, "each job of {} has kept one inspection", asset.name);
    }
    for name in names(assets) {
        let id = patiently(|| store::asset::find_by_name(db, name)).await.unwrap().id;
        assert_eq!(store::finding::replay_check(db, id).await.unwrap(), []);
    }
    let kept = findings(db, &names(assets)).await;
    expect_listed(site, &kept).await;
    let trail = store::audit::verify(db, None).await.unwrap();
    assert_eq!(trail.broken, []);
    let tries: u32 = inspections.values().map(|job| job.attempts).sum();
    format!(
        "{} inspections in {tries} attempts, {buried} given up; {} numbered jobs, {} reports, {} entries in the trail, {} commits in doubt",
        inspections.len(),
        noted.written.len(),
        noted.reports,
        trail.entry_count,
        noted.in_doubt,
    )
}

#[expect(clippy::disallowed_methods, reason = "servers by the real clock do what this asks for")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
