//! Who assets are, on the wire.

use std::collections::BTreeMap;

use domain::asset::Asset;
use domain::identity::attributes::{ATTRIBUTES, Claim, claims};
use domain::identity::{Kind, Record};
use domain::ids::AssetId;
use engine::identify::Moved;
use store::record::{Assigned, OpenCase};
use wire_types::asset::{Attribute, AttributeClaim};
use wire_types::convert::word;
use wire_types::identity::{AssetIdentifier, AssetPair, AssetRecord, IdentityCase, IdentityChange};

/// The records of an asset.
pub fn records(assigned: &[Assigned]) -> Vec<AssetRecord> {
    assigned.iter().map(record).collect()
}

fn record(Assigned { record, .. }: &Assigned) -> AssetRecord {
    let identifier = |seen: &domain::identity::Seen| AssetIdentifier {
        kind: word(&seen.identifier.kind),
        scope: seen.identifier.scope.clone(),
        value: seen.identifier.value.clone(),
        first_seen_at: seen.first_seen_at.to_string(),
        last_seen_at: seen.last_seen_at.to_string(),
    };
    AssetRecord {
        id: record.id.to_string(),
        source: word(&record.source),
        native_key: record.native_key.trim().to_owned(),
        identifiers: record.seen.iter().map(identifier).collect(),
    }
}

/// What sources say of the attributes of which an asset has one at a time.
pub(super) fn attributes(records: &[Record]) -> Vec<Attribute> {
    let told = |claim: Claim<'_>| AttributeClaim {
        value: claim.value.to_owned(),
        source: word(&claim.source),
        record: claim.record.to_string(),
        seen_at: claim.seen_at.to_string(),
    };
    let attribute = |kind: Kind| {
        let claims: Vec<AttributeClaim> = claims(records, kind).into_iter().map(told).collect();
        Some(Attribute { kind: word(&kind), value: claims.first()?.value.clone(), claims })
    };
    ATTRIBUTES.into_iter().filter_map(attribute).collect()
}

/// What became of assets.
pub fn identity_change(moved: &Moved) -> IdentityChange {
    let pairs = |pairs: &BTreeMap<AssetId, AssetId>| -> Vec<AssetPair> {
        let pair =
            |(asset, other): (&AssetId, &AssetId)| AssetPair { asset: asset.to_string(), other: other.to_string() };
        pairs.iter().map(pair).collect()
    };
    IdentityChange { merged: pairs(&moved.merged), split: pairs(&moved.parted) }
}

/// Open questions about assets, with the assets that they are about.
pub fn identity_cases(cases: &[OpenCase], assets: &[Asset]) -> Vec<IdentityCase> {
    let name = |id: AssetId| assets.iter().find(|asset| asset.id == id).map(|asset| asset.name.clone());
    let words = |kinds: &[Kind]| kinds.iter().map(word).collect();
    let case = |OpenCase { case, since }: &OpenCase| IdentityCase {
        a: case.a.to_string(),
        a_name: name(case.a).unwrap_or_default(),
        b: case.b.to_string(),
        b_name: name(case.b).unwrap_or_default(),
        question: word(&case.question),
        agreeing: words(&case.agreeing),
        differing: words(&case.differing),
        bits: i32::try_from(case.centibits).map_or(f64::INFINITY, |centibits| f64::from(centibits) / 100.0),
        since: since.to_string(),
    };
    cases.iter().map(case).collect()
}
