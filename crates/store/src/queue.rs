//! The job queue: claimed with a lease, delivered at least once, finished in the transaction of its results.
//!
//! A job whose holder dies is claimed again when its lease ends. The number of the attempt is the fence: whoever holds
//! an older attempt can finish nothing. It only ever grows, also when a person has a job tried again.

mod abandoned;
mod clock;
mod given_back;
mod people;

use domain::event::EventKind;
use domain::ids::JobId;
use jiff::{SignedDuration, Timestamp};

use crate::db::{Db, On, Tx};
use crate::error::StoreError;
use crate::outbox::{self, NewEvent};
use crate::sql::{Row, json, query};

use abandoned::{note_buried, take_back};
pub(crate) use clock::CLOCKS_APART;
use clock::lease_end_max;
pub use given_back::{give_back, move_to, postpone};
pub use people::{Counts, Job, Listing, cancel, count, counts, get, list, next, retry};

/// Work to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// The verb: `inspect`, `sync`.
    pub kind: String,
    /// What it is done to: of one kind and key there is at most one job waiting or running.
    pub key: String,
    pub payload: serde_json::Value,
    /// Smaller comes first: what a person asked for before what a schedule did.
    pub priority: i64,
    pub run_at: Timestamp,
    pub attempts_max: u32,
    /// Of one lane at most one job runs at a time, whatever its kind. Empty: it runs beside everything.
    pub lane: String,
    /// Who may claim it. Empty: the servers; else the scanner nodes of that segment.
    pub segment: String,
    /// The person who asked for it. Empty: a schedule.
    pub asked_by: String,
}

impl NewJob {
    /// A job without input that nobody waits for, beside everything else, claimed by servers.
    pub fn scheduled(kind: &str, key: impl Into<String>, attempts_max: u32, now: Timestamp) -> Self {
        Self {
            kind: kind.to_owned(),
            key: key.into(),
            payload: serde_json::Value::Null,
            priority: SCHEDULED_PRIORITY,
            run_at: now,
            attempts_max,
            lane: String::new(),
            segment: String::new(),
            asked_by: String::new(),
        }
    }
}

/// What a person waits for comes before what a schedule made.
pub const PERSON_PRIORITY: i64 = 0;
pub const SCHEDULED_PRIORITY: i64 = 10;

/// What a holder is ready to take.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub kinds: &'a [&'a str],
    pub segment: &'a str,
    /// Nothing less urgent than this.
    pub priority_max: i64,
    /// Shown to people.
    pub holder: &'a str,
    pub lease: SignedDuration,
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
    /// When this attempt was begun.
    pub started_at: Timestamp,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    Ready,
    Leased,
    Done,
    /// Failed for good: a person has to look.
    Dead,
    /// A person did not want it any more.
    Cancelled,
    /// Failed for good, and the same work was done, or failed, again since.
    Superseded,
}

/// How far a running job is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    /// `None`: nobody knows yet.
    pub total: Option<u64>,
    pub text: String,
}

/// What a holder hears when it says that it is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heartbeat {
    Kept,
    /// A person wants it to end: stop, and [`stop`] the job.
    CancelAsked,
    /// Somebody else has it: stop, and write nothing.
    Lost,
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
/// Words about progress are kept up to this.
const PROGRESS_CHARS_MAX: usize = 500;
/// Lost races for one lane before a claim is given up until the next time.
const RACES_MAX: usize = 8;

/// Adds a job. `None`: the same work is waiting or running already.
pub async fn enqueue(tx: &mut Tx, job: &NewJob, now: Timestamp) -> Result<Option<JobId>, StoreError> {
    let id = JobId::from_uuid(crate::new_id(now));
    let added = query(
        "enqueue the job",
        "insert into job (id, kind, key, payload, priority, state, run_at, attempts, attempts_max, created_at, lane,
             segment, asked_by)
         values ($1, $2, $3, $4, $5, 'ready', $6, 0, $7, $8, $9, $10, $11)
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
    .bind(job.lane.as_str())
    .bind(job.segment.as_str())
    .bind(job.asked_by.as_str())
    .execute(tx)
    .await?;
    Ok((added == 1).then_some(id))
}

/// Adds a job that a person waits for, or makes the one that waits already as urgent; returns which one it is.
pub async fn enqueue_urgent(tx: &mut Tx, job: &NewJob, now: Timestamp) -> Result<JobId, StoreError> {
    // Between the two statements the job of the same work may end, so that this one is new.
    loop {
        if let Some(id) = enqueue(tx, job, now).await? {
            return Ok(id);
        }
        let hastened = query(
            "hasten the job",
            "update job set priority = case when priority < $1 then priority else $1 end,
                 run_at = case when state = 'ready' and run_at > $2 then $2 else run_at end,
                 segment = case when state = 'ready' then $5 else segment end
             where kind = $3 and key = $4 and state in ('ready', 'leased') returning id",
        )
        .bind(job.priority)
        .bind(job.run_at)
        .bind(job.kind.as_str())
        .bind(job.key.as_str())
        .bind(job.segment.as_str())
        .optional(&mut *tx)
        .await?;
        if let Some(row) = hastened {
            return Ok(JobId::from_uuid(row.uuid("id")?));
        }
    }
}

/// Claims the most urgent job that is due, in a transaction of its own: the work begins after it.
pub async fn claim(db: &Db, claim: &Claim<'_>, now: Timestamp) -> Result<Option<Lease>, StoreError> {
    for _ in 0..RACES_MAX {
        let mut tx = db.begin().await?;
        let buried = take_back(&mut tx, lease_end_max(claim.lease, now), now).await?;
        match claim_one(&mut tx, claim, now).await {
            // Somebody took another job of the same lane in this instant: the next look sees it.
            Err(StoreError::Taken { .. }) => continue,
            claimed => {
                let claimed = claimed?;
                tx.commit().await?;
                for asset in buried {
                    note_buried(db, asset, now).await?;
                }
                return Ok(claimed);
            }
        }
    }
    Ok(None)
}

/// Keeps a job for longer, and notes how far it is.
pub async fn heartbeat(
    tx: &mut Tx,
    lease: &Lease,
    progress: &Progress,
    now: Timestamp,
    extension: SignedDuration,
) -> Result<Heartbeat, StoreError> {
    let text = "update job set lease_until = $1, progress_done = $2, progress_total = $3, progress_text = $4
                where id = $5 and state = 'leased' and attempts = $6 returning cancel_asked_at";
    let kept = query("keep the job", text)
        .bind(now + extension)
        .bind(int(progress.done))
        .bind(progress.total.map(int))
        .bind(clip(&progress.text, PROGRESS_CHARS_MAX))
        .bind(lease.id)
        .bind(lease.attempt)
        .optional(tx)
        .await?;
    Ok(match kept {
        None => Heartbeat::Lost,
        Some(row) if row.instant_opt("cancel_asked_at")?.is_some() => Heartbeat::CancelAsked,
        Some(_) => Heartbeat::Kept,
    })
}

/// Ends a job, in the transaction that holds its results; `outcome` says in words what came of it. Refuses a lost one:
/// roll the results back.
pub async fn finish(tx: &mut Tx, lease: &Lease, outcome: &str, now: Timestamp) -> Result<(), StoreError> {
    let text = "update job set state = 'done', ended_at = $1, last_error = null, lease_until = null,
                    cancel_asked_at = null, progress_text = $2
                where id = $3 and state = 'leased' and attempts = $4";
    let ended = query("finish the job", text)
        .bind(now)
        .bind(clip(outcome, PROGRESS_CHARS_MAX))
        .bind(lease.id)
        .bind(lease.attempt)
        .execute(&mut *tx)
        .await?;
    if ended == 0 { Err(lost(lease)) } else { supersede(tx, lease).await }
}

/// Ends a job that leaves nothing in the list, since it comes back all the time and what came of it is kept elsewhere. What
/// failed for good before stays to be seen. Refuses a lost one, as [`finish`] does.
pub async fn finish_silently(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    let text = "delete from job where id = $1 and state = 'leased' and attempts = $2";
    match query("finish the job", text).bind(lease.id).bind(lease.attempt).execute(tx).await? {
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
    let text = "update job set state = case when cancel_asked_at is null then $1 else 'cancelled' end, run_at = $2,
                    ended_at = case when cancel_asked_at is null then $3 else $4 end, last_error = $5,
                    lease_until = null
                where id = $6 and state = 'leased' and attempts = $7 returning id, kind, key, state, last_error";
    let noted = query("note the failed job", text)
        .bind(state)
        .bind(run_at)
        .bind(ended_at)
        .bind(now)
        .bind(clip(error, ERROR_CHARS_MAX))
        .bind(lease.id)
        .bind(lease.attempt)
        .optional(&mut *tx)
        .await?;
    let Some(noted) = noted else { return Err(lost(lease)) };
    tell_if_dead(tx, &noted, now)?;
    if outcome == Failed::Dead {
        supersede(tx, lease).await?;
    }
    Ok(outcome)
}

/// Ends a job that a person cancelled while it ran.
pub async fn stop(tx: &mut Tx, lease: &Lease, now: Timestamp) -> Result<(), StoreError> {
    let text = "update job set state = 'cancelled', ended_at = $1, lease_until = null
                where id = $2 and state = 'leased' and attempts = $3";
    match query("stop the job", text).bind(now).bind(lease.id).bind(lease.attempt).execute(tx).await? {
        0 => Err(lost(lease)),
        _ => Ok(()),
    }
}

/// The lease of a job that somebody says it holds. `None`: it was lost, or has ended.
pub async fn held(tx: &mut Tx, id: JobId, attempt: u32, holder: &str) -> Result<Option<Lease>, StoreError> {
    let text = "select id, kind, key, payload, attempts, attempts_max, started_at from job
                where id = $1 and attempts = $2 and holder = $3 and state = 'leased' {lock}";
    let row = query("look at the job", text).bind(id).bind(attempt).bind(holder).optional(tx).await?;
    row.as_ref().map(lease_from_row).transpose()
}

/// Whether there is a job to claim, or to take back.
pub async fn is_due<'a>(on: impl Into<On<'a>>, claim: &Claim<'_>, now: Timestamp) -> Result<bool, StoreError> {
    let text = "select 1 as one where exists (
                    select 1 from job where state = 'ready' and segment = $1
                        and (run_at <= $2 or coalesce(started_at, created_at) > $3)
                ) or exists (
                    select 1 from job where state = 'leased' and (lease_until <= $2 or lease_until > $4))";
    let found = query("look for the next job", text)
        .bind(claim.segment)
        .bind(now)
        .bind(now + CLOCKS_APART)
        .bind(lease_end_max(claim.lease, now))
        .optional(on)
        .await?;
    Ok(found.is_some())
}

/// Whether somebody works on such a job now.
pub async fn is_running<'a>(on: impl Into<On<'a>>, kind: &str, key: &str) -> Result<bool, StoreError> {
    let text = "select id from job where kind = $1 and key = $2 and state = 'leased' limit 1";
    Ok(query("look for a running job", text).bind(kind).bind(key).optional(on).await?.is_some())
}

/// Takes a job that nobody has begun off the queue: what it was to be done to is no more.
pub async fn withdraw(tx: &mut Tx, kind: &str, key: &str, now: Timestamp) -> Result<(), StoreError> {
    let text = "update job set state = 'cancelled', ended_at = $1 where kind = $2 and key = $3 and state = 'ready'";
    query("withdraw the job", text).bind(now).bind(kind).bind(key).execute(tx).await.map(drop)
}

/// Forgets so many jobs that ended before an instant. Dead ones stay until a person has seen them.
pub async fn forget(tx: &mut Tx, ended_before: Timestamp, limit: usize) -> Result<u64, StoreError> {
    let text = "delete from job where id in (
                    select id from job where state in ('done', 'cancelled', 'superseded') and ended_at < $1
                    order by id limit $2)";
    query("forget old jobs", text).bind(ended_before).bind(limit).execute(tx).await
}

impl JobState {
    pub const ALL: [Self; 6] = [Self::Ready, Self::Leased, Self::Done, Self::Dead, Self::Cancelled, Self::Superseded];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it is still to be done.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Ready | Self::Leased)
    }
}

fn tell_if_dead(tx: &mut Tx, job: &Row, now: Timestamp) -> Result<(), StoreError> {
    if job.text("state")? == JobState::Dead.as_str() {
        let told = serde_json::json!({
            "job": job.uuid("id")?,
            "kind": job.text("kind")?,
            "key": job.text("key")?,
            "reason": outbox::reason(&job.text("last_error")?),
        });
        tx.tell(NewEvent::new(now, EventKind::JobDead).saying(&told));
    }
    Ok(())
}

async fn claim_one(tx: &mut Tx, claim: &Claim<'_>, now: Timestamp) -> Result<Option<Lease>, StoreError> {
    let claimed = query(
        "claim a job",
        "update job set state = 'leased', attempts = attempts + 1, holder = $1, lease_until = $2, started_at = $3,
             progress_done = 0, progress_total = null, progress_text = ''
         where id = (
             select waiting.id from job as waiting
             where waiting.state = 'ready' and waiting.segment = $4 and waiting.priority <= $5
               and (waiting.run_at <= $3 or coalesce(waiting.started_at, waiting.created_at) > $7)
               and waiting.kind in (select item.value from {texts $6})
               and (waiting.lane = '' or not exists (
                   select 1 from job as running where running.lane = waiting.lane and running.state = 'leased'))
             order by waiting.priority, waiting.run_at, waiting.id limit 1 {skip locked}
         )
         returning id, kind, key, payload, attempts, attempts_max, started_at",
    )
    .bind(claim.holder)
    .bind(now + claim.lease)
    .bind(now)
    .bind(claim.segment)
    .bind(claim.priority_max)
    .bind(json(claim.kinds))
    .bind(now + CLOCKS_APART)
    .optional(tx)
    .await?;
    claimed.as_ref().map(lease_from_row).transpose()
}

/// What failed for good before is no news once the same work has ended again.
async fn supersede(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    let text = "update job set state = 'superseded' where kind = $1 and key = $2 and state = 'dead' and id <> $3";
    query("supersede dead jobs", text)
        .bind(lease.kind.as_str())
        .bind(lease.key.as_str())
        .bind(lease.id)
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

fn clip(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn lease_from_row(row: &Row) -> Result<Lease, StoreError> {
    Ok(Lease {
        id: JobId::from_uuid(row.uuid("id")?),
        kind: row.text("kind")?,
        key: row.text("key")?,
        payload: row.json("payload")?,
        attempt: row.number("attempts")?,
        attempts_max: row.number("attempts_max")?,
        started_at: row.instant("started_at")?,
    })
}
