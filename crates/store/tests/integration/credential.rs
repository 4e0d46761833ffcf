use domain::credential::{Credential, CredentialKind};
use domain::ids::CredentialId;
use store::credential::{self, CredentialError};
use store::seal::MasterKey;
use store::{Db, ExposeSecret as _, SecretString, StoreError, host_key};
use uuid::Uuid;

use crate::db;
use crate::sample::at;

contract!(a_secret_opens_for_its_destinations_only, new_destinations_need_the_secret_again, a_host_key_is_pinned_once);

pub(crate) fn sample() -> Credential {
    Credential {
        id: CredentialId::from_uuid(Uuid::from_u128(1)),
        name: "fleet".to_owned(),
        kind: CredentialKind::SshKey,
        user: "vigie".to_owned(),
        destinations: vec!["10.0.0.0/8".to_owned(), "web01.example".to_owned()],
        sudo: true,
    }
}

pub(crate) fn master_key() -> (MasterKey, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (MasterKey::load_or_create(&dir.path().join("master.key")).unwrap(), dir)
}

pub(crate) async fn add(db: &Db, key: &MasterKey) {
    let (secret, passphrase) = (SecretString::from("-----BEGIN"), SecretString::from("geheim"));
    let mut tx = db.begin().await.unwrap();
    credential::add(&mut tx, key, &sample(), &secret, Some(&passphrase), at(0)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_secret_opens_for_its_destinations_only(db: &Db) {
    let (key, _dir) = master_key();
    add(db, &key).await;
    assert_eq!(credential::list(db).await.unwrap(), [sample()]);
    assert_eq!(credential::find_by_name(db, "fleet").await.unwrap(), Some(sample()));
    let opened = credential::open(db, &key, sample().id, "10.1.2.3").await.unwrap();
    assert_eq!(opened.secret.expose_secret(), "-----BEGIN");
    assert_eq!(opened.passphrase.as_ref().unwrap().expose_secret(), "geheim");
    assert!(!format!("{opened:?}").contains("geheim"), "a secret cannot be printed");

    let refused = credential::open(db, &key, sample().id, "192.0.2.1").await.unwrap_err();
    assert!(matches!(refused, CredentialError::Destination { .. }), "{refused}");
    let (other, _dir) = master_key();
    let sealed = credential::open(db, &other, sample().id, "10.1.2.3").await.unwrap_err();
    assert!(sealed.to_string().contains("another master key"), "{sealed}");

    let mut tx = db.begin().await.unwrap();
    let nowhere = Credential { destinations: Vec::new(), name: "any".to_owned(), ..sample() };
    let refused = credential::add(&mut tx, &key, &nowhere, &SecretString::from("x"), None, at(0)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "{refused}");
    credential::delete(&mut tx, sample().id, at(0)).await.unwrap();
    let missing = credential::open(&mut tx, &key, sample().id, "10.1.2.3").await.unwrap_err();
    assert!(matches!(missing, CredentialError::Missing(_)), "{missing}");
}

async fn new_destinations_need_the_secret_again(db: &Db) {
    let (key, _dir) = master_key();
    add(db, &key).await;
    let moved = Credential { destinations: vec!["192.0.2.0/24".to_owned()], ..sample() };
    let mut tx = db.begin().await.unwrap();
    credential::replace(&mut tx, &key, &moved, &SecretString::from("new"), None, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(credential::get(db, moved.id).await.unwrap().as_ref(), Some(&moved));
    let opened = credential::open(db, &key, moved.id, "192.0.2.1").await.unwrap();
    assert_eq!(opened.secret.expose_secret(), "new");
    assert!(opened.passphrase.is_none());
    assert!(credential::open(db, &key, moved.id, "10.1.2.3").await.is_err());
}

/// Whoever can write to the database still cannot send a secret elsewhere.
#[tokio::test]
async fn a_tampered_row_makes_the_secret_useless() {
    use sqlx::Connection as _;
    let test = db::sqlite().await;
    let (key, _dir) = master_key();
    add(&test.db, &key).await;
    let mut connection = sqlx::SqliteConnection::connect(&test.place).await.unwrap();
    let swap = "update credential set sealed_secret = sealed_passphrase, sealed_passphrase = sealed_secret";
    sqlx::query(swap).execute(&mut connection).await.unwrap();
    let refused = credential::open(&test.db, &key, sample().id, "10.1.2.3").await.unwrap_err();
    assert!(matches!(refused, CredentialError::Sealed { .. }), "one column for another: {refused}");
    sqlx::query(swap).execute(&mut connection).await.unwrap();
    assert!(credential::open(&test.db, &key, sample().id, "10.1.2.3").await.is_ok());
    sqlx::query(r#"update credential set destinations = '["evil.example"]'"#).execute(&mut connection).await.unwrap();
    let refused = credential::open(&test.db, &key, sample().id, "evil.example").await.unwrap_err();
    assert!(matches!(refused, CredentialError::Sealed { .. }), "{refused}");
}

async fn a_host_key_is_pinned_once(db: &Db) {
    let (destination, key) = ("web01.example:22", "ssh-ed25519 SHA256:abc");
    let mut tx = db.begin().await.unwrap();
    assert_eq!(host_key::pinned(&mut tx, destination).await.unwrap(), None);
    host_key::pin(&mut tx, destination, key, at(1)).await.unwrap();
    host_key::pin(&mut tx, destination, key, at(2)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(host_key::pinned(db, destination).await.unwrap().as_deref(), Some(key));
    let mut tx = db.begin().await.unwrap();
    let refused = host_key::pin(&mut tx, destination, "ssh-ed25519 SHA256:evil", at(3)).await.unwrap_err();
    assert!(refused.to_string().contains("SHA256:abc"), "{refused}");
    assert_eq!(host_key::list(&mut tx).await.unwrap()[0].pinned_at, at(1));
    host_key::unpin(&mut tx, destination, at(0)).await.unwrap();
    host_key::pin(&mut tx, destination, "ssh-ed25519 SHA256:new", at(4)).await.unwrap();
}
