//! Moving an installation to another database: read in one snapshot, written in one transaction, compared before it is
//! kept.

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::rows::{self, Batch, to_json};
use super::shape::{Shape, whole};
use super::{BackupError, continue_numbering, expect_empty};
use crate::audit::{self, Note};
use crate::change;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::hosts::without_password;
use crate::migrate;
use crate::sql::{json, query_built};

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub table: &'static str,
    /// All rows are written, and read again to be compared.
    pub is_comparing: bool,
    /// Of all tables.
    pub rows_done: u64,
    pub rows_total: u64,
}

/// What was moved.
#[derive(Debug)]
pub struct Migrated {
    pub tables: Vec<MigratedTable>,
    /// The audit trail as it is in the new database.
    pub trail: audit::Report,
}

/// One table, the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigratedTable {
    pub name: &'static str,
    pub row_count: u64,
    /// Over all rows, in whatever order they are read, in hex.
    pub digest: String,
}

/// Rows between two words about progress.
const TELL_EVERY: u64 = 1000;

/// Copies everything in a database to an empty one, which is opened here: all or nothing.
pub async fn migrate_to(
    source: &Db,
    place: &str,
    now: Timestamp,
    tell: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Migrated, BackupError> {
    let target = Db::open_bare(place).await?;
    let known = migrate::VERSION;
    // A database of an older Vigie is somebody's: it is not brought up to date for this.
    match migrate::found(&target).await? {
        0 => migrate::up(&target, None).await?,
        found if found == known => {}
        found => return Err(BackupError::OtherTarget { found, known }),
    }
    let migrated = copy(source, &target.acting_as_of(source), place, now, tell).await;
    target.close().await;
    migrated
}

async fn copy(
    source: &Db,
    target: &Db,
    place: &str,
    now: Timestamp,
    tell: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Migrated, BackupError> {
    let (mut from, mut to) = (source.begin_snapshot().await?, target.begin().await?);
    expect_empty(&mut to).await?;
    let mut rows_total = 0;
    let shapes = whole();
    for shape in &shapes {
        rows_total += shape.count(&mut from).await?;
    }
    let mut meter = Meter { tell, rows_done: 0, rows_total, is_comparing: false };
    let mut read = Vec::with_capacity(shapes.len());
    for shape in &shapes {
        read.push(copy_table(&mut from, &mut to, shape, &mut meter).await?);
    }
    let mut meter = Meter { rows_done: 0, is_comparing: true, ..meter };
    for (shape, read) in shapes.iter().zip(&read) {
        let mut copied = Content::default();
        let mut again = query_built("read a table again", shape.select()).stream(&mut to);
        while let Some(row) = again.try_next().await? {
            meter.advance(shape);
            copied.add(&to_json(&rows::read(&shape.columns, &row)?));
        }
        drop(again);
        if copied != *read {
            let (read, copied) = (read.row_count, copied.row_count);
            return Err(BackupError::Differs { table: shape.table.name, read, copied });
        }
    }
    continue_numbering(&mut to).await?;
    change::begin_anew(&mut to).await?;
    let trail = audit::verify_in(&mut to, None).await?;
    let tables: Vec<_> = shapes.iter().zip(read).map(|(shape, content)| content.of(shape.table.name)).collect();
    to.note(Note::new(now, "store.migrate", without_password(place)).after(&tables));
    to.commit().await?;
    Ok(Migrated { tables, trail })
}

async fn copy_table(from: &mut Tx, to: &mut Tx, shape: &Shape, meter: &mut Meter<'_>) -> Result<Content, StoreError> {
    let (mut content, mut batch) = (Content::default(), Batch::default());
    let mut found = query_built("read a table", shape.select()).stream(from);
    while let Some(row) = found.try_next().await? {
        meter.advance(shape);
        let values = rows::read(&shape.columns, &row)?;
        content.add(&to_json(&values));
        batch.push(values);
        if batch.is_full() {
            batch.write(to, shape).await?;
        }
    }
    batch.write(to, shape).await?;
    Ok(content)
}

struct Meter<'a> {
    tell: &'a (dyn Fn(Progress) + Send + Sync),
    rows_done: u64,
    rows_total: u64,
    is_comparing: bool,
}

impl Meter<'_> {
    fn advance(&mut self, shape: &Shape) {
        let Self { rows_done, rows_total, is_comparing, .. } = *self;
        if rows_done.is_multiple_of(TELL_EVERY) {
            (self.tell)(Progress { table: shape.table.name, is_comparing, rows_done, rows_total });
        }
        self.rows_done += 1;
    }
}

/// What the rows of a table say, whatever order they come in: two engines need not agree on the order of texts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Content {
    row_count: u64,
    /// The sum of the rows' SHA-256, in four parts.
    sum: [u64; 4],
}

impl Content {
    fn add(&mut self, row: &[serde_json::Value]) {
        let hash = Sha256::digest(json(row).as_bytes());
        self.row_count += 1;
        for (sum, part) in self.sum.iter_mut().zip(hash.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_be_bytes(*part));
        }
    }

    fn of(self, name: &'static str) -> MigratedTable {
        let digest = self.sum.iter().map(|part| format!("{part:016x}")).collect();
        MigratedTable { name, row_count: self.row_count, digest }
    }
}
