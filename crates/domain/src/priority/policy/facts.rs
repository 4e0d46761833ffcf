//! What the signals came to: what rules ask about.

use super::ask::{Name, Word};
use crate::advisory::VendorStatus;
use crate::cvss::{Score, Severity};
use crate::exposure::Exposure;
use crate::filter::Probability;
use crate::priority::bod::{self, Outcome};
use crate::priority::epss::Scored;
use crate::priority::maturity::Rank;
use crate::priority::ssvc::{self, Answers, HumanImpact};

/// What is known of one flaw on one asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts<'a> {
    /// In one of the policy's lists of exploited flaws.
    pub listed: bool,
    /// Lists that name it, and other sources that know of exploits.
    pub lists: Vec<&'a str>,
    pub rank: Rank,
    pub answers: Answers,
    /// Whether the flaw is attacked over a network. `None`: no vector says.
    pub network: Option<bool>,
    pub exposure: Exposure,
    pub human_impact: HumanImpact,
    pub contextual: Option<Score>,
    pub published: Option<Score>,
    pub threshold_tenths: u8,
    pub epss: Option<Scored>,
    pub vendor_status: VendorStatus,
    /// The vendor's own word for how bad it is. Empty: none given.
    pub urgency: &'a str,
    /// What a tool says that reports it by a rule of its own. `None`: no tool does.
    pub report: Option<Option<Severity>>,
    pub scopes: &'a [String],
}

impl Facts<'_> {
    /// The row of BOD 26-04.
    pub fn row(&self) -> Outcome {
        bod::judge(self.listed, self.exposure, self.network, self.answers)
    }

    /// The word for one thing. `None`: nobody knows.
    pub(super) fn word(&self, about: Word) -> Option<&'static str> {
        match about {
            Word::Bod => Some(row_word(self.row())),
            Word::Exploitation => match self.rank {
                Rank::NotSearched => None,
                Rank::NothingFound => Some("nothing"),
                Rank::PublicProof => Some("proof"),
                Rank::Weaponised => Some("weaponised"),
                Rank::Reported => Some("reported"),
                Rank::Mass => Some("mass"),
            },
            Word::Listed => Some(yes_or_no(self.listed)),
            Word::Likely => self.epss.map(|scored| yes_or_no(scored.at_threshold)),
            Word::ReachesThreshold => self.contextual.map(|score| yes_or_no(score.tenths() >= self.threshold_tenths)),
            Word::Deployer => {
                let tree = ssvc::deployer(self.rank, self.exposure, self.answers.automatable, self.human_impact);
                Some(tree.as_str())
            }
            Word::Coordinator => Some(ssvc::coordinator(self.rank, self.answers, self.human_impact).as_str()),
            Word::Exposure => (self.exposure != Exposure::Unknown).then(|| self.exposure.as_str()),
            Word::Automatable => self.answers.automatable.map(yes_or_no),
            Word::TotalImpact => self.answers.technical_impact_total.map(yes_or_no),
            Word::Network => self.network.map(yes_or_no),
            Word::Vendor => Some(self.vendor_status.as_str()),
            Word::Report => match self.report {
                None => Some("no"),
                Some(severity) => severity.map(severity_word),
            },
        }
    }

    pub(super) fn names(&self, about: Name) -> Vec<&str> {
        match about {
            Name::Scope => self.scopes.iter().map(String::as_str).collect(),
            Name::List => self.lists.clone(),
            Name::Urgency => Some(self.urgency).filter(|urgency| !urgency.is_empty()).into_iter().collect(),
        }
    }

    /// Of exploitation, as rules compare it: rounded down, so that nothing reaches a bound that it does not.
    pub(super) fn probability(&self) -> Option<Probability> {
        let scored = self.epss?;
        Probability::from_ten_thousandths((scored.probability.clamp(0.0, 1.0) * 10_000.0 + 1e-6).floor() as u16)
    }
}

const fn yes_or_no(answer: bool) -> &'static str {
    if answer { "yes" } else { "no" }
}

const fn row_word(row: Outcome) -> &'static str {
    match row {
        Outcome::ThreeDaysWithTriage => "3d_triage",
        Outcome::ThreeDays => "3d",
        Outcome::FourteenDays => "14d",
        Outcome::SixtyDays => "60d",
        Outcome::SystemUpgrade => "upgrade",
    }
}

const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::None => "none",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}
