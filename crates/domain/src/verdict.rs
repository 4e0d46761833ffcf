//! What one evaluation of one inventory says: the matches, and what could not be decided.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::advisory::VendorStatus;
use crate::component::{Component, Package};
use crate::vulnerability::VulnerabilityId;

/// One source package that an advisory says is affected, with the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    pub package: Package,
    pub vulnerability: VulnerabilityId,
    /// Affected source version.
    pub version: String,
    /// The affected binaries; the matches of one package share them.
    pub places: Arc<[Arc<Component>]>,
    /// Feed id of the advisory.
    pub source: String,
    /// The publisher's identifier of the advisory.
    pub advisory: String,
    pub vendor_status: VendorStatus,
    /// The vendor's own word for how bad it is. Empty: none.
    pub urgency: String,
    /// `None`: the vendor has no fix.
    pub fixed_version: Option<String>,
    /// A fixed version is installed and the affected one still runs.
    pub restart_needed: bool,
    pub confidence: Confidence,
}

/// A vulnerability that the operator says a package does not have, and nobody else says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acquittal {
    pub vulnerability: VulnerabilityId,
    /// Feed id of the operator's statements.
    pub source: String,
    /// Name of the statement.
    pub statement: String,
    /// By every other word the package would have it, or nobody would know: the statement decides also where another version was
    /// found. Else it decides of the version that was found, and what is installed instead has an upgrade to thank.
    pub overrules: bool,
}

/// How sure a match is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Found by a name that looks right: CPE.
    Low,
    /// Sources of the same rank disagree, or what they say names more than what is really affected.
    Medium,
    /// Whoever ships the package, or its ecosystem's database, says so.
    #[default]
    High,
}

impl Confidence {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Something that could not be decided: shown and counted, never taken for clean.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Undecided {
    pub kind: UndecidedKind,
    /// The feed, release, source package or file concerned.
    pub subject: String,
    /// The vulnerability, where one pair is undecided.
    pub vulnerability: Option<VulnerabilityId>,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UndecidedKind {
    /// A feed that the verdicts need is missing, empty, stale, partial or failed.
    Feed,
    /// The release or distribution has no feed.
    Release,
    /// A source package that a partial feed does not list, or code that no package accounts for.
    Package,
    /// A version that cannot be compared, or a statement that does not decide.
    Verdict,
    /// A part of the asset that could not be read.
    Inventory,
}
