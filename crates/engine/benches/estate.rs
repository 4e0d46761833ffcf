//! An estate matched with one knowledge file, one advisory matched again, one scope rescored: what cannot be timed from
//! outside.
//! `make bench` runs this.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use domain::advisory::VendorStatus;
use domain::asset::Asset;
use domain::component::Component;
use domain::feed::FeedState;
use domain::ids::AssetId;
use domain::inventory::Inventory;
use domain::priority::policy::Policy;
use domain::priority::{EvidenceState, Signals, prioritize};
use domain::scope::Context;
use domain::vulnerability::Vulnerability;
use ecosystems::Pool;
use ecosystems::capture::{Capture, Probe, Reading};
use jiff::Timestamp;
use knowledge::{Knowledge, Matcher};
use serde_json::json;
use store::Db;
use store::inspection::{Components, NewInspection};
use uuid::Uuid;

const ROUNDS: usize = 5;
/// Different components of an estate against which one advisory is matched again.
const DISTINCT: usize = 200_000;
/// Vulnerabilities of an estate that are judged in a new context.
const RESCORED: usize = 350_000;

/// Arguments: data folder, folder of dpkg databases, instant. Cargo adds `--bench`.
#[expect(clippy::print_stdout, reason = "the values go to whoever runs this")]
#[expect(clippy::cast_precision_loss, reason = "counts, for people")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut argument = testkit::bench::arguments("say: DATA HOSTS INSTANT");
    let knowledge = Arc::new(Knowledge::open(&PathBuf::from(argument()?).join(engine::ingest::KNOWLEDGE_FILE))?);
    let paths = files(&PathBuf::from(argument()?))?;
    let at: Timestamp = argument()?.parse()?;
    let folder = tempfile::tempdir()?;
    let db = Db::open(&folder.path().join("vigie.db").display().to_string()).await?;
    let estate = estate(&knowledge, &paths)?;
    let hosts = kept(&db, estate.hosts, at).await?;
    let rows: usize = hosts.iter().map(|host| host.components.as_ref().map_or(0, Vec::len)).sum();
    let alone = best(|| {
        for host in &hosts {
            black_box(knowledge.find(black_box(host)));
        }
    });
    let rescored = rescore(&knowledge, &hosts, at);
    let advisory = advisory(&db, &knowledge, &hosts, at).await?;
    let value = |name: &str, value: f64, unit: &str| json!({"name": name, "value": value, "unit": unit});
    println!(
        "{}",
        json!([
            value("w2_hosts", hosts.len() as f64, "count"),
            value("w2_rows", rows as f64, "count"),
            value("w2_findings", estate.findings as f64, "count"),
            value("w2_parse_s", estate.parsed, "s"),
            value("w2_parse_alone_s", estate.parsed_alone, "s"),
            value("w2_match_s", estate.matched, "s"),
            value("w2_match_alone_s", alone, "s"),
            value("rescore_s", rescored, "s"),
            value("advisory_rematch_ms", advisory * 1e3, "ms"),
        ])
    );
    Ok(())
}

/// An estate that was read and matched, and how many seconds each step took.
#[derive(Default)]
struct Estate {
    hosts: Vec<Inventory>,
    findings: usize,
    /// Reading the package databases, of which equal records are read once.
    parsed: f64,
    /// The same where each host is read as if there were no other: sharing may not cost what matching gains.
    parsed_alone: f64,
    matched: f64,
}

/// Reads every host and matches them all, as an engine does. The shortest of some rounds counts, for each step.
fn estate(knowledge: &Arc<Knowledge>, paths: &[PathBuf]) -> anyhow::Result<Estate> {
    let mut estate =
        Estate { parsed: f64::INFINITY, parsed_alone: f64::INFINITY, matched: f64::INFINITY, ..Estate::default() };
    for _ in 0..ROUNDS {
        let (mut pool, mut hosts) = (Pool::default(), Vec::with_capacity(paths.len()));
        let (mut parsed, mut alone) = (Duration::ZERO, Duration::ZERO);
        for path in paths {
            let capture = capture(fs::read(path)?);
            let start = Instant::now();
            hosts.push(ecosystems::inventory_sharing(&capture, &[], &mut pool));
            parsed += start.elapsed();
            let start = Instant::now();
            let unshared = ecosystems::inventory(&capture, &[]);
            alone += start.elapsed();
            drop(black_box(unshared));
        }
        let start = Instant::now();
        let mut matcher = Matcher::new(Arc::clone(knowledge));
        estate.findings = hosts.iter().map(|host| matcher.find(black_box(host)).matched().count()).sum();
        estate.matched = estate.matched.min(start.elapsed().as_secs_f64());
        estate.parsed = estate.parsed.min(parsed.as_secs_f64());
        estate.parsed_alone = estate.parsed_alone.min(alone.as_secs_f64());
        estate.hosts = hosts;
    }
    Ok(estate)
}

/// Every file of a folder.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("list {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    Ok(paths)
}

/// A file as the package database of a Debian 11.
fn capture(status: Vec<u8>) -> Capture {
    let os_release = b"ID=debian\nVERSION_CODENAME=bullseye\nPRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"\n";
    let mut capture = Capture::default();
    for probe in ecosystems::probes() {
        let bytes = match *probe {
            Probe::File { path: "var/lib/dpkg/status", .. } => status.clone(),
            Probe::First { paths, bytes_max } => {
                capture.read_first(paths, bytes_max, |path| match path {
                    "etc/os-release" => Reading::Bytes(os_release.to_vec()),
                    _ => Reading::Missing,
                });
                continue;
            }
            _ => continue,
        };
        capture.readings.insert(*probe, Reading::Bytes(bytes));
    }
    capture
}

/// The inventories as a store gives them back.
async fn kept(db: &Db, hosts: Vec<Inventory>, at: Timestamp) -> anyhow::Result<Vec<Inventory>> {
    let assets: Vec<AssetId> =
        (1..=hosts.len()).map(|number| AssetId::from_uuid(Uuid::from_u128(number as u128))).collect();
    let mut tx = db.begin().await?;
    for (asset, inventory) in assets.iter().zip(&hosts) {
        keep(&mut tx, *asset, inventory, at).await?;
    }
    tx.commit().await?;
    let mut components = Components::default();
    let stored = store::inspection::latest_of_these(db, &assets, &mut components).await?;
    ensure!(stored.len() == assets.len(), "inventories were kept and are not there");
    Ok(stored.into_iter().map(|stored| stored.inventory).collect())
}

async fn keep(tx: &mut store::Tx, id: AssetId, inventory: &Inventory, at: Timestamp) -> anyhow::Result<()> {
    store::asset::upsert(tx, &Asset::new(id, id.to_string(), at)).await?;
    let new = NewInspection {
        record: None,
        asset: id,
        inventory,
        undecided: &[],
        knowledge: "",
        way: None,
        observed_at: at,
        recorded_at: at,
    };
    store::inspection::record(tx, &new).await?;
    Ok(())
}

/// Seconds from the names that an advisory is about to the verdicts on every component that it may concern.
async fn advisory(db: &Db, knowledge: &Knowledge, hosts: &[Inventory], at: Timestamp) -> anyhow::Result<f64> {
    let mut distinct: Vec<Arc<Component>> =
        hosts.iter().flat_map(|host| host.components.iter().flatten().cloned()).collect();
    distinct.sort();
    distinct.dedup();
    // The same packages in more versions than the hosts have.
    let more = |(number, component): (usize, &Arc<Component>)| {
        let version = format!("{}+{}", component.version, number / distinct.len());
        Arc::new(Component { source_version: version.clone(), version, ..Component::clone(component) })
    };
    let all: Vec<Arc<Component>> =
        distinct.iter().cycle().enumerate().skip(distinct.len()).take(DISTINCT - distinct.len()).map(more).collect();
    let mut tx = db.begin().await?;
    let large = Inventory { components: Some(all), ..hosts.first().context("there is no host")?.clone() };
    keep(&mut tx, AssetId::from_uuid(Uuid::from_u128(u128::MAX)), &large, at).await?;
    tx.commit().await?;

    // Of all packages that advisories are about, the one that most components belong to.
    let found = knowledge.find(&large);
    let listed: BTreeSet<&str> = found.matched().map(|found| found.package.name.as_str()).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for component in large.components.iter().flatten().filter(|component| listed.contains(component.source.as_str())) {
        *counts.entry(&component.source).or_default() += 1;
    }
    let (name, _) = counts.into_iter().max_by_key(|(_, count)| *count).context("no advisory is about any component")?;
    let mut shortest = f64::INFINITY;
    let bare = Inventory { components: None, ..large.clone() };
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let ids: Vec<i64> = store::inspection::components_named(db, &[name]).await?.into_iter().collect();
        let mut components = Components::default();
        components.read(db, &ids).await?;
        let concerned = ids.iter().filter_map(|id| components.get(*id).cloned()).collect();
        black_box(knowledge.find(&Inventory { components: Some(concerned), ..bare.clone() }));
        shortest = shortest.min(start.elapsed().as_secs_f64());
    }
    Ok(shortest)
}

/// Seconds to judge as many vulnerabilities as a large estate has, each once, in one context.
fn rescore(knowledge: &Arc<Knowledge>, hosts: &[Inventory], at: Timestamp) -> f64 {
    let mut matcher = Matcher::new(Arc::clone(knowledge));
    let mut ids: Vec<String> = hosts
        .iter()
        .flat_map(|host| matcher.find(host).into_matched().map(|found| found.vulnerability.to_string()))
        .collect();
    ids.sort();
    ids.dedup();
    let flaws: Vec<Vulnerability> = ids.iter().filter_map(|id| knowledge.vulnerability_at(id, at)).collect();
    best(|| {
        for vulnerability in flaws.iter().cycle().take(RESCORED) {
            let signals = Signals {
                vulnerability,
                advisory_source: "debian",
                vendor_status: VendorStatus::FixedIn,
                urgency: "",
                evidence: EvidenceState { kev: FeedState::Fresh, epss: FeedState::Fresh },
            };
            black_box(prioritize(Policy::built_in(), &signals, black_box(&Context::none()), at));
        }
    })
}

/// The shortest of some rounds, in seconds: everything longer is the machine's other work.
fn best(mut round: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}
