//! What the verbs tell whoever follows from outside.

use domain::event::EventKind;
use engine::import::{ImportOptions, read};
use serde_json::json;
use store::Db;
use store::outbox::{self, Event, Position};
use testkit::mirror::TestMirror;

use crate::ingest::{AS_OF, Site};
use crate::world::World;

async fn told_after(db: &Db, position: &Position) -> Vec<Event> {
    outbox::after(db, position, &[], 100).await.unwrap().events
}

fn kinds(events: &[Event]) -> Vec<EventKind> {
    events.iter().map(|event| event.kind).collect()
}

async fn an_import_is_told_of_with_what_it_moved(db: &Db) {
    let world = World::new(db);
    let report = |rules: &[&str]| {
        let finding = |rule: &&str| json!({ "rule": rule, "path": "src/a.c" });
        json!({
            "format": "vigie-report", "version": 1, "tool": { "name": "Lint" }, "complete": true,
            "scope": { "asset": "shop", "kind": "repository" },
            "findings": rules.iter().map(finding).collect::<Vec<_>>(),
        })
    };
    let options = ImportOptions::default();
    let beginning = outbox::end(db).await.unwrap();
    let reports = read(report(&["A"]).to_string().into_bytes(), &options).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    world.engine.import(&mut tx, reports).await.unwrap();
    drop(tx);
    assert_eq!(told_after(db, &beginning).await, [], "what was not kept was not told");
    world.import(&report(&["A", "B"]), &options).await;
    let told = told_after(db, &beginning).await;
    assert_eq!(
        kinds(&told),
        [EventKind::AssetAdded, EventKind::FindingOpened, EventKind::FindingOpened, EventKind::ImportDone]
    );
    let done = &told[3];
    assert_eq!(done.asset.as_ref().map(|(_, name)| name.as_str()), Some("shop"));
    assert_eq!((&done.body["scope"]["tool"], &done.body["counts"]["created"]), (&json!("Lint"), &json!(2)));
    world.wait(1);
    world.import(&report(&["B"]), &options).await;
    let told = told_after(db, &done.position).await;
    assert_eq!(kinds(&told), [EventKind::FindingEnded, EventKind::ImportDone]);
    assert_eq!(told[0].body["evidence"]["cause"], json!("not_reported"));
    assert_eq!(told[0].body["because"], json!("report of Lint"));
    assert_eq!(told[0].finding.as_ref().unwrap().vulnerability, "lint:A");
}

async fn knowledge_is_told_of_once(db: &Db) {
    let (world, site) = (World::new(db), Site::new());
    let beginning = outbox::end(db).await.unwrap();
    let tell = async || {
        let mut tx = db.begin().await.unwrap();
        world.engine.tell_knowledge(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    tell().await;
    assert_eq!(told_after(db, &beginning).await, [], "there is none");
    site.sync(&TestMirror::demo(AS_OF, &["bookworm"]), AS_OF).await;
    std::fs::copy(site.data().join(engine::ingest::KNOWLEDGE_FILE), world.engine.knowledge_path()).unwrap();
    tell().await;
    tell().await;
    let told = told_after(db, &beginning).await;
    assert_eq!(kinds(&told), [EventKind::KnowledgeActivated]);
    assert_eq!(told[0].body["knowledge"], json!(site.knowledge().hash()));
}

testkit::contract!(an_import_is_told_of_with_what_it_moved, knowledge_is_told_of_once);
