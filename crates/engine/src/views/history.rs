//! The history of one finding, each change explained: what is kept says what brought the evidence, and the inventories around it
//! say whether the inventory or the advisory was new.

use std::collections::BTreeSet;

use domain::cause::{Before, Cause, Why};
use domain::component::{Package, Release};
use domain::finding::{Change, Fact, Strength};
use domain::ids::{AssetId, InspectionId};
use domain::inventory::Inventory;
use store::finding::Event;

use super::Row;
use crate::Engine;

/// One event of a finding's history with what had changed.
#[derive(Debug, Clone)]
pub struct Explained {
    pub event: Event,
    pub why: Why,
    /// Feed and identifier of the advisory, where one is new, changed or withdrawn: the one that the finding was matched with last;
    /// of a decision, the operator's statement.
    pub advisory: Option<(String, String)>,
}

/// Of so many events, the latest ones, the inventories are compared.
const COMPARED_MAX: usize = 20;

impl Engine {
    /// The history of a finding, oldest first.
    pub async fn history(&self, row: &Row) -> anyhow::Result<Vec<Explained>> {
        let events = store::finding::events(&self.db, row.finding.key.id()).await?;
        let recent = events.len().saturating_sub(COMPARED_MAX);
        let mut explained = Vec::with_capacity(events.len());
        let mut decided = None;
        for (index, event) in events.into_iter().enumerate() {
            let before = match &event.cause {
                Cause::Inspection(id) if index >= recent || index == 0 => self.before(row, *id).await?,
                _ => Before::Unknown,
            };
            let why = Why::of(&event.cause, &event.evidence.fact, before);
            if let Fact::NotAffected { source, statement } = &event.evidence.fact {
                decided = Some((source.clone(), statement.clone()));
            }
            let matched = &row.judged.matched;
            let by_advisory = why.is_of_advisory() && row.finding.strength > Strength::Reported;
            let advisory = match why.is_of_decision() {
                true => decided.clone(),
                false => (by_advisory && event.change != Change::None && !matched.advisory.is_empty())
                    .then(|| (matched.source.clone(), matched.advisory.clone())),
            };
            explained.push(Explained { event, why, advisory });
        }
        Ok(explained)
    }

    /// What the reading before an inspection had of the finding's package.
    async fn before(&self, row: &Row, id: InspectionId) -> anyhow::Result<Before> {
        let asset: AssetId = row.asset.id;
        let Some(this) = store::inspection::get(&self.db, asset, id).await? else { return Ok(Before::Unknown) };
        let Some(before) = store::inspection::before(&self.db, &this.summary).await? else { return Ok(Before::First) };
        let package = &row.finding.key.package;
        let told = of_package(&this.inventory, package).zip(of_package(&before.inventory, package));
        Ok(match told {
            None => Before::Unknown,
            Some((now, then)) if now == then => Before::Same,
            Some(_) => Before::Other,
        })
    }
}

/// Release, versions, and the binaries of which older code still runs.
type Held<'a> = (Option<&'a Release>, BTreeSet<(&'a str, &'a str, bool)>);

/// What an inventory has of a package. `None`: it could not be read.
fn of_package<'a>(inventory: &'a Inventory, package: &Package) -> Option<Held<'a>> {
    let stale = inventory.stale_packages.as_deref().unwrap_or_default();
    let mut held = BTreeSet::new();
    for component in inventory.components.as_ref()? {
        let of_it = component.ecosystem == package.ecosystem && component.source == package.name;
        if of_it && component.place() == package.place {
            held.insert((&*component.name, &*component.source_version, stale.contains(&component.name)));
        }
    }
    let release = inventory.platform.release.as_ref().filter(|_| package.ecosystem.is_distribution());
    Some((release, held))
}

#[cfg(test)]
mod tests;
