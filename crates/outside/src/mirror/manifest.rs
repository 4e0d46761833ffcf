//! What a mirror says of its own completeness: `mirror.json`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Manifest {
    #[serde(default)]
    pub(super) feeds: BTreeMap<String, FeedManifest>,
}

/// What the mirror says of one feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct FeedManifest {
    /// The mirror holds only a part of what the publisher has.
    #[serde(default)]
    pub partial: bool,
    /// However few records there are, they are all that is meant: whoever keeps the mirror chose them, and answers for it.
    #[serde(default)]
    pub small: bool,
    /// The instant of the data, where the data itself does not tell.
    #[serde(default)]
    pub as_of: Option<Timestamp>,
}

impl Manifest {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_may_be_partial_and_dated() {
        let text = r#"{"feeds": {"debian": {"partial": true, "as_of": "2026-11-23T00:00:00Z"}, "kev": {}}}"#;
        let manifest = Manifest::parse(text).expect("it reads");
        assert!(manifest.feeds["debian"].partial);
        assert_eq!(manifest.feeds["kev"], FeedManifest { partial: false, small: false, as_of: None });
        assert!(Manifest::parse(r#"{"feeds": {"debian": {"partial": "no"}}}"#).is_err());
    }
}
