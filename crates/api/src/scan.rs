//! What `vigie scan` prints: a stable, versioned contract.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::asset::ScannedAsset;
use crate::feed::Feed;
use crate::finding::Finding;

/// Version of [`Report`]; a change that could break a reader raises it.
pub const REPORT_VERSION: u32 = 1;

/// One scan of one asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    pub version: u32,
    /// The instant that the verdicts are for.
    pub at: String,
    pub asset: ScannedAsset,
    pub feeds: Vec<Feed>,
    /// What could not be decided. Not empty: the scan proves nothing about these, and exits with its own code.
    pub unknown: Vec<Unknown>,
    pub findings: Vec<Finding>,
}

/// Something undecided, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Unknown {
    pub kind: UnknownKind,
    /// The feed, release, source package or file concerned.
    pub subject: String,
    /// The vulnerability, where one pair is undecided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vulnerability: Option<String>,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownKind {
    /// A feed that the verdicts need is missing, empty, stale, partial or failed.
    Feed,
    /// The release or distribution has no feed.
    Release,
    /// A source package that the (partial) feed does not list.
    Package,
    /// A version that cannot be compared, or a statement that does not decide.
    Verdict,
    /// A part of the asset that could not be read.
    Inventory,
}
