//! Reports of other tools that were imported.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the reports of one file did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imports {
    /// One for each scope and asset that the file reports about.
    pub imports: Vec<Import>,
}

/// What one report did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Import {
    /// The asset's id.
    pub asset: String,
    pub asset_name: String,
    /// Nobody knew of the asset before.
    pub asset_created: bool,
    pub scope: ImportScope,
    /// When the tool looked.
    pub observed_at: String,
    /// Older than a report about the same scope that was imported before: nothing was opened or closed.
    pub late: bool,
    /// Why nothing was closed. `null`: what the report does not mention is gone.
    pub partial: Option<String>,
    /// Findings that nobody knew of.
    pub created: u64,
    /// Findings that the tool no longer reports.
    pub closed: u64,
    /// Findings that had ended and are back.
    pub reopened: u64,
    /// Findings that were known and stay as they are.
    pub untouched: u64,
    /// Results of a late report that no finding stands for: it opens none.
    pub ignored: u64,
    /// Of the results, those that are suppressed in the tool.
    pub suppressed: u64,
    /// Results that were in the report more than once.
    pub duplicates: u64,
    /// Results that say that nothing is wrong.
    pub passed: u64,
    /// Records that could not be read.
    pub problem_count: u64,
    /// The first of them, each with what is wrong with it.
    pub problems: Vec<String>,
}

/// What the tool has looked at. Empty parts are not said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportScope {
    pub tool: String,
    pub category: String,
    pub branch: String,
    pub path: String,
}

/// One result of another tool that stands for a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportedBy {
    pub scope: ImportScope,
    /// The tool's name for what it looks for.
    pub rule: String,
    /// The tool's own word or number.
    pub severity: Option<String>,
    pub message: Option<String>,
    pub path: Option<String>,
    pub line: Option<u32>,
    pub url: Option<String>,
    /// A function, a resource, a setting.
    pub object: Option<String>,
    /// Why it is suppressed in the tool; may be empty. `null`: it is not.
    pub suppressed: Option<String>,
    pub first_reported_at: String,
    /// When the tool looked last, by the latest report about the scope.
    pub reported_at: String,
    /// The first report that had it no longer. `null`: the latest one has it.
    pub gone_at: Option<String>,
}
