//! Webhooks: who is told of events, and up to where. Their secrets are sealed and bound to where they are used.

use domain::event::EventKind;
use domain::ids::WebhookId;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::audit::Note;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::outbox::{self, Position};
use crate::seal::{MasterKey, OpenError};
use crate::sql::{Row, json, query};

/// One receiver of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: WebhookId,
    /// Its path may be a secret of the receiver's.
    pub url: String,
    /// Empty: all.
    pub kinds: Vec<EventKind>,
    /// Of events about findings only those of findings that it holds, in the language of filters. Empty: all.
    pub filter: String,
    pub created_at: Timestamp,
    /// Everything up to here was taken, or given up.
    pub position: Position,
    /// When it last took something.
    pub delivered_at: Option<Timestamp>,
    /// Why the latest attempt failed. `None`: it did not.
    pub last_error: Option<String>,
}

/// The secret stays sealed.
#[derive(Debug, thiserror::Error)]
#[error("the secret of webhook {id} cannot be opened: {source}")]
pub struct Sealed {
    pub id: WebhookId,
    pub source: OpenError,
}

/// More are refused: each is a place where every event goes.
const WEBHOOKS_MAX: usize = 100;

macro_rules! select {
    ($tail:literal) => {
        concat!("select id, url, kinds, filter, created_at, position, delivered_at, last_error from webhook ", $tail)
    };
}

/// Seals and keeps a webhook, which is told of what happens from now on. `origin` is its URL without what may be a secret.
pub async fn add(
    tx: &mut Tx,
    key: &MasterKey,
    webhook: &Webhook,
    origin: &str,
    secret: &SecretString,
) -> Result<(), StoreError> {
    const DOING: &str = "add the webhook";
    if list(&mut *tx).await?.len() >= WEBHOOKS_MAX {
        return Err(StoreError::refused(DOING, format!("there are {WEBHOOKS_MAX} already")));
    }
    let text = "insert into webhook (id, url, kinds, sealed_secret, created_at, position, filter)
                values ($1, $2, $3, $4, $5, $6, $7)";
    query(DOING, text)
        .bind(webhook.id)
        .bind(webhook.url.as_str())
        .bind(json(&words(&webhook.kinds)))
        .bind(key.seal(secret, &bound(webhook.id, &webhook.url)))
        .bind(webhook.created_at)
        .bind(webhook.position.to_string())
        .bind(webhook.filter.as_str())
        .execute(&mut *tx)
        .await?;
    let told = serde_json::json!({ "receiver": origin, "kinds": words(&webhook.kinds), "filter": webhook.filter });
    tx.note(Note::new(webhook.created_at, "webhook.add", webhook.id).after(&told));
    Ok(())
}

/// Every webhook, the oldest first.
pub async fn list<'a>(on: impl Into<On<'a>>) -> Result<Vec<Webhook>, StoreError> {
    query("list webhooks", select!("order by created_at, id")).all(on).await?.iter().map(from_row).collect()
}

pub async fn get<'a>(on: impl Into<On<'a>>, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
    let found = query("read the webhook", select!("where id = $1")).bind(id).optional(on).await?;
    found.as_ref().map(from_row).transpose()
}

/// The secret of a webhook. `None`: there is no such webhook any more.
pub async fn open<'a>(
    on: impl Into<On<'a>>,
    key: &MasterKey,
    webhook: &Webhook,
) -> Result<Option<Result<SecretString, Sealed>>, StoreError> {
    let text = "select sealed_secret from webhook where id = $1";
    let found = query("open the webhook", text).bind(webhook.id).optional(on).await?;
    let Some(row) = found else { return Ok(None) };
    let opened = key.open(&row.get::<Vec<u8>>("sealed_secret")?, &bound(webhook.id, &webhook.url));
    Ok(Some(opened.map_err(|source| Sealed { id: webhook.id, source })))
}

/// Notes that everything between two positions was taken, or was not for it. Refuses where another has moved it: two
/// deliver at once.
pub async fn advance(
    tx: &mut Tx,
    webhook: &mut Webhook,
    to: Position,
    delivered_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    const DOING: &str = "note what was delivered";
    let text = "update webhook set position = $1, delivered_at = coalesce($2, delivered_at),
                    last_error = case when $2 is null then last_error else null end
                where id = $3 and position = $4";
    let moved = query(DOING, text)
        .bind(to.to_string())
        .bind(delivered_at)
        .bind(webhook.id)
        .bind(webhook.position.to_string())
        .execute(tx)
        .await?;
    if moved == 0 {
        return Err(StoreError::refused(DOING, "it was removed, or another node delivers too"));
    }
    webhook.position = to;
    Ok(())
}

/// Notes why an attempt failed.
pub async fn note_error(tx: &mut Tx, id: WebhookId, reason: &str) -> Result<(), StoreError> {
    let text = "update webhook set last_error = $1 where id = $2";
    query("note what was not delivered", text).bind(outbox::reason(reason)).bind(id).execute(tx).await.map(drop)
}

/// Forgets a webhook and its secret. What of it failed for good is no warning any more.
pub async fn remove(tx: &mut Tx, id: WebhookId, job_kind: &str, now: Timestamp) -> Result<(), StoreError> {
    let removed = query("remove the webhook", "delete from webhook where id = $1").bind(id).execute(&mut *tx).await?;
    if removed == 0 {
        return Err(missing(id));
    }
    query("settle its jobs", "update job set state = 'cancelled' where kind = $1 and key = $2 and state = 'dead'")
        .bind(job_kind)
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
    tx.note(Note::new(now, "webhook.remove", id));
    Ok(())
}

/// Nobody has that identifier, or not any more.
pub fn missing(id: WebhookId) -> StoreError {
    StoreError::missing("webhook", id)
}

fn words(kinds: &[EventKind]) -> Vec<&'static str> {
    kinds.iter().map(|kind| kind.as_str()).collect()
}

/// What a secret is sealed for: with another URL in its place it signs nothing.
fn bound(id: WebhookId, url: &str) -> Vec<u8> {
    [b"webhook", id.uuid().as_bytes().as_slice(), url.as_bytes()].concat()
}

fn from_row(row: &Row) -> Result<Webhook, StoreError> {
    let kinds: Vec<String> = row.json("kinds")?;
    let kind = |text: &String| EventKind::parse(text).ok_or_else(|| row.corrupt(format!("a kind is {text:?}")));
    Ok(Webhook {
        id: WebhookId::from_uuid(row.uuid("id")?),
        url: row.text("url")?,
        kinds: kinds.iter().map(kind).collect::<Result<_, _>>()?,
        filter: row.text("filter")?,
        created_at: row.instant("created_at")?,
        position: row.text("position")?.parse().map_err(|error: outbox::NoPosition| row.corrupt(error.to_string()))?,
        delivered_at: row.instant_opt("delivered_at")?,
        last_error: row.get("last_error")?,
    })
}
