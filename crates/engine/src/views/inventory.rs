//! What an asset had on a day, and what changed since another one.

use domain::ids::AssetId;
use domain::inventory::{ComponentChange, Platform, changes};
use jiff::Timestamp;
use store::inspection::{Stored, Summary};

use crate::{Engine, Invalid};

/// The inventory of an asset as of an instant.
#[derive(Debug, Clone)]
pub struct PastInventory {
    /// The inspection that read it.
    pub summary: Summary,
    pub platform: Platform,
    /// What could not be read.
    pub gap_count: u64,
    /// The inspection that it is compared with.
    pub since: Option<Summary>,
    /// Everything that was installed, or where it is compared only what changed. `None`: it could not be read.
    pub rows: Option<Vec<ComponentChange>>,
}

impl Engine {
    /// What was known of an asset at an instant: what its newest inspection by then read. `None`: there is none that is kept.
    /// With `since`, only what is different from what was known then.
    pub async fn inventory_at(
        &self,
        asset: AssetId,
        at: Timestamp,
        since: Option<Timestamp>,
    ) -> anyhow::Result<Option<PastInventory>> {
        if since.is_some_and(|since| since > at) {
            return Err(Invalid("since: it must not be later than the instant that is asked about".to_owned()).into());
        }
        let Some(Stored { summary, inventory, .. }) = store::inspection::at(&self.db, asset, at).await? else {
            return Ok(None);
        };
        let earlier = match since {
            Some(since) => {
                let found = store::inspection::at(&self.db, asset, since).await?;
                Some(found.ok_or_else(|| Invalid(format!("since: no inspection by {since} is kept")))?)
            }
            None => None,
        };
        let rows = match &earlier {
            Some(earlier) => {
                let both = earlier.inventory.components.as_ref().zip(inventory.components.as_ref());
                both.map(|(before, after)| changes(before, after))
            }
            None => inventory.components.map(|components| {
                components.into_iter().map(|after| ComponentChange { before: None, after: Some(after) }).collect()
            }),
        };
        let gap_count = inventory.gaps.len() as u64;
        let since = earlier.map(|earlier| earlier.summary);
        Ok(Some(PastInventory { summary, platform: inventory.platform, gap_count, since, rows }))
    }
}
