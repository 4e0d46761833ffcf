//! What jobs do: one verb of the loop each, ended in the transaction of its results.

use anyhow::{Context as _, anyhow};
use domain::ids::AssetId;
use store::outbox;
use store::queue::{self, Lease, Progress};
use store::schedule::{self, Schedule};
use tracing::info;

use super::{Report, Sources, WorkOptions};
use crate::Engine;
use crate::ingest::{self, PROVIDER_TIME, SyncOptions};

/// The kinds of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Brings the knowledge up to date.
    Sync,
    /// Matches stored inventories with new knowledge.
    Rematch,
    /// Opens claimed fixes again that nobody verified, enqueues inspections that are due, forgets old events.
    Clock,
    /// Makes findings stale that nobody can confirm, retires assets that have ended.
    Retire,
    /// Forgets what ended long ago.
    Forget,
    /// Compares findings with what they must be.
    Check,
    /// Looks inside one asset.
    Inspect,
    /// Tells one webhook what has happened.
    Deliver,
}

/// How often feeds are asked for news; installations differ by a share of it.
const SYNC_SECONDS: u32 = 60 * 60;

/// How often every stored inventory is compared with the knowledge in use, beside each time that it changes.
const REMATCH_SECONDS: u32 = 60 * 60;

/// How often the clock is looked at.
const CLOCK_SECONDS: u32 = 60;

/// Webhooks that one node tells at once.
const DELIVERIES_MAX: usize = 4;

/// How often is looked for assets that were not seen, have ended, or do not answer.
const RETIRE_SECONDS: u32 = 60 * 60;

/// How often is looked for what is old enough to be forgotten.
const FORGET_SECONDS: u32 = 24 * 60 * 60;

/// How often some assets are compared with what they must be.
const CHECK_SECONDS: u32 = 24 * 60 * 60;

impl Verb {
    pub const ALL: [Self; 8] =
        [Self::Sync, Self::Rematch, Self::Clock, Self::Retire, Self::Forget, Self::Check, Self::Inspect, Self::Deliver];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Rematch => "rematch",
            Self::Clock => "clock",
            Self::Retire => "retire",
            Self::Forget => "forget",
            Self::Check => "check",
            Self::Inspect => "inspect",
            Self::Deliver => "deliver",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == text)
    }

    /// How many of these one node does at once by schedule.
    pub(super) const fn at_once(self, inspections_max: usize) -> usize {
        match self {
            Self::Sync | Self::Rematch | Self::Clock | Self::Retire | Self::Forget | Self::Check => 1,
            Self::Inspect => inspections_max,
            Self::Deliver => DELIVERIES_MAX,
        }
    }
}

/// Does a job and ends it. An error means that nothing of it was kept.
pub(super) async fn perform(
    engine: &Engine,
    (sources, options): (&dyn Sources, &WorkOptions),
    verb: Verb,
    lease: &Lease,
    report: &Report,
) -> anyhow::Result<()> {
    match verb {
        Verb::Sync => synchronise(engine, sources, lease, report).await,
        Verb::Rematch => {
            let count = engine.rematch_telling(report).await.context("match stored inventories")?;
            if count > 0 {
                info!(assets = count, "matched stored inventories with new knowledge");
            }
            engine.end(lease, &format!("{count} assets matched again")).await
        }
        Verb::Clock => {
            let moved = engine.expire_claims().await.context("open claimed fixes again")?;
            let enqueued = engine.enqueue_due().await.context("look for due inspections")?;
            let mut tx = engine.db.begin().await?;
            outbox::prune(&mut tx, engine.now() - outbox::KEPT, engine.now()).await?;
            let outcome = format!("{moved} claimed fixes open again, {enqueued} inspections due");
            queue::finish(&mut tx, lease, &outcome, engine.now()).await?;
            Ok(tx.commit().await?)
        }
        Verb::Retire => {
            let unseen = engine.note_unseen().await.context("look for what nobody has seen")?;
            let retired = engine.retire(&options.retirement, report).await.context("retire what has ended")?;
            info!("{retired}; {unseen} findings became stale");
            engine.end(lease, &format!("{retired}; {unseen} findings became stale")).await
        }
        Verb::Forget => {
            let forgotten = engine.forget(&options.retention, report).await.context("forget what ended long ago")?;
            info!("{forgotten}");
            engine.end(lease, &forgotten.to_string()).await
        }
        Verb::Check => {
            let checked = engine.check_next(report).await.context("compare findings with what they must be")?;
            info!("{checked}");
            engine.end(lease, &checked.to_string()).await
        }
        Verb::Inspect => {
            let id: AssetId = lease.key.parse().with_context(|| format!("{:?} is no asset", lease.key))?;
            let asset = store::asset::get(&engine.db, id).await?.ok_or_else(|| anyhow!("there is no asset {id}"))?;
            report.say(format!("reading {}", asset.name));
            let outcome = engine.inspect_for(&asset, lease).await?;
            info!(asset = asset.name, opened = outcome.opened, ended = outcome.ended, "inspected");
            Ok(())
        }
        Verb::Deliver => engine.deliver(lease, report).await,
    }
}

async fn synchronise(engine: &Engine, sources: &dyn Sources, lease: &Lease, report: &Report) -> anyhow::Result<()> {
    let total = ingest::wanted(&engine.data_dir, None)?.len();
    report.set(Progress { total: Some(total as u64), ..Progress::default() });
    let options = SyncOptions {
        data_dir: engine.data_dir.clone(),
        source: sources.choose().await.context("choose where feeds come from")?,
        only: None,
        accept_loss: Vec::new(),
        now: engine.now(),
        provider_time: PROVIDER_TIME,
    };
    let summary = ingest::sync(&options, report).await.context("synchronise feeds")?.summary();
    info!("feeds synchronised: {summary}");
    let mut tx = engine.db.begin().await?;
    queue::finish(&mut tx, lease, &summary, engine.now()).await?;
    engine.tell_knowledge(&mut tx).await?;
    engine.ask_rematch(&mut tx).await?;
    tx.commit().await?;
    engine.wake.notify_one();
    Ok(())
}

impl Engine {
    /// Has the verbs come back that nobody asks for.
    pub async fn set_schedules(&self) -> anyhow::Result<()> {
        let every = [
            (Verb::Sync, SYNC_SECONDS),
            (Verb::Rematch, REMATCH_SECONDS),
            (Verb::Clock, CLOCK_SECONDS),
            (Verb::Retire, RETIRE_SECONDS),
            (Verb::Forget, FORGET_SECONDS),
            (Verb::Check, CHECK_SECONDS),
        ];
        let mut tx = self.db.begin().await?;
        for (verb, every_seconds) in every {
            let (name, payload) = (verb.as_str().to_owned(), serde_json::Value::Null);
            let schedule = Schedule { kind: name.clone(), name, payload, every_seconds, next_at: self.now() };
            schedule::set(&mut tx, &schedule).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn end(&self, lease: &Lease, outcome: &str) -> anyhow::Result<()> {
        let mut tx = self.db.begin().await?;
        queue::finish(&mut tx, lease, outcome, self.now()).await?;
        Ok(tx.commit().await?)
    }
}
