//! What a feed yields: one publisher's facts in our words, before they are compiled into the knowledge file.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::advisory::Advisory;
use crate::component::{Ecosystem, Release};
use crate::vulnerability::{Epss, Kev, PublishedVector, Ssvc, VulnerabilityId};

/// One fact of one feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// The feed speaks for this release: without such a record a release is unknown, never clean.
    Release {
        ecosystem: Ecosystem,
        release: Release,
    },
    /// The feed lists this source package. In a partial feed an unlisted source is unknown, in a complete one it is clean.
    Source {
        ecosystem: Ecosystem,
        distribution: String,
        name: String,
    },
    /// A statement about a package.
    Advisory(Advisory),
    /// What a publisher says of the flaw itself.
    Flaw(Flaw),
    Epss {
        id: VulnerabilityId,
        epss: Epss,
    },
    Kev {
        id: VulnerabilityId,
        kev: Kev,
    },
}

/// One publisher's view of one flaw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flaw {
    pub id: VulnerabilityId,
    pub aliases: Vec<String>,
    pub rejected: bool,
    pub published_at: Option<Timestamp>,
    pub vectors: Vec<PublishedVector>,
    pub ssvc: Option<Ssvc>,
    pub cwes: Vec<String>,
}
