//! Why one component is affected by one vulnerability, or is not, or why nobody can tell.

use std::sync::Arc;

use domain::advisory::{Rank, VendorStatus};
use domain::component::{Component, Ecosystem, Release};
use domain::verdict::Confidence;
use serde::Serialize;

use super::installed::Installed;
use super::verdict::{self, Said, Word, decide, vendor_status};
use super::{Finder, ranges, said};
use crate::error::Damaged;
use crate::format::{COARSE, StatementRow, VulnerabilityRow, flag, status};
use crate::lookup::Knowledge;

/// The whole way to a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub vulnerability: String,
    pub outcome: Outcome,
    /// In a sentence.
    pub because: String,
    /// `None`: undecided.
    pub confidence: Option<Confidence>,
    pub fixed_version: Option<String>,
    /// Feeds that speak for the component's release or ecosystem.
    pub covered_by: Vec<String>,
    /// Every statement about the pair, best rank first.
    pub considered: Vec<Considered>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Affected,
    NotAffected,
    Undecided,
}

/// One statement, and what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Considered {
    pub feed: String,
    pub advisory: String,
    pub rank: Rank,
    pub status: VendorStatus,
    /// What it says of versions: `fixed in 1.2-3`, `affected: >= 1.0, < 2.0`.
    pub says: String,
    /// The comparison made.
    pub comparison: String,
    /// `affected`, `not affected`, or why neither.
    pub result: String,
    /// The vendor's reason for not being affected. Empty: none given.
    pub justification: String,
    /// A better rank has decided already.
    pub overruled: bool,
}

impl Knowledge {
    /// Explains one pair. An error is damage to the file.
    pub fn explain(&self, component: &Component, release: Option<&Release>, id: &str) -> Result<Explanation, Damaged> {
        let none = Release::none();
        let release = match component.ecosystem.is_distribution() {
            true => release.unwrap_or(&none),
            false => &none,
        };
        let mut explanation = Explanation {
            vulnerability: id.to_owned(),
            outcome: Outcome::Undecided,
            because: String::new(),
            confidence: None,
            fixed_version: None,
            covered_by: Vec::new(),
            considered: Vec::new(),
        };
        let finder = Finder::new(self, component.ecosystem, release, "")?;
        explanation.covered_by = finder.coverage.as_ref().map(|coverage| coverage.feeds.clone()).unwrap_or_default();
        if !component.owner.is_empty() {
            explanation.because =
                format!("its files belong to the package {}: the distribution judges them", component.owner);
            return Ok(explanation);
        }
        if !component.origin.is_empty() {
            explanation.because =
                format!("this build comes from {}: what {release} says is not about it", component.origin);
            return Ok(explanation);
        }
        let Some((index, flaw)) = self.vulnerability_place(id)? else {
            return Ok(finder.unknown(explanation));
        };
        explanation.vulnerability = self.vulnerability_id(flaw)?.to_string();
        let component = Arc::new(component.clone());
        let components = [&component];
        let (rows, by_binary) = finder.rows(&components)?;
        let rows: Vec<_> = rows.into_iter().filter(|claim| claim.vulnerability == index).collect();
        let installed = Installed::of(component.ecosystem, &components, None, by_binary);
        let said = said(&rows, &installed);
        finder.consider(&said, &installed, flaw, explanation)
    }
}

impl Finder<'_> {
    fn consider<'a>(
        &'a self,
        said: &[Said<'a>],
        installed: &Installed<'a>,
        flaw: &VulnerabilityRow,
        mut explanation: Explanation,
    ) -> Result<Explanation, Damaged> {
        let feed = |row: &StatementRow| self.knowledge.feed_id(row.feed.get().into());
        for one in said {
            explanation.considered.push(self.considered(*one, installed, feed(one.row)?)?);
        }
        let key = |one: &Considered| (one.rank, one.feed.clone(), one.advisory.clone(), one.says.clone());
        explanation.considered.sort_by_key(key);
        // A source and its binary, or two lists of one publisher, often say the same.
        explanation.considered.dedup();
        let decision = decide(&self.surroundings, said, installed, &feed)?;
        let deciding = explanation.considered.iter().filter(|c| c.result == "affected" || c.result == "not affected");
        if let Some(best) = deciding.map(|considered| considered.rank).min() {
            for considered in &mut explanation.considered {
                considered.overruled = considered.rank > best;
            }
        }
        if flaw.flags.get() & flag::REJECTED != 0 {
            explanation.outcome = Outcome::NotAffected;
            explanation.confidence = Some(Confidence::High);
            "its publisher has withdrawn the vulnerability".clone_into(&mut explanation.because);
        } else if let Some(row) = decision.row {
            explanation.outcome = Outcome::Affected;
            explanation.confidence = Some(decision.confidence);
            explanation.fixed_version = decision.fixed;
            let advisory = self.knowledge.image.text(row.advisory)?;
            explanation.because = format!("{} says so in {advisory}", feed(row)?);
        } else if let Some(open) = decision.open {
            explanation.because = open;
        } else if let Some(deciding) = acquitting(&explanation.considered) {
            let confidence = if deciding.rank == Rank::Cpe { Confidence::Low } else { Confidence::High };
            (explanation.because, explanation.confidence) = (deciding.in_words(), Some(confidence));
            explanation.outcome = Outcome::NotAffected;
        } else {
            return Ok(self.unknown(explanation));
        }
        Ok(explanation)
    }

    /// Nobody says anything of the pair: clean where whoever speaks is whole, else unknown.
    fn unknown(&self, mut explanation: Explanation) -> Explanation {
        let ecosystem = self.surroundings.ecosystem;
        let partial = self.coverage.as_ref().map(|coverage| coverage.partial.as_slice()).unwrap_or_default();
        explanation.because = match (&self.coverage, partial) {
            (None, _) if ecosystem.is_distribution() => {
                format!("no feed here speaks for {}", self.release)
            }
            (None, _) => format!("no feed here speaks for {ecosystem}"),
            (Some(_), [first, ..]) => {
                format!("nobody says anything of it, and only a part of the feed {first} is here")
            }
            (Some(coverage), []) => {
                explanation.outcome = Outcome::NotAffected;
                // What is known by CPE alone may go by another name.
                let by_name = ecosystem == Ecosystem::Generic;
                explanation.confidence = Some(if by_name { Confidence::Low } else { Confidence::High });
                format!("{} speak for it, and none names it", coverage.feeds.join(", "))
            }
        };
        explanation
    }

    fn considered(&self, said: Said<'_>, installed: &Installed<'_>, feed: &str) -> Result<Considered, Damaged> {
        let image = &self.knowledge.image;
        let row = said.row;
        let says = match row.status {
            status::FIXED_IN => format!("fixed in {}", image.text(row.version)?),
            status::AFFECTED | status::AFFECTED_IN => format!("affected: {}", ranges::words(image, row.ranges)?),
            status::NOT_AFFECTED_IN => format!("not affected: {}", ranges::words(image, row.ranges)?),
            _ => vendor_status(row, false)?.as_str().replace('_', " "),
        };
        let coarse = if row.rank & COARSE == 0 { "" } else { " (which part of the package, it does not say)" };
        let says = format!("{says}{coarse}");
        let context = self.surroundings.context(row)?;
        let justification = context.map_or(Ok(""), |context| image.text(context.justification))?.to_owned();
        let entry = installed.entries().first();
        let own = entry.map_or("", |entry| entry.text);
        let word = self.surroundings.word(said, installed, feed)?;
        let (comparison, result) = match &word {
            None => (String::new(), "about another build, module or product".to_owned()),
            Some(word) if !word.affected.is_empty() => {
                (compared(row, own, word, image.text(row.version)?), "affected".to_owned())
            }
            Some(word) if word.open.is_some() => (String::new(), word.open.clone().unwrap_or_default()),
            Some(word) => {
                let result = if word.unaffected.is_empty() { "about other versions" } else { "not affected" };
                (compared(row, own, word, image.text(row.version)?), result.to_owned())
            }
        };
        Ok(Considered {
            feed: feed.to_owned(),
            advisory: image.text(row.advisory)?.to_owned(),
            rank: verdict::rank(row)?,
            status: vendor_status(row, word.as_ref().is_some_and(|word| word.fixed.is_some()))?,
            says,
            comparison,
            result,
            justification,
            overruled: false,
        })
    }
}

/// The statement by which it is not affected: of those of the best rank, first what says so outright.
fn acquitting(considered: &[Considered]) -> Option<&Considered> {
    let acquits = |one: &&Considered| one.result == "not affected" && !one.overruled;
    let outright = |one: &&Considered| (one.status != VendorStatus::NotAffected, one.justification.is_empty());
    considered.iter().filter(acquits).min_by_key(outright)
}

impl Considered {
    fn in_words(&self) -> String {
        let mut words = format!("{} says so in {}: {}", self.feed, self.advisory, self.says);
        if !self.justification.is_empty() {
            words += &format!(" ({})", self.justification);
        }
        if !self.comparison.is_empty() {
            words += &format!(", and {}", self.comparison);
        }
        words
    }
}

fn compared(row: &StatementRow, own: &str, word: &Word, fixed: &str) -> String {
    let within = match row.status {
        status::NOT_AFFECTED_IN => !word.unaffected.is_empty(),
        _ => !word.affected.is_empty(),
    };
    match row.status {
        status::FIXED_IN => format!("{own} {} {fixed}", if within { "<" } else { ">=" }),
        status::AFFECTED | status::AFFECTED_IN | status::NOT_AFFECTED_IN => {
            format!("{own} {} the range", if within { "in" } else { "outside of" })
        }
        _ => String::new(),
    }
}
