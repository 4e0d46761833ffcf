//! Work: claims jobs from the queue, does them, and ends each in the transaction of its results.
//!
//! Any number of nodes may work on one database. A job is kept by heartbeats; whoever loses its lease stops, and what
//! it learnt is rolled back. Every verb is idempotent, since a job whose node dies is done again.

mod ask;
mod remote;
mod report;
mod shown;
mod verb;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::AssetId;
use domain::retirement::Policy;
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use outside::Source;
use store::queue::{self, Claim, Failed, Heartbeat, Lease, PERSON_PRIORITY};
use store::{StoreError, schedule};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{debug, error, info, warn};

pub use ask::{Asked, Waited};
pub use remote::{Errand, Hop, NotHeld};
pub use report::Report;
pub use shown::{JobView, JobsView};
pub use verb::Verb;

use crate::Engine;
use crate::forget::Retention;

/// How one node works.
#[derive(Debug, Clone)]
pub struct WorkOptions {
    /// The node's name, shown with its jobs.
    pub holder: String,
    /// How long a job stays with a node that says nothing.
    pub lease: SignedDuration,
    /// How often the queue is looked at where nothing wakes the node.
    pub poll: Duration,
    /// Scheduled inspections that run at once.
    pub inspections_max: usize,
    pub retirement: Policy,
    pub retention: Retention,
}

/// Where feeds are taken from, asked anew for each synchronisation.
pub trait Sources: Send + Sync {
    fn choose(&self) -> BoxFuture<'_, anyhow::Result<Source>>;
}

/// One node that works.
pub struct Worker {
    engine: Arc<Engine>,
    options: WorkOptions,
    sources: Arc<dyn Sources>,
    seats: BTreeMap<Verb, Arc<Semaphore>>,
}

/// Seats of each verb that scheduled work never takes: a person's request begins at once.
const PERSON_SEATS: usize = 2;

/// How an attempt ended, if it did not end well by itself.
enum End {
    Done,
    Failed(anyhow::Error),
    Heard(Heartbeat),
    Stopping,
}

impl Worker {
    pub fn new(engine: Arc<Engine>, options: WorkOptions, sources: Arc<dyn Sources>) -> Arc<Self> {
        let seats = |verb: Verb| verb.at_once(options.inspections_max) + PERSON_SEATS;
        let seats = Verb::ALL.into_iter().map(|verb| (verb, Arc::new(Semaphore::new(seats(verb))))).collect();
        Arc::new(Self { engine, options, sources, seats })
    }

    /// Works until it is told to stop; what is not done then goes back to the queue. An error means that this program may
    /// not work on the database any more, because a newer one has upgraded it.
    pub async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) -> Result<(), StoreError> {
        let mut running = JoinSet::new();
        loop {
            match self.turn(&mut running, &stopped).await {
                Ok(()) => {
                    if self.engine.set_trouble(None) {
                        info!("the queue can be asked for work again");
                    }
                }
                Err(error @ StoreError::NewerSchema { .. }) => {
                    // What runs could keep nothing, and not even give its job back: other nodes take it over.
                    running.shutdown().await;
                    return Err(error);
                }
                Err(error) => {
                    let reason = crate::with_causes(&error.into());
                    // Said once, however often it is tried.
                    if self.engine.set_trouble(Some(reason.clone())) {
                        error!("the queue could not be asked for work: {reason}");
                    }
                }
            }
            tokio::select! {
                // An error means that the sender is gone, which is a reason to stop too.
                _ = stopped.wait_for(|stop| *stop) => break,
                () = self.engine.wake.notified() => {}
                Some(ended) = running.join_next(), if !running.is_empty() => {
                    if let Err(panic) = ended {
                        error!("a job broke; it is tried again when its lease has ended: {panic}");
                    }
                }
                () = tokio::time::sleep(self.options.poll) => {}
            }
        }
        while running.join_next().await.is_some() {}
        Ok(())
    }

    /// Enqueues what schedules ask for, and begins as much as there are seats for.
    async fn turn(
        self: &Arc<Self>,
        running: &mut JoinSet<()>,
        stopped: &watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        let (db, now) = (&self.engine.db, self.engine.now());
        db.expect_known_schema().await?;
        if schedule::is_due(db, now).await? {
            let mut tx = db.begin().await?;
            schedule::enqueue_due(&mut tx, now).await?;
            tx.commit().await?;
        }
        if let Err(error) = self.engine.enqueue_deliveries().await {
            // Nothing is lost by it: the webhooks stay behind.
            warn!("webhooks could not be looked at: {}", crate::with_causes(&error));
        }
        while queue::is_due(db, &self.claim_of(&[], i64::MAX), self.engine.now()).await? {
            let Some((verb, seat, lease)) = self.claim().await? else { break };
            let (worker, stopped) = (Arc::clone(self), stopped.clone());
            running.spawn(async move {
                worker.attempt(verb, &lease, stopped).await;
                drop(seat);
            });
        }
        Ok(())
    }

    /// What a person waits for first, then what is scheduled.
    async fn claim(&self) -> Result<Option<(Verb, OwnedSemaphorePermit, Lease)>, StoreError> {
        for (kept, priority_max) in [(0, PERSON_PRIORITY), (PERSON_SEATS, i64::MAX)] {
            let free = |verb: &&Verb| self.seats[verb].available_permits() > kept;
            let kinds: Vec<&str> = self.seats.keys().filter(free).map(|verb| verb.as_str()).collect();
            let claim = self.claim_of(&kinds, priority_max);
            let Some(lease) = queue::claim(&self.engine.db, &claim, self.engine.now()).await? else { continue };
            let verb = Verb::parse(&lease.kind).expect("only what was asked for is claimed");
            let seat = Arc::clone(&self.seats[&verb]).try_acquire_owned().expect("nobody else takes seats");
            return Ok(Some((verb, seat, lease)));
        }
        Ok(None)
    }

    fn claim_of<'a>(&'a self, kinds: &'a [&'a str], priority_max: i64) -> Claim<'a> {
        Claim { kinds, segment: "", priority_max, holder: &self.options.holder, lease: self.options.lease }
    }

    /// One attempt at a job. Whatever comes of it is noted with the job, unless the job was lost.
    async fn attempt(&self, verb: Verb, lease: &Lease, mut stopped: watch::Receiver<bool>) {
        let report = Report::default();
        let end = tokio::select! {
            done = verb::perform(&self.engine, (&*self.sources, &self.options), verb, lease, &report) => match done {
                Ok(()) => End::Done,
                Err(error) => End::Failed(error),
            },
            heard = keep_alive(&self.engine, lease, &report, self.options.lease) => End::Heard(heard),
            _ = stopped.wait_for(|stop| *stop) => End::Stopping,
        };
        let (kind, key) = (&lease.kind, &lease.key);
        let noted = match end {
            End::Done => {
                debug!(kind, key, "done");
                return;
            }
            End::Heard(Heartbeat::CancelAsked) => {
                info!(kind, key, "cancelled");
                self.engine.stop(lease).await
            }
            End::Heard(_) => {
                warn!(kind, key, "another node has taken the job: what was learnt here is not kept");
                return;
            }
            End::Stopping => self.engine.give_back(lease).await,
            End::Failed(error) => self.engine.fail(verb, lease, &error).await,
        };
        if let Err(error) = noted {
            // Its lease ends by itself, and then somebody else has it.
            warn!(kind, key, "how the job ended could not be noted: {}", crate::with_causes(&error));
        }
    }
}

/// Says again and again that the job is being worked on. Ends when that is not so any more.
pub async fn keep_alive(engine: &Engine, lease: &Lease, report: &Report, extension: SignedDuration) -> Heartbeat {
    let pause = Duration::try_from(extension).unwrap_or(Duration::ZERO) / 3;
    loop {
        tokio::time::sleep(pause).await;
        match engine.heartbeat(lease, report, extension).await {
            Ok(Heartbeat::Kept) => {}
            Ok(heard) => return heard,
            // The store may be back before the lease has ended; if not, finishing is refused.
            Err(error) => warn!("a job could not be kept: {error}"),
        }
    }
}

impl Engine {
    /// Waits until it is told to stop, where this process works on nothing and answers only. An error means what it means to
    /// [`Worker::run`]: a newer program has upgraded the database, and answers by the rules of this one are not true any more.
    pub async fn answer_only(
        &self,
        look_every: Duration,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        loop {
            match self.db.expect_known_schema().await {
                Err(error @ StoreError::NewerSchema { .. }) => return Err(error),
                // Whoever asks for an answer is told of it.
                Err(error) => debug!("the schema could not be looked at: {error}"),
                Ok(()) => {}
            }
            tokio::select! {
                // An error means that the sender is gone, which is a reason to stop too.
                _ = stopped.wait_for(|stop| *stop) => return Ok(()),
                () = tokio::time::sleep(look_every) => {}
            }
        }
    }

    /// Says that a job is being worked on, and how far it is.
    pub async fn heartbeat(
        &self,
        lease: &Lease,
        report: &Report,
        extension: SignedDuration,
    ) -> Result<Heartbeat, StoreError> {
        let mut tx = self.db.begin().await?;
        let heard = queue::heartbeat(&mut tx, lease, &report.progress(), self.now(), extension).await?;
        tx.commit().await?;
        Ok(heard)
    }

    /// Notes a failed attempt. A failed inspection leaves its asset unknown, which is noted with it. Where it was the database
    /// that failed, it says nothing of the work, and the attempt does not count.
    pub async fn fail(&self, verb: Verb, lease: &Lease, error: &anyhow::Error) -> anyhow::Result<()> {
        let reason = crate::with_causes(error);
        let mut tx = self.db.begin().await?;
        if error.downcast_ref().is_some_and(StoreError::is_passing) {
            let run_at = queue::postpone(&mut tx, lease, &reason, self.now()).await?;
            tx.commit().await?;
            warn!(kind = lease.kind, key = lease.key, %run_at, "not done, and done later: {reason}");
            return Ok(());
        }
        if verb == Verb::Inspect
            && let Ok(asset) = lease.key.parse::<AssetId>()
            && let Some(asset) = store::asset::get(&mut tx, asset).await?
        {
            self.note_failed(&mut tx, &asset, error).await?;
        }
        let failed = queue::fail(&mut tx, lease, &reason, self.now()).await?;
        if verb == Verb::Deliver {
            self.note_undelivered(&mut tx, lease, error, failed == Failed::Dead).await?;
        }
        tx.commit().await?;
        let (kind, key) = (&lease.kind, &lease.key);
        match failed {
            Failed::Retry { run_at } => warn!(kind, key, %run_at, "failed, tried again later: {reason}"),
            Failed::Dead => warn!(kind, key, "failed for good: {reason}"),
        }
        Ok(())
    }

    /// Ends a job that a person cancelled.
    pub async fn stop(&self, lease: &Lease) -> anyhow::Result<()> {
        let mut tx = self.db.begin().await?;
        queue::stop(&mut tx, lease, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Gives a job back that was not done here.
    pub async fn give_back(&self, lease: &Lease) -> anyhow::Result<()> {
        let mut tx = self.db.begin().await?;
        queue::give_back(&mut tx, lease).await?;
        Ok(tx.commit().await?)
    }
}
