//! Keys of SSH servers, pinned at first sight.

use jiff::Timestamp;

use crate::audit::Note;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::query;

/// A pinned key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// `host:port`.
    pub destination: String,
    /// `ssh-ed25519 SHA256:…`.
    pub public_key: String,
    pub pinned_at: Timestamp,
}

/// The key that a destination must show. `None`: never seen.
pub async fn pinned<'a>(on: impl Into<On<'a>>, destination: &str) -> Result<Option<String>, StoreError> {
    let text = "select public_key from host_key where destination = $1";
    let found = query("read the host key", text).bind(destination).optional(on).await?;
    found.map(|row| row.text("public_key")).transpose()
}

/// Pins a key to a destination that has none. Another key is refused: a person has to unpin the old one first.
pub async fn pin(tx: &mut Tx, destination: &str, public_key: &str, now: Timestamp) -> Result<(), StoreError> {
    const DOING: &str = "pin the host key";
    let added = query(
        DOING,
        "insert into host_key (destination, public_key, pinned_at) values ($1, $2, $3)
         on conflict (destination) do nothing",
    )
    .bind(destination)
    .bind(public_key)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    if added == 1 {
        tx.note(Note::new(now, "host_key.pin", destination).after(public_key));
        return Ok(());
    }
    match pinned(tx, destination).await? {
        Some(known) if known == public_key => Ok(()),
        known => {
            let known = known.unwrap_or_default();
            Err(StoreError::refused(DOING, format!("{destination} has the key {known} and now shows {public_key}")))
        }
    }
}

/// Forgets the key of a destination, after a person has checked that it was changed on purpose.
pub async fn unpin(tx: &mut Tx, destination: &str, now: Timestamp) -> Result<(), StoreError> {
    let text = "delete from host_key where destination = $1";
    let known = pinned(&mut *tx, destination).await?;
    let known = known.ok_or_else(|| StoreError::missing("host key of", destination))?;
    query("unpin the host key", text).bind(destination).execute(&mut *tx).await?;
    tx.note(Note::new(now, "host_key.remove", destination).before(&known));
    Ok(())
}

/// Every pinned key, by destination.
pub async fn list<'a>(on: impl Into<On<'a>>) -> Result<Vec<Pinned>, StoreError> {
    let rows = query("list host keys", "select destination, public_key, pinned_at from host_key").all(on).await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in &rows {
        keys.push(Pinned {
            destination: row.text("destination")?,
            public_key: row.text("public_key")?,
            pinned_at: row.instant("pinned_at")?,
        });
    }
    keys.sort_by(|a, b| a.destination.cmp(&b.destination));
    Ok(keys)
}
