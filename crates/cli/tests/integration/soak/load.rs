//! What people and other tools want meanwhile, and what of it was acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::asset::Asset;
use domain::ids::JobId;
use engine::Engine;
use jiff::SignedDuration;
use outside::NeverTouch;
use serde_json::{Value, json};
use store::audit::Note;
use store::queue::{self, Claim, NewJob};
use store::{Db, StoreError, Tx};
use tokio::task::JoinHandle;

use super::site::Site;
use super::{REST, SERVERS};
use crate::https::Answer;

/// Those who write numbered jobs, each its own kind. The first notes what it does in the audit trail, whose entries are written
/// one after the other; what the others commit waits for nobody.
pub(super) const WRITERS: usize = 8;
/// The asset that another tool reports about.
pub(super) const REPORTED: &str = "shop";

/// What is read of both servers all the time.
const READ: [&str; 7] = [
    "/api/v1/findings/facets",
    "/api/v1/findings?limit=1&filter=asset:shop",
    "/api/v1/findings?limit=200&sort=-score",
    "/api/v1/findings/groups?by=asset",
    "/api/v1/priorities?limit=20",
    "/api/v1/assets",
    "/api/v1/status",
];

pub(super) struct Load {
    site: Arc<Site>,
    engine: Engine,
    over: AtomicBool,
    /// Whether the writers do not pause.
    hurry: AtomicBool,
    /// Commits that were begun and are not answered.
    committing: AtomicUsize,
    /// Reports that were sent at all.
    sent: AtomicU64,
    noted: Mutex<Acknowledged>,
    answers: Mutex<BTreeMap<&'static str, usize>>,
}

/// What somebody was told is kept.
#[derive(Clone, Default)]
pub(super) struct Acknowledged {
    /// Inspections.
    pub(super) asked: BTreeSet<JobId>,
    /// Numbered jobs.
    pub(super) written: BTreeSet<String>,
    /// Those that are done, with the attempt that was finished.
    pub(super) finished: BTreeMap<JobId, u32>,
    /// Entries of the audit trail.
    pub(super) audited: BTreeSet<String>,
    /// Reports of another tool.
    pub(super) reports: u64,
    /// Commits that nobody knows anything of.
    pub(super) in_doubt: usize,
}

impl Load {
    /// Begins; each task goes on until it is over.
    pub(super) fn start(site: &Arc<Site>, db: &Db, assets: &[Asset]) -> (Arc<Self>, Vec<JoinHandle<()>>) {
        let clock: engine::Clock = Arc::new(super::now);
        let db = db.acting_as("soak");
        let load = Arc::new(Self {
            site: Arc::clone(site),
            engine: Engine::new(db, site.vigie.data_dir(), NeverTouch::default(), clock),
            over: AtomicBool::default(),
            hurry: AtomicBool::default(),
            committing: AtomicUsize::default(),
            sent: AtomicU64::default(),
            noted: Mutex::default(),
            answers: Mutex::default(),
        });
        let mut tasks = vec![
            tokio::spawn(keep_asking(Arc::clone(&load), assets.to_vec())),
            tokio::spawn(keep_importing(Arc::clone(&load))),
        ];
        tasks.extend((0..WRITERS).map(|writer| tokio::spawn(keep_writing(Arc::clone(&load), writer))));
        tasks.extend((0..SERVERS).map(|server| tokio::spawn(keep_reading(Arc::clone(&load), server))));
        (load, tasks)
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn hurry(&self, hurry: bool) {
        self.hurry.store(hurry, Ordering::Relaxed);
    }

    pub(super) fn committing(&self) -> usize {
        self.committing.load(Ordering::Relaxed)
    }

    pub(super) fn acknowledged(&self) -> Acknowledged {
        self.noted.lock().unwrap().clone()
    }

    /// How often servers gave which kind of answer.
    pub(super) fn answers(&self) -> BTreeMap<&'static str, usize> {
        self.answers.lock().unwrap().clone()
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Notes what was acknowledged; what was not may be there or not, and is noted nowhere.
    fn note(&self, acknowledged: impl FnOnce(&mut Acknowledged)) {
        acknowledged(&mut self.noted.lock().unwrap());
    }

    async fn commit(&self, tx: Tx) -> Result<(), StoreError> {
        self.counted(tx.commit()).await
    }

    /// Waits for something that is committed.
    async fn counted<T>(&self, commit: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.committing.fetch_add(1, Ordering::Relaxed);
        let committed = commit.await;
        self.committing.fetch_sub(1, Ordering::Relaxed);
        if committed.is_err() {
            self.note(|noted| noted.in_doubt += 1);
        }
        committed
    }

    /// What a server answers is what was asked for, or that it cannot answer now, and why.
    async fn ask(&self, server: usize, what: (&'static str, &str), body: &str) -> Option<Value> {
        let answer = self.site.ask(server, what, body).await;
        let (kind, value) = match answer {
            None => ("none", None),
            Some(Answer { status: 200, body, .. }) => ("200", Some(serde_json::from_str(&body).unwrap())),
            Some(Answer { status: 503, head, body }) => {
                let problem: Value = serde_json::from_str(&body).unwrap();
                assert!(!problem["detail"].as_str().unwrap().is_empty() && head.contains("retry-after"), "{body}");
                ("503", None)
            }
            Some(answer) => panic!("server {server} to {what:?}: {answer:?}"),
        };
        *self.answers.lock().unwrap().entry(kind).or_default() += 1;
        value
    }
}

/// Asks for an inspection of every asset again and again, as people do.
async fn keep_asking(load: Arc<Load>, assets: Vec<Asset>) {
    while !load.is_over() {
        for asset in &assets {
            let asking = async {
                let mut tx = load.engine.db.begin().await?;
                let asked = load.engine.ask_inspection(&mut tx, asset, "soak").await?;
                load.commit(tx).await?;
                anyhow::Ok(asked.job)
            };
            // A database that is just starting is asked again in the next round.
            if let Ok(job) = asking.await {
                load.note(|noted| _ = noted.asked.insert(job));
            }
        }
        pause(250).await;
    }
}

/// Writes numbered jobs, and does them.
async fn keep_writing(load: Arc<Load>, writer: usize) {
    let kind = format!("numbered {writer}");
    for number in 0.. {
        if load.is_over() {
            break;
        }
        let key = format!("{writer}-{number}");
        let done = async {
            write(&load, writer, &kind, &key).await?;
            finish(&load, &kind).await
        };
        // What was in doubt is never tried again.
        if done.await.is_err() || !load.hurry.load(Ordering::Relaxed) {
            pause(500).await;
        }
    }
}

async fn write(load: &Load, writer: usize, kind: &str, key: &str) -> anyhow::Result<()> {
    let mut tx = load.engine.db.begin().await?;
    let now = load.engine.now();
    queue::enqueue(&mut tx, &NewJob::scheduled(kind, key, 100, now), now).await?;
    let is_noted = writer == 0;
    if is_noted {
        tx.note(Note::new(now, "soak.write", key));
    }
    load.commit(tx).await?;
    load.note(|noted| {
        noted.written.insert(key.to_owned());
        if is_noted {
            noted.audited.insert(key.to_owned());
        }
    });
    Ok(())
}

async fn finish(load: &Load, kind: &str) -> anyhow::Result<()> {
    let (kinds, lease) = (&[kind][..], SignedDuration::from_secs(3));
    let claim = Claim { kinds, segment: "", priority_max: i64::MAX, holder: kind, lease };
    let now = load.engine.now();
    let claimed = load.counted(queue::claim(&load.engine.db, &claim, now)).await?;
    let Some(lease) = claimed else { return Ok(()) };
    let mut tx = load.engine.db.begin().await?;
    queue::finish(&mut tx, &lease, "", now).await?;
    load.commit(tx).await?;
    load.note(|noted| _ = noted.finished.insert(lease.id, lease.attempt));
    Ok(())
}

/// Another tool reports more and more, each report again until a server has it, and some once more.
async fn keep_importing(load: Arc<Load>) {
    for number in 1.. {
        if load.is_over() {
            break;
        }
        load.sent.store(number, Ordering::Relaxed);
        let begun = Instant::now();
        let mut server = usize::try_from(number).unwrap() % SERVERS;
        while import(&load, server, number).await.is_none() {
            assert!(begun.elapsed() < REST, "report {number} is taken by nobody");
            server = (server + 1) % SERVERS;
            pause(100).await;
        }
        load.note(|noted| noted.reports = number);
        if number % 4 == 0 {
            let again = import(&load, server, number).await;
            assert!(again.is_none_or(|created| created == 0), "report {number} was taken twice");
        }
        pause(200).await;
    }
}

/// `None`: nobody knows whether it was taken. Else how many findings it made.
async fn import(load: &Load, server: usize, number: u64) -> Option<u64> {
    let path = format!("/api/v1/imports?asset={REPORTED}&kind=repository");
    let body = report([number.saturating_sub(1).max(1), number], false).to_string();
    let answer = load.ask(server, ("POST", &path), &body).await?;
    let import = &answer["imports"][0];
    assert_eq!((&import["problem_count"], &import["late"], &import["closed"]), (&json!(0), &json!(false), &json!(0)));
    import["created"].as_u64()
}

/// A report about these numbers. Where it is not complete, nothing is gone that it does not mention.
pub(super) fn report(numbers: impl IntoIterator<Item = u64>, complete: bool) -> Value {
    let finding = |number: u64| json!({ "rule": format!("R{number}"), "path": format!("src/{number}.c") });
    json!({
        "format": "vigie-report", "version": 1, "tool": { "name": "Lint" }, "complete": complete, "scope": {},
        "findings": numbers.into_iter().map(finding).collect::<Vec<_>>(),
    })
}

/// Reads lists and counts of one server.
async fn keep_reading(load: Arc<Load>, server: usize) {
    let mut reported = 0;
    for path in READ.iter().cycle() {
        if load.is_over() {
            break;
        }
        let Some(answer) = load.ask(server, ("GET", path), "").await else {
            pause(200).await;
            continue;
        };
        if path.ends_with("facets") {
            let states = answer["states"].as_object().unwrap().values();
            let sum: u64 = states.map(|count| count.as_u64().unwrap()).sum();
            assert_eq!(answer["total"], json!(sum), "{answer}");
        }
        if path.ends_with(REPORTED) {
            let total = answer["total"].as_u64().unwrap();
            let sent = load.sent.load(Ordering::Relaxed);
            assert!((reported..=sent).contains(&total), "of {sent} reports {total} are listed, and were {reported}");
            reported = total;
        }
        pause(50).await;
    }
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Waits until something is so.
pub(super) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < REST, "never: {what}");
        pause(20).await;
    }
}
