//! `vigie check`: are the findings what they must be?

use engine::check::Checked;
use engine::work::Report;
use serde_json::json;

use crate::args::{Common, Format};
use crate::context;
use crate::exit::Exit;
use crate::output;

/// Looks at the assets that are named, or at all.
pub(crate) async fn run(common: &Common, names: &[String]) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    let mut assets = Vec::new();
    if names.is_empty() {
        assets.extend(engine.all_assets().await?.iter().map(|asset| asset.id));
    }
    for name in names {
        assets.push(context::asset(&engine, name).await?.id);
    }
    let checked = engine.check(&assets, &Report::default()).await?;
    engine.db.close().await;
    print(common.format, &checked)?;
    Ok(if checked.differing.is_empty() { Exit::Clean } else { Exit::Failed })
}

fn print(format: Format, checked: &Checked) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&json!({ "asset_count": checked.assets, "differing": checked.differing }));
    }
    for differing in &checked.differing {
        output::line(format_args!("{}", differing.name))?;
        for what in &differing.what {
            output::line(format_args!("  {what}"))?;
        }
    }
    output::line(checked)?;
    if !checked.differing.is_empty() {
        output::line("What would be judged otherwise is judged again by the next `rematch`.")?;
    }
    Ok(())
}
