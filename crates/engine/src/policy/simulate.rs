//! What another policy would do to today's queue, before it is saved.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use domain::priority::{Priority, Tier};
use domain::scope::Context;
use domain::vulnerability::VulnerabilityId;
use index::{AssetNo, Snapshot};

use super::{By, InUse};
use crate::prioritize::Judge;
use crate::read_model::{AllWords, Estate};
use crate::{Engine, Invalid};

/// Today's active findings by the policy in use and by another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Simulation {
    pub findings: u64,
    /// How many findings have the tier of the row now and would have that of the column.
    pub moves: [[u64; 5]; 5],
    /// Findings that would be due earlier, and later. With the next upgrade is the latest.
    pub earlier: u64,
    pub later: u64,
    /// The vulnerabilities that would move most: to the most urgent tier first, then by how many findings.
    pub changes: Vec<Move>,
    /// How many changes there are, those that are not listed included.
    pub change_count: u64,
}

/// Findings of one vulnerability that would be judged otherwise in the same way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    pub vulnerability: VulnerabilityId,
    pub from: Judgement,
    pub to: Judgement,
    pub findings: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Judgement {
    pub tier: Tier,
    pub due_days: Option<u16>,
    /// The rule that decided.
    pub rule: String,
}

const CHANGES_MAX: usize = 50;

impl Engine {
    /// What this text would change if it were the policy.
    pub async fn simulate_policy(&self, text: &str) -> anyhow::Result<Simulation> {
        let other = InUse::read(0, text).map_err(|error| Invalid(error.to_string()))?;
        let model = self.lists().await?.model;
        let (snapshot, estate) = (model.snapshot(), model.estate().clone());
        let words = model.words().await;
        let (now, then) = (model.by.clone(), By { policy: other, ..model.by.clone() });
        let simulating = tokio::task::spawn_blocking(move || simulate(&snapshot, &estate, &words, (&now, &then)));
        simulating.await.context("simulate the policy")
    }
}

fn simulate(snapshot: &Snapshot, estate: &Estate, words: &AllWords, (now, then): (&By, &By)) -> Simulation {
    let (mut numbers, mut contexts): (HashMap<Arc<Context>, u32>, Vec<Arc<Context>>) = Default::default();
    let group_of = |asset: AssetNo| {
        let context = &estate.assets.get(&snapshot.asset(asset).id)?.context;
        Some(*numbers.entry(Arc::clone(context)).or_insert_with(|| {
            contexts.push(Arc::clone(context));
            (contexts.len() - 1) as u32
        }))
    };
    let counts = snapshot.active_by_verdict(group_of);
    let (now, then) = (now.judge(), then.judge());
    let mut simulation = Simulation::default();
    let mut changes: HashMap<(VulnerabilityId, Judgement, Judgement), u64> = HashMap::new();
    for ((vulnerability, said, group), count) in counts {
        let Some(said) = words.get(said) else { continue };
        let id = &snapshot.vulnerability(vulnerability).id;
        let (flaw, context) = (now.known(id), &contexts[group as usize]);
        let judge = |judge: &Judge<'_>| judgement(&judge.verdict(&flaw, said, context));
        let (from, to) = (judge(&now), judge(&then));
        simulation.findings += count;
        simulation.moves[from.tier as usize][to.tier as usize] += count;
        match days(&to).cmp(&days(&from)) {
            std::cmp::Ordering::Less => simulation.earlier += count,
            std::cmp::Ordering::Greater => simulation.later += count,
            std::cmp::Ordering::Equal => {}
        }
        if (from.tier, from.due_days) != (to.tier, to.due_days) {
            *changes.entry((id.clone(), from, to)).or_default() += count;
        }
    }
    simulation.change_count = changes.len() as u64;
    let change = |((vulnerability, from, to), findings)| Move { vulnerability, from, to, findings };
    let mut changes: Vec<Move> = changes.into_iter().map(change).collect();
    changes.sort_by(|a, b| {
        let urgency = |change: &Move| (change.to.tier.min(change.from.tier), change.to.tier);
        urgency(a).cmp(&urgency(b)).then(b.findings.cmp(&a.findings)).then_with(|| a.cmp(b))
    });
    changes.truncate(CHANGES_MAX);
    simulation.changes = changes;
    simulation
}

/// To compare: with the next upgrade is later than any day.
fn days(judgement: &Judgement) -> u32 {
    judgement.due_days.map_or(u32::MAX, u32::from)
}

fn judgement(priority: &Priority) -> Judgement {
    let rule = priority.reasons.last().map(|reason| reason.rule.to_string()).unwrap_or_default();
    Judgement { tier: priority.tier, due_days: priority.due_days, rule }
}
