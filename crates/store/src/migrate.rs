//! Brings the schema up to date, in one transaction, before anything else is done.

use crate::audit;
use crate::db::{Db, On, Tx};
use crate::error::StoreError;
use crate::sql::{query, script};

/// Every step, oldest first: its number is its place in the list. A step that was released is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_start.sql"),
    include_str!("../migrations/0002_package_context.sql"),
    include_str!("../migrations/0003_audit_chain.sql"),
    include_str!("../migrations/0004_jobs.sql"),
    include_str!("../migrations/0005_nodes.sql"),
    include_str!("../migrations/0006_change.sql"),
    include_str!("../migrations/0007_imports.sql"),
];

/// The schema that this program writes.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Applies the missing steps; refuses a schema that a newer program made.
pub(crate) async fn up(db: &Db) -> Result<(), StoreError> {
    // Mostly there is nothing to do: then nobody waits for a writer. A failed look says no more than that it is not so.
    if version(db).await.is_ok_and(|found| found == VERSION) {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    let found = look(&mut tx).await?;
    if found > VERSION {
        return Err(StoreError::NewerSchema { found, known: VERSION });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for (index, text) in MIGRATIONS.iter().enumerate().skip(done) {
        script(&mut tx, "change the schema", (*text).to_owned()).await?;
        if index + 1 == audit::CHAINED_BY {
            audit::chain_old(&mut tx).await?;
        }
        query("note the schema", "insert into schema_version (version) values ($1)")
            .bind(index + 1)
            .execute(&mut tx)
            .await?;
    }
    tx.commit().await
}

/// The schema of a database. Zero: it has none.
pub(crate) async fn found(db: &Db) -> Result<i64, StoreError> {
    look(&mut db.begin().await?).await
}

/// The schema of a database, which nobody else changes until the transaction ends.
async fn look(tx: &mut Tx) -> Result<i64, StoreError> {
    if let Some(lock) = tx.dialect().schema_lock() {
        query("lock the schema", lock).execute(&mut *tx).await?;
    }
    query("look at the schema", "create table if not exists schema_version (version bigint primary key)")
        .execute(&mut *tx)
        .await?;
    version(tx).await
}

async fn version<'a>(on: impl Into<On<'a>>) -> Result<i64, StoreError> {
    let newest = "select coalesce(max(version), 0) as version from schema_version";
    query("read the schema's version", newest).one(on).await?.int("version")
}
