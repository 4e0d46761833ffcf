//! When an asset has ended: by its kind, from when anything was last in touch with it, and from who looked for it in vain.
//!
//! Three things that look alike are kept apart. It is *gone* where whoever owns it says so; it has *expired* where the time
//! that its kind may be silent is over; and it is *unreachable* where it was looked for and did not answer, which proves nothing
//! yet. A look that failed is no look, and what nobody looks for is there.

use std::collections::BTreeSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::sweep::Miss;
use crate::{identity, listing};

/// What kind of thing an asset is, as far as its end is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A virtual machine that its owner lists.
    Instance,
    /// A container that its platform lists.
    Container,
    /// A version of a function that its platform lists.
    Function,
    /// Inspected from inside, or one whose agent calls.
    Inspected,
    /// Known by how it answers in the network alone.
    Scanned,
    /// A name that is resolved.
    Name,
    /// Made for one job, as a tag says.
    ShortLived,
    /// Only people, or other tools, tell of it: their word stands until they take it back.
    Declared,
}

/// How an asset ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Whoever owns it says so.
    Gone,
    /// The time without any contact that its kind may have is over.
    Expired,
}

/// Where an asset stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Present,
    /// It was looked for and did not answer, not long or not often enough to say more.
    Unreachable {
        /// The last contact.
        since: Timestamp,
    },
    Retire {
        ending: Ending,
        /// For people.
        because: String,
    },
}

/// What tells the kind of an asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traits {
    /// Who made its records.
    pub sources: BTreeSet<identity::Source>,
    /// What it is listed as.
    pub listed: BTreeSet<listing::Kind>,
    pub tags: Vec<String>,
    /// An inspection read its software.
    pub is_inspected: bool,
    /// A discovery source saw it.
    pub is_sighted: bool,
}

/// Who was in touch with an asset, and who was not although it looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contacts {
    /// The latest time that anything was in touch with it.
    pub last_at: Timestamp,
    /// The latest listing that had it. Its owner says that it is there, which is not that it answers.
    pub listed_at: Option<Timestamp>,
    /// Whoever owns it said then that it has ended.
    pub gone_at: Option<Timestamp>,
    /// Whole sweeps that did not meet it.
    pub misses: Vec<Miss>,
    /// Full listings of its kind, by all that had listed it, in which it is missing.
    pub unlisted: Vec<Miss>,
    /// Tries to look inside at which nothing answered.
    pub tries: Tries,
}

/// Tries to look inside that nothing answered, since something did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tries {
    /// There is no way in: it calls by itself, or is told of.
    Nobody,
    /// Nothing was tried in vain.
    None,
    Unanswered {
        first_at: Timestamp,
        last_at: Timestamp,
    },
}

/// For how long each kind may be silent. `None`: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// An inspected asset is shown as unreachable after this time, whoever looked for it.
    pub inspected_unreachable: SignedDuration,
    pub inspected: Option<SignedDuration>,
    pub scanned: Option<SignedDuration>,
    /// Sweeps in a row that a scanned asset must not have answered to.
    pub scanned_sweeps: usize,
    pub short_lived: Option<SignedDuration>,
}

/// Tags of what is made for one job.
pub const SHORT_LIVED_TAGS: [&str; 2] = ["ci-runner", "test-vm"];

/// Full listings in a row in which a thing is missing: one may have been asked at the wrong moment.
const LISTINGS_MIN: usize = 2;

/// What resolvers and registries say may be wrong for a while.
const SETTLED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Somebody who looks again only after a long pause must have tried for so long.
const TRIED_MIN: SignedDuration = SignedDuration::from_hours(24);

impl Default for Policy {
    fn default() -> Self {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        Self {
            inspected_unreachable: days(45),
            inspected: Some(days(90)),
            scanned: Some(days(14)),
            scanned_sweeps: 3,
            short_lived: Some(days(1)),
        }
    }
}

impl Kind {
    /// The kind of an asset: what people say of it first, then whoever knows best when it ends.
    pub fn of(traits: &Traits) -> Self {
        let told_by = |source: identity::Source| traits.sources.contains(&source);
        let is_listed_as = |kind: listing::Kind| traits.listed.contains(&kind);
        if traits.tags.iter().any(|tag| SHORT_LIVED_TAGS.contains(&tag.as_str())) {
            Self::ShortLived
        } else if is_listed_as(listing::Kind::Container) {
            Self::Container
        } else if is_listed_as(listing::Kind::Function) {
            Self::Function
        } else if is_listed_as(listing::Kind::Instance) {
            Self::Instance
        } else if traits.is_inspected || told_by(identity::Source::Agent) || told_by(identity::Source::Inspection) {
            Self::Inspected
        } else if traits.is_sighted || told_by(identity::Source::NetworkScan) {
            Self::Scanned
        } else if is_listed_as(listing::Kind::Name) {
            Self::Name
        } else {
            Self::Declared
        }
    }
}

impl Kind {
    /// Whether what is listed as such says anything of its end. A name may outlive what it leads to, and the other way round: of
    /// anything but a name it says nothing.
    pub fn ends_with(self, listed: listing::Kind) -> bool {
        listed != listing::Kind::Name || self == Self::Name
    }

    /// Whether its owner's listings prove its end, and nothing else does.
    const fn ends_by_listings(self) -> bool {
        matches!(self, Self::Instance | Self::Container | Self::Function | Self::Name)
    }
}

impl Contacts {
    /// Where an asset of a kind stands at an instant. The same contacts never lead back: what is to be retired at one instant is at
    /// every later one.
    pub fn standing(&self, kind: Kind, policy: &Policy, now: Timestamp) -> Standing {
        if self.gone_at.is_some_and(|gone_at| gone_at >= self.last_at && gone_at <= now) {
            return gone("its owner says that it has ended".to_owned());
        }
        let looks = if kind.ends_by_listings() { &self.unlisted } else { &self.misses };
        let proven = self.since_contact(looks, now, |miss| miss.others_answered);
        let span = proven.first().zip(proven.last()).map(|(first, last)| last.duration_since(*first));
        let silence = now.duration_since(self.heard_at());
        let ended = match kind {
            Kind::Instance | Kind::Function => (proven.len() >= LISTINGS_MIN)
                .then(|| gone(format!("it is missing in {} full listings in a row", proven.len()))),
            Kind::Container => span
                .is_some_and(|span| span >= SETTLED)
                .then(|| gone(format!("nothing runs it and nothing offers it, for {}", Time(SETTLED)))),
            Kind::Name => span
                .is_some_and(|span| span >= SETTLED)
                .then(|| gone(format!("there is no such name, for {}", Time(SETTLED)))),
            Kind::Inspected => self
                .over(policy.inspected, TRIED_MIN, now)
                .then(|| expired(format!("no contact for {}", Time(silence)))),
            Kind::ShortLived => self
                .over(policy.short_lived, SignedDuration::from_millis(1), now)
                .then(|| expired(format!("made for one job, and no contact for {}", Time(silence)))),
            Kind::Scanned => {
                let is_over = policy.scanned.is_some_and(|time| silence >= time);
                (is_over && proven.len() >= policy.scanned_sweeps.max(LISTINGS_MIN))
                    .then(|| expired(format!("no answer to {} sweeps in a row, for {}", proven.len(), Time(silence))))
            }
            Kind::Declared => None,
        };
        let tried = matches!(self.tries, Tries::Unanswered { last_at, .. } if last_at > self.last_at && last_at <= now);
        let silent = kind == Kind::Inspected && silence >= policy.inspected_unreachable;
        let missed =
            [&self.misses, &self.unlisted].iter().any(|looks| !self.since_contact(looks, now, |_| true).is_empty());
        match ended {
            Some(ended) => ended,
            None if missed || tried || silent => Standing::Unreachable { since: self.last_at },
            None => Standing::Present,
        }
    }

    /// When anything last told that it is there.
    fn heard_at(&self) -> Timestamp {
        self.listed_at.map_or(self.last_at, |listed_at| listed_at.max(self.last_at))
    }

    /// Looks since the last contact, oldest first.
    fn since_contact(&self, looks: &[Miss], now: Timestamp, counts: fn(&Miss) -> bool) -> Vec<Timestamp> {
        let since = looks.iter().filter(|miss| miss.at > self.last_at && miss.at <= now && counts(miss));
        let mut missed: Vec<Timestamp> = since.map(|miss| miss.at).collect();
        missed.sort();
        missed
    }

    /// Whether the time is over and, where there is a way in, it was tried for long enough, and after that time too. Where nobody
    /// tried, as after a server has stood still, nobody knows.
    fn over(&self, time: Option<SignedDuration>, tried_min: SignedDuration, now: Timestamp) -> bool {
        let Some(over_at) = time.and_then(|time| self.heard_at().checked_add(time).ok()) else { return false };
        let tried = match self.tries {
            Tries::Nobody => true,
            Tries::None => false,
            Tries::Unanswered { first_at, last_at } => {
                first_at > self.last_at
                    && (over_at..=now).contains(&last_at)
                    && last_at.duration_since(first_at) >= tried_min
            }
        };
        now >= over_at && tried
    }
}

fn gone(because: String) -> Standing {
    Standing::Retire { ending: Ending::Gone, because }
}

fn expired(because: String) -> Standing {
    Standing::Retire { ending: Ending::Expired, because }
}

impl Ending {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Expired => "expired",
        }
    }
}

/// A time for people.
struct Time(SignedDuration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_hours() {
            hours if hours < 48 => write!(f, "{hours} hours"),
            hours => write!(f, "{} days", hours / 24),
        }
    }
}

#[cfg(test)]
mod tests;
