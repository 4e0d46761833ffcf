//! A scope on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Selected assets and their rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Absent in a request to create one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub name: String,
    #[serde(default)]
    pub cidrs: Vec<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    /// Name patterns with `*` and `?`.
    #[serde(default)]
    pub names: Vec<String>,
    /// A filter that asks for nothing but the asset, such as `os:debian not tag:lab`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// `not_set`, `low`, `medium`, `high`.
    #[serde(default)]
    pub confidentiality: Option<String>,
    #[serde(default)]
    pub integrity: Option<String>,
    #[serde(default)]
    pub availability: Option<String>,
    /// `internet`, `partner`, `internal`, `restricted`, `isolated`, `offline`.
    #[serde(default)]
    pub exposure: Option<String>,
    #[serde(default)]
    pub cadence_seconds: Option<u32>,
    /// Contextual score, 0.0 to 10.0.
    #[serde(default)]
    pub threshold: Option<f64>,
    /// Assets that it holds; absent in a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_count: Option<u64>,
}
