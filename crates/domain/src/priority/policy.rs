//! How priorities are set: data that people edit, in versions; docs/book/src/policies.md has the language in words.
//!
//! A policy is a text ([`Policy::read`]). The one that is used where nobody has saved another is `policy/default.toml`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::civil::Date;

use super::Tier;
use super::maturity::Profile;
use crate::cvss::Version;
use crate::filter::Tree;

mod ask;
mod facts;
mod packs;
mod read;

pub use ask::{Ask, Name, Word};
pub use facts::Facts;
pub use packs::built_in;
pub use read::{PolicyError, TEXT_BYTES_MAX};

/// The choices that verdicts depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub name: String,
    /// What counts as exploit maturity "attacked".
    pub profile: Profile,
    /// The version to rank by where a flaw has vectors of several, best first.
    pub versions: [Version; 4],
    /// Whose lists say that a flaw is exploited: `kev` is CISA's, others are feeds or lists of the operator's own.
    pub exploited_lists: BTreeSet<String>,
    /// Newest first; never empty.
    pub epss: Vec<Threshold>,
    /// The first one that holds decides. Never empty, and the last one holds always.
    pub rules: Vec<Rule>,
    /// What duties ask for on top: they tighten and never loosen.
    pub packs: Vec<Pack>,
}

/// From which probability on exploitation counts as likely, by one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// As the publisher calls the model: a probability of another model means something else.
    pub model: String,
    /// First day of its scores.
    pub from: Date,
    pub at_least: AtLeast,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AtLeast {
    Probability(f64),
    /// Of all that were scored on that day, from 0 to 1.
    Percentile(f64),
}

/// One line of the table of tiers.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Stable: `p0.bod_three_days`.
    pub id: String,
    pub tier: Tier,
    /// Calendar days. `None`: with the next upgrade.
    pub due_days: Option<u16>,
    pub when: Tree<Ask>,
    /// For people.
    pub why: String,
}

/// What one duty asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    pub id: String,
    pub title: String,
    /// Where the duty holds at all.
    pub when: Tree<Ask>,
    /// The first one that holds speaks.
    pub rules: Vec<Duty>,
}

/// One line of a pack.
#[derive(Debug, Clone, PartialEq)]
pub struct Duty {
    pub id: String,
    /// At least this tier. `None`: it says nothing of it.
    pub tier: Option<Tier>,
    /// At most so many calendar days. `None`: it says nothing of it.
    pub due_days: Option<u16>,
    pub when: Tree<Ask>,
    pub why: String,
}

static DEFAULT: LazyLock<Policy> = LazyLock::new(|| match Policy::read(Policy::DEFAULT_TEXT) {
    Ok(policy) => policy,
    // A test reads it.
    Err(error) => unreachable!("the built-in policy is refused: {error}"),
});

impl Rule {
    /// Whether it rests on a word of the vendor.
    pub(super) fn asks_the_vendor(&self) -> bool {
        self.when.any_condition(&|ask| matches!(ask, Ask::Name(Name::Urgency, _) | Ask::Is(Word::Vendor, _)))
    }
}

impl Policy {
    /// What is used where nobody has saved another one.
    pub const DEFAULT_TEXT: &'static str = include_str!("policy/default.toml");

    /// The same, read.
    pub fn built_in() -> &'static Self {
        &DEFAULT
    }

    /// The threshold of a model's scores of a day; of a day before all of them, the oldest one.
    pub fn threshold(&self, day: Date) -> &Threshold {
        let newest = self.epss.iter().find(|threshold| threshold.from <= day);
        newest.or(self.epss.last()).expect("a policy has a threshold: it is refused without")
    }
}

#[cfg(test)]
mod tests;
