//! New knowledge over an estate: who has what, everything judged anew, and a change that some machines have something of.
//!
//! Arguments: an estate (`cargo xtask estate`), how many of its machines, `sqlite` or `postgres` (the tests' private server).
//! Cargo adds `--bench`.
//! Prints a list of `{name, value, unit}`; how far it is goes to the error stream.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use domain::advisory::{Advisory, Statement};
use domain::asset::Asset;
use domain::component::Ecosystem;
use domain::feed::FeedSnapshot;
use domain::ids::AssetId;
use domain::inventory::Identity;
use domain::record::Record;
use domain::vulnerability::VulnerabilityId;
use engine::Engine;
use engine::ingest::{KNOWLEDGE_FILE, PREVIOUS_FILE};
use index::{Has, HoldersLoader, ListDigest};
use jiff::Timestamp;
use knowledge::Builder;
use outside::NeverTouch;
use serde_json::json;
use store::Db;
use store::inspection::{self, NewInspection};
use testkit::db;
use testkit::estate::{Estate, release};
use uuid::Uuid;

const AT: &str = "2024-01-13T12:00:00Z";
/// Findings of a machine, about.
const FINDINGS: u64 = 200;
/// Share of the machines that a change is to concern, in percent.
const TOUCHED: usize = 30;
/// Names that are asked for at once.
const NAMES: usize = 300;
/// Machines that are written in one transaction.
const BATCH: usize = 200;

#[expect(clippy::print_stdout, reason = "the values go to whoever runs this")]
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let mut argument = || arguments.next().context("say: ESTATE MACHINES sqlite|postgres");
    let (path, machines, engine) = (PathBuf::from(argument()?), argument()?.parse::<usize>()?, argument()?);
    let estate = Estate::read(&path)?;
    ensure!(machines <= estate.host_count(), "the estate has {} machines", estate.host_count());
    let test = match engine.as_str() {
        "postgres" => db::postgres().await.context("there is no PostgreSQL here")?,
        _ => db::sqlite().await,
    };
    let data = tempfile::tempdir()?;
    let at: Timestamp = AT.parse()?;
    let node = || Engine::new(test.db.clone(), data.path().to_owned(), NeverTouch::default(), Arc::new(move || at));
    let mut values = Values::default();

    let start = Instant::now();
    let sources = kept(&test.db, &estate, machines, at).await?;
    values.add("recorded_s", seconds(start), "s");
    holders(&test.db, &sources, &mut values).await?;

    let said = said(&sources, machines);
    publish(data.path(), &said, 1)?;
    let start = Instant::now();
    node().rematch().await?;
    values.add("first_rematch_s", seconds(start), "s");
    values.add("findings", number(store::finding::active_count(&test.db).await?), "count");

    // Equal knowledge by another name, and nobody knows what was before.
    publish(data.path(), &said, 2)?;
    fs::remove_file(data.path().join(PREVIOUS_FILE))?;
    let start = Instant::now();
    let judged = node().rematch().await?;
    values.add("rematch_s", seconds(start), "s");
    values.add("rematched", judged.into(), "count");

    let (changed, concerned) = changed(said, &sources, machines);
    let node = node();
    node.bring_lists_up_to_date().await?;
    publish(data.path(), &changed, 3)?;
    let start = Instant::now();
    let judged = node.rematch().await?;
    values.add("feed_change_s", seconds(start), "s");
    values.add("feed_change_rematched", judged.into(), "count");
    ensure!(judged as usize == concerned, "{judged} were matched again, and {concerned} have something of it");
    let start = Instant::now();
    node.bring_lists_up_to_date().await?;
    values.add("lists_renewed_s", seconds(start), "s");
    println!("{}", json!(values.0));
    Ok(())
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

/// Writes the machines into the store; returns which have something of each source package.
async fn kept(
    db: &Db,
    estate: &Estate,
    machines: usize,
    at: Timestamp,
) -> anyhow::Result<BTreeMap<String, BTreeSet<usize>>> {
    let mut sources: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for start in (0..machines).step_by(BATCH) {
        let mut tx = db.begin().await?;
        for machine in start..machines.min(start + BATCH) {
            let (name, inventory) = estate.host(machine);
            for component in inventory.components.iter().flatten() {
                sources.entry(component.source.clone()).or_default().insert(machine);
            }
            // Their order is not that of their roles.
            let id = AssetId::from_uuid(Uuid::from_u128((machine as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1));
            store::asset::insert(&mut tx, &asset(id, name, at)).await?;
            let new = NewInspection {
                asset: id,
                record: None,
                inventory: &inventory,
                undecided: &[],
                knowledge: "",
                way: None,
                observed_at: at,
                recorded_at: at,
            };
            inspection::record(&mut tx, &new).await?;
        }
        tx.commit().await?;
    }
    Ok(sources)
}

fn asset(id: AssetId, name: &str, at: Timestamp) -> Asset {
    Asset {
        id,
        name: name.to_owned(),
        way: None,
        identity: Identity::default(),
        platform: None,
        tags: Vec::new(),
        services: Vec::new(),
        first_seen_at: at,
        last_seen_at: at,
        last_inspected_at: None,
        last_error: None,
        retired_at: None,
    }
}

/// Loads who has what, and asks who has any of some names.
async fn holders(db: &Db, sources: &BTreeMap<String, BTreeSet<usize>>, values: &mut Values) -> anyhow::Result<()> {
    let before = resident()?;
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
    values.add("holders_resident_bytes", number(resident()?.saturating_sub(before)), "bytes");
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

/// One flaw more about packages that not every machine has, until enough machines are concerned; and how many are.
fn changed(mut said: Said, sources: &BTreeMap<String, BTreeSet<usize>>, machines: usize) -> (Said, usize) {
    let mut concerned: BTreeSet<usize> = BTreeSet::new();
    for (number, (source, on)) in sources.iter().enumerate() {
        let more = on.difference(&concerned).count();
        if on.len() * 10 > machines || (concerned.len() + more) * 100 > machines * TOUCHED {
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

/// Bytes of memory that this process has.
fn resident() -> anyhow::Result<u64> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = pages.split(' ').nth(1).context("no second number")?.parse()?;
    Ok(pages * 4096)
}
