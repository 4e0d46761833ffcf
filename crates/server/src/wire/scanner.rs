//! Scanner nodes on the wire.

use engine::views::NodeView;
use wire_types::scanner::ScannerNode;

/// A node with what is made of its silence.
pub fn scanner_node(view: &NodeView) -> ScannerNode {
    let node = &view.node;
    ScannerNode {
        id: node.id.to_string(),
        name: node.name.clone(),
        scope: view.scope.clone(),
        version: node.version.clone(),
        public_key: node.public_key.clone(),
        created_at: node.created_at.to_string(),
        last_seen_at: node.last_seen_at.map(|at| at.to_string()),
        silent_since: view.silent_since.map(|at| at.to_string()),
        scope_waits: view.scope_waits,
        removed_at: node.removed_at.map(|at| at.to_string()),
    }
}
