//! Backup and restore: one archive for both engines, so that it also moves an installation from one to the other.
//!
//! The archive is a zstd stream of JSON lines: a head, then for each table a line with its name and columns and one
//! line a row, then an end with the count of rows and the SHA-256 of everything before it. Bytes are hexadecimal.
//! Secrets stay sealed in it; the master key is not in it and must be kept elsewhere.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::Note;
use crate::change;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::migrate;
use crate::sql::{Row, Value, insert_rows, query_built};

mod archive;
mod tables;

use archive::{Line, Reader, Writer};
use tables::{Kind, TABLES, Table};

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
        "the backup {} has schema {found} and this Vigie has {known}: restore it with the version that made it, then \
         upgrade",
        path.display()
    )]
    Schema { path: PathBuf, found: i64, known: i64 },
    #[error("the database is not empty ({table} has rows): restore into a new one")]
    NotEmpty { table: &'static str },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Parameters in one statement while restoring.
const ROWS_MAX: usize = 500;

/// Writes everything in the database, as of one instant, to a file that appears only when it is whole.
pub async fn backup(db: &Db, path: &Path) -> Result<Summary, BackupError> {
    let failed = |source| BackupError::Write { path: path.to_owned(), source };
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let draft = PathBuf::from(draft);
    let written = write(db, &draft).await;
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
    let mut table: Option<&Table> = None;
    loop {
        match reader.next()? {
            Line::Table(next) => table = Some(next),
            Line::Row(values) => drop(to_values(&reader, table, values)?),
            Line::End(summary) => return Ok(summary),
        }
    }
}

/// Fills an empty database from a backup, all or nothing. The backup is verified first.
pub async fn restore(db: &Db, path: &Path, now: Timestamp) -> Result<Summary, BackupError> {
    verify(path)?;
    let mut reader = Reader::open(path)?;
    if reader.schema() != migrate::VERSION {
        let (found, known) = (reader.schema(), migrate::VERSION);
        return Err(BackupError::Schema { path: path.to_owned(), found, known });
    }
    let mut tx = db.begin().await?;
    expect_empty(&mut tx).await?;
    let mut table: Option<&Table> = None;
    let mut rows = Vec::new();
    let summary = loop {
        match reader.next()? {
            Line::Table(next) => {
                flush(&mut tx, table, &mut rows).await?;
                table = Some(next);
            }
            Line::Row(values) => {
                rows.push(to_values(&reader, table, values)?);
                if rows.len() == ROWS_MAX {
                    flush(&mut tx, table, &mut rows).await?;
                }
            }
            Line::End(summary) => {
                flush(&mut tx, table, &mut rows).await?;
                break summary;
            }
        }
    };
    for table in TABLES {
        let continued = table.identity.and_then(|column| tx.dialect().continue_identity(table.name, column));
        if let Some(text) = continued {
            query_built("continue the numbering", text).one(&mut tx).await?;
        }
    }
    change::begin_anew(&mut tx).await?;
    tx.note(Note::new(now, "backup.restore", &summary.sha256).after(&summary));
    tx.commit().await?;
    Ok(summary)
}

async fn write(db: &Db, path: &Path) -> Result<Summary, BackupError> {
    let failed = |source| BackupError::Write { path: path.to_owned(), source };
    let mut writer = Writer::create(path, migrate::VERSION).map_err(failed)?;
    let mut tx = db.begin_snapshot().await?;
    for table in TABLES {
        writer.table(table).map_err(failed)?;
        let mut wrong = None;
        query_built("read a table for the backup", table.select())
            .each(&mut tx, |row| {
                if wrong.is_none() {
                    wrong = writer.row(&to_json(table, &row)?).err();
                }
                Ok(())
            })
            .await?;
        if let Some(source) = wrong {
            return Err(failed(source));
        }
    }
    writer.finish().map_err(failed)
}

async fn expect_empty(tx: &mut Tx) -> Result<(), BackupError> {
    for table in TABLES {
        let text = format!("select 1 as one from {} limit 1", table.quoted());
        if query_built("look into the database", text).optional(&mut *tx).await?.is_some() {
            return Err(BackupError::NotEmpty { table: table.name });
        }
    }
    Ok(())
}

async fn flush(tx: &mut Tx, table: Option<&Table>, rows: &mut Vec<Vec<Value>>) -> Result<(), BackupError> {
    let Some(table) = table else { return Ok(()) };
    insert_rows(tx, "restore a table", &table.insert(), "", std::mem::take(rows)).await?;
    Ok(())
}

fn to_json(table: &Table, row: &Row) -> Result<Vec<serde_json::Value>, StoreError> {
    let mut values = Vec::with_capacity(table.columns.len());
    for (column, kind) in table.columns {
        values.push(match kind {
            Kind::Int => row.get::<Option<i64>>(column)?.into(),
            Kind::Text => row.get::<Option<String>>(column)?.into(),
            Kind::Bool => row.get::<Option<bool>>(column)?.into(),
            Kind::Bytes => row.get::<Option<Vec<u8>>>(column)?.map(hex::encode).into(),
            Kind::Uuid => row.get::<Option<uuid::Uuid>>(column)?.map(|id| id.to_string()).into(),
        });
    }
    Ok(values)
}

fn to_values(
    reader: &Reader,
    table: Option<&Table>,
    values: Vec<serde_json::Value>,
) -> Result<Vec<Value>, BackupError> {
    let table = table.ok_or_else(|| reader.damaged("a row before the first table"))?;
    if values.len() != table.columns.len() {
        return Err(reader.damaged(format!("a row of {} has {} values", table.name, values.len())));
    }
    let pairs = values.into_iter().zip(table.columns);
    pairs
        .map(|(value, (column, kind))| {
            let wrong = || reader.damaged(format!("{}.{column} holds something else than it should", table.name));
            to_value(value, *kind).ok_or_else(wrong)
        })
        .collect()
}

fn to_value(value: serde_json::Value, kind: Kind) -> Option<Value> {
    use serde_json::Value as Json;
    Some(match (kind, value) {
        (Kind::Int, Json::Null) => Value::Int(None),
        (Kind::Text, Json::Null) => Value::Text(None),
        (Kind::Bool, Json::Null) => Value::Bool(None),
        (Kind::Bytes, Json::Null) => Value::Bytes(None),
        (Kind::Uuid, Json::Null) => Value::Uuid(None),
        (Kind::Int, Json::Number(number)) => Value::Int(Some(number.as_i64()?)),
        (Kind::Text, Json::String(text)) => Value::from(text),
        (Kind::Bool, Json::Bool(value)) => Value::Bool(Some(value)),
        (Kind::Bytes, Json::String(text)) => Value::Bytes(Some(hex::decode(text).ok()?)),
        (Kind::Uuid, Json::String(text)) => Value::Uuid(Some(text.parse().ok()?)),
        _ => return None,
    })
}
