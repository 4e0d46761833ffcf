//! What an asset had on a day, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page of what was known of an asset at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetInventory {
    pub asset: String,
    /// The inspection that read it: the newest by then.
    pub inspection: String,
    pub observed_at: String,
    /// The operating system's name for people.
    pub platform: String,
    /// Whether the list of packages was whole.
    pub complete: bool,
    /// Things that could not be read.
    pub gap_count: u64,
    /// When what it is compared with was observed.
    pub since_observed_at: Option<String>,
    /// Rows over all pages. `null`: the packages could not be read.
    pub total: Option<u64>,
    /// What was installed; where `since` was asked for, only what is different.
    pub components: Vec<Installed>,
    /// Pass it as `cursor` to get the next page. `null`: this is the last.
    pub next_cursor: Option<String>,
}

/// One installed thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Installed {
    /// The package-url type: `deb`, `npm` …
    pub ecosystem: String,
    /// Name of the binary package.
    pub name: String,
    /// As the package manager prints it. `null`: it is gone.
    pub version: Option<String>,
    pub arch: String,
    /// Name that advisories use.
    pub source: String,
    pub source_version: String,
    /// The file or folder that says so.
    pub path: String,
    pub purl: String,
    /// `added`, `removed` or `changed` where it is compared.
    pub change: Option<String>,
    /// The version that it had, where it is compared and was there.
    pub version_before: Option<String>,
}
