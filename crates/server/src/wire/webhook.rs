//! Webhooks on the wire.

use store::webhook::Webhook as Record;
use wire_types::webhook::Webhook;

/// A webhook, without its secret.
pub fn webhook(webhook: &Record) -> Webhook {
    Webhook {
        id: webhook.id.to_string(),
        url: webhook.url.clone(),
        kinds: webhook.kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
        filter: webhook.filter.clone(),
        created_at: webhook.created_at.to_string(),
        position: webhook.position.to_string(),
        delivered_at: webhook.delivered_at.map(|at| at.to_string()),
        last_error: webhook.last_error.clone(),
    }
}
