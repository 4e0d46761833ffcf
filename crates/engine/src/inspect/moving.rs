//! What an evaluation does to the findings of one asset, and how that is kept.

use std::collections::{BTreeMap, BTreeSet};

use domain::clock::When;
use domain::component::Component;
use domain::finding::{Change, Evidence, Fact, Finding, FindingKey};
use domain::identity::attributes;
use domain::ids::{AssetId, InspectionId};
use domain::inventory::Inventory;
use domain::vulnerability::VulnerabilityId;
use jiff::{SignedDuration, Timestamp};
use knowledge::{Knowledge, Matches};
use store::Tx;
use store::finding::{Recording, Save, StoredFinding};

use super::{Clocks, Judgement, Outcome};
use crate::detect::{Moved, Reading, Standing, detect};

/// Moves the findings of one asset by what an evaluation proves, inside a transaction that holds the asset.
pub(super) async fn take_in(
    tx: &mut Tx,
    asset: AssetId,
    inventory: &Inventory,
    judged: &Judgement<'_>,
    (when, clocks): (When, &Clocks),
    (read, recording): (Read, Recording<'_>),
) -> anyhow::Result<Outcome> {
    let stored = store::finding::of_asset(&mut *tx, asset).await?;
    let was_active = stored.iter().filter(|stored| stored.finding.detection.is_active()).map(|s| s.finding.key.clone());
    let mut active: BTreeSet<FindingKey> = was_active.collect();
    let said = (&judged.matches, judged.knowledge);
    let mut moved = moves(asset, &stored, inventory, said, when, false);
    if !when.is_past() && are_remedied(&moved) && is_new_installation(tx, asset, inventory, read).await? {
        moved = moves(asset, &stored, inventory, said, when, true);
    }
    if when.is_past() {
        // It adds to the past, and neither opens nor ends anything in the present.
        let known: BTreeSet<&FindingKey> = stored.iter().map(|stored| &stored.finding.key).collect();
        let is_of_past = |moved: &Moved| {
            !moved.evidence.is_empty() && moved.evidence.iter().all(|(_, change)| *change == Change::Noted)
        };
        moved.retain(|moved| known.contains(&moved.finding.key) && is_of_past(moved));
        moved.iter_mut().for_each(|moved| moved.matched = None);
    }
    if !clocks.is_empty() {
        let prior: BTreeMap<&FindingKey, &Finding> = stored.iter().map(|s| (&s.finding.key, &s.finding)).collect();
        moved.iter_mut().for_each(|moved| go_on(moved, prior.get(&moved.finding.key).copied(), clocks));
    }
    let mut outcome = Outcome { undecided: judged.undecided.clone(), ..Outcome::default() };
    for moved in &moved {
        count(&mut outcome, &mut active, moved);
    }
    outcome.active = u32::try_from(active.len()).unwrap_or(u32::MAX);
    store::finding::save_all(tx, &moved.iter().map(save).collect::<Vec<_>>(), recording).await?;
    Ok(outcome)
}

/// Which inspection an inventory is of, and its place among those of the asset.
pub(super) type Read = (InspectionId, Timestamp);

/// Whether anything counts as remediated: only then does it matter whether the system was installed anew.
pub(super) fn are_remedied(moved: &[Moved]) -> bool {
    moved.iter().flat_map(|moved| &moved.evidence).any(|(evidence, _)| matches!(evidence.fact, Fact::Absent { .. }))
}

/// Whether the system was installed anew since its packages were read whole before.
pub(super) async fn is_new_installation(
    tx: &mut Tx,
    asset: AssetId,
    inventory: &Inventory,
    read: Read,
) -> anyhow::Result<bool> {
    let before = store::inspection::identity_before(&mut *tx, asset, read).await?;
    Ok(before.is_some_and(|before| attributes::is_new_installation(&before, &inventory.identity)))
}

/// What an evaluation does to the findings of one asset, of those that it changes.
pub(crate) fn moves(
    asset: AssetId,
    stored: &[StoredFinding],
    inventory: &Inventory,
    (matches, knowledge): (&Matches, Option<&Knowledge>),
    when: When,
    is_new_installation: bool,
) -> Vec<Moved> {
    let known: BTreeMap<&FindingKey, &StoredFinding> = stored.iter().map(|s| (&s.finding.key, s)).collect();
    let prior: Vec<Finding> = stored.iter().map(|stored| stored.finding.clone()).collect();
    let is_rejected = |id: &VulnerabilityId| {
        knowledge.and_then(|knowledge| knowledge.vulnerability(id.as_str())).is_some_and(|known| known.rejected)
    };
    let is_gone = |finding: &Finding, installed: &[&Component]| {
        let matched = known.get(&finding.key).and_then(|stored| stored.matched.as_ref());
        let FindingKey { package, vulnerability, .. } = &finding.key;
        let binaries = installed.iter().map(|component| component.name.as_str()).collect();
        knowledge
            .zip(matched)
            .is_some_and(|(knowledge, by)| !knowledge.is_spoken_of(&by.source, package, &binaries, vulnerability))
    };
    let standing = Standing { is_rejected: &is_rejected, is_gone: &is_gone };
    let reading = Reading { inventory, is_new_installation };
    let mut moved = detect(asset, prior, reading, matches, standing, when);
    moved.retain(|moved| match known.get(&moved.finding.key) {
        Some(old) => !moved.evidence.is_empty() || old.matched.as_ref() != moved.matched.as_ref(),
        None => true,
    });
    moved
}

/// Lets what is open from now on be open since its clock says: it was found then, and another record told it.
fn go_on(moved: &mut Moved, prior: Option<&Finding>, clocks: &Clocks) {
    let key = moved.finding.key.clone();
    let Some(clock) = clocks.get(&(key.package.clone(), key.vulnerability.clone())) else { return };
    let ended_at = prior.map(|prior| prior.episode().ended_at);
    let since = match ended_at {
        // It has been open here all the time.
        Some(None) => return,
        Some(Some(ended_at)) => (*clock).max(ended_at + SignedDuration::from_millis(1)),
        None => *clock,
    };
    match moved.evidence.first_mut() {
        Some((Evidence { observed_at, fact: Fact::Detected { .. } }, _)) if since < *observed_at => {
            *observed_at = since
        }
        _ => return,
    }
    let mut finding = prior.cloned();
    for (evidence, change) in &mut moved.evidence {
        match &mut finding {
            Some(finding) => *change = finding.apply(evidence),
            None => finding = Finding::open(key.clone(), evidence),
        }
    }
    if let Some(finding) = finding {
        moved.finding = finding;
    }
}

pub(super) fn save(moved: &Moved) -> Save<'_> {
    let Moved { finding, matched, evidence, is_new } = moved;
    Save { finding, matched: matched.as_ref(), evidence, is_new: *is_new }
}

fn count(outcome: &mut Outcome, active: &mut BTreeSet<FindingKey>, moved: &Moved) {
    if !moved.evidence.iter().any(|(_, change)| *change == Change::Moved) {
        return;
    }
    let key = moved.finding.key.clone();
    if moved.finding.detection.is_active() {
        outcome.opened += u32::from(active.insert(key));
    } else {
        outcome.ended += u32::from(active.remove(&key));
    }
}
