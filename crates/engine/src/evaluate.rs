//! One evaluation: an inventory against the knowledge, without the store. What `vigie scan` prints is this.

use domain::inventory::Inventory;
use domain::priority::policy::Policy;
use domain::scope::Context;
use domain::verdict::{Undecided, UndecidedKind};
use jiff::Timestamp;
use knowledge::{Damaged, Knowledge, Matches};

use crate::prioritize::{Judge, Judged, undecided};

/// Findings in the order of the queue, and everything that could not be decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    pub judged: Vec<Judged>,
    pub undecided: Vec<Undecided>,
}

/// Matches and judges one inventory. Without a knowledge file everything is undecided.
pub fn evaluate(
    (knowledge, policy): (Option<&Knowledge>, &Policy),
    inventory: &Inventory,
    context: &Context,
    at: Timestamp,
) -> Evaluation {
    let Some(knowledge) = knowledge else {
        let mut undecided = undecided(&[], inventory, &Matches::default(), at);
        undecided.insert(0, nothing_known());
        return Evaluation { judged: Vec::new(), undecided };
    };
    let matches = knowledge.find(inventory);
    let mut undecided = undecided(knowledge.feeds(), inventory, &matches, at);
    let mut judge = Judge::new(Some(knowledge), policy, at);
    let mut judged: Vec<Judged> = matches.into_matched().map(|matched| judge.judge(matched, context)).collect();
    sort(&mut judged);
    // What a lookup did not find may be what is damaged.
    if let Some(entry) = knowledge.damage().map(damaged).filter(|entry| !undecided.contains(entry)) {
        undecided.insert(0, entry);
    }
    Evaluation { judged, undecided }
}

/// The order of the queue: tier, due, contextual score, EPSS; then names, so that it is total.
pub fn sort(judged: &mut [Judged]) {
    judged.sort_by(|a, b| {
        a.priority
            .order_key
            .cmp(&b.priority.order_key)
            .then_with(|| a.matched.vulnerability.cmp(&b.matched.vulnerability))
            .then_with(|| a.matched.package.cmp(&b.matched.package))
    });
}

fn damaged(damage: Damaged) -> Undecided {
    Undecided {
        kind: UndecidedKind::Feed,
        subject: "knowledge".to_owned(),
        vulnerability: None,
        reason: damage.to_string(),
    }
}

fn nothing_known() -> Undecided {
    Undecided {
        kind: UndecidedKind::Feed,
        subject: "knowledge".to_owned(),
        vulnerability: None,
        reason: "there is no knowledge file, so nothing can be judged: run `vigie feeds sync`".to_owned(),
    }
}
