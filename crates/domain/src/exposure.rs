//! How reachable an asset is.

use serde::{Deserialize, Serialize};

/// Exposure class, from the most to the least exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    /// Reachable from untrusted networks.
    Internet,
    /// Reachable from the internet for some sources.
    Partner,
    /// Reachable from the routed internal network.
    Internal,
    /// Only from a limited administrative segment.
    Restricted,
    /// No inbound path from any other zone.
    Isolated,
    /// No network interface in use.
    Offline,
    /// Nothing is known: scored as internal, counted as publicly exposed where a rule asks "is it exposed?".
    Unknown,
}

impl Exposure {
    pub const ALL: [Self; 7] =
        [Self::Internet, Self::Partner, Self::Internal, Self::Restricted, Self::Isolated, Self::Offline, Self::Unknown];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internet => "internet",
            Self::Partner => "partner",
            Self::Internal => "internal",
            Self::Restricted => "restricted",
            Self::Isolated => "isolated",
            Self::Offline => "offline",
            Self::Unknown => "unknown",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}
