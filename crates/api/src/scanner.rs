//! Scanner nodes, as people see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A scanner node that was registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScannerNode {
    pub id: String,
    pub name: String,
    /// The name of the scope whose assets it inspects
    pub scope: String,
    /// Which version of Vigie it said it is. `null`: it has not said
    pub version: Option<String>,
    /// What secrets are sealed for. `null`: it has not come yet
    pub public_key: Option<String>,
    pub created_at: String,
    /// Noted once a minute. `null`: it has never come
    pub last_seen_at: Option<String>,
    /// Since when it says nothing, where that is more than 15 minutes. `null`: it is there, or was removed
    pub silent_since: Option<String>,
    /// Every node of its scope is silent, so that the scope's inspections wait
    pub scope_waits: bool,
    /// It is refused since then. `null`: it was not removed
    pub removed_at: Option<String>,
}

/// Every scanner node by name, also those that were removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScannerNodes {
    /// By the server's clock
    pub at: String,
    pub nodes: Vec<ScannerNode>,
}
