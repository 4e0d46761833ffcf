//! Saved views on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A filter and an order under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct View {
    pub id: String,
    pub name: String,
    /// As `/api/v1/findings` takes it.
    pub filter: String,
    /// As `/api/v1/findings` takes it.
    pub sort: String,
    /// Who saved it.
    pub owner: String,
    /// Whether others see it and may use it.
    pub shared: bool,
    pub created_at: String,
    /// Why this Vigie cannot read it any more. `null`: it can.
    pub error: Option<String>,
}

/// A view to save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewView {
    pub name: String,
    /// Empty: every finding.
    #[serde(default)]
    pub filter: String,
    /// Absent or empty: the order of work.
    #[serde(default)]
    pub sort: String,
    #[serde(default)]
    pub shared: bool,
}
