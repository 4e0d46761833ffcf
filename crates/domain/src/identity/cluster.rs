//! From records to assets: the same records give the same assets, in whatever order they came.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::common::{Groups, is_common, machines};
use super::compare::{Decision, Face, Proof, Rule, conflicts, decide, doubts};
use super::{Identifier, Kind, Record, Tier, is_sighting};
use crate::ids::{AssetId, RecordId};

/// What people said about records, stronger than what the records say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// One asset, each pair.
    pub joined: BTreeSet<(RecordId, RecordId)>,
    /// Never one asset, each pair.
    pub parted: BTreeSet<(RecordId, RecordId)>,
}

/// What records come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clusters {
    /// Every asset with its records, the oldest first.
    pub assets: BTreeMap<AssetId, Vec<Member>>,
    /// Pairs of assets that a person should look at.
    pub cases: Vec<Case>,
}

/// A record in its asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub record: RecordId,
    /// What joined it to an older record of the asset. `None`: it is the oldest.
    pub joined_by: Option<(RecordId, Proof)>,
}

/// Two assets that may be one, or that look too much alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Case {
    pub a: AssetId,
    pub b: AssetId,
    pub question: Question,
    pub agreeing: Vec<Kind>,
    /// What speaks against it.
    pub differing: Vec<Kind>,
    pub centibits: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Are they one?
    Same,
    /// They share what only one machine should have: one was copied from the other.
    Clone,
}

/// Clusters records. Values that many machines have are found among the records themselves, so all that share a value
/// with one of them must be here; those in `common` are known to be such from elsewhere.
pub fn cluster(records: &[Record], common: &BTreeSet<Identifier>, links: &Links) -> Clusters {
    let mut records: Vec<&Record> = records.iter().collect();
    records.sort_by_key(|record| record.id);
    records.dedup_by_key(|record| record.id);
    let values = Values::of(&records, common);
    let faces: Vec<Face> =
        records.iter().map(|record| Face::of(record, &|value| values.common.contains(&value.key()))).collect();
    let mut state = State::new(&records, faces, links);
    let machines = |value: &Identifier| values.machines.get(&value.key()).copied().unwrap_or(1);
    let mut decided = Vec::new();
    for (a, b) in values.pairs(&records, links) {
        decided.push((a, b, decide(&state.faces[a], &state.faces[b], &machines)));
    }
    state.join_all(&decided);
    state.clusters(&decided)
}

/// Which records have which values, each by its [`Identifier::key`].
struct Values {
    carriers: BTreeMap<Identifier, Vec<usize>>,
    machines: HashMap<Identifier, usize>,
    common: BTreeSet<Identifier>,
}

impl Values {
    fn of(records: &[&Record], known: &BTreeSet<Identifier>) -> Self {
        let mut carriers: BTreeMap<Identifier, Vec<usize>> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            for seen in &record.seen {
                let owners = carriers.entry(seen.identifier.key()).or_default();
                if owners.last() != Some(&index) {
                    owners.push(index);
                }
            }
        }
        let mut values = Self { carriers: BTreeMap::new(), machines: HashMap::new(), common: known.clone() };
        for (value, owners) in carriers.iter().filter(|(value, owners)| value.kind.leads() && owners.len() > 1) {
            let owners: Vec<&Record> = owners.iter().map(|index| records[*index]).collect();
            values.machines.insert(value.clone(), machines(value, &owners));
            if is_common(value, &owners) {
                values.common.insert(value.clone());
            }
        }
        Self { carriers, ..values }
    }

    /// The pairs worth a comparison: those that share a value that leads, a way in with what was seen at its address, and
    /// those that a person joined.
    fn pairs(&self, records: &[&Record], links: &Links) -> BTreeSet<(usize, usize)> {
        let mut pairs = BTreeSet::new();
        let mut all = |owners: &[usize], others: &[usize]| {
            for a in owners {
                pairs.extend(others.iter().filter(|b| *b != a).map(|b| (*a.min(b), *a.max(b))));
            }
        };
        for (value, owners) in &self.carriers {
            if value.kind.leads() && !self.common.contains(value) {
                all(owners, owners);
            }
            if value.kind == Kind::Target {
                let address = Identifier { kind: Kind::Address, ..value.clone() };
                let seen = self.carriers.get(&address).into_iter().flatten().copied();
                all(owners, &seen.filter(|index| is_sighting(records[*index].source)).collect::<Vec<_>>());
            }
        }
        let place = |id: RecordId| records.binary_search_by_key(&id, |record| record.id).ok();
        let joined = links.joined.iter().filter_map(|(a, b)| Some((place(*a)?, place(*b)?)));
        pairs.extend(joined.map(|(a, b)| (a.min(b), a.max(b))));
        pairs
    }
}

struct State<'r> {
    records: &'r [&'r Record],
    links: &'r Links,
    groups: Groups,
    faces: Vec<Face>,
    /// By the number that stands for a cluster: what its records show together, and who they are.
    together: HashMap<usize, (Face, Vec<usize>)>,
    joined_by: BTreeMap<usize, Vec<(usize, Proof)>>,
    refused: Vec<(usize, usize, Vec<Kind>)>,
}

type Decided = (usize, usize, Decision);

impl<'r> State<'r> {
    fn new(records: &'r [&'r Record], faces: Vec<Face>, links: &'r Links) -> Self {
        let together = faces.iter().enumerate().map(|(index, face)| (index, (face.clone(), vec![index]))).collect();
        let (groups, joined_by) = (Groups::new(records.len()), BTreeMap::new());
        Self { records, links, groups, faces, together, joined_by, refused: Vec::new() }
    }

    /// Joins what belongs together: people's word first, then the strongest proof first; what a new installation replaced
    /// comes last, when all that is known of each installation is together.
    fn join_all(&mut self, decided: &[Decided]) {
        let mut joins: Vec<(bool, bool, Proof, usize, usize)> = Vec::new();
        for (a, b, decision) in decided {
            let ids = (self.records[*a].id, self.records[*b].id);
            if self.links.joined.contains(&ids) || self.links.joined.contains(&(ids.1, ids.0)) {
                let proof = Proof { rule: Rule::Joined, centibits: 0, agreeing: Vec::new(), replaced: Vec::new() };
                joins.push((false, false, proof, *a, *b));
            } else if let Decision::Same(proof) = decision {
                joins.push((true, !proof.replaced.is_empty(), proof.clone(), *a, *b));
            }
        }
        joins.sort_by(|x, y| {
            let strength = (x.0, x.1, x.2.rule).cmp(&(y.0, y.1, y.2.rule));
            strength.then(y.2.centibits.cmp(&x.2.centibits)).then((x.3, x.4).cmp(&(y.3, y.4)))
        });
        for (_, _, proof, a, b) in joins {
            self.join(a, b, proof);
        }
    }

    fn join(&mut self, a: usize, b: usize, proof: Proof) {
        let (x, y) = (self.groups.find(a), self.groups.find(b));
        if x == y {
            return;
        }
        let (vetoes, _) = conflicts(&self.together[&x].0, &self.together[&y].0);
        if self.are_parted(x, y) {
            self.refused.push((a, b, Vec::new()));
            return;
        }
        if !vetoes.is_empty() && proof.rule != Rule::Joined {
            self.refused.push((a, b, vetoes));
            return;
        }
        let doubts = doubts(&self.together[&x].0, &self.together[&y].0);
        if !doubts.is_empty() && proof.rule != Rule::Joined {
            self.refused.push((a, b, doubts));
            return;
        }
        self.groups.join(x, y);
        let (keep, gone) = (x.min(y), x.max(y));
        let (face, members) = self.together.remove(&gone).unwrap_or_default();
        let cluster = self.together.entry(keep).or_default();
        cluster.0.join(&face);
        cluster.1.extend(members);
        self.joined_by.entry(a).or_default().push((b, proof.clone()));
        self.joined_by.entry(b).or_default().push((a, proof));
    }

    fn are_parted(&self, x: usize, y: usize) -> bool {
        if self.links.parted.is_empty() {
            return false;
        }
        let ids = |cluster: usize| self.together[&cluster].1.iter().map(|index| self.records[*index].id);
        ids(x).any(|a| ids(y).any(|b| self.links.parted.contains(&(a, b)) || self.links.parted.contains(&(b, a))))
    }

    fn clusters(mut self, decided: &[Decided]) -> Clusters {
        let mut clusters = Clusters::default();
        let mut found = BTreeSet::new();
        for (a, b, decision) in decided {
            if let Some(case) = self.case(*a, *b, decision) {
                found.insert(case);
            }
        }
        // One question for each pair of assets: the one with the most behind it.
        let mut cases: BTreeMap<(AssetId, AssetId, Question), Case> = BTreeMap::new();
        for case in found {
            let place = cases.entry((case.a, case.b, case.question)).or_insert_with(|| case.clone());
            if case.centibits > place.centibits {
                *place = case;
            }
        }
        clusters.cases = cases.into_values().collect();
        for (first, (_, mut members)) in std::mem::take(&mut self.together) {
            members.sort_unstable();
            let chain = self.chain(first, &members);
            clusters.assets.insert(asset(self.records[first]), chain);
        }
        clusters
    }

    /// Each member with what joined it, found by walking the joins from the oldest.
    fn chain(&self, first: usize, members: &[usize]) -> Vec<Member> {
        let mut reached: BTreeMap<usize, Option<(usize, Proof)>> = BTreeMap::from([(first, None)]);
        let mut open = vec![first];
        while let Some(from) = open.pop() {
            for (to, proof) in self.joined_by.get(&from).into_iter().flatten() {
                if !reached.contains_key(to) {
                    reached.insert(*to, Some((from, proof.clone())));
                    open.push(*to);
                }
            }
        }
        let member = |index: &usize| Member {
            record: self.records[*index].id,
            joined_by: reached.get(index).and_then(Clone::clone).map(|(from, proof)| (self.records[from].id, proof)),
        };
        members.iter().map(member).collect()
    }

    fn case(&mut self, a: usize, b: usize, decision: &Decision) -> Option<Case> {
        let (x, y) = (self.groups.find(a), self.groups.find(b));
        if x == y || self.are_parted(x, y) {
            return None;
        }
        let refused = self.refused.iter().find(|(c, d, _)| (*c, *d) == (a, b)).map(|(_, _, kinds)| kinds.clone());
        let (question, agreeing, differing, centibits) = match decision {
            Decision::Review(proof) => (Question::Same, &proof.agreeing, Vec::new(), proof.centibits),
            Decision::Same(proof) => (Question::Same, &proof.agreeing, refused.unwrap_or_default(), proof.centibits),
            Decision::Veto { differing, agreeing } => {
                let copied = |kind: &Kind| matches!(kind.tier(), Tier::One | Tier::Two);
                if !agreeing.iter().any(copied) {
                    return None;
                }
                (Question::Clone, agreeing, differing.clone(), 0)
            }
            Decision::Different => return None,
        };
        let (one, other) = (asset(self.records[x]), asset(self.records[y]));
        let (agreeing, differing) = (agreeing.clone(), differing);
        Some(Case { a: one.min(other), b: one.max(other), question, agreeing, differing, centibits })
    }
}

/// An asset has the identifier of its oldest record.
fn asset(record: &Record) -> AssetId {
    AssetId::from_uuid(record.id.uuid())
}
