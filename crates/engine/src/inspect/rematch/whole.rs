//! Judging whole inventories again: read, matched, compared with what stands.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};

use anyhow::Context as _;
use domain::ids::AssetId;
use domain::verdict::Match;
use foldhash::fast::FixedState;
use knowledge::{Matcher, Matches, Verdict};
use store::Tx;
use store::finding::Numbered;
use store::inspection::{Components, Stored};
use tokio::task::spawn_blocking;

use super::{Failures, Judge, Judged, Memory};
use crate::ingest;
use crate::is_of_an_asset;
use crate::prioritize::undecided;

/// What stands behind numbers, and the numbers of what was found.
#[derive(Default)]
pub(super) struct Known {
    components: Components,
    numbers: Numbers,
}

/// Numbers of the matches in verdicts, by the verdict's address.
#[derive(Default)]
struct Numbers(HashMap<usize, Of, FixedState>);

/// A verdict, which is held so that no other one gets its address, and its numbers. `None`: some are not there.
type Of = (Arc<Verdict>, Option<Vec<Numbered>>);

/// Verdicts of which the numbers are remembered; with more than this, all are forgotten.
const NUMBERS_MAX: usize = 400_000;

impl Judge {
    /// Judges a batch; where one of it cannot be, one after the other.
    pub(super) async fn whole(&self, memory: &Memory, assets: &[AssetId]) -> anyhow::Result<(u32, Failures)> {
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
        let (judge, matcher) = (self.clone(), Arc::clone(&memory.matcher));
        let judged = spawn_blocking(move || {
            let mut matcher = matcher.lock().unwrap_or_else(PoisonError::into_inner);
            judge.judge(&mut matcher, latest)
        });
        let judged = judged.await.context("match a batch")?;
        // Most of an estate stays as it is, and to see that takes much less than to read the findings.
        let moving = self.moving(&mut tx, &judged, numbers).await?;
        drop(known);
        let findings = store::finding::of_assets(&mut tx, &Vec::from_iter(moving.iter().copied())).await?;
        self.keep(tx, judged, moving, findings).await
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
            let moved = self.moved(&judged.stored, &findings, &judged.matches, false);
            assert!(moved.is_empty(), "asset {} was taken to stay as it is, and does not: {moved:?}", judged.asset());
        }
        Ok(())
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

    /// What was found, sorted and each once. `None`: some of it never was before, or asks for a restart.
    fn of(&self, matches: &Matches) -> Option<Vec<Numbered>> {
        let mut found = Vec::new();
        for verdict in matches.packages.iter().filter(|verdict| !verdict.matched.is_empty()) {
            found.extend(self.0.get(&address(verdict))?.1.as_ref()?);
        }
        found.sort_unstable();
        found.dedup();
        Some(found)
    }
}

fn asks_for_restart(verdict: &Verdict) -> bool {
    verdict.matched.iter().any(|matched| matched.restart_needed)
}

fn address(verdict: &Arc<Verdict>) -> usize {
    Arc::as_ptr(verdict).addr()
}
