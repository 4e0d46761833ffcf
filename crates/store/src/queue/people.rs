//! What people see of the queue, and what they may do to it.

use domain::ids::JobId;
use jiff::Timestamp;

use super::{JobState, PERSON_PRIORITY, Progress};
use crate::audit::Note;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, json, query};

/// A job, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub kind: String,
    pub key: String,
    pub segment: String,
    pub priority: i64,
    pub state: JobState,
    /// The person who asked for it. Empty: a schedule.
    pub asked_by: String,
    pub attempts: u32,
    pub attempts_max: u32,
    pub run_at: Timestamp,
    /// Who has it, or had it last.
    pub holder: Option<String>,
    pub lease_until: Option<Timestamp>,
    pub last_error: Option<String>,
    pub progress: Progress,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub cancel_asked_at: Option<Timestamp>,
}

/// Which jobs to list, the newest first.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    pub states: &'a [JobState],
    /// `None`: of every kind.
    pub kind: Option<&'a str>,
    /// Only what is older than this one.
    pub before: Option<JobId>,
    pub limit: usize,
}

/// How many jobs are in the states that somebody has to do something about. What has ended is not counted: it is the most,
/// and forgotten after a while.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub ready: u64,
    pub leased: u64,
    pub dead: u64,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select id, kind, key, segment, priority, state, asked_by, attempts, attempts_max, run_at, holder,
                 lease_until, last_error, progress_done, progress_total, progress_text, created_at, started_at,
                 ended_at, cancel_asked_at
             from job ",
            $tail
        )
    };
}

/// Jobs, the newest first.
pub async fn list<'a>(on: impl Into<On<'a>>, listing: Listing<'_>) -> Result<Vec<Job>, StoreError> {
    let states: Vec<&str> = listing.states.iter().map(|state| state.as_str()).collect();
    let text = select!(
        "where state in (select item.value from {texts $1}) and ($2 = '' or kind = $2) and id < $3
         order by id desc limit $4"
    );
    let before = listing.before.unwrap_or(JobId::from_uuid(uuid::Uuid::max()));
    let rows = query("list jobs", text)
        .bind(json(&states))
        .bind(listing.kind.unwrap_or_default())
        .bind(before)
        .bind(listing.limit)
        .all(on)
        .await?;
    rows.iter().map(from_row).collect()
}

pub async fn get<'a>(on: impl Into<On<'a>>, id: JobId) -> Result<Option<Job>, StoreError> {
    let found = query("read the job", select!("where id = $1")).bind(id).optional(on).await?;
    found.as_ref().map(from_row).transpose()
}

/// The jobs that wait, those first that are claimed next: what is due by urgency, then what is due later.
pub async fn next<'a>(
    on: impl Into<On<'a>>,
    kind: Option<&str>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Job>, StoreError> {
    let text = select!(
        "where state = 'ready' and ($1 = '' or kind = $1)
         order by case when run_at <= $2 then 0 else 1 end, case when run_at <= $2 then priority else 0 end, run_at, id
         limit $3"
    );
    let rows = query("list waiting jobs", text).bind(kind.unwrap_or_default()).bind(now).bind(limit).all(on).await?;
    rows.iter().map(from_row).collect()
}

/// How many jobs of a kind, or of all, wait, run, and are dead.
pub async fn counts<'a>(on: impl Into<On<'a>>, kind: Option<&str>) -> Result<Counts, StoreError> {
    let text = "select state, count(*) as jobs from job
                where state in ('ready', 'leased', 'dead') and ($1 = '' or kind = $1) group by state";
    let rows = query("count jobs", text).bind(kind.unwrap_or_default()).all(on).await?;
    let mut counts = Counts::default();
    for row in &rows {
        let jobs = row.number("jobs")?;
        match JobState::parse(&row.text("state")?) {
            Some(JobState::Ready) => counts.ready = jobs,
            Some(JobState::Leased) => counts.leased = jobs,
            Some(JobState::Dead) => counts.dead = jobs,
            Some(JobState::Done | JobState::Cancelled | JobState::Superseded) | None => {}
        }
    }
    Ok(counts)
}

/// How many jobs are in a state.
pub async fn count<'a>(on: impl Into<On<'a>>, state: JobState) -> Result<u64, StoreError> {
    let text = "select count(*) as jobs from job where state = $1";
    query("count jobs", text).bind(state.as_str()).one(on).await?.number("jobs")
}

/// Cancels a job: one that waits has ended, one that runs learns it at its next heartbeat, and one that is dead is
/// taken off the list of what a person has to look at. Refuses one that has ended.
pub async fn cancel(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<Job, StoreError> {
    let text = "update job set cancel_asked_at = case when state = 'leased' then $1 else cancel_asked_at end,
                    ended_at = case when state = 'leased' then null else $1 end,
                    state = case when state = 'leased' then state else 'cancelled' end
                where id = $2 and state in ('ready', 'leased', 'dead')";
    let job = change(tx, "cancel the job", query("cancel the job", text).bind(now).bind(id), id).await?;
    tx.note(Note::new(now, "job.cancel", id));
    Ok(job)
}

/// Has a job tried again that is dead or was cancelled, now and before all scheduled work. Refuses any other, and one
/// whose work is waiting or running again already.
pub async fn retry(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<Job, StoreError> {
    const DOING: &str = "retry the job";
    let text = "update job set state = 'ready', run_at = $1, priority = $2, attempts_max = attempts + $3,
                    ended_at = null, cancel_asked_at = null
                where id = $4 and state in ('dead', 'cancelled', 'superseded')
                  and not exists (select 1 from job as other where other.kind = job.kind and other.key = job.key
                                  and other.state in ('ready', 'leased'))";
    let retried = query(DOING, text).bind(now).bind(PERSON_PRIORITY).bind(RETRIES_MAX).bind(id);
    let job = change(tx, DOING, retried, id).await?;
    tx.note(Note::new(now, "job.retry", id));
    Ok(job)
}

/// Attempts that a person's order to try again is worth.
const RETRIES_MAX: i64 = 3;

async fn change(tx: &mut Tx, doing: &'static str, query: crate::sql::Query, id: JobId) -> Result<Job, StoreError> {
    let changed = query.execute(&mut *tx).await?;
    let job = get(tx, id).await?.ok_or_else(|| StoreError::missing("job", id))?;
    if changed == 0 {
        let state = job.state.as_str();
        return Err(StoreError::refused(doing, format!("it is {state}, or the same work waits already")));
    }
    Ok(job)
}

fn from_row(row: &Row) -> Result<Job, StoreError> {
    let state = row.text("state")?;
    Ok(Job {
        id: JobId::from_uuid(row.uuid("id")?),
        kind: row.text("kind")?,
        key: row.text("key")?,
        segment: row.text("segment")?,
        priority: row.int("priority")?,
        state: JobState::parse(&state).ok_or_else(|| row.corrupt(format!("state is {state:?}")))?,
        asked_by: row.text("asked_by")?,
        attempts: row.number("attempts")?,
        attempts_max: row.number("attempts_max")?,
        run_at: row.instant("run_at")?,
        holder: row.get("holder")?,
        lease_until: row.instant_opt("lease_until")?,
        last_error: row.get("last_error")?,
        progress: Progress {
            done: row.number("progress_done")?,
            total: row.get::<Option<i64>>("progress_total")?.and_then(|total| u64::try_from(total).ok()),
            text: row.text("progress_text")?,
        },
        created_at: row.instant("created_at")?,
        started_at: row.instant_opt("started_at")?,
        ended_at: row.instant_opt("ended_at")?,
        cancel_asked_at: row.instant_opt("cancel_asked_at")?,
    })
}
