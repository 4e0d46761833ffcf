//! `vigie discover`: what is seen from outside becomes assets.

use std::path::Path;

use anyhow::Context as _;
use api::listing::ListingTaken;
use collect::discovery::net;
use domain::asset::Sighting;
use engine::Engine;
use engine::discover::{Phantom, listing};
use ipnet::IpNet;
use serde_json::json;

use crate::args::{Common, Discover, Format};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::{output, scan};

pub(crate) async fn run(common: &Common, command: Discover) -> anyhow::Result<Exit> {
    match command {
        Discover::Net { ranges, ports, rate, credential } => net(common, ranges, ports, rate, credential).await,
        Discover::Listing { file } => listing(common, &file).await,
    }
}

async fn listing(common: &Common, file: &Path) -> anyhow::Result<Exit> {
    let read = listing::read(scan::bounded(file)?).await.with_context(|| file.display().to_string())?;
    let engine = context::engine(common).await?;
    let taken = server::wire::listing(engine.take_listing(&engine.db, read).await?);
    engine.db.close().await;
    if common.format == Format::Json {
        output::json(&taken)?;
    } else {
        let ListingTaken { source, taken_at, things, new, back, ended, outdated, .. } = &taken;
        output::line(format_args!(
            "{source} at {taken_at}: {things} things, {new} new, {back} back, {ended} ended, {outdated} outdated"
        ))?;
        if let Some(why) = &taken.partial {
            output::line(format_args!("! nothing is missing by it: {why}"))?;
        }
        output::warnings(&taken.problems)?;
    }
    Ok(if taken.problem_count > 0 { Exit::Unknown } else { Exit::Clean })
}

async fn net(
    common: &Common,
    ranges: Vec<IpNet>,
    ports: Option<Vec<u16>>,
    rate: u32,
    credential: Option<String>,
) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    let credential = match &credential {
        Some(name) => Some(context::credential(&engine, name).await?),
        None => None,
    };
    let mut options = net::Options::new(ranges);
    options.ports = ports.unwrap_or(options.ports);
    options.rate_per_second = rate.max(1);
    let mut sightings = Vec::new();
    let started_at = engine.now();
    let begun = engine.begin_sweep(&options, started_at).await?;
    let sweep = net::sweep(&options, &engine.never_touch, started_at, &mut |sighting| sightings.push(sighting)).await;
    let summary = match sweep {
        Ok(summary) => summary,
        Err(error) => {
            engine.fail_sweep(begun, &error.to_string()).await?;
            return Err(Usage(error.to_string()).into());
        }
    };
    let phantoms = Phantom::all_of(&options.ranges, &sightings);
    let is_phantom = |sighting: &Sighting| phantoms.iter().any(|phantom| phantom.addresses.contains(&sighting.address));
    let mut found = Vec::new();
    for sighting in sightings.iter().filter(|sighting| !is_phantom(sighting)) {
        let kept = engine.take_sighting(sighting, credential.as_ref()).await?;
        if common.format != Format::Json {
            output::line(seen(sighting, &kept.asset.name, kept.new))?;
        }
        found.push((sighting.clone(), kept));
    }
    engine.end_sweep(begun, &sightings, &phantoms, &summary).await?;
    let exit = if summary.failed > 0 { Exit::Unknown } else { Exit::Clean };
    if common.format == Format::Json {
        print_json(&engine, &found, &phantoms, &summary).await?;
    } else {
        output::line(format_args!(
            "{} addresses looked at, {} live, {} new assets, {} left out",
            summary.looked_at,
            summary.live,
            found.iter().filter(|(_, kept)| kept.new).count(),
            summary.left_out,
        ))?;
        for Phantom { range, addresses } in &phantoms {
            output::line(format_args!(
                "{range}: {} addresses answer in one voice, as a firewall or proxy does for all of them: no asset was made",
                addresses.len(),
            ))?;
        }
        for (address, reason) in &summary.failures {
            output::line(format_args!("unknown: {address}: {reason}"))?;
        }
    }
    engine.db.close().await;
    Ok(exit)
}

fn seen(sighting: &Sighting, asset: &str, new: bool) -> String {
    let services: Vec<String> = sighting
        .services
        .iter()
        .map(|service| match &service.protocol {
            Some(protocol) => format!("{}/{protocol}", service.port),
            None => service.port.to_string(),
        })
        .collect();
    let services = if services.is_empty() { "no open port looked at".to_owned() } else { services.join(" ") };
    let known = if new { "new asset".to_owned() } else { format!("known as {asset}") };
    format!("{}: {services} ({known})", sighting.address)
}

async fn print_json(
    engine: &Engine,
    found: &[(Sighting, engine::discover::Found)],
    phantoms: &[Phantom],
    summary: &net::Summary,
) -> anyhow::Result<()> {
    let ids: Vec<_> = found.iter().map(|(_, kept)| kept.asset.id).collect();
    let all = engine.summaries(&ids).await?;
    let assets: Vec<_> = found
        .iter()
        .map(|(sighting, kept)| {
            let record = all.iter().find(|summary| summary.asset.id == kept.asset.id);
            json!({ "asset": record.map(server::wire::asset), "new": kept.new, "sighting": sighting })
        })
        .collect();
    output::json(&json!({
        "looked_at": summary.looked_at,
        "live": summary.live,
        "left_out": summary.left_out,
        "unknown": summary.failures.iter().map(|(address, reason)| json!({ "address": address, "reason": reason })).collect::<Vec<_>>(),
        "phantoms": phantoms.iter().map(|phantom| json!({ "range": phantom.range, "addresses": phantom.addresses })).collect::<Vec<_>>(),
        "found": assets,
    }))
}
