//! `vigie view`: lists that one comes back to.

use engine::Engine;
use engine::views::NewView;
use store::StoreError;

use crate::args::{Common, Format, View};
use crate::exit::{Exit, Usage};
use crate::operator::operator;
use crate::{context, findings, output};

pub(crate) async fn run(common: &Common, command: View) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    match command {
        View::List => list(&engine, common.format).await?,
        View::Add { name, filter, sort, shared } => {
            findings::read(&filter)?;
            let sort = sort.map(|sort| sort.to_string()).unwrap_or_default();
            let mut tx = engine.db.begin().await?;
            let view = engine.add_view(&mut tx, &NewView { name, filter, sort, shared }).await?;
            tx.commit().await?;
            if common.format == Format::Json {
                output::json(&server::wire::view(&view))?;
            } else {
                output::line(format_args!("{}: saved; `vigie findings --view` shows it", view.name))?;
            }
        }
        View::Remove { view } => {
            let view = find(&engine, &view).await?;
            let mut tx = engine.db.begin().await?;
            engine.remove_view(&mut tx, view.id).await?;
            tx.commit().await?;
            output::line("Removed.")?;
        }
    }
    engine.db.close().await;
    Ok(Exit::Clean)
}

/// The view of this name or id that this user may use.
pub(crate) async fn find(engine: &Engine, named: &str) -> anyhow::Result<domain::view::View> {
    engine.view(&operator(), named).await.map_err(|error| match error.downcast_ref::<StoreError>() {
        Some(StoreError::Missing { .. }) => {
            Usage(format!("there is no view {named:?} that you may use: `vigie view list` shows them")).into()
        }
        _ => error,
    })
}

async fn list(engine: &Engine, format: Format) -> anyhow::Result<()> {
    let views: Vec<_> = store::view::list(&engine.db, &operator()).await?.iter().map(server::wire::view).collect();
    if format == Format::Json {
        return output::json(&views);
    }
    let mut table = output::table(&["View", "Filter", "Sort", "Owner", "Shared", "Problem"]);
    for view in views {
        let shared = if view.shared { "yes" } else { "no" };
        let problem = view.error.unwrap_or_default();
        table.add_row(vec![view.name, view.filter, view.sort, view.owner, shared.to_owned(), problem]);
    }
    output::line(table)?;
    Ok(())
}
