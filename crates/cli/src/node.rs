//! `vigie node`: a scanner in another network, and its registration at the servers.

mod errand;
mod server;

use domain::ids::NodeId;
use domain::node::Node as Record;
use engine::Engine;

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
        version: None,
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
    let mut views = engine.nodes().await?;
    views.retain(|view| view.node.removed_at.is_none());
    let nodes: Vec<_> = views.iter().map(::server::wire::scanner_node).collect();
    if format == Format::Json {
        return output::json(&nodes);
    }
    output::warnings(&engine::views::silence_warnings(&views))?;
    let mut table = output::table(&["Node", "Scope", "Last seen", "Version", "Key"]);
    for node in nodes {
        let seen = node.last_seen_at.unwrap_or_else(|| "never".to_owned());
        let seen = if node.silent_since.is_some() { format!("{seen} (silent)") } else { seen };
        let (version, key) = (output::or_dash(node.version.as_deref()), output::or_dash(node.public_key.as_deref()));
        table.add_row(vec![node.name, node.scope, seen, version, key]);
    }
    output::line(table)?;
    Ok(())
}
