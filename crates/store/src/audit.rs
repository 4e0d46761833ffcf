//! The audit trail: who changed what. Entries are only ever added, and chained (`audit/chain.rs`).
//!
//! The functions that change something note it on their transaction ([`Tx::note`]), under the name that the database
//! handle carries ([`Db::acting_as`](crate::Db::acting_as)). The notes are appended as the last thing before the commit:
//! the head of the chain is held for a moment only, and always as the last lock.

mod chain;

use jiff::Timestamp;
use serde::Serialize;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, Value, insert_rows, json, query, storable};

pub use chain::{Broken, Head, Report, head, verify};
pub(crate) use chain::{CHAINED_BY, chain_old, verify_in};

/// The actor where nobody asked: Vigie itself, by its schedule.
pub const ITSELF: &str = "vigie";

/// A change to note.
#[derive(Debug, Clone)]
pub struct Note {
    at: Timestamp,
    what: &'static str,
    subject: String,
    before: Option<String>,
    after: Option<String>,
}

/// One entry, as it is kept: the texts are those that its hash was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1 on, without a gap.
    pub seq: i64,
    pub at: Timestamp,
    /// Name of a user of the page, `os:NAME` for a user of the command line, or [`ITSELF`].
    pub actor: String,
    /// `scope.add`.
    pub what: String,
    /// What it was done to: an identifier or a name.
    pub subject: String,
    /// The object before, in JSON. `None`: there was none, or it does not matter. Never holds a secret.
    pub before: Option<String>,
    pub after: Option<String>,
    /// Hash of the entry before. Empty: it is the first.
    pub previous: String,
    /// Hash of this entry.
    pub hash: String,
}

impl Note {
    pub fn new(at: Timestamp, what: &'static str, subject: impl ToString) -> Self {
        Self { at, what, subject: storable(subject.to_string()), before: None, after: None }
    }

    /// The object as it was.
    #[must_use]
    pub fn before<T: Serialize + ?Sized>(self, object: &T) -> Self {
        Self { before: Some(storable(json(object))), ..self }
    }

    /// The object as it is now.
    #[must_use]
    pub fn after<T: Serialize + ?Sized>(self, object: &T) -> Self {
        Self { after: Some(storable(json(object))), ..self }
    }
}

macro_rules! select {
    ($tail:literal) => {
        concat!("select seq, at, actor, what, subject, old_value, new_value, previous, hash from audit ", $tail)
    };
}

/// One page of entries, latest first, older than the number given.
pub async fn list<'a>(on: impl Into<On<'a>>, before: Option<i64>, limit: usize) -> Result<Vec<Entry>, StoreError> {
    let query = query("list changes", select!("where seq < $1 order by seq desc limit $2"));
    query.bind(before.unwrap_or(i64::MAX)).bind(limit).all(on).await?.iter().map(from_row).collect()
}

/// One page of entries in the order of the chain, after the number given.
pub async fn after<'a>(on: impl Into<On<'a>>, seq: i64, limit: usize) -> Result<Vec<Entry>, StoreError> {
    let query = query("read the audit trail", select!("where seq > $1 order by seq limit $2"));
    query.bind(seq).bind(limit).all(on).await?.iter().map(from_row).collect()
}

/// Appends what was noted on a transaction.
pub(crate) async fn append(tx: &mut Tx, actor: &str, notes: Vec<Note>) -> Result<(), StoreError> {
    if notes.is_empty() {
        return Ok(());
    }
    let mut head = chain::advance(tx, notes.len()).await?;
    let mut rows = Vec::with_capacity(notes.len());
    for note in notes {
        let Note { at, what, subject, before, after } = note;
        let (actor, what) = (storable(actor.to_owned()), what.to_owned());
        let seq = head.seq + 1;
        let mut entry =
            Entry { seq, at, actor, what, subject, before, after, previous: head.hash, hash: String::new() };
        entry.hash = chain::hash(seq, &entry.previous, &chain::content(&entry));
        head = Head { seq, hash: entry.hash.clone() };
        rows.push(to_row(entry));
    }
    insert_rows(
        tx,
        "note the change",
        "insert into audit (seq, at, actor, what, subject, old_value, new_value, previous, hash)",
        "",
        rows,
    )
    .await?;
    chain::set_head(tx, &head).await
}

fn to_row(entry: Entry) -> Vec<Value> {
    vec![
        entry.seq.into(),
        entry.at.into(),
        entry.actor.into(),
        entry.what.into(),
        entry.subject.into(),
        entry.before.into(),
        entry.after.into(),
        entry.previous.into(),
        entry.hash.into(),
    ]
}

fn from_row(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        seq: row.int("seq")?,
        at: row.instant("at")?,
        actor: row.text("actor")?,
        what: row.text("what")?,
        subject: row.text("subject")?,
        before: row.get("old_value")?,
        after: row.get("new_value")?,
        previous: row.text("previous")?,
        hash: row.text("hash")?,
    })
}
