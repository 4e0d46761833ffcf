//! A small estate, and what may happen to it.

use std::fs;
use std::sync::{Arc, Mutex};

use domain::advisory::{Advisory, Statement};
use domain::asset::{Asset, Retired};
use domain::component::{Component, Ecosystem, Release};
use domain::exposure::Exposure;
use domain::feed::FeedSnapshot;
use domain::ids::ScopeId;
use domain::inventory::{Inventory, Platform};
use domain::record::{Flaw, Record};
use domain::retirement::Ending;
use domain::scope::{Requirement, Scope, Selector};
use domain::vulnerability::{Authority, Epss, Kev, PublishedVector, VulnerabilityId};
use jiff::{SignedDuration, Timestamp};
use knowledge::Builder;
use outside::NeverTouch;
use store::Db;
use tempfile::TempDir;

use crate::Engine;
use crate::discover::NewAsset;
use crate::ingest::KNOWLEDGE_FILE;

const PACKAGES: [&str; 4] = ["bash", "curl", "zlib", "Mixed"];
const FLAWS: [&str; 6] =
    ["CVE-2099-0001", "CVE-2099-0002", "CVE-2099-10003", "CVE-2098-0004", "TEMP-2099001-ABCDEF", "GHSA-2222-3333-4444"];
const VECTORS: [&str; 3] = [
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N",
    "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N",
];

/// An engine over a database, the clock, and what chance decides by.
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) data: TempDir,
    now: Arc<Mutex<Timestamp>>,
    dice: u64,
    made: u32,
}

impl World {
    pub(super) async fn new(db: &Db, seed: u64) -> Self {
        let data = tempfile::tempdir().unwrap();
        let now: Arc<Mutex<Timestamp>> = Arc::new(Mutex::new("2099-01-13T08:00:00Z".parse().unwrap()));
        let engine = engine(db, &data, &now);
        let mut world = Self { engine, data, now, dice: seed, made: 0 };
        world.publish();
        for _ in 0..4 {
            world.add_asset().await;
        }
        world
    }

    /// Another node over the same database and data folder.
    pub(super) fn node(&self) -> Engine {
        engine(&self.engine.db, &self.data, &self.now)
    }

    /// Something happens; what, in words.
    pub(super) async fn step(&mut self) -> String {
        match self.below(12) {
            0 => {
                self.publish();
                "other knowledge, nothing matched yet".to_owned()
            }
            1 => {
                self.publish();
                format!("other knowledge, {} matched again", self.engine.rematch().await.unwrap())
            }
            2 => {
                self.change_scopes().await;
                "scopes".to_owned()
            }
            3 => {
                let hours = 1 + self.below(60);
                self.sleep(i64::try_from(hours).unwrap());
                format!("{hours} hours pass")
            }
            4 => {
                let claims = self.engine.expire_claims().await.unwrap();
                format!("the clock moved {}", claims + self.engine.note_unseen().await.unwrap())
            }
            5 => {
                self.add_asset().await;
                "an asset".to_owned()
            }
            6 | 7 => {
                self.change_asset().await;
                "an asset was changed".to_owned()
            }
            _ => {
                self.touch().await;
                "an inspection".to_owned()
            }
        }
    }

    /// An asset is inspected, and its findings move.
    pub(super) async fn touch(&mut self) {
        let asset = self.any_asset().await;
        self.sleep(1);
        let inventory = self.inventory();
        self.engine.keep(&asset, &inventory, self.engine.now(), None).await.unwrap();
    }

    pub(super) fn sleep(&self, hours: i64) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_hours(hours)).unwrap();
    }

    /// A scope comes, changes or goes.
    pub(super) async fn change_scopes(&mut self) {
        let (db, now) = (self.engine.db.clone(), self.engine.now());
        let known = store::scope::list(&db).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        match known.first() {
            Some(scope) if known.len() > 2 => store::scope::delete(&mut tx, scope.id, now).await.unwrap(),
            Some(scope) if self.below(2) == 0 => {
                let changed = Scope { id: scope.id, ..self.scope(&scope.name) };
                store::scope::update(&mut tx, &changed, now).await.unwrap();
            }
            _ => {
                self.made += 1;
                let scope = self.scope(&format!("Scope {}", self.made));
                store::scope::insert(&mut tx, &scope, now).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
    }

    fn scope(&mut self, name: &str) -> Scope {
        let requirements = [Requirement::NotSet, Requirement::Low, Requirement::Medium, Requirement::High];
        let exposures = [None, Some(Exposure::Internet), Some(Exposure::Internal)];
        Scope {
            id: ScopeId::from_uuid(store::new_id(self.engine.now())),
            name: name.to_owned(),
            selector: Selector {
                cidrs: Vec::new(),
                tags: vec![["lab", "web"][self.below(2)].to_owned()],
                names: vec![format!("host {}*", self.below(6))],
                filter: [None, Some("unreachable:yes"), Some("os:debian asset:*2 not tag:web")][self.below(3)]
                    .map(|text| text.parse().unwrap()),
            },
            confidentiality: requirements[self.below(4)],
            integrity: requirements[self.below(4)],
            availability: requirements[self.below(4)],
            exposure: exposures[self.below(3)],
            cadence_seconds: None,
            threshold_tenths: [None, Some(40), Some(90)][self.below(3)],
        }
    }

    async fn add_asset(&mut self) {
        self.made += 1;
        let number = self.made;
        let new = NewAsset {
            way: format!("ssh://root@192.0.2.{number}"),
            name: Some(format!("host {number}")),
            tags: [vec![], vec!["lab".to_owned()], vec!["lab".to_owned(), "web".to_owned()]][self.below(3)].clone(),
            ..NewAsset::default()
        };
        self.engine.make_known(&new).await.unwrap();
    }

    async fn change_asset(&mut self) {
        let mut asset = self.any_asset().await;
        let now = self.engine.now();
        let mut tx = self.engine.db.begin().await.unwrap();
        match self.below(6) {
            0 if asset.retired_at.is_some() => {
                store::asset::reinstate(&mut tx, asset.id, &asset.name, now).await.unwrap();
            }
            0 | 1 => {
                let retired = Retired { ending: Ending::Gone, because: "scrapped".to_owned() };
                store::asset::retire(&mut tx, asset.id, &retired, now).await.unwrap();
            }
            2 => store::asset::set_tags(&mut tx, asset.id, &["web".to_owned()]).await.unwrap(),
            3 => store::asset::record_error(&mut tx, asset.id, "no answer", asset.last_seen_at).await.unwrap(),
            4 => {
                let since = asset.unreachable_since.xor(Some(asset.last_seen_at));
                store::asset::set_unreachable(&mut tx, asset.id, since).await.unwrap();
            }
            _ => {
                self.made += 1;
                asset.name = format!("Host {} renamed", self.made);
                store::asset::update(&mut tx, &asset).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
    }

    async fn any_asset(&mut self) -> Asset {
        let all = store::asset::list(&self.engine.db, None, 100).await.unwrap();
        let place = self.below(all.len());
        all[place].clone()
    }

    fn inventory(&mut self) -> Inventory {
        let mut components = Vec::new();
        for name in PACKAGES {
            if self.below(4) > 0 {
                let version = format!("{}-1", 1 + self.below(4));
                components.push(Arc::new(Component {
                    ecosystem: Ecosystem::Deb,
                    source: name.to_owned(),
                    source_version: version.clone(),
                    name: name.to_owned(),
                    version,
                    arch: "amd64".to_owned(),
                    path: "var/lib/dpkg/status".to_owned(),
                    ..Component::default()
                }));
            }
        }
        let release = (self.below(5) > 0).then(release);
        let platform = Platform { name: "Debian".to_owned(), release, architecture: None };
        Inventory { components: Some(components), ..Inventory::of(platform) }
    }

    /// Other knowledge: what is affected, what is known of exploitation, and which lists can be asked.
    pub(super) fn publish(&mut self) {
        let mut builder = Builder::new();
        // A digest of its own, or the state in the data folder, where nothing was ever fetched, would take its place.
        let fetched_at = Some(self.engine.now());
        for feed in ["debian", "nvd", "kev", "epss"] {
            if feed == "debian" || self.below(4) > 0 {
                let sha256 = format!("{:064x}", self.dice);
                builder.feed(FeedSnapshot { fetched_at, sha256, record_count: 10, ..FeedSnapshot::never(feed) });
            }
        }
        builder.record("debian", Record::Release { ecosystem: Ecosystem::Deb, release: release() });
        for flaw in FLAWS {
            let id = VulnerabilityId::new(flaw).unwrap();
            for name in PACKAGES {
                let statement = match self.below(4) {
                    0 => Statement::FixedIn { version: format!("{}-1", 2 + self.below(3)) },
                    1 => Statement::Open,
                    _ => continue,
                };
                let mut advisory =
                    Advisory::new("debian", flaw, Ecosystem::Deb, release(), name, id.clone(), statement);
                advisory.urgency = ["", "unimportant"][usize::from(self.below(5) == 0)].to_owned();
                builder.record("debian", Record::Advisory(advisory));
            }
            self.evidence(&mut builder, &id);
        }
        fs::write(self.data.path().join("draft"), builder.finish().unwrap()).unwrap();
        fs::rename(self.data.path().join("draft"), self.data.path().join(KNOWLEDGE_FILE)).unwrap();
    }

    fn evidence(&mut self, builder: &mut Builder, id: &VulnerabilityId) {
        let date = jiff::tz::Offset::UTC.to_datetime(self.engine.now()).date();
        if self.below(3) > 0 {
            let (authority, source) = (Authority::Nvd, "nvd".to_owned());
            let vector = VECTORS[self.below(3)].to_owned();
            let published_at = Some("2098-01-01T00:00:00Z".parse().unwrap());
            let vectors = vec![PublishedVector { vector, source, authority }];
            builder.record("nvd", Record::Flaw(Flaw { vectors, published_at, ..Flaw::bare(id.clone()) }));
        }
        if self.below(3) > 0 {
            let probability = [0.000_04, 0.05, 0.1, 0.314_15, 0.94][self.below(5)];
            let epss = Epss { probability, percentile: 0.5, date };
            builder.record("epss", Record::Epss { id: id.clone(), epss });
        }
        if self.below(4) == 0 {
            // Some are listed tomorrow.
            let added = date.saturating_add(jiff::Span::new().days(i64::from(self.below(4) == 0)));
            builder.record("kev", Record::Kev { id: id.clone(), kev: Kev { added, due: None, ransomware: false } });
        }
    }

    /// A number below a limit, by a linear congruence: the same for a seed.
    fn below(&mut self, limit: usize) -> usize {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) as usize % limit
    }
}

fn engine(db: &Db, data: &TempDir, now: &Arc<Mutex<Timestamp>>) -> Engine {
    let clock = Arc::clone(now);
    let clock: crate::Clock = Arc::new(move || *clock.lock().unwrap());
    Engine::new(db.clone(), data.path().to_owned(), NeverTouch::default(), clock)
}

fn release() -> Release {
    Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() }
}
