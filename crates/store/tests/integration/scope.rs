use crate::sample::at;
use domain::exposure::Exposure;
use domain::ids::ScopeId;
use domain::scope::{Requirement, Scope, Selector};
use store::{Db, StoreError, scope};
use uuid::Uuid;

contract!(scopes_are_kept_changed_and_removed);

pub(crate) fn sample(number: u128, name: &str) -> Scope {
    Scope {
        id: ScopeId::from_uuid(Uuid::from_u128(number)),
        name: name.to_owned(),
        selector: Selector {
            cidrs: vec!["10.0.0.0/8".parse().unwrap()],
            tags: vec!["web".to_owned()],
            names: vec!["web*".to_owned()],
            filter: Some("os:debian not tag:lab".parse().unwrap()),
        },
        confidentiality: Requirement::High,
        integrity: Requirement::NotSet,
        availability: Requirement::Low,
        exposure: Some(Exposure::Internet),
        cadence_seconds: Some(3600),
        threshold_tenths: Some(65),
    }
}

async fn scopes_are_kept_changed_and_removed(db: &Db) {
    let mut production = sample(1, "production");
    let bare = Scope { exposure: None, cadence_seconds: None, threshold_tenths: None, ..sample(2, "Office") };
    let mut tx = db.begin().await.unwrap();
    scope::insert(&mut tx, &production, at(0)).await.unwrap();
    scope::insert(&mut tx, &bare, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scope::list(db).await.unwrap(), [bare.clone(), production.clone()]);
    assert_eq!(scope::find_by_name(db, "Office").await.unwrap(), Some(bare.clone()));

    let mut tx = db.begin().await.unwrap();
    let taken = scope::insert(&mut tx, &sample(3, "Office"), at(0)).await.unwrap_err();
    assert!(matches!(taken, StoreError::Taken { .. }), "{taken}");
    drop(tx);

    production.threshold_tenths = None;
    let mut tx = db.begin().await.unwrap();
    scope::update(&mut tx, &production, at(0)).await.unwrap();
    scope::delete(&mut tx, bare.id, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scope::get(db, production.id).await.unwrap(), Some(production));
    let mut tx = db.begin().await.unwrap();
    for missing in [scope::delete(&mut tx, bare.id, at(0)).await, scope::update(&mut tx, &bare, at(0)).await] {
        assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
    }
}
