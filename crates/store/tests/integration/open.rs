use sqlx::{Connection as _, PgConnection};
use store::{Db, StoreError, meta};
use uuid::Uuid;

use crate::audit::{databases, tamper};
use crate::db;

contract!(settings_are_kept, a_dropped_transaction_leaves_no_trace);

async fn settings_are_kept(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    let first = meta::installation_id(&mut tx, Uuid::from_u128(1)).await.unwrap();
    let again = meta::installation_id(&mut tx, Uuid::from_u128(2)).await.unwrap();
    assert_eq!((first, again), (Uuid::from_u128(1), Uuid::from_u128(1)));
    assert!(!meta::flag(&mut tx, meta::SAMPLE_DATA).await.unwrap());
    meta::set_flag(&mut tx, meta::SAMPLE_DATA, true).await.unwrap();
    tx.commit().await.unwrap();
    assert!(meta::flag(db, meta::SAMPLE_DATA).await.unwrap());
}

async fn a_dropped_transaction_leaves_no_trace(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    meta::set(&mut tx, "key", "value").await.unwrap();
    assert_eq!(meta::get(&mut tx, "key").await.unwrap().as_deref(), Some("value"));
    assert_eq!(meta::get(db, "key").await.unwrap(), None, "others do not see it yet");
    drop(tx);
    let mut tx = db.begin().await.unwrap();
    assert_eq!(meta::get(&mut tx, "key").await.unwrap(), None);
}

#[tokio::test]
async fn opening_again_keeps_everything() {
    let test = db::sqlite().await;
    let mut tx = test.db.begin().await.unwrap();
    meta::set(&mut tx, "key", "value").await.unwrap();
    tx.commit().await.unwrap();
    test.db.close().await;
    let again = Db::open(&test.place).await.unwrap();
    assert_eq!(meta::get(&again, "key").await.unwrap().as_deref(), Some("value"));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let test = db::sqlite().await;
    test.db.close().await;
    let mut connection = sqlx::SqliteConnection::connect(&test.place).await.unwrap();
    sqlx::query("insert into schema_version (version, digest) values (999, '')")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let error = Db::open(&test.place).await.unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 999, .. }), "{error}");
}

#[tokio::test]
async fn a_schema_that_was_never_released_is_refused_and_left_alone() {
    for text in [
        "update schema_version set digest = 'x' where version = 2",
        "delete from schema_version where version > 3; update schema_version set digest = 'x' where version = 3",
        "alter table schema_version drop column digest",
    ] {
        for test in databases().await {
            tamper(&test, text).await;
            let error = Db::open(&test.place).await.unwrap_err();
            assert!(matches!(error, StoreError::UnreleasedSchema { .. }), "{text}: {error}");
        }
    }
}

/// Several nodes, or a command beside the server, may be the first at once.
async fn open_at_once(place: &str) {
    let opens: Vec<_> = (0..6)
        .map(|_| {
            let place = place.to_owned();
            tokio::spawn(async move { Db::open(&place).await.map(drop) })
        })
        .collect();
    for open in opens {
        open.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_sqlite_file_may_be_opened_by_many_at_once() {
    let dir = tempfile::tempdir().unwrap();
    open_at_once(dir.path().join("vigie.db").to_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_postgres_database_may_be_opened_by_many_at_once() {
    let Some(test) = db::postgres().await else { return };
    let name = format!("fresh_{}", Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&test.place).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("create database {name}"));
    sqlx::query(create).execute(&mut connection).await.unwrap();
    let socket = test.place.split_once("?host=").unwrap().1;
    open_at_once(&format!("postgres://postgres@localhost/{name}?host={socket}")).await;
}

#[tokio::test]
async fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let test = db::sqlite().await;
    let path = test.place.strip_prefix("sqlite:").unwrap();
    for name in [path.to_owned(), format!("{path}-wal")] {
        let mode = std::fs::metadata(&name).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_place_is_named_in_the_error() {
    for (place, expected) in [
        ("mysql://root:geheim@db/vigie", "mysql://root:…@db/vigie"),
        ("postgres://vigie:geheim@localhost:1/vigie?host=/nowhere", "postgres://vigie:…@localhost:1/vigie"),
        ("/nowhere/vigie.db", "/nowhere/vigie.db"),
    ] {
        let error = Db::open(place).await.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("geheim"), "{error}");
    }
}

#[tokio::test]
async fn findings_and_their_evidence_lie_in_partitions() {
    let Some(test) = db::postgres().await else { return };
    let mut connection = PgConnection::connect(&test.place).await.unwrap();
    let text = "select parent.relname::text, count(*) from pg_inherits
                    join pg_class parent on parent.oid = inhparent
                    join pg_class part on part.oid = inhrelid
                where part.relkind = 'r' and parent.relkind = 'p' group by parent.relname order by parent.relname";
    let found: Vec<(String, i64)> = sqlx::query_as(text).fetch_all(&mut connection).await.unwrap();
    let expected = ["finding", "finding_event"].map(|table| (table.to_owned(), 8));
    assert_eq!(found, expected);
}
