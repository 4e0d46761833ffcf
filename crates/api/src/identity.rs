//! Who an asset is, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What one source says of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetRecord {
    pub id: String,
    /// `inspection`, `network_scan`, `operator` …
    pub source: String,
    /// What the source calls it.
    pub native_key: String,
    pub identifiers: Vec<AssetIdentifier>,
}

/// One value that tells an asset from others, and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetIdentifier {
    /// `machine_id`, `ssh_host_key`, `address` …
    pub kind: String,
    /// Where the value means something. Empty: everywhere.
    pub scope: String,
    pub value: String,
    pub first_seen_at: String,
    pub last_seen_at: String,
}

/// Joins an asset with another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// Id of the other asset.
    pub other: String,
}

/// Takes records out of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Ids of the records that are another asset.
    pub records: Vec<String>,
}

/// What became of assets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityChange {
    /// Assets that were found to be another one.
    pub merged: Vec<AssetPair>,
    /// Assets that left another one.
    pub split: Vec<AssetPair>,
}

/// An asset, and the one that it is part of now, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetPair {
    pub asset: String,
    pub other: String,
}

/// Two assets that a person should look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IdentityCase {
    pub a: String,
    pub a_name: String,
    pub b: String,
    pub b_name: String,
    /// `same`: they may be one. `clone`: one may be a copy of the other.
    pub question: String,
    /// Kinds of identifier that speak for it.
    pub agreeing: Vec<String>,
    /// Kinds that speak against it.
    pub differing: Vec<String>,
    /// The weight of both, in bits.
    pub bits: f64,
    pub since: String,
}
