//! `vigie host-key`: the keys of SSH servers, pinned at the first connection.

use serde_json::json;
use store::StoreError;

use crate::args::{Common, Format, HostKey};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::output;

pub(crate) async fn run(common: &Common, command: HostKey) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    match command {
        HostKey::List => {
            let keys = store::host_key::list(&engine.db).await?;
            if common.format == Format::Json {
                let keys = keys.iter().map(
                    |key| json!({ "destination": key.destination, "key": key.public_key, "pinned_at": key.pinned_at }),
                );
                output::json(&keys.collect::<Vec<_>>())?;
            } else {
                let mut table = output::table(&["Destination", "Key", "Pinned"]);
                for key in keys {
                    table.add_row(vec![key.destination, key.public_key, key.pinned_at.to_string()]);
                }
                output::line(table)?;
            }
        }
        HostKey::Remove { destination } => {
            let mut tx = engine.db.begin().await?;
            store::host_key::unpin(&mut tx, &destination, engine.now()).await.map_err(|error| match error {
                StoreError::Missing { .. } => Usage(format!("no key is pinned for {destination}")).into(),
                error => anyhow::Error::from(error),
            })?;
            tx.commit().await?;
            output::line(format_args!("{destination}: forgotten; the next connection pins the key that it sees"))?;
        }
    }
    engine.db.close().await;
    Ok(Exit::Clean)
}
