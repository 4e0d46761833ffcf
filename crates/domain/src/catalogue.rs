//! What the catalogues say: weaknesses, attack patterns, techniques, and how long products are supported.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A catalogue of terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Weaknesses: `CWE-79`.
    Cwe,
    /// Attack patterns: `CAPEC-66`.
    Capec,
    /// Techniques: `T1190`.
    Attack,
}

/// One entry of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    pub scheme: Scheme,
    pub id: String,
    pub name: String,
    /// Broader terms of the same catalogue.
    pub parents: Vec<String>,
    /// Terms of other catalogues, and the tactics of a technique.
    pub related: Vec<String>,
}

/// An attacker's use of a flaw, as a term of ATT&CK.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Usage {
    /// `T1190`.
    pub technique: String,
    /// `exploitation_technique`, `primary_impact`, `secondary_impact`; empty: not said.
    pub role: String,
    /// Feed id.
    pub source: String,
}

/// One release line of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// The product's name in the catalogue: `debian`, `nodejs`.
    pub product: String,
    /// The line's name: `12`, `3.10`.
    pub name: String,
    pub codename: String,
    pub released: Option<Date>,
    pub active_support: Support,
    pub security_support: Support,
    /// Paid or community long-term support.
    pub extended_support: Support,
    /// Newest version of the line. Empty: not said.
    pub latest: String,
    /// Package-urls and CPEs of the product.
    pub identifiers: Vec<String>,
}

/// How long a kind of support lasts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    #[default]
    Unknown,
    /// It goes on, and nobody says until when.
    Ongoing,
    /// It has ended, and nobody says when.
    Ended,
    Until(Date),
}
