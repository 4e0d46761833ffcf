//! Scanner nodes: who may claim the jobs of which scope. Only a hash of a node's token is kept.

use std::collections::BTreeSet;

use domain::ids::{NodeId, ScopeId};
use domain::node::Node;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::audit::Note;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::session::token_hash;
use crate::sql::{Row, json, query};

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select id, name, scope_id, public_key, version, created_at, last_seen_at, removed_at from node ",
            $tail
        )
    };
}

/// Adds a node. Its token is random, at least 128 bits, and made by the caller.
pub async fn add(tx: &mut Tx, node: &Node, token: &SecretString) -> Result<(), StoreError> {
    query("add the node", "insert into node (id, name, scope_id, token_hash, created_at) values ($1, $2, $3, $4, $5)")
        .bind(node.id)
        .bind(node.name.as_str())
        .bind(node.scope)
        .bind(token_hash(token))
        .bind(node.created_at)
        .execute(&mut *tx)
        .await?;
    tx.note(Note::new(node.created_at, "node.add", node.id).after(node));
    Ok(())
}

/// The node of a token. `None`: there is none, or it was removed.
pub async fn find_by_token<'a>(on: impl Into<On<'a>>, token: &SecretString) -> Result<Option<Node>, StoreError> {
    let text = select!("where token_hash = $1 and removed_at is null");
    let found = query("find the node", text).bind(token_hash(token)).optional(on).await?;
    found.as_ref().map(from_row).transpose()
}

/// The nodes that were not removed, by name.
pub async fn list<'a>(on: impl Into<On<'a>>) -> Result<Vec<Node>, StoreError> {
    by_name(&query("list nodes", select!("where removed_at is null")).all(on).await?)
}

/// All nodes, also those that were removed, by name.
pub async fn list_all<'a>(on: impl Into<On<'a>>) -> Result<Vec<Node>, StoreError> {
    by_name(&query("list nodes", select!("")).all(on).await?)
}

/// Notes the key that secrets are sealed for, at the node's first word. Refuses another one later: whoever has stolen a
/// token has not the key.
pub async fn bind_key(tx: &mut Tx, id: NodeId, public_key: &str) -> Result<(), StoreError> {
    const DOING: &str = "note the node's key";
    let text = "update node set public_key = $1 where id = $2 and (public_key is null or public_key = $1)";
    match query(DOING, text).bind(public_key).bind(id).execute(tx).await? {
        0 => Err(StoreError::refused(DOING, "it has another one: remove the node and add it again")),
        _ => Ok(()),
    }
}

/// Notes which version of Vigie the node said it is.
pub async fn note_version(tx: &mut Tx, id: NodeId, version: &str) -> Result<(), StoreError> {
    let text = "update node set version = $1 where id = $2";
    query("note the node's version", text).bind(version).bind(id).execute(tx).await.map(drop)
}

pub async fn seen(tx: &mut Tx, id: NodeId, at: Timestamp) -> Result<(), StoreError> {
    let text = "update node set last_seen_at = $1 where id = $2";
    query("note that the node was seen", text).bind(at).bind(id).execute(tx).await.map(drop)
}

/// Removes a node: it is refused from now on. Where it was the last one of its scope, the servers do what waits there.
pub async fn remove(tx: &mut Tx, node: &Node, now: Timestamp) -> Result<(), StoreError> {
    let text = "update node set removed_at = $1 where id = $2 and removed_at is null";
    if query("remove the node", text).bind(now).bind(node.id).execute(&mut *tx).await? == 0 {
        return Err(StoreError::missing("node", &node.name));
    }
    adopt(tx).await?;
    tx.note(Note::new(now, "node.remove", node.id).before(node));
    Ok(())
}

/// Gives the work of scopes that have no node to the servers: what waits, what a removed node held and loses, and what ended and
/// may be tried again.
pub async fn adopt(tx: &mut Tx) -> Result<(), StoreError> {
    let served: BTreeSet<String> = list(&mut *tx).await?.iter().map(|node| segment(node.scope)).collect();
    let text = "update job set segment = '' where segment <> '' and state not in ('done', 'superseded')
                and segment not in (select item.value from {texts $1})";
    query("give the nodes' work to the servers", text).bind(json(&served)).execute(tx).await.map(drop)
}

/// The segment of the jobs that the nodes of a scope do.
pub fn segment(scope: ScopeId) -> String {
    scope.to_string()
}

fn by_name(rows: &[Row]) -> Result<Vec<Node>, StoreError> {
    let mut nodes: Vec<Node> = rows.iter().map(from_row).collect::<Result<_, _>>()?;
    nodes.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    Ok(nodes)
}

fn from_row(row: &Row) -> Result<Node, StoreError> {
    Ok(Node {
        id: NodeId::from_uuid(row.uuid("id")?),
        name: row.text("name")?,
        scope: ScopeId::from_uuid(row.uuid("scope_id")?),
        public_key: row.get("public_key")?,
        version: row.get("version")?,
        created_at: row.instant("created_at")?,
        last_seen_at: row.instant_opt("last_seen_at")?,
        removed_at: row.instant_opt("removed_at")?,
    })
}
