//! Inspect: one reading of one asset, whatever the way in, kept together with what it proves.

mod access;
mod image;
mod moving;
mod ssh_url;
mod rematch;

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use collect::connectors;
use collect::connectors::folder::{Folder, FolderError};
use domain::asset::Asset;
use domain::cause::Cause;
use domain::clock::{When, is_plausible};
use domain::component::Package;
use domain::identity::{Identifier, Seen, Source, tell};
use domain::ids::AssetId;
use domain::inventory::{Area, Inventory, Platform};
use domain::verdict::Undecided;
use domain::vulnerability::VulnerabilityId;
use ecosystems::capture::{FollowUp, Probe, Reading};
use ecosystems::manifest::Found;
use ecosystems::tree::{self, Looking, Tree};
use jiff::Timestamp;
use knowledge::{Knowledge, Matches};
use serde_json::json;
use store::Tx;
use store::audit::Note;
use store::finding::Recording;
use store::inspection::{NewInspection, Rejudged, Stored, Summary};
use store::queue::Lease;

use moving::{save, take_in};

pub(crate) use access::ToldByNode;
pub use access::{Access, Keys, Login, answered_at};
pub use image::image;
pub(crate) use moving::moves;
pub use ssh_url::{InvalidSshUrl, parse_ssh};

use crate::Engine;
use crate::discover::blank;
use crate::identify::{Identified, Statement};
use crate::prioritize::undecided;

/// What one inspection, or one new knowledge file, did to one asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Findings that are new or back.
    pub opened: u32,
    /// Findings whose absence is proven now.
    pub ended: u32,
    /// Findings that are active after it.
    pub active: u32,
    pub undecided: Vec<Undecided>,
}

impl Outcome {
    /// The outcome for people.
    pub fn in_words(&self) -> String {
        format!(
            "{} new, {} ended, {} active findings, {} things unknown",
            self.opened,
            self.ended,
            self.active,
            self.undecided.len(),
        )
    }
}

/// Reads the machine that this program runs on.
pub fn local() -> Inventory {
    let capture = connectors::local::capture(&probes());
    let answers: Vec<(FollowUp, Reading)> = ecosystems::follow_ups(&capture)
        .into_iter()
        .map(|ask| {
            let answer = connectors::local::follow_up(&ask);
            (ask, answer)
        })
        .collect();
    ecosystems::inventory(&capture, &answers)
}

/// Reads a root directory. Nothing runs there, so nothing is asked of running programs.
pub fn root(dir: &Path) -> Result<Inventory, FolderError> {
    let folder = Folder::open(dir, Looking::System)?;
    let mut inventory = system(&folder, Looking::System);
    ecosystems::host::origins(&folder, &mut inventory);
    Ok(inventory)
}

/// Reads a system that does not run: its own packages, and those of languages that are in it.
fn system(tree: &(dyn Tree + Sync), looking: Looking) -> Inventory {
    let capture = tree::capture(tree, &root_probes());
    let mut inventory = ecosystems::inventory(&capture, &[]);
    let found = std::thread::scope(|scope| {
        // Who owns which file is put together while the tree is walked.
        let owners = scope.spawn(|| ecosystems::host::owners(&capture, tree));
        let owners = LazyCell::new(|| owners.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        tree::packages(tree, looking, &|path| owners.owner(path).map(str::to_owned))
    });
    add(&mut inventory, found);
    inventory
}

/// Reads a folder of sources or an application: lockfiles, manifests, and what is installed below. Where it is the root of a
/// system, the packages of that are in it too.
pub fn folder(dir: &Path) -> Result<Inventory, FolderError> {
    let folder = Folder::open(dir, Looking::Application)?;
    if ecosystems::host::is_root(&folder) {
        let mut inventory = system(&folder, Looking::Application);
        ecosystems::host::origins(&folder, &mut inventory);
        return Ok(inventory);
    }
    let mut inventory = application(dir);
    add(&mut inventory, tree::packages(&folder, Looking::Application, &|_| None));
    inventory.note_emptiness(&dir.to_string_lossy());
    Ok(inventory)
}

/// Reads one file that tells of packages. `None`: it is of no kind that Vigie knows.
pub fn file(path: &Path, bytes: &[u8]) -> Option<Inventory> {
    let found = tree::file(&path.to_string_lossy(), bytes)?;
    let mut inventory = application(path);
    add(&mut inventory, found);
    inventory.note_emptiness(&path.to_string_lossy());
    Some(inventory)
}

/// Something that has no system around it.
fn application(path: &Path) -> Inventory {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let platform = Platform { name, release: None, architecture: None };
    Inventory { components: Some(Vec::new()), ..Inventory::of(platform) }
}

fn add(inventory: &mut Inventory, found: Found) {
    if !found.components.is_empty() {
        let components = inventory.components.get_or_insert_default();
        components.extend(found.components.into_iter().map(Arc::new));
        components.sort();
        components.dedup();
    }
    inventory.gaps.extend(found.gaps);
}

/// Everything to read, as connectors take it.
fn probes() -> Vec<Probe> {
    ecosystems::probes().copied().collect()
}

fn root_probes() -> Vec<Probe> {
    ecosystems::probes().chain(ecosystems::image_probes()).copied().collect()
}

impl Engine {
    /// Inspects an asset now and keeps what it proves. A failure is noted on the asset: it is unknown, not clean.
    pub async fn inspect(&self, id: AssetId) -> anyhow::Result<Outcome> {
        self.inspect_at(id, self.now()).await
    }

    /// Inspects an asset, as observed at an instant.
    pub async fn inspect_at(&self, id: AssetId, at: Timestamp) -> anyhow::Result<Outcome> {
        let asset = store::asset::get(&self.db, id).await?.ok_or_else(|| anyhow!("there is no asset {id}"))?;
        match self.read(&asset).await {
            Ok(inventory) => self.keep(&asset, &inventory, at, None).await,
            Err(error) => {
                let reason = crate::with_causes(&error);
                let mut tx = self.db.begin().await?;
                self.note_failed(&mut tx, &asset, &error).await?;
                tx.note_request(Note::new(self.now(), INSPECTED, id).after(&json!({ "error": reason })));
                tx.commit().await?;
                Err(error.context(format!("inspect {}", asset.name)))
            }
        }
    }

    /// Inspects an asset for a job, and ends the job with what the inspection proves.
    pub(crate) async fn inspect_for(&self, asset: &Asset, lease: &Lease) -> anyhow::Result<Outcome> {
        let inventory = self.read(asset).await?;
        self.keep(asset, &inventory, lease.started_at, Some(lease)).await
    }

    /// Notes that an inspection failed, and whether anything answered.
    pub(crate) async fn note_failed(&self, tx: &mut Tx, asset: &Asset, error: &anyhow::Error) -> anyhow::Result<()> {
        let now = self.now();
        store::asset::record_error(tx, asset.id, &crate::with_causes(error), now).await?;
        match access::answered(asset, error) {
            Some(true) if asset.retired_at.is_none() => store::asset::record_contact(tx, asset.id, now).await?,
            Some(false) => store::asset::record_silence(tx, asset.id, now).await?,
            Some(true) | None => {}
        }
        Ok(())
    }

    async fn read(&self, asset: &Asset) -> anyhow::Result<Inventory> {
        let access = self.access(asset).await?;
        let inventory = access.read(&self.components).await;
        access.close().await;
        inventory
    }

    /// Keeps an inventory, and moves the findings by what it proves, in one transaction; a job that this was done for
    /// ends in it. Where the job was lost, only who answered is kept.
    pub async fn keep(
        &self,
        asset: &Asset,
        inventory: &Inventory,
        at: Timestamp,
        lease: Option<&Lease>,
    ) -> anyhow::Result<Outcome> {
        let loaded = self.loaded()?;
        let hash = loaded.as_ref().map(|loaded| loaded.knowledge.hash()).unwrap_or_default();
        let matches = loaded.as_ref().map_or_else(Matches::default, |loaded| loaded.find(inventory));
        let judged = Judgement::new(loaded.as_ref().map(|loaded| &*loaded.knowledge), matches, inventory, at);
        store::inspection::intern_ahead(&self.db, inventory, &judged.matches.matched().collect::<Vec<_>>()).await?;
        let whom = self.whom_alone(asset, inventory, at).await?;
        let mut tx = self.db.begin().await?;
        let mut locked = store::record::lock_asset(&mut tx, whom.record).await?;
        // What answers is there after all. A reading from before it was retired says nothing of that.
        let now = self.now();
        let is_behind = |of: Timestamp| at <= of && is_plausible(of, now.max(at));
        let outdated = locked.retired_at.is_some_and(is_behind);
        // There is a later reading already.
        let overtaken = locked.last_inspected_at.is_some_and(|last| at < last && is_behind(last));
        if locked.retired_at.is_some() && !outdated {
            locked = self.reinstate(&mut tx, locked).await?;
            if overtaken {
                let cause = Cause::Returned { by: tx.actor().to_owned() };
                self.judge_again(&mut tx, locked.id, &cause, &Clocks::new()).await?;
            }
        }
        let when = if outdated || overtaken { When::past(at) } else { When::present(at, now) };
        let latest_at = store::inspection::latest_at(&mut tx, locked.id).await?;
        let ahead_at = latest_at.filter(|latest_at| when.is_overtaken_by(*latest_at));
        let observed_at = ahead_at.map_or(at, |ahead_at| when.after(ahead_at));
        let inspection = store::inspection::record(
            &mut tx,
            &NewInspection {
                asset: locked.id,
                record: Some(whom.record),
                inventory,
                undecided: &judged.undecided,
                knowledge: &hash,
                way: asset.way.as_ref(),
                observed_at,
                recorded_at: now,
            },
        )
        .await?;
        let cause = Cause::Inspection(inspection);
        let recording = Recording { at, cause: &cause, record: Some(whom.record) };
        let read = (inspection, observed_at);
        let timing = (when, &Clocks::new());
        let outcome = take_in(&mut tx, locked.id, inventory, &judged, timing, (read, recording)).await?;
        if let Some(reason) = unreadable(inventory) {
            store::asset::record_error(&mut tx, locked.id, &reason, self.now()).await?;
        }
        let moved = json!({ "inspection": inspection, "opened": outcome.opened, "ended": outcome.ended });
        tx.note_request(Note::new(self.now(), INSPECTED, locked.id).after(&moved));
        if let Some(lease) = lease {
            store::queue::finish(&mut tx, lease, &outcome.in_words(), self.now()).await?;
        }
        if self.knowledge()?.is_some_and(|newest| newest.hash() != hash) {
            self.ask_rematch(&mut tx).await?;
        }
        tx.commit().await.context("keep the inspection")?;
        Ok(outcome)
    }

    /// Whom an inventory is of, in a transaction of its own: one at a time decides who is who, and findings take much longer.
    async fn whom_alone(&self, asset: &Asset, inventory: &Inventory, at: Timestamp) -> anyhow::Result<Identified> {
        let mut tx = self.db.begin().await?;
        let whom = self.whom(&mut tx, asset, inventory, at).await?;
        tx.commit().await.context("note who answered")?;
        Ok(whom)
    }

    /// Whom an inventory is of: the asset that one wanted to read, or the one that answered instead.
    async fn whom(
        &self,
        tx: &mut Tx,
        asset: &Asset,
        inventory: &Inventory,
        at: Timestamp,
    ) -> anyhow::Result<Identified> {
        let records = store::record::of_asset(&mut *tx, asset.id).await?;
        let own = match records.iter().find(|assigned| assigned.record.id.uuid() == asset.id.uuid()) {
            Some(assigned) => assigned.record.id,
            None => self.own_record(tx, asset).await?,
        };
        let Some(way) = &asset.way else {
            return Ok(Identified { asset: asset.id, record: own, new: false });
        };
        let to_way = tell::of_way(way);
        let shows = |identifier: &Identifier| {
            records.iter().flat_map(|assigned| &assigned.record.seen).any(|seen| seen.identifier == *identifier)
        };
        // An asset that was found to be another one has no records, and its way leads to that one.
        if !records.is_empty() && !to_way.iter().all(shows) {
            let seen = |identifier: &Identifier| Seen {
                identifier: identifier.clone(),
                first_seen_at: asset.first_seen_at,
                last_seen_at: at,
            };
            store::record::see(tx, own, &to_way.iter().map(seen).collect::<Vec<_>>()).await?;
        }
        let mut identifiers = to_way;
        identifiers.extend(tell::of_identity(&inventory.identity));
        let native_key = tell::inspection_key(way, &inventory.identity);
        let statement = Statement { source: Source::Inspection, native_key, identifiers, at };
        let wanted = inventory.identity.hostname.as_deref().unwrap_or(&asset.name);
        let whom = self.identify(tx, &statement, wanted, |id, name| blank(id, name, None, at)).await?;
        if whom.asset != asset.id && store::asset::merged_into(&mut *tx, asset.id).await?.is_none() {
            let other = store::asset::get(&mut *tx, whom.asset).await?.map(|other| other.name).unwrap_or_default();
            let reason = format!("its way leads to another machine by now, which is kept as {other}");
            store::asset::record_error(tx, asset.id, &reason, self.now()).await?;
        }
        Ok(whom)
    }

    /// Moves the findings of an asset by what its latest inspection proves with the knowledge in use; `cause` says what happened
    /// to the asset. What that opens has been there since its clock says, where it has one.
    pub(crate) async fn judge_again(
        &self,
        tx: &mut Tx,
        asset: AssetId,
        cause: &Cause,
        clocks: &Clocks,
    ) -> anyhow::Result<()> {
        let Some(stored) = store::inspection::latest(&mut *tx, asset).await? else { return Ok(()) };
        let Some(loaded) = self.loaded()? else { return Ok(()) };
        let matches = loaded.find(&stored.inventory);
        self.keep_verdicts(tx, Some(&loaded.knowledge), matches, &stored, (cause, clocks)).await
    }

    async fn keep_verdicts(
        &self,
        tx: &mut Tx,
        knowledge: Option<&Knowledge>,
        matches: Matches,
        stored: &Stored,
        (cause, clocks): (&Cause, &Clocks),
    ) -> anyhow::Result<()> {
        let now = self.now();
        let Summary { asset, id, record, observed_at, .. } = stored.summary;
        let judged = Judgement::new(knowledge, matches, &stored.inventory, now);
        let hash = knowledge.map(Knowledge::hash).unwrap_or_default();
        let at = judged_at(observed_at, now);
        let recording = Recording { at, cause, record };
        let timing = (When::present(at, now), clocks);
        take_in(tx, asset, &stored.inventory, &judged, timing, ((id, observed_at), recording)).await?;
        let rejudged = Rejudged { asset, id, undecided: &judged.undecided };
        Ok(store::inspection::set_undecided(tx, &[rejudged], &hash).await?)
    }
}

/// What is judged now of an inspection is no older than that, unless a clock was ahead then.
fn judged_at(observed_at: Timestamp, now: Timestamp) -> Timestamp {
    if is_plausible(observed_at, now) { now.max(observed_at) } else { now }
}
/// Since when what may be found on an asset was found where it came from.
pub(crate) type Clocks = BTreeMap<(Package, VulnerabilityId), Timestamp>;

/// How an inspection that a person asked for is noted.
const INSPECTED: &str = "asset.inspect";

/// What the knowledge says of one inventory.
struct Judgement<'k> {
    knowledge: Option<&'k Knowledge>,
    matches: Matches,
    undecided: Vec<Undecided>,
}

impl<'k> Judgement<'k> {
    fn new(knowledge: Option<&'k Knowledge>, matches: Matches, inventory: &Inventory, at: Timestamp) -> Self {
        let feeds = crate::ingest::known(knowledge);
        let undecided = undecided(&feeds, inventory, &matches, at);
        Self { knowledge, matches, undecided }
    }
}

/// Why an inventory says nothing of the software.
fn unreadable(inventory: &Inventory) -> Option<String> {
    if inventory.components.is_some() {
        return None;
    }
    let gap = inventory.gaps.iter().find(|gap| gap.area == Area::Packages);
    Some(gap.map_or_else(
        || "the package database could not be read".to_owned(),
        |gap| format!("{}: {}", gap.subject, gap.reason),
    ))
}

#[cfg(test)]
pub(crate) mod tests;
