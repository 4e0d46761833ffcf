//! `vigie serve`: page, API, feeds and inspections, unattended.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use domain::asset::Way;
use domain::ids::AssetId;
use engine::Engine;
use engine::discover::NewAsset;
use engine::ingest::{Outcome, PROVIDER_TIME, Quiet, SyncOptions, sync};
use engine::views::Filter;
use outside::Source;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::args::{Common, Serve};
use crate::context;
use crate::exit::Exit;
use crate::output::{self, findings};

/// How often feeds are asked for news; the exact moment differs between installations.
const SYNC_EVERY: Duration = Duration::from_secs(60 * 60);

/// How often the schedule is looked at.
const SCHEDULE_EVERY: Duration = Duration::from_secs(30);

/// Inspections that run at once.
const INSPECTIONS_MAX: usize = 8;

/// How long publishers may take to answer before the bundled sample is used.
const PUBLISHERS_PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn run(common: &Common, args: Serve) -> anyhow::Result<Exit> {
    let mut engine = context::engine(common).await?;
    if args.inspect_local {
        local_asset(&engine).await?;
    }
    // What goes on from here is nobody's request.
    engine.db = engine.db.acting_by_itself();
    let engine = Arc::new(engine);
    engine.recover().await?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("listen on {}: is another Vigie running? choose another --listen", args.listen))?;
    let address = listener.local_addr()?;
    if let Some(token) = server::create_setup_token(&engine.db, engine.now()).await? {
        output::line(format_args!("First start: make the administrator at http://{address}/setup#token={token}"))?;
        output::line("The link works once, for one hour; a restart prints a new one.")?;
    }
    output::line(format_args!("Vigie is at http://{address}/"))?;
    let (stop, stopped) = watch::channel(false);
    let state = server::State::new(Arc::clone(&engine), args.host_name.clone(), address);
    let serving = tokio::spawn(server::serve(listener, state, wait_for(stopped.clone())));
    tokio::select! {
        finished = work(&engine, &args, stopped) => finished?,
        () = stop_signal() => info!("stopping"),
    }
    // Nobody is left to hear it if both tasks have ended.
    let _ = stop.send(true);
    serving.await.context("serve")??;
    engine.db.close().await;
    Ok(Exit::Clean)
}

/// Everything that goes on behind the page. Returns when `--once` has had its answer.
async fn work(engine: &Arc<Engine>, args: &Serve, stopped: watch::Receiver<bool>) -> anyhow::Result<()> {
    let local = if args.inspect_local { Some(local_asset(engine).await?) } else { None };
    let source = choose_source(engine, args).await?;
    synchronise(engine, &source).await;
    if let Some(local) = local
        && let Err(error) = engine.inspect(local).await
    {
        error!("{}", engine::with_causes(&error));
    }
    if let Some(count) = args.first_priorities {
        print_first(engine, count).await?;
    }
    if args.once {
        return Ok(());
    }
    tokio::join!(keep_synchronised(engine, args, stopped.clone()), keep_inspecting(engine, stopped));
    Ok(())
}

/// The mirror that was asked for; else the publishers; else, when none answers, the bundled sample, said loudly.
async fn choose_source(engine: &Engine, args: &Serve) -> anyhow::Result<Source> {
    let options = context::client_options();
    if let Some(mirror) = &args.mirror {
        engine.set_sample(false).await?;
        return Ok(Source::mirror(mirror, options, engine.never_touch.clone()).await?);
    }
    let publishers = Source::publishers(options, engine.never_touch.clone())?;
    let Some(sample) = &args.bundled_sample else { return Ok(publishers) };
    if engine::ingest::probe_publishers(&publishers, PUBLISHERS_PATIENCE).await {
        engine.set_sample(false).await?;
        return Ok(publishers);
    }
    // What real publishers gave earlier is worth more than a sample: it stays, and shows its age.
    let known = engine::ingest::snapshots(&engine.data_dir).iter().any(|feed| feed.fetched_at.is_some());
    if known && !engine.is_sample().await? {
        return Ok(publishers);
    }
    warn_of_sample(sample)?;
    engine.set_sample(true).await?;
    Ok(Source::mirror(&sample.display().to_string(), options, engine.never_touch.clone()).await?)
}

fn warn_of_sample(sample: &Path) -> anyhow::Result<()> {
    let line = "=".repeat(78);
    output::line(format_args!(
        "{line}\nNO PUBLISHER OF VULNERABILITY DATA ANSWERED within {} seconds.\n\
         Using the bundled sample in {}: MOST VULNERABILITIES ARE MISSING.\n\
         Nothing here proves that a machine is clean. For real data connect to the\n\
         internet, or name a mirror with MIRROR=<dir or URL>.\n{line}",
        PUBLISHERS_PATIENCE.as_secs(),
        sample.display(),
    ))?;
    Ok(())
}

async fn synchronise(engine: &Engine, source: &Source) {
    let options = SyncOptions {
        data_dir: engine.data_dir.clone(),
        source: source.clone(),
        only: None,
        accept_loss: Vec::new(),
        now: engine.now(),
        provider_time: PROVIDER_TIME,
    };
    match sync(&options, &Quiet).await {
        Ok(report) => {
            let updated = report.feeds.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Updated)).count();
            info!(updated, "feeds synchronised");
        }
        Err(error) => error!("feeds could not be synchronised: {error}"),
    }
    match engine.rematch().await {
        Ok(0) => {}
        Ok(count) => info!(assets = count, "matched stored inventories with new knowledge"),
        Err(error) => error!("stored inventories could not be matched: {}", engine::with_causes(&error)),
    }
}

async fn keep_synchronised(engine: &Engine, args: &Serve, mut stopped: watch::Receiver<bool>) {
    loop {
        let spread = Duration::from_secs(u64::from(std::process::id() % 300));
        if waited_until_stop(&mut stopped, SYNC_EVERY + spread).await {
            return;
        }
        match choose_source(engine, args).await {
            Ok(source) => synchronise(engine, &source).await,
            Err(error) => error!("no source of feeds: {}", engine::with_causes(&error)),
        }
    }
}

async fn keep_inspecting(engine: &Arc<Engine>, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = inspect_due(engine).await {
            error!("the schedule could not be followed: {}", engine::with_causes(&error));
        }
        if waited_until_stop(&mut stopped, SCHEDULE_EVERY).await {
            return;
        }
    }
}

/// Inspects everything that is due, a few at once. One asset that fails never stops the others.
async fn inspect_due(engine: &Arc<Engine>) -> anyhow::Result<()> {
    // Another process may have activated new knowledge.
    engine.rematch().await?;
    engine.tick().await?;
    let mut running = tokio::task::JoinSet::new();
    for asset in engine.due().await? {
        if running.len() >= INSPECTIONS_MAX {
            running.join_next().await;
        }
        engine.note_try(asset.id).await?;
        let engine = Arc::clone(engine);
        running.spawn(async move {
            match engine.inspect(asset.id).await {
                Ok(outcome) => info!(asset.name, opened = outcome.opened, ended = outcome.ended, "inspected"),
                Err(error) => warn!("{}", engine::with_causes(&error)),
            }
        });
    }
    while running.join_next().await.is_some() {}
    Ok(())
}

/// This machine as an asset, made at the first start.
async fn local_asset(engine: &Engine) -> anyhow::Result<AssetId> {
    if let Some(asset) = engine.find_way(&Way::Local).await? {
        return Ok(asset.id);
    }
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let new = NewAsset { way: "local".to_owned(), name: Some(name), ..NewAsset::default() };
    Ok(engine.make_known(&new).await?.id)
}

async fn print_first(engine: &Engine, count: usize) -> anyhow::Result<()> {
    let page = engine.queue(&Filter::default(), None, count).await?;
    for warning in &page.warnings {
        output::line(format_args!("! {warning}"))?;
    }
    if page.rows.is_empty() {
        output::line("No finding could be made. That proves nothing while anything above is missing or unknown.")?;
        return Ok(());
    }
    output::line(format_args!("\nFirst {} of {} priorities:\n", page.rows.len(), page.total))?;
    for (rank, row) in page.rows.iter().enumerate() {
        output::line(findings::explained(rank + 1, &server::wire::finding(row, engine.now())))?;
    }
    let undecided = engine.status().await?.undecided_count;
    output::line(format_args!("\nThings that could not be decided: {}", output::or_unknown(undecided)))?;
    Ok(())
}

async fn waited_until_stop(stopped: &mut watch::Receiver<bool>, time: Duration) -> bool {
    tokio::time::timeout(time, stopped.wait_for(|stop| *stop)).await.is_ok()
}

async fn wait_for(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a reason to stop too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Ends with the first of Ctrl-C and the service manager's signal.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
