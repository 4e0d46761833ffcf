//! What commands share: the clock, the data folder, the open store.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::asset::{Asset, SshTarget};
use domain::credential::Credential;
use domain::ids::AssetId;
use engine::{Clock, Engine};
use jiff::Timestamp;
use outside::{ClientOptions, NeverTouch};
use store::{Db, Upgrade, UpgradeStep};
use tracing::info;

use crate::args::Common;
use crate::exit::Usage;
use crate::operator::operator;

/// Where backups before upgrades are, in the data folder.
const BACKUPS: &str = "backups";

/// While a backup is written, a line is logged after so many rows, and after so much time.
const LOG_ROWS: u64 = 100_000;
const LOG_EVERY: Duration = Duration::from_secs(5);

/// The instant to judge for: `--at`, else the clock.
pub(crate) fn now(common: &Common) -> Timestamp {
    common.at.unwrap_or_else(clock)
}

/// Whether an instant is later than the clock of any node can be.
pub(crate) fn is_ahead(at: Timestamp) -> bool {
    !domain::clock::is_plausible(at, clock())
}

/// The clock, in whole milliseconds: what the store keeps is what was judged.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
fn clock() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Runs an asynchronous command to its end. Commands that need no runtime start none.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    install_crypto();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?.block_on(future)
}

/// One TLS provider for the whole process, before the first handshake.
fn install_crypto() {
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Common {
    pub(crate) fn knowledge_path(&self) -> PathBuf {
        self.data_dir.join(engine::ingest::KNOWLEDGE_FILE)
    }

    /// The database in use.
    fn place(&self) -> String {
        self.database.clone().unwrap_or_else(|| format!("sqlite:{}", self.data_dir.join("vigie.db").display()))
    }

    /// Whether anything is kept here: a command that needs no store makes none.
    pub(crate) fn has_database(&self) -> bool {
        self.database.is_some() || self.data_dir.join("vigie.db").exists()
    }
}

/// Opens the store, migrated, and the engine over it.
pub(crate) async fn engine(common: &Common) -> anyhow::Result<Engine> {
    engine_telling(common, &|_| ()).await
}

/// The same, with words for somebody else too about how far an upgrade is. What is changed through it is noted under the name of whoever runs
/// this program. The data folder is made at first use.
pub(crate) async fn engine_telling(common: &Common, tell: &(dyn Fn(String) + Send + Sync)) -> anyhow::Result<Engine> {
    make_private(&common.data_dir)?;
    let folder = common.data_dir.join(BACKUPS);
    let backups = Some(folder.as_path()).filter(|_| !common.no_backup_before_upgrade);
    let logged = Mutex::new(Instant::now());
    let tell = |step: UpgradeStep<'_>| {
        log_upgrade(step, &mut logged.lock().unwrap_or_else(PoisonError::into_inner));
        tell(upgrade_words(step));
    };
    let upgrade = Upgrade { backups, now: clock(), tell: &tell };
    let db = Db::open_upgrading(&common.place(), &upgrade).await?.acting_as(&operator());
    let fixed = common.at;
    let clock: Clock = Arc::new(move || fixed.unwrap_or_else(clock));
    let mut engine = Engine::new(db, common.data_dir.clone(), never_touch(common), clock);
    engine.destinations.allowed.clone_from(&common.allow_destination);
    Ok(engine)
}

/// Says how far an upgrade is, in the log: a terminal sees it, and so does whoever looks at a service that is not ready.
fn log_upgrade(step: UpgradeStep<'_>, logged: &mut Instant) {
    let is_start = matches!(step, UpgradeStep::BackingUp { row_count: 0, .. });
    let is_round = matches!(step, UpgradeStep::BackingUp { row_count, .. } if row_count.is_multiple_of(LOG_ROWS));
    match step {
        UpgradeStep::BackingUp { path, row_total: None, .. } => {
            info!("backing the store up before its upgrade: {}", path.display());
        }
        UpgradeStep::BackingUp { .. } if is_start || !(is_round || logged.elapsed() > LOG_EVERY) => return,
        UpgradeStep::BackingUp { row_count, row_total: Some(total), .. } => {
            info!("backing the store up: {row_count} of {total} rows");
        }
        UpgradeStep::Migrating { number, of } => info!("upgrading the store: {number} of {of} …"),
        UpgradeStep::Done => info!("the store is upgraded"),
    }
    *logged = Instant::now();
}

/// The same for whoever asks the server, who need not have signed in: without a path.
fn upgrade_words(step: UpgradeStep<'_>) -> String {
    match step {
        UpgradeStep::BackingUp { row_total: None, .. } => {
            "the store is backed up before its upgrade; its rows are being counted".to_owned()
        }
        UpgradeStep::BackingUp { row_count, row_total: Some(total), .. } => {
            format!("the store is backed up before its upgrade, {row_count} of {total} rows so far")
        }
        UpgradeStep::Migrating { number, of } => format!("the store is being upgraded, step {number} of {of}"),
        UpgradeStep::Done => "the store is upgraded".to_owned(),
    }
}

/// Opens a database that is to be filled, as it is.
pub(crate) async fn bare(common: &Common) -> anyhow::Result<Db> {
    make_private(&common.data_dir)?;
    Ok(Db::open_bare(&common.place()).await?.acting_as(&operator()))
}

/// The data folder holds secrets and findings: nobody else may look into it.
pub(crate) fn make_private(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("make the data folder {}", folder.display()))
}

/// What no packet is sent to.
pub(crate) fn never_touch(common: &Common) -> NeverTouch {
    NeverTouch::new(common.never_touch.clone())
}

/// Options for fetching feeds.
pub(crate) fn client_options() -> ClientOptions {
    ClientOptions::default()
}

/// An asset by name or id.
pub(crate) async fn asset(engine: &Engine, name: &str) -> anyhow::Result<Asset> {
    let by_id = match name.parse::<AssetId>() {
        Ok(id) => store::asset::get(&engine.db, id).await?,
        Err(_) => None,
    };
    let found = match by_id {
        Some(asset) => Some(asset),
        None => store::asset::find_by_name(&engine.db, name).await?,
    };
    match found {
        // One that was found to be another is that one.
        Some(asset) => Ok(store::asset::current(&engine.db, asset).await?),
        None => Err(Usage(format!("there is no asset {name:?}: `vigie asset list` shows them")).into()),
    }
}

/// A credential by name.
pub(crate) async fn credential(engine: &Engine, name: &str) -> anyhow::Result<Credential> {
    store::credential::find_by_name(&engine.db, name)
        .await?
        .ok_or_else(|| Usage(format!("there is no credential {name:?}: `vigie credential list` shows them")).into())
}

/// Reads `ssh://user@host[:port]`.
pub(crate) fn parse_ssh(url: &str) -> anyhow::Result<SshTarget> {
    Ok(engine::inspect::parse_ssh(url).map_err(|error| Usage(error.to_string()))?)
}

/// Ends with the first of Ctrl-C and the service manager's signal.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_is_told_how_far_it_is_and_no_path() {
        let path = Path::new("/var/lib/vigie/backups/before-1");
        let backup = |row_count, row_total| upgrade_words(UpgradeStep::BackingUp { path, row_count, row_total });
        assert_eq!(backup(0, None), "the store is backed up before its upgrade; its rows are being counted");
        assert_eq!(backup(12, Some(20)), "the store is backed up before its upgrade, 12 of 20 rows so far");
        let step = upgrade_words(UpgradeStep::Migrating { number: 3, of: 14 });
        assert_eq!(step, "the store is being upgraded, step 3 of 14");
    }
}
