//! `vigie components`: who has what.

use engine::Visible;

use crate::args::{Common, Format};
use crate::context;
use crate::exit::Exit;
use crate::output;

pub(crate) async fn run(common: &Common, name: &str) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    let held = server::wire::component_holders(&engine.components(&Visible::All, name).await?);
    engine.db.close().await;
    if common.format == Format::Json {
        output::json(&held)?;
        return Ok(Exit::Clean);
    }
    let mut table = output::table(&["Ecosystem", "Package", "Version", "Source", "Assets"]);
    let shown = held.versions.len() as u64;
    for version in held.versions {
        let source = format!("{} {}", version.source, version.source_version);
        table.add_row(vec![version.ecosystem, version.name, version.version, source, version.asset_count.to_string()]);
    }
    output::line(table)?;
    output::line(format_args!("\n{} assets; {shown} of {} versions", held.asset_count, held.version_count))?;
    Ok(Exit::Clean)
}
