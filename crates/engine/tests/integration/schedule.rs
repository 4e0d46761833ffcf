//! What happens unattended: inspections by cadence, claims that run out of time, assets that nobody sees any more.

use domain::asset::Asset;
use domain::cause::Cause;
use domain::component::{Ecosystem, Package, Release};
use domain::finding::{Change, Detection, Evidence, Fact, Finding, FindingKey, OpenedBy, Strength};
use domain::ids::ScopeId;
use domain::inventory::{Inventory, Platform};
use domain::scope::{Requirement, Scope, Selector};
use domain::vulnerability::VulnerabilityId;
use engine::discover::NewAsset;
use store::finding::{Recording, Save};
use store::inspection::NewInspection;
use testkit::db;

use crate::world::World;

impl World {
    async fn asset(&self, host: &str) -> Asset {
        let new = NewAsset { way: format!("ssh://root@{host}"), ..NewAsset::default() };
        self.engine.make_known(&new).await.unwrap()
    }

    async fn due(&self) -> Vec<String> {
        self.engine.due().await.unwrap().into_iter().map(|asset| asset.name).collect()
    }

    /// As if the asset had just been inspected, with nothing on it.
    async fn inspected(&self, asset: &Asset) {
        let platform = Platform { name: "Debian".to_owned(), release: None, architecture: None };
        let inventory = Inventory { components: Some(Vec::new()), ..Inventory::of(platform) };
        let now = self.engine.now();
        let mut tx = self.engine.db.begin().await.unwrap();
        let new = NewInspection {
            record: None,
            asset: asset.id,
            inventory: &inventory,
            undecided: &[],
            knowledge: "",
            way: None,
            observed_at: now,
            recorded_at: now,
        };
        store::inspection::record(&mut tx, &new).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What the clock moves.
    async fn tick(&self) -> u32 {
        self.engine.expire_claims().await.unwrap() + self.engine.note_unseen().await.unwrap()
    }

    /// A finding whose fix somebody has just claimed.
    async fn claimed(&self, asset: &Asset) -> FindingKey {
        let key = FindingKey {
            asset: asset.id,
            package: Package {
                ecosystem: Ecosystem::Deb,
                release: Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() },
                name: "vigie-demo-web".to_owned(),
                place: String::new(),
            },
            vulnerability: VulnerabilityId::new("CVE-2099-0001").unwrap(),
        };
        let at = self.engine.now();
        let strength = Strength::PackageDatabase;
        let found = Fact::Detected { version: "1".to_owned(), strength, cause: OpenedBy::Detected };
        let found = Evidence { observed_at: at, fact: found };
        let claim = Evidence { observed_at: at, fact: Fact::FixClaimed };
        let mut finding = Finding::open(key.clone(), &found).unwrap();
        let change = finding.apply(&claim);
        let evidence = [(found, Change::Moved), (claim, change)];
        let mut tx = self.engine.db.begin().await.unwrap();
        let save = Save { finding: &finding, matched: None, evidence: &evidence, is_new: false };
        store::finding::save(&mut tx, save, Recording { at, cause: &Cause::Clock, record: None }).await.unwrap();
        tx.commit().await.unwrap();
        key
    }

    async fn detection(&self, key: &FindingKey) -> Detection {
        store::finding::get(&self.engine.db, key.id()).await.unwrap().unwrap().finding.detection
    }
}

#[tokio::test]
async fn assets_are_inspected_by_the_tightest_cadence_of_their_scopes() {
    let test = db::sqlite().await;
    let world = World::new(&test.db);
    let slow = world.asset("192.0.2.1").await;
    let fast = world.asset("192.0.2.2").await;
    let scope = Scope {
        id: ScopeId::from_uuid(store::new_id(world.engine.now())),
        name: "Production".to_owned(),
        selector: Selector { names: vec!["192.0.2.2".to_owned()], ..Selector::default() },
        confidentiality: Requirement::NotSet,
        integrity: Requirement::NotSet,
        availability: Requirement::NotSet,
        exposure: None,
        cadence_seconds: Some(4 * 3600),
        threshold_tenths: None,
    };
    let mut tx = world.engine.db.begin().await.unwrap();
    store::scope::insert(&mut tx, &scope, world.engine.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.due().await.len(), 2, "what was never inspected is due at once");
    for asset in [&slow, &fast] {
        world.engine.note_try(asset.id).await.unwrap();
        world.inspected(asset).await;
    }
    assert_eq!(world.due().await, Vec::<String>::new());
    world.wait(4);
    assert_eq!(world.due().await, ["192.0.2.2"]);
    world.wait(20);
    assert_eq!(world.due().await.len(), 2);
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_tried_again_and_not_at_every_turn() {
    let test = db::sqlite().await;
    let world = World::new(&test.db);
    let asset = world.asset("192.0.2.1").await;
    world.engine.note_try(asset.id).await.unwrap();
    let mut tx = world.engine.db.begin().await.unwrap();
    store::asset::record_error(&mut tx, asset.id, "no answer", world.engine.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.due().await, Vec::<String>::new());
    world.wait(1);
    assert_eq!(world.due().await, ["192.0.2.1"]);
}

#[tokio::test]
async fn the_clock_ends_claims_and_makes_the_unseen_stale() {
    let test = db::sqlite().await;
    let world = World::new(&test.db);
    let asset = world.asset("192.0.2.1").await;
    world.inspected(&asset).await;
    let key = world.claimed(&asset).await;
    world.wait(24);
    assert_eq!(world.tick().await, 0);
    world.wait(1);
    assert_eq!(world.tick().await, 1, "nobody verified the claim");
    assert_eq!(world.detection(&key).await, Detection::Open);
    world.wait(7 * 24);
    assert_eq!(world.tick().await, 1, "nobody has seen the asset");
    assert!(matches!(world.detection(&key).await, Detection::Stale { .. }));
    assert_eq!(world.tick().await, 0, "once");
    assert_eq!(store::finding::replay_check(&world.engine.db, asset.id).await.unwrap(), []);
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_no_inspections_and_flips_no_findings() {
    let test = db::sqlite().await;
    let world = World::new(&test.db);
    let asset = world.asset("web.example").await;
    let key = world.claimed(&asset).await;
    world.inspected(&asset).await;
    assert_eq!(world.due().await, [] as [String; 0]);
    let before = world.detection(&key).await;

    world.wait(-1);
    assert_eq!(world.due().await, ["web.example"], "nobody knows how far back it was: it is looked at again");
    assert_eq!(world.tick().await, 0);
    assert_eq!(world.detection(&key).await, before);
    // A clock that was years ahead does not stop inspections for years.
    world.wait(-24 * 365);
    assert_eq!(world.due().await, ["web.example"]);
    assert_eq!(world.tick().await, 0);
    assert_eq!(store::finding::replay_check(&test.db, asset.id).await.unwrap(), []);
}
