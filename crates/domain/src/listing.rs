//! Listings: what the owner of things says that there is, as a cloud, a container platform or a resolver does. Only a listing of
//! everything of a kind proves that a thing is not there any more.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::sweep::{Miss, rounds};

/// What a listed thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A virtual machine.
    Instance,
    Container,
    /// One version of a function that its platform starts by itself.
    Function,
    /// A name that resolves.
    Name,
}

/// What one source says that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Who lists, and what part of the world: `aws/123456789012/eu-west-3`.
    pub source: String,
    pub taken_at: Timestamp,
    /// The routing domain in which addresses mean something. Empty: the usual one.
    pub network: String,
    /// Kinds of which the source has nothing that is not listed here.
    pub whole: BTreeSet<Kind>,
    pub things: Vec<Thing>,
}

/// One thing of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    pub kind: Kind,
    /// What its owner calls it, and nothing else ever: `aws/i-0123456789abcdef0`.
    pub id: String,
    /// For people. `None`: by its identifier.
    pub name: Option<String>,
    pub hostname: Option<String>,
    pub fqdn: Option<String>,
    pub system_uuid: Option<String>,
    pub macs: Vec<String>,
    pub addresses: Vec<IpAddr>,
    pub tags: Vec<String>,
    /// Things that come and go for each other: a group of machines, a deployment, a service. `None`: it stands for itself.
    pub fleet: Option<String>,
    /// What it was started from: the digest of an image, the version of a template.
    pub image: Option<String>,
    pub started_at: Option<Timestamp>,
    /// `None`: it is there.
    pub ended_at: Option<Timestamp>,
}

/// What a source said last of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub source: String,
    pub kind: Kind,
    pub fleet: Option<String>,
    pub image: Option<String>,
    pub started_at: Option<Timestamp>,
    /// The latest listing that had it.
    pub listed_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// That a source listed everything of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    pub source: String,
    pub kind: Kind,
    pub taken_at: Timestamp,
    /// Things of the kind that are there.
    pub things: u64,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Instance, Self::Container, Self::Function, Self::Name];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Container => "container",
            Self::Function => "function",
            Self::Name => "name",
        }
    }
}

impl Listing {
    /// What is kept of it: for each kind that is here in full, how much of it there is.
    pub fn wholes(&self) -> impl Iterator<Item = Whole> {
        let there = |kind: Kind| self.things.iter().filter(move |thing| thing.kind == kind && thing.ended_at.is_none());
        let whole = move |kind: &Kind| Whole {
            source: self.source.clone(),
            kind: *kind,
            taken_at: self.taken_at,
            things: there(*kind).count() as u64,
        };
        self.whole.iter().map(whole)
    }

    pub fn listed(&self, thing: &Thing) -> Listed {
        Listed {
            source: self.source.clone(),
            kind: thing.kind,
            fleet: thing.fleet.clone(),
            image: thing.image.clone(),
            started_at: thing.started_at,
            listed_at: self.taken_at,
            ended_at: thing.ended_at,
        }
    }
}

/// Listings that lie closer together are one look: one that was sent twice, by a clock that was corrected meanwhile, or two that found
/// the same interface out of order.
const APART: SignedDuration = SignedDuration::from_mins(5);

/// When everything that is listed of an asset had ended. `None`: it has not, or nothing is listed of it.
pub fn ended_at(listed: &[Listed]) -> Option<Timestamp> {
    let all: Option<Vec<Timestamp>> = listed.iter().map(|listed| listed.ended_at).collect();
    all?.into_iter().max()
}

/// The listings of everything in which an asset was missing wherever it had been listed, oldest first. One in which there is nothing
/// at all proves little: whoever took it may have lost the right to see. What ended only ended there, where another source goes on
/// listing it; and where it was met after all of its ends, those that have it no longer say more than the ends did.
pub fn misses(listed: &[Listed], wholes: &[Whole], since: Timestamp) -> Vec<Miss> {
    let mut there: Vec<&Listed> = listed.iter().filter(|listed| listed.ended_at.is_none()).collect();
    if there.is_empty() {
        there = listed.iter().collect();
    }
    let missed = |counts: fn(&Whole) -> bool| {
        let by = |listed: &&Listed| {
            let after = since.max(listed.listed_at);
            let later = wholes.iter().filter(|whole| whole.source == listed.source && whole.kind == listed.kind);
            later.filter(|whole| whole.taken_at > after && counts(whole)).map(|whole| whole.taken_at).collect()
        };
        rounds(there.iter().map(by).collect())
    };
    let proven = missed(|whole| whole.things > 0);
    let others_answered = !proven.is_empty();
    let missed = if others_answered { proven } else { missed(|_| true) };
    let mut apart: Vec<Timestamp> = Vec::with_capacity(missed.len());
    for at in missed {
        if apart.last().is_none_or(|last| at.duration_since(*last) >= APART) {
            apart.push(at);
        }
    }
    apart.into_iter().map(|at| Miss { at, others_answered }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(4_000_000_000 + hour * 3600).unwrap()
    }

    fn listed(source: &str, hour: i64, ended: Option<i64>) -> Listed {
        Listed {
            source: source.to_owned(),
            kind: Kind::Instance,
            fleet: None,
            image: None,
            started_at: None,
            listed_at: at(hour),
            ended_at: ended.map(at),
        }
    }

    fn whole(source: &str, hour: i64, things: u64) -> Whole {
        Whole { source: source.to_owned(), kind: Kind::Instance, taken_at: at(hour), things }
    }

    #[test]
    fn only_a_listing_of_everything_of_its_kind_by_its_source_misses_it() {
        let here = [listed("paris", 1, None)];
        let missed = |wholes: &[Whole]| -> Vec<_> {
            misses(&here, wholes, at(0)).into_iter().map(|miss| (miss.at, miss.others_answered)).collect()
        };
        assert_eq!(missed(&[whole("paris", 3, 7), whole("paris", 2, 7)]), [(at(2), true), (at(3), true)]);
        assert_eq!(missed(&[whole("paris", 1, 7), whole("paris", 0, 7)]), [], "the first one had it");
        assert_eq!(missed(&[whole("london", 2, 7)]), [], "another source");
        let containers = Whole { kind: Kind::Container, ..whole("paris", 2, 7) };
        assert_eq!(missed(&[containers]), [], "another kind");
        assert_eq!(missed(&[whole("paris", 2, 0)]), [(at(2), false)], "nothing at all was seen");
        assert_eq!(missed(&[whole("paris", 2, 0), whole("paris", 3, 1)]), [(at(3), true)]);
        assert_eq!(misses(&here, &[whole("paris", 2, 7)], at(2)), [], "something was in touch with it since");
        assert_eq!(misses(&[], &[whole("paris", 2, 7)], at(0)), [], "nobody lists it");
    }

    #[test]
    fn it_is_missed_where_everybody_who_listed_it_misses_it() {
        let both = [listed("paris", 1, None), listed("cluster", 1, None)];
        let paris = [whole("paris", 2, 7), whole("paris", 4, 7)];
        assert_eq!(misses(&both, &paris, at(0)), []);
        let all = [&paris[..], &[whole("cluster", 3, 7)]].concat();
        assert_eq!(misses(&both, &all, at(0)), [Miss { at: at(3), others_answered: true }]);
        let one_ended = [listed("paris", 1, None), listed("cluster", 1, Some(1))];
        assert_eq!(misses(&one_ended, &paris, at(0)).len(), 2, "the other one has nothing more to miss");
        let all_ended = [listed("paris", 1, Some(0))];
        assert_eq!(misses(&all_ended, &paris, at(1)).len(), 2, "it was met after its end, and is missing since");
    }

    #[test]
    fn what_was_sent_twice_is_one_look() {
        let here = [listed("paris", 1, None)];
        let again = Whole { taken_at: at(2) + SignedDuration::from_secs(10), ..whole("paris", 2, 7) };
        assert_eq!(misses(&here, &[whole("paris", 2, 7), again], at(0)).len(), 1);
        assert_eq!(misses(&here, &[whole("paris", 2, 7), whole("paris", 3, 7)], at(0)).len(), 2);
    }

    #[test]
    fn it_has_ended_where_everything_that_is_listed_of_it_has() {
        assert_eq!(ended_at(&[]), None);
        assert_eq!(ended_at(&[listed("a", 1, Some(1)), listed("b", 1, None)]), None);
        assert_eq!(ended_at(&[listed("a", 1, Some(5)), listed("b", 1, Some(3))]), Some(at(5)));
    }
}
