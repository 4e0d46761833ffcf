//! What is shown of an asset where its sources differ: the best word, and every other one beside it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Kind, Record, Seen, Source};
use crate::ids::RecordId;

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
