//! `vigie scope`: perimeters and their rules.

use domain::ids::ScopeId;
use domain::scope::Scope as Record;
use engine::Engine;

use crate::args::{Common, Format, Scope};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::output;

pub(crate) async fn run(common: &Common, command: Scope) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    match command {
        Scope::List => list(&engine, common.format).await?,
        Scope::Show { name } => show(&engine, common.format, &name).await?,
        add => {
            let id = ScopeId::from_uuid(store::new_id(engine.now()));
            let scope = server::wire::scope_record(&written(add)?, id)?;
            let mut tx = engine.db.begin().await?;
            store::scope::insert(&mut tx, &scope, engine.now()).await?;
            tx.commit().await?;
            let held = held(&engine, &scope).await?.len();
            output::line(format_args!("{}: holds {held} assets now", scope.name))?;
        }
    }
    engine.db.close().await;
    Ok(Exit::Clean)
}

async fn list(engine: &Engine, format: Format) -> anyhow::Result<()> {
    let mut scopes = Vec::new();
    for scope in store::scope::list(&engine.db).await? {
        let count = held(engine, &scope).await?.len();
        scopes.push(server::wire::scope(&scope, count as u64));
    }
    if format == Format::Json {
        return output::json(&scopes);
    }
    let mut table = output::table(&["Scope", "Selects", "C / I / A", "Exposure", "Cadence", "Threshold", "Assets"]);
    for scope in scopes {
        let word = |level: &Option<String>| level.as_deref().unwrap_or("not_set").replace('_', " ");
        let lists = [&scope.cidrs, &scope.tags, &scope.names].into_iter().flatten();
        let selects: Vec<String> = lists.chain(&scope.filter).cloned().collect();
        table.add_row(vec![
            scope.name.clone(),
            selects.join(", "),
            format!("{} / {} / {}", word(&scope.confidentiality), word(&scope.integrity), word(&scope.availability)),
            output::or_dash(scope.exposure.as_deref()),
            output::or_dash(scope.cadence_seconds.map(|seconds| output::duration(i64::from(seconds)))),
            output::or_dash(scope.threshold),
            output::or_unknown(scope.asset_count),
        ]);
    }
    output::line(table)?;
    Ok(())
}

async fn show(engine: &Engine, format: Format, name: &str) -> anyhow::Result<()> {
    let scope = store::scope::find_by_name(&engine.db, name)
        .await?
        .ok_or_else(|| Usage(format!("there is no scope {name:?}: `vigie scope list` shows them")))?;
    let held = held(engine, &scope).await?;
    let wire = server::wire::scope(&scope, held.len() as u64);
    if format == Format::Json {
        return output::json(&serde_json::json!({ "scope": wire, "assets": held }));
    }
    output::json(&wire)?;
    for asset in held {
        output::line(asset)?;
    }
    Ok(())
}

/// Names of the assets that the scope holds.
async fn held(engine: &Engine, scope: &Record) -> anyhow::Result<Vec<String>> {
    let assets = engine.all_assets().await?;
    Ok(assets.iter().filter(|asset| scope.selector.selects(asset)).map(|asset| asset.name.clone()).collect())
}

/// The scope as the API would take it, so that one place checks it.
fn written(add: Scope) -> anyhow::Result<api::scope::Scope> {
    let Scope::Add {
        name,
        cidr,
        tag,
        name_pattern,
        filter,
        confidentiality,
        integrity,
        availability,
        exposure,
        cadence,
        threshold,
    } = add
    else {
        return Err(Usage("this adds nothing".to_owned()).into());
    };
    Ok(api::scope::Scope {
        id: None,
        name,
        cidrs: cidr,
        tags: tag,
        names: name_pattern,
        filter,
        confidentiality,
        integrity,
        availability,
        exposure,
        cadence_seconds: cadence.as_deref().map(seconds).transpose()?,
        threshold,
        asset_count: None,
    })
}

/// Reads `45s`, `30m`, `12h`, `7d`.
pub(crate) fn seconds(text: &str) -> Result<u32, Usage> {
    let invalid = || Usage(format!("{text:?} is no duration: write 30m, 12h or 7d"));
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(invalid)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(invalid()),
    };
    number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(invalid)
}
