//! Policies as they are sent.

use domain::priority::Tier;
use domain::priority::policy::{Duty, Pack};
use engine::policy::{InUse, Judgement, Move, Simulation};
use store::policy::Saved;
use wire_types::policy::{
    Pack as WirePack, PackRule, Policy, PolicyVersion, SimulatedChange, SimulatedVerdict, Simulation as WireSimulation,
    TierMove, TierTally,
};

/// The policy in use, with who saved it.
pub fn policy(in_use: &InUse, saved: Option<&Saved>) -> Policy {
    Policy {
        version: in_use.version,
        text: in_use.text.to_string(),
        note: saved.map(|saved| saved.note.clone()),
        created_at: saved.map(|saved| saved.created_at.to_string()),
        created_by: saved.map(|saved| saved.created_by.clone()),
        trouble: in_use.trouble.as_deref().map(str::to_owned),
    }
}

/// A version as it was saved.
pub fn saved_policy(saved: &Saved) -> Policy {
    Policy {
        version: saved.version,
        text: saved.text.clone(),
        note: Some(saved.note.clone()),
        created_at: Some(saved.created_at.to_string()),
        created_by: Some(saved.created_by.clone()),
        trouble: None,
    }
}

pub fn policy_version(saved: &Saved) -> PolicyVersion {
    PolicyVersion {
        version: saved.version,
        note: saved.note.clone(),
        created_at: saved.created_at.to_string(),
        created_by: saved.created_by.clone(),
    }
}

pub fn simulation(simulation: Simulation) -> WireSimulation {
    let Simulation { findings, moves, earlier, later, changes, change_count } = simulation;
    let before = moves.map(|to| to.iter().sum());
    let after = [0, 1, 2, 3, 4].map(|to: usize| moves.iter().map(|from| from[to]).sum());
    let pairs = Tier::ALL.into_iter().flat_map(|from| Tier::ALL.map(|to| (from, to)));
    let moves = pairs
        .map(|(from, to)| (from, to, moves[from as usize][to as usize]))
        .filter(|(from, to, findings)| from != to && *findings > 0)
        .map(|(from, to, findings)| TierMove { from: from.to_string(), to: to.to_string(), findings })
        .collect();
    let change = |change: Move| SimulatedChange {
        vulnerability: change.vulnerability.to_string(),
        from: verdict(change.from),
        to: verdict(change.to),
        findings: change.findings,
    };
    WireSimulation {
        findings,
        before: tally(before),
        after: tally(after),
        earlier,
        later,
        moves,
        changes: changes.into_iter().map(change).collect(),
        change_count,
    }
}

pub fn pack(pack: &Pack) -> WirePack {
    let rule = |duty: &Duty| PackRule {
        id: duty.id.clone(),
        tier: duty.tier.map(|tier| tier.to_string()),
        due_days: duty.due_days,
        when: duty.when.to_string(),
        why: duty.why.clone(),
    };
    WirePack { id: pack.id.clone(), title: pack.title.clone(), rules: pack.rules.iter().map(rule).collect() }
}

const fn tally([p0, p1, p2, p3, p4]: [u64; 5]) -> TierTally {
    TierTally { p0, p1, p2, p3, p4 }
}

fn verdict(judgement: Judgement) -> SimulatedVerdict {
    SimulatedVerdict { tier: judgement.tier.to_string(), due_days: judgement.due_days, rule: judgement.rule }
}
