//! How the installation is doing, for the banner of every page.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::asset::TierCounts;
use crate::feed::Feed;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    pub version: String,
    /// The feeds come from the bundled sample, because no publisher answered: nothing here is complete.
    pub sample: bool,
    /// First-class warnings, worst first, in words.
    pub warnings: Vec<String>,
    pub feeds: Vec<Feed>,
    pub asset_count: u64,
    /// Assets whose software is unknown: never inspected, or the last inspection failed.
    pub asset_unknown_count: u64,
    /// Active findings by tier. `null`: no asset was ever inspected.
    pub counts: Option<TierCounts>,
    /// Undecided things over all assets. `null`: no asset was ever inspected.
    pub unknown_count: Option<u64>,
    /// Jobs that failed for good, until somebody retries or cancels them
    pub dead_job_count: u64,
    /// Scanner nodes that have said nothing for more than 15 minutes
    pub silent_node_count: u64,
}

/// An error, as RFC 9457 problem details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
}
