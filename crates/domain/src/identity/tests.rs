//! What must come of known situations, and what must hold in every one.

mod estate;
mod oracles;
mod properties;

use jiff::Timestamp;
use uuid::Uuid;

use super::cluster::{Clusters, Links, cluster};
use super::{Identifier, Kind, Record, Seen, Source};
use crate::ids::{AssetId, RecordId};

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(4_000_000_000 + hour * 3600).unwrap()
}

fn id(number: u128) -> RecordId {
    RecordId::from_uuid(Uuid::from_u128(number))
}

fn asset(number: u128) -> AssetId {
    AssetId::from_uuid(Uuid::from_u128(number))
}

/// A record with identifiers that were all seen in one span of hours.
fn record(number: u128, source: Source, hours: (i64, i64), values: &[(Kind, &str, &str)]) -> Record {
    let seen = values.iter().map(|(kind, scope, value)| Seen {
        identifier: Identifier::new(*kind, scope, value).unwrap_or_else(|| panic!("{kind:?} {value} is a placeholder")),
        first_seen_at: at(hours.0),
        last_seen_at: at(hours.1),
    });
    Record { id: id(number), source, native_key: number.to_string(), seen: seen.collect() }
}

fn inspected(number: u128, hours: (i64, i64), values: &[(Kind, &str)]) -> Record {
    let values: Vec<_> = values.iter().map(|(kind, value)| (*kind, scope(*kind, ""), *value)).collect();
    record(number, Source::Inspection, hours, &values)
}

fn sighted(number: u128, site: &'static str, hours: (i64, i64), values: &[(Kind, &str)]) -> Record {
    let values: Vec<_> = values.iter().map(|(kind, value)| (*kind, scope(*kind, site), *value)).collect();
    record(number, Source::NetworkScan, hours, &values)
}

fn scope(kind: Kind, site: &'static str) -> &'static str {
    match kind {
        Kind::CloudInstance => "aws",
        Kind::Address | Kind::Hostname | Kind::Mac | Kind::Target | Kind::Way => site,
        _ => "",
    }
}

fn clusters(records: &[Record]) -> Clusters {
    cluster(records, &std::collections::BTreeSet::new(), &Links::default())
}

/// The records of each asset.
fn parts(clusters: &Clusters) -> Vec<Vec<RecordId>> {
    clusters.assets.values().map(|members| members.iter().map(|member| member.record).collect()).collect()
}
