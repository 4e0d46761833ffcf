//! What a feed yields: one publisher's facts in our words, before they are compiled into the knowledge file.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::advisory::Advisory;
use crate::catalogue::{Cycle, Term, Usage};
use crate::component::{Ecosystem, Release};
use crate::vulnerability::{Epss, ExploitEvidence, Kev, PublishedVector, Reference, Ssvc, VulnerabilityId};

/// One fact of one feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// What follows, up to the next such mark, is this document: in an accumulating feed it takes the place of what the
    /// document said before. A document without a record is one that was withdrawn.
    Document {
        id: String,
        /// What tells this state of the document from others. Empty: nothing does.
        revision: String,
    },
    /// The feed speaks for this release (for an ecosystem without releases: [`Release::none`]): without such a record
    /// it is unknown, never clean.
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
    /// Somebody knows of an exploit or of attacks.
    Exploit {
        id: VulnerabilityId,
        exploit: ExploitEvidence,
    },
    /// A weakness, an attack pattern or a technique of a catalogue.
    Term(Term),
    /// How attackers use the flaw.
    Usage {
        id: VulnerabilityId,
        usage: Usage,
    },
    /// How long a product's release line is supported.
    Cycle(Cycle),
}

/// One publisher's view of one flaw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flaw {
    pub id: VulnerabilityId,
    /// Other names of the very same flaw. A bundle of several CVEs is not an alias of any of them.
    pub aliases: Vec<String>,
    pub rejected: bool,
    pub published_at: Option<Timestamp>,
    pub vectors: Vec<PublishedVector>,
    pub ssvc: Option<Ssvc>,
    pub cwes: Vec<String>,
    /// One line. Empty: none.
    pub title: String,
    /// Empty: none.
    pub description: String,
    pub references: Vec<Reference>,
}

impl Flaw {
    /// A flaw of which only the identifier is known.
    pub const fn bare(id: VulnerabilityId) -> Self {
        Self {
            id,
            aliases: Vec::new(),
            rejected: false,
            published_at: None,
            vectors: Vec::new(),
            ssvc: None,
            cwes: Vec::new(),
            title: String::new(),
            description: String::new(),
            references: Vec::new(),
        }
    }
}
