//! `vigie asset`: what is known, and making more known.

mod hours;
mod identity;
mod inventory;

use domain::filter::{AssetFilter, FilterError};
use engine::discover::NewAsset;
use engine::views::{AssetQuery, AssetSort, PAGE_ROWS_MAX};
use engine::{Engine, Visible};

use crate::args::{Asset, Common, Format};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::output::{self, findings};

pub(crate) async fn run(common: &Common, command: Asset) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    match command {
        Asset::List { filter, sort } => {
            let filter = filter.as_deref().map(read_filter).transpose()?;
            let sort = sort.unwrap_or(AssetSort::NAME);
            list(&engine, common.format, AssetQuery { filter, sort, ..AssetQuery::all(PAGE_ROWS_MAX) }).await?;
        }
        Asset::Add { way, name, credential, jump, tags } => {
            let new = NewAsset { way, name, credential, jump, tags };
            let asset = engine.make_known(&new).await?;
            output::line(format_args!("{}: known now; `vigie inspect {}` looks inside", asset.name, asset.name))?;
        }
        Asset::Show { asset } => show(&engine, common.format, &asset).await?,
        Asset::Retire { asset, because } => retire(&engine, common.format, &asset, because.as_deref()).await?,
        Asset::Inventory { asset, since } => inventory::show(&engine, common.format, &asset, since).await?,
        Asset::Hours { by, from, to } => hours::show(&engine, common.format, by, (from, to)).await?,
        Asset::Records { asset } => identity::records(&engine, common.format, &asset).await?,
        Asset::Merge { asset, other } => identity::merge(&engine, common.format, [&asset, &other]).await?,
        Asset::Split { asset, records } => identity::split(&engine, common.format, &asset, &records).await?,
        Asset::Cases => identity::cases(&engine, common.format).await?,
    }
    engine.db.close().await;
    Ok(Exit::Clean)
}

/// A filter of assets; a mistake in it is shown where it is.
fn read_filter(text: &str) -> anyhow::Result<AssetFilter> {
    text.parse().map_err(|error: FilterError| Usage(format!("--filter: {error}\n{}", error.pointer(text))).into())
}

async fn list(engine: &Engine, format: Format, mut query: AssetQuery) -> anyhow::Result<()> {
    let mut assets = Vec::new();
    loop {
        let page = engine.assets(&Visible::All, &query).await?;
        assets.extend(page.assets.iter().map(server::wire::asset));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    if format == Format::Json {
        return output::json(&assets);
    }
    let mut table = output::table(&[
        "Asset",
        "Way in",
        "Platform",
        "P0",
        "P1",
        "P2",
        "P3",
        "P4",
        "Unknown",
        "Last inspected",
        "State",
    ]);
    for asset in assets {
        let tier = |pick: fn(api::asset::TierCounts) -> u64| output::or_unknown(asset.counts.map(pick));
        table.add_row(vec![
            asset.name.clone(),
            asset.way.clone().unwrap_or_else(|| "none yet".to_owned()),
            output::or_unknown(asset.platform.as_deref()),
            tier(|counts| counts.p0),
            tier(|counts| counts.p1),
            tier(|counts| counts.p2),
            tier(|counts| counts.p3),
            tier(|counts| counts.p4),
            output::or_unknown(asset.unknown_count),
            match (&asset.last_inspected_at, &asset.last_error) {
                (_, Some(error)) => format!("FAILED: {error}"),
                (Some(at), None) => at.clone(),
                (None, None) => "never".to_owned(),
            },
            state(&asset).unwrap_or_default(),
        ]);
    }
    output::line(table)?;
    Ok(())
}

/// What is to be said of an asset that does not answer, or has ended.
fn state(asset: &api::asset::Asset) -> Option<String> {
    if let Some(at) = &asset.retired_at {
        let how = asset.retired_as.as_ref().zip(asset.retired_because.as_ref());
        return Some(match how {
            Some((ending, because)) => format!("retired {at}, {ending}: {because}"),
            None => format!("retired {at}"),
        });
    }
    asset.unreachable_since.as_ref().map(|since| format!("unreachable since {since}"))
}

async fn retire(engine: &Engine, format: Format, name: &str, because: Option<&str>) -> anyhow::Result<()> {
    let asset = context::asset(engine, name).await?;
    let mut tx = engine.db.begin().await?;
    engine.retire_asset(&mut tx, asset.id, because).await?;
    tx.commit().await?;
    if format == Format::Json {
        let Some(view) = engine.asset(asset.id).await? else { return Ok(()) };
        return output::json(&server::wire::asset(&view.summary));
    }
    output::line(format_args!("{}: retired; it is back when it is seen again", asset.name))?;
    Ok(())
}

async fn show(engine: &Engine, format: Format, name: &str) -> anyhow::Result<()> {
    let asset = context::asset(engine, name).await?;
    let Some(view) = engine.asset(asset.id).await? else { return Ok(()) };
    let detail = server::wire::asset_detail(&view, engine.now());
    if format == Format::Json {
        return output::json(&detail);
    }
    output::line(format_args!(
        "{}: {}, way in: {}, exposure: {}, scopes: {}",
        detail.asset.name,
        output::or_unknown(detail.asset.platform.as_deref()),
        detail.asset.way.as_deref().unwrap_or("none"),
        detail.asset.exposure,
        if detail.asset.scopes.is_empty() { "none".to_owned() } else { detail.asset.scopes.join(", ") },
    ))?;
    if let Some(state) = state(&detail.asset) {
        output::line(state)?;
    }
    for attribute in &detail.attributes {
        output::line(in_words(attribute))?;
    }
    if let Some(count) = detail.installations.filter(|count| *count > 1) {
        output::line(format_args!("{count} installations of a system were seen on it"))?;
    }
    match &detail.asset.last_inspected_at {
        Some(at) => output::line(format_args!("last inspected {at}"))?,
        None => output::line("never inspected: its software is UNKNOWN")?,
    }
    if let Some(error) = &detail.asset.last_error {
        output::line(format_args!("the last inspection FAILED: {error}"))?;
    }
    let (active, ended): (Vec<_>, Vec<_>) = detail.findings.into_iter().partition(|finding| {
        finding.life.as_ref().is_some_and(|life| matches!(life.detection.as_str(), "open" | "pending" | "stale"))
    });
    if !active.is_empty() {
        output::line(findings::findings_table(&active))?;
    }
    for finding in &ended {
        output::line(findings::ended(finding))?;
    }
    output::line(format_args!(
        "{} active findings, {} ended, {} things unknown",
        active.len(),
        ended.len(),
        detail.unknown.len()
    ))?;
    Ok(())
}

/// The word that counts, and what others say instead.
fn in_words(attribute: &api::asset::Attribute) -> String {
    let mut words = format!("{}: {}", attribute.kind.replace('_', " "), attribute.value);
    let told =
        |claim: &api::asset::AttributeClaim| format!("{}, seen {}", claim.source.replace('_', " "), claim.seen_at);
    if let Some(first) = attribute.claims.first() {
        words.push_str(&format!(" ({})", told(first)));
    }
    let mut said = std::collections::BTreeSet::from([&attribute.value]);
    for other in attribute.claims.iter().filter(|claim| said.insert(&claim.value)) {
        words.push_str(&format!("; also {} ({})", other.value, told(other)));
    }
    words
}
