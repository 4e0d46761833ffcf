//! `vigie import`: reports of other tools become findings.

use anyhow::Context as _;
use api::import::Import;
use engine::import::{self, ImportOptions};

use crate::args::{Common, Format, ImportArgs};
use crate::context;
use crate::exit::Exit;
use crate::{output, scan};

pub(crate) async fn run(common: &Common, args: ImportArgs) -> anyhow::Result<Exit> {
    let bytes = scan::bounded(&args.file)?;
    let ImportArgs { file, asset, tool, kind, category, branch, path, observed_at, partial } = args;
    let options = ImportOptions { asset, tool, kind, category, branch, path, observed_at, partial };
    let reports = import::read(bytes, &options).await.with_context(|| file.display().to_string())?;
    let engine = context::engine(common).await?;
    let mut tx = engine.db.begin().await?;
    let imported = engine.import(&mut tx, reports).await?;
    tx.commit().await.context("keep the reports")?;
    engine.db.close().await;
    let told = server::wire::imports(imported);
    match common.format {
        Format::Json => output::json(&told)?,
        _ => print(&told.imports)?,
    }
    Ok(Exit::Clean)
}

fn print(imports: &[Import]) -> anyhow::Result<()> {
    let mut table =
        output::table(&["asset", "tool", "created", "closed", "reopened", "untouched", "ignored", "suppressed"]);
    for import in imports {
        let asset =
            if import.asset_created { format!("{} (new)", import.asset_name) } else { import.asset_name.clone() };
        let scope = [&import.scope.tool, &import.scope.category, &import.scope.branch, &import.scope.path];
        let said: Vec<&str> = scope.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let Import { created, closed, reopened, untouched, ignored, suppressed, .. } = *import;
        let counts = [created, closed, reopened, untouched, ignored, suppressed];
        table.add_row([asset, said.join(" · ")].into_iter().chain(counts.map(|count| count.to_string())));
    }
    output::line(table)?;
    for import in imports {
        if import.late {
            output::line(format_args!(
                "! {}: a newer report about the same scope was imported before, so this one changes nothing",
                import.asset_name,
            ))?;
        }
        if let Some(why) = &import.partial {
            output::line(format_args!("! {}: nothing was closed: {why}", import.asset_name))?;
        }
        output::warnings(&import.problems)?;
        let unlisted = import.problem_count.saturating_sub(import.problems.len() as u64);
        if unlisted > 0 {
            output::line(format_args!("! and {unlisted} more records that could not be read"))?;
        }
    }
    Ok(())
}
