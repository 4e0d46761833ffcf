//! What an asset had on a day, as it is sent.

use domain::component::{Component, Release};
use domain::inventory::ComponentChange;
use engine::views::PastInventory;
use wire_types::inventory::{AssetInventory, Installed};

/// One page of an inventory, from a row on.
pub fn inventory(view: &PastInventory, from: usize, limit: usize, next_cursor: Option<String>) -> AssetInventory {
    let release = view.platform.release.as_ref();
    let is_compared = view.since.is_some();
    let rows = view.rows.iter().flatten().skip(from).take(limit);
    AssetInventory {
        asset: view.summary.asset.to_string(),
        inspection: view.summary.id.to_string(),
        observed_at: view.summary.observed_at.to_string(),
        platform: view.platform.name.clone(),
        complete: view.summary.complete,
        gap_count: view.gap_count,
        since_observed_at: view.since.as_ref().map(|since| since.observed_at.to_string()),
        total: view.rows.as_ref().map(|rows| rows.len() as u64),
        components: rows.filter_map(|row| installed(row, is_compared, release)).collect(),
        next_cursor,
    }
}

fn installed(row: &ComponentChange, is_compared: bool, release: Option<&Release>) -> Option<Installed> {
    let ComponentChange { before, after } = row;
    let component: &Component = after.as_deref().or(before.as_deref())?;
    let change = match (before, after) {
        (None, _) => "added",
        (Some(_), None) => "removed",
        (Some(_), Some(_)) => "changed",
    };
    Some(Installed {
        ecosystem: component.ecosystem.to_string(),
        name: component.name.clone(),
        version: after.as_ref().map(|after| after.version.clone()),
        arch: component.arch.clone(),
        source: component.source.clone(),
        source_version: component.source_version.clone(),
        path: component.path.clone(),
        purl: component.purl(release).to_string(),
        change: is_compared.then(|| change.to_owned()),
        version_before: before.as_ref().map(|before| before.version.clone()),
    })
}
