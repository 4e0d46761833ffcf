//! The primary of a PostgreSQL dies and the server that follows it is promoted: the same open database goes on there, and
//! everything that was acknowledged is there, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::ids::JobId;
use engine::discover::NewAsset;
use engine::{Engine, Visible};
use jiff::SignedDuration;
use store::queue::{self, Claim, JobState, Listing, NewJob};
use store::{Db, StoreError};
use testkit::postgres::Postgres;
use tokio::task::JoinHandle;

use crate::work::until;
use crate::world::World;

const KIND: &str = "numbered";
const SETTINGS: &str = "-c shared_buffers=32MB -c fsync=off";
const WRITERS: usize = 3;
/// Numbers that have to be acknowledged on each server.
const ENOUGH: usize = 30;

#[derive(Default)]
struct Acknowledged {
    written: BTreeSet<String>,
    /// With the attempt that was finished.
    finished: BTreeMap<JobId, u32>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_server_is_followed_and_nothing_acknowledged_is_lost() {
    let Some(old) = Postgres::start_with(SETTINGS) else { return };
    let new = old.standby();
    // The one that follows is named first: it is asked, and not taken.
    let place = Postgres::place_of(&[&new, &old]);
    let world = Arc::new(World::new(&Db::open(&place).await.unwrap().acting_as("anna")));
    let db = &world.engine.db;
    world.engine.bring_lists_up_to_date().await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let noted = Arc::new(Mutex::new(Acknowledged::default()));
    let tasks = keep_busy(&world, &over, &noted);
    let counts = || {
        let noted = noted.lock().unwrap();
        (noted.written.len(), noted.finished.len())
    };
    until("enough is done", async || counts().0 >= ENOUGH && counts().1 >= ENOUGH).await;
    old.kill();
    new.promote();
    let before = counts();
    until("as much is done again", async || counts().0 >= before.0 + ENOUGH && counts().1 >= before.1 + ENOUGH).await;
    over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }

    let all = Listing { states: &JobState::ALL, kind: Some(KIND), before: None, limit: 1_000_000 };
    let jobs = queue::list(db, all).await.unwrap();
    let keys: BTreeSet<&str> = jobs.iter().map(|job| job.key.as_str()).collect();
    assert_eq!(keys.len(), jobs.len(), "none is there twice");
    let noted = std::mem::take(&mut *noted.lock().unwrap());
    for name in &noted.written {
        assert!(keys.contains(name.as_str()), "{name} was acknowledged and is lost");
    }
    for (id, attempt) in &noted.finished {
        let job = jobs.iter().find(|job| job.id == *id).unwrap();
        assert_eq!((job.state, job.attempts), (JobState::Done, *attempt), "{job:?}");
    }
    let assets = store::asset::list(db, None, 1_000_000).await.unwrap();
    let names: BTreeSet<&str> = assets.iter().map(|asset| asset.name.as_str()).collect();
    assert_eq!(names, keys, "an asset and its job were written together");
    assert_eq!(names.len(), assets.len());
    let page = world.engine.assets(&Visible::All, &engine::views::AssetQuery::all(1)).await.unwrap();
    assert_eq!(page.total, assets.len() as u64, "the lists have followed");
    let trail = store::audit::verify(db, None).await.unwrap();
    assert_eq!(trail.broken, []);
    assert!(trail.entry_count >= noted.written.len() as u64);

    // An old primary that comes back without knowing better is not gone back to, wherever it is named.
    old.start_again();
    assert_eq!(old.sql("select pg_is_in_recovery()"), "f");
    for place in [Postgres::place_of(&[&old, &new]), place] {
        let again = Db::open(&place).await.unwrap();
        assert_eq!(queue::list(&again, all).await.unwrap().len(), jobs.len());
        again.close().await;
    }
    db.close().await;
}

/// Writes and finishes numbered things until it is over, and notes what was acknowledged.
fn keep_busy(world: &Arc<World>, over: &Arc<AtomicBool>, noted: &Arc<Mutex<Acknowledged>>) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let (world, over, noted) = (Arc::clone(world), Arc::clone(over), Arc::clone(noted));
        tasks.push(tokio::spawn(async move {
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("n{writer}-{number}");
                match write(&world.engine, &name).await {
                    Ok(()) => drop(noted.lock().unwrap().written.insert(name)),
                    // Whether it was committed nobody knows: it is never tried again.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        }));
    }
    tasks.push(tokio::spawn({
        let (world, over, noted) = (Arc::clone(world), Arc::clone(over), Arc::clone(noted));
        async move {
            while !over.load(Ordering::Relaxed) {
                match finish(&world.engine).await {
                    Ok(Some((id, attempt))) => drop(noted.lock().unwrap().finished.insert(id, attempt)),
                    Ok(None) | Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        }
    }));
    tasks
}

/// An asset and a job of one name, in one transaction.
async fn write(engine: &Engine, name: &str) -> anyhow::Result<()> {
    let mut tx = engine.db.begin().await?;
    let way = format!("ssh://root@{name}.example");
    let new = NewAsset { way, name: Some(name.to_owned()), ..NewAsset::default() };
    engine.make_known_in(&mut tx, &new).await?;
    queue::enqueue(&mut tx, &NewJob::scheduled(KIND, name, 100, engine.now()), engine.now()).await?;
    Ok(tx.commit().await?)
}

async fn finish(engine: &Engine) -> Result<Option<(JobId, u32)>, StoreError> {
    let (kinds, lease) = (&[KIND][..], SignedDuration::from_secs(600));
    let claim = Claim { kinds, segment: "", priority_max: i64::MAX, holder: "test", lease };
    let Some(lease) = queue::claim(&engine.db, &claim, engine.now()).await? else { return Ok(None) };
    let mut tx = engine.db.begin().await?;
    queue::finish(&mut tx, &lease, "", engine.now()).await?;
    tx.commit().await?;
    Ok(Some((lease.id, lease.attempt)))
}

#[tokio::test]
async fn where_nobody_takes_writes_the_error_names_the_hosts_and_no_password() {
    let Some(primary) = Postgres::start_with(SETTINGS) else { return };
    let standby = primary.standby();
    primary.kill();
    let hosts = Postgres::place_of(&[&primary, &standby]).split_once("?host=").unwrap().1.to_owned();
    let place = format!("postgres://postgres:geheim@localhost/postgres?host={hosts}");
    let error = Db::open(&place).await.unwrap_err();
    assert!(matches!(error, StoreError::NoPrimary { .. }), "{error}");
    let text = error.to_string();
    for host in hosts.split(',') {
        assert!(text.contains(host) && !text.contains("geheim"), "{text}");
    }
    assert!(text.contains("follows another server"), "{text}");
}
