//! An engine over a small estate, for tests of what inspections and knowledge do to findings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex};

use domain::advisory::{Advisory, Rank, Statement};
use domain::component::{Component, Ecosystem, Release};
use domain::feed::FeedSnapshot;
use domain::finding::{Change, Finding, FindingKey};
use domain::inventory::Gap;
use domain::record::Record;
use jiff::SignedDuration;
use knowledge::Builder;
use outside::NeverTouch;
use store::Db;
use store::finding::StoredFinding;
use tempfile::TempDir;

use super::*;
use crate::discover::NewAsset;
use crate::ingest::{KNOWLEDGE_FILE, PREVIOUS_FILE};

mod history;

const HOSTS: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const PACKAGES: [&str; 3] = ["bash", "curl", "zlib"];
const FLAWS: [&str; 2] = ["CVE-2099-0001", "CVE-2099-0002"];

/// A host as it is: its release, and the version of each package, where it is installed.
#[derive(Debug, Clone, Copy)]
struct System {
    release: usize,
    versions: [Option<u8>; 3],
}

/// How far a host was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Whole,
    /// Something of the package database could not be read.
    Gap,
    /// It answered, and nothing is known of its packages.
    Unreadable,
    /// It did not answer.
    Failed,
}

/// What the feed says, or the operator, by package and flaw.
pub(crate) type Said = BTreeMap<(usize, usize), Statement>;

pub(crate) struct World {
    pub(crate) engine: Engine,
    now: Arc<Mutex<Timestamp>>,
    pub(crate) hosts: Vec<Asset>,
    pub(crate) data: TempDir,
}

impl World {
    pub(crate) async fn over(db: Db, data: TempDir, hosts: &[impl AsRef<str>]) -> Self {
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

    pub(crate) fn wait(&self) {
        self.set_forward(SignedDuration::from_hours(1));
    }

    fn set_forward(&self, time: SignedDuration) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(time).unwrap();
    }

    fn restart(&mut self) {
        let clock = Arc::clone(&self.now);
        let clock: crate::Clock = Arc::new(move || *clock.lock().unwrap());
        let (db, data) = (self.engine.db.clone(), self.data.path().to_owned());
        self.engine = Engine::new(db, data, NeverTouch::default(), clock);
    }

    /// Puts knowledge to use, as a synchronisation does: the one before is kept.
    pub(crate) fn publish(&self, said: &Said) {
        self.publish_with(said, &Said::new());
    }

    /// The same with what the operator says.
    fn publish_with(&self, said: &Said, decided: &Said) {
        let path = self.data.path().join(KNOWLEDGE_FILE);
        if path.exists() {
            fs::rename(&path, self.data.path().join(PREVIOUS_FILE)).unwrap();
        }
        fs::write(&path, knowledge(said, decided)).unwrap();
    }

    pub(crate) async fn inspect(&self, host: usize, versions: &[Option<u8>; 3]) -> Outcome {
        let system = System { release: 0, versions: *versions };
        let inventory = inventory(&system, Reading::Whole);
        self.engine.keep(&self.hosts[host], &inventory, self.engine.now(), None).await.unwrap()
    }

    /// Release, package and flaw of everything that is active on an asset, with its version.
    async fn active(&self, asset: AssetId) -> Active {
        let found = store::finding::of_asset(&self.engine.db, asset).await.unwrap().into_iter();
        let active = found.map(|stored| stored.finding).filter(|finding| finding.detection.is_active());
        active.map(|Finding { key, version, .. }| (about(&key.package, &key.vulnerability), version)).collect()
    }

    /// What an inventory alone says, after what was active before.
    fn judge(&self, active: &mut Active, inventory: &Inventory) {
        let matches = self.engine.loaded().unwrap().unwrap().find(inventory);
        let found: Active =
            matches.matched().map(|m| (about(&m.package, &m.vulnerability), m.version.clone())).collect();
        let undecided = |[_, package, flaw]: &[String; 3]| {
            let about = |one: &&Undecided| {
                one.subject == *package && one.vulnerability.as_ref().is_some_and(|id| id.as_str() == flaw)
            };
            matches.undecided().any(|one| about(&one))
        };
        let installed = |package: &str, version: &str| {
            let all = inventory.components.iter().flatten();
            all.into_iter().any(|component| component.source == package && component.source_version == version)
        };
        let release = inventory.platform.release.as_ref().unwrap();
        // Only what was read whole, and is decided, proves anything absent.
        active.retain(|key, version| {
            let same = key[0] == release.name || installed(&key[1], version);
            !inventory.packages_complete() || (undecided(key) && same)
        });
        active.extend(found);
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

/// What is active: release, package and flaw, with the version.
type Active = BTreeMap<[String; 3], String>;

fn about(package: &Package, vulnerability: &VulnerabilityId) -> [String; 3] {
    [package.release.name.clone(), package.name.clone(), vulnerability.to_string()]
}

fn release(number: usize) -> Release {
    Release { distribution: "debian".to_owned(), name: ["bookworm", "trixie"][number].to_owned() }
}

fn knowledge(said: &Said, decided: &Said) -> Vec<u8> {
    let mut builder = Builder::new();
    let fetched_at = Some("2099-01-13T00:00:00Z".parse().unwrap());
    // A digest of its own, or the state in the data folder, where nothing was ever fetched, would take its place.
    let sha256 = "0".repeat(64);
    builder.feed(FeedSnapshot { fetched_at, sha256, record_count: 10, ..FeedSnapshot::never("debian") });
    for number in [0, 1] {
        builder.record("debian", Record::Release { ecosystem: Ecosystem::Deb, release: release(number) });
        let mut say = |feed: &str, document: &str, rank, said: &Said| {
            for ((package, flaw), statement) in said {
                let id = VulnerabilityId::new(FLAWS[*flaw]).unwrap();
                let (name, statement) = (PACKAGES[*package], statement.clone());
                let advisory = Advisory::new(feed, document, Ecosystem::Deb, release(number), name, id, statement);
                builder.record(feed, Record::Advisory(Advisory { rank, ..advisory }));
            }
        };
        say("debian", "tracker", Rank::Vendor, said);
        say("local", "vex.json", Rank::Operator, decided);
    }
    builder.finish().unwrap()
}

fn inventory(system: &System, reading: Reading) -> Inventory {
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
    let gap = Gap { area: Area::Packages, subject: "var/lib/dpkg/status".to_owned(), reason: "truncated".to_owned() };
    let components = PACKAGES.iter().zip(&system.versions).filter_map(component).collect();
    Inventory {
        platform: Platform { name: "Debian".to_owned(), release: Some(release(system.release)), architecture: None },
        components: (reading != Reading::Unreadable).then_some(components),
        gaps: if reading == Reading::Whole { Vec::new() } else { vec![gap] },
        ..application(Path::new("/"))
    }
}

#[tokio::test]
async fn a_clock_that_was_years_ahead_hides_nothing_once_it_is_right() {
    const YEARS: SignedDuration = SignedDuration::from_hours(24 * 365 * 10);
    let test = testkit::db::sqlite().await;
    let world = World::over(test.db.clone(), tempfile::tempdir().unwrap(), &HOSTS).await;
    let host = world.hosts[0].id;
    let packages =
        async || -> Vec<String> { world.active(host).await.into_keys().map(|[_, package, _]| package).collect() };
    world.publish(&Said::from([((0, 0), Statement::FixedIn { version: "2-1".to_owned() })]));
    world.inspect(0, &[Some(1), None, None]).await;
    world.set_forward(YEARS);
    world.inspect(0, &[Some(2), None, None]).await;
    assert_eq!(packages().await, [] as [String; 0], "it was upgraded");

    world.set_forward(SignedDuration::from_hours(1) - YEARS);
    let now = world.engine.now();
    world.inspect(0, &[Some(1), Some(1), None]).await;
    assert_eq!(packages().await, ["bash"], "it was downgraded");
    let seen = store::asset::get(&world.engine.db, host).await.unwrap().unwrap();
    assert_eq!((seen.last_inspected_at, seen.last_seen_at), (Some(now), now));
    world.wait();
    world.publish(&Said::from([((0, 0), Statement::Open), ((1, 0), Statement::Open)]));
    assert_eq!(world.engine.rematch().await.unwrap(), 1);
    assert_eq!(packages().await, ["bash", "curl"], "news of what it had when it was inspected last");
    world.wait();
    world.inspect(0, &[None, Some(1), None]).await;
    assert_eq!(packages().await, ["curl"]);

    let now = world.engine.now();
    for stored in store::finding::of_asset(&world.engine.db, host).await.unwrap() {
        let is_new = stored.finding.key.package.name == "curl";
        assert!(!is_new || stored.finding.shown_at() <= now, "{stored:?}");
    }
    let checked = world.engine.check_next(&crate::work::Report::default()).await.unwrap();
    assert_eq!(checked.differing, []);
}
