//! Step by step or all at once: the same findings, each change with its cause.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex};

use domain::advisory::{Advisory, Statement};
use domain::component::{Component, Ecosystem, Release};
use domain::feed::FeedSnapshot;
use domain::finding::Change;
use domain::record::Record;
use jiff::SignedDuration;
use knowledge::Builder;
use outside::NeverTouch;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::{Config, TestCaseError};
use store::Db;
use tempfile::TempDir;

use super::*;
use crate::discover::NewAsset;
use crate::ingest::{KNOWLEDGE_FILE, PREVIOUS_FILE};

const HOSTS: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const PACKAGES: [&str; 3] = ["bash", "curl", "zlib"];
const FLAWS: [&str; 2] = ["CVE-2099-0001", "CVE-2099-0002"];

/// What happens to a small estate.
#[derive(Debug, Clone)]
enum Step {
    /// A host is inspected: the version of each package, where it is installed.
    Inspected { host: usize, versions: [Option<u8>; 3] },
    /// What the feed says of a package and a flaw changes. `None`: it says nothing more.
    Said { package: usize, flaw: usize, statement: Option<Statement>, matched_at_once: bool },
}

/// What the feed says, by package and flaw.
pub(super) type Said = BTreeMap<(usize, usize), Statement>;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let versions = || option::weighted(0.6, 1_u8..4);
    let inspected = (0..HOSTS.len(), [versions(), versions(), versions()])
        .prop_map(|(host, versions)| Step::Inspected { host, versions });
    let statement = prop_oneof![
        3 => (2_u8..5).prop_map(|version| Some(Statement::FixedIn { version: format!("{version}-1") })),
        1 => proptest::strategy::Just(Some(Statement::Open)),
        1 => proptest::strategy::Just(Some(Statement::NotAffected)),
        1 => proptest::strategy::Just(Some(Statement::Undetermined)),
        2 => proptest::strategy::Just(None),
    ];
    let said = (0..PACKAGES.len(), 0..FLAWS.len(), statement, any::<bool>()).prop_map(
        |(package, flaw, statement, matched_at_once)| Step::Said { package, flaw, statement, matched_at_once },
    );
    vec(prop_oneof![inspected, said], 1..16)
}

pub(super) struct World {
    pub(super) engine: Engine,
    now: Arc<Mutex<Timestamp>>,
    pub(super) hosts: Vec<Asset>,
    pub(super) data: TempDir,
}

impl World {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", data.path().join("vigie.db").display())).await.unwrap();
        Self::over(db, data, &HOSTS).await
    }

    pub(super) async fn over(db: Db, data: TempDir, hosts: &[impl AsRef<str>]) -> Self {
        let now = Arc::new(Mutex::new("2099-01-13T08:00:00Z".parse().unwrap()));
        let clock = Arc::clone(&now);
        let clock: crate::Clock = Arc::new(move || *clock.lock().unwrap());
        let engine = Engine::new(db, data.path().to_owned(), NeverTouch::default(), clock);
        let mut known = Vec::new();
        for host in hosts {
            let new = NewAsset { way: format!("ssh://root@{}", host.as_ref()), ..NewAsset::default() };
            known.push(engine.make_known(&new).await.unwrap());
        }
        Self { engine, now, hosts: known, data }
    }

    pub(super) fn wait(&self) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_hours(1)).unwrap();
    }

    /// Puts knowledge to use, as a synchronisation does: the one before is kept.
    pub(super) fn publish(&self, said: &Said) {
        let path = self.data.path().join(KNOWLEDGE_FILE);
        if path.exists() {
            fs::rename(&path, self.data.path().join(PREVIOUS_FILE)).unwrap();
        }
        fs::write(&path, knowledge(said)).unwrap();
    }

    pub(super) async fn inspect(&self, host: usize, versions: &[Option<u8>; 3]) -> Outcome {
        self.engine.keep(&self.hosts[host], &inventory(versions), self.engine.now(), None).await.unwrap()
    }

    /// Host, package, flaw and version of everything that is active, and what is undecided on each host.
    async fn state(&self) -> (BTreeSet<[String; 4]>, Vec<Option<Vec<Undecided>>>) {
        let (mut active, mut open) = (BTreeSet::new(), Vec::new());
        for asset in &self.hosts {
            for StoredFinding { finding, .. } in store::finding::of_asset(&self.engine.db, asset.id).await.unwrap() {
                if finding.detection.is_active() {
                    let FindingKey { package, vulnerability, .. } = finding.key;
                    active.insert([asset.name.clone(), package.name, vulnerability.to_string(), finding.version]);
                }
            }
            let latest = store::inspection::latest(&self.engine.db, asset.id).await.unwrap();
            open.push(latest.map(|stored| stored.undecided));
        }
        (active, open)
    }

    /// What every change of state was caused by, with the number of such changes.
    async fn causes(&self) -> BTreeMap<String, usize> {
        let mut causes = BTreeMap::new();
        for asset in &self.hosts {
            for stored in store::finding::of_asset(&self.engine.db, asset.id).await.unwrap() {
                for event in store::finding::events(&self.engine.db, stored.finding.key.id()).await.unwrap() {
                    if event.change == Change::Moved {
                        let word = event.cause.to_string().split(' ').next().unwrap_or_default().to_owned();
                        *causes.entry(word).or_default() += 1;
                    }
                }
            }
        }
        causes
    }
}

fn release() -> Release {
    Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() }
}

fn knowledge(said: &Said) -> Vec<u8> {
    let mut builder = Builder::new();
    let fetched_at = Some("2099-01-13T00:00:00Z".parse().unwrap());
    // A digest of its own, or the state in the data folder, where nothing was ever fetched, would take its place.
    let sha256 = "0".repeat(64);
    builder.feed(FeedSnapshot { fetched_at, sha256, record_count: 10, ..FeedSnapshot::never("debian") });
    builder.record("debian", Record::Release { ecosystem: Ecosystem::Deb, release: release() });
    for ((package, flaw), statement) in said {
        let id = VulnerabilityId::new(FLAWS[*flaw]).unwrap();
        let (name, statement) = (PACKAGES[*package], statement.clone());
        let advisory = Advisory::new("debian", FLAWS[*flaw], Ecosystem::Deb, release(), name, id, statement);
        builder.record("debian", Record::Advisory(advisory));
    }
    builder.finish().unwrap()
}

fn inventory(versions: &[Option<u8>; 3]) -> Inventory {
    let component = |(name, version): (&&str, &Option<u8>)| {
        let version = format!("{}-1", (*version)?);
        Some(Arc::new(Component {
            ecosystem: Ecosystem::Deb,
            source: (*name).to_owned(),
            source_version: version.clone(),
            name: (*name).to_owned(),
            version,
            arch: "amd64".to_owned(),
            path: "var/lib/dpkg/status".to_owned(),
            ..Component::default()
        }))
    };
    Inventory {
        platform: Platform { name: "Debian".to_owned(), release: Some(release()), architecture: None },
        components: Some(PACKAGES.iter().zip(versions).filter_map(component).collect()),
        ..application(Path::new("/"))
    }
}

async fn incremental_is_batch(steps: &[Step]) -> Result<(), TestCaseError> {
    let world = World::new().await;
    let (mut said, mut versions) = (Said::new(), BTreeMap::new());
    world.publish(&said);
    for step in steps {
        world.wait();
        let before = world.causes().await;
        let cause = match step {
            Step::Inspected { host, versions: found } => {
                world.inspect(*host, found).await;
                versions.insert(*host, *found);
                "inspection"
            }
            Step::Said { package, flaw, statement, matched_at_once } => {
                match statement {
                    Some(statement) => said.insert((*package, *flaw), statement.clone()),
                    None => said.remove(&(*package, *flaw)),
                };
                world.publish(&said);
                if *matched_at_once {
                    world.engine.rematch().await.unwrap();
                }
                "knowledge"
            }
        };
        // Nothing but what happened is named as the cause.
        for (word, count) in world.causes().await {
            prop_assert!(word == cause || before.get(&word) == Some(&count), "{word} moved something at {step:?}");
        }
    }
    world.engine.rematch().await.unwrap();
    let state = world.state().await;

    // Once more, at once and by the same inspections: nothing moves.
    prop_assert_eq!(world.engine.rematch().await.unwrap(), 0);
    let before = world.causes().await;
    for (host, found) in &versions {
        world.wait();
        world.inspect(*host, found).await;
    }
    prop_assert_eq!(world.causes().await, before);
    prop_assert_eq!(&world.state().await, &state);
    for asset in &world.hosts {
        let mismatches = store::finding::replay_check(&world.engine.db, asset.id).await.unwrap();
        prop_assert!(mismatches.is_empty(), "{mismatches:?}");
    }

    let batch = World::new().await;
    batch.publish(&said);
    for (host, found) in &versions {
        batch.wait();
        batch.inspect(*host, found).await;
    }
    let (active, open) = state;
    let (expected, expected_open) = batch.state().await;
    prop_assert_eq!(&open, &expected_open);
    // A verdict that nobody gives any more is no proof of absence: what was active stays so, and is undecided too.
    let is_open = |[host, package, flaw, _]: &&[String; 4]| {
        let host = HOSTS.iter().position(|name| name == host).and_then(|index| open[index].as_ref());
        let about = |undecided: &Undecided| {
            undecided.subject == *package && undecided.vulnerability.as_ref().is_some_and(|id| id.as_str() == flaw)
        };
        host.is_some_and(|all| all.iter().any(about))
    };
    let decided: BTreeSet<&[String; 4]> = active.iter().filter(|found| !is_open(found)).collect();
    prop_assert_eq!(decided, expected.iter().collect::<BTreeSet<_>>());
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 16, ..Config::default() })]

    #[test]
    fn incremental_equals_batch(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(incremental_is_batch(&steps))?;
    }
}

#[tokio::test]
async fn knowledge_that_came_and_went_unmatched_is_made_up_for() {
    let said = |package, matched_at_once| Step::Said {
        package,
        flaw: 0,
        statement: Some(Statement::FixedIn { version: "2-1".to_owned() }),
        matched_at_once,
    };
    // The host lacks what the latest knowledge is about, and has what the one before it was about.
    let steps = [Step::Inspected { host: 0, versions: [Some(1), None, None] }, said(0, false), said(1, true)];
    incremental_is_batch(&steps).await.unwrap();
}
