//! Judging lists anew from what is in memory: when other knowledge is in use, when another day has begun.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use anyhow::Context as _;
use domain::scope::Context;
use domain::vulnerability::Vulnerability;
use foldhash::fast::FixedState;
use index::{AssetNo, Index, Judged, Snapshot, VulnerabilityNo};
use tracing::info;

use super::model::{Basis, Estate, Model};
use super::verdicts::{AllWords, judged, signals};
use crate::policy::By;
use crate::prioritize::Judge;

/// The same findings as a model has them, by other knowledge or as of another instant. `None`: the store has to be read.
pub(super) async fn from_memory(old: &Arc<Model>, basis: Basis, by: By) -> anyhow::Result<Option<Model>> {
    // As of one position of the log. Who follows it waits no longer than this takes, and the old model goes on meanwhile.
    let (working, estate, index) = {
        let mut following = old.working.lock().await;
        (following.successor(), old.estate().clone(), old.index.fork())
    };
    let words = working.words.clone();
    // What is said of most vulnerabilities is what was said before, and then so is the verdict.
    let before = basis.differs_in_knowledge_alone(&old.basis).then(|| old.by.clone());
    let judged = judged_anew(index, estate, words, by.clone(), before).await?;
    let Some((index, estate)) = judged else { return Ok(None) };
    info!(findings = index.snapshot().finding_count(), "the lists were judged anew");
    Ok(Some(Model::new(index, estate, (basis, by), old.epoch.clone(), working)))
}

/// The same findings by other verdicts, with the estate that they were judged in. Those of an asset that is gone meanwhile have
/// none: it is taken out when the log is followed. `before` is what they were judged by, where no more than the knowledge differs.
/// `None`: a row has words that nobody knows here.
pub(super) async fn judged_anew(
    index: Index,
    estate: Estate,
    words: AllWords,
    by: By,
    before: Option<By>,
) -> anyhow::Result<Option<(Index, Estate)>> {
    let judging = tokio::task::spawn_blocking(move || {
        let judge = by.judge();
        let snapshot = index.snapshot();
        let mut verdicts = Verdicts::new(&snapshot, &estate, &words, &judge);
        let before = before.as_ref().map(By::judge);
        let anew = index.judged_anew(
            |id| before.as_ref().is_none_or(|before| before.known(id) != judge.known(id)),
            |id| signals(&judge, &judge.known(id)),
            |asset, vulnerability, said| verdicts.of(asset, vulnerability, said),
        );
        let is_lost = verdicts.is_lost;
        (!is_lost).then_some((anew, estate))
    });
    judging.await.context("judge the lists anew")
}

/// Verdicts that were made, by numbers: there are millions of rows, and few different verdicts.
struct Verdicts<'a> {
    snapshot: &'a Snapshot,
    estate: &'a Estate,
    words: &'a AllWords,
    judge: &'a Judge<'a>,
    made: HashMap<(VulnerabilityNo, u32, u32), Judged, FixedState>,
    flaws: HashMap<VulnerabilityNo, Vulnerability, FixedState>,
    contexts: HashMap<Arc<Context>, u32>,
    /// Rows come asset by asset.
    current: Option<(AssetNo, Arc<Context>, u32)>,
    is_lost: bool,
}

impl<'a> Verdicts<'a> {
    fn new(snapshot: &'a Snapshot, estate: &'a Estate, words: &'a AllWords, judge: &'a Judge<'a>) -> Self {
        let (made, flaws, contexts) = (HashMap::default(), HashMap::default(), HashMap::new());
        Self { snapshot, estate, words, judge, made, flaws, contexts, current: None, is_lost: false }
    }

    fn of(&mut self, asset: AssetNo, vulnerability: VulnerabilityNo, said: u32) -> Option<Judged> {
        if self.current.as_ref().is_none_or(|(current, _, _)| *current != asset) {
            let known = self.estate.assets.get(&self.snapshot.asset(asset).id)?;
            let next = u32::try_from(self.contexts.len()).unwrap_or(u32::MAX);
            let number = *self.contexts.entry(Arc::clone(&known.context)).or_insert(next);
            self.current = Some((asset, Arc::clone(&known.context), number));
        }
        let (_, context, number) = self.current.as_ref()?;
        match self.made.entry((vulnerability, said, *number)) {
            Entry::Occupied(made) => Some(*made.get()),
            Entry::Vacant(place) => {
                let Some(words) = self.words.get(said) else {
                    self.is_lost = true;
                    return None;
                };
                let (snapshot, judge) = (self.snapshot, self.judge);
                let flaw = || judge.known(&snapshot.vulnerability(vulnerability).id);
                let flaw = self.flaws.entry(vulnerability).or_insert_with(flaw);
                Some(*place.insert(judged(&judge.verdict(flaw, words, context), context)))
            }
        }
    }
}
