use domain::ids::UserId;
use store::user::{self, Role, User};
use store::{Db, SecretString, session, setup_token};
use uuid::Uuid;

use crate::sample::at;

contract!(a_set_up_token_works_once, sessions_end);

pub(crate) fn sample() -> User {
    User {
        id: UserId::from_uuid(Uuid::from_u128(1)),
        name: "ada".to_owned(),
        password_hash: "$argon2id$…".to_owned(),
        role: Role::Administrator,
        created_at: at(0),
    }
}

async fn a_set_up_token_works_once(db: &Db) {
    let (old, token) = (SecretString::from("old"), SecretString::from("token"));
    let mut tx = db.begin().await.unwrap();
    setup_token::issue(&mut tx, &old, at(10)).await.unwrap();
    setup_token::issue(&mut tx, &token, at(10)).await.unwrap();
    assert!(!setup_token::redeem(&mut tx, &old, at(1)).await.unwrap(), "replaced");
    assert!(!setup_token::redeem(&mut tx, &token, at(10)).await.unwrap(), "expired");
    assert!(setup_token::redeem(&mut tx, &token, at(9)).await.unwrap());
    assert!(!setup_token::redeem(&mut tx, &token, at(9)).await.unwrap(), "used");
}

async fn sessions_end(db: &Db) {
    let tokens = ["one", "two", "three"].map(SecretString::from);
    let mut tx = db.begin().await.unwrap();
    assert_eq!(user::count(&mut tx).await.unwrap(), 0);
    user::insert(&mut tx, &sample()).await.unwrap();
    let mut ids = Vec::new();
    for (token, expires) in tokens.iter().zip([10, 20, 20]) {
        ids.push(session::start(&mut tx, sample().id, token, at(0), at(expires)).await.unwrap());
    }
    tx.commit().await.unwrap();
    assert_eq!(user::find_by_name(db, "ada").await.unwrap(), Some(sample()));
    let found = session::find(db, &tokens[0], at(9)).await.unwrap().unwrap();
    assert_eq!((found.id, found.user, found.user_name.as_str()), (ids[0], sample().id, "ada"));
    assert_eq!(found.role, Role::Administrator);
    assert_eq!(session::find(db, &tokens[0], at(10)).await.unwrap(), None, "expired");
    assert_eq!(session::find(db, &SecretString::from("guess"), at(1)).await.unwrap(), None);

    let mut tx = db.begin().await.unwrap();
    assert_eq!(session::sweep(&mut tx, at(10)).await.unwrap(), 1);
    session::extend(&mut tx, ids[1], at(30)).await.unwrap();
    assert!(session::find(&mut tx, &tokens[1], at(29)).await.unwrap().is_some(), "extended");
    session::end(&mut tx, ids[1], at(1)).await.unwrap();
    assert_eq!(session::find(&mut tx, &tokens[1], at(1)).await.unwrap(), None, "signed out");
    user::set_password(&mut tx, sample().id, "$argon2id$new", at(1)).await.unwrap();
    assert_eq!(session::find(&mut tx, &tokens[2], at(1)).await.unwrap(), None, "signed out by the new password");
    assert_eq!(user::get(&mut tx, sample().id).await.unwrap().unwrap().password_hash, "$argon2id$new");
}
