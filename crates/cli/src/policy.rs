//! `vigie policy`: how priorities are set.

mod replay;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use api::policy::{SimulatedVerdict, Simulation, TierTally};
use domain::priority::policy::{Policy as Record, TEXT_BYTES_MAX, built_in};
use engine::Engine;

use crate::args::{Common, Format, Policy};
use crate::exit::{Exit, Usage};
use crate::{context, output};

/// Versions that are listed.
const VERSIONS_MAX: usize = 500;

pub(crate) async fn run(common: &Common, command: Policy) -> anyhow::Result<Exit> {
    match command {
        Policy::Packs => return packs(common.format).map(|()| Exit::Clean),
        Policy::Check { file } => return check(&file).map(|()| Exit::Clean),
        _ => {}
    }
    let engine = context::engine(common).await?;
    match command {
        Policy::Show { number } => show(&engine, common.format, number).await?,
        Policy::History => history(&engine, common.format).await?,
        Policy::Simulate { file } => {
            let simulation = engine.simulate_policy(&text(&file)?).await.map_err(|error| of_file(&file, error))?;
            simulated(common.format, server::wire::simulation(simulation))?;
        }
        Policy::Replay(asked) => {
            let policy = match &asked.policy {
                Some(file) => Record::read(&text(file)?).map_err(|error| of_file(file, error.into()))?,
                None => engine.policy().await?.policy.as_ref().clone(),
            };
            replay::run(&engine, common.format, &policy, &asked)?;
        }
        Policy::Save { file, note, based_on } => save(&engine, common.format, &file, (&note, based_on)).await?,
        Policy::Packs | Policy::Check { .. } => {}
    }
    engine.db.close().await;
    Ok(Exit::Clean)
}

async fn show(engine: &Engine, format: Format, version: Option<u64>) -> anyhow::Result<()> {
    let policy = match version.filter(|version| *version > 0) {
        Some(version) => {
            let saved = store::policy::get(&engine.db, version).await?;
            let missing = || Usage(format!("there is no version {version}: `vigie policy history` lists them"));
            server::wire::saved_policy(&saved.ok_or_else(missing)?)
        }
        None if version == Some(0) => server::wire::policy(&engine::policy::InUse::built_in(), None),
        None => {
            let in_use = engine.policy().await?;
            let saved = store::policy::get(&engine.db, in_use.version).await?;
            server::wire::policy(&in_use, saved.as_ref())
        }
    };
    if format == Format::Json {
        return output::json(&policy);
    }
    if let Some(trouble) = &policy.trouble {
        output::line(format_args!("# ! {trouble}"))?;
    }
    let head = match (policy.version, &policy.created_by, &policy.created_at) {
        (version, Some(by), Some(at)) => format!("# version {version}, saved by {by} at {at}"),
        _ => "# version 0, built in".to_owned(),
    };
    output::line(head)?;
    output::line(policy.text.trim_end())?;
    Ok(())
}

async fn history(engine: &Engine, format: Format) -> anyhow::Result<()> {
    let saved = store::policy::list(&engine.db, VERSIONS_MAX).await?;
    let versions: Vec<_> = saved.iter().map(server::wire::policy_version).collect();
    if format == Format::Json {
        return output::json(&versions);
    }
    if versions.is_empty() {
        output::line("Nobody has saved a policy: the built-in one is in use.")?;
        return Ok(());
    }
    let mut table = output::table(&["Version", "Saved at", "By", "Why"]);
    for version in versions {
        table.add_row(vec![version.version.to_string(), version.created_at, version.created_by, version.note]);
    }
    output::line(table)?;
    Ok(())
}

fn packs(format: Format) -> anyhow::Result<()> {
    let packs: Vec<_> = built_in().iter().map(server::wire::pack).collect();
    if format == Format::Json {
        return output::json(&packs);
    }
    let mut table = output::table(&["Pack", "Rule", "At least", "Within", "When", "Why"]);
    for pack in packs {
        for rule in pack.rules {
            let days = rule.due_days.map(|days| format!("{days} days"));
            table.add_row(vec![
                pack.id.clone(),
                rule.id,
                output::or_dash(rule.tier),
                output::or_dash(days),
                rule.when,
                rule.why,
            ]);
        }
    }
    output::line(table)?;
    Ok(())
}

fn check(file: &Path) -> anyhow::Result<()> {
    let policy = Record::read(&text(file)?).map_err(|error| of_file(file, error.into()))?;
    let (rules, packs) = (policy.rules.len(), policy.packs.len());
    let name = &policy.name;
    output::line(format_args!("{name}: {rules} rules, {packs} packs; `vigie policy simulate` shows what it would do"))?;
    Ok(())
}

async fn save(
    engine: &Engine,
    format: Format,
    file: &Path,
    (note, based_on): (&str, Option<u64>),
) -> anyhow::Result<()> {
    let text = text(file)?;
    let based_on = match based_on {
        Some(version) => version,
        None => store::policy::latest(&engine.db).await?.map_or(0, |saved| saved.version),
    };
    let mut tx = engine.db.begin().await?;
    let saved = engine.save_policy(&mut tx, based_on, &text, note).await.map_err(|error| of_file(file, error))?;
    tx.commit().await?;
    if format == Format::Json {
        return output::json(&server::wire::saved_policy(&saved));
    }
    output::line(format_args!("Version {} is in use.", saved.version))?;
    Ok(())
}

fn simulated(format: Format, simulation: Simulation) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&simulation);
    }
    let mut tiers = output::table(&["", "P0", "P1", "P2", "P3", "P4"]);
    for (name, TierTally { p0, p1, p2, p3, p4 }) in [("now", simulation.before), ("then", simulation.after)] {
        tiers.add_row([name.to_owned()].into_iter().chain([p0, p1, p2, p3, p4].map(|count| count.to_string())));
    }
    output::line(tiers)?;
    let Simulation { findings, earlier, later, changes, change_count, .. } = simulation;
    output::line(format_args!("{findings} active findings: {earlier} due earlier, {later} due later"))?;
    if changes.is_empty() {
        output::line("No finding would be judged otherwise.")?;
        return Ok(());
    }
    let mut table = output::table(&["Vulnerability", "Findings", "Now", "Then", "By"]);
    let listed = changes.len() as u64;
    for change in changes {
        let (from, to) = (verdict(&change.from), verdict(&change.to));
        table.add_row(vec![change.vulnerability, change.findings.to_string(), from, to, change.to.rule]);
    }
    output::line(table)?;
    if change_count > listed {
        output::line(format_args!("and {} more changes", change_count - listed))?;
    }
    Ok(())
}

fn verdict(verdict: &SimulatedVerdict) -> String {
    match verdict.due_days {
        Some(days) => format!("{}, {days} days", verdict.tier),
        None => format!("{}, next upgrade", verdict.tier),
    }
}

/// A file of at most the size that a policy may have, and a byte more, so that it is refused as too long.
fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let file = File::open(path).with_context(|| format!("read {}", path.display()))?;
    let read = file.take(TEXT_BYTES_MAX as u64 + 1).read_to_string(&mut text);
    read.with_context(|| format!("read {}", path.display()))?;
    Ok(text)
}

fn of_file(path: &Path, error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<store::StoreError>() {
        Some(store::StoreError::Refused { reason, .. }) => return Usage(reason.clone()).into(),
        Some(_) => return error,
        None => {}
    }
    Usage(format!("{}: {error}", path.display())).into()
}
