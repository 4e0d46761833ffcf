//! What happens unattended: who is due for an inspection, whose claim ran out of time, who has not been seen.
//!
//! Every verb here takes no input, is idempotent, and may run twice.

use domain::asset::Asset;
use domain::cause::Cause;
use domain::finding::{Change, Detection, Evidence, Fact, Finding, PendingCause, Strength};
use domain::ids::AssetId;
use domain::scope::Scope;
use jiff::{SignedDuration, Timestamp};
use store::finding::{Recording, Save};

use crate::Engine;
use crate::assign::cadence_seconds;

/// A claimed fix must be verified within this time.
const VERIFICATION: SignedDuration = SignedDuration::from_hours(24);

/// An asset counts as unseen at the earliest after this time.
const UNSEEN_MIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A failed inspection is tried again after this time, or after the cadence where that is shorter.
const RETRY: SignedDuration = SignedDuration::from_hours(1);

/// Clocks of nodes may differ by this.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(1);

impl Engine {
    /// The assets whose inspection is due, those that wait longest first.
    pub async fn due(&self) -> anyhow::Result<Vec<Asset>> {
        let now = self.now();
        let world = self.world().await?;
        let mut due: Vec<(Timestamp, Asset)> = Vec::new();
        for asset in world.assets.values().filter(|asset| asset.way.is_some() && asset.retired_at.is_none()) {
            let since = self.tried_at(asset).await?;
            if let Some(at) = due_at(asset, &world.scopes, since, now).filter(|at| *at <= now) {
                due.push((at, Asset::clone(asset)));
            }
        }
        due.sort_by_key(|(at, asset)| (*at, asset.id));
        Ok(due.into_iter().map(|(_, asset)| asset).collect())
    }

    /// Moves findings by the clock: claims that nobody verified are open again, assets that nobody sees make them stale.
    /// Returns how many findings moved.
    pub async fn tick(&self) -> anyhow::Result<u32> {
        let now = self.now();
        let world = self.world().await?;
        let mut moved = 0;
        for asset in world.assets.values().filter(|asset| asset.retired_at.is_none()) {
            let window =
                UNSEEN_MIN.max(SignedDuration::from_secs(3 * i64::from(cadence_seconds(asset, &world.scopes))));
            let seen = asset.last_inspected_at.unwrap_or(asset.first_seen_at);
            let unseen = now.duration_since(seen) > window;
            moved += self.tick_asset(asset.id, unseen, now).await?;
        }
        Ok(moved)
    }

    async fn tick_asset(&self, asset: AssetId, unseen: bool, now: Timestamp) -> anyhow::Result<u32> {
        let stored = store::finding::of_asset(&self.db, asset).await?;
        if !stored.iter().any(|stored| fact(&stored.finding, unseen, now).is_some()) {
            return Ok(0);
        }
        let mut tx = self.db.begin().await?;
        store::asset::lock(&mut tx, asset).await?;
        let mut moved = 0;
        for mut stored in store::finding::of_asset(&mut tx, asset).await? {
            let Some(fact) = fact(&stored.finding, unseen, now) else { continue };
            let evidence = Evidence { observed_at: now, fact };
            let change = stored.finding.apply(&evidence);
            moved += u32::from(change != Change::None);
            let save = Save { finding: &stored.finding, matched: None, evidence: &[(evidence, change)], is_new: false };
            store::finding::save(&mut tx, save, Recording { at: now, cause: &Cause::Clock, record: None }).await?;
        }
        tx.commit().await?;
        Ok(moved)
    }

    /// When an inspection of the asset was last begun, whatever came of it. What lies ahead was noted before the clock was set
    /// back, and nobody waits for it to come round again.
    async fn tried_at(&self, asset: &Asset) -> anyhow::Result<Option<Timestamp>> {
        let key = tried_key(asset.id);
        let later = self.now() + CLOCKS_APART;
        let tried = store::meta::get(&self.db, &key).await?.and_then(|text| text.parse().ok());
        let inspected = asset.last_inspected_at;
        Ok(tried.filter(|at: &Timestamp| *at <= later).max(inspected.filter(|at| *at <= later)))
    }

    /// Notes that an inspection is begun, so that a host which does not answer is not tried at every turn.
    pub async fn note_try(&self, asset: AssetId) -> anyhow::Result<()> {
        let mut tx = self.db.begin().await?;
        store::meta::set(&mut tx, &tried_key(asset), &self.now().to_string()).await?;
        tx.commit().await?;
        Ok(())
    }
}

pub(crate) fn tried_key(asset: AssetId) -> String {
    format!("inspection-tried-{asset}")
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
    tried_at.checked_add(wait).ok()
}
