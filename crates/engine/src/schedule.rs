//! What happens unattended: who is due for an inspection, whose claim ran out of time, who has not been seen.
//!
//! Every verb here takes no input, is idempotent, and may run twice.

use std::collections::HashMap;

use domain::asset::Asset;
use domain::cause::Cause;
use domain::clock::{When, is_plausible};
use domain::finding::{Change, Detection, Evidence, Fact, Finding, PendingCause, Strength};
use domain::ids::AssetId;
use domain::scope::Scope;
use jiff::{SignedDuration, Timestamp};
use store::finding::{Recording, Save, StoredFinding};

use crate::Engine;
use crate::assign::cadence_seconds;

/// A claimed fix must be verified within this time.
const VERIFICATION: SignedDuration = SignedDuration::from_hours(24);

/// An asset counts as unseen at the earliest after this time.
const UNSEEN_MIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A failed inspection is tried again after this time, or after the cadence where that is shorter.
const RETRY: SignedDuration = SignedDuration::from_hours(1);

/// Assets of which is asked at once whether anything may go stale.
const UNSEEN_PAGE: usize = 500;

impl Engine {
    /// The assets whose inspection is due, those that wait longest first.
    pub async fn due(&self) -> anyhow::Result<Vec<Asset>> {
        let now = self.now();
        let (world, tries) = (self.world().await?, self.tries().await?);
        let mut due: Vec<(Timestamp, Asset)> = Vec::new();
        for asset in world.assets.values().filter(|asset| asset.way.is_some() && asset.retired_at.is_none()) {
            let inspected_at = asset.last_inspected_at.filter(|at| is_plausible(*at, now));
            let since = tries.get(&asset.id).copied().max(inspected_at);
            if let Some(at) = due_at(asset, &world.scopes, since, now).filter(|at| *at <= now) {
                due.push((at, Asset::clone(asset)));
            }
        }
        due.sort_by_key(|(at, asset)| (*at, asset.id));
        Ok(due.into_iter().map(|(_, asset)| asset).collect())
    }

    /// Opens findings again of which nobody verified in time that they are fixed. Returns how many.
    pub async fn expire_claims(&self) -> anyhow::Result<u32> {
        let now = self.now();
        let mut moved = 0;
        for asset in store::finding::claimed(&self.db, now - VERIFICATION).await? {
            moved += self.move_by_clock(asset, false, now).await?;
        }
        Ok(moved)
    }

    /// Findings of assets that nobody has seen for too long are stale. Returns how many became so.
    pub async fn note_unseen(&self) -> anyhow::Result<u32> {
        let now = self.now();
        let world = self.world().await?;
        let is_unseen = |asset: &&Asset| {
            let window =
                UNSEEN_MIN.max(SignedDuration::from_secs(3 * i64::from(cadence_seconds(asset, &world.scopes))));
            let seen = asset.last_inspected_at.unwrap_or(asset.first_seen_at);
            now.duration_since(seen) > window
        };
        let here = world.assets.values().map(|asset| &**asset).filter(|asset| asset.retired_at.is_none());
        let unseen: Vec<AssetId> = here.filter(is_unseen).map(|asset| asset.id).collect();
        let mut moved = 0;
        for page in unseen.chunks(UNSEEN_PAGE) {
            for asset in store::finding::with_confirmed(&self.db, page).await? {
                moved += self.move_by_clock(asset, true, now).await?;
            }
        }
        Ok(moved)
    }

    /// Moves what the clock moves of one asset. One that cannot be read is said, and stops no other.
    async fn move_by_clock(&self, asset: AssetId, unseen: bool, now: Timestamp) -> anyhow::Result<u32> {
        match self.move_findings(asset, unseen, now).await {
            Err(error) if crate::is_of_an_asset(&error) => {
                tracing::warn!(asset.id = %asset, "its findings cannot be moved: {}", crate::with_causes(&error));
                Ok(0)
            }
            done => done,
        }
    }

    async fn move_findings(&self, asset: AssetId, unseen: bool, now: Timestamp) -> anyhow::Result<u32> {
        let mut tx = self.db.begin().await?;
        store::asset::lock(&mut tx, asset).await?;
        let when = When::present(now, now);
        let mut moved = Vec::new();
        for StoredFinding { mut finding, .. } in store::finding::of_asset(&mut tx, asset).await? {
            let Some(fact) = fact(&finding, unseen, now) else { continue };
            let evidence = Evidence { observed_at: when.after(finding.shown_at()), fact };
            let change = finding.apply(&evidence);
            if change != Change::None {
                moved.push((finding, [(evidence, change)]));
            }
        }
        let save = |(finding, evidence)| Save { finding, matched: None, evidence, is_new: false };
        let saves: Vec<Save<'_>> = moved.iter().map(|(finding, evidence)| save((finding, &evidence[..]))).collect();
        store::finding::save_all(&mut tx, &saves, Recording { at: now, cause: &Cause::Clock, record: None }).await?;
        tx.commit().await?;
        Ok(u32::try_from(saves.len()).unwrap_or(u32::MAX))
    }

    /// When an inspection of each asset was last begun, whatever came of it. What lies ahead was noted before the clock was set
    /// back, and nobody waits for it to come round again.
    async fn tries(&self) -> anyhow::Result<HashMap<AssetId, Timestamp>> {
        let now = self.now();
        let noted = store::meta::with_prefix(&self.db, TRIED).await?;
        let one = |(id, at): (String, String)| Some((id.parse().ok()?, at.parse().ok()?));
        Ok(noted.into_iter().filter_map(one).filter(|(_, at)| is_plausible(*at, now)).collect())
    }

    /// Notes that an inspection is begun, so that a host which does not answer is not tried at every turn.
    pub async fn note_try(&self, asset: AssetId) -> anyhow::Result<()> {
        let mut tx = self.db.begin().await?;
        store::meta::set(&mut tx, &tried_key(asset), &self.now().to_string()).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Settings that note tries begin with this, and the asset follows.
const TRIED: &str = "inspection-tried-";

pub(crate) fn tried_key(asset: AssetId) -> String {
    format!("{TRIED}{asset}")
}

/// What the clock alone says about a finding.
fn fact(finding: &Finding, unseen: bool, now: Timestamp) -> Option<Fact> {
    // Inspections say nothing of what another tool alone reports.
    let unseen = unseen && finding.strength > Strength::Reported;
    match &finding.detection {
        Detection::Open | Detection::Pending { .. } if unseen => Some(Fact::Unseen),
        Detection::Pending { since, cause: PendingCause::FixClaimed } if now.duration_since(*since) > VERIFICATION => {
            Some(Fact::VerificationTimedOut)
        }
        _ => None,
    }
}

fn due_at(asset: &Asset, scopes: &[Scope], tried_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let cadence = SignedDuration::from_secs(i64::from(cadence_seconds(asset, scopes)));
    let Some(tried_at) = tried_at else { return Some(asset.first_seen_at.min(now)) };
    let wait = if asset.last_error.is_some() { cadence.min(RETRY) } else { cadence };
    tried_at.checked_add(spread(asset.id, wait)).ok()
}

/// Up to a tenth earlier, by a share that the asset fixes: those that became known together are not due together for ever.
fn spread(asset: AssetId, wait: SignedDuration) -> SignedDuration {
    SignedDuration::from_secs(store::schedule::sooner(wait.as_secs(), asset.tail().to_le_bytes()[0]))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_became_known_together_is_due_apart_and_never_late() {
        let day = SignedDuration::from_hours(24);
        let waits: Vec<SignedDuration> =
            (0..1000_u128).map(|number| spread(AssetId::from_uuid(Uuid::from_u128(number)), day)).collect();
        assert!(waits.iter().all(|wait| *wait <= day && *wait > day * 9 / 10));
        let early = waits.iter().filter(|wait| **wait < day * 95 / 100).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the earlier half");
    }
}
