//! Schedules: what is enqueued again and again.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::queue::{CLOCKS_APART, NewJob, enqueue};
use crate::sql::{Row, query};

/// Work that comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Unique; the key of the jobs that it makes.
    pub name: String,
    /// The verb.
    pub kind: String,
    pub payload: serde_json::Value,
    pub every_seconds: u32,
    pub next_at: Timestamp,
}

const ATTEMPTS_MAX: u32 = 5;

/// Sets a schedule. One that exists keeps its next instant, unless the new one is earlier.
pub async fn set(tx: &mut Tx, schedule: &Schedule) -> Result<(), StoreError> {
    query(
        "set the schedule",
        "insert into schedule (name, kind, payload, every_seconds, next_at) values ($1, $2, $3, $4, $5)
         on conflict (name) do update set kind = excluded.kind, payload = excluded.payload,
             every_seconds = excluded.every_seconds,
             next_at = case when excluded.next_at < schedule.next_at then excluded.next_at else schedule.next_at end",
    )
    .bind(schedule.name.as_str())
    .bind(schedule.kind.as_str())
    .bind(schedule.payload.to_string())
    .bind(schedule.every_seconds)
    .bind(schedule.next_at)
    .execute(tx)
    .await
    .map(drop)
}

pub async fn delete(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    query("remove the schedule", "delete from schedule where name = $1").bind(name).execute(tx).await.map(drop)
}

/// Every schedule, by name.
pub async fn list<'a>(on: impl Into<On<'a>>) -> Result<Vec<Schedule>, StoreError> {
    let text = "select name, kind, payload, every_seconds, next_at from schedule";
    let rows = query("list schedules", text).all(on).await?;
    let mut schedules: Vec<Schedule> = rows.iter().map(from_row).collect::<Result<_, _>>()?;
    schedules.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(schedules)
}

/// Whether any schedule is due.
pub async fn is_due<'a>(on: impl Into<On<'a>>, now: Timestamp) -> Result<bool, StoreError> {
    let text = "select 1 as one from schedule where next_at <= $1 or next_at - every_seconds * 1000 > $2 limit 1";
    let found = query("look at the schedules", text).bind(now).bind(now + CLOCKS_APART).optional(on).await?;
    Ok(found.is_some())
}

/// Enqueues what is due and sets the next instants; the answer is the number of jobs. Running it twice, or on two
/// nodes, enqueues once. What was missed while nobody ran it is made up for once, not for every time. One that
/// is further away than its interval was set before the clock was set back, and is due.
pub async fn enqueue_due(tx: &mut Tx, now: Timestamp) -> Result<usize, StoreError> {
    let text = "select name, kind, payload, every_seconds, next_at from schedule
                where next_at <= $1 or next_at - every_seconds * 1000 > $2 order by next_at, name {skip locked}";
    let rows = query("find what is due", text).bind(now).bind(now + CLOCKS_APART).all(&mut *tx).await?;
    let mut enqueued = 0;
    for row in &rows {
        let schedule = from_row(row)?;
        let job = NewJob {
            payload: schedule.payload.clone(),
            ..NewJob::scheduled(&schedule.kind, schedule.name.as_str(), ATTEMPTS_MAX, now)
        };
        enqueued += usize::from(enqueue(tx, &job, now).await?.is_some());
        query("set the next instant", "update schedule set next_at = $1 where name = $2")
            .bind(now + SignedDuration::from_secs(next_after_seconds(&schedule)))
            .bind(schedule.name.as_str())
            .execute(tx)
            .await?;
    }
    Ok(enqueued)
}

/// The interval, a little shorter by a share that the name fixes.
fn next_after_seconds(schedule: &Schedule) -> i64 {
    sooner(i64::from(schedule.every_seconds.max(1)), Sha256::digest(schedule.name.as_bytes())[0])
}

/// Up to a tenth less than an interval, by a share: what has the same interval and began together spreads.
pub fn sooner(seconds: i64, share: u8) -> i64 {
    seconds - seconds * i64::from(share) / 2560
}

fn from_row(row: &Row) -> Result<Schedule, StoreError> {
    Ok(Schedule {
        name: row.text("name")?,
        kind: row.text("kind")?,
        payload: row.json("payload")?,
        every_seconds: row.number("every_seconds")?,
        next_at: row.instant("next_at")?,
    })
}
