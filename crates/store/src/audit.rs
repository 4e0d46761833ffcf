//! Who changed what: entries are only ever added.

use jiff::Timestamp;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, query};

/// What to note of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    /// Name of the user, or of the part of Vigie that acted.
    pub actor: String,
    /// `scope.update`.
    pub what: String,
    /// What it was done to: an identifier or a name.
    pub subject: String,
    /// The object before. `None`: there was none. Never holds a secret.
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

/// Adds an entry, in the transaction that makes the change.
pub async fn append(tx: &mut Tx, entry: &Entry) -> Result<(), StoreError> {
    query(
        "note the change",
        "insert into audit (at, actor, what, subject, old_value, new_value) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(entry.at)
    .bind(entry.actor.as_str())
    .bind(entry.what.as_str())
    .bind(entry.subject.as_str())
    .bind(entry.before.as_ref().map(ToString::to_string))
    .bind(entry.after.as_ref().map(ToString::to_string))
    .execute(tx)
    .await
    .map(drop)
}

/// One page of entries with their numbers, latest first, older than the number given.
pub async fn list<'a>(
    on: impl Into<On<'a>>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<(i64, Entry)>, StoreError> {
    query(
        "list changes",
        "select seq, at, actor, what, subject, old_value, new_value from audit
         where seq < $1 order by seq desc limit $2",
    )
    .bind(before.unwrap_or(i64::MAX))
    .bind(limit)
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.int("seq")?, from_row(row)?)))
    .collect()
}

fn from_row(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        at: row.instant("at")?,
        actor: row.text("actor")?,
        what: row.text("what")?,
        subject: row.text("subject")?,
        before: row.json_opt("old_value")?,
        after: row.json_opt("new_value")?,
    })
}
