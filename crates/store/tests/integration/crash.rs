//! What was committed survives the death of the process, and what was not leaves no trace.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use store::{Db, finding};

use crate::finding::learn;
use crate::sample::{asset, at, detected, insert_asset, key, upgraded};

const PLACE: &str = "VIGIE_TEST_CRASH_PLACE";
const SAVED_BEFORE_DEATH: usize = 20;

#[tokio::test]
async fn a_killed_writer_loses_nothing_that_it_committed() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("vigie.db");
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["crash::writer", "--exact", "--ignored", "--nocapture"])
        .env(PLACE, &place)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let saved = lines.map(Result::unwrap).filter(|line| line.contains("saved")).take(SAVED_BEFORE_DEATH).count();
    writer.kill().unwrap();
    writer.wait().unwrap();
    assert_eq!(saved, SAVED_BEFORE_DEATH, "the writer was still writing");

    let db = Db::open(place.to_str().unwrap()).await.unwrap();
    let events = finding::events(&db, key(asset(1).id, "openssl", 1).id()).await.unwrap();
    assert!(events.len() >= saved, "{} of at least {saved}", events.len());
    assert_eq!(finding::replay_check(&db, asset(1).id).await.unwrap(), []);
    learn(&db, &key(asset(1).id, "openssl", 2), detected(9999, "1.0"), None).await;
    assert!(events.iter().all(|event| event.recorded_at == at(500)));
}

/// The process that is killed: writes and says so, for ever.
#[tokio::test]
#[ignore = "the other half of the test above"]
async fn writer() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let db = Db::open(place.to_str().unwrap()).await.unwrap();
    let asset = insert_asset(&db, 1).await;
    for hour in 0.. {
        let evidence = if hour % 2 == 0 { detected(hour, "1.0") } else { upgraded(hour, "1.1") };
        learn(&db, &key(asset.id, "openssl", 1), evidence, None).await;
        println!("saved {hour}");
    }
}
