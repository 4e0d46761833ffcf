//! Jobs whose holders died: others do them, and what nobody survives is buried.

use domain::ids::AssetId;
use jiff::Timestamp;

use super::{JobState, tell_if_dead};
use crate::asset;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::sql::query;

/// A job whose holder died is tried again, however few attempts it has: so often.
const HOLDERS_LOST_MAX: i64 = 3;

/// The kind of jobs that look inside an asset.
const INSPECTION: &str = "inspect";

/// What is said of a job whose holder died.
const LOST: &str = "its holder stopped answering";

/// Takes jobs back whose leases have ended. One that took its holder down as often as it may be tried is never claimed
/// again, and one that a person cancelled has ended. A lease that is longer than any is shortened: its holder, if there is
/// one, says soon that it is alive. Returns the assets whose inspections are never claimed again.
pub(super) async fn take_back(
    tx: &mut Tx,
    lease_end_max: Timestamp,
    now: Timestamp,
) -> Result<Vec<AssetId>, StoreError> {
    let taken = query(
        "take abandoned jobs back",
        "update job set
             lease_until = case when lease_until > $2 then $2 end,
             last_error = case when lease_until <= $2 and attempts >= attempts_max and attempts >= $3 then $4 else last_error end,
             progress_text = case when lease_until > $2 then progress_text else $4 end,
             state = case when lease_until > $2 then state
                          when cancel_asked_at is not null then 'cancelled'
                          when attempts >= attempts_max and attempts >= $3 then 'dead' else 'ready' end,
             ended_at = case when lease_until > $2 then ended_at
                             when cancel_asked_at is not null then $1
                             when attempts >= attempts_max and attempts >= $3 then $1 end
         where id in (
             select id from job where state = 'leased' and (lease_until <= $1 or lease_until > $2)
             order by id {skip locked}
         ) returning id, kind, key, state, last_error",
    )
    .bind(now)
    .bind(lease_end_max)
    .bind(HOLDERS_LOST_MAX)
    .bind(LOST)
    .all(&mut *tx)
    .await?;
    let mut buried = Vec::new();
    for job in &taken {
        tell_if_dead(tx, job, now)?;
        let is_dead = job.text("state")? == JobState::Dead.as_str();
        if is_dead && job.text("kind")? == INSPECTION {
            buried.extend(job.text("key")?.parse::<AssetId>().ok());
        }
    }
    Ok(buried)
}

/// Whoever looks at an asset must not take it for inspected. In a transaction of its own, since others lock an asset first and
/// then the job.
pub(super) async fn note_buried(db: &Db, asset: AssetId, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    if asset::get(&mut tx, asset).await?.is_some() {
        let reason = "whoever inspected it stopped answering, again and again";
        asset::record_error(&mut tx, asset, reason, now).await?;
    }
    tx.commit().await
}
