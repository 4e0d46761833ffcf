//! What can go wrong with the store, in words for whoever reads it.

use std::path::PathBuf;

use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;

use crate::backup::BackupError;

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot open the database {place}: {source}; check that it exists, is reachable and may be written")]
    Open { place: String, source: sqlx::Error },
    /// Of several hosts; each is named with its reason.
    #[error(
        "no host of the database {place} takes writes ({hosts}); start the primary, or promote the server that follows it"
    )]
    NoPrimary { place: String, hosts: String },
    #[error("cannot create the database file {}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0:?} is no database: give a file path, sqlite:PATH or postgres://USER@HOST/NAME")]
    UnknownPlace(String),
    #[error(
        "the database has schema {found} and this Vigie knows up to {known}: use the newer Vigie, or restore a backup"
    )]
    NewerSchema { found: i64, known: i64 },
    #[error(
        "the database was made by a Vigie that was never released (its step {step} is another one): take what you need out of \
         it with that Vigie, and begin a new one"
    )]
    UnreleasedSchema { step: i64 },
    #[error(
        "the database is as it was, because it could not be backed up before the upgrade (make room, or go without by \
         --no-backup-before-upgrade): {source}"
    )]
    NoBackup { source: Box<BackupError> },
    #[error(
        "could not {doing}: the disk of the database is full; make room, and what could not be kept is done again ({source})"
    )]
    Full { doing: &'static str, source: sqlx::Error },
    #[error(
        "could not {doing}: another process holds the database for longer than anybody waits; look who has its file open (fuser, lsof: a \
         backup, or a shell with an open transaction) and end that ({source})"
    )]
    Busy { doing: &'static str, source: sqlx::Error },
    #[error(
        "could not {doing}: another session of the database holds what this needs for longer than anybody waits; see who does (select pid, \
         usename, state, query from pg_stat_activity where state like 'idle in transaction%') and end that: what was to be kept is \
         done again ({source})"
    )]
    Locked { doing: &'static str, source: sqlx::Error },
    /// Its server has ended, is starting, or takes no writes any more since another one was promoted.
    #[error("could not {doing}: the database cannot be reached now; what was to be kept is done again ({source})")]
    Away { doing: &'static str, source: sqlx::Error },
    /// Whoever changes the schema waits for nobody who has not begun to commit.
    #[error("the database is being upgraded now: nothing of this was kept, and what was to be kept is done again")]
    Upgrading,
    /// One of several transactions had to give way.
    #[error(
        "could not {doing}: other work on the same rows came first; nothing of this was kept, try again ({source})"
    )]
    Conflict { doing: &'static str, source: sqlx::Error },
    /// The engine refused or failed.
    #[error("could not {doing}: {source}")]
    Query { doing: &'static str, source: sqlx::Error },
    /// Something unique is in use already.
    #[error("could not {doing}: the name is taken")]
    Taken { doing: &'static str },
    #[error("there is no {what} {id}")]
    Missing { what: &'static str, id: String },
    /// A row that this program never writes.
    #[error("could not {doing}: {detail}; the database was changed by something else, restore a backup")]
    Corrupt { doing: &'static str, detail: String },
    #[error(
        "the database was replaced by another one while Vigie was running, as by a backup that was restored: try again"
    )]
    Replaced,
    /// The object is in a state that does not allow it.
    #[error("could not {doing}: {reason}")]
    Refused { doing: &'static str, reason: String },
}

impl StoreError {
    /// Wraps an error of the driver with what was being done.
    pub(crate) fn query(doing: &'static str, source: sqlx::Error) -> Self {
        match source.as_database_error() {
            Some(error) if error.is_unique_violation() => Self::Taken { doing },
            Some(error) if is_full(error) => Self::Full { doing, source },
            Some(error) if is_postgres(error, &[LOCK_NOT_AVAILABLE]) => Self::Locked { doing, source },
            Some(error) if is_postgres(error, &[DEADLOCK, NOT_SERIALIZABLE]) => Self::Conflict { doing, source },
            _ if is_busy(&source) => Self::Busy { doing, source },
            _ if is_away(&source) => Self::Away { doing, source },
            _ => Self::Query { doing, source },
        }
    }

    /// Whether the same may succeed later without anybody changing what was asked: the disk, or other work, was in the way, or
    /// the database was away or was being upgraded.
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Full { .. }
                | Self::Busy { .. }
                | Self::Locked { .. }
                | Self::Conflict { .. }
                | Self::Away { .. }
                | Self::Upgrading
        )
    }

    pub(crate) fn corrupt(doing: &'static str, detail: impl Into<String>) -> Self {
        Self::Corrupt { doing, detail: detail.into() }
    }

    pub(crate) fn refused(doing: &'static str, reason: impl Into<String>) -> Self {
        Self::Refused { doing, reason: reason.into() }
    }

    pub(crate) fn missing(what: &'static str, id: impl ToString) -> Self {
        Self::Missing { what, id: id.to_string() }
    }
}

/// What PostgreSQL calls what happened (its manual's appendix A).
const DISK_FULL: &str = "53100";
const LOCK_NOT_AVAILABLE: &str = "55P03";
const DEADLOCK: &str = "40P01";
const NOT_SERIALIZABLE: &str = "40001";
/// A server that ends, was taken down by a crash, or starts; that has no room for a connection; that follows another.
const AWAY: [&str; 5] = ["57P01", "57P02", "57P03", "53300", "25006"];

/// Whether PostgreSQL says any of these.
fn is_postgres(error: &dyn DatabaseError, codes: &[&str]) -> bool {
    let is_sqlite = error.try_downcast_ref::<SqliteError>().is_some();
    !is_sqlite && error.code().is_some_and(|code| codes.contains(&&*code))
}

/// Whether nobody answers who could keep something.
fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(error) => is_postgres(&**error, &AWAY),
        _ => false,
    }
}

/// Whether a disk has no room left.
fn is_full(error: &dyn DatabaseError) -> bool {
    const SQLITE_FULL: u32 = 13;
    /// The index of the write-ahead log could not grow.
    const SQLITE_IOERR_SHMSIZE: u32 = 4874;
    let Some(code) = error.code() else { return false };
    match error.try_downcast_ref::<SqliteError>() {
        Some(_) => code.parse().is_ok_and(|code: u32| code & 0xff == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE),
        None => code == DISK_FULL,
    }
}

/// Whether somebody else holds the file right now: `SQLITE_BUSY`, the low byte of its finer codes.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    const SQLITE_BUSY: u32 = 5;
    let error = error.as_database_error().filter(|error| error.try_downcast_ref::<SqliteError>().is_some());
    let code = error.and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == SQLITE_BUSY)
}
