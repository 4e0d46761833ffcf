//! What is as it must be passes; whatever was changed behind the back of the store is found, said, and judged again.

use domain::advisory::Statement;
use domain::finding::State;
use store::Db;

use super::*;
use crate::inspect::tests::{Said, World};

testkit::contract!(what_is_as_it_must_be_passes);

async fn differing(world: &World) -> Vec<(String, Vec<String>)> {
    let checked = world.engine.check_next(&Report::default()).await.unwrap();
    assert_eq!(checked.assets as usize, world.hosts.len());
    assert_eq!(checked.differing, world.engine.differing().await.unwrap());
    checked.differing.into_iter().map(|differing| (differing.name, differing.what)).collect()
}

/// Two hosts, each with two findings.
async fn world(db: &Db) -> World {
    let world = World::over(db.clone(), tempfile::tempdir().unwrap(), &["192.0.2.1", "192.0.2.2"]).await;
    let fixed = Statement::FixedIn { version: "2-1".to_owned() };
    world.publish(&Said::from([((0, 0), Statement::Open), ((1, 0), fixed)]));
    for host in 0..2 {
        world.inspect(host, &[Some(1), Some(1), Some(1)]).await;
    }
    world
}

async fn what_is_as_it_must_be_passes(db: &Db) {
    let world = world(db).await;
    assert_eq!(differing(&world).await, []);
    world.wait();
    world.inspect(0, &[Some(1), Some(2), None]).await;
    world.publish(&Said::from([((1, 0), Statement::Open)]));
    assert_eq!(differing(&world).await, [], "what is to be matched again is not compared");
    world.engine.rematch().await.unwrap();
    assert_eq!(differing(&world).await, []);
}

#[tokio::test]
async fn what_was_changed_by_hand_is_found_and_judged_again() {
    let Some(test) = testkit::db::postgres().await else { return };
    let world = world(&test.db).await;
    let host = world.hosts[0].id;
    let hidden = "state = 'fixed', more = '{\"cause\":\"removed\"}'";
    test.run_sql(&format!("update finding set {hidden} where asset_id = '{host}'"));
    let found = differing(&world).await;
    let [(name, what)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(*name, world.hosts[0].name);
    assert!(what.contains(&"CVE-2099-0001 in bash is there, and not open".to_owned()), "{what:?}");
    assert!(what.contains(&"CVE-2099-0001 in bash is not what its evidence says".to_owned()), "{what:?}");
    let status = world.engine.status(&crate::Visible::All).await.unwrap();
    assert!(status.warnings.iter().any(|warning| warning.contains("`vigie check`")), "{:?}", status.warnings);

    // It is judged again, and what is open is open.
    world.wait();
    assert_eq!(world.engine.rematch().await.unwrap(), 1);
    let kept = store::finding::of_asset(&world.engine.db, host).await.unwrap();
    assert!(kept.iter().all(|stored| stored.finding.detection.state() == State::Open), "{kept:?}");
}
