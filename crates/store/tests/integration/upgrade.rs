//! What an upgrade does before it changes anything.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use store::backup::{self, BackupError};
use store::{Db, StoreError, Upgrade, UpgradeStep, audit};
use tokio::task::JoinHandle;

use crate::audit::{OLD, databases, tamper};
use crate::db::{self, TestDb};
use crate::migrate_to::{expect_all_same, fill_all, targets};
use crate::sample::{asset, at, insert_asset};

fn backups(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// A database as nothing has touched it yet.
async fn bare(target: &TestDb) -> Db {
    if target.place.starts_with("sqlite:") {
        let file = PathBuf::from(target.place.trim_start_matches("sqlite:"));
        return Db::open_bare(&format!("{}.bare", file.display())).await.unwrap();
    }
    tamper(target, "drop schema public cascade; create schema public").await;
    Db::open_bare(&target.place).await.unwrap()
}

/// The data of schema 2, with entries in its trail that have no hashes yet.
async fn old(test: &TestDb, master: &store::seal::MasterKey) {
    fill_all(&test.db, master).await;
    tamper(test, OLD).await;
}

#[tokio::test]
async fn a_backup_is_made_before_the_schema_is_changed() {
    for test in targets().await {
        let (master, dir) = crate::credential::master_key();
        old(&test, &master).await;
        let folder = dir.path().join("data/backups");
        let told: Mutex<Vec<String>> = Mutex::default();
        let tell = |step: UpgradeStep<'_>| {
            told.lock().unwrap().push(match step {
                UpgradeStep::BackingUp { row_count, row_total: None, .. } => format!("backup {row_count}"),
                UpgradeStep::BackingUp { row_count, row_total: Some(total), .. } => {
                    format!("backup {row_count} of {total}")
                }
                UpgradeStep::Migrating { number, of } => format!("{number}/{of}"),
                UpgradeStep::Done => "done".to_owned(),
            });
        };
        let upgrade = Upgrade { backups: Some(&folder), now: at(0), tell: &tell };
        let upgraded = Db::open_upgrading(&test.place, &upgrade).await.unwrap();
        let told_now = std::mem::take(&mut *told.lock().unwrap());
        assert_eq!(told_now[0], "backup 0");
        let (backups_told, steps) =
            told_now[1..].split_at(told_now.iter().position(|told| told == "1/17").unwrap() - 1);
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        assert!(steps.starts_with(&["1/17", "2/17"]) && steps.ends_with(&["17/17", "done"]), "{steps:?}");

        let made = backups(&folder);
        assert_eq!(made.len(), 1, "{made:?}");
        assert!(made[0].file_name().unwrap().to_str().unwrap().starts_with("before-0."), "{made:?}");
        assert_eq!(fs::metadata(&made[0]).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let summary = backup::verify(&made[0]).unwrap();
        assert_eq!(summary.schema, 2);
        let rows = summary.row_count;
        assert_eq!(backups_told, [format!("backup 0 of {rows}"), format!("backup {rows} of {rows}")]);

        for target in targets().await {
            // A database that has today's schema cannot take yesterday's rows.
            let refused = backup::restore(&target.db, &made[0], at(1)).await.unwrap_err();
            assert!(matches!(refused, BackupError::Schema { found: 2, .. }), "{refused}");
            let restored = bare(&target).await;
            assert_eq!(backup::restore(&restored, &made[0], at(1)).await.unwrap(), summary);
            expect_all_same(&upgraded, &restored, &master).await;
            let trails = (audit::verify(&upgraded, None).await.unwrap(), audit::verify(&restored, None).await.unwrap());
            assert_eq!((trails.0.broken.len(), trails.1.broken.len()), (0, 0));
            assert_eq!(trails.0.entry_count + 1, trails.1.entry_count, "the restoration is noted");
            restored.close().await;
        }

        // There is nothing to do any more.
        Db::open_upgrading(&test.place, &upgrade).await.unwrap();
        assert_eq!((backups(&folder).len(), told.lock().unwrap().len()), (1, 0));
    }
}

#[tokio::test]
async fn without_a_backup_nothing_is_changed_unless_somebody_says_so() {
    for test in targets().await {
        let (master, dir) = crate::credential::master_key();
        old(&test, &master).await;
        // Root may write into folders that are read-only; nobody makes a folder of a file.
        let folder = dir.path().join("backups");
        fs::write(&folder, "in the way").unwrap();
        let upgrade = Upgrade { backups: Some(&folder), now: at(0), tell: &|_| () };
        for _ in 0..2 {
            let refused = Db::open_upgrading(&test.place, &upgrade).await.unwrap_err();
            assert!(matches!(refused, StoreError::NoBackup { .. }), "{refused}");
            assert!(refused.to_string().contains("--no-backup-before-upgrade"), "{refused}");
        }
        // The schema is still the old one: there is room for what a later step makes.
        tamper(&test, "create table node (id bigint)").await;
        tamper(&test, "drop table node").await;
        let upgrade = Upgrade { backups: None, ..upgrade };
        let db = Db::open_upgrading(&test.place, &upgrade).await.unwrap();
        assert_eq!(audit::verify(&db, None).await.unwrap().broken, []);
        assert_eq!(fs::read(&folder).unwrap(), b"in the way");
    }
}

#[tokio::test]
async fn the_last_three_are_kept_and_nothing_else_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    fs::write(folder.join("mine"), "").unwrap();
    fs::write(folder.join("before-0.0.9-killed.part"), "half").unwrap();
    for hour in 0..5_i64 {
        let test = db::sqlite().await;
        let asset = insert_asset(&test.db, 1).await;
        tamper(&test, OLD).await;
        // Of two in one second both are kept.
        let upgrade = Upgrade { backups: Some(folder), now: at(hour / 2), tell: &|_| () };
        let db = Db::open_upgrading(&test.place, &upgrade).await.unwrap();
        assert_eq!(store::asset::get(&db, asset.id).await.unwrap(), Some(asset));
    }
    let found = backups(folder);
    let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names[..3].iter().all(|name| name.starts_with("before-") && !name.ends_with(".part")), "{names:?}");
    assert!(names[0].ends_with("Z") && names[1].ends_with("Z-2") && names[2].ends_with("Z"), "{names:?}");
    assert_eq!(names[3], "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_that_open_it_one_upgrades() {
    for test in targets().await {
        insert_asset(&test.db, 1).await;
        tamper(&test, OLD).await;
        let dir = tempfile::tempdir().unwrap();
        let opens: Vec<_> = (0..4_i64)
            .map(|hour| {
                let (place, folder) = (test.place.clone(), dir.path().to_owned());
                tokio::spawn(async move {
                    let upgrade = Upgrade { backups: Some(&folder), now: at(hour), tell: &|_| () };
                    let db = Db::open_upgrading(&place, &upgrade).await.unwrap();
                    assert_eq!(store::asset::list(&db, None, 9).await.unwrap().len(), 1);
                })
            })
            .collect();
        for open in opens {
            open.await.unwrap();
        }
        assert_eq!(backups(dir.path()).len(), 1);
    }
}

#[tokio::test]
async fn what_runs_while_a_newer_program_upgrades_writes_nothing_more() {
    for test in databases().await {
        insert_asset(&test.db, 1).await;
        test.db.expect_known_schema().await.unwrap();
        // What is in the middle must not come after the upgrade; SQLite lets nobody upgrade meanwhile.
        let begun = match test.place.starts_with("sqlite:") {
            true => None,
            false => Some(test.db.begin().await.unwrap()),
        };
        tamper(&test, "insert into schema_version (version, digest) values (999, '')").await;
        let begun = match begun {
            Some(begun) => begun,
            None => test.db.begin().await.unwrap(),
        };
        let mut tx = begun;
        store::asset::insert(&mut tx, &asset(2)).await.unwrap();
        let refused = tx.commit().await.unwrap_err();
        assert!(matches!(refused, StoreError::NewerSchema { found: 999, .. }), "{refused}");
        let refused = test.db.expect_known_schema().await.unwrap_err();
        assert!(refused.to_string().contains("use the newer Vigie"), "{refused}");
        let names: Vec<_> = store::asset::list(&test.db, None, 9).await.unwrap().into_iter().map(|a| a.id).collect();
        assert_eq!(names, [asset(1).id]);
    }
}

/// Makes the schema that of before step 16 again, which made nothing that would be in the way of making it again. Once
/// it is committed, every asset is told from what was written after it, and the schema is one that nobody here knows.
async fn one_step_older(test: &TestDb) {
    let text = match test.place.starts_with("sqlite:") {
        // Nobody commits beside its one writer, so what is written together with the step is what comes last.
        true => {
            "drop table policy; drop table listed; drop table listing; delete from schema_version where version >= 16;
             create trigger stepped after insert on schema_version when new.version = 16
                 begin update asset set name = 'moved ' || name; end;"
        }
        // At the very end of the transaction of the step.
        false => {
            "drop table policy; drop table listed; drop table listing; delete from schema_version where version >= 16;
             create function stepped() returns trigger language plpgsql as $$ begin
                 update asset set name = 'moved ' || name;
                 insert into schema_version (version, digest) values (999, '');
                 return null;
             end $$;
             create constraint trigger stepped after insert on schema_version deferrable initially deferred
                 for each row when (new.version = 16) execute function stepped();"
        }
    };
    tamper(test, text).await;
}

/// The names of all assets, once their database was upgraded.
async fn names(test: &TestDb) -> Vec<String> {
    let mut names: Vec<String> =
        store::asset::list(&test.db, None, 9).await.unwrap().into_iter().map(|asset| asset.name).collect();
    names.sort();
    names
}

fn moved(numbers: &[u128]) -> Vec<String> {
    numbers.iter().map(|number| format!("moved {}", asset(*number).name)).collect()
}

/// Upgrades in a task of its own; `tell` hears of it at the first step, and the upgrade goes on when it returns.
fn upgrading(test: &TestDb, tell: impl Fn() + Send + Sync + 'static) -> JoinHandle<Result<Db, StoreError>> {
    let place = test.place.clone();
    tokio::spawn(async move {
        let told = |step: UpgradeStep<'_>| {
            if matches!(step, UpgradeStep::Migrating { number: 1, .. }) {
                tokio::task::block_in_place(&tell);
            }
        };
        Db::open_upgrading(&place, &Upgrade { backups: None, now: at(0), tell: &told }).await
    })
}

/// Whether some session of the database waits for the lock that keeps commits out while the schema changes.
async fn waits_for_commits(connection: &mut PgConnection) -> bool {
    let text = "select exists (select from pg_locks where locktype = 'advisory' and objid = 8620319 and not granted
                    and database = (select oid from pg_database where datname = current_database()))";
    sqlx::query_scalar(text).fetch_one(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_being_committed_is_there_before_the_first_step() {
    let Some(test) = db::postgres().await else { return };
    // The commit of one asset does not come to its end as long as another session holds a lock.
    tamper(
        &test,
        "create function held() returns trigger language plpgsql as $$ begin
             perform pg_advisory_xact_lock(1);
             return null;
         end $$;
         create constraint trigger held after insert on asset deferrable initially deferred
             for each row execute function held();",
    )
    .await;
    one_step_older(&test).await;
    let held = test.hold("select pg_advisory_xact_lock(1)");
    let mut other = PgConnection::connect(&test.place).await.unwrap();
    let mut tx = test.db.begin().await.unwrap();
    store::asset::insert(&mut tx, &asset(1)).await.unwrap();
    let committing = tokio::spawn(tx.commit());
    let is_held = "select exists (select from pg_locks where locktype = 'advisory' and objid = 1 and not granted)";
    while !sqlx::query_scalar::<_, bool>(is_held).fetch_one(&mut other).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let has_begun = Arc::new(AtomicBool::new(false));
    let begun = Arc::clone(&has_begun);
    let upgrade = upgrading(&test, move || begun.store(true, Ordering::Relaxed));
    while !waits_for_commits(&mut other).await {
        assert!(!upgrade.is_finished(), "it does not wait");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!has_begun.load(Ordering::Relaxed), "no step begins before what is being committed is there");
    // What has not begun to commit is not waited for. (An asset would wait for the other one, for its number in the change log.)
    let mut late = test.db.begin().await.unwrap();
    store::meta::set(&mut late, "late", "1").await.unwrap();
    let refused = late.commit().await.unwrap_err();
    assert!(matches!(refused, StoreError::Upgrading) && refused.is_passing(), "{refused}");

    drop(held);
    committing.await.unwrap().unwrap();
    upgrade.await.unwrap().unwrap();
    assert_eq!(names(&test).await, moved(&[1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_written_beside_a_step_is_never_committed() {
    for test in databases().await {
        insert_asset(&test.db, 1).await;
        one_step_older(&test).await;
        let is_sqlite = test.place.starts_with("sqlite:");
        // SQLite lets nobody begin a step beside a writer.
        let begun = match is_sqlite {
            true => None,
            false => Some(test.db.begin().await.unwrap()),
        };
        let (in_step, stepping) = std::sync::mpsc::channel();
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let upgrade = upgrading(&test, move || {
            in_step.send(()).unwrap();
            wait.lock().unwrap().recv().unwrap();
        });
        tokio::task::block_in_place(|| stepping.recv().unwrap());
        let refused = match begun {
            // Nor to write beside a step.
            None => test.db.begin().await.map(drop).unwrap_err(),
            Some(mut tx) => {
                store::asset::insert(&mut tx, &asset(2)).await.unwrap();
                tx.commit().await.unwrap_err()
            }
        };
        match is_sqlite {
            true => assert!(matches!(refused, StoreError::Busy { .. }), "{refused}"),
            false => assert!(matches!(refused, StoreError::Upgrading), "{refused}"),
        }
        assert!(refused.is_passing());
        go_on.send(()).unwrap();
        upgrade.await.unwrap().unwrap();
        assert_eq!(names(&test).await, moved(&[1]));
        if !is_sqlite {
            let mut tx = test.db.begin().await.unwrap();
            store::asset::insert(&mut tx, &asset(2)).await.unwrap();
            let refused = tx.commit().await.unwrap_err();
            assert!(matches!(refused, StoreError::NewerSchema { found: 999, .. }), "{refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_writer_of_sqlite_ends_before_the_first_step() {
    let test = db::sqlite().await;
    one_step_older(&test).await;
    let mut tx = test.db.begin().await.unwrap();
    store::asset::insert(&mut tx, &asset(1)).await.unwrap();
    let refused = upgrading(&test, || panic!("a step beside a writer")).await.unwrap().map(drop).unwrap_err();
    assert!(matches!(refused, StoreError::Busy { .. }), "{refused}");
    tx.commit().await.unwrap();
    upgrading(&test, || ()).await.unwrap().unwrap();
    assert_eq!(names(&test).await, moved(&[1]));
}
