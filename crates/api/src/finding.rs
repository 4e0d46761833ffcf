//! A finding on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::asset::TierCounts;
use crate::import::ReportedBy;

/// One (asset, package, vulnerability).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Stable over the finding's whole life; absent in a scan that is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The asset, where the answer is about more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<AssetRef>,
    /// The CVE where there is one, else the publisher's identifier.
    pub vulnerability: String,
    /// Every other identifier of the alias group, the publisher's own included.
    pub aliases: Vec<String>,
    pub component: Component,
    /// The binaries concerned.
    pub places: Vec<Place>,
    pub fixed_version: Option<String>,
    /// `fixed_in`, `open`, `postponed`, `ignored`, `end_of_life`, `not_affected`, `undetermined`; `reported` and
    /// `suppressed` where no vendor speaks but another tool, and somebody suppressed it there.
    pub vendor_status: String,
    /// The vendor's own word for how bad it is, where it has one.
    pub vendor_urgency: Option<String>,
    pub advisory: Advisory,
    /// How sure the match is: `high` (whoever ships the package says so), `medium` (sources disagree), `low` (by CPE).
    pub confidence: String,
    /// `null`: nobody has published a vector. Unscored, not harmless.
    pub cvss: Option<Cvss>,
    /// Probability of exploitation within 30 days, 0 to 1. `null`: not scored by EPSS, or the feed is missing.
    pub epss: Option<f64>,
    pub epss_percentile: Option<f64>,
    /// Listed by CISA as exploited. `null`: the list is missing, old or not whole, so nobody knows.
    pub kev: Option<bool>,
    /// The day it was listed.
    pub kev_added: Option<String>,
    /// CVSS 4.0's words: `attacked`, `proof_of_concept`, `unreported` (searched, nothing found), `not_defined` (not searched).
    pub exploit_maturity: String,
    /// `P0` to `P4`.
    pub priority: String,
    /// When the policy wants it closed. `null`: with the next upgrade.
    pub due: Option<String>,
    pub reasons: Vec<Reason>,
    /// Life-cycle; absent in a scan that is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub life: Option<Life>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetRef {
    pub id: String,
    pub name: String,
}

/// The package, by the name that advisories use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Component {
    /// The package-url type: `deb`, `npm` …; `object`: no package, but a file, an address or a setting that another tool
    /// names.
    pub ecosystem: String,
    /// Source name.
    pub name: String,
    /// Source version.
    pub version: String,
    /// Empty: it is no package.
    pub purl: String,
}

/// One installed binary of the package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Place {
    pub name: String,
    pub version: String,
    pub arch: String,
    /// The file or folder that says so.
    pub path: String,
    /// Digest of the image layer that brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Advisory {
    /// Feed id.
    pub source: String,
    pub id: String,
    pub url: String,
}

/// The scores of one vector, recomputed. Letters as FIRST defines them for 4.0; for 3.x `bt` is the temporal and `be`,
/// `bte` the environmental score without and with the exploit maturity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cvss {
    /// `2.0`, `3.0`, `3.1` or `4.0`.
    pub version: String,
    /// The base vector as published.
    pub vector: String,
    /// Who published it.
    pub source: String,
    pub b: f64,
    pub bt: f64,
    pub be: f64,
    pub bte: f64,
}

/// Why the priority is what it is: one input or rule each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// Stable identifier of the rule or input.
    pub rule: String,
    pub text: String,
    /// The feed or scope it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The date of the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// Where a kept finding stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Life {
    /// `open`, `pending`, `fixed`, `stale`, `closed`.
    pub detection: String,
    /// Why it is pending, fixed or closed.
    pub cause: Option<String>,
    pub first_detected_at: String,
    /// The asset's last inspection that covered the package.
    pub last_seen_at: Option<String>,
    pub fixed_at: Option<String>,
    pub exposure_seconds: i64,
    pub failed_fixes: u32,
    pub episodes: Vec<Episode>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Episode {
    pub number: u32,
    /// `detected`, `regressed`, `reintroduced`, `range_widened`, `resurrected`, `reinstated`, `reported_again`,
    /// `rolled_back`, `parted`, `decision_lapsed`.
    pub opened_by: String,
    pub detected_at: String,
    pub ended_at: Option<String>,
}

/// One event of a finding's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub observed_at: String,
    pub recorded_at: String,
    /// The evidence, in words.
    pub fact: String,
    /// State after it.
    pub detection: String,
    /// What had changed: `new_inventory`, `new_advisory` (or one that says more), `corrected_range`, `withdrawn`, `new_decision` (the
    /// operator says that it is not affected), `withdrawn_decision`, `asset_merged`, `asset_split`, `asset_retired`, `asset_returned`,
    /// `fix_claimed`, `report`, `time`; `unknown` where what was there before is not kept.
    pub why: String,
    /// The same in words, with who or what did it.
    pub because: String,
    /// What brought the evidence, as it is kept: `inspection ID`, `knowledge HASH`, `asset merged by NAME`, `run ID`,
    /// `report of TOOL`, `clock`.
    pub cause: String,
    /// The advisory that is new, changed or withdrawn: the one that the finding was matched with last. Of a decision, the
    /// operator's statement.
    pub advisory: Option<AdvisoryRef>,
}

/// An advisory by its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdvisoryRef {
    /// Feed id.
    pub source: String,
    pub id: String,
}

/// A finding with its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FindingDetail {
    #[serde(flatten)]
    pub finding: Finding,
    pub events: Vec<Event>,
    /// Other tools that report it, or did; 100 at most.
    pub reports: Vec<ReportedBy>,
}

/// One page of findings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FindingPage {
    pub findings: Vec<Finding>,
    /// Findings that match, over all pages.
    pub total: u64,
    /// Pass it as `cursor` to get the next page. `null`: this is the last.
    pub next_cursor: Option<String>,
    /// What this list cannot show: unknown things, missing feeds. Show it beside the list.
    pub warnings: Vec<String>,
}

/// Counts of findings beside a list. Those by tier leave out what the filter asks of the tier, those by state what it asks of
/// the state: they say what another choice would bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingFacets {
    /// Findings that the whole filter holds.
    pub total: u64,
    pub tiers: TierCounts,
    pub states: StateCounts,
    /// Findings by operating system, those with most first.
    pub os: Vec<FindingGroup>,
    /// Findings by scope, those with most first. A finding counts in each scope of its asset.
    pub scopes: Vec<FindingGroup>,
    /// The vulnerabilities on most assets.
    pub vulnerabilities: Vec<AssetCount>,
    /// What these counts cannot show: unknown things, missing feeds.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateCounts {
    pub open: u64,
    pub pending: u64,
    pub stale: u64,
    pub fixed: u64,
    pub closed: u64,
}

/// A vulnerability with the number of assets that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetCount {
    pub vulnerability: String,
    pub asset_count: u64,
}

/// Findings grouped by one thing, the groups with most findings first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingGroups {
    /// `tier`, `state`, `os`, `scope`, `tag`, `asset`, `vulnerability`, `package`.
    pub by: String,
    pub groups: Vec<FindingGroup>,
    /// What these counts cannot show: unknown things, missing feeds.
    pub warnings: Vec<String>,
}

/// Findings with something in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingGroup {
    /// `null`: it is unknown, or there is none: an asset without a scope, without a tag.
    pub value: Option<String>,
    /// The asset's id, where they are grouped by asset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    pub finding_count: u64,
}
