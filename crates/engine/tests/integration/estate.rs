//! Machines that have much in common, as real ones do: whatever way findings come about, they are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::advisory::{Advisory, Statement};
use domain::asset::{Asset, SshTarget, Way};
use domain::component::Ecosystem;
use domain::feed::FeedSnapshot;
use domain::ids::AssetId;
use domain::inventory::Identity;
use domain::record::Record;
use domain::vulnerability::VulnerabilityId;
use engine::ingest::{KNOWLEDGE_FILE, PREVIOUS_FILE};
use engine::views::{Query, active};
use engine::work::Report;
use engine::{Engine, Visible};
use index::Sort;
use jiff::Timestamp;
use knowledge::Builder;
use outside::NeverTouch;
use store::Db;
use tempfile::TempDir;
use testkit::db::{TestDb, postgres, sqlite};
use testkit::estate::{Estate, release};
use tokio::task::JoinSet;
use uuid::Uuid;

const NOW: &str = "2099-01-13T08:00:00Z";
/// Machines are inspected by so many workers at once.
const WORKERS: usize = 4;

/// Flaws of source packages, which nobody has fixed.
type Flaws = BTreeSet<(String, String)>;
/// Machine, package, flaw and state.
type Found = BTreeSet<(String, String, String, &'static str)>;

struct Site {
    engine: Arc<Engine>,
    data: TempDir,
}

impl Site {
    fn new(db: &Db) -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock: engine::Clock = Arc::new(|| NOW.parse().unwrap());
        let engine = Engine::new(db.clone(), data.path().to_owned(), NeverTouch::default(), clock);
        Self { engine: Arc::new(engine), data }
    }

    /// Inspects all machines, several at once.
    async fn load(&self, estate: &Arc<Estate>) {
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let (engine, estate) = (Arc::clone(&self.engine), Arc::clone(estate));
            workers.spawn(async move {
                for machine in (worker..estate.host_count()).step_by(WORKERS) {
                    inspect(&engine, &estate, machine).await;
                }
            });
        }
        workers.join_all().await;
    }

    /// What is found where, once lists and records have been compared with what judging all of it anew gives.
    async fn found(&self) -> Found {
        let mut found = Found::new();
        let assets = self.engine.all_assets().await.unwrap();
        let ids: Vec<AssetId> = assets.iter().map(|asset| asset.id).collect();
        assert_eq!(self.engine.check(&ids, &Report::default()).await.unwrap().differing, []);
        for asset in assets {
            for stored in store::finding::of_asset(&self.engine.db, asset.id).await.unwrap() {
                let (key, state) = (&stored.finding.key, stored.finding.detection.as_str());
                found.insert((asset.name.clone(), key.package.name.clone(), key.vulnerability.to_string(), state));
            }
        }
        let all = Query { filter: active(), sort: Sort::WORK, after: None, limit: 1 };
        let listed = self.engine.findings(&Visible::All, &all).await.unwrap().total;
        assert_eq!(listed, found.iter().filter(|(.., state)| *state == "open").count() as u64);
        found
    }
}

async fn inspect(engine: &Engine, estate: &Estate, machine: usize) {
    let (name, mut inventory) = estate.host(machine);
    inventory.identity = Identity { hostname: Some(name.to_owned()), ..Identity::default() };
    let id = AssetId::from_uuid(Uuid::from_u128(machine as u128 + 1));
    let target = SshTarget { user: "root".to_owned(), host: name.to_owned(), port: 22, credential: None, jump: None };
    let at: Timestamp = NOW.parse().unwrap();
    let asset = Asset { way: Some(Way::Ssh(target)), ..Asset::new(id, name.to_owned(), at) };
    let mut tx = engine.db.begin().await.unwrap();
    store::asset::insert(&mut tx, &asset).await.unwrap();
    tx.commit().await.unwrap();
    engine.keep(&asset, &inventory, at, None).await.unwrap();
}

/// Puts knowledge to use as a synchronisation does: the one before is kept.
fn publish(data: &Path, flaws: &Flaws, number: u8) {
    let mut builder = Builder::new();
    let (sha256, fetched_at) = (format!("{number:064x}"), Some(NOW.parse().unwrap()));
    builder.feed(FeedSnapshot { fetched_at, sha256, record_count: 10, ..FeedSnapshot::never("debian") });
    builder.record("debian", Record::Release { ecosystem: Ecosystem::Deb, release: release() });
    for (source, flaw) in flaws {
        let id = VulnerabilityId::new(flaw).unwrap();
        let advisory = Advisory::new("debian", flaw, Ecosystem::Deb, release(), source, id, Statement::Open);
        builder.record("debian", Record::Advisory(advisory));
    }
    let path = data.join(KNOWLEDGE_FILE);
    if path.exists() {
        fs::rename(&path, data.join(PREVIOUS_FILE)).unwrap();
    }
    fs::write(path, builder.finish().unwrap()).unwrap();
}

/// Which machines have something of each source package. Of the kernel's packages not all are the kernel.
fn sources(estate: &Estate) -> BTreeMap<String, BTreeSet<usize>> {
    let mut sources: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for machine in 0..estate.host_count() {
        for component in estate.host(machine).1.components.iter().flatten().filter(|one| one.source != "linux") {
            sources.entry(component.source.clone()).or_default().insert(machine);
        }
    }
    sources
}

/// One flaw of every so many of the packages.
fn flaws(sources: &BTreeMap<String, BTreeSet<usize>>, every: usize) -> Flaws {
    let names = sources.keys().step_by(every);
    names.enumerate().map(|(number, source)| (source.clone(), format!("CVE-2099-{:05}", number * every))).collect()
}

fn expected(estate: &Estate, sources: &BTreeMap<String, BTreeSet<usize>>, flaws: &Flaws) -> Found {
    let on = |source: &String| sources[source].iter().map(|machine| estate.host(*machine).0.to_owned());
    let of = |(source, flaw): &(String, String)| {
        on(source).map(|name| (name, source.clone(), flaw.clone(), "open")).collect::<Vec<_>>()
    };
    flaws.iter().flat_map(of).collect()
}

/// The first of what differs says enough.
fn expect_same(found: &Found, expected: &Found) {
    let differing: Vec<_> = found.symmetric_difference(expected).take(5).collect();
    assert!(differing.is_empty(), "{} found, {} expected: {differing:#?}", found.len(), expected.len());
}

async fn databases() -> Vec<TestDb> {
    [Some(sqlite().await), postgres().await].into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_judged_in_parts_or_whole_is_what_a_first_look_finds() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/estate/machines.zst");
    let estate = Arc::new(Estate::read(&path).unwrap());
    let sources = sources(&estate);
    let (first, second) = (flaws(&sources, 10), flaws(&sources, 7));
    let moved: Found = expected(&estate, &sources, &second);
    for test in databases().await {
        let site = Site::new(&test.db);
        publish(site.data.path(), &first, 1);
        site.load(&estate).await;
        expect_same(&site.found().await, &expected(&estate, &sources, &first));

        // What some packages have is other knowledge now, and nothing else is judged.
        publish(site.data.path(), &second, 2);
        site.engine.rematch().await.unwrap();
        let parts = site.found().await;
        let open = |found: &Found| found.iter().filter(|(.., state)| *state == "open").cloned().collect::<Found>();
        expect_same(&open(&parts), &moved);

        // Nobody knows what it was before: everything is.
        publish(site.data.path(), &second, 3);
        fs::remove_file(site.data.path().join(PREVIOUS_FILE)).unwrap();
        assert_eq!(site.engine.rematch().await.unwrap() as usize, estate.host_count());
        expect_same(&site.found().await, &parts);
    }
    let fresh = sqlite().await;
    let site = Site::new(&fresh.db);
    publish(site.data.path(), &second, 3);
    site.load(&estate).await;
    expect_same(&site.found().await, &moved);
}
