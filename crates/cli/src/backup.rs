//! `vigie backup`, `vigie restore` and `vigie verify`.

use std::path::Path;

use crate::args::{Common, Format};
use crate::context;
use crate::exit::Exit;
use crate::output;

pub(crate) async fn backup(common: &Common, to: &Path) -> anyhow::Result<Exit> {
    if to.exists() {
        return Err(anyhow::anyhow!("{} exists: a backup never overwrites anything", to.display()));
    }
    let engine = context::engine(common).await?;
    store::backup::backup(&engine.db, to).await?;
    engine.db.close().await;
    output::line(format_args!(
        "{}: written. Keep a copy of {} elsewhere: without that key the sealed credentials cannot be opened.",
        to.display(),
        common.data_dir.join("master.key").display(),
    ))?;
    Ok(Exit::Clean)
}

pub(crate) async fn restore(common: &Common, from: &Path) -> anyhow::Result<Exit> {
    let db = context::bare(common).await?;
    store::backup::restore(&db, from, context::now(common)).await?;
    db.close().await;
    output::line(format_args!("{}: restored", from.display()))?;
    Ok(Exit::Clean)
}

/// Reads a backup from end to end. One that is damaged is an error.
pub(crate) fn verify(common: &Common, file: &Path) -> anyhow::Result<Exit> {
    let summary = store::backup::verify(file)?;
    if common.format == Format::Json {
        output::json(&summary)?;
        return Ok(Exit::Clean);
    }
    output::line(format_args!(
        "{}: whole, {} rows of schema {}, SHA-256 {}",
        file.display(),
        summary.row_count,
        summary.schema,
        summary.sha256,
    ))?;
    Ok(Exit::Clean)
}
