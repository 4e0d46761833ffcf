//! Credentials: what they are in plain columns, their secrets sealed and bound to id and destinations.

use std::net::IpAddr;

use domain::credential::Credential;
use domain::ids::CredentialId;
use ipnet::IpNet;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::audit::Note;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::seal::{MasterKey, OpenError};
use crate::sql::{Query, Row, json, query, word};

/// An opened credential: use it and drop it.
#[derive(Debug)]
pub struct Opened {
    pub credential: Credential,
    /// The password, or the private key.
    pub secret: SecretString,
    /// Opens the private key.
    pub passphrase: Option<SecretString>,
}

/// Why a credential is not opened.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("there is no credential {0}")]
    Missing(CredentialId),
    #[error(
        "credential {name:?} may not be used for {destination}: add it to the credential's destinations and enter the secret again"
    )]
    Destination { name: String, destination: String },
    #[error("the secret of credential {name:?} cannot be opened: {source}")]
    Sealed { name: String, source: OpenError },
    #[error(transparent)]
    Store(#[from] StoreError),
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select id, name, kind, login, destinations, sudo, sealed_secret, sealed_passphrase from credential ",
            $tail
        )
    };
}

/// Seals and keeps a credential. Its name must be free and its destinations must be named.
pub async fn add(
    tx: &mut Tx,
    key: &MasterKey,
    credential: &Credential,
    secret: &SecretString,
    passphrase: Option<&SecretString>,
    now: Timestamp,
) -> Result<(), StoreError> {
    const DOING: &str = "add the credential";
    expect_destinations(DOING, credential)?;
    let text = "insert into credential (name, kind, login, destinations, sudo, sealed_secret, sealed_passphrase, id)
                values ($1, $2, $3, $4, $5, $6, $7, $8)";
    bind(query(DOING, text), key, credential, secret, passphrase).execute(&mut *tx).await?;
    tx.note(Note::new(now, "credential.add", credential.id).after(credential));
    Ok(())
}

/// Writes all of a credential that exists. Its secret has to be entered again, since it is bound to the destinations.
pub async fn replace(
    tx: &mut Tx,
    key: &MasterKey,
    credential: &Credential,
    secret: &SecretString,
    passphrase: Option<&SecretString>,
    now: Timestamp,
) -> Result<(), StoreError> {
    const DOING: &str = "replace the credential";
    expect_destinations(DOING, credential)?;
    let text = "update credential set name = $1, kind = $2, login = $3, destinations = $4, sudo = $5,
                    sealed_secret = $6, sealed_passphrase = $7
                where id = $8";
    let before = get(&mut *tx, credential.id).await?;
    let before = before.ok_or_else(|| StoreError::missing("credential", credential.id))?;
    bind(query(DOING, text), key, credential, secret, passphrase).execute(&mut *tx).await?;
    tx.note(Note::new(now, "credential.replace", credential.id).before(&before).after(credential));
    Ok(())
}

/// Opens a credential for one of its destinations: a host name or an address.
pub async fn open<'a>(
    on: impl Into<On<'a>>,
    key: &MasterKey,
    id: CredentialId,
    destination: &str,
) -> Result<Opened, CredentialError> {
    let found = query("read the credential", select!("where id = $1")).bind(id).optional(on).await?;
    let row = found.ok_or(CredentialError::Missing(id))?;
    let credential = from_row(&row)?;
    if !allows(&credential, destination) {
        return Err(CredentialError::Destination { name: credential.name, destination: destination.to_owned() });
    }
    let unseal = |sealed: Vec<u8>, column: &str| {
        let opened = key.open(&sealed, &bound(&credential, column));
        opened.map_err(|source| CredentialError::Sealed { name: credential.name.clone(), source })
    };
    let secret = unseal(row.get("sealed_secret")?, "secret")?;
    let sealed: Option<Vec<u8>> = row.get("sealed_passphrase")?;
    let passphrase = sealed.map(|sealed| unseal(sealed, "passphrase")).transpose()?;
    Ok(Opened { credential, secret, passphrase })
}

pub async fn get<'a>(on: impl Into<On<'a>>, id: CredentialId) -> Result<Option<Credential>, StoreError> {
    let found = query("read the credential", select!("where id = $1")).bind(id).optional(on).await?;
    found.as_ref().map(from_row).transpose()
}

pub async fn find_by_name<'a>(on: impl Into<On<'a>>, name: &str) -> Result<Option<Credential>, StoreError> {
    let found = query("find the credential", select!("where name = $1")).bind(name).optional(on).await?;
    found.as_ref().map(from_row).transpose()
}

/// Every credential without its secret, by name.
pub async fn list<'a>(on: impl Into<On<'a>>) -> Result<Vec<Credential>, StoreError> {
    let rows = query("list credentials", select!("")).all(on).await?;
    let mut credentials: Vec<Credential> = rows.iter().map(from_row).collect::<Result<_, _>>()?;
    credentials.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(credentials)
}

/// Forgets a credential and its secret.
pub async fn delete(tx: &mut Tx, id: CredentialId, now: Timestamp) -> Result<(), StoreError> {
    let before = get(&mut *tx, id).await?.ok_or_else(|| StoreError::missing("credential", id))?;
    query("remove the credential", "delete from credential where id = $1").bind(id).execute(&mut *tx).await?;
    tx.note(Note::new(now, "credential.remove", id).before(&before));
    Ok(())
}

/// Whether a credential may be used for a host. Names are compared as they are: what a name server says about one
/// decides nothing here.
pub fn allows(credential: &Credential, destination: &str) -> bool {
    let address: Option<IpAddr> = destination.parse().ok();
    credential.destinations.iter().any(|allowed| match address {
        Some(address) => {
            allowed.parse::<IpAddr>().is_ok_and(|allowed| allowed == address)
                || allowed.parse::<IpNet>().is_ok_and(|network| network.contains(&address))
        }
        // A network is no name, and neither is nothing.
        None => !destination.contains('/') && !destination.is_empty() && allowed.eq_ignore_ascii_case(destination),
    })
}

fn expect_destinations(doing: &'static str, credential: &Credential) -> Result<(), StoreError> {
    if credential.destinations.is_empty() {
        return Err(StoreError::refused(doing, "it names no destination that it may be used for"));
    }
    Ok(())
}

/// Binds all columns, the id last.
fn bind(
    query: Query,
    key: &MasterKey,
    credential: &Credential,
    secret: &SecretString,
    passphrase: Option<&SecretString>,
) -> Query {
    query
        .bind(credential.name.as_str())
        .bind(word(credential.kind))
        .bind(credential.user.as_str())
        .bind(json(&credential.destinations))
        .bind(credential.sudo)
        .bind(key.seal(secret, &bound(credential, "secret")))
        .bind(passphrase.map(|passphrase| key.seal(passphrase, &bound(credential, "passphrase"))))
        .bind(credential.id)
}

/// What a secret is sealed for: changing any of it makes the secret useless, so that nobody sends an old secret to a
/// new place.
fn bound(credential: &Credential, column: &str) -> Vec<u8> {
    let mut destinations: Vec<&str> = credential.destinations.iter().map(String::as_str).collect();
    destinations.sort_unstable();
    let mut bytes = credential.id.uuid().as_bytes().to_vec();
    for part in std::iter::once(column).chain(destinations) {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

fn from_row(row: &Row) -> Result<Credential, StoreError> {
    Ok(Credential {
        id: CredentialId::from_uuid(row.uuid("id")?),
        name: row.text("name")?,
        kind: row.word("kind")?,
        user: row.text("login")?,
        destinations: row.json("destinations")?,
        sudo: row.get("sudo")?,
    })
}

#[cfg(test)]
mod tests {
    use domain::credential::CredentialKind;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_credential_is_for_its_destinations_only() {
        let credential = Credential {
            id: CredentialId::from_uuid(Uuid::from_u128(1)),
            name: "fleet".to_owned(),
            kind: CredentialKind::Password,
            user: "root".to_owned(),
            destinations: vec!["web01.example".to_owned(), "10.1.0.0/16".to_owned(), "192.0.2.7".to_owned()],
            sudo: false,
        };
        for (destination, expected) in [
            ("web01.example", true),
            ("WEB01.example", true),
            ("web01.example.evil", false),
            ("web02.example", false),
            ("10.1.2.3", true),
            ("10.2.2.3", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("10.1.0.0/16", false),
            ("", false),
        ] {
            assert_eq!(allows(&credential, destination), expected, "{destination}");
        }
    }
}
