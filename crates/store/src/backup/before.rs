//! The backup before an upgrade: written by itself, and the oldest of them removed by itself.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use tracing::warn;

use super::shape::found;
use super::{BackupError, Summary, write_whole};
use crate::db::Db;

/// Newest ones that are kept.
const KEPT: usize = 3;

/// What their names begin with: nothing else in the folder is ever removed.
const BEFORE: &str = "before-";

/// Rows between two words about progress.
const TELL_EVERY: u64 = 1000;

/// Writes a database of an older schema to a new file in a folder, which is made. `tell` hears the file, how many rows are
/// written, and of how many once they are counted.
pub(crate) async fn before_upgrade(
    db: &Db,
    schema: i64,
    folder: &Path,
    now: Timestamp,
    tell: &(dyn Fn(&Path, u64, Option<u64>) + Send + Sync),
) -> Result<Summary, BackupError> {
    let failed = |source| BackupError::Write { path: folder.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let path = free(folder, now);
    tell(&path, 0, None);
    let mut tx = db.begin_snapshot().await?;
    let shapes = found(&mut tx).await?;
    let mut total = 0;
    for shape in &shapes {
        total += shape.count(&mut tx).await?;
    }
    tell(&path, 0, Some(total));
    let often = |rows: u64| {
        if rows.is_multiple_of(TELL_EVERY) || rows == total {
            tell(&path, rows, Some(total));
        }
    };
    let summary = write_whole(&mut tx, &path, (schema, &shapes), &often).await?;
    if let Err(error) = remove_old(folder) {
        warn!("old backups in {} could not be removed: {error}", folder.display());
    }
    Ok(summary)
}

/// A name that nobody has: `before-0.1.0-20261129T113000Z`.
fn free(folder: &Path, now: Timestamp) -> PathBuf {
    let name = format!("{BEFORE}{}-{}", env!("CARGO_PKG_VERSION"), now.strftime("%Y%m%dT%H%M%SZ"));
    let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
    let mut paths = std::iter::once(name.clone()).chain(numbered).map(|name| folder.join(name));
    paths.find(|path| !path.exists()).expect("a folder does not hold four thousand million backups")
}

/// Removes all but the newest, and what an upgrade that was killed has left behind.
fn remove_old(folder: &Path) -> io::Result<()> {
    let mut whole: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name().to_string_lossy().into_owned()))?;
        if !name.starts_with(BEFORE) {
            continue;
        }
        if name.ends_with(".part") {
            fs::remove_file(&entry)?;
        } else {
            whole.push((fs::metadata(&entry)?.modified()?, entry));
        }
    }
    whole.sort();
    let old = whole.len().saturating_sub(KEPT);
    whole[..old].iter().try_for_each(|(_, path)| fs::remove_file(path))
}
