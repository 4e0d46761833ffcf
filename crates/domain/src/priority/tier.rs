//! The rule: which tier, and by when.

use super::bod::{self, Outcome};
use super::epss::Scored;
use super::maturity::Rank;
use super::ssvc::{self, Answers, HumanImpact};
use super::{Reason, Tier};
use crate::cvss::Score;
use crate::exposure::Exposure;

/// What the signals came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts {
    /// In a list of exploited vulnerabilities.
    pub listed: bool,
    pub rank: Rank,
    pub answers: Answers,
    /// Whether the flaw is attacked over a network. `None`: no vector says.
    pub network: Option<bool>,
    pub exposure: Exposure,
    pub human_impact: HumanImpact,
    pub contextual: Option<Score>,
    pub threshold_tenths: u8,
    pub epss: Option<Scored>,
    /// The vendor calls it unimportant in this package.
    pub unimportant: bool,
}

/// The first condition that holds decides. Days are calendar days.
pub fn decide(facts: &Facts, vendor: &str, reasons: &mut Vec<Reason>) -> (Tier, Option<u16>) {
    let row = bod::judge(facts.listed, facts.exposure, facts.network, facts.answers);
    let tree = ssvc::deployer(facts.rank, facts.exposure, facts.answers.automatable, facts.human_impact);
    reasons.push(Reason::rule("bod_26_04", format!("BOD 26-04 row: {}", row.as_str())));
    let attacked = facts.rank >= Rank::Reported;
    if facts.unimportant && !facts.listed && !attacked {
        let text = format!("P4: {vendor} calls it unimportant in this package, and no attack is reported");
        reasons.push(Reason::input("tier.vendor_unimportant", text, vendor.to_owned(), None));
        return (Tier::P4, None);
    }
    let (tier, days, rule, text) = first_match(facts, row, tree);
    reasons.push(Reason::rule(rule, text));
    (tier, days)
}

type Decision = (Tier, Option<u16>, &'static str, &'static str);

fn first_match(facts: &Facts, row: Outcome, tree: ssvc::Outcome) -> Decision {
    let likely = facts.epss.is_some_and(|scored| scored.at_threshold);
    let reaches_threshold = facts.contextual.is_some_and(|score| score.tenths() >= facts.threshold_tenths);
    match row {
        Outcome::ThreeDaysWithTriage | Outcome::ThreeDays => {
            (Tier::P0, Some(3), "tier.p0.bod_three_days", "P0: the BOD 26-04 row gives 3 days")
        }
        Outcome::FourteenDays if facts.rank >= Rank::Weaponised => {
            (Tier::P1, Some(14), "tier.p1.attacked", "P1: a 14 day row, and attacks or attack tools are known")
        }
        Outcome::FourteenDays if likely => {
            (Tier::P1, Some(14), "tier.p1.epss", "P1: a 14 day row, and EPSS reaches its threshold")
        }
        Outcome::FourteenDays => (Tier::P2, Some(30), "tier.p2.bod_fourteen_days", "P2: a 14 day row"),
        _ if likely => (Tier::P2, Some(30), "tier.p2.epss", "P2: EPSS reaches its threshold"),
        _ if facts.rank >= Rank::Weaponised && is_reachable(facts.exposure) => (
            Tier::P2,
            Some(30),
            "tier.p2.attacked",
            "P2: attacks or attack tools are known, and the asset can be reached",
        ),
        _ if tree >= ssvc::Outcome::OutOfCycle => {
            (Tier::P2, Some(30), "tier.p2.ssvc", "P2: the SSVC deployer tree says out of cycle")
        }
        Outcome::SixtyDays => (Tier::P3, Some(60), "tier.p3.bod_sixty_days", "P3: a 60 day row"),
        Outcome::SystemUpgrade if reaches_threshold => {
            (Tier::P3, Some(90), "tier.p3.threshold", "P3: the contextual score reaches the scope's threshold")
        }
        Outcome::SystemUpgrade if tree == ssvc::Outcome::Scheduled => {
            (Tier::P3, Some(90), "tier.p3.ssvc", "P3: the SSVC deployer tree says scheduled")
        }
        Outcome::SystemUpgrade => (Tier::P4, None, "tier.p4.rest", "P4: no rule asks for more than the next upgrade"),
    }
}

/// Reachable from the routed internal network at least.
const fn is_reachable(exposure: Exposure) -> bool {
    match exposure {
        Exposure::Internet | Exposure::Partner | Exposure::Internal | Exposure::Unknown => true,
        Exposure::Restricted | Exposure::Isolated | Exposure::Offline => false,
    }
}
