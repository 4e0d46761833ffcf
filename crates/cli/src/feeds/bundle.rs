//! `vigie feeds export`, `import` and `verify`.

use std::path::Path;

use anyhow::Context as _;
use engine::ingest::carry;
use serde_json::json;

use crate::args::{Common, Format};
use crate::exit::Exit;
use crate::output;

pub(super) fn export(common: &Common, to: &Path, since: Option<&Path>) -> anyhow::Result<Exit> {
    let key = carry::export(&common.data_dir, to, since).context("export the knowledge")?;
    match common.format {
        Format::Json => output::json(&json!({ "file": to, "public_key": key }))?,
        _ => output::line(format_args!("{}: written, signed by {key}", to.display()))?,
    }
    Ok(Exit::Clean)
}

pub(super) fn import(common: &Common, from: &Path, trust: Option<&str>, accept_loss: &[String]) -> anyhow::Result<()> {
    carry::import(&common.data_dir, from, trust, accept_loss).map(drop).context("import knowledge")
}

pub(super) fn verify(common: &Common, file: Option<&Path>) -> anyhow::Result<Exit> {
    let in_use = common.knowledge_path();
    let path = file.unwrap_or(&in_use);
    let what = carry::verify(path)?;
    match common.format {
        Format::Json => output::json(&json!({ "file": path, "is": what }))?,
        _ => output::line(format_args!("{}: {what}", path.display()))?,
    }
    Ok(Exit::Clean)
}
