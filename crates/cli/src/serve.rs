//! `vigie serve`: page, API, feeds and inspections, unattended.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::asset::{Asset, Way};
use engine::discover::NewAsset;
use engine::views::{Query, active};
use engine::work::{Sources, Verb, Waited, WorkOptions, Worker};
use engine::{Engine, Sort, Visible};
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use outside::Source;
use server::{Hosts, Starting};
use store::StoreError;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use crate::args::{Common, Serve};
use crate::context;
use crate::exit::Exit;
use crate::output::{self, findings};

/// How often the queue is looked at for what other nodes put there.
const QUEUE_EVERY: Duration = Duration::from_secs(1);

/// How long a start waits for a database that goes away in the middle of it.
const DATABASE_PATIENCE: Duration = Duration::from_secs(60);

/// How long publishers may take to answer before the bundled sample is used.
const PUBLISHERS_PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn run(common: &Common, args: Serve) -> anyhow::Result<Exit> {
    let door = Door::open(&args).await?;
    let (address, tls, hosts) = (door.address, door.tls.clone(), door.hosts.clone());
    let engine = Arc::new(opened(common, &args, &door.starting).await?);
    let set_up = async || Ok(server::create_setup_token(&engine.db, engine.now()).await?);
    let token = steadily(set_up).await?;
    let listener = door.leave().await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    if let Some(token) = token {
        output::line(format_args!("First start: make the administrator at {scheme}://{address}/setup#token={token}"))?;
        output::line("The link works once, for one hour; a restart prints a new one.")?;
    }
    output::line(format_args!("Vigie is at {scheme}://{address}/"))?;
    let (stop, stopped) = watch::channel(false);
    let state = server::State::new(Arc::clone(&engine), hosts, lease(&args));
    let serving = tokio::spawn(server::serve(listener, tls, state, wait_for(stopped.clone())));
    if !args.no_work {
        steadily(async || Ok(engine.set_schedules().await?)).await?;
    }
    let keeper = Arc::clone(&engine);
    let listing = tokio::spawn({
        let stopped = stopped.clone();
        async move { keeper.keep_lists(stopped).await }
    });
    let worker = (!args.no_work).then(|| worker(&engine, &args));
    let mut working = tokio::spawn(work(Arc::clone(&engine), worker, stopped));
    let mut worked = None;
    let answered = tokio::select! {
        answered = first(&engine, &args) => answered,
        ended = &mut working => {
            worked = Some(ended);
            Ok(())
        }
        () = context::stop_signal() => {
            info!("stopping");
            Ok(())
        }
    };
    // Nobody is left to hear it if all tasks have ended.
    let _ = stop.send(true);
    let worked = match worked {
        Some(ended) => ended,
        None => working.await,
    };
    serving.await.context("serve")??;
    listing.await.context("keep the lists")?;
    engine.db.close().await;
    worked
        .context("work")?
        .context("stop working: the database was upgraded by a newer Vigie while this one was running")?;
    answered.map(|()| Exit::Clean)
}

/// The engine over the open store, as it is left behind by whatever ended before.
async fn opened(common: &Common, args: &Serve, starting: &Starting) -> anyhow::Result<Engine> {
    let tell = |text| starting.say(text);
    let mut engine = steadily(async || context::engine_telling(common, &tell).await).await?;
    if args.inspect_local {
        local_asset(&engine).await?;
    }
    // What goes on from here is nobody's request.
    engine.db = engine.db.acting_by_itself();
    steadily(async || engine.recover().await).await?;
    Ok(engine)
}

/// The address listened on, where somebody says that it is being opened as long as it is: an upgrade takes its time, and whoever
/// looks after the process would take silence for its end.
struct Door {
    address: SocketAddr,
    tls: Option<server::Tls>,
    hosts: Hosts,
    starting: Starting,
    open: watch::Sender<bool>,
    answering: JoinHandle<TcpListener>,
}

impl Door {
    async fn open(args: &Serve) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(args.listen)
            .await
            .with_context(|| format!("listen on {}: is another Vigie running? choose another --listen", args.listen))?;
        let address = listener.local_addr()?;
        let tls = match (&args.tls_certificate, &args.tls_key) {
            (Some(certificates), Some(key)) => Some(server::Tls::read(certificates, key)?),
            _ => None,
        };
        info!("listening on {address}; the store is being opened");
        let (hosts, starting) = (Hosts::new(&args.host_name, address), Starting::default());
        let (open, is_open) = watch::channel(false);
        let said = (starting.clone(), hosts.clone());
        let answering = tokio::spawn(server::serve_starting(listener, tls.clone(), said, wait_for(is_open)));
        Ok(Self { address, tls, hosts, starting, open, answering })
    }

    /// Whoever comes from now on waits for whoever takes the listener.
    async fn leave(self) -> anyhow::Result<TcpListener> {
        // Nobody hears it where the task has broken, which the next line says.
        let _ = self.open.send(true);
        self.answering.await.context("answer during the start")
    }
}

/// Does a step of the start, again where the database goes away or is upgraded in the middle of it.
async fn steadily<T>(step: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let end = Instant::now() + DATABASE_PATIENCE;
    loop {
        match step().await {
            Err(error)
                if matches!(error.downcast_ref(), Some(StoreError::Away { .. } | StoreError::Upgrading))
                    && Instant::now() < end =>
            {
                warn!("{}; trying again", engine::with_causes(&error));
                tokio::time::sleep(QUEUE_EVERY).await;
            }
            done => return done,
        }
    }
}

/// Works until somebody stops it, or waits for that where others do the work. Either ends in an error where a newer program has
/// upgraded the database.
async fn work(
    engine: Arc<Engine>,
    worker: Option<Arc<Worker>>,
    stopped: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    match worker {
        Some(worker) => worker.run(stopped).await,
        None => engine.answer_only(QUEUE_EVERY, stopped).await,
    }
}

/// The first answers; ends where nothing more was asked for.
async fn first(engine: &Engine, args: &Serve) -> anyhow::Result<()> {
    let answered = if args.no_work { Ok(()) } else { first_answers(engine, args).await };
    if args.once {
        return answered;
    }
    if let Err(error) = answered {
        // A database that is away for a moment ends nothing: schedules ask again.
        error!("the first answers could not be waited for: {}", engine::with_causes(&error));
    }
    // Work goes on until somebody stops it.
    std::future::pending().await
}

/// How long a job stays with a node that says nothing.
fn lease(args: &Serve) -> SignedDuration {
    SignedDuration::from_secs(args.lease_seconds.into())
}

/// What works behind the page.
fn worker(engine: &Arc<Engine>, args: &Serve) -> Arc<Worker> {
    let sources =
        ChosenSource { engine: Arc::clone(engine), mirror: args.mirror.clone(), sample: args.bundled_sample.clone() };
    let options = WorkOptions {
        holder: holder(),
        lease: lease(args),
        poll: QUEUE_EVERY,
        inspections_max: args.inspections.into(),
        retirement: args.retire.policy(),
        retention: args.keep.retention(),
    };
    Worker::new(Arc::clone(engine), options, Arc::new(sources))
}

/// What a start is for: new feeds, this machine inspected, the first priorities. What fails is said, and tried again by
/// schedule.
async fn first_answers(engine: &Engine, args: &Serve) -> anyhow::Result<()> {
    let mut tx = engine.db.begin().await?;
    let sync = engine.ask(&mut tx, Verb::Sync, "").await?;
    tx.commit().await?;
    if let Waited::Failed(reason) = engine.wait_for(sync).await? {
        error!("feeds could not be synchronised: {reason}");
    }
    if args.inspect_local {
        let local = &local_asset(engine).await?;
        let mut tx = engine.db.begin().await?;
        let asked = engine.ask_inspection(&mut tx, local, "").await?;
        tx.commit().await?;
        if let Err(error) = engine.inspected(local, asked).await {
            error!("{}", engine::with_causes(&error));
        }
    }
    match args.first_priorities {
        Some(count) => print_first(engine, count).await,
        None => Ok(()),
    }
}

/// The name of this process, shown with the jobs that it has.
fn holder() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host} {}", std::process::id())
}

/// Where this server takes feeds from.
struct ChosenSource {
    engine: Arc<Engine>,
    mirror: Option<String>,
    sample: Option<PathBuf>,
}

impl Sources for ChosenSource {
    fn choose(&self) -> BoxFuture<'_, anyhow::Result<Source>> {
        Box::pin(choose_source(&self.engine, self.mirror.as_deref(), self.sample.as_deref()))
    }
}

/// The mirror that was asked for; else the publishers; else, when none answers, the bundled sample, said loudly.
async fn choose_source(engine: &Engine, mirror: Option<&str>, sample: Option<&Path>) -> anyhow::Result<Source> {
    let options = context::client_options();
    if let Some(mirror) = mirror {
        engine.set_sample(false).await?;
        return Ok(Source::mirror(mirror, options, engine.never_touch.clone()).await?);
    }
    let publishers = Source::publishers(options, engine.never_touch.clone())?;
    let Some(sample) = sample else { return Ok(publishers) };
    if engine::ingest::probe_publishers(&publishers, PUBLISHERS_PATIENCE).await {
        engine.set_sample(false).await?;
        return Ok(publishers);
    }
    // What real publishers gave earlier, or what was imported, is worth more than a sample: it stays, and shows its age.
    let known = engine::ingest::status(&engine.data_dir).iter().any(|feed| feed.snapshot.fetched_at.is_some());
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

/// This machine as an asset, made at the first start.
async fn local_asset(engine: &Engine) -> anyhow::Result<Asset> {
    if let Some(asset) = engine.find_way(&Way::Local).await? {
        return Ok(Asset::clone(&asset));
    }
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let new = NewAsset { way: "local".to_owned(), name: Some(name), ..NewAsset::default() };
    engine.make_known(&new).await
}

async fn print_first(engine: &Engine, count: usize) -> anyhow::Result<()> {
    engine.bring_lists_up_to_date().await?;
    let query = Query { filter: active(), sort: Sort::WORK, after: None, limit: count };
    let page = engine.findings(&Visible::All, &query).await?;
    output::warnings(&page.warnings)?;
    if page.rows.is_empty() {
        output::line("No finding could be made. That proves nothing while anything above is missing or unknown.")?;
        return Ok(());
    }
    output::line(format_args!("\nFirst {} of {} priorities:\n", page.rows.len(), page.total))?;
    for (rank, row) in page.rows.iter().enumerate() {
        output::line(findings::explained(rank + 1, &server::wire::finding(row, engine.now())))?;
    }
    let undecided = engine.status(&Visible::All).await?.undecided_count;
    output::line(format_args!("\nThings that could not be decided: {}", output::or_unknown(undecided)))?;
    Ok(())
}

async fn wait_for(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a reason to stop too.
    let _ = stopped.wait_for(|stop| *stop).await;
}
