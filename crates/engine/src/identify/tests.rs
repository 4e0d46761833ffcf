//! What sources say becomes assets, and stays right when more is said.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use domain::advisory::{Advisory, Statement as Said};
use domain::asset::{Service, Sighting};
use domain::component::{Component, Ecosystem, Release};
use domain::feed::FeedSnapshot;
use domain::finding::Detection;
use domain::identity::cluster::{Question, cluster};
use domain::inventory::{Identity, Inventory, Platform};
use domain::vulnerability::VulnerabilityId;
use jiff::SignedDuration;
use knowledge::Builder;
use outside::NeverTouch;
use store::Db;
use tempfile::TempDir;

use super::*;
use crate::discover::NewAsset;
use crate::ingest::KNOWLEDGE_FILE;

testkit::contract!(
    what_is_seen_where_a_way_leads_is_one,
    exchanged_addresses_join_nothing,
    a_clone_is_another_and_a_question,
    a_copied_machine_is_another_however_it_came,
    what_many_machines_turn_out_to_have_joins_none_any_more,
    two_assets_are_found_to_be_one_and_part_again,
    clocks_go_on_over_a_split,
    another_machine_that_answers_is_another_asset,
    what_was_retired_is_back,
    two_nodes_make_one_asset,
    step_by_step_is_all_at_once,
);

pub(crate) const ID: [&str; 2] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
pub(crate) const KEY: [&str; 2] = ["SHA256:one", "SHA256:two"];

pub(crate) struct World {
    pub(crate) engine: Engine,
    now: Arc<Mutex<Timestamp>>,
    _data: TempDir,
}

impl World {
    pub(crate) fn new(db: &Db) -> Self {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join(KNOWLEDGE_FILE), knowledge()).unwrap();
        let now = Arc::new(Mutex::new("2099-01-13T08:00:00Z".parse().unwrap()));
        let clock = Arc::clone(&now);
        let clock: crate::Clock = Arc::new(move || *clock.lock().unwrap());
        let engine = Engine::new(db.clone(), data.path().to_owned(), NeverTouch::default(), clock);
        Self { engine, now, _data: data }
    }

    pub(crate) fn wait(&self, hours: i64) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_hours(hours)).unwrap();
    }

    pub(crate) async fn known(&self, way: &str) -> Asset {
        let new = NewAsset { way: way.to_owned(), ..NewAsset::default() };
        self.engine.make_known(&new).await.unwrap()
    }

    pub(crate) async fn inspected(&self, asset: &Asset, identity: Identity, version: &str) {
        self.wait(1);
        let inventory = inventory(identity, version);
        self.engine.keep(asset, &inventory, self.engine.now(), None).await.unwrap();
    }

    pub(crate) async fn seen(&self, address: &str, key: Option<&str>) -> Asset {
        self.wait(1);
        let seen_at = self.engine.now();
        let address = address.parse().unwrap();
        let service = Service { address, port: 22, protocol: Some("ssh".to_owned()), banner: None, seen_at };
        let sighting = Sighting {
            source: "net".to_owned(),
            site: String::new(),
            address,
            services: vec![service],
            ssh_host_key: key.map(str::to_owned),
            observed_at: seen_at,
        };
        self.engine.take_sighting(&sighting, None).await.unwrap().asset
    }

    pub(crate) async fn merge(&self, a: AssetId, b: AssetId) -> anyhow::Result<Moved> {
        let mut tx = self.engine.db.begin().await?;
        let moved = self.engine.merge_assets(&mut tx, a, b).await?;
        tx.commit().await?;
        Ok(moved)
    }

    pub(crate) async fn split(&self, asset: AssetId, leaving: &BTreeSet<RecordId>) -> anyhow::Result<Moved> {
        let mut tx = self.engine.db.begin().await?;
        let moved = self.engine.split_asset(&mut tx, asset, leaving).await?;
        tx.commit().await?;
        Ok(moved)
    }

    /// The assets that are there, by name.
    pub(crate) async fn living(&self) -> BTreeMap<String, Asset> {
        let all = store::asset::list(&self.engine.db, None, 1000).await.unwrap();
        all.into_iter().filter(|asset| asset.retired_at.is_none()).map(|asset| (asset.name.clone(), asset)).collect()
    }

    pub(crate) async fn asset(&self, id: AssetId) -> Asset {
        store::asset::get(&self.engine.db, id).await.unwrap().unwrap()
    }

    /// State, first detection and number of episodes of the one finding that an asset can have.
    pub(crate) async fn finding(&self, id: AssetId) -> Option<(Detection, Timestamp, usize)> {
        assert_eq!(store::finding::replay_check(&self.engine.db, id).await.unwrap(), []);
        let found = store::finding::of_asset(&self.engine.db, id).await.unwrap();
        assert!(found.len() < 2, "{found:?}");
        let finding = found.into_iter().next()?.finding;
        Some((finding.detection, finding.first_detected_at(), finding.episodes.len()))
    }
}

fn knowledge() -> Vec<u8> {
    let mut builder = Builder::new();
    let fetched_at = Some("2099-01-13T00:00:00Z".parse().unwrap());
    let sha256 = "0".repeat(64);
    builder.feed(FeedSnapshot { fetched_at, sha256, record_count: 10, ..FeedSnapshot::never("debian") });
    let mut say = |record| builder.record("debian", record);
    say(domain::record::Record::Release { ecosystem: Ecosystem::Deb, release: release() });
    let id = VulnerabilityId::new("CVE-2099-0001").unwrap();
    let fixed = Said::FixedIn { version: "2-1".to_owned() };
    let advisory = Advisory::new("debian", "CVE-2099-0001", Ecosystem::Deb, release(), "bash", id, fixed);
    say(domain::record::Record::Advisory(advisory));
    builder.finish().unwrap()
}

fn release() -> Release {
    Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() }
}

/// A system with one package, which is affected before version 2.
pub(crate) fn inventory(identity: Identity, version: &str) -> Inventory {
    let bash = Component {
        ecosystem: Ecosystem::Deb,
        source: "bash".to_owned(),
        source_version: version.to_owned(),
        name: "bash".to_owned(),
        version: version.to_owned(),
        arch: "amd64".to_owned(),
        path: "var/lib/dpkg/status".to_owned(),
        ..Component::default()
    };
    let platform = Platform { name: "Debian".to_owned(), release: Some(release()), architecture: None };
    Inventory { identity, components: Some(vec![Arc::new(bash)]), ..Inventory::of(platform) }
}

pub(crate) fn identity(hostname: &str, machine: Option<usize>, key: Option<usize>, address: &str) -> Identity {
    Identity {
        hostname: Some(hostname.to_owned()),
        machine_id: machine.map(|machine| ID[machine].to_owned()),
        ssh_host_keys: key.map(|key| KEY[key].to_owned()).into_iter().collect(),
        addresses: vec![address.parse().unwrap()],
        ..Identity::default()
    }
}

async fn what_is_seen_where_a_way_leads_is_one(db: &Db) {
    let world = World::new(db);
    let seen = world.seen("10.0.0.7", None).await;
    let known = world.known("ssh://root@10.0.0.7").await;
    assert_eq!((known.id, known.name.as_str()), (seen.id, "10.0.0.7"));
    world.inspected(&known, identity("web", Some(0), Some(0), "10.0.0.7"), "1-1").await;
    // The same host on its other leg, and at the first one with its key.
    assert_eq!(world.seen("192.0.2.7", Some(KEY[0])).await.id, seen.id);
    assert_eq!(world.seen("10.0.0.7", Some(KEY[0])).await.id, seen.id);
    let living = world.living().await;
    assert_eq!(living.keys().collect::<Vec<_>>(), ["10.0.0.7"]);
    assert!(living["10.0.0.7"].last_inspected_at.is_some());
    assert_eq!(living["10.0.0.7"].services.len(), 2);
    // Whoever answers there with another key is not that host.
    let other = world.seen("192.0.2.7", Some(KEY[1])).await;
    assert_ne!(other.id, seen.id);
}

async fn exchanged_addresses_join_nothing(db: &Db) {
    let world = World::new(db);
    let (ada, bob) = (world.known("ssh://root@ada.example").await, world.known("ssh://root@bob.example").await);
    for addresses in [["10.0.0.5", "10.0.0.6"], ["10.0.0.6", "10.0.0.5"]] {
        world.inspected(&ada, identity("ada", Some(0), Some(0), addresses[0]), "1-1").await;
        world.inspected(&bob, identity("bob", Some(1), Some(1), addresses[1]), "2-1").await;
    }
    assert_eq!(world.living().await.keys().collect::<Vec<_>>(), ["ada.example", "bob.example"]);
    assert!(world.finding(ada.id).await.is_some_and(|(detection, ..)| detection == Detection::Open));
    assert_eq!(world.finding(bob.id).await, None);
}

async fn a_clone_is_another_and_a_question(db: &Db) {
    let world = World::new(db);
    let (one, two) = (world.known("ssh://root@one.example").await, world.known("ssh://root@two.example").await);
    for (asset, instance) in [(&one, "aws/i-0a1b2c3d4e5f60718"), (&two, "aws/i-0f1e2d3c4b5a69788")] {
        let cloud_instance = Some(instance.to_owned());
        let identity = Identity { cloud_instance, ..identity("web", Some(0), Some(0), "10.0.0.5") };
        world.inspected(asset, identity, "1-1").await;
    }
    assert_eq!(world.living().await.len(), 2);
    let cases = store::record::cases(&world.engine.db, 9).await.unwrap();
    let [case] = &cases[..] else { panic!("{cases:?}") };
    assert_eq!((case.case.a, case.case.b, case.case.question), (one.id, two.id, Question::Clone));
}

async fn a_copied_machine_is_another_however_it_came(db: &Db) {
    let world = World::new(db);
    let (one, two) = (world.known("ssh://root@one.example").await, world.known("ssh://root@two.example").await);
    let uuid = "8d3f0b9e-4c5d-4e6f-8a1b-2c3d4e5f6a7b".to_owned();
    let machine =
        |name, address| Identity { system_uuid: Some(uuid.clone()), ..identity(name, Some(0), Some(0), address) };
    world.inspected(&one, machine("one", "10.0.0.5"), "1-1").await;
    // Days later, under another name and elsewhere: it was renamed, as far as anybody knows.
    world.wait(72);
    world.inspected(&two, machine("two", "10.0.0.6"), "2-1").await;
    assert_eq!(world.living().await.keys().collect::<Vec<_>>(), ["one.example"]);
    assert!(matches!(world.finding(one.id).await, Some((Detection::Fixed { .. }, ..))));
    // The first one is there all the same: it was copied.
    world.inspected(&one, machine("one", "10.0.0.5"), "1-1").await;
    assert_eq!(world.living().await.keys().collect::<Vec<_>>(), ["one.example", "two.example"]);
    assert!(
        matches!(world.finding(one.id).await, Some((Detection::Open, ..))),
        "the patched copy does not speak for it"
    );
    assert_eq!(world.finding(two.id).await, None);
    let cases = store::record::cases(&world.engine.db, 9).await.unwrap();
    assert!(cases.iter().any(|open| (open.case.a, open.case.b) == (one.id, two.id)), "{cases:?}");
    check_against_batch(db).await;
}

impl World {
    /// Takes in what a scan says of a thing.
    async fn says(&self, thing: &str, values: &[(Kind, &str)]) -> Identified {
        let identifiers = values.iter().map(|(kind, value)| Identifier::new(*kind, "", value).unwrap()).collect();
        let at = self.engine.now();
        let statement = Statement { source: Source::NetworkScan, native_key: thing.to_owned(), identifiers, at };
        let mut tx = self.engine.db.begin().await.unwrap();
        let make = |id, name| blank(id, name, None, at);
        let found = self.engine.identify(&mut tx, &statement, "thing", make).await.unwrap();
        tx.commit().await.unwrap();
        found
    }
}

/// Two records that a serial number and a machine-id made one, until that number turns out to be on many boards.
async fn what_many_machines_turn_out_to_have_joins_none_any_more(db: &Db) {
    let world = World::new(db);
    let serial = (Kind::Serial, "acme/x99-0001");
    let one = world.says("one", &[serial, (Kind::MachineId, ID[0]), (Kind::Hostname, "web")]).await;
    let two = world.says("two", &[serial, (Kind::MachineId, ID[0]), (Kind::Hostname, "www")]).await;
    assert_eq!(two.asset, one.asset);
    for number in 1..=5_u8 {
        let (machine, name) = (format!("0b{number:030x}"), format!("db{number}"));
        let other = format!("other {number}");
        // The last one says first what tells it from nobody, so that it is a known thing that makes the number common.
        if number == 5 {
            world.says(&other, &[(Kind::Hostname, &name)]).await;
        }
        world.says(&other, &[serial, (Kind::MachineId, &machine), (Kind::Hostname, &name)]).await;
        check_against_batch(db).await;
    }
    let of = async |record| store::record::get_all(db, [record]).await.unwrap()[0].asset;
    assert_ne!(of(one.record).await, of(two.record).await, "the machine-id alone is too little");
    assert_eq!(world.living().await.len(), 7);
}

async fn two_assets_are_found_to_be_one_and_part_again(db: &Db) {
    let world = World::new(db);
    let (one, two) = (world.known("ssh://root@one.example").await, world.known("ssh://ops@two.example").await);
    let mut tx = db.begin().await.unwrap();
    store::asset::set_tags(&mut tx, two.id, &["pci".to_owned()]).await.unwrap();
    tx.commit().await.unwrap();
    // Without more rights the two tell nothing of what they are.
    world.inspected(&two, Identity::default(), "1-1").await;
    let first = world.engine.now();
    world.inspected(&one, Identity::default(), "1-1").await;
    let later = world.engine.now();
    assert_eq!(world.finding(one.id).await, Some((Detection::Open, later, 1)));
    let told = identity("web", Some(0), Some(0), "10.0.0.5");
    world.inspected(&two, told.clone(), "1-1").await;
    assert_eq!(world.living().await.len(), 2);
    world.inspected(&one, told, "1-1").await;

    let living = world.living().await;
    assert_eq!(living.keys().collect::<Vec<_>>(), ["one.example"]);
    assert_eq!(living["one.example"].tags, ["pci"]);
    assert_eq!(world.finding(one.id).await, Some((Detection::Open, first, 1)), "the earliest clock counts");
    assert_eq!(world.finding(two.id).await, None);
    assert_eq!(store::inspection::history(db, one.id, 9).await.unwrap().len(), 4);
    let old = domain::finding::FindingKey {
        asset: two.id,
        ..store::finding::of_asset(db, one.id).await.unwrap()[0].finding.key.clone()
    };
    assert!(store::finding::get(db, old.id()).await.unwrap().is_some(), "what people wrote down leads there");

    // An inspection that was under way by the other name is of the same machine.
    world.inspected(&two, identity("web", Some(0), Some(0), "10.0.0.5"), "2-1").await;
    let fixed = world.engine.now();
    assert!(matches!(world.finding(one.id).await, Some((Detection::Fixed { at, .. }, _, 1)) if at == fixed));

    let records = store::record::of_asset(db, one.id).await.unwrap();
    let by_two = |assigned: &&store::record::Assigned| assigned.record.native_key.contains("two.example");
    let leaving: BTreeSet<RecordId> = records.iter().filter(by_two).map(|assigned| assigned.record.id).collect();
    let moved = world.split(one.id, &leaving).await.unwrap();
    assert_eq!(moved.parted, BTreeMap::from([(two.id, one.id)]));
    let living = world.living().await;
    assert_eq!(living.keys().collect::<Vec<_>>(), ["one.example", "two.example"]);
    assert_eq!((living["one.example"].tags.len(), &living["two.example"].tags[..]), (0, &["pci".to_owned()][..]));
    assert_eq!(world.finding(one.id).await, Some((Detection::Open, later, 1)), "each has what it was seen with");
    assert!(
        matches!(world.finding(two.id).await, Some((Detection::Fixed { at, .. }, from, 1)) if (at, from) == (fixed, first))
    );
    // What people said holds, whatever is read.
    world.inspected(&two, identity("web", Some(0), Some(0), "10.0.0.5"), "2-1").await;
    assert_eq!(world.living().await.len(), 2);

    // Until they say otherwise.
    let moved = world.merge(two.id, one.id).await.unwrap();
    assert_eq!((moved.merged, moved.parted.len()), (BTreeMap::from([(two.id, one.id)]), 0));
    assert_eq!(world.living().await.keys().collect::<Vec<_>>(), ["one.example"]);
    assert!(
        matches!(world.finding(one.id).await, Some((Detection::Fixed { at, .. }, from, 1)) if (at, from) == (fixed, first))
    );
    assert!(world.split(one.id, &BTreeSet::new()).await.is_err());
}

/// What one record told first, no other one told again; when they part, it is known of both since then.
async fn clocks_go_on_over_a_split(db: &Db) {
    let world = World::new(db);
    let (one, two) = (world.known("ssh://root@one.example").await, world.known("ssh://ops@two.example").await);
    let told = || identity("web", Some(0), Some(0), "10.0.0.5");
    world.inspected(&two, told(), "2-1").await;
    world.inspected(&one, told(), "1-1").await;
    let first = world.engine.now();
    world.inspected(&two, told(), "1-1").await;
    assert_eq!(world.living().await.keys().collect::<Vec<_>>(), ["one.example"]);
    assert_eq!(world.finding(one.id).await, Some((Detection::Open, first, 1)));
    let leaving = async || -> BTreeSet<RecordId> {
        let records = store::record::of_asset(db, one.id).await.unwrap();
        let by_two = |assigned: &&store::record::Assigned| assigned.record.native_key.contains("two.example");
        records.iter().filter(by_two).map(|assigned| assigned.record.id).collect()
    };
    world.wait(100);
    world.split(one.id, &leaving().await).await.unwrap();
    assert_eq!(world.finding(one.id).await, Some((Detection::Open, first, 1)));
    assert_eq!(world.finding(two.id).await, Some((Detection::Open, first, 1)), "the clock of the merged finding");

    // The same where it had been fixed, and only the other one told that it is back.
    world.inspected(&two, told(), "2-1").await;
    world.inspected(&one, told(), "2-1").await;
    world.merge(one.id, two.id).await.unwrap();
    world.inspected(&one, told(), "1-1").await;
    let back = world.engine.now();
    world.inspected(&two, told(), "1-1").await;
    world.wait(100);
    world.split(one.id, &leaving().await).await.unwrap();
    for asset in [one.id, two.id] {
        assert_eq!(world.finding(asset).await, Some((Detection::Open, first, 2)));
        let found = store::finding::of_asset(db, asset).await.unwrap().remove(0).finding;
        assert_eq!(found.episode().detected_at, back);
    }
}

async fn another_machine_that_answers_is_another_asset(db: &Db) {
    let world = World::new(db);
    let asset = world.known("ssh://root@10.0.0.5").await;
    let machine = |uuid: &str, machine: usize| Identity {
        system_uuid: Some(uuid.to_owned()),
        ..identity("web", Some(machine), Some(machine), "10.0.0.5")
    };
    world.inspected(&asset, machine("8d3f0b9e-4c5d-4e6f-8a1b-2c3d4e5f6a7b", 0), "1-1").await;
    world.inspected(&asset, machine("1a2b3c4d-5e6f-4a1b-9c2d-3e4f5a6b7c8d", 1), "2-1").await;
    let living = world.living().await;
    assert_eq!(living.keys().collect::<Vec<_>>(), ["10.0.0.5", "web"]);
    let error = living["10.0.0.5"].last_error.clone().unwrap();
    assert!(error.contains("leads to another machine by now, which is kept as web"), "{error}");
    assert!(world.finding(asset.id).await.is_some_and(|(detection, ..)| detection == Detection::Open), "not clean");
}

async fn what_was_retired_is_back(db: &Db) {
    let world = World::new(db);
    let seen = world.seen("10.0.0.7", Some(KEY[0])).await;
    let mut tx = db.begin().await.unwrap();
    world.engine.retire_asset(&mut tx, seen.id, None).await.unwrap();
    tx.commit().await.unwrap();
    let another = world.seen("10.0.0.7", Some(KEY[1])).await;
    assert_ne!(another.id, seen.id);
    let back = world.seen("10.0.0.8", Some(KEY[0])).await;
    assert_eq!((back.id, back.retired_at), (seen.id, None));
    assert_eq!(world.asset(seen.id).await.name, "10.0.0.7 (2)", "its name was given away");
}

async fn two_nodes_make_one_asset(db: &Db) {
    let (one, other) = (World::new(db), World::new(db));
    let (a, b) = tokio::join!(one.seen("10.0.0.7", Some(KEY[0])), other.seen("10.0.0.7", Some(KEY[0])));
    assert_eq!(a.id, b.id);
    assert_eq!(one.living().await.len(), 1);
}

/// Whatever is said in whatever order: each record is where all records together say that it is.
async fn step_by_step_is_all_at_once(db: &Db) {
    let world = World::new(db);
    let mut dice = 4711_u64;
    let mut below = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    for step in 0..120 {
        world.wait(1);
        let mut identifiers = Vec::new();
        for (kind, values) in [
            (Kind::Serial, &["dell/abcd1", "dell/abcd2", "dell/abcd3"][..]),
            (Kind::MachineId, &ID),
            (Kind::SshHostKey, &["SHA256:1", "SHA256:2", "SHA256:3", "SHA256:4"]),
            (Kind::Hostname, &["web", "db", "mail", "proxy", "dns", "ntp", "git", "ci", "nas"]),
            (Kind::Fqdn, &["web.example.org", "db.example.org", "mail.example.org"]),
            (Kind::Address, &["10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"]),
        ] {
            let value = values[usize::try_from(below(values.len() as u64)).unwrap()];
            if below(2) == 0 {
                identifiers.extend(Identifier::new(kind, "", value));
            }
        }
        let statement = Statement {
            source: Source::NetworkScan,
            native_key: format!("thing {}", below(40)),
            identifiers,
            at: world.engine.now(),
        };
        let mut tx = db.begin().await.unwrap();
        let make = |id, name| blank(id, name, None, statement.at);
        world.engine.identify(&mut tx, &statement, "thing", make).await.unwrap();
        tx.commit().await.unwrap();
        if step % 10 == 9 {
            let living: Vec<AssetId> = world.living().await.values().map(|asset| asset.id).collect();
            let any = |number: u64| living[usize::try_from(number).unwrap() % living.len()];
            match below(2) {
                0 => drop(world.merge(any(below(99)), any(below(99))).await),
                _ => {
                    let asset = any(below(99));
                    let records = store::record::of_asset(db, asset).await.unwrap();
                    let gone = records.last().map(|assigned| assigned.record.id);
                    drop(world.split(asset, &gone.into_iter().collect()).await);
                }
            }
        }
        check_against_batch(db).await;
    }
}

async fn check_against_batch(db: &Db) {
    let mut all = Vec::new();
    for asset in store::asset::list(db, None, 1000).await.unwrap() {
        let records = store::record::of_asset(db, asset.id).await.unwrap();
        assert!(!records.is_empty(), "an asset without records was found to be another");
        all.extend(records);
    }
    let ids: Vec<RecordId> = all.iter().map(|assigned| assigned.record.id).collect();
    let links = store::record::links(db, &ids).await.unwrap();
    let records: Vec<Record> = all.iter().map(|assigned| assigned.record.clone()).collect();
    let clusters = cluster(&records, &BTreeSet::new(), &links);
    let batch: BTreeMap<RecordId, AssetId> = clusters
        .assets
        .iter()
        .flat_map(|(asset, members)| members.iter().map(|member| (member.record, *asset)))
        .collect();
    let stored: BTreeMap<RecordId, AssetId> = all.iter().map(|assigned| (assigned.record.id, assigned.asset)).collect();
    assert_eq!(stored, batch);
}
