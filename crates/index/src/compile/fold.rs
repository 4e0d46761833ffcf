//! Joining nodes: sets of one kind become one set.

use roaring::RoaringBitmap;

use super::Node;
use crate::bits::Bits;
use crate::snapshot::Snapshot;

/// The sets that were met among the parts, joined so far.
#[derive(Default)]
struct Sets {
    assets: Option<RoaringBitmap>,
    vulnerabilities: Option<Bits>,
    packages: Option<Bits>,
}

impl Sets {
    /// Joins a set; gives back what is none.
    fn take(&mut self, node: Node, join: Join) -> Option<Node> {
        match node {
            Node::Assets(set) => match &mut self.assets {
                Some(all) if join == Join::All => *all &= set,
                Some(all) => *all |= set,
                all => *all = Some(set),
            },
            Node::Vulnerabilities(set) => join.bits(&mut self.vulnerabilities, set),
            Node::Packages(set) => join.bits(&mut self.packages, set),
            node => return Some(node),
        }
        None
    }

    fn into_nodes(self) -> impl Iterator<Item = Node> {
        let assets = self.assets.map(Node::Assets);
        assets
            .into_iter()
            .chain(self.vulnerabilities.map(Node::Vulnerabilities))
            .chain(self.packages.map(Node::Packages))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    All,
    Any,
}

impl Join {
    fn bits(self, all: &mut Option<Bits>, set: Bits) {
        match all {
            Some(all) if self == Self::All => all.intersect(&set),
            Some(all) => all.unite(&set),
            all => *all = Some(set),
        }
    }
}

/// What all parts hold.
pub(crate) fn all(parts: Vec<Node>) -> Node {
    let mut sets = Sets::default();
    let mut rest = Vec::new();
    for part in parts {
        match part {
            Node::Everything => {}
            Node::Nothing => return Node::Nothing,
            Node::All(inner) => rest.extend(inner.into_iter().filter_map(|node| sets.take(node, Join::All))),
            part => rest.extend(sets.take(part, Join::All)),
        }
    }
    let mut nodes: Vec<Node> = sets.into_nodes().chain(rest).collect();
    if nodes.iter().any(is_empty) {
        return Node::Nothing;
    }
    match nodes.len() {
        0 => Node::Everything,
        1 => nodes.remove(0),
        _ => Node::All(nodes),
    }
}

/// What any part holds.
pub(crate) fn any(parts: Vec<Node>) -> Node {
    let mut sets = Sets::default();
    let mut rest = Vec::new();
    for part in parts {
        match part {
            Node::Nothing => {}
            Node::Everything => return Node::Everything,
            Node::Any(inner) => rest.extend(inner.into_iter().filter_map(|node| sets.take(node, Join::Any))),
            part => rest.extend(sets.take(part, Join::Any)),
        }
    }
    let mut nodes: Vec<Node> = sets.into_nodes().chain(rest).filter(|node| !is_empty(node)).collect();
    match nodes.len() {
        0 => Node::Nothing,
        1 => nodes.remove(0),
        _ => Node::Any(nodes),
    }
}

/// What the part does not hold.
pub(crate) fn negated(snapshot: &Snapshot, part: Node) -> Node {
    match part {
        Node::Everything => Node::Nothing,
        Node::Nothing => Node::Everything,
        Node::Assets(set) => Node::Assets(&*snapshot.assets.present - set),
        Node::Vulnerabilities(mut set) => {
            set.negate(snapshot.vulnerabilities.len());
            Node::Vulnerabilities(set)
        }
        Node::Packages(mut set) => {
            set.negate(snapshot.packages.len());
            Node::Packages(set)
        }
        Node::States(states) => Node::States(!states & 0b1_1111),
        Node::Tiers(tiers) => Node::Tiers(!tiers & 0b11_1111),
        Node::Kev(answers) => Node::Kev(!answers & 0b111),
        Node::Not(part) => *part,
        part => Node::Not(Box::new(part)),
    }
}

fn is_empty(node: &Node) -> bool {
    match node {
        Node::Nothing | Node::States(0) | Node::Tiers(0) | Node::Kev(0) => true,
        Node::Assets(set) => set.is_empty(),
        Node::Vulnerabilities(set) | Node::Packages(set) => set.is_empty(),
        _ => false,
    }
}
