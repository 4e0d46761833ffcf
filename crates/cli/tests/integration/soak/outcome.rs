//! What is there in the end, or after a promotion, held against what was acknowledged and what one look computes.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Arc;

use domain::asset::Asset;
use domain::event::EventKind;
use domain::ids::JobId;
use jiff::Timestamp;
use serde_json::Value;
use store::outbox::Position;
use store::queue::{self, Job, JobState, Listing};
use store::{Db, StoreError};
use testkit::lab::USER;

use super::load::{Acknowledged, REPORTED, report, until};
use super::site::Site;
use super::{DAY_0, NODES, REST, SERVERS};
use crate::vigie::{BINARY, Vigie, finished};

/// What is open where: (asset, package, vulnerability, detection).
pub(super) type Findings = BTreeSet<(String, String, String, String)>;

/// What is said of a job that is never claimed again because those who had it died.
const BURIED: &str = "its holder stopped answering";
/// So many have to.
const HOLDERS_LOST_MAX: u32 = 3;

/// Asks a database again that may just be starting.
pub(super) async fn patiently<T>(ask: impl AsyncFn() -> Result<T, StoreError>) -> T {
    let begun = std::time::Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(begun.elapsed() < REST, "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Jobs, by their ids; `None`: of every kind.
pub(super) async fn jobs(db: &Db, states: &[JobState], kind: Option<&str>) -> BTreeMap<JobId, Job> {
    let listing = Listing { states, kind, before: None, limit: 1_000_000 };
    patiently(|| queue::list(db, listing)).await.into_iter().map(|job| (job.id, job)).collect()
}

/// Everything that was acknowledged is there, once.
pub(super) async fn expect_kept(db: &Db, noted: &Acknowledged) {
    let jobs = jobs(db, &JobState::ALL, None).await;
    let mut names: Vec<&str> = Vec::new();
    names.extend(jobs.values().filter(|job| job.kind.starts_with("numbered ")).map(|job| job.key.as_str()));
    let keys: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(keys.len(), names.len(), "none is there twice");
    for key in &noted.written {
        assert!(keys.contains(key.as_str()), "the job {key} was acknowledged and is lost");
    }
    for id in &noted.asked {
        assert!(jobs.contains_key(id), "the inspection {id} was acknowledged and is lost");
    }
    for (id, attempt) in &noted.finished {
        let job = jobs.get(id).unwrap_or_else(|| panic!("{id} was done and is lost"));
        assert_eq!((job.state, job.attempts), (JobState::Done, *attempt), "{job:?}");
    }
    let (mut trail, mut reports, mut before) = (BTreeSet::new(), 0, None);
    loop {
        let page = store::audit::list(db, before, 10_000).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        reports += page.iter().filter(|entry| entry.what == "report.import").count() as u64;
        trail.extend(page.into_iter().filter(|entry| entry.what == "soak.write").map(|entry| entry.subject));
    }
    assert!(trail.is_superset(&noted.audited), "entries of the audit trail are lost");
    assert!(reports >= noted.reports, "of {} reports {reports} are noted", noted.reports);
    let found = reported(db).await;
    for number in 1..=noted.reports {
        assert!(found.contains(&format!("src/{number}.c")), "what report {number} says is lost");
    }
}

async fn reported(db: &Db) -> BTreeSet<String> {
    let Some(asset) = store::asset::find_by_name(db, REPORTED).await.unwrap() else { return BTreeSet::new() };
    let found = store::finding::of_asset(db, asset.id).await.unwrap();
    let names: BTreeSet<String> = found.iter().map(|stored| stored.finding.key.package.name.clone()).collect();
    assert_eq!(names.len(), found.len(), "each is there once");
    names
}

/// Waits until each server and each node has done an inspection that it began after an instant: none hangs unnoticed.
pub(super) async fn all_work(db: &Db, processes: &[u32], since: Timestamp) {
    let names = (0..SERVERS + NODES).map(|number| match number.checked_sub(SERVERS) {
        None => format!("server {number} ({})", processes[number]),
        Some(node) => format!("node{node}"),
    });
    let is_by = |number: usize, holder: &str| match number.checked_sub(SERVERS) {
        None => holder.ends_with(&format!(" {}", processes[number])),
        Some(node) => holder.starts_with(&format!("node node{node} ")),
    };
    for (number, name) in names.enumerate() {
        until(&format!("{name} inspects"), async || {
            let done = jobs(db, &[JobState::Done], Some("inspect")).await;
            let mut recent = done.values().filter(|job| job.started_at.is_some_and(|at| at > since));
            recent.any(|job| job.holder.as_deref().is_some_and(|holder| is_by(number, holder)))
        })
        .await;
    }
}

/// Waits until nothing waits or runs any more but what comes by the clock; returns the inspections.
pub(super) async fn all_ended(db: &Db) -> BTreeMap<JobId, Job> {
    let live = [JobState::Ready, JobState::Leased];
    until("every job ends", async || {
        let live = jobs(db, &live, None).await;
        live.values().all(|job| job.kind == "clock" || job.kind.starts_with("numbered "))
    })
    .await;
    jobs(db, &JobState::ALL, Some("inspect")).await
}

/// Every inspection that was asked for is done, or a person sees that it is not and why; returns how many are not.
///
/// They are tried as often as the product tries: an inspection that a person asked for once, and again where its holder has died, up
/// to three times. That a job may end dead by kills alone is right, since nobody can tell it from one that takes its holders down;
/// it must not end so in silence.
pub(super) async fn expect_done_or_told(
    db: &Db,
    from: &Position,
    asked: &BTreeSet<JobId>,
    jobs: &BTreeMap<JobId, Job>,
) -> usize {
    let mut told = BTreeSet::new();
    let mut from = from.clone();
    loop {
        let page = store::outbox::after(db, &from, &[EventKind::JobDead], 1000).await.unwrap();
        told.extend(page.events.iter().map(|event| event.body["job"].as_str().unwrap().to_owned()));
        from = page.end;
        if !page.more {
            break;
        }
    }
    let mut buried = 0;
    for id in asked {
        let job = jobs.get(id).unwrap_or_else(|| panic!("{id} is lost"));
        match job.state {
            JobState::Done => {}
            // Superseded: the same asset was inspected since.
            JobState::Dead | JobState::Superseded => {
                assert!(job.attempts >= HOLDERS_LOST_MAX && job.last_error.as_deref() == Some(BURIED), "{job:?}");
                assert!(told.contains(&id.to_string()), "nobody was told of {job:?}");
                buried += 1;
            }
            JobState::Ready | JobState::Leased | JobState::Cancelled => panic!("{job:?}"),
        }
    }
    buried
}

pub(super) async fn findings(db: &Db, names: &[&str]) -> Findings {
    let mut all = BTreeSet::new();
    for name in names {
        let id = store::asset::find_by_name(db, name).await.unwrap().unwrap().id;
        for stored in store::finding::of_asset(db, id).await.unwrap() {
            let key = &stored.finding.key;
            let state = stored.finding.detection.as_str().to_owned();
            all.insert(((*name).to_owned(), key.package.name.clone(), key.vulnerability.to_string(), state));
        }
    }
    all
}

/// The lists and counts of each server are those of the database.
pub(super) async fn expect_listed(site: &Arc<Site>, kept: &Findings) {
    let get = async |server: usize, path: &str| -> Value {
        let answer = site.ask(server, ("GET", path), "").await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    };
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, _, _, state) in kept {
        *states.entry(state).or_default() += 1;
    }
    for server in 0..SERVERS {
        until(&format!("server {server} lists {} findings", kept.len()), async || listed(&get, server).await == *kept)
            .await;
        let facets = get(server, "/api/v1/findings/facets").await;
        assert_eq!(facets["total"], kept.len(), "{facets}");
        for (state, count) in facets["states"].as_object().unwrap() {
            assert_eq!(*count, states.get(state.as_str()).copied().unwrap_or_default(), "{state}: {facets}");
        }
        let assets = get(server, "/api/v1/assets").await;
        let names: BTreeSet<&str> = kept.iter().map(|(asset, ..)| asset.as_str()).collect();
        let shown = assets["assets"].as_array().unwrap().iter().map(|asset| asset["name"].as_str().unwrap());
        assert_eq!(shown.collect::<BTreeSet<_>>(), names);
    }
}

/// Every page of one server's findings.
async fn listed(get: &impl AsyncFn(usize, &str) -> Value, server: usize) -> Findings {
    let (mut all, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = get(server, &format!("/api/v1/findings?limit=500&sort=asset{cursor}")).await;
        for row in page["findings"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let (asset, package) = (text(&row["asset"]["name"]), text(&row["component"]["name"]));
            let is_new = all.insert((asset, package, text(&row["vulnerability"]), text(&row["life"]["detection"])));
            assert!(is_new, "listed twice: {row}");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// The same, by another Vigie that looks at every host once, with the knowledge as it is in the end, and takes one report.
pub(super) async fn at_one_look(site: &Site, assets: &[Asset], reports: u64) -> Findings {
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
    let file = fresh.path("report.json");
    std::fs::write(&file, report(1..=reports, true).to_string()).unwrap();
    fresh.expect(0, DAY_0, &["import", file.to_str().unwrap(), "--asset", REPORTED, "--kind", "repository"]);
    let db = Db::open(&format!("sqlite:{}", fresh.data_dir().join("vigie.db").display())).await.unwrap();
    findings(&db, &names(assets)).await
}

/// All assets.
pub(super) fn names(assets: &[Asset]) -> Vec<&str> {
    assets.iter().map(|asset| asset.name.as_str()).chain([REPORTED]).collect()
}

/// `vigie check`: nothing is other than computing it anew gives.
pub(super) fn expect_nothing_differs(site: &Site) {
    let mut check = Command::new(BINARY);
    check.args(["check", "--data-dir"]).arg(site.vigie.data_dir()).args(["--database", &site.place()]);
    let said = finished(0, check.output().unwrap(), &["check"]);
    assert!(said.contains(" assets compared, 0 differ"), "{said}");
}
