//! `vigie findings`: what is known to be open, by any filter and in any order; or how many, grouped.

use domain::filter::Filter;
use engine::views::{PAGE_ROWS_MAX, Page, Query, active, asked};
use engine::{Engine, GroupBy, Sort, Visible};

use crate::args::{Common, Findings, Format};
use crate::exit::{Exit, Usage};
use crate::output::{self, findings};
use crate::{context, view};

pub(crate) async fn run(common: &Common, args: Findings) -> anyhow::Result<Exit> {
    let mut filter = match &args.filter {
        None => active(),
        Some(text) => read(text)?,
    };
    let mut sort = args.sort;
    let engine = context::engine(common).await?;
    if let Some(named) = &args.view {
        let asked = asked(&view::find(&engine, named).await?)?;
        filter = asked.0;
        sort = sort.or(Some(asked.1));
    }
    match args.group_by {
        Some(by) => print_groups(&engine, common.format, &filter, by, args.limit).await?,
        None => print_list(&engine, common.format, filter, sort.unwrap_or(Sort::WORK), args.limit).await?,
    }
    engine.db.close().await;
    Ok(Exit::Clean)
}

/// A filter; a mistake in it is shown where it is.
pub(crate) fn read(text: &str) -> anyhow::Result<Filter> {
    text.parse().map_err(|error: domain::filter::FilterError| {
        Usage(format!("--filter: {error}\n{}", error.pointer(text))).into()
    })
}

async fn print_list(engine: &Engine, format: Format, filter: Filter, sort: Sort, limit: usize) -> anyhow::Result<()> {
    let page = first_rows(engine, filter, sort, limit).await?;
    let wire = server::wire::page(&page, engine.now(), None);
    if format == Format::Json {
        return output::json(&wire);
    }
    output::warnings(&wire.warnings)?;
    output::line(findings::findings_table(&wire.findings))?;
    output::line(format_args!("\n{} of {} findings", wire.findings.len(), wire.total))?;
    Ok(())
}

/// The first rows of a list, as many as are asked for, page by page.
async fn first_rows(engine: &Engine, filter: Filter, sort: Sort, limit: usize) -> anyhow::Result<Page> {
    let mut query = Query { filter, sort, after: None, limit: limit.min(PAGE_ROWS_MAX) };
    let mut page = engine.findings(&Visible::All, &query).await?;
    while page.rows.len() < limit && page.next.is_some() {
        query.after = page.next.take();
        query.limit = (limit - page.rows.len()).min(PAGE_ROWS_MAX);
        let more = engine.findings(&Visible::All, &query).await?;
        page.rows.extend(more.rows);
        page.next = more.next;
    }
    Ok(page)
}

async fn print_groups(
    engine: &Engine,
    format: Format,
    filter: &Filter,
    by: GroupBy,
    limit: usize,
) -> anyhow::Result<()> {
    let groups = engine.groups(&Visible::All, filter, by, limit).await?;
    let wire = server::wire::groups(by, groups);
    if format == Format::Json {
        return output::json(&wire);
    }
    output::warnings(&wire.warnings)?;
    let mut table = output::table(&[by.as_str(), "findings"]);
    for group in &wire.groups {
        table.add_row(vec![output::or_dash(group.value.as_deref()), group.finding_count.to_string()]);
    }
    output::line(table)?;
    Ok(())
}
