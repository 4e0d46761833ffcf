//! Asking for work: what a person wants now, and what has become due.

use std::time::Duration;

use anyhow::{anyhow, bail};
use domain::asset::Asset;
use domain::ids::{AssetId, JobId};
use jiff::Timestamp;
use store::Tx;
use store::queue::{self, JobState, NewJob, PERSON_PRIORITY};

use super::Verb;
use super::remote::segment_of;
use crate::Engine;

/// A job that somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub job: JobId,
    /// Failures before this do not count.
    at: Timestamp,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waited {
    Done,
    /// It failed, perhaps not for the last time.
    Failed(String),
    Cancelled,
}

/// Attempts at what a schedule asked for: the next turn of the schedule comes anyway.
const ATTEMPTS_MAX: u32 = 3;

/// How often a job that somebody waits for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The key of the job that matches again after the one that runs.
const REMATCH_AGAIN: &str = "rematch again";

/// Inspections that are enqueued in one transaction.
const DUE_BATCH: usize = 100;

impl Engine {
    /// Asks for an inspection in a person's name, before all scheduled work. Commit, then [`Engine::wait_for`] it.
    pub async fn ask_inspection(&self, tx: &mut Tx, asset: &Asset, by: &str) -> anyhow::Result<Asked> {
        let now = self.now();
        let (scopes, nodes) = (store::scope::list(&mut *tx).await?, store::node::list(&mut *tx).await?);
        let segment = segment_of(asset, &scopes, &nodes);
        let job = NewJob {
            priority: PERSON_PRIORITY,
            attempts_max: 1,
            asked_by: by.to_owned(),
            segment,
            ..inspection(asset.id, now)
        };
        store::meta::set(tx, &crate::schedule::tried_key(asset.id), &now.to_string()).await?;
        Ok(Asked { job: queue::enqueue_urgent(tx, &job, now).await?, at: now })
    }

    /// Asks for a verb that takes no input, now. Commit, then [`Engine::wait_for`] it.
    pub async fn ask(&self, tx: &mut Tx, verb: Verb, by: &str) -> anyhow::Result<Asked> {
        let now = self.now();
        let job = NewJob { priority: PERSON_PRIORITY, asked_by: by.to_owned(), ..of_verb(verb, now) };
        Ok(Asked { job: queue::enqueue_urgent(tx, &job, now).await?, at: now })
    }

    /// Waits until a job has ended, or failed once. A worker has to be running somewhere.
    pub async fn wait_for(&self, asked: Asked) -> anyhow::Result<Waited> {
        self.wake.notify_one();
        loop {
            let job = queue::get(&self.db, asked.job).await?.ok_or_else(|| anyhow!("the job {} is gone", asked.job))?;
            let failed = || Waited::Failed(job.last_error.clone().unwrap_or_else(|| "no reason given".to_owned()));
            let tried = job.started_at.is_some_and(|at| at >= asked.at);
            match job.state {
                JobState::Done => return Ok(Waited::Done),
                JobState::Cancelled => return Ok(Waited::Cancelled),
                JobState::Dead | JobState::Superseded => return Ok(failed()),
                JobState::Ready if tried && job.last_error.is_some() => return Ok(failed()),
                JobState::Ready | JobState::Leased => {}
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Enqueues the inspections that are due; returns how many. Running it twice, or on two nodes, enqueues once.
    pub async fn enqueue_due(&self) -> anyhow::Result<usize> {
        let now = self.now();
        let (scopes, nodes) = (store::scope::list(&self.db).await?, store::node::list(&self.db).await?);
        let mut count = 0;
        let mut tx = self.db.begin().await?;
        // A node may have been removed while something was enqueued for it.
        store::node::adopt(&mut tx).await?;
        tx.commit().await?;
        for assets in self.due().await?.chunks(DUE_BATCH) {
            let mut tx = self.db.begin().await?;
            for asset in assets {
                let segment = segment_of(asset, &scopes, &nodes);
                let job = NewJob { segment, ..inspection(asset.id, now) };
                if queue::enqueue(&mut tx, &job, now).await?.is_some() {
                    store::meta::set(&mut tx, &crate::schedule::tried_key(asset.id), &now.to_string()).await?;
                    count += 1;
                }
            }
            tx.commit().await?;
        }
        self.wake.notify_one();
        Ok(count)
    }

    /// Has stored inventories matched again, with whatever knowledge is in use then.
    pub(crate) async fn ask_rematch(&self, tx: &mut Tx) -> anyhow::Result<()> {
        let now = self.now();
        let job = of_verb(Verb::Rematch, now);
        // One that runs, or begins before this is committed, may have looked already: another one comes after it.
        if queue::enqueue(tx, &job, now).await?.is_none() {
            queue::enqueue(tx, &NewJob { key: REMATCH_AGAIN.to_owned(), ..job }, now).await?;
        }
        Ok(())
    }

    /// Waits for an inspection that was asked for; a failure is an error.
    pub async fn inspected(&self, asset: &Asset, asked: Asked) -> anyhow::Result<()> {
        match self.wait_for(asked).await? {
            Waited::Done => Ok(()),
            Waited::Failed(reason) => bail!("inspect {}: {reason}", asset.name),
            Waited::Cancelled => bail!("the inspection of {} was cancelled", asset.name),
        }
    }
}

/// An inspection as a schedule asks for it. Two never look at one asset at a time.
fn inspection(asset: AssetId, now: Timestamp) -> NewJob {
    let lane = format!("asset {asset}");
    NewJob { key: asset.to_string(), lane, ..of_verb(Verb::Inspect, now) }
}

/// A job as a schedule asks for it. Of a verb without input there is one at a time.
fn of_verb(verb: Verb, now: Timestamp) -> NewJob {
    NewJob::scheduled(verb.as_str(), verb.as_str(), ATTEMPTS_MAX, now)
}
