//! From a text to a policy: everything that it cannot mean is refused, with its place.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Deserialize;

use super::{Ask, AtLeast, Duty, Pack, Policy, Rule, Threshold, packs};
use crate::cvss::Version;
use crate::filter::{FilterError, Tree};
use crate::priority::Tier;
use crate::priority::maturity::Profile;

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("a policy has at most {TEXT_BYTES_MAX} bytes, and this one has {0}")]
    Long(usize),
    /// Not of the form that policies have; the message names line and column.
    #[error("{0}")]
    Form(String),
    #[error("{place}: {message}")]
    Wrong { place: String, message: String },
    #[error("{place}: {error}\n{}", error.pointer(text))]
    Condition { place: String, text: String, error: FilterError },
}

/// Longest text of a policy.
pub const TEXT_BYTES_MAX: usize = 100 * 1024;
/// The form that is read.
const FORMAT: u32 = 1;
const RULES_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 100;
const WHY_CHARS_MAX: usize = 500;
/// Longest time that a rule gives.
const DAYS_MAX: u16 = 3650;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    name: String,
    exploit_maturity: String,
    cvss_versions: Vec<String>,
    exploited_lists: BTreeSet<String>,
    epss: Vec<EpssDocument>,
    rule: Vec<RuleDocument>,
    #[serde(default)]
    pack: Vec<PackDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EpssDocument {
    model: String,
    from: String,
    probability: Option<f64>,
    percentile: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleDocument {
    id: String,
    tier: Tier,
    due_days: Option<u16>,
    when: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackDocument {
    pub(super) id: String,
    title: Option<String>,
    /// Left out: everywhere.
    when: Option<String>,
    /// Left out: those of the built-in pack of this id.
    #[serde(default)]
    rule: Vec<DutyDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DutyDocument {
    id: String,
    tier: Option<Tier>,
    due_days: Option<u16>,
    when: String,
    why: String,
}

impl Policy {
    /// Reads a policy. An error names the place, and what can stand there.
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(PolicyError::Long(text.len()));
        }
        let document: Document = toml::from_str(text).map_err(|error| PolicyError::Form(error.to_string()))?;
        if document.format != FORMAT {
            let message = format!("is {}, and this Vigie reads {FORMAT}", document.format);
            return Err(wrong("format", message));
        }
        named("name", &document.name)?;
        let rules = rules(document.rule)?;
        let packs = document.pack.into_iter().map(pack).collect::<Result<Vec<Pack>, PolicyError>>()?;
        unique("pack", packs.iter().map(|pack| pack.id.as_str()))?;
        if let Some(list) = document.exploited_lists.iter().find(|list| !is_id(list)) {
            return Err(wrong("exploited_lists", format!("{list:?} is the name of no feed")));
        }
        Ok(Self {
            profile: profile(&document.exploit_maturity)?,
            versions: versions(&document.cvss_versions)?,
            epss: thresholds(document.epss)?,
            name: document.name,
            exploited_lists: document.exploited_lists,
            rules,
            packs,
        })
    }
}

fn profile(word: &str) -> Result<Profile, PolicyError> {
    Profile::ALL.into_iter().find(|profile| profile.as_str() == word).ok_or_else(|| {
        let known = Profile::ALL.map(Profile::as_str).join(" or ");
        wrong("exploit_maturity", format!("{word:?} is no profile: {known}"))
    })
}

fn versions(words: &[String]) -> Result<[Version; 4], PolicyError> {
    let known = || wrong("cvss_versions", "each of \"4.0\", \"3.1\", \"3.0\", \"2.0\" once, best first".to_owned());
    let read = |word: &String| Version::ALL.into_iter().find(|version| version.to_string() == *word).ok_or_else(known);
    let versions: Vec<Version> = words.iter().map(read).collect::<Result<_, _>>()?;
    let is_whole = Version::ALL.iter().all(|version| versions.contains(version));
    versions.try_into().ok().filter(|_| is_whole).ok_or_else(known)
}

fn thresholds(documents: Vec<EpssDocument>) -> Result<Vec<Threshold>, PolicyError> {
    let mut thresholds = Vec::with_capacity(documents.len());
    for document in documents {
        let place = format!("epss of the model {:?}", document.model);
        named(&place, &document.model)?;
        let from: Date = document.from.parse().map_err(|_| {
            wrong(&place, format!("from is {:?}, and is to be a day such as 2026-06-15", document.from))
        })?;
        let at_least = match (document.probability, document.percentile) {
            (Some(bound), None) => AtLeast::Probability(bound),
            (None, Some(bound)) => AtLeast::Percentile(bound),
            _ => return Err(wrong(&place, "say either probability or percentile".to_owned())),
        };
        let (AtLeast::Probability(bound) | AtLeast::Percentile(bound)) = at_least;
        if !(bound > 0.0 && bound <= 1.0) {
            return Err(wrong(&place, format!("{bound} is not above 0 and at most 1")));
        }
        thresholds.push(Threshold { model: document.model, from, at_least });
    }
    thresholds.sort_by_key(|threshold| Reverse(threshold.from));
    unique("epss", thresholds.iter().map(|threshold| threshold.model.as_str()))?;
    if thresholds.is_empty() {
        return Err(wrong("epss", "say at least one threshold: [[epss]]".to_owned()));
    }
    if let Some(pair) = thresholds.windows(2).find(|pair| pair[0].from == pair[1].from) {
        return Err(wrong("epss", format!("{} and {} begin on the same day", pair[0].model, pair[1].model)));
    }
    Ok(thresholds)
}

fn rules(documents: Vec<RuleDocument>) -> Result<Vec<Rule>, PolicyError> {
    let rules = documents.into_iter().map(rule).collect::<Result<Vec<Rule>, PolicyError>>()?;
    unique("rule", rules.iter().map(|rule| rule.id.as_str()))?;
    if rules.len() > RULES_MAX {
        return Err(wrong("rule", format!("a policy has at most {RULES_MAX} rules")));
    }
    let Some((last, others)) = rules.split_last() else {
        return Err(wrong("rule", "say at least one rule: [[rule]]".to_owned()));
    };
    if last.when != Tree::Everything {
        let message = "is the last one, so it has to hold always: when = \"everything\"".to_owned();
        return Err(wrong(&format!("rule {:?}", last.id), message));
    }
    if let Some(early) = others.iter().find(|rule| rule.when == Tree::Everything) {
        let message = "holds always, so the rules behind it never do".to_owned();
        return Err(wrong(&format!("rule {:?}", early.id), message));
    }
    for (place, rule) in rules.iter().enumerate() {
        if let Some(same) = rules[..place].iter().find(|before| before.when == rule.when) {
            let message = format!("asks for the same as {:?} before it, so it never holds", same.id);
            return Err(wrong(&format!("rule {:?}", rule.id), message));
        }
    }
    Ok(rules)
}

fn rule(document: RuleDocument) -> Result<Rule, PolicyError> {
    let place = format!("rule {:?}", document.id);
    let RuleDocument { id, tier, due_days, when, why } = document;
    said(&place, &id, due_days, &why)?;
    Ok(Rule { tier, due_days, when: condition(&place, when)?, why, id })
}

/// A pack of the operator's own, or a built-in one by its id.
pub(super) fn pack(document: PackDocument) -> Result<Pack, PolicyError> {
    let place = format!("pack {:?}", document.id);
    let when = document.when.map_or(Ok(Tree::Everything), |when| condition(&place, when))?;
    if document.rule.is_empty() {
        let known = || packs::built_in().iter().map(|pack| pack.id.as_str()).collect::<Vec<_>>().join(", ");
        let Some(pack) = packs::built_in().iter().find(|pack| pack.id == document.id) else {
            let message = format!("has no rules, and is none of the built-in packs: {}", known());
            return Err(wrong(&place, message));
        };
        let title = document.title.unwrap_or_else(|| pack.title.clone());
        named(&place, &title)?;
        return Ok(Pack { when, title, ..pack.clone() });
    }
    if !is_id(&document.id) {
        return Err(wrong(&place, ID.to_owned()));
    }
    let title = document.title.unwrap_or_else(|| document.id.clone());
    named(&place, &title)?;
    let rules = document.rule.into_iter().map(|duty| self::duty(&place, duty)).collect::<Result<Vec<Duty>, _>>()?;
    unique(&place, rules.iter().map(|duty| duty.id.as_str()))?;
    Ok(Pack { id: document.id, title, when, rules })
}

fn duty(pack: &str, document: DutyDocument) -> Result<Duty, PolicyError> {
    let place = format!("{pack}, rule {:?}", document.id);
    let DutyDocument { id, tier, due_days, when, why } = document;
    said(&place, &id, due_days, &why)?;
    if tier.is_none() && due_days.is_none() {
        return Err(wrong(&place, "say tier, due_days or both: without, it asks for nothing".to_owned()));
    }
    Ok(Duty { tier, due_days, when: condition(&place, when)?, why, id })
}

fn condition(place: &str, text: String) -> Result<Tree<Ask>, PolicyError> {
    let tree: Tree<Ask> = match text.parse() {
        Ok(tree) => tree,
        Err(error) => return Err(PolicyError::Condition { place: place.to_owned(), text, error }),
    };
    if tree == Tree::negated(Tree::Everything) {
        return Err(wrong(place, "never holds: take it out, or say when it does".to_owned()));
    }
    Ok(tree)
}

/// What every rule has.
fn said(place: &str, id: &str, due_days: Option<u16>, why: &str) -> Result<(), PolicyError> {
    if !is_id(id) {
        return Err(wrong(place, ID.to_owned()));
    }
    if due_days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
        return Err(wrong(place, format!("due_days is from 1 to {DAYS_MAX}; leave it out for the next upgrade")));
    }
    if !is_text(why, WHY_CHARS_MAX) {
        return Err(wrong(place, format!("why is to be 1 to {WHY_CHARS_MAX} printable characters")));
    }
    Ok(())
}

const ID: &str = "an id has lower case letters, digits, '-', '_' and '.', at most 60";

fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    (1..=60).contains(&text.len()) && text.bytes().all(fits)
}

fn is_text(text: &str, chars_max: usize) -> bool {
    let count = text.chars().take(chars_max + 1).count();
    !text.trim().is_empty() && count <= chars_max && !text.chars().any(char::is_control)
}

fn named(place: &str, name: &str) -> Result<(), PolicyError> {
    let message = || wrong(place, format!("a name has 1 to {NAME_CHARS_MAX} printable characters"));
    is_text(name, NAME_CHARS_MAX).then_some(()).ok_or_else(message)
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(wrong(what, format!("there are two of {name:?}")));
        }
    }
    Ok(())
}

fn wrong(place: &str, message: String) -> PolicyError {
    PolicyError::Wrong { place: place.to_owned(), message }
}
