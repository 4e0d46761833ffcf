//! `vigie remediate`: what would fix the findings, the exact plan, the confirmation, the proof.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::sync::Arc;

use domain::asset::Asset;
use domain::ids::AssetId;
use engine::Engine;
use engine::mobilize::{Group, Planned, Proof, groups};
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
    let groups = chosen(&engine, &args).await?;
    if args.list {
        list(common.format, &groups)?;
        engine.db.close().await;
        return Ok(Exit::Clean);
    }
    let packages: BTreeSet<String> = groups.iter().map(|group| group.package.clone()).collect();
    let assets = assets(&groups);
    if assets.is_empty() {
        output::line("No open finding here can be closed by an upgrade.")?;
    }
    let mut answers = Vec::new();
    let mut failed = false;
    for asset in assets {
        match one(&engine, &asset, &packages, common.format, &args).await {
            Ok(answer) => answers.push(answer),
            Err(error) => {
                failed = true;
                answers.push(json!({ "asset": asset.name, "error": engine::with_causes(&error) }));
                if common.format != Format::Json {
                    output::line(format_args!("{}: FAILED: {}", asset.name, engine::with_causes(&error)))?;
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

/// The actions, narrowed to what was asked for.
async fn chosen(engine: &Engine, args: &Remediate) -> anyhow::Result<Vec<Group>> {
    let mut wanted = BTreeSet::new();
    for name in &args.asset {
        wanted.insert(context::asset(engine, name).await?.id);
    }
    let rows = engine.all_rows().await?;
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|row| wanted.is_empty() || wanted.contains(&row.asset.id))
        .filter(|row| args.package.is_empty() || args.package.contains(&row.judged.matched.package.name))
        .collect();
    Ok(groups(&rows))
}

fn list(format: Format, groups: &[Group]) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&groups.iter().map(server::wire::action).collect::<Vec<_>>());
    }
    if groups.is_empty() {
        output::line("No open finding can be closed by an upgrade.")?;
        return Ok(());
    }
    let mut table = output::table(&["Priority", "Action", "Assets", "Closes"]);
    for group in groups {
        let names: Vec<&str> = group.assets.iter().take(4).map(|asset| asset.name.as_str()).collect();
        let more = if group.assets.len() > 4 { format!(" and {} more", group.assets.len() - 4) } else { String::new() };
        table.add_row(vec![
            group.tier.as_str().to_owned(),
            format!("upgrade {} to {}", group.package, group.fixed_version),
            format!("{}{more}", names.join(", ")),
            format!("{} findings", group.findings.len()),
        ]);
    }
    output::line(table)?;
    Ok(())
}

fn assets(groups: &[Group]) -> Vec<Arc<Asset>> {
    let mut seen: BTreeSet<AssetId> = BTreeSet::new();
    groups.iter().flat_map(|group| &group.assets).filter(|asset| seen.insert(asset.id)).cloned().collect()
}

/// Plans, asks, applies and proves on one asset.
async fn one(
    engine: &Engine,
    asset: &Asset,
    packages: &BTreeSet<String>,
    format: Format,
    args: &Remediate,
) -> anyhow::Result<Value> {
    let Some(planned) = engine.plan(asset.id, packages).await? else {
        return Ok(json!({ "asset": asset.name, "plan": null }));
    };
    if format != Format::Json {
        show(&planned)?;
    }
    let mut answer = json!({
        "asset": asset.name,
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
        output::line(proven(&asset.name, &proof))?;
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
