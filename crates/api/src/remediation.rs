//! Remediation on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an operator would do once: those that close the most urgent findings first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActionList {
    pub actions: Vec<Action>,
    /// Of all of them, also those beyond the limit.
    pub total: u64,
    /// What limits the answer.
    pub warnings: Vec<String>,
}

/// Upgrade this package on the assets of one release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Action {
    /// `upgrade`.
    pub kind: String,
    /// Source package.
    pub package: String,
    pub ecosystem: String,
    /// Distribution and release, as in `debian bookworm`. `null`: the package belongs to none.
    pub release: Option<String>,
    /// The version that closes everything that can be closed.
    pub fixed_version: String,
    pub asset_count: u64,
    /// Some of them, at most 100.
    pub assets: Vec<crate::finding::AssetRef>,
    /// Findings that it should close, over all assets.
    pub finding_count: u64,
    /// The best tier among them.
    pub priority: String,
    pub vulnerability_count: u64,
    /// The most urgent ones, at most 100.
    pub vulnerabilities: Vec<String>,
}

/// One execution on one asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    pub id: String,
    pub asset: crate::finding::AssetRef,
    pub packages: Vec<String>,
    /// `planned`, `applying`, `applied`, `verified`, `failed`, `interrupted`.
    pub state: String,
    pub reason: Option<String>,
    pub created_at: String,
    pub ended_at: Option<String>,
    pub plan: Vec<PlanStep>,
    pub fixed: Option<u32>,
    pub pending: Option<u32>,
    pub still_open: Option<u32>,
    pub restart_needed: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanStep {
    pub package: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub origin: String,
}
