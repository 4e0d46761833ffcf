//! An estate at one size: machines inspected, everything judged anew, knowledge that changes, lists and pages, memory, a
//! restart.
//!
//! Arguments: an estate (`cargo xtask estate`), how many of its machines, `sqlite` or `postgres` (a server of its own), and the
//! `vigie` that serves them in the end. Or `top`, a `vigie` and a data folder: the first page of what is kept there. Or `fill`, an
//! estate and a data folder: its machines are kept there, to be looked at. Cargo adds `--bench`. Prints a list of `{name, value, unit}`; how far it is goes to the error stream.

mod served;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use domain::advisory::{Advisory, Statement};
use domain::asset::{Asset, SshTarget, Way};
use domain::component::Ecosystem;
use domain::feed::FeedSnapshot;
use domain::ids::AssetId;
use domain::inventory::Identity;
use domain::record::Record;
use domain::vulnerability::VulnerabilityId;
use engine::Engine;
use engine::ingest::{KNOWLEDGE_FILE, PREVIOUS_FILE};
use engine::views::{Query, active};
use index::{Has, HoldersLoader, ListDigest, Sort, Visible};
use jiff::Timestamp;
use knowledge::Builder;
use outside::NeverTouch;
use serde_json::json;
use store::{Db, inspection};
use tempfile::TempDir;
use testkit::estate::{Estate, release};
use testkit::postgres::Postgres;
use tokio::task::JoinSet;
use uuid::Uuid;

const AT: &str = "2024-01-13T12:00:00Z";
/// Findings of a machine, about.
const FINDINGS: u64 = 200;
/// Instead of an estate: the first page of what a data folder has is asked for.
const TOP: &str = "top";
/// Instead of an estate: the one that follows is only kept, in a data folder.
const FILL: &str = "fill";
/// Share of the machines that a change is to concern, in percent.
const TOUCHED: usize = 30;
/// Names that are asked for at once.
const NAMES: usize = 300;
/// As somebody sets a server up that has a quarter of the machine.
const SETTINGS: &str = "-c shared_buffers=2GB -c max_wal_size=8GB -c checkpoint_timeout=15min -c max_connections=100";

#[expect(clippy::print_stdout, reason = "the values go to whoever runs this")]
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let mut argument = testkit::bench::arguments("say: ESTATE MACHINES sqlite|postgres VIGIE, or top VIGIE DATA");
    let (first, second, engine) = (argument()?, argument()?, argument()?);
    if first == TOP {
        let mut values = Values::default();
        served::top(Path::new(&second), Path::new(&engine), &mut values)?;
        println!("{}", json!(values.0));
        return Ok(());
    }
    if first == FILL {
        return fill(Path::new(&second), Path::new(&engine)).await;
    }
    let (path, machines, vigie) = (PathBuf::from(first), second.parse::<usize>()?, PathBuf::from(argument()?));
    let estate = Arc::new(Estate::read(&path)?);
    ensure!(machines <= estate.host_count(), "the estate has {} machines", estate.host_count());
    let place = Place::start(&engine)?;
    let db = Db::open(&place.address()).await?;
    let data = tempfile::tempdir()?;
    let at: Timestamp = AT.parse()?;
    let node = || Arc::new(node(&db, data.path(), at));
    let mut values = Values::default();

    let sources = sources(&estate, machines);
    let said = said(&sources, machines);
    publish(data.path(), &said, 1)?;
    let start = Instant::now();
    load(&node(), &estate, machines, at).await?;
    values.add("load_s", seconds(start), "s");
    let findings = number(store::finding::active_count(&db).await?);
    values.add("findings", findings, "count");
    values.add("db_gb_per_million", number(place.bytes()?) / findings / 1e3, "GB");
    holders(&db, &sources, &mut values).await?;

    // Equal knowledge by another name, and nobody knows what was before.
    publish(data.path(), &said, 2)?;
    fs::remove_file(data.path().join(PREVIOUS_FILE))?;
    let start = Instant::now();
    let judged = node().rematch().await?;
    values.add("rematch_s", seconds(start), "s");
    ensure!(judged as usize == machines, "{judged} of {machines} were judged anew");

    let (changed, concerned) = changed(said, &sources, machines);
    let serving = node();
    let start = Instant::now();
    serving.bring_lists_up_to_date().await?;
    values.add("lists_load_s", seconds(start), "s");
    // A server also has at hand who has what.
    serving.components(&Visible::All, "openssl").await?;
    let before = store::finding::active_count(&db).await?;
    publish(data.path(), &changed, 3)?;
    let start = Instant::now();
    let judged = serving.rematch().await?;
    values.add("feed_change_stored_s", seconds(start), "s");
    values.add("feed_change_machines", judged.into(), "count");
    // Source packages were counted, and one that only a binary package is named like concerns its machines too.
    ensure!(judged as usize >= concerned, "{judged} were matched again, and {concerned} have something of it");
    serving.bring_lists_up_to_date().await?;
    values.add("feed_change_s", seconds(start), "s");
    let after = store::finding::active_count(&db).await?;
    values.add("feed_change_findings", number(after - before), "count");
    let all = Query { filter: active(), sort: Sort::WORK, after: None, limit: 1 };
    ensure!(serving.findings(&Visible::All, &all).await?.total == after, "what was stored is not what is listed");

    // What is kept up to date writes a checkpoint when it is told to stop.
    let (stop, stopped) = tokio::sync::watch::channel(true);
    serving.keep_lists(stopped).await;
    drop((stop, serving));
    served::restarted(&vigie, &place.address(), data.path(), &mut values)?;
    println!("{}", json!(values.0));
    Ok(())
}

/// Keeps a whole estate in a data folder, in SQLite.
async fn fill(estate: &Path, data: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(data)?;
    let estate = Arc::new(Estate::read(estate)?);
    let machines = estate.host_count();
    let db = Db::open(&data.join("vigie.db").display().to_string()).await?;
    publish(data, &said(&sources(&estate, machines), machines), 1)?;
    let at: Timestamp = AT.parse()?;
    load(&Arc::new(node(&db, data, at)), &estate, machines, at).await?;
    db.close().await;
    Ok(())
}

fn node(db: &Db, data: &Path, at: Timestamp) -> Engine {
    Engine::new(db.clone(), data.to_owned(), NeverTouch::default(), Arc::new(move || at))
}

/// Where the estate is kept.
enum Place {
    Sqlite(TempDir),
    Postgres(Postgres),
}

impl Place {
    fn start(engine: &str) -> anyhow::Result<Self> {
        match engine {
            "sqlite" => Ok(Self::Sqlite(tempfile::tempdir()?)),
            "postgres" => Postgres::start_with(SETTINGS).map(Self::Postgres).context("there is no PostgreSQL here"),
            other => anyhow::bail!("sqlite or postgres, not {other}"),
        }
    }

    fn address(&self) -> String {
        match self {
            Self::Sqlite(folder) => folder.path().join("vigie.db").display().to_string(),
            Self::Postgres(server) => server.place(),
        }
    }

    fn bytes(&self) -> anyhow::Result<u64> {
        match self {
            Self::Sqlite(folder) => Ok(fs::metadata(folder.path().join("vigie.db"))?.len()),
            Self::Postgres(server) => Ok(server.bytes()),
        }
    }
}

/// What was measured.
#[derive(Default)]
struct Values(Vec<serde_json::Value>);

impl Values {
    #[expect(clippy::print_stderr, reason = "whoever waits wants to see it")]
    fn add(&mut self, name: &str, value: f64, unit: &str) {
        eprintln!("{name}: {value} {unit}");
        self.0.push(json!({"name": name, "value": value, "unit": unit}));
    }
}

/// Which machines have something of each source package.
fn sources(estate: &Estate, machines: usize) -> BTreeMap<String, BTreeSet<usize>> {
    let mut sources: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for machine in 0..machines {
        for component in estate.host(machine).1.components.iter().flatten() {
            match sources.get_mut(&component.source) {
                Some(on) => drop(on.insert(machine)),
                None => drop(sources.insert(component.source.clone(), BTreeSet::from([machine]))),
            }
        }
    }
    sources
}

/// Takes in an inspection of each machine, several at once, as workers do.
async fn load(engine: &Arc<Engine>, estate: &Arc<Estate>, machines: usize, at: Timestamp) -> anyhow::Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..engine.db.writers_max() {
        let (engine, estate, next) = (Arc::clone(engine), Arc::clone(estate), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let machine = next.fetch_add(1, Ordering::Relaxed);
                if machine >= machines {
                    return anyhow::Ok(());
                }
                let (name, mut inventory) = estate.host(machine);
                inventory.identity = identity(name, machine);
                let asset = asset(machine, name, at);
                let mut tx = engine.db.begin().await?;
                store::asset::insert(&mut tx, &asset).await?;
                tx.commit().await?;
                engine.keep(&asset, &inventory, at, None).await?;
                say_how_far(machine, machines);
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "whoever waits wants to see it")]
fn say_how_far(machine: usize, machines: usize) {
    if machine.is_multiple_of((machines / 10).max(1)) {
        eprintln!("{machine} of {machines} machines");
    }
}

/// What tells the machine from others.
fn identity(name: &str, machine: usize) -> Identity {
    Identity {
        hostname: Some(name.to_owned()),
        machine_id: Some(format!("{:032x}", mixed(machine))),
        ..Identity::default()
    }
}

/// Ids as they are made: the order of time in front, chance behind.
fn asset(machine: usize, name: &str, at: Timestamp) -> Asset {
    let millisecond = (at.as_millisecond() as u128 + machine as u128) << 80;
    let target = SshTarget { user: "root".to_owned(), host: name.to_owned(), port: 22, credential: None, jump: None };
    let id = AssetId::from_uuid(Uuid::from_u128(millisecond | 7 << 76 | 2 << 62 | (mixed(machine) >> 66)));
    Asset { way: Some(Way::Ssh(target)), ..Asset::new(id, name.to_owned(), at) }
}

/// A number that looks like chance.
const fn mixed(machine: usize) -> u128 {
    (machine as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

/// Loads who has what, and asks who has any of some names.
async fn holders(db: &Db, sources: &BTreeMap<String, BTreeSet<usize>>, values: &mut Values) -> anyhow::Result<()> {
    let before = resident("self")?;
    let start = Instant::now();
    let (mut loader, mut after, mut pairs) = (HoldersLoader::default(), None, 0);
    loop {
        let page = inspection::component_lists(db, after, 2000).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.asset);
        for list in page {
            let components = list.components.context("a list that cannot be read")?;
            pairs += components.len();
            loader.asset(&Has { asset: list.asset, digest: ListDigest(list.digest), components });
        }
    }
    let read = seconds(start);
    let holders = loader.finish();
    values.add("holders_load_s", seconds(start), "s");
    values.add("holders_load_read_s", read, "s");
    values.add("holders_assets", number(holders.asset_count() as u64), "count");
    values.add("holders_components", number(holders.component_count() as u64), "count");
    values.add("holders_pairs", number(pairs as u64), "count");
    values.add("holders_sets_bytes", number(holders.set_bytes() as u64), "bytes");
    values.add("holders_resident_bytes", number(resident("self")?.saturating_sub(before)), "bytes");
    let step = (sources.len() / NAMES).max(1);
    let names: Vec<&str> = sources.keys().step_by(step).take(NAMES).map(String::as_str).collect();
    let start = Instant::now();
    let components = inspection::components_named(db, &names).await?;
    values.add("names_components_ms", seconds(start) * 1e3, "ms");
    let start = Instant::now();
    let found = holders.of(components.iter().copied()).len();
    values.add("names_assets_ms", seconds(start) * 1e3, "ms");
    values.add("names_assets", number(found as u64), "count");
    Ok(())
}

/// Flaws by source package.
type Said = BTreeMap<String, Vec<String>>;

/// About as many flaws on each machine as real ones have.
fn said(sources: &BTreeMap<String, BTreeSet<usize>>, machines: usize) -> Said {
    let pairs: usize = sources.values().map(BTreeSet::len).sum();
    let share = FINDINGS as f64 * machines as f64 / pairs as f64;
    let (mut said, mut owed, mut flaw) = (Said::new(), 0.0, 0);
    for source in sources.keys() {
        owed += share;
        while owed >= 1.0 {
            owed -= 1.0;
            flaw += 1;
            said.entry(source.clone()).or_default().push(format!("CVE-2023-{flaw:05}"));
        }
    }
    said
}

/// One flaw more about packages that not every machine has, the most frequent first, until enough machines are concerned; and
/// how many are.
fn changed(mut said: Said, sources: &BTreeMap<String, BTreeSet<usize>>, machines: usize) -> (Said, usize) {
    let mut concerned: BTreeSet<usize> = BTreeSet::new();
    let mut frequent: Vec<(&String, &BTreeSet<usize>)> = sources.iter().collect();
    frequent.sort_by_key(|(_, on)| std::cmp::Reverse(on.len()));
    for (number, (source, on)) in frequent.into_iter().enumerate() {
        // What is on fewer brings hardly any machine.
        if concerned.len() * 100 > machines * (TOUCHED - 1) {
            break;
        }
        let more = on.difference(&concerned).count();
        if (concerned.len() + more) * 100 > machines * TOUCHED {
            continue;
        }
        concerned.extend(on);
        said.entry(source.clone()).or_default().push(format!("CVE-2024-{number:05}"));
    }
    (said, concerned.len())
}

/// Puts knowledge to use, as a synchronisation does: the one before is kept.
fn publish(data: &Path, said: &Said, number: u8) -> anyhow::Result<()> {
    let mut builder = Builder::new();
    let sha256 = format!("{number:064x}");
    let fetched_at = Some(AT.parse()?);
    builder.feed(FeedSnapshot { fetched_at, sha256, record_count: 10, ..FeedSnapshot::never("debian") });
    builder.record("debian", Record::Release { ecosystem: Ecosystem::Deb, release: release() });
    for (source, flaws) in said {
        for flaw in flaws {
            let id = VulnerabilityId::new(flaw)?;
            let advisory = Advisory::new("debian", flaw, Ecosystem::Deb, release(), source, id, Statement::Open);
            builder.record("debian", Record::Advisory(advisory));
        }
    }
    let path = data.join(KNOWLEDGE_FILE);
    if path.exists() {
        fs::rename(&path, data.join(PREVIOUS_FILE))?;
    }
    Ok(fs::write(path, builder.finish()?)?)
}

fn seconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "counts, for people")]
fn number(count: u64) -> f64 {
    count as f64
}

/// Bytes of memory that a process has.
fn resident(process: &str) -> anyhow::Result<u64> {
    let pages = fs::read_to_string(format!("/proc/{process}/statm"))?;
    let pages: u64 = pages.split(' ').nth(1).context("no second number")?.parse()?;
    Ok(pages * 4096)
}
