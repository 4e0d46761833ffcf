//! `vigie asset records|merge|split|cases`: who assets are.

use domain::ids::{AssetId, RecordId};
use engine::Engine;
use engine::identify::Moved;

use crate::args::Format;
use crate::{context, output};

pub(super) async fn records(engine: &Engine, format: Format, name: &str) -> anyhow::Result<()> {
    let asset = context::asset(engine, name).await?;
    let records = server::wire::records(&store::record::of_asset(&engine.db, asset.id).await?);
    if format == Format::Json {
        return output::json(&records);
    }
    let mut table = output::table(&["Record", "Source", "Identifier", "Value", "First seen", "Last seen"]);
    for record in records {
        let mut head = [record.id, record.source];
        for seen in record.identifiers {
            let [id, source] = std::mem::take(&mut head);
            let place = if seen.scope.is_empty() { String::new() } else { format!(" ({})", seen.scope) };
            let value = format!("{}{place}", seen.value);
            table.add_row(vec![id, source, seen.kind, value, seen.first_seen_at, seen.last_seen_at]);
        }
        if !head[0].is_empty() {
            let [id, source] = head;
            table.add_row(vec![id, source, "none".to_owned()]);
        }
    }
    Ok(output::line(table)?)
}

pub(super) async fn merge(engine: &Engine, format: Format, names: [&str; 2]) -> anyhow::Result<()> {
    let [one, other] = [context::asset(engine, names[0]).await?, context::asset(engine, names[1]).await?];
    let mut tx = engine.db.begin().await?;
    let moved = engine.merge_assets(&mut tx, one.id, other.id).await?;
    tx.commit().await?;
    told(engine, format, &moved).await
}

pub(super) async fn split(engine: &Engine, format: Format, name: &str, records: &[RecordId]) -> anyhow::Result<()> {
    let asset = context::asset(engine, name).await?;
    let mut tx = engine.db.begin().await?;
    let moved = engine.split_asset(&mut tx, asset.id, &records.iter().copied().collect()).await?;
    tx.commit().await?;
    told(engine, format, &moved).await
}

pub(super) async fn cases(engine: &Engine, format: Format) -> anyhow::Result<()> {
    let (cases, assets) = engine.cases().await?;
    let cases = server::wire::identity_cases(&cases, &assets);
    if format == Format::Json {
        return output::json(&cases);
    }
    let mut table = output::table(&["Asset", "Other", "Question", "For it", "Against it", "Bits", "Since"]);
    for case in cases {
        let question = if case.question == "same" { "are they one?" } else { "is one a copy of the other?" };
        table.add_row(vec![
            case.a_name,
            case.b_name,
            question.to_owned(),
            case.agreeing.join(", "),
            case.differing.join(", "),
            format!("{:.1}", case.bits),
            case.since,
        ]);
    }
    Ok(output::line(table)?)
}

/// What became of the assets, by name.
async fn told(engine: &Engine, format: Format, moved: &Moved) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&server::wire::identity_change(moved));
    }
    let name = async |id: AssetId| -> anyhow::Result<String> {
        Ok(store::asset::get(&engine.db, id).await?.map_or_else(|| id.to_string(), |asset| asset.name))
    };
    for (gone, into) in &moved.merged {
        output::line(format_args!("{} is {} from now on", name(*gone).await?, name(*into).await?))?;
    }
    for (own, from) in &moved.parted {
        output::line(format_args!(
            "{} is an asset of its own, and no longer {}",
            name(*own).await?,
            name(*from).await?
        ))?;
    }
    if moved.merged.is_empty() && moved.parted.is_empty() {
        output::line("nothing had to move")?;
    }
    Ok(())
}
