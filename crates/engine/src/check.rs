//! Check: the findings of an asset are what its last inspection gives when it is judged anew, what their evidence says, and
//! what the lists show.
//!
//! All of that follows from how findings are kept; this is who looks whether it is so, some assets each day. The verb takes no
//! input, is idempotent, and may run twice.

use std::collections::{BTreeMap, BTreeSet};

use domain::clock::When;
use domain::finding::FindingKey;
use domain::ids::AssetId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::finding::StoredFinding;
use store::inspection::Stored;
use store::queue::Progress;
use store::{Tx, meta};

use crate::inspect::moves;
use crate::work::Report;
use crate::{Engine, Loaded};

/// What a round has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Assets that were looked at.
    pub assets: u64,
    /// Assets of which something is not as it must be.
    pub differing: Vec<Differing>,
}

/// An asset whose findings are not what they must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differing {
    pub asset: AssetId,
    pub name: String,
    pub checked_at: Timestamp,
    /// What differs, a sentence each: the first [`SAID_MAX`].
    pub what: Vec<String>,
}

/// Assets that one round looks at, beside those that differed before.
const ASSETS_MAX: usize = 500;
const SAID_MAX: usize = 10;

/// The setting that says which asset the last round ended with.
const CHECKED_TO: &str = "checked_to";
/// The setting that has what differs.
const DIFFERING: &str = "differing";

impl Engine {
    /// Looks at the next assets in turn, and again at those that differed.
    pub async fn check_next(&self, report: &Report) -> anyhow::Result<Checked> {
        let known = self.differing().await?;
        let from = meta::get(&self.db, CHECKED_TO).await?.and_then(|id| id.parse::<AssetId>().ok());
        let mut page = store::asset::present(&self.db, from, ASSETS_MAX).await?;
        if page.len() < ASSETS_MAX && from.is_some() {
            page.extend(store::asset::present(&self.db, None, ASSETS_MAX - page.len()).await?);
        }
        let last = page.last().map(|asset| asset.id.to_string()).unwrap_or_default();
        let ids: BTreeSet<AssetId> =
            page.iter().map(|asset| asset.id).chain(known.iter().map(|known| known.asset)).collect();
        let checked = self.check(&Vec::from_iter(ids), report).await?;
        let mut tx = self.db.begin().await?;
        meta::set(&mut tx, CHECKED_TO, &last).await?;
        tx.commit().await?;
        Ok(checked)
    }

    /// Looks at these assets, and keeps what differs of them until they are found to be as they must be. Those that would be
    /// judged otherwise are judged again.
    pub async fn check(&self, assets: &[AssetId], report: &Report) -> anyhow::Result<Checked> {
        let mut checked = Checked::default();
        for id in assets {
            checked.assets += 1;
            checked.differing.extend(self.check_asset(*id).await?);
            let text = "comparing findings with what computing them anew gives".to_owned();
            report.set(Progress { done: checked.assets, total: Some(assets.len() as u64), text });
        }
        let mut tx = self.db.begin().await?;
        let mut all: BTreeMap<AssetId, Differing> =
            self.differing().await?.into_iter().map(|known| (known.asset, known)).collect();
        all.retain(|id, _| !assets.contains(id));
        all.extend(checked.differing.iter().map(|differing| (differing.asset, differing.clone())));
        let text = serde_json::to_string(&Vec::from_iter(all.into_values()))?;
        meta::set(&mut tx, DIFFERING, &text).await?;
        if !checked.differing.is_empty() {
            self.ask_rematch(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(checked)
    }

    /// The assets that were not as they must be when they were last looked at.
    pub async fn differing(&self) -> anyhow::Result<Vec<Differing>> {
        let kept = meta::get(&self.db, DIFFERING).await?.unwrap_or_default();
        Ok(if kept.is_empty() { Vec::new() } else { serde_json::from_str(&kept)? })
    }

    /// `None`: all is as it must be, or the asset is gone.
    async fn check_asset(&self, id: AssetId) -> anyhow::Result<Option<Differing>> {
        let mut tx = self.db.begin().await?;
        let Some(asset) = store::asset::get(&mut tx, id).await?.filter(|asset| asset.retired_at.is_none()) else {
            return Ok(None);
        };
        store::asset::lock(&mut tx, id).await?;
        let what = match self.differences(&mut tx, id).await {
            Err(error) if crate::is_of_an_asset(&error) => {
                vec![format!("what is kept of it cannot be read: {}", crate::with_causes(&error))]
            }
            what => what?,
        };
        if what.is_empty() {
            return Ok(None);
        }
        tracing::error!(asset = asset.name, "findings are not what they must be: {}", what.join("; "));
        tx.commit().await?;
        let what = what.into_iter().take(SAID_MAX).collect();
        Ok(Some(Differing { asset: id, name: asset.name, checked_at: self.now(), what }))
    }

    async fn differences(&self, tx: &mut Tx, id: AssetId) -> anyhow::Result<Vec<String>> {
        let unlike = store::finding::replay_check(&mut *tx, id).await?;
        let say = |key: &FindingKey| format!("{} is not what its evidence says", named(key));
        let mut what: Vec<String> = unlike.iter().map(|unlike| say(&unlike.stored.key)).collect();
        let kept = store::finding::of_asset(&mut *tx, id).await?;
        let active = kept.iter().filter(|stored| stored.finding.detection.is_active()).count() as u64;
        if let Some(listed) = self.listed_count(id).await?.filter(|listed| *listed != active) {
            what.push(format!("lists show {listed} findings of it, and it has {active}"));
        }
        let (Some(latest), Some(loaded)) = (store::inspection::latest(&mut *tx, id).await?, self.loaded()?) else {
            return Ok(what);
        };
        // What was judged by other knowledge is judged again anyway.
        if latest.summary.knowledge == loaded.knowledge.hash() {
            let differences = computed_otherwise(&loaded, &latest, &kept, self.now());
            if !differences.is_empty() {
                store::inspection::set_knowledge(tx, &[(id, latest.summary.id)], "").await?;
            }
            what.extend(differences);
        }
        Ok(what)
    }
}

/// Findings that judging the inspection now would open or end.
fn computed_otherwise(loaded: &Loaded, latest: &Stored, kept: &[StoredFinding], now: Timestamp) -> Vec<String> {
    let active = |stored: &&StoredFinding| stored.finding.detection.is_active();
    let active: BTreeSet<&FindingKey> = kept.iter().filter(active).map(|stored| &stored.finding.key).collect();
    let (asset, inventory) = (latest.summary.asset, &latest.inventory);
    let matches = loaded.find(inventory);
    let moved = moves(asset, kept, inventory, (&matches, Some(&loaded.knowledge)), When::present(now, now), false);
    let differs = |moved: &crate::detect::Moved| {
        let key = &moved.finding.key;
        let said = match (active.contains(key), moved.finding.detection.is_active()) {
            (false, true) => "is there, and not open",
            (true, false) => "is open, and not there",
            (true, true) | (false, false) => return None,
        };
        Some(format!("{} {said}", named(key)))
    };
    moved.iter().filter_map(differs).collect()
}

fn named(key: &FindingKey) -> String {
    format!("{} in {}", key.vulnerability, key.package.name)
}

impl std::fmt::Display for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} assets compared, {} differ", self.assets, self.differing.len())
    }
}

#[cfg(test)]
mod tests;
