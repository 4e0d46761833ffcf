//! `vigie remediate`: what would fix the findings, the exact plan, the confirmation, the proof.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use domain::filter::{Condition, Filter};
use domain::ids::AssetId;
use domain::pattern::Pattern;
use engine::mobilize::{Extent, Planned, Proof, Upgrade, Upgrades};
use engine::{Engine, Visible};
use serde_json::{Value, json};

use crate::args::{Common, Format, Remediate};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::output;

pub(crate) async fn run(common: &Common, args: Remediate) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    for run in engine.recover().await? {
        output::line(format_args!(
            "run {} had been interrupted; it is not sent again, its asset was inspected",
            run.id
        ))?;
    }
    let chosen = chosen(&engine, &args).await?;
    if args.list {
        list(common.format, &chosen)?;
        engine.db.close().await;
        return Ok(Exit::Clean);
    }
    let packages: BTreeSet<String> = chosen.upgrades.iter().map(|upgrade| upgrade.package.clone()).collect();
    let assets = assets(&chosen.upgrades);
    if assets.is_empty() {
        output::line("No open finding here can be closed by an upgrade.")?;
    }
    let mut answers = Vec::new();
    let mut failed = false;
    for (asset, name) in assets {
        match one(&engine, (asset, &name), &packages, common.format, &args).await {
            Ok(answer) => answers.push(answer),
            Err(error) => {
                failed = true;
                answers.push(json!({ "asset": name, "error": engine::with_causes(&error) }));
                if common.format != Format::Json {
                    output::line(format_args!("{}: FAILED: {}", name, engine::with_causes(&error)))?;
                }
            }
        }
    }
    if common.format == Format::Json {
        output::json(&answers)?;
    }
    engine.db.close().await;
    Ok(if failed { Exit::Failed } else { Exit::Clean })
}

/// The upgrades, narrowed to what was asked for.
async fn chosen(engine: &Engine, args: &Remediate) -> anyhow::Result<Upgrades> {
    let mut parts = Vec::new();
    if !args.asset.is_empty() {
        let mut wanted = Vec::new();
        for name in &args.asset {
            wanted.push(context::asset(engine, name).await?.id);
        }
        parts.push(Filter::Where(Condition::AssetId(wanted)));
    }
    if !args.package.is_empty() {
        parts.push(Filter::Where(Condition::Package(args.package.iter().map(Pattern::new).collect())));
    }
    let extent = Extent { upgrades: usize::MAX, assets: if args.list { server::wire::NAMED_MAX } else { usize::MAX } };
    let mut chosen = engine.upgrades(&Visible::All, &Filter::all(parts), extent).await?;
    // A filter does not tell upper from lower case, and a package's name does.
    chosen.upgrades.retain(|upgrade| args.package.is_empty() || args.package.contains(&upgrade.package));
    chosen.total = chosen.upgrades.len() as u64;
    Ok(chosen)
}

fn list(format: Format, chosen: &Upgrades) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&server::wire::actions(chosen));
    }
    output::warnings(&chosen.warnings)?;
    if chosen.upgrades.is_empty() {
        output::line("No open finding can be closed by an upgrade.")?;
        return Ok(());
    }
    let mut table = output::table(&["Priority", "Action", "Release", "Assets", "Closes"]);
    for upgrade in &chosen.upgrades {
        let names: Vec<&str> = upgrade.assets.iter().take(4).map(|(_, name)| name.as_str()).collect();
        let more = upgrade.asset_count - names.len() as u64;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let release = if upgrade.release.is_none() { String::new() } else { upgrade.release.to_string() };
        table.add_row(vec![
            upgrade.tier.as_str().to_owned(),
            format!("upgrade {} to {}", upgrade.package, upgrade.fixed_version),
            release,
            format!("{}{more}", names.join(", ")),
            format!("{} findings", upgrade.finding_count),
        ]);
    }
    output::line(table)?;
    Ok(())
}

/// Id and name of every asset that something is to be upgraded on.
fn assets(upgrades: &[Upgrade]) -> Vec<(AssetId, String)> {
    let mut seen: BTreeSet<AssetId> = BTreeSet::new();
    upgrades.iter().flat_map(|upgrade| &upgrade.assets).filter(|(id, _)| seen.insert(*id)).cloned().collect()
}

/// Plans, asks, applies and proves on one asset.
async fn one(
    engine: &Engine,
    (asset, name): (AssetId, &str),
    packages: &BTreeSet<String>,
    format: Format,
    args: &Remediate,
) -> anyhow::Result<Value> {
    let Some(planned) = engine.plan(asset, packages).await? else {
        return Ok(json!({ "asset": name, "plan": null }));
    };
    if format != Format::Json {
        show(&planned)?;
    }
    let mut answer = json!({
        "asset": name,
        "run": planned.run.id,
        "plan": planned.run.plan.steps.iter().map(server::wire::plan_step).collect::<Vec<_>>(),
        "closes": planned.run.action.closes.len(),
        "left": planned.left.iter().map(|(package, reason)| json!({ "package": package, "reason": reason })).collect::<Vec<_>>(),
    });
    if args.plan || !(args.yes || confirmed(format)?) {
        return Ok(answer);
    }
    let proof = engine.apply(&planned.run).await?;
    if format != Format::Json {
        output::line(proven(name, &proof))?;
    }
    answer["proof"] = json!({
        "fixed": proof.fixed,
        "pending": proof.pending,
        "still_open": proof.still_open,
        "exposure_seconds": proof.exposure.as_secs(),
        "restart_needed": proof.restart_needed,
    });
    Ok(answer)
}

fn show(planned: &Planned) -> anyhow::Result<()> {
    let run = &planned.run;
    output::line(format_args!("{}: the package manager would do this, and nothing else:", planned.asset.name))?;
    let mut table = output::table(&["Package", "From", "To", "Origin"]);
    for step in &run.plan.steps {
        table.add_row(vec![
            step.package.clone(),
            step.from.clone().unwrap_or_else(|| "not installed".to_owned()),
            step.to.clone().unwrap_or_else(|| "removed".to_owned()),
            step.origin.clone(),
        ]);
    }
    output::line(table)?;
    for (package, reason) in &planned.left {
        output::line(format_args!("left as it is: {package}: {reason}"))?;
    }
    output::line(format_args!("It should close {} findings.", run.action.closes.len()))?;
    Ok(())
}

fn confirmed(format: Format) -> anyhow::Result<bool> {
    if format == Format::Json || !io::stdin().is_terminal() {
        return Err(Usage("nobody can be asked here: --yes applies the plan, --plan only shows it".to_owned()).into());
    }
    write!(io::stdout().lock(), "Apply it? Type yes: ")?;
    io::stdout().lock().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

fn proven(asset: &str, proof: &Proof) -> String {
    let mut parts = vec![format!("{} findings proven fixed", proof.fixed)];
    if proof.fixed > 0 {
        parts.push(format!("exposed for up to {}", output::duration(proof.exposure.as_secs())));
    }
    if proof.pending > 0 {
        parts.push(format!("{} fixed once what still runs is restarted", proof.pending));
    }
    if proof.still_open > 0 {
        parts.push(format!("{} STILL OPEN", proof.still_open));
    }
    match proof.restart_needed {
        Some(true) => parts.push("the system asks for a restart".to_owned()),
        Some(false) => {}
        None => parts.push("whether a restart is needed is unknown".to_owned()),
    }
    format!("{asset}: {}", parts.join(", "))
}
