//! Two servers and three scanner nodes on one PostgreSQL, under load, killed at random: no job is lost, none is
//! committed twice, and the findings are those that one look computes. `make soak` kills often, `make test` each kind once.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::asset::Asset;
use domain::ids::JobId;
use store::queue::{self, Job, JobState, Listing, NewJob, PERSON_PRIORITY};
use store::{Db, StoreError};
use testkit::lab::{Lab, USER};
use testkit::mirror::{TestMirror, VendorState};
use testkit::postgres::Postgres;
use testkit::tls::{SelfMade, self_made};

use crate::vigie::{BINARY, Vigie, finished};

const DAY_0: &str = "2024-01-13T08:00:00Z";

/// Kills where `VIGIE_SOAK_KILLS` does not say: each kind once.
const KILLS: usize = 3;
const SERVERS: usize = 2;
const NODES: usize = 3;
/// Of these hosts every other one is looked at by the servers themselves.
const HOSTS: usize = 4;
/// How long the last jobs may take once nobody is killed any more.
const REST: Duration = Duration::from_secs(300);

/// Everything that may be killed, and what it needs to start again.
struct Site {
    lab: Lab,
    vigie: Vigie,
    tls: SelfMade,
    postgres: Postgres,
    tokens: Vec<PathBuf>,
}

impl Site {
    fn start() -> Option<Self> {
        let lab = Lab::start(HOSTS)?;
        let postgres = Postgres::start()?;
        let vigie = Vigie::new();
        let tls = self_made(vigie.path("").as_path(), &["localhost"]);
        let mut site = Self { lab, vigie, tls, postgres, tokens: Vec::new() };
        site.mirror(&TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]));
        let key = site.lab.key();
        let addresses: Vec<String> = site.lab.hosts().iter().map(|host| host.address.to_string()).collect();
        let mut add = vec!["credential", "add", "lab", "--user", USER, "--sudo", "--identity", key.to_str().unwrap()];
        add.extend(addresses.iter().flat_map(|address| ["--destination", address]));
        site.command(&add);
        let mut scope = vec!["scope", "add", "branch"];
        for (number, address) in addresses.iter().enumerate() {
            site.command(&["asset", "add", &format!("ssh://{USER}@{address}"), "--credential", "lab"]);
            if number % 2 == 0 {
                scope.extend(["--name-pattern", address]);
            }
        }
        site.command(&scope);
        for number in 0..NODES {
            let said = site.command(&["node", "add", &format!("node{number}"), "--scope", "branch"]);
            let file = site.vigie.path(&format!("token{number}"));
            std::fs::write(&file, said.lines().last().unwrap()).unwrap();
            site.tokens.push(file);
        }
        Some(site)
    }

    fn mirror(&self, mirror: &TestMirror) {
        mirror.write(&self.vigie.path("mirror")).unwrap();
    }

    fn command(&self, args: &[&str]) -> String {
        let place = self.postgres.place();
        self.vigie.expect(0, DAY_0, &[args, &["--database", &place]].concat())
    }

    fn spawn(&self, number: usize) -> Child {
        let mut command = self.lab.command(BINARY);
        if number < SERVERS {
            self.server(&mut command, number)
        } else {
            self.node(&mut command, number - SERVERS)
        }
        let quiet = command.env("VIGIE_LOG", "error").stdin(Stdio::null()).stdout(Stdio::null());
        quiet.stderr(Stdio::null()).spawn().unwrap()
    }

    fn server(&self, command: &mut Command, number: usize) {
        command.args(["serve", "--listen", &format!("127.0.0.1:{}", 8787 + number), "--lease-seconds", "3"]);
        command.args(["--inspections", "4", "--mirror"]).arg(self.vigie.path("mirror"));
        command.arg("--tls-certificate").arg(&self.tls.certificate).arg("--tls-key").arg(&self.tls.key);
        command.arg("--data-dir").arg(self.vigie.data_dir()).args(["--database", &self.postgres.place()]);
    }

    fn node(&self, command: &mut Command, number: usize) {
        let server = format!("https://localhost:{}", 8787 + number % SERVERS);
        command.args(["node", "--server", &server, "--token-file"]).arg(&self.tokens[number]);
        command.arg("--ca").arg(&self.tls.certificate);
        command.arg("--data-dir").arg(self.vigie.path(&format!("node{number}")));
    }
}

/// Processes that do not outlive their test.
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Dead already, where the test has just killed it.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_under_load_nothing_is_lost_and_nothing_doubled() {
    let Some(site) = Site::start() else { return };
    let kills = std::env::var("VIGIE_SOAK_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let db = Db::open(&site.postgres.place()).await.unwrap();
    let assets = store::asset::list(&db, None, 100).await.unwrap();
    assert_eq!(assets.len(), HOSTS);
    let mut running = Running((0..SERVERS + NODES).map(|number| site.spawn(number)).collect());
    let over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(keep_busy(db.clone(), assets.clone(), Arc::clone(&over)));
    until_some_are_done(&db, HOSTS).await;

    let mut random = 1_u64;
    for kill in 0..kills {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Not a wait for something: the instant of the kill is the test's input.
        tokio::time::sleep(Duration::from_millis(300 + (random >> 33) % 2000)).await;
        // Each kind in turn, and of a kind anyone; PostgreSQL takes everything with it, so it falls less often.
        match kill % 12 {
            2 => site.postgres.crash(),
            turn => {
                let (first, of) = if turn % 2 == 0 { (0, SERVERS) } else { (SERVERS, NODES) };
                let victim = first + (random >> 50) as usize % of;
                running.0[victim].kill().unwrap();
                running.0[victim].wait().unwrap();
                running.0[victim] = site.spawn(victim);
            }
        }
        if kill == kills / 2 {
            let news = VendorState::FixedIn("1.0-9".to_owned());
            let demo = TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]);
            site.mirror(&demo.advisory("bookworm", "vigie-demo-lib", "CVE-2099-20001", news));
            // One that runs already may have looked before the news.
            while patiently(|| enqueue(&db, "sync", "sync")).await.is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    over.store(true, Ordering::Relaxed);
    let asked = load.await.unwrap();
    let jobs = all_ended(&db, kills).await;
    assert!(!asked.is_empty());
    for id in &asked {
        let job = jobs.iter().find(|job| job.id == *id).unwrap_or_else(|| panic!("{id} is lost"));
        assert_eq!(job.state, JobState::Done, "{job:?}");
    }
    for asset in &assets {
        let done = jobs.iter().filter(|job| job.key == asset.id.to_string() && job.state == JobState::Done).count();
        let kept = store::inspection::history(&db, asset.id, 1_000_000).await.unwrap().len();
        assert_eq!(kept, done, "each job of {} has kept one inspection", asset.name);
        assert_eq!(store::finding::replay_check(&db, asset.id).await.unwrap(), []);
    }
    drop(running);
    assert_eq!(findings(&db, &assets).await, at_one_look(&site, &assets).await);
    let tries: u32 = jobs.iter().map(|job| job.attempts).sum();
    eprintln!("{kills} kills, {} inspections in {tries} attempts", jobs.len());
}

/// Asks for an inspection of every asset as soon as its last one has ended; returns what was asked for.
async fn keep_busy(db: Db, assets: Vec<Asset>, over: Arc<AtomicBool>) -> BTreeSet<JobId> {
    let mut asked = BTreeSet::new();
    while !over.load(Ordering::Relaxed) {
        for asset in &assets {
            let key = asset.id.to_string();
            // A database that is just starting is asked again in the next round.
            if let Ok(id) = enqueue(&db, "inspect", &key).await {
                asked.extend(id);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    asked
}

/// As the servers do it; `None`: it waits or runs already.
async fn enqueue(db: &Db, kind: &str, key: &str) -> Result<Option<JobId>, StoreError> {
    let mut tx = db.begin().await?;
    let segment = match key.parse() {
        Ok(id) => segment_of(&mut tx, id).await?,
        Err(_) => String::new(),
    };
    let job = NewJob {
        kind: kind.to_owned(),
        key: key.to_owned(),
        payload: serde_json::Value::Null,
        priority: PERSON_PRIORITY,
        run_at: now(),
        // Whoever is killed more often than any job may be tried would prove nothing about lost jobs.
        attempts_max: 100_000,
        lane: if kind == "inspect" { format!("asset {key}") } else { String::new() },
        segment,
        asked_by: "soak".to_owned(),
    };
    let id = queue::enqueue(&mut tx, &job, now()).await?;
    tx.commit().await?;
    Ok(id)
}

#[expect(clippy::disallowed_methods, reason = "servers by the real clock do what this asks for")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

async fn segment_of(tx: &mut store::Tx, asset: domain::ids::AssetId) -> Result<String, StoreError> {
    let asset = store::asset::get(&mut *tx, asset).await?.expect("assets stay");
    let scopes = store::scope::list(tx).await?;
    let scope = scopes.iter().find(|scope| scope.selector.selects(&asset));
    Ok(scope.map(|scope| store::node::segment(scope.id)).unwrap_or_default())
}

/// Asks a database again that may just be starting.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, StoreError>) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(begun.elapsed() < REST, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn inspections(db: &Db) -> Vec<Job> {
    let all = Listing { states: &JobState::ALL, kind: Some("inspect"), before: None, limit: 1_000_000 };
    patiently(|| queue::list(db, all)).await
}

async fn until_some_are_done(db: &Db, count: usize) {
    let begun = Instant::now();
    while inspections(db).await.iter().filter(|job| job.state == JobState::Done).count() < count {
        assert!(begun.elapsed() < REST, "nobody works: {:#?}", inspections(db).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until nothing waits or runs any more but what comes by the clock; returns the inspections.
async fn all_ended(db: &Db, kills: usize) -> Vec<Job> {
    let begun = Instant::now();
    loop {
        let live = Listing { states: &[JobState::Ready, JobState::Leased], kind: None, before: None, limit: 1000 };
        let live = patiently(|| queue::list(db, live)).await;
        if live.iter().all(|job| job.kind == "clock") {
            return inspections(db).await;
        }
        assert!(begun.elapsed() < REST, "after {kills} kills these never end: {live:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What is open where: (asset, package, vulnerability, detection).
async fn findings(db: &Db, assets: &[Asset]) -> BTreeSet<(String, String, String, String)> {
    let mut all = BTreeSet::new();
    for asset in assets {
        let id = store::asset::find_by_name(db, &asset.name).await.unwrap().unwrap().id;
        for stored in store::finding::of_asset(db, id).await.unwrap() {
            let key = &stored.finding.key;
            let state = stored.finding.detection.as_str().to_owned();
            all.insert((asset.name.clone(), key.package.name.clone(), key.vulnerability.to_string(), state));
        }
    }
    all
}

/// The same, by another Vigie that looks at every host once, with the knowledge as it is in the end.
async fn at_one_look(site: &Site, assets: &[Asset]) -> BTreeSet<(String, String, String, String)> {
    let fresh = Vigie::new();
    let mirror = site.vigie.path("mirror");
    fresh.expect(0, DAY_0, &["feeds", "sync", "--mirror", mirror.to_str().unwrap()]);
    let key = site.lab.key();
    let mut add = vec!["credential", "add", "lab", "--user", USER, "--sudo", "--identity", key.to_str().unwrap()];
    add.extend(assets.iter().flat_map(|asset| ["--destination", asset.name.as_str()]));
    fresh.expect(0, DAY_0, &add);
    for asset in assets {
        let way = format!("ssh://{USER}@{}", asset.name);
        fresh.expect(0, DAY_0, &["asset", "add", &way, "--credential", "lab"]);
    }
    let mut inspect = site.lab.command(BINARY);
    fresh.prepare(&mut inspect, DAY_0, &["inspect", "--all"]);
    finished(2, inspect.output().unwrap(), &["inspect"]);
    let db = Db::open(&format!("sqlite:{}", fresh.data_dir().join("vigie.db").display())).await.unwrap();
    findings(&db, assets).await
}
