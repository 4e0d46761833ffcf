//! `vigie webhook`: who is told of events.

use domain::ids::WebhookId;
use engine::Engine;
use store::{ExposeSecret as _, StoreError};

use crate::args::{Common, Format, Webhook};
use crate::exit::{Exit, Usage};
use crate::{context, findings, output};

pub(crate) async fn run(common: &Common, command: Webhook) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    let mut exit = Exit::Clean;
    match command {
        Webhook::List => list(&engine, common.format).await?,
        Webhook::Add { url, kind, filter } => {
            findings::read(&filter)?;
            add(&engine, common.format, &url, (&kind, &filter)).await?;
        }
        Webhook::Remove { id } => {
            let mut tx = engine.db.begin().await?;
            engine.remove_webhook(&mut tx, id).await.map_err(missing)?;
            tx.commit().await?;
            output::line("Removed.")?;
        }
        Webhook::Test { id } => exit = test(&engine, id).await?,
    }
    engine.db.close().await;
    Ok(exit)
}

async fn add(engine: &Engine, format: Format, url: &str, (kinds, filter): (&[String], &str)) -> anyhow::Result<()> {
    let (kinds, secret) = (server::wire::event_kinds(kinds)?, server::webhook_secret());
    let mut tx = engine.db.begin().await?;
    let webhook = engine.add_webhook(&mut tx, url, kinds, filter, &secret).await?;
    tx.commit().await?;
    let (webhook, secret) = (server::wire::webhook(&webhook), secret.expose_secret().to_owned());
    if format == Format::Json {
        return output::json(&api::webhook::AddedWebhook { webhook, secret });
    }
    output::line(format_args!("{}: told of what happens from now on. Its secret, shown this once:", webhook.id))?;
    output::line(secret)?;
    Ok(())
}

async fn list(engine: &Engine, format: Format) -> anyhow::Result<()> {
    let webhooks: Vec<_> = store::webhook::list(&engine.db).await?.iter().map(server::wire::webhook).collect();
    if format == Format::Json {
        return output::json(&webhooks);
    }
    let mut table = output::table(&["Webhook", "URL", "Kinds", "Filter", "Last delivered", "Error"]);
    for webhook in webhooks {
        let kinds = if webhook.kinds.is_empty() { "all".to_owned() } else { webhook.kinds.join(", ") };
        table.add_row(vec![
            webhook.id,
            webhook.url,
            kinds,
            output::or_dash(Some(webhook.filter).filter(|filter| !filter.is_empty())),
            webhook.delivered_at.unwrap_or_else(|| "never".to_owned()),
            output::or_dash(webhook.last_error.as_deref()),
        ]);
    }
    output::line(table)?;
    Ok(())
}

async fn test(engine: &Engine, id: WebhookId) -> anyhow::Result<Exit> {
    let mut tx = engine.db.begin().await?;
    let asked = engine.ask_webhook_test(&mut tx, id).await.map_err(missing)?;
    tx.commit().await?;
    match engine.test_webhook(asked).await? {
        Ok(()) => {
            output::line("The receiver took it.")?;
            Ok(Exit::Clean)
        }
        Err(reason) => {
            output::line(format_args!("Not taken: {reason}"))?;
            Ok(Exit::Failed)
        }
    }
}

fn missing(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<StoreError>() {
        Some(StoreError::Missing { .. }) => {
            Usage("there is no such webhook: `vigie webhook list` shows them".to_owned()).into()
        }
        _ => error,
    }
}
