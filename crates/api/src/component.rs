//! Components on the wire: who has what.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everything that has a name, with the assets that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComponentHolders {
    /// The most widespread first; 500 at most.
    pub versions: Vec<ComponentVersion>,
    /// How many versions there are.
    pub version_count: u64,
    /// Assets that have any of them.
    pub asset_count: u64,
}

/// One version, wherever on an asset it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComponentVersion {
    /// `deb`, `rpm`, `npm` …
    pub ecosystem: String,
    /// Name of the binary package.
    pub name: String,
    pub version: String,
    /// Name of the source package that it was made from.
    pub source: String,
    pub source_version: String,
    /// Assets that had it when they were inspected last, of those that the reader may see; retired ones do not count.
    pub asset_count: u64,
}
