//! An asset on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::finding::Finding;
use crate::scan::Unknown;

/// The asset of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScannedAsset {
    pub name: String,
    pub machine_id: Option<String>,
    pub addresses: Vec<String>,
    /// The operating system's name for people.
    pub platform: Option<String>,
    /// `debian`, `ubuntu` …
    pub distribution: Option<String>,
    /// Codename or number.
    pub release: Option<String>,
    pub architecture: Option<String>,
    pub running_kernel: Option<String>,
    /// `null`: unknown.
    pub reboot_required: Option<bool>,
    /// Installed binary packages. `null`: unknown.
    pub component_count: Option<u64>,
    /// `null`: unknown.
    pub listeners: Option<Vec<Listener>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listener {
    pub protocol: String,
    pub address: String,
    pub port: u16,
    pub process: Option<String>,
    pub package: Option<String>,
}

/// A row of the list of assets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Asset {
    pub id: String,
    pub name: String,
    /// `local`, `ssh://user@host:port`, or `null` where it was only seen from outside.
    pub way: Option<String>,
    pub platform: Option<String>,
    pub addresses: Vec<String>,
    pub tags: Vec<String>,
    pub scopes: Vec<String>,
    pub exposure: String,
    pub first_seen_at: String,
    pub last_seen_at: String,
    /// `null`: never inspected, so nothing is known about its software.
    pub last_inspected_at: Option<String>,
    pub last_error: Option<String>,
    /// The last contact with an asset that was looked for since and did not answer. `null`: it answers, as far as anybody knows.
    pub unreachable_since: Option<String>,
    pub retired_at: Option<String>,
    /// `gone`: whoever owns it says so. `expired`: there was no contact for as long as its kind may have none. `null`: it is
    /// not retired, or was found to be another asset.
    pub retired_as: Option<String>,
    /// Why, for people.
    pub retired_because: Option<String>,
    /// Active findings by tier. `null`: never inspected, and no other tool reports any.
    pub counts: Option<TierCounts>,
    /// Undecided things of the last inspection. `null`: never inspected.
    pub unknown_count: Option<u64>,
}

/// One page of the assets, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetPage {
    pub assets: Vec<Asset>,
    /// Over all pages.
    pub total: u64,
    /// Pass it as `cursor` to get the next page. `null`: this is the last.
    pub next_cursor: Option<String>,
}

/// Active findings by tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TierCounts {
    pub p0: u64,
    pub p1: u64,
    pub p2: u64,
    pub p3: u64,
    pub p4: u64,
}

/// A service seen from the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    pub address: String,
    pub port: u16,
    pub protocol: Option<String>,
    pub banner: Option<String>,
    pub seen_at: String,
}

/// Everything about one asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetDetail {
    #[serde(flatten)]
    pub asset: Asset,
    /// What the last inspection read. `null`: never inspected.
    pub scanned: Option<ScannedAsset>,
    pub services: Vec<Service>,
    /// What sources say of it, where they say anything.
    pub attributes: Vec<Attribute>,
    /// Installations of a system that were seen on it. `null`: nobody read one.
    pub installations: Option<u64>,
    pub unknown: Vec<Unknown>,
    /// Findings, the active ones first, best first; the ended ones after them.
    pub findings: Vec<Finding>,
}

/// What an asset has one of at a time, with everything that is said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attribute {
    /// `hostname`, `fqdn`, `serial` …
    pub kind: String,
    /// The word that counts: of the best source, and of several the newest.
    pub value: String,
    /// All of them, the one that counts first.
    pub claims: Vec<AttributeClaim>,
}

/// What one source says of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttributeClaim {
    pub value: String,
    /// `inspection`, `network_scan`, `operator` …
    pub source: String,
    /// Id of the record.
    pub record: String,
    pub seen_at: String,
}

/// Says that an asset is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// Why, for people: at most 500 characters
    pub because: Option<String>,
}

/// Makes an asset known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAsset {
    /// `local` or `ssh://user@host[:port]`.
    pub way: String,
    /// Default: the host of `way`.
    pub name: Option<String>,
    /// Name of the credential to log in with.
    pub credential: Option<String>,
    /// `ssh://user@host[:port]` to go through first.
    pub jump: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
}
