//! A source's published statement about a package and a vulnerability.

use serde::{Deserialize, Serialize};

use crate::component::{Ecosystem, Release};
use crate::vulnerability::VulnerabilityId;

/// One statement: in this release, this source package stands so towards this vulnerability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advisory {
    /// Feed id of the publisher: `debian`.
    pub source: String,
    /// The publisher's own identifier: the CVE where it has none of its own.
    pub id: String,
    pub ecosystem: Ecosystem,
    pub release: Release,
    /// Source name.
    pub package: String,
    pub vulnerability: VulnerabilityId,
    pub statement: Statement,
    /// The vendor's own word for how bad it is here (`unimportant`, `low` …). Empty: none given.
    pub urgency: String,
}

/// What the vendor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Statement {
    /// Versions below this one are affected.
    FixedIn { version: String },
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
    /// The vendor does not know.
    Undetermined,
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
}

impl VendorStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FixedIn => "fixed_in",
            Self::Open => "open",
            Self::Postponed => "postponed",
            Self::Ignored => "ignored",
            Self::EndOfLife => "end_of_life",
            Self::NotAffected => "not_affected",
            Self::Undetermined => "undetermined",
        }
    }
}

impl Statement {
    pub const fn vendor_status(&self) -> VendorStatus {
        match self {
            Self::FixedIn { .. } => VendorStatus::FixedIn,
            Self::Open => VendorStatus::Open,
            Self::Postponed => VendorStatus::Postponed,
            Self::Ignored => VendorStatus::Ignored,
            Self::EndOfLife => VendorStatus::EndOfLife,
            Self::NotAffected => VendorStatus::NotAffected,
            Self::Undetermined => VendorStatus::Undetermined,
        }
    }
}
