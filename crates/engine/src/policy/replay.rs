//! The honest test of a policy: what it would have put first on a day, by what was known then, against what was found to be
//! exploited afterwards. docs/replay.md has a run on public data, and what such a run can and cannot say.

use std::collections::HashSet;

use anyhow::Context as _;
use domain::advisory::VendorStatus;
use domain::exposure::Exposure;
use domain::feed::{FeedSnapshot, FeedState};
use domain::priority::bod::{self, Outcome};
use domain::priority::context::published_score;
use domain::priority::maturity::Rank;
use domain::priority::policy::Policy;
use domain::priority::replay::{self, Chosen, Interval, Worth};
use domain::priority::ssvc::{self, Answers, Coordinated, HumanImpact};
use domain::priority::{EvidenceState, Priority, Signals, Tier, prioritize};
use domain::scope::Context;
use domain::vulnerability::{ExploitKind, Exploitation, Vulnerability};
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use knowledge::Knowledge;

use crate::Invalid;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The day as of which is judged.
    pub cut: Timestamp,
    /// How long afterwards an exploitation counts.
    pub days: u16,
    pub population: Population,
    pub label: Label,
}

/// Which flaws are looked at: published by then, not rejected, and not known to be exploited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Population {
    /// Published in the year before.
    Fresh,
    All,
}

/// What counts as found to be exploited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Added to CISA's list.
    Kev,
    /// Added to any list of exploited flaws.
    AnyList,
}

/// How the rules would have done.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    pub question: Question,
    pub flaws: usize,
    /// Found to be exploited afterwards.
    pub exploited: usize,
    /// Known to be exploited on the day already: no rule is praised for these.
    pub known: usize,
    /// Of all that are looked at, how many had what.
    pub scored: usize,
    pub with_epss: usize,
    pub with_ssvc: usize,
    pub strategies: Vec<Outcomes>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcomes {
    pub name: String,
    pub worth: Option<Worth>,
    /// Coverage at [`EFFORTS`].
    pub at: Vec<Option<Interval>>,
    /// How much more the policy covers at the same efforts. `None`: nothing to compare.
    pub behind: Vec<Option<Interval>>,
    pub area: Option<f64>,
    /// Median of the days from the cut to the listing, of what was flagged. `None`: nothing of it was.
    pub lead_days: Option<i64>,
}

/// Shares of all flaws that are worked on.
pub const EFFORTS: [f64; 5] = [0.01, 0.05, 0.10, 0.15, 0.27];

const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// One flaw as it was known on the day.
struct Case {
    flaw: Vulnerability,
    priority: Priority,
    /// When it was listed, if within the time that is looked at.
    listed: Option<Date>,
}

/// A rule: its name, what it flags, and in which order it works (the lowest number first).
struct Strategy<'a> {
    name: String,
    flags: Box<dyn Fn(&Case) -> bool + 'a>,
    order: Box<dyn Fn(&Case) -> u64 + 'a>,
}

/// Plays the day again with one policy, beside the rules that others use.
pub fn replay(knowledge: &Knowledge, policy: &Policy, question: Question) -> anyhow::Result<Replay> {
    let cut = day(question.cut);
    let end = day(question.cut.checked_add(SignedDuration::from_hours(24 * i64::from(question.days)))?);
    let newest = knowledge.feeds().iter().find(|feed| feed.id == "kev").and_then(dated).map(day);
    if newest.is_none_or(|newest| newest < end) {
        let have = newest.map_or("no such list is here".to_owned(), |newest| format!("the list here is of {newest}"));
        return Err(Invalid(format!("what was exploited until {end} cannot be known: {have}")).into());
    }
    let (mut cases, mut known) = (Vec::new(), 0);
    for flaw in knowledge.vulnerabilities_at(question.cut).context("read the knowledge file")? {
        let Some(published) = flaw.published_at.filter(|published| *published <= question.cut) else { continue };
        let is_old = question.population == Population::Fresh && question.cut.duration_since(published) > YEAR;
        if flaw.rejected || is_old || !flaw.id.is_cve() {
            continue;
        }
        let listed = listed(&flaw, question.label);
        if listed.is_some_and(|listed| listed <= cut) {
            known += 1;
            continue;
        }
        let listed = listed.filter(|listed| *listed <= end);
        cases.push(Case { priority: judge(policy, &flaw, question.cut), flaw, listed });
    }
    let strategies = strategies(policy, question.cut);
    let ours: Vec<Chosen> = choose(&cases, &strategies[0]);
    Ok(Replay {
        question,
        flaws: cases.len(),
        exploited: cases.iter().filter(|case| case.listed.is_some()).count(),
        known,
        scored: cases.iter().filter(|case| published_score(policy, &case.flaw).is_some()).count(),
        with_epss: cases.iter().filter(|case| epss(case, cut).is_some()).count(),
        with_ssvc: cases.iter().filter(|case| case.flaw.ssvc.is_some_and(|ssvc| ssvc.at <= question.cut)).count(),
        strategies: strategies.iter().map(|strategy| outcomes(&cases, strategy, (&ours, cut))).collect(),
    })
}

fn outcomes(cases: &[Case], strategy: &Strategy<'_>, (ours, cut): (&[Chosen], Date)) -> Outcomes {
    let chosen = choose(cases, strategy);
    let hits = cases.iter().zip(&chosen).filter(|(_, chosen)| chosen.flagged).filter_map(|(case, _)| case.listed);
    let mut leads: Vec<i64> = hits.map(|listed| i64::from((listed - cut).get_days())).collect();
    leads.sort_unstable();
    Outcomes {
        name: strategy.name.clone(),
        worth: replay::worth(&chosen),
        at: EFFORTS.map(|effort| replay::coverage_at(&chosen, effort)).to_vec(),
        behind: EFFORTS.map(|effort| replay::difference_at(ours, &chosen, effort)).to_vec(),
        area: replay::area(&chosen),
        lead_days: leads.get(leads.len() / 2).copied(),
    }
}

fn choose(cases: &[Case], strategy: &Strategy<'_>) -> Vec<Chosen> {
    let chosen = |case: &Case| Chosen {
        exploited: case.listed.is_some(),
        flagged: (strategy.flags)(case),
        place: (strategy.order)(case),
    };
    cases.iter().map(chosen).collect()
}

/// When a flaw was first listed as exploited.
fn listed(flaw: &Vulnerability, label: Label) -> Option<Date> {
    let by_others = flaw.exploits.iter().filter(|exploit| exploit.kind >= ExploitKind::Exploited);
    let by_others = by_others.filter_map(|exploit| exploit.since).filter(|_| label == Label::AnyList);
    flaw.kev.as_ref().map(|kev| kev.added).into_iter().chain(by_others).min()
}

/// As on an asset that can be reached from the internet, of which nobody has said what it is worth. What becomes known later does
/// not count: see [`prioritize`].
fn judge(policy: &Policy, flaw: &Vulnerability, cut: Timestamp) -> Priority {
    let evidence = EvidenceState { kev: FeedState::Fresh, epss: FeedState::Fresh };
    let signals = Signals {
        vulnerability: flaw,
        advisory_source: "",
        vendor_status: VendorStatus::FixedIn,
        urgency: "",
        evidence,
    };
    prioritize(policy, &signals, &Context { exposure: Exposure::Internet, ..Context::none() }, cut)
}

/// The policy first, then what others use.
fn strategies(policy: &Policy, cut: Timestamp) -> Vec<Strategy<'_>> {
    let today = day(cut);
    let tier = |most: Tier| move |case: &Case| case.priority.tier <= most;
    let at_least = move |bound: u8| move |case: &Case| tenths(policy, case) >= Some(bound);
    let by_score = move |case: &Case| u64::from(100 - tenths(policy, case).unwrap_or(0));
    let likely = move |bound: f64| move |case: &Case| epss(case, today).is_some_and(|score| score >= bound);
    let by_epss = move |case: &Case| 1_000_000 - (epss(case, today).unwrap_or(0.0) * 1e6) as u64;
    let row = move |exposed: bool| {
        move |case: &Case| {
            let answers = answers(policy, case, cut);
            let [automatable, total] =
                [answers.automatable, answers.technical_impact_total].map(|a| a.unwrap_or(false));
            bod::outcome(false, exposed, automatable, total)
        }
    };
    let (outside, inside) = (row(true), row(false));
    let within = |row: Outcome| row <= Outcome::FourteenDays;
    let tree = move |case: &Case| ssvc::coordinator(rank(case, cut), answers(policy, case, cut), HumanImpact::Medium);
    let template = move |case: &Case| {
        let known = |since: Option<Date>| since.is_none_or(|since| since <= today);
        case.flaw.exploits.iter().any(|exploit| exploit.source == "nuclei" && known(exploit.since))
    };
    let first = |flags: bool| u64::from(!flags);
    let name = |text: &str| text.to_owned();
    vec![
        Strategy {
            name: format!("policy {:?}: P0 and P1", policy.name),
            flags: Box::new(tier(Tier::P1)),
            order: Box::new(place),
        },
        Strategy {
            name: format!("policy {:?}: P0 to P2", policy.name),
            flags: Box::new(tier(Tier::P2)),
            order: Box::new(place),
        },
        Strategy { name: name("CVSS >= 7"), flags: Box::new(at_least(70)), order: Box::new(by_score) },
        Strategy { name: name("CVSS >= 9"), flags: Box::new(at_least(90)), order: Box::new(by_score) },
        Strategy { name: name("EPSS >= 0.1"), flags: Box::new(likely(0.1)), order: Box::new(by_epss) },
        Strategy {
            name: name("EPSS >= 0.088, then CVSS"),
            flags: Box::new(move |case| likely(0.088)(case) && at_least(70)(case)),
            order: Box::new(move |case| u64::from(!likely(0.088)(case)) * 1000 + by_score(case)),
        },
        Strategy {
            name: name("BOD 26-04 within 14 days, exposed"),
            flags: Box::new(move |case| within(outside(case))),
            order: Box::new(move |case| outside(case) as u64),
        },
        Strategy {
            name: name("BOD 26-04 within 14 days, internal"),
            flags: Box::new(move |case| within(inside(case))),
            order: Box::new(move |case| inside(case) as u64),
        },
        Strategy {
            name: name("SSVC, CISA's tree: attend or act"),
            flags: Box::new(move |case| tree(case) >= Coordinated::Attend),
            order: Box::new(move |case| 3 - tree(case) as u64),
        },
        Strategy {
            name: name("a nuclei template exists"),
            flags: Box::new(template),
            order: Box::new(move |case| first(template(case))),
        },
    ]
}

/// The order of work without the identifier: what is equal so far is equal here.
fn place(case: &Case) -> u64 {
    let key = case.priority.order_key.as_str();
    let numbers = key.get(..key.len() - case.flaw.id.as_str().len()).unwrap_or(key);
    numbers.bytes().filter(u8::is_ascii_digit).fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0'))
}

fn tenths(policy: &Policy, case: &Case) -> Option<u8> {
    published_score(policy, &case.flaw).map(domain::cvss::Score::tenths)
}

fn epss(case: &Case, today: Date) -> Option<f64> {
    case.flaw.epss.filter(|epss| epss.date <= today).map(|epss| epss.probability)
}

fn answers(policy: &Policy, case: &Case, cut: Timestamp) -> Answers {
    let published = case.flaw.ssvc.as_ref().filter(|ssvc| ssvc.at <= cut);
    let vector = domain::priority::context::best(policy, &case.flaw);
    ssvc::answers(published, vector.as_ref(), &mut Vec::new())
}

/// What CISA's answer says of attacks, as of the day.
fn rank(case: &Case, cut: Timestamp) -> Rank {
    match case.flaw.ssvc.filter(|ssvc| ssvc.at <= cut).map(|ssvc| ssvc.exploitation) {
        Some(Exploitation::Active) => Rank::Reported,
        Some(Exploitation::Poc) => Rank::PublicProof,
        Some(Exploitation::None) => Rank::NothingFound,
        None => Rank::NotSearched,
    }
}

fn day(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

/// Of when a feed is, by its publisher's word where there is one.
fn dated(feed: &FeedSnapshot) -> Option<Timestamp> {
    feed.published_at.or(feed.fetched_at)
}

/// Evidence that carries no dates: what was added after the cut counts as if it had been known.
pub fn undated(knowledge: &Knowledge, cut: Timestamp) -> Vec<String> {
    let by_days: HashSet<&str> = ["kev", "epss"].into();
    let newer = knowledge.feeds().iter().filter(|feed| !by_days.contains(feed.id.as_str()) && feed.record_count > 0);
    let newer = newer.filter_map(|feed| Some((feed, dated(feed)?))).filter(|(_, at)| day(*at) > day(cut));
    newer
        .map(|(feed, at)| {
            format!(
                "{} is of {}: what it added since the cut counts as known, where it carries no date",
                feed.id,
                day(at)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
