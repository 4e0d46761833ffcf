//! What can go wrong with the store, in words for whoever reads it.

use std::path::PathBuf;

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
    /// The object is in a state that does not allow it.
    #[error("could not {doing}: {reason}")]
    Refused { doing: &'static str, reason: String },
}

impl StoreError {
    /// Wraps an error of the driver with what was being done.
    pub(crate) fn query(doing: &'static str, source: sqlx::Error) -> Self {
        match source.as_database_error() {
            Some(error) if error.is_unique_violation() => Self::Taken { doing },
            _ => Self::Query { doing, source },
        }
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
