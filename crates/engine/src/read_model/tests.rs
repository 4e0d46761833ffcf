//! Lists from memory say what the store says, whatever has happened.

mod estate;
mod oracle;
mod remains;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use domain::filter::Filter;
use domain::ids::AssetId;
use domain::priority::policy::Policy;
use index::Visible;
use jiff::SignedDuration;
use store::{Db, change};
use testkit::db;
use tokio::sync::watch;

use super::{Model, checkpoint};
use crate::Engine;
use crate::forget::{Forgotten, Retention};
use crate::views::{Query, active};
use crate::work::Report;
use estate::World;

testkit::contract!(
    lists_say_what_the_store_says,
    lists_lose_what_is_forgotten,
    a_restart_goes_on_from_the_checkpoint,
    another_node_sees_a_change_within_a_moment,
    who_has_what_is_what_the_store_says,
    another_policy_judges_as_it_was_simulated,
    a_policy_that_cannot_be_read_does_not_judge,
);

async fn lists_say_what_the_store_says(db: &Db) {
    let mut world = World::new(db, 7).await;
    oracle::check(&world.engine).await;
    for step in 0..24 {
        let what = world.step().await;
        // Several changes at once are followed together.
        if step % 4 != 2 {
            said_where_it_fails(&what, oracle::check(&world.engine)).await;
        }
    }
}

async fn lists_lose_what_is_forgotten(db: &Db) {
    let mut world = World::new(db, 23).await;
    let (mut forgotten, mut kept) = (Forgotten::default(), 0);
    let kept_for = Some(SignedDuration::from_hours(24));
    let retention = Retention { findings: kept_for, inspections: kept_for, jobs: kept_for };
    for _ in 0..4 {
        for _ in 0..6 {
            world.step().await;
            world.touch().await;
        }
        world.sleep(24);
        // The lists hold what goes now: it has to be followed.
        oracle::check(&world.engine).await;
        let (expected, findings, inspections) = remains::after(&world.engine, &retention).await;
        let trail = store::audit::head(db).await.unwrap();
        let gone = world.engine.forget(&retention, &Report::default()).await.unwrap();
        assert_eq!(remains::now(&world.engine).await, expected);
        assert_eq!((gone.findings, gone.inspections), (findings, inspections));
        assert_eq!(store::audit::head(db).await.unwrap(), trail, "the trail stays, and nothing of this is news in it");
        oracle::check(&world.engine).await;
        let again = world.engine.forget(&retention, &Report::default()).await.unwrap();
        assert_eq!(again, Forgotten::default(), "twice is once");
        forgotten.findings += gone.findings;
        forgotten.inspections += gone.inspections;
        kept += expected.ended;
    }
    assert!(forgotten.findings > 1 && forgotten.inspections > 5 && kept > 1, "{forgotten:?}, {kept} kept");
}

/// Says what had been done when a comparison fails.
async fn said_where_it_fails(what: &str, checking: impl Future<Output = ()>) {
    struct Said<'a>(&'a str);
    impl Drop for Said<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("after: {}", self.0);
            }
        }
    }
    let said = Said(what);
    checking.await;
    drop(said);
}

async fn a_restart_goes_on_from_the_checkpoint(db: &Db) {
    let mut world = World::new(db, 11).await;
    for _ in 0..16 {
        world.step().await;
    }
    keep_once(&Arc::new(world.node())).await;
    // What happens while nothing runs is followed from the checkpoint's position.
    for _ in 0..3 {
        world.touch().await;
    }
    assert!(read(&world.node()).await.is_some(), "the checkpoint is good");
    oracle::check(&world.node()).await;

    let path = world.data.path().join("lists.checkpoint");
    let whole = fs::read(&path).unwrap();
    let line = whole.iter().position(|byte| *byte == b'\n').unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let other = String::from_utf8_lossy(&whole[..line]).replacen("epoch\":\"", "epoch\":\"x", 1).into_bytes();
    for damaged in [Vec::new(), whole[..line].to_vec(), whole[..whole.len() - 9].to_vec(), flipped, vec![b'x'; 9000], {
        [other, whole[line..].to_vec()].concat()
    }] {
        fs::write(&path, damaged).unwrap();
        let node = world.node();
        assert!(read(&node).await.is_none());
        oracle::check(&node).await;
    }
    fs::write(&path, &whole).unwrap();
    world.change_scopes().await;
    assert!(read(&world.node()).await.is_none(), "other scopes judge otherwise");
    oracle::check(&world.node()).await;
    // Another day judges otherwise, and so does other knowledge: what was read back is judged anew.
    keep_once(&Arc::new(world.node())).await;
    world.sleep(24);
    assert!(read(&world.node()).await.is_some());
    oracle::check(&world.node()).await;
    world.publish();
    assert!(read(&world.node()).await.is_some());
    oracle::check(&world.node()).await;
}

async fn another_node_sees_a_change_within_a_moment(db: &Db) {
    let mut world = World::new(db, 3).await;
    for _ in 0..8 {
        world.step().await;
    }
    let other = Arc::new(world.node());
    let (stop, stopped) = watch::channel(false);
    let keeping = tokio::spawn({
        let other = Arc::clone(&other);
        async move { other.keep_lists(stopped).await }
    });
    until(|| other.lists.published().is_some()).await;
    for _ in 0..5 {
        world.touch().await;
        let head = change::head(db).await.unwrap();
        // Nobody asks the other node anything: it follows by itself.
        until(|| other.lists.published().is_some_and(|model| model.snapshot().log() >= head.seq)).await;
        oracle::check(&other).await;
        oracle::check(&world.engine).await;
    }
    stop.send(true).unwrap();
    keeping.await.unwrap();
}

async fn who_has_what_is_what_the_store_says(db: &Db) {
    let (mut world, mut most) = (World::new(db, 19).await, 0);
    for step in 0..32 {
        let what = world.step().await;
        if step % 3 == 1 {
            continue;
        }
        let lists = store::inspection::component_lists(db, None, 1000).await.unwrap();
        most = most.max(lists.len());
        let mut expected: BTreeMap<i64, BTreeSet<AssetId>> = BTreeMap::new();
        for list in &lists {
            for component in list.components.iter().flatten() {
                expected.entry(*component).or_default().insert(list.asset);
            }
        }
        for node in [&world.engine, &world.node()] {
            let held = node.who_has_what().await.unwrap();
            assert_eq!(held.holders.asset_count(), lists.len(), "after {what}");
            assert_eq!(held.holders.component_count(), expected.len(), "after {what}");
            for (component, assets) in &expected {
                assert_eq!(&held.holders.of_one(*component).collect::<BTreeSet<_>>(), assets, "after {what}");
                let lists = held.holders.lists([*component], &[*component]);
                assert_eq!(&lists.iter().map(|has| has.asset).collect::<BTreeSet<_>>(), assets, "after {what}");
            }
        }
    }
    assert!(most > 1, "nothing was compared");
}

#[tokio::test]
async fn a_restored_database_is_another_one() {
    let (test, target) = (db::sqlite().await, db::sqlite().await);
    let mut world = World::new(&test.db, 5).await;
    for _ in 0..8 {
        world.step().await;
    }
    let file = world.data.path().join("backup");
    store::backup::backup(&test.db, &file).await.unwrap();
    let engine = Engine { db: target.db.clone(), ..world.node() };
    let query = Query { filter: active(), sort: index::Sort::WORK, after: None, limit: 10 };
    assert_eq!(engine.findings(&Visible::All, &query).await.unwrap().total, 0);
    store::backup::restore(&target.db, &file, engine.now()).await.unwrap();
    oracle::check(&engine).await;
}

async fn tiers(engine: &Engine) -> [u64; 5] {
    engine.facets(&Visible::All, &active(), 1).await.unwrap().tiers
}

async fn save(engine: &Engine, based_on: u64, text: &str) -> u64 {
    let mut tx = engine.db.begin().await.unwrap();
    let saved = engine.save_policy(&mut tx, based_on, text, "a test").await.unwrap();
    tx.commit().await.unwrap();
    saved.version
}

/// The built-in policy with other words.
fn policy_with(pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(Policy::DEFAULT_TEXT.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replacen(old, new, 1)
    })
}

async fn another_policy_judges_as_it_was_simulated(db: &Db) {
    let mut world = World::new(db, 31).await;
    for _ in 0..16 {
        world.step().await;
    }
    let (here, there) = (&world.engine, world.node());
    let before = tiers(here).await;
    assert!(before.iter().sum::<u64>() > 10, "{before:?}");
    assert_eq!(tiers(&there).await, before);
    let same = here.simulate_policy(Policy::DEFAULT_TEXT).await.unwrap();
    assert_eq!((same.findings, same.change_count, same.earlier + same.later), (before.iter().sum(), 0, 0));
    assert_eq!([0, 1, 2, 3, 4].map(|tier| same.moves[tier][tier]), before);

    let text = policy_with(&[
        ("tier = \"P2\"\ndue_days = 30\nwhen = \"bod:14d\"", "tier = \"P0\"\ndue_days = 7\nwhen = \"bod:14d\""),
        ("when = \"everything\"\n", "when = \"everything\"\ndue_days = 365\n"),
    ]);
    let simulated = here.simulate_policy(&text).await.unwrap();
    assert_eq!(tiers(here).await, before, "a simulation changes nothing");
    assert_eq!(save(here, 0, &text).await, 1);
    let after = [0, 1, 2, 3, 4].map(|to| simulated.moves.iter().map(|from| from[to]).sum::<u64>());
    assert_ne!(after, before);
    assert_eq!(tiers(here).await, after);
    assert_eq!(tiers(&there).await, after, "the other node judges by it too");
    assert_eq!(simulated.earlier, simulated.changes.iter().map(|change| change.findings).sum::<u64>());
    oracle::check(here).await;
    // What changes afterwards is judged by it, too.
    for _ in 0..4 {
        let what = world.step().await;
        said_where_it_fails(&what, oracle::check(&world.engine)).await;
    }
    let again = world.engine.simulate_policy(&text).await.unwrap();
    assert_eq!((again.change_count, again.earlier + again.later), (0, 0));
}

async fn a_policy_that_cannot_be_read_does_not_judge(db: &Db) {
    let mut world = World::new(db, 32).await;
    for _ in 0..8 {
        world.step().await;
    }
    let engine = &world.engine;
    let text = policy_with(&[("tier = \"P0\"", "tier = \"P3\"")]);
    save(engine, 0, &text).await;
    let before = tiers(engine).await;
    // As a newer Vigie may write it.
    let mut tx = db.begin().await.unwrap();
    store::policy::save(&mut tx, 1, "format = 9", "", engine.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(tiers(engine).await, before);
    let in_use = engine.policy().await.unwrap();
    assert_eq!(in_use.version, 1);
    let warnings = engine.facets(&Visible::All, &active(), 1).await.unwrap().warnings;
    let said = "The policy: version 2 of the policy cannot be read here, version 1 judges: ";
    assert!(warnings.iter().any(|warning| warning.starts_with(said)), "{warnings:?}");
    // The next good one judges.
    let mut tx = db.begin().await.unwrap();
    let refused = engine.save_policy(&mut tx, 1, &text, "").await.unwrap_err().to_string();
    assert!(refused.contains("it was made from version 1, and version 2 is in use"), "{refused}");
    drop(tx);
    save(engine, 2, Policy::DEFAULT_TEXT).await;
    assert_eq!(engine.policy().await.unwrap().version, 3);
    oracle::check(engine).await;
}

#[tokio::test]
async fn what_is_still_loading_is_said_and_never_empty() {
    let test = db::sqlite().await;
    let world = World::new(&test.db, 5).await;
    let node = world.node();
    node.lists.kept.store(true, std::sync::atomic::Ordering::Relaxed);
    node.lists.late.store(true, std::sync::atomic::Ordering::Relaxed);
    let building = node.lists.building.lock().await;
    let refused = node.facets(&Visible::All, &Filter::Everything, 1).await.unwrap_err();
    assert!(refused.is::<crate::Loading>(), "{refused}");
    drop(building);
    node.bring_lists_up_to_date().await.unwrap();
    node.facets(&Visible::All, &Filter::Everything, 1).await.unwrap();
}

async fn read(engine: &Engine) -> Option<Model> {
    let by = engine.by(&change::head(&engine.db).await.unwrap()).await.unwrap();
    checkpoint::read(&engine.db, &engine.data_dir, &super::model::Basis::of(&by), &by).await
}

/// Starts keeping the lists, waits until they are there, and stops cleanly.
async fn keep_once(engine: &Arc<Engine>) {
    let (stop, stopped) = watch::channel(false);
    let keeping = tokio::spawn({
        let engine = Arc::clone(engine);
        async move { engine.keep_lists(stopped).await }
    });
    until(|| engine.lists.published().is_some()).await;
    stop.send(true).unwrap();
    keeping.await.unwrap();
}

/// Waits until something is so.
async fn until(is_so: impl Fn() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), looking).await.expect("within a minute, on a busy machine");
}
