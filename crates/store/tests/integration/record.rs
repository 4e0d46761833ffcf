//! What an asset has goes with the records that it has it from, and comes back as it was.

use std::collections::BTreeSet;

use domain::asset::Sighting;
use domain::cause::Cause;
use domain::finding::{Detection, Evidence, FindingKey, FixedCause};
use domain::identity::cluster::{Case, Question};
use domain::identity::{Identifier, Kind, Record, Seen, Source};
use domain::ids::{AssetId, RecordId};
use store::finding::{self, Event, Recording, StoredFinding};
use store::inspection::{self, NewInspection};
use store::record::{self, Assigned};
use store::{Db, asset, sighting};
use uuid::Uuid;

use crate::audit::{databases, tamper, undo_records};
use crate::finding::{learn, learn_as};
use crate::sample::{at, detected, insert_asset, inventory, key, matched, undecided, upgraded};

contract!(
    a_record_learns_only_when,
    what_an_asset_has_goes_and_comes_back,
    a_former_identifier_leads_on,
    an_asset_that_was_another_is_itself_again,
    questions_stay_until_they_are_answered,
);

fn seen(kind: Kind, value: &str, first: i64, last: i64) -> Seen {
    let identifier = Identifier::new(kind, "", value).unwrap();
    Seen { identifier, first_seen_at: at(first), last_seen_at: at(last) }
}

fn made(number: u128, native_key: &str, seen: Vec<Seen>) -> Record {
    let id = RecordId::from_uuid(Uuid::from_u128(number));
    Record { id, source: Source::Inspection, native_key: native_key.to_owned(), seen }
}

async fn insert(db: &Db, record: &Record, asset: AssetId) {
    let mut tx = db.begin().await.unwrap();
    record::insert(&mut tx, record, asset).await.unwrap();
    tx.commit().await.unwrap();
}

async fn carry(db: &Db, records: &[RecordId], from: AssetId, to: AssetId) {
    let mut tx = db.begin().await.unwrap();
    record::carry(&mut tx, records, from, to).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_record_learns_only_when(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let mac = "3c:ec:ef:12:34:56";
    let mut record = made(7, "here", vec![seen(Kind::Mac, mac, 5, 6), seen(Kind::Hostname, "web01", 5, 5)]);
    insert(db, &record, asset.id).await;
    assert_eq!(record::find(db, Source::Inspection, "here").await.unwrap(), Some((record.id, asset.id)));
    assert_eq!(record::find(db, Source::NetworkScan, "here").await.unwrap(), None, "a key is its source's");
    let mut tx = db.begin().await.unwrap();
    record::see(&mut tx, record.id, &[seen(Kind::Mac, mac, 3, 4), seen(Kind::Address, "10.0.0.9", 8, 8)])
        .await
        .unwrap();
    record::see(&mut tx, record.id, &[seen(Kind::Mac, mac, 9, 9)]).await.unwrap();
    tx.commit().await.unwrap();
    record.seen =
        vec![seen(Kind::Address, "10.0.0.9", 8, 8), seen(Kind::Hostname, "web01", 5, 5), seen(Kind::Mac, mac, 3, 9)];
    let kept = Assigned { record: record.clone(), asset: asset.id };
    assert_eq!(record::of_asset(db, asset.id).await.unwrap(), [kept]);
    assert_eq!(record::carriers(db, Kind::Hostname, "web01", 9).await.unwrap(), [record.id]);
    assert_eq!(record::carriers(db, Kind::Fqdn, "web01", 9).await.unwrap(), []);
}

/// Undoes the migration that brought records.
const OLD: &str = concat!(
    "delete from schema_version where version >= 8;",
    undo_records!(),
    "insert into asset_identifier (asset_id, kind, value, first_seen_at, last_seen_at)
        select id, 'machine_id', '0123456789abcdef0123456789abcdef', first_seen_at, last_seen_at from asset;
    insert into asset_identifier (asset_id, kind, value, first_seen_at, last_seen_at)
        select id, 'hostname', 'localhost', first_seen_at, last_seen_at from asset;
    insert into sighting (asset_id, source, address, services, ssh_host_key, first_observed_at, observed_at)
        select id, 'net', '10.0.0.7', '[]', 'SHA256:one', first_seen_at, last_seen_at from asset;"
);

#[tokio::test]
async fn assets_from_before_have_a_record() {
    for test in databases().await {
        let asset = insert_asset(&test.db, 1).await;
        tamper(&test, OLD).await;
        let db = Db::open(&test.place).await.unwrap();
        let [Assigned { record, asset: of }] = &record::of_asset(&db, asset.id).await.unwrap()[..] else {
            panic!("one record")
        };
        assert_eq!((record.id.uuid(), *of, record.source), (asset.id.uuid(), asset.id, Source::Operator));
        let way = seen(Kind::Way, "ssh://root@web01.example:22", 0, 0);
        let machine = seen(Kind::MachineId, "0123456789abcdef0123456789abcdef", 0, 0);
        assert_eq!(record.seen, [machine, way], "a placeholder is none");
        let [seen] = &sighting::of_asset(&db, asset.id).await.unwrap()[..] else { panic!("one sighting") };
        assert_eq!((seen.address.to_string().as_str(), seen.ssh_host_key.as_deref()), ("10.0.0.7", Some("SHA256:one")));
        assert_eq!(seen.observed_at, asset.last_seen_at);
        db.close().await;
    }
}

/// An asset that was inspected twice, by one record, with what it proves.
async fn inspected(db: &Db, number: u128, record: &Record, hours: [i64; 2]) -> AssetId {
    let asset = insert_asset(db, number).await;
    insert(db, record, asset.id).await;
    for hour in hours {
        let new = NewInspection {
            asset: asset.id,
            record: Some(record.id),
            inventory: &inventory(),
            undecided: &[undecided("zlib")],
            knowledge: "k",
            way: None,
            observed_at: at(hour),
            recorded_at: at(hour),
        };
        let mut tx = db.begin().await.unwrap();
        inspection::record(&mut tx, &new).await.unwrap();
        let seen = Sighting {
            source: "net".to_owned(),
            site: String::new(),
            address: "10.0.1.7".parse().unwrap(),
            services: Vec::new(),
            ssh_host_key: None,
            observed_at: at(hour),
        };
        sighting::record(&mut tx, record.id, &seen).await.unwrap();
        tx.commit().await.unwrap();
    }
    asset.id
}

async fn told(db: &Db, key: &FindingKey, evidence: Evidence, record: &Record) {
    let at = evidence.observed_at;
    let matched = matched(key, Some("3.0.11-9"));
    let recording = Recording { at, cause: &Cause::Clock, record: Some(record.id) };
    learn_as(db, key, evidence, Some(&matched), recording).await;
}

/// Everything that moves.
#[derive(Debug, PartialEq)]
struct Has {
    findings: Vec<StoredFinding>,
    events: Vec<Vec<Event>>,
    inspections: Vec<inspection::Stored>,
    sightings: Vec<Sighting>,
    records: Vec<Assigned>,
}

async fn has(db: &Db, asset: AssetId) -> Has {
    let mut findings = finding::of_asset(db, asset).await.unwrap();
    findings.sort_by(|a, b| a.finding.key.cmp(&b.finding.key));
    let mut events = Vec::new();
    for stored in &findings {
        events.push(finding::events(db, stored.finding.key.id()).await.unwrap());
    }
    let mut inspections = Vec::new();
    for summary in inspection::history(db, asset, 10).await.unwrap() {
        inspections.push(inspection::get(db, asset, summary.id).await.unwrap().unwrap());
    }
    let sightings = sighting::of_asset(db, asset).await.unwrap();
    assert_eq!(finding::replay_check(db, asset).await.unwrap(), []);
    Has { findings, events, inspections, sightings, records: record::of_asset(db, asset).await.unwrap() }
}

async fn what_an_asset_has_goes_and_comes_back(db: &Db) {
    let (first, second) = (made(1, "a", Vec::new()), made(2, "b", Vec::new()));
    let a = inspected(db, 1, &first, [10, 20]).await;
    let b = inspected(db, 2, &second, [5, 15]).await;
    let (shared, lone) = ("openssl", "zlib");
    // Found by the second two days before the first, and fixed in the first.
    told(db, &key(b, shared, 1), detected(5, "3.0.11-1"), &second).await;
    told(db, &key(a, shared, 1), detected(10, "3.0.11-1"), &first).await;
    told(db, &key(b, lone, 2), detected(15, "3.0.11-1"), &second).await;
    told(db, &key(a, shared, 1), upgraded(20, "3.0.11-9"), &first).await;
    let before = [has(db, a).await, has(db, b).await];

    carry(db, &[second.id], b, a).await;
    let (merged, left) = (has(db, a).await, has(db, b).await);
    assert_eq!(left, Has { findings: vec![], events: vec![], inspections: vec![], sightings: vec![], records: vec![] });
    let [one, two] = &merged.findings[..] else { panic!("{:?}", merged.findings) };
    assert_eq!(one.finding.key, key(a, shared, 1));
    assert_eq!(one.finding.detection, Detection::Fixed { at: at(20), cause: FixedCause::Upgraded });
    assert_eq!(one.finding.first_detected_at(), at(5), "the earliest clock stays");
    assert_eq!(two.finding.key, key(a, lone, 2));
    assert_eq!(two.matched.as_ref().map(|matched| matched.places.len()), Some(2));
    let hours: Vec<_> = merged.inspections.iter().map(|stored| stored.summary.observed_at).collect();
    assert_eq!(hours, [at(20), at(15), at(10), at(5)]);
    // Both were seen at one address: the latest counts, and the other one stays what it was.
    assert_eq!(merged.sightings.iter().map(|seen| seen.observed_at).collect::<Vec<_>>(), [at(20)]);
    assert_eq!((sighting::history(db, a).await.unwrap().len(), merged.records.len()), (2, 2));

    // What the second sees while it is taken for the first goes with it.
    told(db, &key(a, lone, 2), upgraded(30, "3.0.11-9"), &second).await;
    carry(db, &[second.id], a, b).await;
    let [was_a, mut was_b] = before;
    assert_eq!(has(db, a).await, was_a);
    let now = has(db, b).await;
    assert_eq!(now.findings[1].finding.detection, Detection::Fixed { at: at(30), cause: FixedCause::Upgraded });
    assert_eq!(now.events[1].len(), 2);
    // Which record an inspection is by was told by the asset's identifier, and is told by itself now.
    was_b.findings[1].finding.clone_from(&now.findings[1].finding);
    was_b.events[1].clone_from(&now.events[1]);
    assert_eq!(now, was_b);
}

async fn a_former_identifier_leads_on(db: &Db) {
    let record = made(2, "b", Vec::new());
    let (a, b) = (insert_asset(db, 1).await.id, insert_asset(db, 2).await.id);
    insert(db, &record, b).await;
    let old = key(b, "openssl", 1);
    // Evidence without a record is the asset's own, whose record has the asset's identifier.
    learn(db, &old, detected(1, "3.0.11-1"), None).await;
    carry(db, &[record.id], b, a).await;
    let found = finding::get(db, old.id()).await.unwrap().unwrap();
    assert_eq!(found.finding.key, key(a, "openssl", 1));
    assert_eq!(finding::events(db, old.id()).await.unwrap().len(), 1);
    carry(db, &[record.id], a, b).await;
    assert_eq!(finding::get(db, old.id()).await.unwrap().unwrap().finding.key, old);
    let new = finding::get(db, found.finding.key.id()).await.unwrap().unwrap();
    assert_eq!(new.finding.key, old, "both identifiers lead to it, wherever it is");
}

async fn an_asset_that_was_another_is_itself_again(db: &Db) {
    let (a, b) = (insert_asset(db, 1).await, insert_asset(db, 2).await);
    let mut tx = db.begin().await.unwrap();
    asset::set_tags(&mut tx, b.id, &["pci".to_owned(), "web".to_owned()]).await.unwrap();
    asset::set_way(&mut tx, a.id, None).await.unwrap();
    asset::merge(&mut tx, b.id, a.id, at(9)).await.unwrap();
    tx.commit().await.unwrap();
    let kept = asset::get(db, a.id).await.unwrap().unwrap();
    assert_eq!((kept.way, kept.tags), (b.way.clone(), vec!["pci".to_owned(), "web".to_owned()]));
    assert_eq!(asset::merged_into(db, b.id).await.unwrap(), Some(a.id));
    assert_eq!(asset::get(db, b.id).await.unwrap().unwrap().retired_at, Some(at(9)));

    let mut tx = db.begin().await.unwrap();
    asset::part(&mut tx, b.id, a.id, "db.example", at(10)).await.unwrap();
    tx.commit().await.unwrap();
    let (kept, own) = (asset::get(db, a.id).await.unwrap().unwrap(), asset::get(db, b.id).await.unwrap().unwrap());
    assert_eq!((kept.way, kept.tags), (None, vec!["web".to_owned()]));
    assert_eq!((own.way, own.tags), (b.way, vec!["pci".to_owned(), "web".to_owned()]));
    assert_eq!((own.name.as_str(), own.retired_at), ("db.example", None));
    assert_eq!(asset::merged_into(db, b.id).await.unwrap(), None);
}

async fn questions_stay_until_they_are_answered(db: &Db) {
    let (a, b) = (insert_asset(db, 1).await.id, insert_asset(db, 2).await.id);
    let case = |question| Case { a, b, question, agreeing: vec![Kind::MachineId], differing: vec![], centibits: 700 };
    let set = async |asset: AssetId, cases: &[Case], hour| {
        let mut tx = db.begin().await.unwrap();
        record::set_cases(&mut tx, &BTreeSet::from([asset]), cases, at(hour)).await.unwrap();
        tx.commit().await.unwrap();
        record::cases(db, 9).await.unwrap().into_iter().map(|open| (open.case, open.since)).collect::<Vec<_>>()
    };
    let (same, clone) = (case(Question::Same), case(Question::Clone));
    assert_eq!(set(a, std::slice::from_ref(&same), 1).await, [(same.clone(), at(1))]);
    assert_eq!(set(b, &[same.clone(), clone.clone()], 2).await, [(same, at(1)), (clone.clone(), at(2))]);
    assert_eq!(set(a, std::slice::from_ref(&clone), 3).await, [(clone, at(2))]);
    assert_eq!(set(b, &[], 4).await, []);
}
