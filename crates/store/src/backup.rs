//! Backup and restore: one archive for both engines, so that it also moves an installation from one to the other.
//!
//! The archive is a zstd stream of JSON lines: a head, then for each table a line with its name and columns and one
//! line a row, then an end with the count of rows and the SHA-256 of everything before it. Bytes are hexadecimal.
//! Secrets stay sealed in it; the master key is not in it and must be kept elsewhere.
//!
//! [`migrate_to`] moves an installation without an archive in between (`backup/copy.rs`).

use std::io;
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::Note;
use crate::change;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::migrate;
use crate::sql::{Value, query_built};

mod archive;
mod before;
mod copy;
mod kind;
mod rows;
mod shape;
mod tables;

pub(crate) use before::before_upgrade;
pub use copy::{Migrated, MigratedTable, Progress, migrate_to};

use archive::{Line, Reader, Writer};
use rows::{Batch, from_json, to_json};
use shape::{Shape, whole};
use tables::TABLES;

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The schema of the database that it was made from.
    pub schema: i64,
    pub row_count: u64,
    /// SHA-256 of the contents, in hex.
    pub sha256: String,
}

/// Why there is no backup, or none is restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("cannot write the backup {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read the backup {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no backup of Vigie: {detail}", path.display())]
    Format { path: PathBuf, detail: String },
    #[error("the backup {} is cut off or damaged: {detail}; use another one", path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error(
        "the backup {} has schema {found}, and this Vigie restores schema {known} into this database: use the version \
         that made it, or for an older backup a new database",
        path.display()
    )]
    Schema { path: PathBuf, found: i64, known: i64 },
    #[error("the database is not empty ({table} has rows): give a new one")]
    NotEmpty { table: &'static str },
    #[error("the database is no new one: it has schema {found}, and this Vigie makes {known}; give a new one")]
    OtherTarget { found: i64, known: i64 },
    #[error(
        "the copy of {table} is not what was read ({read} rows read, {copied} there): nothing was kept; try again, and \
         report this if it comes back"
    )]
    Differs { table: &'static str, read: u64, copied: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes everything in the database, as of one instant, to a file that appears only when it is whole.
pub async fn backup(db: &Db, path: &Path) -> Result<Summary, BackupError> {
    let mut tx = db.begin_snapshot().await?;
    write_whole(&mut tx, path, (migrate::VERSION, &whole()), &|_| ()).await
}

async fn write_whole(
    tx: &mut Tx,
    path: &Path,
    schema: (i64, &[Shape]),
    tell: &(dyn Fn(u64) + Send + Sync),
) -> Result<Summary, BackupError> {
    let failed = |source| BackupError::Write { path: path.to_owned(), source };
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let draft = PathBuf::from(draft);
    let written = write(tx, &draft, schema, tell).await;
    if written.is_err() {
        // Nothing is lost if half a backup stays: the next one overwrites it.
        let _ = std::fs::remove_file(&draft);
    }
    let summary = written?;
    std::fs::rename(&draft, path).map_err(failed)?;
    Ok(summary)
}

/// Reads a whole backup and compares its checksum, without touching any database.
pub fn verify(path: &Path) -> Result<Summary, BackupError> {
    let mut reader = Reader::open(path)?;
    let mut shape: Option<Shape> = None;
    loop {
        match reader.next()? {
            Line::Table(next) => shape = Some(next),
            Line::Row(values) => drop(to_values(&reader, shape.as_ref(), values)?),
            Line::End(summary) => return Ok(summary),
        }
    }
}

/// Fills an empty database from a backup, all or nothing. The backup is verified first. One of an older schema needs a
/// database without any ([`Db::open_bare`]), and is upgraded in it.
pub async fn restore(db: &Db, path: &Path, now: Timestamp) -> Result<Summary, BackupError> {
    verify(path)?;
    let mut reader = Reader::open(path)?;
    let (schema, known) = (reader.schema(), migrate::VERSION);
    let mut tx = db.begin().await?;
    let there = migrate::look(&mut tx).await?;
    if schema > known || (there != 0 && there != schema) {
        let known = if schema > known { known } else { there };
        return Err(BackupError::Schema { path: path.to_owned(), found: schema, known });
    }
    migrate::steps(&mut tx, there, schema, None).await?;
    expect_empty(&mut tx).await?;
    let summary = load(&mut tx, &mut reader).await?;
    migrate::steps(&mut tx, schema, known, None).await?;
    continue_numbering(&mut tx).await?;
    change::begin_anew(&mut tx).await?;
    tx.note(Note::new(now, "backup.restore", &summary.sha256).after(&summary));
    tx.commit().await?;
    Ok(summary)
}

/// Writes the rows of an archive.
async fn load(tx: &mut Tx, reader: &mut Reader) -> Result<Summary, BackupError> {
    let (mut shape, mut batch): (Option<Shape>, _) = (None, Batch::default());
    loop {
        let line = reader.next()?;
        let is_row = matches!(line, Line::Row(_));
        if let Some(shape) = shape.as_ref().filter(|_| !is_row || batch.is_full()) {
            batch.write(tx, shape).await?;
        }
        match line {
            Line::Table(next) => shape = Some(next),
            Line::Row(values) => batch.push(to_values(reader, shape.as_ref(), values)?),
            Line::End(summary) => return Ok(summary),
        }
    }
}

/// Writes all rows as a transaction sees them. `tell` hears how many are written now and then.
async fn write(
    tx: &mut Tx,
    path: &Path,
    (schema, shapes): (i64, &[Shape]),
    tell: &(dyn Fn(u64) + Send + Sync),
) -> Result<Summary, BackupError> {
    let failed = |source| BackupError::Write { path: path.to_owned(), source };
    let mut writer = Writer::create(path, schema).map_err(failed)?;
    for shape in shapes {
        writer.table(shape).map_err(failed)?;
        let mut rows = query_built("read a table for the backup", shape.select()).stream(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            let values = rows::read(&shape.columns, &row)?;
            tell(writer.row(&to_json(&values)).map_err(failed)?);
        }
    }
    writer.finish().map_err(failed)
}

async fn expect_empty(tx: &mut Tx) -> Result<(), BackupError> {
    for Shape { table, .. } in shape::found(tx).await? {
        let text = format!("select 1 as one from {} limit 1", table.quoted());
        if query_built("look into the database", text).optional(&mut *tx).await?.is_some() {
            return Err(BackupError::NotEmpty { table: table.name });
        }
    }
    Ok(())
}

/// Has the engine number new rows after those that were written with their numbers.
async fn continue_numbering(tx: &mut Tx) -> Result<(), StoreError> {
    for table in TABLES {
        let continued = table.identity.and_then(|column| tx.dialect().continue_identity(table.name, column));
        if let Some(text) = continued {
            query_built("continue the numbering", text).one(&mut *tx).await?;
        }
    }
    Ok(())
}

fn to_values(
    reader: &Reader,
    shape: Option<&Shape>,
    values: Vec<serde_json::Value>,
) -> Result<Vec<Value>, BackupError> {
    let Shape { table, columns } = shape.ok_or_else(|| reader.damaged("a row before the first table"))?;
    if values.len() != columns.len() {
        return Err(reader.damaged(format!("a row of {} has {} values", table.name, values.len())));
    }
    from_json(columns, values)
        .map_err(|column| reader.damaged(format!("{}.{column} holds something else than it should", table.name)))
}
