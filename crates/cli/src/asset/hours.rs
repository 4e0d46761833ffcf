//! `vigie asset hours`: how long assets were there.

use api::listing::AssetUsage;
use domain::presence::Grouping;
use engine::{Engine, Visible};
use jiff::Timestamp;

use crate::args::Format;
use crate::output;

pub(super) async fn show(
    engine: &Engine,
    format: Format,
    grouping: Grouping,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> anyhow::Result<()> {
    let view = engine.usage(&Visible::All, grouping, from, to).await?;
    let hours = server::wire::hours(view);
    if format == Format::Json {
        return output::json(&hours);
    }
    let mut table = output::table(&[grouping.as_str(), "assets", "hours", "average", "coverage"]);
    let mut add = |name: &str, usage: &AssetUsage| {
        let coverage = usage.coverage.map_or_else(|| "–".to_owned(), |part| format!("{:.1} %", part * 100.0));
        let AssetUsage { assets, hours, average, .. } = usage;
        table.add_row([name.to_owned(), assets.to_string(), format!("{hours:.1}"), format!("{average:.2}"), coverage]);
    };
    for group in &hours.groups {
        add(&group.name, &group.usage);
    }
    add("all assets", &hours.total);
    output::line(table)?;
    output::line(format_args!("from {} to {}", hours.from, hours.to))?;
    let unlisted = hours.group_count - hours.groups.len() as u64;
    if unlisted > 0 {
        output::line(format_args!("and {unlisted} more with fewer hours"))?;
    }
    Ok(())
}
