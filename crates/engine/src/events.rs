//! Events as others read them: one form for streams and for what is sent.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use store::outbox::{Event, Position};

/// One event in words that are a promise: `api::event::OutboxEvent` describes it.
#[derive(Debug, Serialize)]
pub struct Message<'a> {
    pub id: String,
    at: Timestamp,
    pub kind: &'static str,
    asset: Option<Asset<'a>>,
    finding: Option<Finding<'a>>,
    data: Option<&'a Value>,
}

#[derive(Debug, Serialize)]
struct Asset<'a> {
    id: String,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct Finding<'a> {
    id: String,
    vulnerability: &'a str,
    ecosystem: &'static str,
    package: &'a str,
    place: &'a str,
}

impl<'a> Message<'a> {
    pub fn of(event: &'a Event) -> Self {
        Self {
            id: event.position.to_string(),
            at: event.at,
            kind: event.kind.as_str(),
            asset: event.asset.as_ref().map(|(id, name)| Asset { id: id.to_string(), name }),
            finding: event.finding.as_ref().map(|about| Finding {
                id: about.id.to_string(),
                vulnerability: &about.vulnerability,
                ecosystem: about.ecosystem.as_str(),
                package: &about.package,
                place: &about.place,
            }),
            data: Some(&event.body),
        }
    }

    /// Says that whoever reads this has missed what was before the position.
    pub fn lost(from: &Position, now: Timestamp) -> Self {
        Self { id: from.to_string(), at: now, kind: "lost", asset: None, finding: None, data: None }
    }

    /// Says nothing but that messages arrive.
    pub fn test(id: &str, now: Timestamp) -> Self {
        Self { id: id.to_owned(), at: now, kind: "test", asset: None, finding: None, data: None }
    }

    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("texts, an instant and JSON serialise without failing")
    }
}
