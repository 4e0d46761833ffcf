//! A scanner node: looks inside assets of one scope, from a network that the servers need not reach.

use jiff::{SignedDuration, Timestamp};
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
    /// Which version of Vigie it said it is. `None`: it has not said.
    pub version: Option<String>,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
    pub removed_at: Option<Timestamp>,
}

/// A node asks for work every few seconds: one that says nothing for longer than this is silent.
pub const SILENT_AFTER: SignedDuration = SignedDuration::from_mins(15);

impl Node {
    /// Since when the node says nothing, where that is too long. One that has never come is silent since it was added. An
    /// instant far ahead was noted while a clock was ahead: whoever is alive is noted anew.
    pub fn silent_since(&self, now: Timestamp) -> Option<Timestamp> {
        let last = self.last_seen_at.unwrap_or(self.created_at);
        let is_silent = self.removed_at.is_none() && now.duration_since(last).abs() > SILENT_AFTER;
        is_silent.then_some(last)
    }

    /// The name under which it holds jobs: another node of the same name is another holder.
    pub fn holder(&self) -> String {
        let id = self.id.to_string();
        let (_, random) = id.rsplit_once('-').unwrap_or_default();
        format!("node {} {random}", self.name)
    }
}

/// Whether work of a scope waits for nodes that say nothing: it has some, and all of them are silent.
pub fn is_scope_silent(scope: ScopeId, nodes: &[Node], now: Timestamp) -> bool {
    let mut own = nodes.iter().filter(|node| node.scope == scope && node.removed_at.is_none()).peekable();
    own.peek().is_some() && own.all(|node| node.silent_since(now).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(4_000_000_000 + 60 * minute).unwrap()
    }

    fn node(scope: u128, last_seen_at: Option<i64>) -> Node {
        Node {
            id: NodeId::from_uuid(uuid::Uuid::from_u128(1)),
            name: "branch1".to_owned(),
            scope: scope_id(scope),
            public_key: None,
            version: None,
            created_at: minute(0),
            last_seen_at: last_seen_at.map(minute),
            removed_at: None,
        }
    }

    fn scope_id(scope: u128) -> ScopeId {
        ScopeId::from_uuid(uuid::Uuid::from_u128(scope))
    }

    #[test]
    fn a_node_is_silent_after_more_than_a_quarter_of_an_hour() {
        let seen = node(1, Some(10));
        assert_eq!(seen.silent_since(minute(25)), None);
        assert_eq!(seen.silent_since(minute(25) + SignedDuration::from_millis(1)), Some(minute(10)));
        let never = node(1, None);
        assert_eq!((never.silent_since(minute(15)), never.silent_since(minute(16))), (None, Some(minute(0))));
        let removed = Node { removed_at: Some(minute(11)), ..node(1, Some(10)) };
        assert_eq!(removed.silent_since(minute(1000)), None, "nobody waits for it");
    }

    #[test]
    fn a_clock_that_was_ahead_hides_no_silence() {
        let ahead = node(1, Some(500));
        assert_eq!(ahead.silent_since(minute(485)), None, "clocks differ");
        assert_eq!(ahead.silent_since(minute(100)), Some(minute(500)));
    }

    #[test]
    fn a_scope_is_silent_when_all_its_nodes_are() {
        let (silent, alive, other) = (node(1, Some(10)), node(1, Some(90)), node(2, Some(90)));
        let removed = Node { removed_at: Some(minute(95)), ..node(1, Some(94)) };
        let is_silent = |nodes: &[Node]| is_scope_silent(scope_id(1), nodes, minute(100));
        assert!(is_silent(&[silent.clone(), other.clone(), removed.clone()]));
        assert!(!is_silent(&[silent, alive]));
        assert!(!is_silent(&[other, removed]), "without a node the servers do the work");
    }
}
