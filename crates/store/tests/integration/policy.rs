use store::{Db, StoreError, policy};

use crate::sample::at;

contract!(each_policy_is_a_version_that_stays);

async fn each_policy_is_a_version_that_stays(db: &Db) {
    assert_eq!(policy::latest(db).await.unwrap(), None);
    let beginning = store::outbox::end(db).await.unwrap();
    let db = &db.acting_as("ada");
    let save = async |based_on: u64, text: &str| {
        let mut tx = db.begin().await?;
        let saved = policy::save(&mut tx, based_on, text, "because", at(1)).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(saved)
    };
    let first = save(0, "one").await.unwrap();
    assert_eq!((first.version, first.created_by.as_str(), first.note.as_str()), (1, "ada", "because"));
    let late = save(0, "two").await.unwrap_err();
    assert!(matches!(late, StoreError::Refused { .. }), "{late}");
    let second = save(1, "two").await.unwrap();
    assert_eq!(policy::latest(db).await.unwrap().as_ref(), Some(&second));
    assert_eq!(policy::get(db, 1).await.unwrap().as_ref(), Some(&first));
    assert_eq!(policy::get(db, 3).await.unwrap(), None);
    assert_eq!(policy::list(db, 9).await.unwrap(), [second.clone(), first]);
    assert_eq!(policy::list(db, 1).await.unwrap(), [second]);
    assert_eq!(store::change::head(db).await.unwrap().policy, 2);
    let noted: Vec<String> =
        store::audit::list(db, None, 9).await.unwrap().into_iter().map(|entry| entry.what).collect();
    assert_eq!(noted, ["policy.save", "policy.save"]);
    let told = store::outbox::after(db, &beginning, &[], 9).await.unwrap().events;
    let told: Vec<_> = told.iter().map(|event| (event.kind.as_str(), &event.body["version"])).collect();
    assert_eq!(told, [("policy.activated", &serde_json::json!(1)), ("policy.activated", &serde_json::json!(2))]);
}
