//! Scanner nodes as people see them: of which scope, and which of them say nothing.

use domain::node::{Node, is_scope_silent};
use domain::scope::Scope;
use jiff::Timestamp;

use crate::Engine;

/// A node with what is made of its silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    pub node: Node,
    /// The name of the scope.
    pub scope: String,
    /// Since when it says nothing, where that is too long.
    pub silent_since: Option<Timestamp>,
    /// Every node of its scope is silent: the scope's inspections wait.
    pub scope_waits: bool,
}

/// Nodes that are warned of by name.
const NAMED_MAX: usize = 5;

impl Engine {
    /// Every node by name, also those that were removed.
    pub async fn nodes(&self) -> anyhow::Result<Vec<NodeView>> {
        let (nodes, scopes) = (store::node::list_all(&self.db).await?, store::scope::list(&self.db).await?);
        Ok(viewed(nodes, &scopes, self.now()))
    }

    /// The nodes that say nothing, by name.
    pub(super) async fn silent_nodes(&self, now: Timestamp) -> anyhow::Result<Vec<NodeView>> {
        let nodes = store::node::list(&self.db).await?;
        if nodes.iter().all(|node| node.silent_since(now).is_none()) {
            return Ok(Vec::new());
        }
        let mut views = viewed(nodes, &store::scope::list(&self.db).await?, now);
        views.retain(|view| view.silent_since.is_some());
        Ok(views)
    }
}

/// What is said of nodes that say nothing, the first few by name.
pub fn silence_warnings(nodes: &[NodeView]) -> Vec<String> {
    let silent: Vec<&NodeView> = nodes.iter().filter(|view| view.silent_since.is_some()).collect();
    let mut warnings: Vec<String> = silent.iter().take(NAMED_MAX).map(|view| silence(view)).collect();
    match silent.len().saturating_sub(NAMED_MAX) {
        0 => {}
        1 => warnings.push("Another scanner node is silent too: `vigie node list` names it.".to_owned()),
        more => warnings.push(format!("{more} other scanner nodes are silent too: `vigie node list` names them.")),
    }
    warnings
}

fn silence(view: &NodeView) -> String {
    let (node, scope) = (&view.node, &view.scope);
    let silent = match node.last_seen_at {
        Some(seen) => format!("The scanner node {} has said nothing since {seen:.0}", node.name),
        None => format!("The scanner node {} was added at {:.0} and has never come", node.name, node.created_at),
    };
    if view.scope_waits {
        format!("{silent}: the assets of its scope {scope} are not inspected.")
    } else {
        format!("{silent}: the other nodes of its scope {scope} do its work.")
    }
}

fn viewed(nodes: Vec<Node>, scopes: &[Scope], now: Timestamp) -> Vec<NodeView> {
    let waits: Vec<bool> = nodes.iter().map(|node| is_scope_silent(node.scope, &nodes, now)).collect();
    let view = |(node, scope_waits): (Node, bool)| NodeView {
        scope: scopes
            .iter()
            .find(|scope| scope.id == node.scope)
            .map_or_else(|| node.scope.to_string(), |scope| scope.name.clone()),
        silent_since: node.silent_since(now),
        scope_waits: scope_waits && node.removed_at.is_none(),
        node,
    };
    nodes.into_iter().zip(waits).map(view).collect()
}
