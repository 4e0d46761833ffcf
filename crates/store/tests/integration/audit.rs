use serde_json::json;
use sqlx::Connection as _;
use store::audit::{self, Broken, Head, ITSELF, Note};
use store::{Db, StoreError, backup, scope};

use crate::db::{self, TestDb};
use crate::sample::at;

contract!(
    changes_are_noted_in_order,
    what_was_taken_back_was_never_noted,
    writers_at_once_make_one_chain,
    requests_are_noted_only_of_people,
);

fn note(number: i64) -> Note {
    Note::new(at(number), "scope.update", number).after(&json!({ "name": number }))
}

async fn append(db: &Db, numbers: impl IntoIterator<Item = i64>) {
    let mut tx = db.begin().await.unwrap();
    numbers.into_iter().for_each(|number| tx.note(note(number)));
    tx.commit().await.unwrap();
}

async fn changes_are_noted_in_order(db: &Db) {
    append(&db.acting_as("ada"), 0..3).await;
    append(db, 3..5).await;
    let first = audit::list(db, None, 3).await.unwrap();
    let second = audit::list(db, first.last().map(|entry| entry.seq), 3).await.unwrap();
    let found: Vec<_> = first.iter().chain(&second).collect();
    assert_eq!(found.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    assert_eq!(
        found.iter().map(|entry| entry.actor.as_str()).collect::<Vec<_>>(),
        [ITSELF, ITSELF, "ada", "ada", "ada"]
    );
    let newest = found[0];
    assert_eq!((newest.at, newest.what.as_str(), newest.subject.as_str()), (at(4), "scope.update", "4"));
    assert_eq!((newest.before.as_deref(), newest.after.as_deref()), (None, Some(r#"{"name":4}"#)));
    assert_eq!(newest.previous, found[1].hash);
    assert_eq!(audit::head(db).await.unwrap(), Some(Head { seq: 5, hash: newest.hash.clone() }));
    assert_eq!(audit::after(db, 3, 10).await.unwrap().iter().map(|entry| entry.seq).collect::<Vec<_>>(), [4, 5]);
    let report = audit::verify(db, None).await.unwrap();
    assert_eq!((report.entry_count, report.broken), (5, Vec::new()));
}

async fn what_was_taken_back_was_never_noted(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    scope::insert(&mut tx, &crate::scope::sample(1, "Office"), at(0)).await.unwrap();
    drop(tx);
    assert_eq!(audit::verify(db, None).await.unwrap().entry_count, 0);
    let mut tx = db.acting_as("ada").begin().await.unwrap();
    scope::insert(&mut tx, &crate::scope::sample(1, "Office"), at(0)).await.unwrap();
    let refused = scope::insert(&mut tx, &crate::scope::sample(2, "Office"), at(0)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Taken { .. }), "{refused}");
    drop(tx);
    assert_eq!(audit::head(db).await.unwrap(), None, "the whole transaction went");
}

async fn requests_are_noted_only_of_people(db: &Db) {
    for db in [db.clone(), db.acting_as("ada"), db.acting_as("ada").acting_by_itself()] {
        let mut tx = db.begin().await.unwrap();
        tx.note_request(note(0));
        tx.commit().await.unwrap();
    }
    let entries = audit::list(db, None, 10).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.actor.as_str()).collect::<Vec<_>>(), ["ada"]);
}

async fn writers_at_once_make_one_chain(db: &Db) {
    let writers: Vec<_> = (0..8_i64)
        .map(|writer| {
            let db = db.acting_as(&format!("writer {writer}"));
            tokio::spawn(async move {
                for turn in 0..10 {
                    let mut tx = db.begin().await.unwrap();
                    tx.note(note(writer));
                    tx.note(note(turn));
                    if turn % 5 == 4 { drop(tx) } else { tx.commit().await.unwrap() }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let report = audit::verify(db, None).await.unwrap();
    assert_eq!((report.entry_count, report.broken), (8 * 8 * 2, Vec::new()));
    let entries = audit::after(db, 0, 1000).await.unwrap();
    assert!(entries.chunks(2).all(|pair| pair[0].actor == pair[1].actor), "one transaction, one place in the chain");
}

/// Changes the database as somebody would who is not Vigie.
pub(crate) async fn tamper(test: &TestDb, text: &'static str) {
    if test.place.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(&test.place).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = sqlx::PgConnection::connect(&test.place).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

pub(crate) async fn databases() -> Vec<TestDb> {
    let mut databases = vec![db::sqlite().await];
    databases.extend(db::postgres().await);
    databases
}

/// A copy of entry 5 under another number, every later one moved to make room.
const INSERT_BETWEEN: &str = "
    update audit set seq = seq + 1000 where seq > 5;
    update audit set seq = seq - 999 where seq > 1000;
    insert into audit (seq, at, actor, what, subject, old_value, new_value, previous, hash)
        select 6, at, 'mallory', what, subject, old_value, new_value, previous, hash from audit where seq = 5;";

const SWAP: &str = "
    update audit set seq = 1000 where seq = 3;
    update audit set seq = 3 where seq = 7;
    update audit set seq = 7 where seq = 1000;";

#[tokio::test]
async fn whatever_is_done_to_the_trail_is_named() {
    use Broken::{Altered, Inserted, Moved, Removed};
    let moved = |range: std::ops::RangeInclusive<i64>| range.map(|was| Moved { seq: was + 1, was });
    for (text, expected) in [
        ("update audit set actor = 'mallory' where seq = 4", vec![Altered { seq: 4 }]),
        ("update audit set at = at + 1 where seq = 1", vec![Altered { seq: 1 }]),
        ("update audit set new_value = null where seq = 10", vec![Altered { seq: 10 }]),
        ("update audit set old_value = '' where seq = 10", vec![Altered { seq: 10 }]),
        ("update audit set hash = previous, what = 'x' where seq = 6", vec![Altered { seq: 6 }]),
        ("update audit set previous = 'x' where seq = 6", vec![Altered { seq: 6 }]),
        ("update audit set previous = '', hash = '' where seq = 6", vec![Altered { seq: 6 }]),
        ("delete from audit where seq = 5", vec![Removed { first: 5, last: 5 }]),
        ("delete from audit where seq in (1, 2)", vec![Removed { first: 1, last: 2 }]),
        ("delete from audit where seq >= 9", vec![Removed { first: 9, last: 10 }]),
        ("delete from audit", vec![Removed { first: 1, last: 10 }]),
        (
            "delete from audit where seq = 3; update audit set actor = 'mallory' where seq = 8",
            vec![Removed { first: 3, last: 3 }, Altered { seq: 8 }],
        ),
        // The later ones close the gap.
        (
            "delete from audit where seq = 9; update audit set seq = 9 where seq = 10",
            vec![Removed { first: 9, last: 9 }, Moved { seq: 9, was: 10 }],
        ),
        (
            "insert into audit (seq, at, actor, what, subject) values (11, 1, 'mallory', 'x', 'y')",
            vec![Inserted { seq: 11 }],
        ),
        (
            "insert into audit (seq, at, actor, what, subject) values (0, 1, 'mallory', 'x', 'y')",
            vec![Inserted { seq: 0 }],
        ),
        (INSERT_BETWEEN, std::iter::once(Inserted { seq: 6 }).chain(moved(6..=10)).collect()),
        (SWAP, vec![Moved { seq: 3, was: 7 }, Moved { seq: 7, was: 3 }]),
        ("delete from audit_head", vec![Broken::Head]),
        ("update audit_head set hash = 'x'", vec![Broken::Head]),
        ("update audit_head set seq = 12", vec![Removed { first: 11, last: 12 }]),
        ("delete from audit; delete from audit_head", vec![]),
    ] {
        for test in databases().await {
            append(&test.db, 1..=10).await;
            let kept = audit::head(&test.db).await.unwrap().unwrap();
            tamper(&test, text).await;
            let report = audit::verify(&test.db, None).await.unwrap();
            assert_eq!(report.broken, expected, "{text}");
            let report = audit::verify(&test.db, Some(&kept)).await.unwrap();
            assert!(!report.broken.is_empty(), "{text}: a head that was kept elsewhere must tell");
        }
    }
}

#[tokio::test]
async fn a_chain_that_was_written_anew_differs_from_the_head_that_was_kept() {
    for test in databases().await {
        append(&test.db, 1..=3).await;
        let kept = audit::head(&test.db).await.unwrap().unwrap();
        append(&test.db, 4..=4).await;
        assert_eq!(audit::verify(&test.db, Some(&kept)).await.unwrap().broken, []);
        tamper(&test, "delete from audit; delete from audit_head").await;
        append(&test.db, [1, 3, 3, 4]).await;
        assert_eq!(audit::verify(&test.db, None).await.unwrap().broken, [], "whole in itself");
        let report = audit::verify(&test.db, Some(&kept)).await.unwrap();
        assert_eq!(report.broken, [Broken::Rewritten { seq: 3 }]);
    }
}

/// Undoes what the step that brought records made, and those after it.
macro_rules! undo_records {
    () => {
        "
            alter table asset_change drop column whole_seq;
            alter table asset_change drop column defects;
            drop index finding_pending;
            drop table policy;
            drop table listed;
            drop table listing;
            drop table observation;
            drop table sweep;
            alter table asset drop column retired_as;
            alter table asset drop column retired_because;
            alter table asset drop column unreachable_since;
            alter table asset drop column unanswered_first_at;
            alter table asset drop column unanswered_at;
            alter table node drop column version;
            drop table saved_view;
            drop table webhook;
            drop table event;
            alter table change_head drop column event_seq;
            drop table finding_alias;
            drop table identity_case;
            drop table record_link;
            drop table record_identifier;
            drop table record;
            drop index asset_merged;
            alter table asset drop column merged_into;
            alter table asset drop column merged_tags;
            alter table sighting drop column record_id;
            alter table inspection drop column record_id;
            alter table report_scope drop column record_id;"
    };
}
pub(crate) use undo_records;

/// Makes the schema that of step 2 again. Whatever later steps made has to go: it is made again.
pub(crate) const OLD: &str = concat!(
    "delete from schema_version where version >= 3;",
    undo_records!(),
    "drop table report_entry;
    drop table report_scope;
    drop table asset_change;
    drop table change_head;
    drop table node;
    drop index job_ready;
    drop index job_lane;
    drop index job_leased;
    drop index job_work;
    drop index job_state;
    alter table job drop column lane;
    alter table job drop column segment;
    alter table job drop column asked_by;
    alter table job drop column started_at;
    alter table job drop column cancel_asked_at;
    alter table job drop column progress_done;
    alter table job drop column progress_total;
    alter table job drop column progress_text;
    drop table audit_head;
    alter table audit drop column previous;
    alter table audit drop column hash;"
);

#[tokio::test]
async fn entries_from_before_the_chain_are_chained_when_the_schema_is() {
    const ENTRIES: &str = "
        insert into audit (seq, at, actor, what, subject, new_value) values (2, 1, 'ada', 'scope.add', 'a', '{}');
        insert into audit (seq, at, actor, what, subject, new_value) values (7, 2, 'ada', 'scope.add', 'b', null);";
    for test in databases().await {
        tamper(&test, OLD).await;
        tamper(&test, ENTRIES).await;
        let db = Db::open(&test.place).await.unwrap();
        append(&db, [9]).await;
        let report = audit::verify(&db, None).await.unwrap();
        assert_eq!((report.entry_count, report.broken), (3, Vec::new()));
        let entries = audit::after(&db, 0, 10).await.unwrap();
        let found: Vec<_> = entries.iter().map(|entry| (entry.seq, entry.subject.as_str())).collect();
        assert_eq!(found, [(1, "a"), (2, "b"), (3, "9")]);
        tamper(&test, "update audit set subject = 'c' where seq = 2").await;
        assert_eq!(audit::verify(&db, None).await.unwrap().broken, [Broken::Altered { seq: 2 }]);
        db.close().await;
    }
}

#[tokio::test]
async fn a_restored_trail_is_whole_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    for (number, source) in databases().await.iter().enumerate() {
        append(&source.db, 1..=5).await;
        let kept = audit::head(&source.db).await.unwrap();
        let file = dir.path().join(number.to_string());
        let made = backup::backup(&source.db, &file).await.unwrap();
        for target in databases().await {
            backup::restore(&target.db.acting_as("os:ada"), &file, at(9)).await.unwrap();
            append(&target.db, 7..=8).await;
            let report = audit::verify(&target.db, kept.as_ref()).await.unwrap();
            assert_eq!((report.entry_count, report.broken), (8, Vec::new()));
            let restored = audit::after(&target.db, 5, 1).await.unwrap().pop().unwrap();
            assert_eq!((restored.actor.as_str(), restored.what.as_str()), ("os:ada", "backup.restore"));
            assert_eq!(restored.subject, made.sha256);
        }
    }
}
