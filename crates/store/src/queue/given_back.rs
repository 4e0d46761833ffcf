//! Jobs that come back undone through no fault of their own: the attempt does not count.

use jiff::Timestamp;

use super::{ERROR_CHARS_MAX, Lease, clip, lost, retry_after};
use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::query;

/// Gives a job back that was not done, because its holder stops: the attempt does not count.
pub async fn give_back(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    let text = "update job set state = 'ready', attempts_max = attempts_max + 1, lease_until = null
                where id = $1 and state = 'leased' and attempts = $2";
    still_held(query("give the job back", text).bind(lease.id).bind(lease.attempt).execute(tx).await?, lease)
}

/// Gives a job back that could not be done because of the database itself: the attempt does not count, and the next one comes
/// when it may be well again.
pub async fn postpone(tx: &mut Tx, lease: &Lease, error: &str, now: Timestamp) -> Result<Timestamp, StoreError> {
    let run_at = now + retry_after(lease);
    let text =
        "update job set state = case when cancel_asked_at is null then 'ready' else 'cancelled' end, run_at = $1,
                    ended_at = case when cancel_asked_at is null then ended_at else $2 end,
                    attempts_max = attempts_max + 1, last_error = $3, lease_until = null
                where id = $4 and state = 'leased' and attempts = $5";
    let postponed = query("postpone the job", text).bind(run_at).bind(now).bind(clip(error, ERROR_CHARS_MAX));
    still_held(postponed.bind(lease.id).bind(lease.attempt).execute(tx).await?, lease)?;
    Ok(run_at)
}

/// Gives a job that was not begun to others: whoever claimed it is not who does such work any more.
pub async fn move_to(tx: &mut Tx, lease: &Lease, segment: &str) -> Result<(), StoreError> {
    let text = "update job set state = 'ready', attempts_max = attempts_max + 1, lease_until = null, segment = $3
                where id = $1 and state = 'leased' and attempts = $2";
    let moved = query("give the job to others", text).bind(lease.id).bind(lease.attempt).bind(segment);
    still_held(moved.execute(tx).await?, lease)
}

/// Where nothing was changed, the job was not the holder's any more.
fn still_held(changed: u64, lease: &Lease) -> Result<(), StoreError> {
    if changed == 0 { Err(lost(lease)) } else { Ok(()) }
}
