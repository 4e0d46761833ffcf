use std::sync::Mutex;

use domain::ids::AssetId;
use jiff::SignedDuration;
use store::backup::{self, BackupError, Progress};
use store::queue::{self, Claim, JobState, Listing};
use store::schedule::{self, Schedule};
use store::seal::MasterKey;
use store::{
    Db, ExposeSecret as _, SecretString, audit, change, credential, finding, host_key, meta, run, scope, session,
    sweep, user,
};
use uuid::Uuid;

use crate::audit::tamper;
use crate::backup::{expect_same, fill, record};
use crate::db::{self, TestDb};
use crate::finding::learn;
use crate::sample::{at, detected, insert_asset, key, matched};

contract!(everything_moves_and_goes_on, what_is_not_empty_or_not_new_is_left_alone);

/// Everything that has a meaning in some form of SQL text.
const AWKWARD: &str = "a\tb\nc\r\\N \\. \\x00 'd' \"e\" {f} %g é 漢 \u{1f511}";

/// A little of everything.
pub(crate) async fn fill_all(db: &Db, master: &MasterKey) {
    fill(db).await;
    crate::credential::add(db, master).await;
    let db = &db.acting_as("ada");
    crate::queue::enqueue(db, &crate::queue::job("waits")).await;
    crate::queue::enqueue(db, &crate::queue::job("ends")).await;
    let claim = Claim {
        kinds: &["inspect"],
        segment: "",
        priority_max: i64::MAX,
        holder: "holder",
        lease: SignedDuration::from_mins(1),
    };
    let lease = queue::claim(db, &claim, at(1)).await.unwrap().unwrap();
    crate::run::plan(db, &crate::run::sample(1, AssetId::from_uuid(Uuid::from_u128(1)))).await;
    let user = crate::access::sample();
    let mut tx = db.begin().await.unwrap();
    queue::finish(&mut tx, &lease, AWKWARD, at(2)).await.unwrap();
    user::insert(&mut tx, &user).await.unwrap();
    session::start(&mut tx, user.id, &SecretString::from("token"), at(0), at(10)).await.unwrap();
    scope::insert(&mut tx, &crate::scope::sample(1, "production"), at(0)).await.unwrap();
    host_key::pin(&mut tx, "web01.example:22", "ssh-ed25519 AAAA", at(0)).await.unwrap();
    meta::set(&mut tx, "awkward", AWKWARD).await.unwrap();
    meta::set(&mut tx, "empty", "").await.unwrap();
    let payload = serde_json::json!({ "text": AWKWARD });
    let schedule =
        Schedule { name: "clock".to_owned(), kind: "clock".to_owned(), payload, every_seconds: 60, next_at: at(3) };
    schedule::set(&mut tx, &schedule).await.unwrap();
    store::view::add(&mut tx, &crate::view::sample(1, "urgent", "ada", true)).await.unwrap();
    let sweep = crate::retirement::sample("10.0.0.0/24", 1, 7);
    let id = sweep::begin(&mut tx, &sweep).await.unwrap();
    sweep::end(&mut tx, id, &sweep::End::Whole, sweep.answered, at(2)).await.unwrap();
    let retired = crate::sample::asset(9);
    store::asset::insert(&mut tx, &retired).await.unwrap();
    store::asset::retire(&mut tx, retired.id, &crate::sample::retired(), at(3)).await.unwrap();
    tx.commit().await.unwrap();
}

pub(crate) async fn expect_all_same(a: &Db, b: &Db, master: &MasterKey) {
    expect_same(a, b).await;
    let all = Listing { states: &JobState::ALL, kind: None, before: None, limit: 100 };
    assert_eq!(queue::list(a, all).await.unwrap(), queue::list(b, all).await.unwrap());
    assert_eq!(run::list(a, None, 9).await.unwrap(), run::list(b, None, 9).await.unwrap());
    assert_eq!(scope::list(a).await.unwrap(), scope::list(b).await.unwrap());
    assert_eq!(schedule::list(a).await.unwrap(), schedule::list(b).await.unwrap());
    assert_eq!(sweep::latest(a, 9).await.unwrap(), sweep::latest(b, 9).await.unwrap());
    assert_eq!(host_key::list(a).await.unwrap(), host_key::list(b).await.unwrap());
    assert_eq!(meta::get(b, "awkward").await.unwrap().as_deref(), Some(AWKWARD));
    assert_eq!(meta::get(b, "empty").await.unwrap().as_deref(), Some(""));
    let token = SecretString::from("token");
    assert_eq!(session::find(a, &token, at(1)).await.unwrap(), session::find(b, &token, at(1)).await.unwrap());
    let opened = credential::open(b, master, crate::credential::sample().id, "10.1.2.3").await.unwrap();
    assert_eq!(opened.secret.expose_secret(), "-----BEGIN");
    let ids: Vec<AssetId> = store::asset::list(a, None, 100).await.unwrap().iter().map(|asset| asset.id).collect();
    for stored in finding::of_assets(a, &ids).await.unwrap() {
        let id = stored.finding.key.id();
        assert_eq!(finding::events(a, id).await.unwrap(), finding::events(b, id).await.unwrap());
    }
}

pub(crate) async fn targets() -> Vec<TestDb> {
    let mut targets = vec![db::sqlite().await];
    targets.extend(db::postgres().await);
    targets
}

async fn everything_moves_and_goes_on(db: &Db) {
    let (master, _dir) = crate::credential::master_key();
    fill_all(db, &master).await;
    let kept = audit::head(db).await.unwrap();
    let before = change::head(db).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut places: Vec<String> = targets().await.iter().map(|target| target.place.clone()).collect();
    // Those of SQLite are gone with their folders: the target is made.
    places[0] = format!("sqlite:{}", folder.path().join("new.db").display());
    for place in places {
        let told: Mutex<Vec<Progress>> = Mutex::default();
        let moved =
            backup::migrate_to(&db.acting_as("os:ada"), &place, at(5), &|step| told.lock().unwrap().push(step)).await;
        let moved = moved.unwrap();
        let rows: u64 = moved.tables.iter().map(|table| table.row_count).sum();
        let told = told.into_inner().unwrap();
        assert!(told.iter().all(|step| step.rows_total == rows) && told.iter().any(|step| step.is_comparing));
        assert_eq!(moved.trail.broken, []);

        let target = Db::open(&place).await.unwrap();
        expect_all_same(db, &target, &master).await;
        let report = audit::verify(&target, kept.as_ref()).await.unwrap();
        assert_eq!((report.broken, report.entry_count), (Vec::new(), moved.trail.entry_count + 1));
        let last = audit::list(&target, None, 1).await.unwrap().pop().unwrap();
        assert_eq!((last.actor.as_str(), last.what.as_str()), ("os:ada", "store.migrate"));
        assert!(change::head(&target).await.unwrap().epoch != before.epoch, "what follows the old log begins anew");

        // Whatever the engine numbers goes on behind what was copied.
        record(&target, 1, 9).await;
        let asset = insert_asset(&target, 3).await;
        let key = key(asset.id, "never-seen-before", 77);
        learn(&target, &key, detected(3, "1.0"), Some(&matched(&key, Some("1.1")))).await;
        let mut tx = target.begin().await.unwrap();
        scope::insert(&mut tx, &crate::scope::sample(2, "office"), at(6)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(audit::verify(&target, kept.as_ref()).await.unwrap().broken, []);
        assert_eq!(finding::replay_check(&target, asset.id).await.unwrap(), []);
        target.close().await;

        let again = backup::migrate_to(db, &place, at(5), &|_| ()).await.unwrap_err();
        assert!(matches!(again, BackupError::NotEmpty { .. }), "{again}");
    }
}

async fn what_is_not_empty_or_not_new_is_left_alone(db: &Db) {
    insert_asset(db, 1).await;
    for target in targets().await {
        insert_asset(&target.db, 2).await;
        let refused = backup::migrate_to(db, &target.place, at(0), &|_| ()).await.unwrap_err();
        assert!(matches!(refused, BackupError::NotEmpty { table: "asset" }), "{refused}");
        assert_eq!(store::asset::list(&target.db, None, 9).await.unwrap().len(), 1);
    }
    for (version, text) in [
        ("older", "delete from schema_version where version >= 3"),
        ("newer", "insert into schema_version (version, digest) values (999, '')"),
    ] {
        for target in targets().await {
            tamper(&target, text).await;
            let refused = backup::migrate_to(db, &target.place, at(0), &|_| ()).await.unwrap_err();
            assert!(matches!(refused, BackupError::OtherTarget { .. }), "{version}: {refused}");
        }
    }
    let nowhere = backup::migrate_to(db, "postgres://vigie:geheim@localhost:1/vigie", at(0), &|_| ()).await;
    let nowhere = nowhere.unwrap_err().to_string();
    assert!(nowhere.contains("cannot open the database") && !nowhere.contains("geheim"), "{nowhere}");
}

#[tokio::test]
async fn a_trail_that_was_broken_moves_and_is_told() {
    let (source, target) = (db::sqlite().await, db::sqlite().await);
    let mut tx = source.db.begin().await.unwrap();
    scope::insert(&mut tx, &crate::scope::sample(1, "production"), at(0)).await.unwrap();
    tx.commit().await.unwrap();
    tamper(&source, "update audit set actor = 'mallory' where seq = 1").await;
    let moved = backup::migrate_to(&source.db, &target.place, at(1), &|_| ()).await.unwrap();
    assert_eq!(moved.trail.broken, [audit::Broken::Altered { seq: 1 }]);
}
