//! A scanner node: looks inside assets of one scope, from a network that the servers need not reach.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{NodeId, ScopeId};

/// A node as the store keeps it; its token has no place here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub id: NodeId,
    /// Shown to people; unique among those that were not removed.
    pub name: String,
    /// Whose assets it inspects.
    pub scope: ScopeId,
    /// What secrets are sealed for. `None`: it has not come yet.
    pub public_key: Option<String>,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
    pub removed_at: Option<Timestamp>,
}

impl Node {
    /// The name under which it holds jobs: another node of the same name is another holder.
    pub fn holder(&self) -> String {
        let id = self.id.to_string();
        let (_, random) = id.rsplit_once('-').unwrap_or_default();
        format!("node {} {random}", self.name)
    }
}
