//! `vigie jobs`: what waits, what runs, what failed.

use anyhow::anyhow;
use domain::ids::JobId;
use engine::Engine;
use store::StoreError;
use store::queue::{self, JobState, Listing};

use crate::args::{Common, Format, Jobs, JobsList};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::output;

pub(crate) async fn run(common: &Common, command: Option<Jobs>) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    match command.unwrap_or_else(|| Jobs::List(JobsList { limit: 50, ..JobsList::default() })) {
        Jobs::List(list) => print_list(&engine, common.format, &list).await?,
        Jobs::Show { id } => print_one(&engine, common.format, id).await?,
        Jobs::Cancel { id } => {
            let mut tx = engine.db.begin().await?;
            let job = queue::cancel(&mut tx, id, engine.now()).await.map_err(refused)?;
            tx.commit().await?;
            let running = job.state == JobState::Leased;
            output::line(if running { "It ends at its next heartbeat." } else { "Cancelled." })?;
        }
        Jobs::Retry { id } => {
            let mut tx = engine.db.begin().await?;
            queue::retry(&mut tx, id, engine.now()).await.map_err(refused)?;
            tx.commit().await?;
            output::line("It is tried again as soon as a node is free.")?;
        }
    }
    engine.db.close().await;
    Ok(Exit::Clean)
}

async fn print_list(engine: &Engine, format: Format, list: &JobsList) -> anyhow::Result<()> {
    let states = list.state.map_or_else(|| JobState::ALL.to_vec(), |state| vec![state]);
    let listing = Listing { states: &states, kind: list.kind.as_deref(), before: None, limit: list.limit };
    let jobs: Vec<api::job::Job> = engine.jobs(listing).await?.iter().map(server::wire::job).collect();
    if format == Format::Json {
        return output::json(&jobs);
    }
    let mut table = output::table(&["Job", "Kind", "Of", "State", "Attempts", "Node", "Progress", "Since"]);
    for job in jobs {
        let of = job.asset.as_ref().map_or("", |asset| asset.name.as_str());
        let since = job.ended_at.as_ref().or(job.started_at.as_ref()).unwrap_or(&job.created_at);
        table.add_row(vec![
            job.id.clone(),
            job.kind.clone(),
            of.to_owned(),
            job.state.clone(),
            format!("{}/{}", job.attempts, job.attempts_max),
            output::or_dash(job.holder.as_deref()),
            progress(&job),
            since.clone(),
        ]);
    }
    output::line(table)?;
    Ok(())
}

/// Why it failed, or how far it is.
fn progress(job: &api::job::Job) -> String {
    if let Some(error) = &job.last_error {
        return error.clone();
    }
    let api::job::JobProgress { done, total, text } = &job.progress;
    match total {
        Some(total) if job.state == "leased" => format!("{done} of {total} {text}"),
        _ => text.clone(),
    }
}

async fn print_one(engine: &Engine, format: Format, id: JobId) -> anyhow::Result<()> {
    let view = engine.job(id).await?.ok_or_else(|| missing(id))?;
    let job = server::wire::job(&view);
    if format == Format::Json {
        return output::json(&job);
    }
    let mut table = output::table(&["", ""]);
    let rows = [
        ("job", job.id.clone()),
        ("kind", job.kind.clone()),
        ("of", job.asset.as_ref().map_or_else(|| job.key.clone(), |asset| asset.name.clone())),
        ("state", job.state.clone()),
        ("asked by", job.asked_by.clone().unwrap_or_else(|| "a schedule".to_owned())),
        ("attempts", format!("{} of {}", job.attempts, job.attempts_max)),
        ("node", output::or_dash(job.holder.as_deref())),
        ("progress", progress(&job)),
        ("error", output::or_dash(job.last_error.as_deref())),
        ("created", job.created_at.clone()),
        ("not before", job.run_at.clone()),
        ("started", output::or_dash(job.started_at.as_deref())),
        ("ended", output::or_dash(job.ended_at.as_deref())),
    ];
    for (name, value) in rows {
        table.add_row(vec![name.to_owned(), value]);
    }
    output::line(table)?;
    Ok(())
}

fn missing(id: JobId) -> anyhow::Error {
    Usage(format!("there is no job {id}: `vigie jobs list` shows them")).into()
}

fn refused(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Missing { id, .. } => Usage(format!("there is no job {id}: `vigie jobs list` shows them")).into(),
        StoreError::Refused { reason, .. } => Usage(reason).into(),
        error => anyhow!(error),
    }
}
