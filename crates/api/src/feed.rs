//! A feed on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A feed and how far it can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Feed {
    pub id: String,
    /// `fresh`, `stale`, `empty`, `partial`, `failed`, `never`.
    pub state: String,
    pub fetched_at: Option<String>,
    /// The instant that the publisher gives for its data.
    pub published_at: Option<String>,
    pub version: Option<String>,
    /// `null`: never fetched.
    pub record_count: Option<u64>,
    pub problem_count: u64,
    pub problems: Vec<String>,
    /// Why it cannot be all that its publisher has, though nobody says so. Absent: nothing is implausible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lack: Option<String>,
    pub last_error: Option<String>,
    /// Under what terms the publisher gives its data. Absent: of a provider that the operator named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// What the publisher wants to be said where its data is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// `true`: it came with imported knowledge, nobody here asked its publisher. Absent: it did not, or nobody said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub imported: bool,
}
