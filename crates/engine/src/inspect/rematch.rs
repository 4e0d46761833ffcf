//! Matching stored inventories again when the knowledge has changed, without touching an asset.
//!
//! What changed between two knowledge files is known by names. Assets that have none of these packages keep their verdicts, and
//! that alone is noted, of all at once; of the others only these packages are judged ([`parts`]). Where nobody knows what
//! changed, whole inventories are ([`whole`]). Assets are judged in batches: a batch is one transaction, and several are on
//! their way at once where the store has several writers. It may be killed at any time: what is committed is committed, and
//! the next run does the rest.

mod parts;
mod whole;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use domain::cause::Cause;
use domain::clock::When;
use domain::ids::{AssetId, InspectionId};
use domain::verdict::Undecided;
use index::Has;
use jiff::Timestamp;
use knowledge::{Knowledge, Matcher, Matches};
use store::change;
use store::finding::{Recording, StoredFinding};
use store::inspection::{Rejudged, Stored};
use store::queue::Progress;
use store::{Db, Tx};
use tokio::task::{JoinSet, spawn_blocking};
use tracing::warn;

use self::parts::About;
use self::whole::Known;
use super::moving::{are_remedied, is_new_installation};
use super::{judged_at, moves, save};
use crate::Engine;
use crate::detect::Moved;
use crate::ingest::PREVIOUS_FILE;
use crate::work::Report;

/// Inspections that are looked through at once.
const PAGE: usize = 10_000;
/// Assets that may be left when the others are noted to be the same.
const LEFT_MAX: usize = 500;
/// Assets of which whole inventories are judged in one transaction.
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
        if store::inspection::matched_otherwise(&self.db, &hash, None, 1).await?.is_empty() {
            return Ok(0);
        }
        let judge = Judge { db: self.db.clone(), knowledge: Arc::clone(knowledge), now: self.now() };
        let mut count = 0;
        if let Some(changes) = self.changes(knowledge).await? {
            let text = format!("matching what changed with knowledge {hash}");
            report.set(Progress { done: 0, total: Some(changes.concerned.len() as u64), text });
            count += judge.changes(changes, report).await?;
        }
        // Of these nobody knows what changed, or nobody knew what they had.
        let anew = self.outdated(&hash).await?;
        if anew.is_empty() {
            return Ok(count);
        }
        let text = format!("matching with knowledge {hash}");
        report.set(Progress { done: 0, total: Some(anew.len() as u64), text });
        let (judged, failures) =
            judge.all(anew.chunks(BATCH).map(|batch| Batch::Whole(batch.to_vec())), report).await?;
        for (asset, error) in &failures {
            warn!(asset.id = %asset, "an inventory could not be matched again: {}", crate::with_causes(error));
        }
        let others = failures.len().saturating_sub(1);
        match failures.into_iter().next() {
            None => Ok(count + judged),
            Some((asset, error)) => Err(error.context(format!("match asset {asset} again, and {others} others"))),
        }
    }

    async fn outdated(&self, hash: &str) -> anyhow::Result<Vec<AssetId>> {
        let mut outdated: Vec<AssetId> = Vec::new();
        loop {
            let after = outdated.last().copied();
            let page = store::inspection::matched_otherwise(&self.db, hash, after, PAGE).await?;
            let is_last = page.len() < PAGE;
            outdated.extend(page);
            if is_last {
                return Ok(outdated);
            }
        }
    }

    /// What changed since the knowledge before, and whom it concerns. `None`: nobody knows, or everything did.
    async fn changes(&self, knowledge: &Knowledge) -> anyhow::Result<Option<Changes>> {
        let Ok(previous) = Knowledge::open(&self.data_dir.join(PREVIOUS_FILE)) else { return Ok(None) };
        let Ok(changed) = knowledge.changed_since(&previous) else { return Ok(None) };
        if changed.everything {
            return Ok(None);
        }
        // Whoever is inspected from here on may have components that are not among those read below.
        let position = change::head(&self.db).await?.seq;
        let about = About::read(&self.db, previous.hash(), changed.names).await?;
        let held = self.who_has_what().await?;
        let concerned = held.holders.lists(about.changed.iter().copied(), &about.order);
        let unreadable = held.unreadable.iter().copied().collect();
        Ok(Some(Changes { about: Arc::new(about), concerned, unreadable, position }))
    }
}

/// What changed, and whom it concerns.
struct Changes {
    about: Arc<About>,
    /// With what they have of the packages concerned.
    concerned: Vec<Has>,
    /// Nobody knows what they have.
    unreadable: Vec<AssetId>,
    /// Where the change log ended before anything of this was read.
    position: u64,
}

/// Assets that are judged in one transaction.
enum Batch {
    Whole(Vec<AssetId>),
    Parts(Arc<About>, Vec<Has>),
}

/// Judges assets again; copies do so side by side.
#[derive(Clone)]
struct Judge {
    db: Db,
    knowledge: Arc<Knowledge>,
    now: Timestamp,
}

/// What one batch after another remembers: machines of one estate have mostly the same.
#[derive(Clone)]
struct Memory {
    matcher: Arc<Mutex<Matcher>>,
    known: Arc<tokio::sync::Mutex<Known>>,
}

/// Why assets could not be judged.
type Failures = Vec<(AssetId, anyhow::Error)>;

impl Judge {
    /// Judges what changed, where it did, and notes of all others that nothing has. Those that cannot be judged are left.
    async fn changes(&self, changes: Changes, report: &Report) -> anyhow::Result<u32> {
        let Changes { about, concerned, unreadable, position } = changes;
        let batch = |batch: &[Has]| Batch::Parts(Arc::clone(&about), batch.to_vec());
        let (count, failures) = self.all(concerned.chunks(parts::BATCH).map(batch), report).await?;
        let left: Vec<AssetId> = failures.into_iter().map(|(asset, _)| asset).chain(unreadable).collect();
        // So many that something else is wrong: each is judged by itself.
        if left.len() <= LEFT_MAX {
            let mut tx = self.db.begin().await?;
            let hash = self.knowledge.hash();
            store::inspection::set_knowledge_of_others(&mut tx, (&about.since, &hash), &left, position).await?;
            tx.commit().await.context("note that verdicts are the same")?;
        }
        Ok(count)
    }

    /// Judges batches. Assets that cannot be judged do not stop the others.
    async fn all(
        &self,
        batches: impl ExactSizeIterator<Item = Batch>,
        report: &Report,
    ) -> anyhow::Result<(u32, Failures)> {
        let (mut count, mut failures, mut running) = (0, Failures::new(), JoinSet::new());
        let mut idle: Vec<Memory> = (0..self.lanes().min(batches.len())).map(|_| self.memory()).collect();
        let mut batches = batches;
        loop {
            while let Some(memory) = idle.pop() {
                let Some(batch) = batches.next() else { break };
                let judge = self.clone();
                running.spawn(async move {
                    let assets = batch.len();
                    let done = match batch {
                        Batch::Whole(assets) => judge.whole(&memory, &assets).await,
                        Batch::Parts(about, concerned) => judge.parts(&memory, &about, &concerned).await,
                    };
                    (memory, assets, done)
                });
            }
            let Some(done) = running.join_next().await else { return Ok((count, failures)) };
            let (memory, assets, done) = done.context("judge a batch")?;
            let (judged, failed) = done?;
            idle.push(memory);
            report.advance_by(assets);
            count += judged;
            failures.extend(failed);
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

    fn at(&self, stored: &Stored) -> Timestamp {
        judged_at(stored.summary.observed_at, self.now)
    }

    fn moved(&self, stored: &Stored, findings: &[StoredFinding], matches: &Matches, is_anew: bool) -> Vec<Moved> {
        let asset = stored.summary.asset;
        let when = When::present(self.at(stored), self.now);
        moves(asset, findings, &stored.inventory, (matches, Some(&*self.knowledge)), when, is_anew)
    }

    /// Notes what was judged, and what is undecided where that is something else than before.
    async fn note(&self, tx: &mut Tx, judged: &[Judged]) -> anyhow::Result<()> {
        let hash = self.knowledge.hash();
        let (same, other): (Vec<&Judged>, Vec<&Judged>) =
            judged.iter().partition(|judged| judged.undecided == judged.stored.undecided);
        let same: Vec<(AssetId, InspectionId)> =
            same.into_iter().map(|judged| (judged.asset(), judged.stored.summary.id)).collect();
        store::inspection::set_knowledge(tx, &same, &hash).await?;
        let other: Vec<Rejudged<'_>> = other.into_iter().map(Judged::undecided).collect();
        Ok(store::inspection::set_undecided(tx, &other, &hash).await?)
    }

    /// Compares what was judged with the findings of the assets on which anything may move, and keeps all of it. Returns how
    /// many were judged.
    async fn keep(
        &self,
        mut tx: Tx,
        judged: Vec<Judged>,
        moving: BTreeSet<AssetId>,
        findings: Vec<StoredFinding>,
    ) -> anyhow::Result<u32> {
        let judge = self.clone();
        let compared = spawn_blocking(move || {
            let findings = by_asset(findings);
            let one = |judged: &Judged| {
                let findings = findings.get(&judged.asset()).map(Vec::as_slice).unwrap_or_default();
                judge.moved(&judged.stored, findings, &judged.matches, false)
            };
            let is_moving = |judged: &&Judged| moving.contains(&judged.asset());
            let moved: Vec<Vec<Moved>> = judged.iter().filter(is_moving).map(one).collect();
            (judged, moving, findings, moved)
        });
        let (judged, moving, findings, mut moved) = compared.await.context("compare a batch")?;
        let is_moving = |judged: &&Judged| moving.contains(&judged.asset());
        for (judged, moved) in judged.iter().filter(is_moving).zip(&mut moved).filter(|(_, moved)| are_remedied(moved))
        {
            let Judged { stored, matches, .. } = judged;
            let read = (stored.summary.id, stored.summary.observed_at);
            if is_new_installation(&mut tx, judged.asset(), &stored.inventory, read).await? {
                let findings = findings.get(&judged.asset()).map(Vec::as_slice).unwrap_or_default();
                *moved = self.moved(stored, findings, matches, true);
            }
        }
        let stored = judged.iter().map(|judged| &judged.stored);
        let stored = stored.filter(|stored| moving.contains(&stored.summary.asset));
        self.save(&mut tx, stored.zip(&moved)).await?;
        self.note(&mut tx, &judged).await?;
        tx.commit().await.context("keep the new verdicts")?;
        Ok(u32::try_from(judged.len()).unwrap_or(u32::MAX))
    }

    /// Keeps what moved, for the reason that the knowledge has.
    async fn save<'m>(
        &self,
        tx: &mut Tx,
        moved: impl Iterator<Item = (&'m Stored, &'m Vec<Moved>)>,
    ) -> anyhow::Result<()> {
        let cause = Cause::Knowledge(self.knowledge.hash());
        let mut saves = Vec::new();
        for (stored, moved) in moved {
            let (at, record) = (self.at(stored), stored.summary.record);
            let recording = Recording { at, cause: &cause, record };
            saves.extend(moved.iter().map(|moved| (save(moved), recording)));
        }
        Ok(store::finding::save_each(tx, &saves).await?)
    }
}

impl Batch {
    const fn len(&self) -> usize {
        match self {
            Self::Whole(assets) => assets.len(),
            Self::Parts(_, concerned) => concerned.len(),
        }
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

/// Findings by their assets.
fn by_asset(findings: Vec<StoredFinding>) -> HashMap<AssetId, Vec<StoredFinding>> {
    let mut by_asset: HashMap<AssetId, Vec<StoredFinding>> = HashMap::new();
    for finding in findings {
        by_asset.entry(finding.finding.key.asset).or_default().push(finding);
    }
    by_asset
}

#[cfg(test)]
mod tests;
