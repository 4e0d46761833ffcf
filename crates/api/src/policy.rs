//! The policy on the wire: how priorities are set.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A policy with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// Zero: the built-in one, which is in use where nobody has saved another.
    pub version: u64,
    /// The policy itself, in TOML.
    pub text: String,
    /// Why it was changed. `null`: it is the built-in one.
    pub note: Option<String>,
    pub created_at: Option<String>,
    pub created_by: Option<String>,
    /// Why this server judges by an older version. `null`: it judges by this one.
    pub trouble: Option<String>,
}

/// One version, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersion {
    pub version: u64,
    pub note: String,
    pub created_at: String,
    pub created_by: String,
}

/// A policy to save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPolicy {
    /// The version that it was made from: where another one is in use meanwhile, nothing is saved.
    pub based_on: u64,
    /// In TOML.
    pub text: String,
    /// Why.
    #[serde(default)]
    pub note: String,
}

/// A policy to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    /// In TOML.
    pub text: String,
}

/// What another policy would do to today's active findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Simulation {
    /// Active findings that were judged by both.
    pub findings: u64,
    /// Findings by tier now.
    pub before: TierTally,
    /// Findings by tier with the other policy.
    pub after: TierTally,
    /// Findings that would be due earlier.
    pub earlier: u64,
    /// Findings that would be due later; with the next upgrade is the latest.
    pub later: u64,
    /// How many findings move from one tier to another; the pairs without any are left out.
    pub moves: Vec<TierMove>,
    /// The first of the changes: those to and from the most urgent tiers first.
    pub changes: Vec<SimulatedChange>,
    /// How many changes there are, those that are not listed included.
    pub change_count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TierTally {
    pub p0: u64,
    pub p1: u64,
    pub p2: u64,
    pub p3: u64,
    pub p4: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TierMove {
    pub from: String,
    pub to: String,
    pub findings: u64,
}

/// Findings of one vulnerability that would be judged otherwise in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimulatedChange {
    pub vulnerability: String,
    pub from: SimulatedVerdict,
    pub to: SimulatedVerdict,
    pub findings: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimulatedVerdict {
    pub tier: String,
    /// Calendar days. `null`: with the next upgrade.
    pub due_days: Option<u16>,
    /// The rule that decides.
    pub rule: String,
}

/// What one duty asks for, ready to be named in a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pack {
    pub id: String,
    pub title: String,
    pub rules: Vec<PackRule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackRule {
    pub id: String,
    /// At least this tier. `null`: it says nothing of it.
    pub tier: Option<String>,
    /// At most so many calendar days. `null`: it says nothing of it.
    pub due_days: Option<u16>,
    pub when: String,
    pub why: String,
}
