//! The tier, and by when: the policy's rules, and then what duties ask for on top.

use super::policy::{Duty, Facts, Pack, Policy};
use super::{Reason, Tier};

/// The first rule that holds decides. Packs tighten what it says, and never loosen it. Days are calendar days.
pub fn decide(policy: &Policy, facts: &Facts<'_>, vendor: &str, reasons: &mut Vec<Reason>) -> (Tier, Option<u16>) {
    if facts.report.is_none() {
        reasons.push(Reason::rule("bod_26_04", format!("BOD 26-04 row: {}", facts.row().as_str())));
    }
    let rule = policy.rules.iter().find(|rule| rule.when.holds(&|ask| ask.passes(facts)));
    let (mut tier, mut due_days) = match rule {
        Some(rule) => {
            reasons.push(Reason {
                rule: format!("tier.{}", rule.id).into(),
                text: format!("{}: {}", rule.tier, rule.why).into(),
                source: rule.asks_the_vendor().then(|| vendor.to_owned().into()),
                date: None,
            });
            (rule.tier, rule.due_days)
        }
        // A policy whose last rule does not hold always is refused.
        None => (Tier::P4, None),
    };
    for pack in policy.packs.iter().filter(|pack| pack.when.holds(&|ask| ask.passes(facts))) {
        let Some(duty) = pack.rules.iter().find(|duty| duty.when.holds(&|ask| ask.passes(facts))) else { continue };
        let tighter = (duty.tier.map_or(tier, |least| least.min(tier)), earlier(due_days, duty.due_days));
        if tighter != (tier, due_days) {
            (tier, due_days) = tighter;
            reasons.push(Reason {
                rule: format!("pack.{}.{}", pack.id, duty.id).into(),
                text: words(pack, duty).into(),
                source: Some(pack.title.clone().into()),
                date: None,
            });
        }
    }
    (tier, due_days)
}

/// The earlier of two; without days is with the next upgrade, which is the latest.
fn earlier(a: Option<u16>, b: Option<u16>) -> Option<u16> {
    a.into_iter().chain(b).min()
}

fn words(pack: &Pack, duty: &Duty) -> String {
    let Pack { title, .. } = pack;
    let Duty { why, .. } = duty;
    match (duty.tier, duty.due_days) {
        (Some(tier), Some(days)) => format!("{title}: at least {tier}, within {days} days: {why}"),
        (Some(tier), None) => format!("{title}: at least {tier}: {why}"),
        (None, Some(days)) => format!("{title}: within {days} days: {why}"),
        (None, None) => format!("{title}: {why}"),
    }
}
