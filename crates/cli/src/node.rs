//! `vigie node`: a scanner in another network, and its registration at the servers.

mod errand;
mod server;

use domain::ids::NodeId;
use domain::node::Node as Record;
use engine::Engine;
use serde_json::json;

use crate::args::{Common, Format, Node, NodeCommand};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::output;

/// Longest name: it is shown in tables.
const NAME_CHARS_MAX: usize = 100;

pub(crate) async fn run(common: &Common, node: Node) -> anyhow::Result<Exit> {
    let Some(command) = node.command else { return errand::run(common, &node.work).await };
    let engine = context::engine(common).await?;
    match command {
        NodeCommand::Add { name, scope } => add(&engine, &name, &scope).await?,
        NodeCommand::List => list(&engine, common.format).await?,
        NodeCommand::Remove { name } => {
            let nodes = store::node::list(&engine.db).await?;
            let Some(node) = nodes.iter().find(|node| node.name == name) else {
                return Err(Usage(format!("there is no node {name:?}: `vigie node list` shows them")).into());
            };
            let mut tx = engine.db.begin().await?;
            store::node::remove(&mut tx, node, engine.now()).await?;
            tx.commit().await?;
            output::line(format_args!("{name}: refused from now on"))?;
        }
    }
    engine.db.close().await;
    Ok(Exit::Clean)
}

async fn add(engine: &Engine, name: &str, scope: &str) -> anyhow::Result<()> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(Usage(format!("a node's name has 1 to {NAME_CHARS_MAX} printable characters")).into());
    }
    let Some(scope) = store::scope::find_by_name(&engine.db, scope).await? else {
        return Err(Usage(format!("there is no scope {scope:?}: `vigie scope list` shows them")).into());
    };
    let token = ::server::random_token();
    let node = Record {
        id: NodeId::from_uuid(store::new_id(engine.now())),
        name: name.to_owned(),
        scope: scope.id,
        public_key: None,
        created_at: engine.now(),
        last_seen_at: None,
        removed_at: None,
    };
    let mut tx = engine.db.begin().await?;
    store::node::add(&mut tx, &node, &token).await?;
    tx.commit().await?;
    output::line(format_args!("{name}: inspects the assets of {}. Its token, shown this once:", scope.name))?;
    output::line(store::ExposeSecret::expose_secret(&token))?;
    Ok(())
}

async fn list(engine: &Engine, format: Format) -> anyhow::Result<()> {
    let nodes = store::node::list(&engine.db).await?;
    let scopes = store::scope::list(&engine.db).await?;
    let scope = |node: &Record| {
        scopes.iter().find(|scope| scope.id == node.scope).map_or_else(String::new, |scope| scope.name.clone())
    };
    if format == Format::Json {
        let nodes = nodes.iter().map(|node| {
            json!({ "id": node.id, "name": node.name, "scope": scope(node), "created_at": node.created_at,
                "last_seen_at": node.last_seen_at, "public_key": node.public_key })
        });
        return output::json(&nodes.collect::<Vec<_>>());
    }
    let mut table = output::table(&["Node", "Scope", "Last seen", "Key"]);
    for node in &nodes {
        let seen = node.last_seen_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        table.add_row(vec![node.name.clone(), scope(node), seen, output::or_dash(node.public_key.as_deref())]);
    }
    output::line(table)?;
    Ok(())
}
