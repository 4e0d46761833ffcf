//! What is shown of an asset where its sources differ: the best word, and every other one beside it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Identifier, Kind, Record, Seen, Source, tell};
use crate::ids::RecordId;
use crate::inventory::Identity;

/// What one record says of one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim<'a> {
    pub record: RecordId,
    pub source: Source,
    pub value: &'a str,
    pub seen_at: Timestamp,
}

/// What a thing has one of at a time, so that sources may contradict each other.
pub const ATTRIBUTES: [Kind; 6] =
    [Kind::Hostname, Kind::Fqdn, Kind::CloudInstance, Kind::Serial, Kind::SystemUuid, Kind::MachineId];

/// How many installations of a system were seen on a machine: each has an identifier of its own. `None`: nobody read one.
pub fn installations(records: &[Record]) -> Option<usize> {
    let seen = records.iter().flat_map(|record| record.of(Kind::MachineId));
    let count = seen.map(|seen| &seen.identifier.value).collect::<BTreeSet<_>>().len();
    (count > 0).then_some(count)
}

/// Whether of two readings of one asset the later one is of another installation of its system: its identifier is another one, and
/// so are the keys of its SSH server, where both were read. A copied or renewed identifier alone makes no new system.
pub fn is_new_installation(before: &Identity, now: &Identity) -> bool {
    let of = |identity: &Identity, kind: Kind| -> BTreeSet<Identifier> {
        tell::of_identity(identity).into_iter().filter(|identifier| identifier.kind == kind).collect()
    };
    let differs = |kind: Kind| {
        let (before, now) = (of(before, kind), of(now, kind));
        (!before.is_empty() && !now.is_empty()).then(|| before.is_disjoint(&now))
    };
    differs(Kind::MachineId) == Some(true) && differs(Kind::SshHostKey) != Some(false)
}

/// Every claim about an attribute, the one that counts first: by the rank of its source, then the newest.
pub fn claims<'a>(records: &'a [Record], kind: Kind) -> Vec<Claim<'a>> {
    let claim = |record: &'a Record, seen: &'a Seen| Claim {
        record: record.id,
        source: record.source,
        value: &seen.identifier.value,
        seen_at: seen.last_seen_at,
    };
    let mut claims: Vec<Claim<'a>> =
        records.iter().flat_map(|record| record.of(kind).map(move |seen| claim(record, seen))).collect();
    claims.sort_by(|a, b| {
        let rank = a.source.cmp(&b.source).then(b.seen_at.cmp(&a.seen_at));
        rank.then(a.record.cmp(&b.record)).then(a.value.cmp(b.value))
    });
    claims
}
