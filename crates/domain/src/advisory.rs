//! A source's published statement about a package and a vulnerability.

use serde::{Deserialize, Serialize};

use crate::component::{Ecosystem, Release};
use crate::verdict::Confidence;
use crate::vulnerability::VulnerabilityId;

/// One statement: in this release, this package stands so towards this vulnerability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advisory {
    /// Feed id of the publisher: `debian`.
    pub source: String,
    /// The publisher's own identifier: the CVE where it has none of its own.
    pub id: String,
    pub ecosystem: Ecosystem,
    /// [`Release::none`] where no distribution speaks.
    pub release: Release,
    /// Canonical name; what kind of name, `kind` says.
    pub package: String,
    pub kind: PackageKind,
    /// Module stream that the statement is about (`nodejs:18`); `*`: a module whose stream is not said. Empty: none.
    pub module: String,
    pub vulnerability: VulnerabilityId,
    pub statement: Statement,
    /// The vendor's own word for how bad it is here (`unimportant`, `low` …). Empty: none given.
    pub urgency: String,
    pub rank: Rank,
    /// Why it is not affected, in the words of CSAF and VEX (`vulnerable_code_not_present` …). Empty: not said.
    pub justification: String,
    /// The product that must hold the package (a package-url) for the statement to count. Empty: any.
    pub product: String,
    /// How sure a match by it is: a statement may name more than what is really affected.
    pub confidence: Confidence,
    /// Something else that must be true, which an inventory does not tell (`runs on o:microsoft:windows`). Empty: nothing.
    pub condition: String,
}

impl Advisory {
    /// A vendor's plain statement about a source package.
    #[expect(clippy::too_many_arguments, reason = "who, where, what: each of another type, and none has a default")]
    pub fn new(
        source: &str,
        id: impl Into<String>,
        ecosystem: Ecosystem,
        release: Release,
        package: impl Into<String>,
        vulnerability: VulnerabilityId,
        statement: Statement,
    ) -> Self {
        Self {
            source: source.to_owned(),
            id: id.into(),
            ecosystem,
            release,
            package: package.into(),
            kind: PackageKind::Source,
            module: String::new(),
            vulnerability,
            statement,
            urgency: String::new(),
            rank: Rank::Vendor,
            justification: String::new(),
            product: String::new(),
            confidence: Confidence::High,
            condition: String::new(),
        }
    }
}

/// Which of a package's names a statement uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageKind {
    /// The source package: all of its binaries.
    #[default]
    Source,
    /// One binary package.
    Binary,
}

/// Whose word on a package counts first, best first. A better rank overrules a worse one; equals must agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// A statement that the operator brought.
    Operator,
    /// Whoever ships the package, for each vulnerability: a distribution's tracker or VEX.
    #[default]
    Vendor,
    /// Whoever ships the package, for what it fixed: notices and errata.
    VendorNotice,
    /// The database of the package's ecosystem.
    Ecosystem,
    /// A collection of names and versions by CPE: the last resort.
    Cpe,
}

/// What the vendor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Statement {
    /// Versions below this one are affected.
    FixedIn { version: String },
    /// These versions are affected, all others are not.
    Affected(Versions),
    /// These versions are affected; the statement says nothing of others.
    AffectedIn(Versions),
    /// Affected, no fix yet.
    Open,
    /// Affected, a fix will come with a later update.
    Postponed,
    /// Affected, no fix is planned.
    Ignored,
    /// Affected or not, nobody looks any more.
    EndOfLife,
    /// This package in this release never had it.
    NotAffected,
    /// These versions are not affected; the statement says nothing of others.
    NotAffectedIn(Versions),
    /// The vendor does not know.
    Undetermined,
}

/// A set of versions: those in any of the ranges, and those named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    pub ranges: Vec<Range>,
    /// Single versions; compared as versions where they are some, else as text.
    pub exact: Vec<String>,
}

/// An interval in the ecosystem's order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// `None`: from the beginning.
    pub lower: Option<Bound>,
    /// `None`: no end. An exclusive one is the version that fixes.
    pub upper: Option<Bound>,
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    pub version: String,
    pub inclusive: bool,
}

impl Range {
    /// From the beginning to a version that fixes.
    pub fn below(fixed: impl Into<String>) -> Self {
        Self { lower: None, upper: Some(Bound { version: fixed.into(), inclusive: false }) }
    }
}

/// The statement's kind, as findings and pages show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VendorStatus {
    FixedIn,
    Open,
    Postponed,
    Ignored,
    EndOfLife,
    NotAffected,
    Undetermined,
    /// No vendor speaks: another tool reports it.
    Reported,
    /// Another tool reports it, and somebody suppressed it there.
    Suppressed,
}

impl VendorStatus {
    /// Whether it is the word of another tool.
    pub const fn is_report(self) -> bool {
        matches!(self, Self::Reported | Self::Suppressed)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FixedIn => "fixed_in",
            Self::Open => "open",
            Self::Postponed => "postponed",
            Self::Ignored => "ignored",
            Self::EndOfLife => "end_of_life",
            Self::NotAffected => "not_affected",
            Self::Undetermined => "undetermined",
            Self::Reported => "reported",
            Self::Suppressed => "suppressed",
        }
    }
}

impl Statement {
    /// What it says of an affected version.
    pub fn vendor_status(&self) -> VendorStatus {
        match self {
            Self::FixedIn { .. } => VendorStatus::FixedIn,
            Self::Affected(versions) | Self::AffectedIn(versions) if versions.ranges.iter().any(Range::has_fix) => {
                VendorStatus::FixedIn
            }
            Self::Affected(_) | Self::AffectedIn(_) | Self::Open => VendorStatus::Open,
            Self::Postponed => VendorStatus::Postponed,
            Self::Ignored => VendorStatus::Ignored,
            Self::EndOfLife => VendorStatus::EndOfLife,
            Self::NotAffected | Self::NotAffectedIn(_) => VendorStatus::NotAffected,
            Self::Undetermined => VendorStatus::Undetermined,
        }
    }
}

impl Range {
    /// Whether its end is a version that fixes.
    pub fn has_fix(&self) -> bool {
        self.upper.as_ref().is_some_and(|bound| !bound.inclusive)
    }
}
