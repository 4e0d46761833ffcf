//! Listings of what there is, and how long it was there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListingTaken {
    pub source: String,
    pub taken_at: String,
    /// Why nothing is missing by it, although it says that it is whole. `null`: nothing was wrong.
    pub partial: Option<String>,
    pub things: u64,
    /// Nobody knew of them.
    pub new: u64,
    /// They had been retired and are there again.
    pub back: u64,
    /// They were there, and have ended by this.
    pub ended: u64,
    /// A later listing of the source said something of them already.
    pub outdated: u64,
    /// Things that could not be read.
    pub problem_count: u64,
    /// The first of them, each with what is wrong with it.
    pub problems: Vec<String>,
}

/// How much of a period assets were there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetHours {
    pub from: String,
    pub to: String,
    pub total: AssetUsage,
    /// The most hours first, at most 500.
    pub groups: Vec<AssetUsageGroup>,
    pub group_count: u64,
}

/// One group of assets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetUsageGroup {
    /// A fleet, or a tag.
    pub name: String,
    #[serde(flatten)]
    pub usage: AssetUsage,
}

/// How long assets were there together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetUsage {
    /// Assets that were there at any time of the period.
    pub assets: u64,
    pub hours: f64,
    /// How many were there on average.
    pub average: f64,
    /// The part of the hours, 0 to 1, for which somebody had read what ran. `null`: there were no hours.
    pub coverage: Option<f64>,
}
