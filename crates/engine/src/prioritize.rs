//! Prioritize: joins a match with what is known of the flaw and of the asset, and judges.
//!
//! Pure: a verdict depends on the knowledge file, the context and the instant, and on nothing else.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::advisory::VendorStatus;
use domain::component::{Ecosystem, Release};
use domain::feed::{FeedSnapshot, FeedState};
use domain::inventory::Inventory;
use domain::priority::policy::Policy;
use domain::priority::{EvidenceState, Priority, Signals, prioritize};
use domain::scope::Context;
use domain::verdict::{Match, Undecided, UndecidedKind};
use domain::vulnerability::{Vulnerability, VulnerabilityId};
use jiff::Timestamp;
use knowledge::{Knowledge, Matches};

/// One match with its flaw and its priority.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub matched: Match,
    pub vulnerability: Arc<Vulnerability>,
    pub priority: Arc<Priority>,
    /// Whether the list of exploited vulnerabilities is whole and young: only then is "not listed" known.
    pub kev_known: bool,
    /// Where people read the advisory.
    pub url: String,
}

/// Everything that a verdict depends on within one knowledge file and one instant.
type VerdictKey = (VulnerabilityId, String, VendorStatus, String, Context);

/// What an advisory says of a flaw in one package.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// Feed id of the advisory.
    pub source: &'a str,
    pub vendor_status: VendorStatus,
    /// The vendor's own word for how bad it is. Empty: none given.
    pub urgency: &'a str,
}

/// Judges many matches; verdicts on the same flaw in the same context are made once.
pub struct Judge<'a> {
    knowledge: Option<&'a Knowledge>,
    policy: &'a Policy,
    evidence: EvidenceState,
    at: Timestamp,
    flaws: HashMap<VulnerabilityId, Arc<Vulnerability>>,
    verdicts: HashMap<VerdictKey, Arc<Priority>>,
}

impl<'a> Judge<'a> {
    /// Without a knowledge file nothing is known of any flaw, which is a normal state.
    pub fn new(knowledge: Option<&'a Knowledge>, policy: &'a Policy, at: Timestamp) -> Self {
        let evidence = evidence(knowledge, at);
        Self { knowledge, policy, evidence, at, flaws: HashMap::new(), verdicts: HashMap::new() }
    }

    pub fn judge(&mut self, matched: Match, context: &Context) -> Judged {
        let vulnerability = self.flaw(&matched.vulnerability);
        let key = (
            matched.vulnerability.clone(),
            matched.source.clone(),
            matched.vendor_status,
            matched.urgency.clone(),
            context.clone(),
        );
        let priority = match self.verdicts.get(&key) {
            Some(priority) => Arc::clone(priority),
            None => {
                let words =
                    Words { source: &matched.source, vendor_status: matched.vendor_status, urgency: &matched.urgency };
                let priority = Arc::new(self.verdict(&vulnerability, words, context));
                self.verdicts.insert(key, Arc::clone(&priority));
                priority
            }
        };
        let kev_known = self.kev_known();
        let url = feeds::advisory_url(&matched.source, &matched.advisory);
        Judged { matched, vulnerability, priority, kev_known, url }
    }

    /// Everything known of a flaw; an unknown one is bare, which is a normal state.
    pub fn flaw(&mut self, id: &VulnerabilityId) -> Arc<Vulnerability> {
        if let Some(flaw) = self.flaws.get(id) {
            return Arc::clone(flaw);
        }
        let flaw = Arc::new(self.known(id));
        self.flaws.insert(id.clone(), Arc::clone(&flaw));
        flaw
    }

    /// The same, without remembering it: for whoever keeps verdicts of millions.
    pub fn known(&self, id: &VulnerabilityId) -> Vulnerability {
        let known = self.knowledge.and_then(|knowledge| knowledge.vulnerability_at(id.as_str(), self.at));
        known.unwrap_or_else(|| Vulnerability::bare(id.clone()))
    }

    /// The priority of one flaw by the words of one advisory in one context, without remembering it.
    pub fn verdict(&self, vulnerability: &Vulnerability, words: Words<'_>, context: &Context) -> Priority {
        let Words { source, vendor_status, urgency } = words;
        let evidence = self.evidence;
        let signals = Signals { vulnerability, advisory_source: source, vendor_status, urgency, evidence };
        prioritize(self.policy, &signals, context, self.at)
    }

    /// By which rules it judges.
    pub const fn policy(&self) -> &Policy {
        self.policy
    }

    /// As of when it judges.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether the list of exploited vulnerabilities is whole and young: only then is "not listed" known.
    pub fn kev_known(&self) -> bool {
        self.evidence.kev == FeedState::Fresh
    }
}

/// How far the feeds of exploit evidence can be trusted at an instant.
pub fn evidence(knowledge: Option<&Knowledge>, at: Timestamp) -> EvidenceState {
    let feeds = knowledge.map(Knowledge::feeds).unwrap_or_default();
    let state = |id: &str| state_of(feeds, id, at);
    EvidenceState { kev: state("kev"), epss: state("epss") }
}

/// The state of one feed at an instant; a feed without a snapshot was never fetched.
pub fn state_of(feeds: &[FeedSnapshot], id: &str, at: Timestamp) -> FeedState {
    feeds.iter().find(|feed| feed.id == id).map_or(FeedState::Never, |feed| feed.state(at))
}

/// Everything that keeps this evaluation from proving an asset clean, worst first.
pub fn undecided(feeds: &[FeedSnapshot], inventory: &Inventory, matches: &Matches, at: Timestamp) -> Vec<Undecided> {
    let mut entries = feed_entries(feeds, inventory, matches, at);
    entries.extend(matches.undecided().cloned());
    entries.extend(inventory.gaps.iter().map(|gap| Undecided {
        kind: UndecidedKind::Inventory,
        subject: gap.subject.clone(),
        vulnerability: None,
        reason: gap.reason.clone(),
    }));
    entries.sort();
    entries.dedup();
    entries
}

/// The feeds that this inventory's verdicts need and that cannot be fully trusted.
fn feed_entries(feeds: &[FeedSnapshot], inventory: &Inventory, matches: &Matches, at: Timestamp) -> Vec<Undecided> {
    let ecosystems: BTreeSet<Ecosystem> = inventory.components.iter().flatten().map(|c| c.ecosystem).collect();
    let none = Release::none();
    let release = inventory.platform.release.as_ref().unwrap_or(&none);
    // A system whose packages could not be read is judged by the feed of its distribution all the same.
    let of_platform = if ecosystems.is_empty() { Some(Ecosystem::Deb) } else { None };
    let needed = ecosystems.into_iter().chain(of_platform).flat_map(|e| feeds::advisory_feeds(e, release));
    // What an operator names speaks as well: providers of CSAF, statements of one's own.
    let ids: BTreeSet<&str> = needed.copied().chain(matches.speaking.iter().map(String::as_str)).collect();
    ids.into_iter().filter_map(|id| feed_entry(id, feeds, at)).collect()
}

fn feed_entry(id: &str, feeds: &[FeedSnapshot], at: Timestamp) -> Option<Undecided> {
    let state = state_of(feeds, id, at);
    let lack = feeds.iter().find(|feed| feed.id == id).map(|feed| feed.lack.as_str()).unwrap_or_default();
    let reason = match state {
        FeedState::Fresh => return None,
        FeedState::Never => "the feed was never fetched, so no package can be judged by it: run `vigie feeds sync`",
        FeedState::Empty => "the feed holds no record, so no package can be judged by it",
        FeedState::Failed => "the latest fetch failed; newer advisories may be missing",
        FeedState::Partial => "the feed holds only a part of what its publisher has",
        FeedState::Stale => "the feed is too old; newer advisories may be missing",
    };
    Some(Undecided {
        kind: UndecidedKind::Feed,
        subject: id.to_owned(),
        vulnerability: None,
        reason: if lack.is_empty() {
            format!("{}: {reason}", state.as_str())
        } else {
            format!("{}: {reason}: {lack}", state.as_str())
        },
    })
}

#[cfg(test)]
mod tests {
    use domain::component::Component;
    use domain::inventory::Platform;

    use super::*;

    #[test]
    fn every_feed_that_speaks_has_to_be_fresh() {
        let at: Timestamp = "2024-01-13T08:00:00Z".parse().unwrap();
        let component = Component { ecosystem: Ecosystem::Cargo, ..Component::default() };
        let platform = Platform { name: String::new(), release: None, architecture: None };
        let inventory = Inventory { components: Some(vec![Arc::new(component)]), ..Inventory::of(platform) };
        let feed = |id: &str, day: &str| FeedSnapshot {
            fetched_at: Some(format!("2024-01-{day}T08:00:00Z").parse().unwrap()),
            record_count: 1,
            ..FeedSnapshot::never(id)
        };
        let feeds = [feed("csaf-example.org", "10"), feed("osv", "13"), feed("rustsec", "13")];
        let matches = |speaking: &[&str]| Matches {
            speaking: speaking.iter().map(|id| (*id).to_owned()).collect(),
            ..Matches::default()
        };
        assert_eq!(undecided(&feeds, &inventory, &matches(&["osv", "rustsec"]), at), []);
        let open = undecided(&feeds, &inventory, &matches(&["csaf-example.org", "rustsec"]), at);
        let said: Vec<_> = open.iter().map(|entry| (entry.subject.as_str(), entry.reason.as_str())).collect();
        assert_eq!(said, [("csaf-example.org", "stale: the feed is too old; newer advisories may be missing")]);
    }
}
