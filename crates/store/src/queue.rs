//! The job queue: claimed with a lease, delivered at least once, finished in the transaction of its results.
//!
//! A job whose holder dies is claimed again when its lease ends. The number of the attempt is the fence: whoever holds
//! an older attempt can finish nothing.

use domain::ids::JobId;
use jiff::{SignedDuration, Timestamp};

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, json, query};

/// Work to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// The verb: `inspect`, `ingest`.
    pub kind: String,
    /// What it is done to: of one kind and key there is at most one job waiting or running.
    pub key: String,
    pub payload: serde_json::Value,
    /// Smaller comes first: what a person asked for before what a schedule did.
    pub priority: i64,
    pub run_at: Timestamp,
    pub attempts_max: u32,
}

/// A claimed job. Only its holder may finish it, and only while nobody has claimed it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub id: JobId,
    pub kind: String,
    pub key: String,
    pub payload: serde_json::Value,
    /// From 1 on.
    pub attempt: u32,
    pub attempts_max: u32,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    Ready,
    Leased,
    Done,
    /// Failed for good: a person has to look.
    Dead,
}

/// A job, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub kind: String,
    pub key: String,
    pub state: JobState,
    pub attempts: u32,
    pub run_at: Timestamp,
    pub last_error: Option<String>,
    pub ended_at: Option<Timestamp>,
}

/// What became of a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It will be tried again then.
    Retry {
        run_at: Timestamp,
    },
    Dead,
}

/// How long the first failure is waited out; doubled with every further one.
const RETRY_SECONDS_MIN: i64 = 30;
const RETRY_SECONDS_MAX: i64 = 3600;
/// Errors are kept up to this.
const ERROR_CHARS_MAX: usize = 2000;

/// Adds a job. `None`: the same work is waiting or running already.
pub async fn enqueue(tx: &mut Tx, job: &NewJob, now: Timestamp) -> Result<Option<JobId>, StoreError> {
    let id = JobId::from_uuid(crate::new_id(now));
    let added = query(
        "enqueue the job",
        "insert into job (id, kind, key, payload, priority, state, run_at, attempts, attempts_max, created_at)
         values ($1, $2, $3, $4, $5, 'ready', $6, 0, $7, $8)
         on conflict (kind, key) where state in ('ready', 'leased') do nothing",
    )
    .bind(id)
    .bind(job.kind.as_str())
    .bind(job.key.as_str())
    .bind(job.payload.to_string())
    .bind(job.priority)
    .bind(job.run_at)
    .bind(job.attempts_max.max(1))
    .bind(now)
    .execute(tx)
    .await?;
    Ok((added == 1).then_some(id))
}

/// Claims the most urgent job of these kinds, if one is due. Commit before working on it.
pub async fn claim(
    tx: &mut Tx,
    kinds: &[&str],
    holder: &str,
    now: Timestamp,
    lease: SignedDuration,
) -> Result<Option<Lease>, StoreError> {
    bury_abandoned(tx, now).await?;
    let claimed = query(
        "claim a job",
        "update job set state = 'leased', attempts = attempts + 1, holder = $1, lease_until = $2
         where id = (
             select id from job
             where kind in (select item.value from {texts $3})
               and ((state = 'ready' and run_at <= $4) or (state = 'leased' and lease_until <= $4))
             order by priority, run_at, id limit 1 {skip locked}
         )
         returning id, kind, key, payload, attempts, attempts_max",
    )
    .bind(holder)
    .bind(now + lease)
    .bind(json(kinds))
    .bind(now)
    .optional(tx)
    .await?;
    claimed.as_ref().map(lease_from_row).transpose()
}

/// Keeps a job for longer. `false`: it was lost to another holder, stop working on it.
pub async fn heartbeat(
    tx: &mut Tx,
    lease: &Lease,
    now: Timestamp,
    extension: SignedDuration,
) -> Result<bool, StoreError> {
    let text = "update job set lease_until = $1 where id = $2 and state = 'leased' and attempts = $3";
    let kept = query("keep the job", text).bind(now + extension).bind(lease.id).bind(lease.attempt).execute(tx).await?;
    Ok(kept == 1)
}

/// Ends a job, in the transaction that holds its results. Refuses a lost one: roll the results back.
pub async fn finish(tx: &mut Tx, lease: &Lease, now: Timestamp) -> Result<(), StoreError> {
    let text = "update job set state = 'done', ended_at = $1, last_error = null, holder = null, lease_until = null
                where id = $2 and state = 'leased' and attempts = $3";
    match query("finish the job", text).bind(now).bind(lease.id).bind(lease.attempt).execute(tx).await? {
        0 => Err(lost(lease)),
        _ => Ok(()),
    }
}

/// Notes that an attempt failed: it is tried again later, or the job is dead.
pub async fn fail(tx: &mut Tx, lease: &Lease, error: &str, now: Timestamp) -> Result<Failed, StoreError> {
    let outcome = if lease.attempt >= lease.attempts_max {
        Failed::Dead
    } else {
        Failed::Retry { run_at: now + retry_after(lease) }
    };
    let (state, run_at, ended_at) = match outcome {
        Failed::Retry { run_at } => ("ready", run_at, None),
        Failed::Dead => ("dead", now, Some(now)),
    };
    let text = "update job set state = $1, run_at = $2, ended_at = $3, last_error = $4, holder = null,
                    lease_until = null
                where id = $5 and state = 'leased' and attempts = $6";
    let error: String = error.chars().take(ERROR_CHARS_MAX).collect();
    let noted = query("note the failed job", text)
        .bind(state)
        .bind(run_at)
        .bind(ended_at)
        .bind(error)
        .bind(lease.id)
        .bind(lease.attempt)
        .execute(tx)
        .await?;
    if noted == 0 { Err(lost(lease)) } else { Ok(outcome) }
}

/// The jobs in a state, by identifier, which is by age.
pub async fn list<'a>(on: impl Into<On<'a>>, state: JobState, limit: usize) -> Result<Vec<Job>, StoreError> {
    query(
        "list jobs",
        "select id, kind, key, state, attempts, run_at, last_error, ended_at from job
         where state = $1 order by id limit $2",
    )
    .bind(state.as_str())
    .bind(limit)
    .all(on)
    .await?
    .iter()
    .map(|row| from_row(row, state))
    .collect()
}

/// When the next waiting job is due, or the next lease ends. `None`: there is nothing to wait for.
pub async fn next_at<'a>(on: impl Into<On<'a>>) -> Result<Option<Timestamp>, StoreError> {
    let text = "select min(case when state = 'ready' then run_at else lease_until end) as next_at from job
                where state in ('ready', 'leased')";
    query("look for the next job", text).one(on).await?.instant_opt("next_at")
}

/// Forgets jobs that were done before an instant. Dead ones stay until a person has seen them.
pub async fn sweep(tx: &mut Tx, done_before: Timestamp) -> Result<u64, StoreError> {
    let text = "delete from job where state = 'done' and ended_at < $1";
    query("forget old jobs", text).bind(done_before).execute(tx).await
}

impl JobState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

/// A job that took its holder down as often as it may be tried is never claimed again.
async fn bury_abandoned(tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
    query(
        "bury abandoned jobs",
        "update job set state = 'dead', ended_at = $1, holder = null, lease_until = null,
             last_error = 'its holder stopped answering in every attempt'
         where state = 'leased' and lease_until <= $1 and attempts >= attempts_max",
    )
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}

/// Doubles with every attempt; a quarter on top, from the job's own id, keeps many failures from returning as one.
fn retry_after(lease: &Lease) -> SignedDuration {
    let doublings = lease.attempt.saturating_sub(1).min(16);
    let seconds = (RETRY_SECONDS_MIN << doublings).min(RETRY_SECONDS_MAX);
    let spread = i64::from(lease.id.uuid().as_bytes()[15]);
    SignedDuration::from_secs(seconds + seconds * spread / 1024)
}

fn lost(lease: &Lease) -> StoreError {
    let reason = format!("its lease ended and somebody else has it ({} {})", lease.kind, lease.key);
    StoreError::refused("finish the job", reason)
}

fn lease_from_row(row: &Row) -> Result<Lease, StoreError> {
    Ok(Lease {
        id: JobId::from_uuid(row.uuid("id")?),
        kind: row.text("kind")?,
        key: row.text("key")?,
        payload: row.json("payload")?,
        attempt: row.number("attempts")?,
        attempts_max: row.number("attempts_max")?,
    })
}

fn from_row(row: &Row, state: JobState) -> Result<Job, StoreError> {
    Ok(Job {
        id: JobId::from_uuid(row.uuid("id")?),
        kind: row.text("kind")?,
        key: row.text("key")?,
        state,
        attempts: row.number("attempts")?,
        run_at: row.instant("run_at")?,
        last_error: row.get("last_error")?,
        ended_at: row.instant_opt("ended_at")?,
    })
}
