//! Batches over an estate: no more than what changed, once, and whatever one asset is like.

use std::collections::BTreeSet;
use std::fs;

use domain::advisory::Statement;
use domain::asset::Asset;
use domain::finding::State;
use store::change::{self, Change, Position};
use testkit::db;

use super::super::tests::{Said, World};
use super::*;

/// More than two batches.
const HOSTS: usize = 2 * BATCH + 20;

testkit::contract!(only_what_changed_is_touched, what_was_killed_is_gone_on_with);

/// Every host has the first package, and every third one the second.
async fn world(db: &Db) -> World {
    let hosts: Vec<String> = (0..HOSTS).map(|host| format!("10.0.0.{host}")).collect();
    let world = World::over(db.clone(), tempfile::tempdir().unwrap(), &hosts).await;
    world.publish(&said(&[]));
    for host in 0..HOSTS {
        world.inspect(host, &[Some(1), has_second(host).then_some(1), None]).await;
    }
    world
}

const fn has_second(host: usize) -> bool {
    host.is_multiple_of(3)
}

/// What the feed says: flaws of packages that nothing fixes.
fn said(open: &[(usize, usize)]) -> Said {
    open.iter().map(|key| (*key, Statement::Open)).collect()
}

/// The assets that have changed after a position of the log.
async fn changed(db: &Db, seq: u64) -> BTreeSet<AssetId> {
    let page = change::after(db, Position::behind(seq), seq, 1000).await.unwrap();
    page.iter().filter_map(Change::asset).collect()
}

fn ids<'a>(hosts: impl Iterator<Item = (usize, &'a Asset)>) -> BTreeSet<AssetId> {
    hosts.map(|(_, asset)| asset.id).collect()
}

/// Hosts with open findings, and how many there are in all.
async fn open(world: &World) -> (BTreeSet<AssetId>, usize) {
    let all: Vec<AssetId> = world.hosts.iter().map(|asset| asset.id).collect();
    let found = store::finding::of_assets(&world.engine.db, &all).await.unwrap();
    let open: Vec<_> = found.iter().filter(|stored| stored.finding.detection.state() == State::Open).collect();
    (open.iter().map(|stored| stored.finding.key.asset).collect(), open.len())
}

async fn only_what_changed_is_touched(db: &Db) {
    let world = world(db).await;
    let with_second = ids(world.hosts.iter().enumerate().filter(|(host, _)| has_second(*host)));

    let before = change::head(db).await.unwrap().seq;
    world.publish(&said(&[(1, 0)]));
    assert_eq!(world.engine.rematch().await.unwrap() as usize, with_second.len());
    assert_eq!(changed(db, before).await, with_second);
    assert_eq!(open(&world).await, (with_second.clone(), with_second.len()));
    assert_eq!(world.engine.rematch().await.unwrap(), 0, "all are up to date, those that were not touched too");

    // A host gets the package: the next change is about it as well.
    world.wait();
    world.inspect(1, &[Some(1), Some(1), None]).await;
    world.publish(&said(&[(1, 0), (1, 1)]));
    assert_eq!(world.engine.rematch().await.unwrap() as usize, with_second.len() + 1);
    assert_eq!(open(&world).await.1, 2 * (with_second.len() + 1));

    // Nobody knows what was before: all are judged, and nothing moves.
    world.publish(&said(&[(1, 0), (1, 1), (2, 0)]));
    fs::remove_file(world.data.path().join(PREVIOUS_FILE)).unwrap();
    let before = change::head(db).await.unwrap().seq;
    assert_eq!(world.engine.rematch().await.unwrap() as usize, HOSTS);
    assert_eq!(changed(db, before).await, BTreeSet::new());

    // A package of which nothing is said any more: what was found is no longer so.
    world.publish(&said(&[(2, 0)]));
    assert_eq!(world.engine.rematch().await.unwrap() as usize, with_second.len() + 1);
    assert_eq!(open(&world).await.1, 0);
}

async fn what_was_killed_is_gone_on_with(db: &Db) {
    let world = world(db).await;
    world.publish(&said(&[(0, 0)]));
    let report = Report::default();
    let begun = async {
        while report.progress().done == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = world.engine.rematch_telling(&report) => {}
        () = begun => {}
    }
    let hash = world.engine.knowledge().unwrap().unwrap().hash();
    let left = store::inspection::matched_otherwise(db, &hash, None, HOSTS).await.unwrap().len();
    assert!(left < HOSTS, "a batch was committed");
    // A batch that was on its way may still be committed.
    assert!(world.engine.rematch().await.unwrap() as usize <= left);
    assert_eq!(open(&world).await, (ids(world.hosts.iter().enumerate()), HOSTS));
    assert_eq!(world.engine.rematch().await.unwrap(), 0);
    for asset in world.hosts.iter().step_by(5) {
        assert_eq!(store::finding::replay_check(db, asset.id).await.unwrap(), []);
        let stored = store::finding::of_asset(db, asset.id).await.unwrap();
        let events = store::finding::events(db, stored[0].finding.key.id()).await.unwrap();
        assert_eq!((stored.len(), events.len()), (1, 1), "once is enough");
    }
}

#[tokio::test]
async fn one_that_cannot_be_judged_stops_no_other() {
    let Some(test) = db::postgres().await else { return };
    let world = world(&test.db).await;
    let broken = world.hosts[7].id;
    test.run_sql(&format!("update inspection_part set bytes = 'x' where asset_id = '{broken}'"));
    world.publish(&said(&[(0, 0)]));
    let error = world.engine.rematch().await.unwrap_err();
    assert!(crate::with_causes(&error).contains(&format!("match asset {broken} again")), "{error:?}");
    let mut others = ids(world.hosts.iter().enumerate());
    others.remove(&broken);
    assert_eq!(open(&world).await, (others, HOSTS - 1));

    // With what it has again, it is judged by the next run, alone.
    test.run_sql(&format!("delete from inspection where asset_id = '{broken}'"));
    test.run_sql(&format!("delete from inspection_part where asset_id = '{broken}'"));
    world.wait();
    world.inspect(7, &[Some(1), None, None]).await;
    assert_eq!(world.engine.rematch().await.unwrap(), 0);
    assert_eq!(open(&world).await.1, HOSTS);
}
