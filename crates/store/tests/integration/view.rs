use domain::ids::ViewId;
use domain::view::View;
use store::{Db, StoreError, view};
use uuid::Uuid;

use crate::sample::at;

contract!(views_are_kept_for_their_owners_and_shared);

pub(crate) fn sample(number: u128, name: &str, owner: &str, shared: bool) -> View {
    View {
        id: ViewId::from_uuid(Uuid::from_u128(number)),
        name: name.to_owned(),
        filter: "tier:P0 not tag:lab".to_owned(),
        sort: "-epss".to_owned(),
        owner: owner.to_owned(),
        shared,
        created_at: at(1),
    }
}

pub(crate) async fn add(db: &Db, view: &View) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    view::add(&mut tx, view).await?;
    tx.commit().await
}

async fn views_are_kept_for_their_owners_and_shared(db: &Db) {
    let (own, hidden, shared) =
        (sample(1, "urgent", "ada", false), sample(2, "urgent", "bob", false), sample(3, "Team", "bob", true));
    for view in [&own, &hidden, &shared] {
        add(db, view).await.unwrap();
    }
    let again = add(db, &View { id: sample(4, "", "", false).id, ..own.clone() }).await.unwrap_err();
    assert!(matches!(again, StoreError::Taken { .. }), "{again}");
    assert_eq!(view::list(db, "ada").await.unwrap(), [shared.clone(), own.clone()]);
    assert_eq!(view::list(db, "bob").await.unwrap(), [shared.clone(), hidden]);
    assert_eq!(view::list(db, "eve").await.unwrap(), std::slice::from_ref(&shared));
    assert_eq!(view::get(db, own.id).await.unwrap(), Some(own.clone()));
    let mut tx = db.begin().await.unwrap();
    view::remove(&mut tx, own.id, at(2)).await.unwrap();
    let gone = view::remove(&mut tx, own.id, at(2)).await.unwrap_err();
    assert!(matches!(gone, StoreError::Missing { .. }), "{gone}");
    tx.commit().await.unwrap();
    assert_eq!(view::list(db, "ada").await.unwrap(), [shared]);
    let noted: Vec<String> =
        store::audit::list(db, None, 9).await.unwrap().into_iter().map(|entry| entry.what).collect();
    assert_eq!(noted, ["view.remove", "view.add", "view.add", "view.add"]);
}
