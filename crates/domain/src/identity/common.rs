//! Values that stand for nothing, learnt from how many machines have them.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::compare::{Face, contradictions};
use super::{Identifier, Kind, Record, Tier};

/// A value that more records have is not followed: it would lead everywhere.
pub const CARRIERS_MAX: usize = 256;

/// More machines than this do not have one value of a tier, unless it stands for nothing.
const fn machines_max(tier: Tier) -> usize {
    match tier {
        Tier::Declared | Tier::One => usize::MAX,
        Tier::Two => 5,
        Tier::Three | Tier::Four | Tier::Five => 20,
    }
}

/// Whether a value stands for nothing, by everybody who has it.
pub fn is_common(identifier: &Identifier, carriers: &[&Record]) -> bool {
    let tier = identifier.kind.tier();
    if matches!(tier, Tier::Declared | Tier::One) {
        return false;
    }
    carriers.len() > CARRIERS_MAX || machines(identifier, carriers) > machines_max(tier)
}

/// How many machines have a value: those that something else tells apart. Records that nothing else tells of anything do
/// not count, so that a router seen at thirty addresses is not thirty machines.
pub fn machines(identifier: &Identifier, carriers: &[&Record]) -> usize {
    let telling: Vec<&&Record> = carriers
        .iter()
        .filter(|record| record.seen.iter().any(|seen| tells(identifier.kind, seen.identifier.kind)))
        .collect();
    let faces: Vec<OnceCell<Face>> = telling.iter().map(|_| OnceCell::new()).collect();
    let face = |index: usize| faces[index].get_or_init(|| Face::of(telling[index], &|_| false));
    let mut groups = Groups::new(telling.len());
    let mut owners: BTreeMap<(Kind, &str), Vec<usize>> = BTreeMap::new();
    for (index, record) in telling.iter().enumerate() {
        for other in record.seen.iter().map(|seen| &seen.identifier) {
            if !connects(identifier.kind, other.kind) {
                continue;
            }
            // A copy of a whole machine has this value and the shared one: what else is told of them says that they are two.
            let is_same = |known: &&usize| {
                other.kind.tier() != Tier::Two || contradictions(face(**known), face(index)).is_empty()
            };
            let known = owners.entry((other.kind, &other.value)).or_default();
            match known.iter().find(is_same).copied() {
                Some(first) => groups.join(first, index),
                None => known.push(index),
            }
        }
    }
    groups.count()
}

/// Whether a kind can tell machines apart that have one value of another kind.
fn tells(shared: Kind, other: Kind) -> bool {
    connects(shared, other) && !other.is_set()
}

/// Whether equal values of a kind show that carriers of a shared value are one machine. What is copied together, as a
/// machine-id and host keys are, shows nothing about each other; nor do two fields of one bad SMBIOS.
fn connects(shared: Kind, other: Kind) -> bool {
    let alike = (shared.is_installed() && other.is_installed()) || (shared.is_hardware() && other.is_hardware());
    let telling = !matches!(other, Kind::Target | Kind::Address);
    other != shared && telling && !alike
}

/// Numbers that fall together.
pub(super) struct Groups(Vec<usize>);

impl Groups {
    pub(super) fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    pub(super) fn find(&mut self, mut index: usize) -> usize {
        while self.0[index] != index {
            self.0[index] = self.0[self.0[index]];
            index = self.0[index];
        }
        index
    }

    /// The lesser number stands for both.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b)] = a.min(b);
    }

    fn count(&mut self) -> usize {
        (0..self.0.len()).map(|index| self.find(index)).collect::<BTreeSet<_>>().len()
    }
}
