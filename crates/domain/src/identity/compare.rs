//! Whether two records, or two clusters of them, speak of one asset.
//!
//! First the vetoes, then what proves it outright, then a score after Fellegi and Sunter: each agreement is worth
//! log2(m/u) bits, where m is how often records of one asset agree and u how often those of different ones do.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Identifier, Kind, Record, Tier, is_sighting};

/// Hundredths of a bit.
pub type Centibits = i64;

/// From here on two records are one asset.
pub const ACCEPT: Centibits = 1200;
/// From here on a person should look.
pub const REVIEW: Centibits = 600;

/// An address says half as much after this time, as its lease may have ended.
pub const LEASE: SignedDuration = SignedDuration::from_hours(24);

/// Nobody renames a machine, moves it and gives it another card within this time, and inspects it under both names.
const AT_ONCE: SignedDuration = SignedDuration::from_hours(24);

/// What two records have to do with each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    Same(Proof),
    /// Too little to join, too much to pass over.
    Review(Proof),
    Different,
    /// Never one asset, whatever else agrees: these kinds differ.
    Veto {
        differing: Vec<Kind>,
        agreeing: Vec<Kind>,
    },
}

/// Why records are one asset, or might be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Proof {
    pub rule: Rule,
    pub centibits: Centibits,
    pub agreeing: Vec<Kind>,
    /// The system was installed anew in between: these differ, one after the other.
    pub replaced: Vec<Kind>,
}

/// What proves that records are one asset. The order is the strength, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A person joined them.
    Joined,
    /// One identifier that is made to be unique.
    Unique,
    /// Two strong identifiers of different kinds.
    TwoStrong,
    /// A strong one and one that moves.
    StrongAndMoving,
    /// A way in that a person named leads there.
    Declared,
    /// The sum of what agrees and what does not.
    Score,
}

/// A record or a cluster, by what it showed and when.
#[derive(Debug, Clone, Default)]
pub(super) struct Face {
    seen: BTreeMap<Identifier, Span>,
    /// Addresses at which the network showed it, which are what a [`Kind::Target`] can meet.
    answered: BTreeSet<Identifier>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// How two faces stand on one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// At least one of them does not say, or not in a scope that both know.
    Silent,
    Agree,
    Differ,
}

impl Face {
    pub(super) fn of(record: &Record, common: &dyn Fn(&Identifier) -> bool) -> Self {
        let mut face = Self::default();
        for seen in record.seen.iter().filter(|seen| !common(&seen.identifier)) {
            face.add(&seen.identifier, Span { from: seen.first_seen_at, to: seen.last_seen_at });
            if is_sighting(record.source) && seen.identifier.kind == Kind::Address {
                face.answered.insert(seen.identifier.clone());
            }
        }
        face
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (identifier, span) in &other.seen {
            self.add(identifier, *span);
        }
        self.answered.extend(other.answered.iter().cloned());
    }

    fn add(&mut self, identifier: &Identifier, span: Span) {
        let known = self.seen.entry(identifier.clone()).or_insert(span);
        *known = Span { from: known.from.min(span.from), to: known.to.max(span.to) };
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&Identifier, &Span)> {
        self.seen.iter().filter(move |(identifier, _)| identifier.kind == kind)
    }

    fn stand(&self, other: &Self, kind: Kind) -> Stand {
        let mut stand = Stand::Silent;
        for (mine, _) in self.of_kind(kind) {
            for (theirs, _) in other.of_kind(kind) {
                if mine.agrees(theirs) {
                    return Stand::Agree;
                }
                if mine.is_comparable(theirs) {
                    stand = Stand::Differ;
                }
            }
        }
        stand
    }

    /// Whether both were seen at one time, or so close that one can hardly have become the other in between.
    fn is_at_once(&self, other: &Self) -> bool {
        let within = |face: &Self| {
            let from = face.seen.values().map(|span| span.from).min();
            from.zip(face.seen.values().map(|span| span.to).max())
        };
        let (Some((from, to)), Some((other_from, other_to))) = (within(self), within(other)) else { return false };
        let apart = other_from.duration_since(to).max(from.duration_since(other_to));
        apart <= AT_ONCE
    }

    /// Whether the values of a kind were never there at one time: one replaced the other.
    fn in_turn(&self, other: &Self, kind: Kind) -> bool {
        let within = |face: &Self| {
            let spans: Vec<Span> = face.of_kind(kind).map(|(_, span)| *span).collect();
            let from = spans.iter().map(|span| span.from).min();
            from.zip(spans.iter().map(|span| span.to).max())
        };
        let (Some((from, to)), Some((other_from, other_to))) = (within(self), within(other)) else { return true };
        to < other_from || other_to < from
    }

    /// A way in leads to this address, and the network showed something there.
    fn is_target_of(&self, other: &Self) -> bool {
        let meets = |target: &Identifier| {
            self.answered.iter().any(|address| address.value == target.value && address.scope == target.scope)
        };
        other.of_kind(Kind::Target).any(|(target, _)| meets(target))
    }
}

/// The kinds in which two faces differ so that they cannot be one asset, and those that were merely replaced by a new
/// installation.
pub(super) fn conflicts(a: &Face, b: &Face) -> (Vec<Kind>, Vec<Kind>) {
    let mut vetoes = Vec::new();
    for kind in KINDS.into_iter().filter(|kind| matches!(kind.tier(), Tier::One | Tier::Two)) {
        if a.stand(b, kind) != Stand::Differ {
            continue;
        }
        // One key of a host says nothing against another one: it has one for each algorithm. Of a host of which several
        // were read, all were.
        let whole = |face: &Face| face.of_kind(kind).count() > 1;
        if !kind.is_set() || whole(a) || whole(b) {
            vetoes.push(kind);
        }
    }
    let agrees = |kind: Kind| a.stand(b, kind) == Stand::Agree;
    let hardware = KINDS.into_iter().filter(|kind| kind.is_hardware() || kind.tier() == Tier::One).any(agrees);
    let reinstalled = vetoes.iter().all(|kind| kind.is_installed() && a.in_turn(b, *kind))
        && (hardware || vetoes.first().is_some_and(|kind| is_reached_as_before(a, b, *kind)));
    if reinstalled { (Vec::new(), vetoes) } else { (vetoes, Vec::new()) }
}

/// The later of two installations is reached by ways that lead to the earlier one, and by no other: else it is another
/// machine, to which one of the ways leads by now.
fn is_reached_as_before(a: &Face, b: &Face, kind: Kind) -> bool {
    let last = |face: &Face| face.of_kind(kind).map(|(_, span)| span.to).max();
    let (earlier, later) = if last(a) < last(b) { (a, b) } else { (b, a) };
    let ways = |face: &Face| -> BTreeSet<Identifier> {
        face.of_kind(Kind::Way).map(|(identifier, _)| identifier.clone()).collect()
    };
    let now = ways(later);
    !now.is_empty() && now.is_subset(&ways(earlier))
}

/// Decides about two faces. `machines` says how many machines have a value.
pub(super) fn decide(a: &Face, b: &Face, machines: &dyn Fn(&Identifier) -> usize) -> Decision {
    let agreeing: Vec<Kind> = KINDS.into_iter().filter(|kind| a.stand(b, *kind) == Stand::Agree).collect();
    let (differing, replaced) = conflicts(a, b);
    if !differing.is_empty() {
        return Decision::Veto { differing, agreeing };
    }
    let of_tier = |tier: Tier| agreeing.iter().filter(move |kind| kind.tier() == tier).count();
    // The two installations of one machine count as two machines that have its serial number: one too many.
    let fewer = |value: &Identifier| {
        machines(value).saturating_sub(usize::from(value.kind.is_hardware() && !replaced.is_empty()))
    };
    let centibits = score(a, b, &fewer);
    let proof = |rule: Rule| Proof { rule, centibits, agreeing: agreeing.clone(), replaced: replaced.clone() };
    if of_tier(Tier::One) > 0 {
        return Decision::Same(proof(Rule::Unique));
    }
    let strong = of_tier(Tier::Two);
    let declared = is_declared(a, b);
    let rule = match (strong, of_tier(Tier::Three)) {
        (2.., _) => Some(Rule::TwoStrong),
        (1, 1..) => Some(Rule::StrongAndMoving),
        _ if declared => Some(Rule::Declared),
        _ => None,
    };
    // An address alone never joins. Nor does what a copied disk takes along, or what machines of one maker may share while
    // their installations differ, where all else speaks against it; nor does anything that a copied machine has too, where
    // both are there at one time.
    let weak = agreeing.iter().all(|kind| kind.tier() == Tier::Five);
    let copied = agreeing.iter().all(|kind| kind.is_installed());
    let copied = copied || !replaced.is_empty() || a.is_at_once(b);
    let doubtful = !declared && copied && !contradictions(a, b).is_empty();
    match rule {
        Some(rule) if !doubtful => Decision::Same(proof(rule)),
        Some(_) => Decision::Review(proof(Rule::Score)),
        None if weak => Decision::Different,
        None if centibits >= ACCEPT && !doubtful => Decision::Same(proof(Rule::Score)),
        None if centibits >= REVIEW => Decision::Review(proof(Rule::Score)),
        None => Decision::Different,
    }
}

/// A way in that a person named leads from one to the other.
fn is_declared(a: &Face, b: &Face) -> bool {
    a.stand(b, Kind::Way) == Stand::Agree || a.is_target_of(b) || b.is_target_of(a)
}

/// The kinds that speak against two faces which were there at one time, whatever strong identifiers they have in common: a
/// copied machine has all of them. None where what is made to be unique agrees, or a person's word.
pub(super) fn doubts(a: &Face, b: &Face) -> Vec<Kind> {
    let unique = || KINDS.into_iter().any(|kind| kind.tier() == Tier::One && a.stand(b, kind) == Stand::Agree);
    if !a.is_at_once(b) || is_declared(a, b) || unique() {
        return Vec::new();
    }
    contradictions(a, b)
}

/// The kinds that differ of what moves and what people name, where at least two do and none agrees. A machine has its names and
/// addresses wherever it is seen from, so these differ across scopes too.
pub(super) fn contradictions(a: &Face, b: &Face) -> Vec<Kind> {
    let values = |face: &Face, kind: Kind| -> BTreeSet<String> {
        face.of_kind(kind).map(|(identifier, _)| identifier.value.clone()).collect()
    };
    let mut differing = Vec::new();
    for kind in [Kind::Mac, Kind::Fqdn, Kind::Hostname, Kind::Address] {
        let (mine, theirs) = (values(a, kind), values(b, kind));
        if mine.is_empty() || theirs.is_empty() {
            continue;
        }
        if !mine.is_disjoint(&theirs) {
            return Vec::new();
        }
        differing.push(kind);
    }
    if differing.len() < 2 { Vec::new() } else { differing }
}

fn score(a: &Face, b: &Face, machines: &dyn Fn(&Identifier) -> usize) -> Centibits {
    let mut sum = 0;
    for kind in KINDS.into_iter().filter(|kind| kind.tier() >= Tier::Two) {
        // A full name holds the short one: it is not counted twice.
        if kind == Kind::Hostname && a.stand(b, Kind::Fqdn) == Stand::Agree {
            continue;
        }
        sum += match a.stand(b, kind) {
            Stand::Silent => 0,
            Stand::Agree => agreement(a, b, kind, machines),
            // A strong kind that differs and did not veto was replaced, or is one key of several.
            Stand::Differ if kind.tier() == Tier::Two => 0,
            Stand::Differ => faded(bits((1.0 - often(kind)) / (1.0 - chance(kind))), a, b, kind),
        };
    }
    sum
}

/// The bits of the most telling value that both have.
fn agreement(a: &Face, b: &Face, kind: Kind, machines: &dyn Fn(&Identifier) -> usize) -> Centibits {
    let shared = a.of_kind(kind).filter(|(mine, _)| b.of_kind(kind).any(|(theirs, _)| mine.agrees(theirs)));
    let worth = |identifier: &Identifier| {
        // As many pairs of different machines agree as there are pairs of those that have it.
        let have_it = f64::from(u32::try_from(machines(identifier).max(1)).unwrap_or(u32::MAX));
        let whole = bits(often(kind) / (chance(kind) * have_it * have_it).min(1.0));
        faded(whole, a, b, kind)
    };
    shared.map(|(identifier, _)| worth(identifier)).max().unwrap_or(0)
}

/// An address fades with the time between the two sights of it.
fn faded(whole: Centibits, a: &Face, b: &Face, kind: Kind) -> Centibits {
    if kind != Kind::Address {
        return whole;
    }
    let apart = |mine: &Span, theirs: &Span| {
        let after = theirs.from.duration_since(mine.to).max(mine.from.duration_since(theirs.to));
        after.max(SignedDuration::ZERO)
    };
    let pairs = a.of_kind(kind).flat_map(|(mine, span)| {
        let theirs = b.of_kind(kind).filter(move |(theirs, _)| whole < 0 || mine.agrees(theirs));
        theirs.map(move |(_, other)| apart(span, other))
    });
    let Some(gap) = pairs.min() else { return 0 };
    let halves = gap.as_secs() / LEASE.as_secs().max(1);
    whole / (1_i64 << halves.min(20))
}

/// How often two records of one asset agree on a kind that both tell.
const fn often(kind: Kind) -> f64 {
    match kind.tier() {
        Tier::Declared | Tier::One | Tier::Two => 0.95,
        Tier::Three => 0.9,
        Tier::Four => 0.7,
        Tier::Five => 0.5,
    }
}

/// How often records of different assets agree by chance on a value that one machine has. It is the same for small estates
/// and large ones, so that what was decided stays decided as an estate grows.
const fn chance(kind: Kind) -> f64 {
    match kind.tier() {
        Tier::Declared | Tier::One | Tier::Two | Tier::Three => 0.0001,
        Tier::Four => 1.0 / 256.0,
        Tier::Five => 1.0 / 64.0,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a logarithm of a ratio of these constants is small")]
fn bits(ratio: f64) -> Centibits {
    (ratio.log2() * 100.0).round() as Centibits
}

/// Every kind, strongest first.
const KINDS: [Kind; 18] = [
    Kind::Way,
    Kind::Target,
    Kind::AgentKey,
    Kind::CloudInstance,
    Kind::VirtualMachine,
    Kind::ClusterObject,
    Kind::Container,
    Kind::Function,
    Kind::SystemUuid,
    Kind::Serial,
    Kind::MachineId,
    Kind::DirectoryObject,
    Kind::SshHostKey,
    Kind::Mac,
    Kind::Fqdn,
    Kind::TlsKey,
    Kind::Hostname,
    Kind::Address,
];
