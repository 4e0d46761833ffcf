//! Webhooks: who is told of events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One receiver of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    pub id: String,
    pub url: String,
    /// Kinds of events that it is told of. Empty: all
    pub kinds: Vec<String>,
    /// Of events about findings it is told those of findings that this holds when they are told. Empty: all
    pub filter: String,
    pub created_at: String,
    /// Id of the event up to which it was told, or which was given up
    pub position: String,
    /// When it last took something. `null`: never
    pub delivered_at: Option<String>,
    /// Why the latest attempt failed. `null`: it did not
    pub last_error: Option<String>,
}

/// A webhook to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    pub url: String,
    /// Kinds of events to be told of. Empty or absent: all
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Of events about findings only those of findings that this holds, as `/api/v1/findings` takes it. Empty or absent: all
    #[serde(default)]
    pub filter: String,
}

/// A webhook that was added.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedWebhook {
    pub webhook: Webhook,
    /// What its messages are signed with: shown this once
    pub secret: String,
}

/// What came of a message that was sent as a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookTest {
    pub delivered: bool,
    /// Why it was not taken
    pub error: Option<String>,
}
