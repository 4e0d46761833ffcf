//! What to do first, here, and why; docs/book/src/priorities.md has the rules in words.
//!
//! A pure function of what is known of the flaw, of the asset's context and of the instant: the same arguments give the
//! same verdict. Whatever is missing is named among the reasons and never counts as zero, none or safe.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

pub mod kev;
pub mod exploits;
pub mod maturity;
pub mod epss;
pub mod context;
pub mod ssvc;
pub mod bod;
pub mod report;
pub mod policy;
pub mod replay;
pub mod tier;
mod order;

use crate::advisory::VendorStatus;
use crate::cvss::{Score, Version};
use crate::feed::FeedState;
use crate::scope::Context;
use crate::vulnerability::{ExploitEvidence, ExploitKind, Vulnerability};

use kev::Listing;
use maturity::Rank;
use policy::{Facts, Policy};

/// Everything a priority depends on, apart from the asset's context and the instant.
#[derive(Debug, Clone, Copy)]
pub struct Signals<'a> {
    pub vulnerability: &'a Vulnerability,
    /// Feed id of the advisory that matched: names the vendor.
    pub advisory_source: &'a str,
    pub vendor_status: VendorStatus,
    /// The vendor's own word for how bad it is. Empty: none given.
    pub urgency: &'a str,
    pub evidence: EvidenceState,
}

/// How far the feeds of exploit evidence can be trusted at the instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EvidenceState {
    pub kev: FeedState,
    pub epss: FeedState,
}

/// Our verdict for one finding, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priority {
    pub tier: Tier,
    /// Calendar days that the policy gives. `None`: with the next upgrade.
    pub due_days: Option<u16>,
    /// `None`: nobody has published a usable vector. Unscored, not harmless.
    pub cvss: Option<ContextualCvss>,
    pub maturity: Maturity,
    /// Never empty: the inputs, then the rule that set the tier.
    pub reasons: Vec<Reason>,
    /// Text whose byte order is the order of work: tier, due date, contextual score, EPSS, identifier.
    pub order_key: String,
}

/// How soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tier {
    P0,
    P1,
    P2,
    P3,
    P4,
}

/// What is known of exploitation, in CVSS 4.0's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Maturity {
    /// Not searched: a source is missing or too old, or the flaw is too young. Scored as the worst case.
    NotDefined,
    /// Searched, nothing found.
    Unreported,
    ProofOfConcept,
    Attacked,
}

/// The scores of the vector that counts, without and with what we know of exploitation and of the asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextualCvss {
    pub version: Version,
    /// As published.
    pub vector: String,
    /// Who published it.
    pub source: String,
    pub b: Score,
    /// With exploit maturity.
    pub bt: Score,
    /// With the asset's requirements and its modified attack vector.
    pub be: Score,
    /// With both: the contextual score.
    pub bte: Score,
}

/// One input or one rule behind a priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable identifier: `kev.listed`, `tier.p0` …
    pub rule: Cow<'static, str>,
    pub text: Cow<'static, str>,
    /// The feed or scope it comes from. `None`: a rule of the policy.
    pub source: Option<Cow<'static, str>>,
    /// The day of the input.
    pub date: Option<Date>,
}

/// Judges one finding. Evidence dated after the instant does not count.
pub fn prioritize(policy: &Policy, signals: &Signals<'_>, context: &Context, at: Timestamp) -> Priority {
    let vulnerability = signals.vulnerability;
    let today = Offset::UTC.to_datetime(at).date();
    let mut reasons = Vec::with_capacity(12);
    if vulnerability.rejected {
        reasons.push(Reason::rule("vulnerability.rejected", "withdrawn by its publisher, and still in the advisory"));
    }

    let published = ssvc::published(vulnerability, at, &mut reasons);
    let listing = kev::listing(vulnerability, signals.evidence.kev, today, &mut reasons);
    let exploits = exploits::strongest(vulnerability, today, &mut reasons).and_then(exploits::rank);
    let rank = maturity::rank(&listing, published, exploits, vulnerability.published_at, at);
    maturity::explain(rank, &listing, policy.profile, &mut reasons);
    let epss = epss::read(policy, vulnerability, signals.evidence.epss, today, &mut reasons);
    let scored = context::score(policy, vulnerability, context, rank, &mut reasons);
    let vector = scored.as_ref().map(|scored| &scored.base);
    let answers = ssvc::answers(published, vector, &mut reasons);
    context::explain_exposure(context, &mut reasons);
    explain_vendor(signals, &mut reasons);

    let in_lists = lists(vulnerability, &listing, today);
    let facts = Facts {
        listed: in_lists.iter().any(|list| policy.exploited_lists.contains(*list))
            // The list cannot be asked, so the other word of exploitation stands for it.
            || (listing == Listing::Unknown && rank >= Rank::Reported),
        lists: in_lists,
        rank,
        answers,
        network: vector.map(context::is_network),
        exposure: context.exposure,
        human_impact: ssvc::human_impact(context),
        contextual: scored.as_ref().map(|scored| scored.cvss.bte),
        published: scored.as_ref().map(|scored| scored.cvss.b),
        threshold_tenths: context.threshold_tenths,
        epss,
        vendor_status: signals.vendor_status,
        urgency: signals.urgency,
        report: report::of_own_rule(signals),
        scopes: &context.scopes,
    };
    let (tier, due_days) = tier::decide(policy, &facts, signals.advisory_source, &mut reasons);
    let order_key = order::key(tier, due_days, &facts, &vulnerability.id);
    Priority {
        tier,
        due_days,
        cvss: scored.map(|scored| scored.cvss),
        maturity: rank.maturity(policy.profile),
        reasons,
        order_key,
    }
}

/// The lists that named a flaw on a day, and the other sources that knew of exploits.
fn lists<'a>(vulnerability: &'a Vulnerability, listing: &Listing<'_>, today: Date) -> Vec<&'a str> {
    let known = |exploit: &&ExploitEvidence| {
        exploit.kind != ExploitKind::Notice && exploit.since.is_none_or(|since| since <= today)
    };
    let mut lists: Vec<&str> =
        vulnerability.exploits.iter().filter(known).map(|exploit| exploit.source.as_str()).collect();
    if matches!(listing, Listing::Listed(_)) {
        lists.push(kev::SOURCE);
    }
    lists.sort_unstable();
    lists.dedup();
    lists
}

fn explain_vendor(signals: &Signals<'_>, reasons: &mut Vec<Reason>) {
    let text = match signals.vendor_status {
        VendorStatus::Reported | VendorStatus::Suppressed => return report::explain(signals, reasons),
        VendorStatus::FixedIn | VendorStatus::NotAffected => return,
        VendorStatus::Open => "the vendor has no fix yet: mitigate or remove",
        VendorStatus::Postponed => "the vendor fixes it with a later update",
        VendorStatus::Ignored => "the vendor plans no fix: mitigate or remove",
        VendorStatus::EndOfLife => "the vendor no longer looks after this package: replace it",
        VendorStatus::Undetermined => "the vendor does not know whether it is affected",
    };
    reasons.push(Reason::input("vendor.status", text, signals.advisory_source.to_owned(), None));
}

impl Reason {
    /// Something a feed, a vendor or a scope says.
    pub(crate) fn input(
        rule: &'static str,
        text: impl Into<Cow<'static, str>>,
        source: impl Into<Cow<'static, str>>,
        date: Option<Date>,
    ) -> Self {
        Self { rule: Cow::Borrowed(rule), text: text.into(), source: Some(source.into()), date }
    }

    /// Something that follows from the inputs.
    pub(crate) fn rule(rule: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { rule: Cow::Borrowed(rule), text: text.into(), source: None, date: None }
    }
}

impl Tier {
    pub const ALL: [Self; 5] = [Self::P0, Self::P1, Self::P2, Self::P3, Self::P4];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P0 => "P0",
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::P4 => "P4",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Maturity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotDefined => "not_defined",
            Self::Unreported => "unreported",
            Self::ProofOfConcept => "proof_of_concept",
            Self::Attacked => "attacked",
        }
    }
}
