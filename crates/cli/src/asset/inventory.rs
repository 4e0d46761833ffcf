//! `vigie asset inventory`: what is installed, or was.

use anyhow::Context as _;
use engine::Engine;
use jiff::Timestamp;

use crate::args::Format;
use crate::{context, output};

pub(crate) async fn show(engine: &Engine, format: Format, name: &str, since: Option<Timestamp>) -> anyhow::Result<()> {
    let asset = context::asset(engine, name).await?;
    let at = engine.now();
    let view = engine.inventory_at(asset.id, at, since).await?;
    let view =
        view.with_context(|| format!("no inspection of {} by {at} is kept: what it had is UNKNOWN", asset.name))?;
    let inventory = server::wire::inventory(&view, 0, usize::MAX, None);
    if format == Format::Json {
        return output::json(&inventory);
    }
    let since = inventory.since_observed_at.as_ref().map(|at| format!(", compared with {at}")).unwrap_or_default();
    output::line(format_args!("{}: {}, as read at {}{since}", asset.name, inventory.platform, inventory.observed_at))?;
    let Some(total) = inventory.total else {
        return output::line("the packages could not be read: what is installed is UNKNOWN").map_err(Into::into);
    };
    let compared = inventory.since_observed_at.is_some();
    let names = ["Package", "Version", "Architecture", "World", "Found in"];
    let mut table = if compared {
        output::table(&["Package", "Before", "After", "Architecture", "World", "Found in"])
    } else {
        output::table(&names)
    };
    for row in inventory.components {
        let version = row.version.unwrap_or_else(|| "gone".to_owned());
        let mut cells = vec![row.name];
        cells.extend(compared.then(|| row.version_before.unwrap_or_else(|| "not there".to_owned())));
        cells.extend([version, row.arch, row.ecosystem, row.path]);
        table.add_row(cells);
    }
    output::line(table)?;
    let what = if compared { "differences" } else { "components" };
    output::line(format_args!("{total} {what}, {} things that could not be read", inventory.gap_count))?;
    Ok(())
}
