//! Events: what has happened, for whoever follows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::finding::AssetRef;

/// Something that has happened: the data of a server-sent event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutboxEvent {
    /// Unique, and a place in the order of events: give it back as `Last-Event-ID` or `after` to go on behind it
    pub id: String,
    pub at: String,
    /// `finding.opened`, `asset.added` …; `lost`: events between the place that was asked for and this one are gone
    pub kind: String,
    pub asset: Option<AssetRef>,
    pub finding: Option<EventFinding>,
    /// What else there is to say; which members it has depends on the kind
    pub data: serde_json::Value,
}

/// The finding that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventFinding {
    pub id: String,
    pub vulnerability: String,
    pub ecosystem: String,
    pub package: String,
    /// Where the package is, if it is not the system's own
    pub place: String,
}
