//! Brings the schema up to date, in one transaction, before anything else is done.

use std::path::Path;

use domain::digest;
use jiff::Timestamp;

use crate::db::{Db, On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, query, script, script_rows};
use crate::{audit, backup, record};

/// Every step, oldest first: its number is its place in the list. A step that was released is never edited: each database keeps
/// the digests of those that made it.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_start.sql"),
    include_str!("../migrations/0002_package_context.sql"),
    include_str!("../migrations/0003_audit_chain.sql"),
    include_str!("../migrations/0004_jobs.sql"),
    include_str!("../migrations/0005_nodes.sql"),
    include_str!("../migrations/0006_change.sql"),
    include_str!("../migrations/0007_imports.sql"),
    include_str!("../migrations/0008_identity.sql"),
    include_str!("../migrations/0009_events.sql"),
    include_str!("../migrations/0010_retirement.sql"),
    include_str!("../migrations/0011_change_of_findings.sql"),
    include_str!("../migrations/0012_pending_findings.sql"),
    include_str!("../migrations/0013_observations.sql"),
    include_str!("../migrations/0014_views.sql"),
    include_str!("../migrations/0015_node_version.sql"),
    include_str!("../migrations/0016_room.sql"),
    include_str!("../migrations/0017_decisions.sql"),
    include_str!("../migrations/0018_listings.sql"),
    include_str!("../migrations/0019_policy.sql"),
];

/// The schema that this program writes.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// How an older schema is brought up to date.
pub struct Upgrade<'a> {
    /// The folder for the backup that is written before anything is changed. `None`: there is none.
    pub backups: Option<&'a Path>,
    pub now: Timestamp,
    pub tell: &'a (dyn Fn(UpgradeStep<'_>) + Send + Sync),
}

/// How far an upgrade is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradeStep<'a> {
    /// The backup is being written.
    BackingUp {
        path: &'a Path,
        row_count: u64,
        /// `None`: they are still being counted.
        row_total: Option<u64>,
    },
    /// One step after another changes the schema; they become true together.
    Migrating {
        number: usize,
        of: usize,
    },
    Done,
}

/// Applies the missing steps; refuses a schema that a newer program made.
pub(crate) async fn up(db: &Db, upgrade: Option<&Upgrade<'_>>) -> Result<(), StoreError> {
    // Mostly there is nothing to do: then nobody waits for a writer. A failed look says no more than that it is not so.
    if version(db).await.is_ok_and(|found| found == VERSION) {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    let found = look(&mut tx).await?;
    if found > VERSION {
        return Err(StoreError::NewerSchema { found, known: VERSION });
    }
    let upgrade = upgrade.filter(|_| found > 0 && found < VERSION);
    // Whoever opens the database meanwhile waits for the transaction, and then finds nothing to do.
    if let Some(Upgrade { backups: Some(folder), now, tell }) = upgrade {
        let told = |path: &Path, row_count, row_total| tell(UpgradeStep::BackingUp { path, row_count, row_total });
        let made = backup::before_upgrade(db, found, folder, *now, &told).await;
        made.map_err(|source| StoreError::NoBackup { source: Box::new(source) })?;
    }
    steps(&mut tx, found, VERSION, upgrade).await?;
    tx.commit().await?;
    if let Some(upgrade) = upgrade {
        (upgrade.tell)(UpgradeStep::Done);
    }
    Ok(())
}

/// Refuses a schema that a newer program has made since the database was opened.
pub(crate) async fn expect_known<'a>(on: impl Into<On<'a>>) -> Result<(), StoreError> {
    let text = "select coalesce(max(version), 0) as version from schema_version";
    known(&query("look at the schema", text).one(on).await?)
}

/// The same for a commit, as its last statement: nobody changes the schema any more until the transaction has ended.
pub(crate) async fn expect_settled(tx: &mut Tx) -> Result<(), StoreError> {
    let Some(text) = tx.dialect().settled_schema() else { return expect_known(tx).await };
    let rows = script_rows(tx, "look at the schema", text).await?;
    let [settled, newest] = &rows[..] else {
        return Err(StoreError::corrupt("look at the schema", format!("{} rows for two statements", rows.len())));
    };
    if !settled.get::<bool>("settled")? {
        return Err(StoreError::Upgrading);
    }
    known(newest)
}

fn known(newest: &Row) -> Result<(), StoreError> {
    let found = newest.int("version")?;
    if found > VERSION { Err(StoreError::NewerSchema { found, known: VERSION }) } else { Ok(()) }
}

/// Applies the steps after one schema up to another. From before the first of them until the transaction has ended nobody else
/// commits anything: what old rules wrote is there before the steps, and they change it, or it never is.
pub(crate) async fn steps(tx: &mut Tx, from: i64, to: i64, upgrade: Option<&Upgrade<'_>>) -> Result<(), StoreError> {
    let (from, to) = (usize::try_from(from).unwrap_or(0), usize::try_from(to).unwrap_or(0));
    if let Some(lock) = tx.dialect().change_lock().filter(|_| from < to) {
        query("wait for what is being committed", lock).execute(&mut *tx).await?;
    }
    for (index, text) in MIGRATIONS.iter().enumerate().take(to).skip(from) {
        if let Some(upgrade) = upgrade {
            (upgrade.tell)(UpgradeStep::Migrating { number: index + 1 - from, of: to - from });
        }
        script(tx, "change the schema", (*text).to_owned()).await?;
        if index + 1 == audit::CHAINED_BY {
            audit::chain_old(tx).await?;
        }
        if index + 1 == record::BEGUN_BY {
            record::begin(tx).await?;
        }
        query("note the schema", "insert into schema_version (version, digest) values ($1, $2)")
            .bind(index + 1)
            .bind(digest::of(&[text]))
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// The schema of a database. Zero: it has none.
pub(crate) async fn found(db: &Db) -> Result<i64, StoreError> {
    look(&mut db.begin().await?).await
}

/// The schema of a database, which nobody else changes until the transaction ends.
pub(crate) async fn look(tx: &mut Tx) -> Result<i64, StoreError> {
    for lock in [tx.dialect().wait_for_ever(), tx.dialect().schema_lock()].into_iter().flatten() {
        query("lock the schema", lock).execute(&mut *tx).await?;
    }
    let text = "create table if not exists schema_version (version bigint primary key, digest text not null)";
    query("look at the schema", text).execute(&mut *tx).await?;
    let columns = query("look at the schema", tx.dialect().columns()).all(&mut *tx).await?;
    let is_digest = |row: &Row| Ok(row.text("table_name")? == "schema_version" && row.text("column_name")? == "digest");
    if !columns.iter().map(is_digest).collect::<Result<Vec<bool>, StoreError>>()?.contains(&true) {
        return Err(StoreError::UnreleasedSchema { step: 1 });
    }
    version(tx).await
}

async fn version<'a>(on: impl Into<On<'a>>) -> Result<i64, StoreError> {
    let text = "select version, digest from schema_version order by version";
    let mut newest = 0;
    for row in query("read the schema's version", text).all(on).await? {
        newest = row.int("version")?;
        let step = usize::try_from(newest).ok().and_then(|number| MIGRATIONS.get(number.checked_sub(1)?));
        if step.is_some_and(|step| row.text("digest").is_ok_and(|found| found != digest::of(&[step]))) {
            return Err(StoreError::UnreleasedSchema { step: newest });
        }
    }
    Ok(newest)
}
