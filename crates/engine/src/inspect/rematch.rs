//! Matching stored inventories again when the knowledge has changed, without touching an asset.
//!
//! What changed between two knowledge files is known by names. Assets that have none of these packages keep their verdicts, and
//! that alone is noted; of the others only the findings of these packages are looked at. Assets are judged in batches: a batch
//! is one transaction, and several are on their way at once where the store has several writers. It may be killed at any time:
//! what is committed is committed, and the next run does the rest.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use domain::ids::{AssetId, InspectionId};
use domain::verdict::{Match, Undecided};
use jiff::Timestamp;
use knowledge::{Knowledge, Matcher, Matches, Verdict};
use store::finding::{Numbered, Recording, StoredFinding};
use store::inspection::{Components, Outdated, Rejudged, Stored};
use store::queue::Progress;
use store::{Db, StoreError, Tx};
use tokio::task::{JoinSet, spawn_blocking};
use tracing::warn;

use super::{moves, save};
use crate::Engine;
use crate::detect::Moved;
use crate::ingest::{self, PREVIOUS_FILE};
use crate::prioritize::undecided;
use crate::work::Report;

/// Inspections that are looked through at once.
const PAGE: usize = 10_000;
/// Inspections that are noted to be the same in one transaction.
const SAME_BATCH: usize = 10_000;
/// Assets that are judged in one transaction.
const BATCH: usize = if cfg!(test) { 8 } else { 128 };
/// Batches on their way at once, for each processor: while one waits for the database, another one is matched.
const BATCHES_PER_CORE: usize = 2;

impl Engine {
    /// Matches the last inventory of every asset with the knowledge in use, where that is newer than what it was matched
    /// with and says anything new of what the asset has. No asset is touched. Returns how many were matched again.
    pub async fn rematch(&self) -> anyhow::Result<u32> {
        self.rematch_telling(&Report::default()).await
    }

    /// As [`Engine::rematch`]; knowledge that comes into use meanwhile is taken into account.
    pub(crate) async fn rematch_telling(&self, report: &Report) -> anyhow::Result<u32> {
        let mut count = 0;
        while let Some(knowledge) = self.knowledge()? {
            count += self.rematch_with(&knowledge, report).await?;
            if self.knowledge()?.is_none_or(|newest| newest.hash() == knowledge.hash()) {
                break;
            }
        }
        Ok(count)
    }

    async fn rematch_with(&self, knowledge: &Arc<Knowledge>, report: &Report) -> anyhow::Result<u32> {
        let hash = knowledge.hash();
        let outdated = self.outdated(&hash).await?;
        let text = format!("matching with knowledge {hash}");
        report.set(Progress { done: 0, total: Some(outdated.len() as u64), text });
        if outdated.is_empty() {
            return Ok(0);
        }
        let plan = self.what_to_judge(knowledge, outdated).await?;
        for same in plan.same.chunks(SAME_BATCH) {
            let mut tx = self.db.begin().await?;
            store::inspection::set_knowledge(&mut tx, same, &hash).await?;
            tx.commit().await.context("note that verdicts are the same")?;
            report.advance_by(same.len());
        }
        let judge = Judge { db: self.db.clone(), knowledge: Arc::clone(knowledge), about: None, now: self.now() };
        let about = Judge { about: plan.about, ..judge.clone() };
        Ok(about.all(&plan.concerned, report).await? + judge.all(&plan.anew, report).await?)
    }

    async fn outdated(&self, hash: &str) -> anyhow::Result<Vec<Outdated>> {
        let mut outdated: Vec<Outdated> = Vec::new();
        loop {
            let after = outdated.last().map(|last| last.asset);
            let page = store::inspection::matched_otherwise(&self.db, hash, after, PAGE).await?;
            let is_last = page.len() < PAGE;
            outdated.extend(page);
            if is_last {
                return Ok(outdated);
            }
        }
    }

    /// What has to be done about each asset. Whatever was inspected after the inspections were listed is looked up as it is
    /// now, and what is noted is noted of the inspections listed: one that came meanwhile is judged by the next run.
    async fn what_to_judge(&self, knowledge: &Knowledge, outdated: Vec<Outdated>) -> anyhow::Result<Plan> {
        let mut plan = Plan::default();
        let Some((about, components)) = self.about(knowledge).await? else {
            plan.anew = outdated.into_iter().map(|outdated| outdated.asset).collect();
            return Ok(plan);
        };
        let concerned: BTreeSet<AssetId> = if outdated.iter().any(|outdated| outdated.knowledge == about.since) {
            self.who_has_what().await?.with_any(components).collect()
        } else {
            BTreeSet::new()
        };
        for Outdated { asset, id, knowledge } in outdated {
            if knowledge != about.since {
                plan.anew.push(asset);
            } else if concerned.contains(&asset) {
                plan.concerned.push(asset);
            } else {
                plan.same.push((asset, id));
            }
        }
        plan.about = Some(Arc::new(about));
        Ok(plan)
    }

    /// What the knowledge says anything new of since the file before it, with the components concerned. `None`: of all
    /// packages, or nobody knows.
    async fn about(&self, knowledge: &Knowledge) -> anyhow::Result<Option<(About, BTreeSet<i64>)>> {
        let Ok(previous) = Knowledge::open(&self.data_dir.join(PREVIOUS_FILE)) else { return Ok(None) };
        let Ok(changed) = knowledge.changed_since(&previous) else { return Ok(None) };
        if changed.everything {
            return Ok(None);
        }
        let names: Vec<&str> = changed.names.iter().map(String::as_str).collect();
        let components = store::inspection::components_named(&self.db, &names).await?;
        let mut packages = store::inspection::sources_named(&self.db, &names).await?;
        packages.extend(changed.names);
        Ok(Some((About { since: previous.hash(), packages }, components)))
    }
}

/// What has to be done about the assets that were matched with other knowledge.
#[derive(Default)]
struct Plan {
    /// Nothing changed of what they have.
    same: Vec<(AssetId, InspectionId)>,
    /// Something changed of some packages.
    concerned: Vec<AssetId>,
    about: Option<Arc<About>>,
    /// Nobody knows what changed.
    anew: Vec<AssetId>,
}

/// What changed from one knowledge file to the next.
struct About {
    /// Hash of the older file.
    since: String,
    /// Names of source packages.
    packages: BTreeSet<String>,
}

/// Judges assets again; copies do so side by side.
#[derive(Clone)]
struct Judge {
    db: Db,
    knowledge: Arc<Knowledge>,
    /// `None`: everything is judged.
    about: Option<Arc<About>>,
    now: Timestamp,
}

/// What one batch after another remembers: machines of one estate have mostly the same.
#[derive(Clone)]
struct Memory {
    matcher: Arc<Mutex<Matcher>>,
    known: Arc<tokio::sync::Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    components: Components,
    numbers: Numbers,
}

/// Numbers of the matches in verdicts, by the verdict's address: it is held, so that no other one gets that.
#[derive(Default)]
struct Numbers(HashMap<usize, (Arc<Verdict>, Option<Vec<Numbered>>)>);

/// Verdicts of which the numbers are remembered; with more than this, all are forgotten.
const NUMBERS_MAX: usize = 400_000;

/// Why assets could not be judged.
type Failures = Vec<(AssetId, anyhow::Error)>;

impl Judge {
    /// Judges assets in batches. Those that cannot be judged do not stop the others; the first of them is the error.
    async fn all(&self, assets: &[AssetId], report: &Report) -> anyhow::Result<u32> {
        let (mut count, mut failures, mut running) = (0, Failures::new(), JoinSet::new());
        let mut batches = assets.chunks(BATCH);
        let mut idle: Vec<Memory> = (0..self.lanes().min(batches.len())).map(|_| self.memory()).collect();
        loop {
            while let Some(memory) = idle.pop() {
                let Some(batch) = batches.next() else { break };
                let (judge, batch) = (self.clone(), batch.to_vec());
                running.spawn(async move {
                    let done = judge.batch(&memory, &batch).await;
                    (memory, batch.len(), done)
                });
            }
            let Some(done) = running.join_next().await else { break };
            let (memory, assets, done) = done.context("judge a batch")?;
            let (judged, failed) = done?;
            idle.push(memory);
            report.advance_by(assets);
            count += judged;
            failures.extend(failed);
        }
        for (asset, error) in &failures {
            warn!(asset.id = %asset, "an inventory could not be matched again: {}", crate::with_causes(error));
        }
        let others = failures.len().saturating_sub(1);
        match failures.into_iter().next() {
            None => Ok(count),
            Some((asset, error)) => Err(error.context(format!("match asset {asset} again, and {others} others"))),
        }
    }

    fn lanes(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        (cores * BATCHES_PER_CORE).min(self.db.writers_max())
    }

    fn memory(&self) -> Memory {
        let matcher = Arc::new(Mutex::new(Matcher::new(Arc::clone(&self.knowledge))));
        Memory { matcher, known: Arc::default() }
    }

    /// Judges a batch; where one of it cannot be, one after the other.
    async fn batch(&self, memory: &Memory, assets: &[AssetId]) -> anyhow::Result<(u32, Failures)> {
        match self.together(memory, assets).await {
            Ok(count) => Ok((count, Failures::new())),
            // The database is gone: no asset is to blame.
            Err(error) if !is_of_an_asset(&error) => Err(error),
            Err(_) => {
                let (mut count, mut failures) = (0, Failures::new());
                for asset in assets {
                    match self.together(memory, &[*asset]).await {
                        Ok(judged) => count += judged,
                        Err(error) if is_of_an_asset(&error) => failures.push((*asset, error)),
                        Err(error) => return Err(error),
                    }
                }
                Ok((count, failures))
            }
        }
    }

    /// Judges assets in one transaction. Returns how many: those that somebody else has judged meanwhile are left.
    async fn together(&self, memory: &Memory, assets: &[AssetId]) -> anyhow::Result<u32> {
        let hash = self.knowledge.hash();
        let mut tx = self.db.begin().await?;
        store::asset::lock_all(&mut tx, assets).await?;
        let mut known = memory.known.lock().await;
        let Known { components, numbers } = &mut *known;
        let mut latest = store::inspection::latest_of_these(&mut tx, assets, components).await?;
        latest.retain(|stored| stored.summary.knowledge != hash);
        // One that was inspected again meanwhile may have been matched with anything.
        let about = self.about.as_ref().filter(|about| latest.iter().all(|s| s.summary.knowledge == about.since));
        let (judge, matcher) = (self.clone(), Arc::clone(&memory.matcher));
        let judged = spawn_blocking(move || {
            let mut matcher = matcher.lock().unwrap_or_else(PoisonError::into_inner);
            judge.judge(&mut matcher, latest)
        });
        let mut judged = judged.await.context("match a batch")?;
        let concerned: BTreeSet<AssetId> = match about {
            Some(_) => judged.iter().map(Judged::asset).collect(),
            // Most of an estate stays as it is, and to see that takes much less than to read the findings.
            None => self.moving(&mut tx, &judged, numbers).await?,
        };
        drop(known);
        let packages = about.map(|about| about.packages.iter().map(String::as_str).collect::<Vec<_>>());
        let ids: Vec<AssetId> = concerned.iter().copied().collect();
        let findings = store::finding::of_assets(&mut tx, &ids, packages.as_deref()).await?;
        let (judge, about) = (self.clone(), about.cloned());
        let moving = spawn_blocking(move || {
            let moved = judge.moves(&mut judged, &concerned, findings, about.as_deref());
            (judged, moved)
        });
        let (judged, moved) = moving.await.context("compare a batch")?;
        let cause = format!("knowledge {hash}");
        let mut saves = Vec::new();
        for (Judged { stored, .. }, moved) in judged.iter().zip(&moved) {
            let (at, record) = (self.at(stored), stored.summary.record);
            let recording = Recording { at, cause: &cause, record };
            saves.extend(moved.iter().map(|moved| (save(moved), recording)));
        }
        store::finding::save_each(&mut tx, &saves).await?;
        let rejudged: Vec<Rejudged<'_>> = judged.iter().map(Judged::undecided).collect();
        store::inspection::set_undecided(&mut tx, &rejudged, &hash).await?;
        tx.commit().await.context("keep the new verdicts")?;
        Ok(u32::try_from(judged.len()).unwrap_or(u32::MAX))
    }

    fn judge(&self, matcher: &mut Matcher, latest: Vec<Stored>) -> Vec<Judged> {
        let feeds = ingest::known(Some(&self.knowledge));
        let one = |stored: Stored| {
            let matches = matcher.find(&stored.inventory);
            let undecided = undecided(&feeds, &stored.inventory, &matches, self.now);
            Judged { stored, matches, undecided }
        };
        latest.into_iter().map(one).collect()
    }

    /// The assets on which anything may move.
    async fn moving(&self, tx: &mut Tx, judged: &[Judged], numbers: &mut Numbers) -> anyhow::Result<BTreeSet<AssetId>> {
        let ids: Vec<AssetId> = judged.iter().map(Judged::asset).collect();
        let standing = store::finding::standing(&mut *tx, &ids).await?;
        numbers.learn(tx, judged.iter().flat_map(|judged| &judged.matches.packages)).await?;
        let stays = |judged: &&Judged| {
            let Some(found) = numbers.of(&judged.matches) else { return false };
            match standing.get(&judged.asset()) {
                Some(standing) => standing.stays(&found, self.at(&judged.stored)),
                None => found.is_empty(),
            }
        };
        let (staying, moving): (Vec<&Judged>, Vec<&Judged>) = judged.iter().partition(stays);
        if cfg!(debug_assertions) {
            self.expect_to_stay(tx, &staying).await?;
        }
        Ok(moving.into_iter().map(Judged::asset).collect())
    }

    /// What is taken to stay must be what would stay if all of it were read.
    async fn expect_to_stay(&self, tx: &mut Tx, staying: &[&Judged]) -> anyhow::Result<()> {
        for judged in staying {
            let findings = store::finding::of_asset(&mut *tx, judged.asset()).await?;
            let moved = self.moved(&judged.stored, &findings, &judged.matches);
            assert!(moved.is_empty(), "asset {} was taken to stay as it is, and does not: {moved:?}", judged.asset());
        }
        Ok(())
    }

    /// What moves on each asset, of those that are concerned.
    fn moves(
        &self,
        judged: &mut [Judged],
        concerned: &BTreeSet<AssetId>,
        findings: Vec<StoredFinding>,
        about: Option<&About>,
    ) -> Vec<Vec<Moved>> {
        let mut by_asset: HashMap<AssetId, Vec<StoredFinding>> = HashMap::with_capacity(concerned.len());
        for finding in findings {
            by_asset.entry(finding.finding.key.asset).or_default().push(finding);
        }
        let one = |judged: &mut Judged| {
            if !concerned.contains(&judged.asset()) {
                return Vec::new();
            }
            if let Some(about) = about {
                judged.matches.packages.retain(|verdict| about.packages.contains(&verdict.package.name));
            }
            let findings = by_asset.remove(&judged.asset()).unwrap_or_default();
            self.moved(&judged.stored, &findings, &judged.matches)
        };
        judged.iter_mut().map(one).collect()
    }

    fn at(&self, stored: &Stored) -> Timestamp {
        self.now.max(stored.summary.observed_at)
    }

    fn moved(&self, stored: &Stored, findings: &[StoredFinding], matches: &Matches) -> Vec<Moved> {
        let asset = stored.summary.asset;
        moves(asset, findings, &stored.inventory, (matches, Some(&*self.knowledge)), self.at(stored))
    }
}

/// What the knowledge says of one asset.
struct Judged {
    stored: Stored,
    matches: Matches,
    undecided: Vec<Undecided>,
}

impl Judged {
    const fn asset(&self) -> AssetId {
        self.stored.summary.asset
    }

    fn undecided(&self) -> Rejudged<'_> {
        let Self { stored, undecided, .. } = self;
        Rejudged { asset: stored.summary.asset, id: stored.summary.id, undecided }
    }
}

impl Numbers {
    /// Learns the numbers of matches that are there by now.
    async fn learn(&mut self, tx: &mut Tx, verdicts: impl Iterator<Item = &Arc<Verdict>>) -> anyhow::Result<()> {
        if self.0.len() > NUMBERS_MAX {
            self.0.clear();
        }
        let mut new: HashMap<usize, &Arc<Verdict>> = HashMap::new();
        for verdict in verdicts.filter(|verdict| !verdict.matched.is_empty() && !asks_for_restart(verdict)) {
            // What was not there may be there now.
            if self.0.get(&address(verdict)).is_none_or(|(_, numbers)| numbers.is_none()) {
                new.insert(address(verdict), verdict);
            }
        }
        let new: Vec<&Arc<Verdict>> = new.into_values().collect();
        let matches: Vec<&Match> = new.iter().flat_map(|verdict| &verdict.matched).collect();
        let mut numbers = store::finding::numbered(tx, &matches).await?.into_iter();
        for verdict in new {
            let all: Vec<Option<Numbered>> = numbers.by_ref().take(verdict.matched.len()).collect();
            self.0.insert(address(verdict), (Arc::clone(verdict), all.into_iter().collect()));
        }
        Ok(())
    }

    /// What was found. `None`: some of it never was before, or asks for a restart.
    fn of(&self, matches: &Matches) -> Option<BTreeSet<Numbered>> {
        let mut found = BTreeSet::new();
        for verdict in matches.packages.iter().filter(|verdict| !verdict.matched.is_empty()) {
            found.extend(self.0.get(&address(verdict))?.1.as_ref()?);
        }
        Some(found)
    }
}

fn asks_for_restart(verdict: &Verdict) -> bool {
    verdict.matched.iter().any(|matched| matched.restart_needed)
}

fn address(verdict: &Arc<Verdict>) -> usize {
    Arc::as_ptr(verdict).addr()
}

/// Whether an error is about what is kept of an asset, and not about the database.
fn is_of_an_asset(error: &anyhow::Error) -> bool {
    let stored = error.downcast_ref::<StoreError>();
    stored.is_some_and(|error| {
        matches!(error, StoreError::Corrupt { .. } | StoreError::Refused { .. } | StoreError::Missing { .. })
    })
}

#[cfg(test)]
mod tests;
