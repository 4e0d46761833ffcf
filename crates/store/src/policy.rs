//! Policies: how priorities are set, in versions that are never changed.

use domain::event::EventKind;
use jiff::Timestamp;
use serde::Serialize;

use crate::audit::Note;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::outbox::NewEvent;
use crate::sql::{Row, query};

/// A policy as somebody saved it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// Counted from 1; the highest is in use.
    pub version: u64,
    pub text: String,
    /// Why it was changed.
    pub note: String,
    pub created_at: Timestamp,
    pub created_by: String,
}

macro_rules! select {
    ($tail:literal) => {
        concat!("select version, text, note, created_at, created_by from policy ", $tail)
    };
}

/// Saves a policy as the next version. `based_on` is the version that was changed: where another one is in use meanwhile,
/// nothing is saved.
pub async fn save(tx: &mut Tx, based_on: u64, text: &str, note: &str, now: Timestamp) -> Result<Saved, StoreError> {
    const DOING: &str = "save the policy";
    let before = latest(&mut *tx).await?;
    let version = before.as_ref().map_or(0, |before| before.version);
    if version != based_on {
        let why = format!("it was made from version {based_on}, and version {version} is in use: look at that first");
        return Err(StoreError::refused(DOING, why));
    }
    let saved = Saved {
        version: version + 1,
        text: text.to_owned(),
        note: note.to_owned(),
        created_at: now,
        created_by: tx.actor().to_owned(),
    };
    // Of two who save at once, the key refuses the later one.
    query(DOING, "insert into policy (version, text, note, created_at, created_by) values ($1, $2, $3, $4, $5)")
        .bind(i64::try_from(saved.version).unwrap_or(i64::MAX))
        .bind(text)
        .bind(note)
        .bind(now)
        .bind(saved.created_by.as_str())
        .execute(&mut *tx)
        .await?;
    let told = serde_json::json!({ "version": saved.version, "note": note });
    tx.tell(NewEvent::new(now, EventKind::PolicyActivated).saying(&told));
    let mut audit = Note::new(now, "policy.save", saved.version).after(&saved);
    if let Some(before) = &before {
        audit = audit.before(before);
    }
    tx.note(audit);
    Ok(saved)
}

/// The policy in use. `None`: nobody has saved one.
pub async fn latest<'a>(on: impl Into<On<'a>>) -> Result<Option<Saved>, StoreError> {
    let row = query("read the policy", select!("order by version desc limit 1")).optional(on).await?;
    row.as_ref().map(from_row).transpose()
}

/// One version. `None`: there is none of that number.
pub async fn get<'a>(on: impl Into<On<'a>>, version: u64) -> Result<Option<Saved>, StoreError> {
    let number = i64::try_from(version).unwrap_or(i64::MAX);
    let row = query("read the policy", select!("where version = $1")).bind(number).optional(on).await?;
    row.as_ref().map(from_row).transpose()
}

/// The latest versions, newest first.
pub async fn list<'a>(on: impl Into<On<'a>>, limit: usize) -> Result<Vec<Saved>, StoreError> {
    let rows = query("list policies", select!("order by version desc limit $1")).bind(limit).all(on).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &Row) -> Result<Saved, StoreError> {
    Ok(Saved {
        version: row.number("version")?,
        text: row.text("text")?,
        note: row.text("note")?,
        created_at: row.instant("created_at")?,
        created_by: row.text("created_by")?,
    })
}
