//! Assign: which scopes hold an asset, and what they say about it together.

use domain::asset::Asset;
use domain::scope::{Context, Scope};

/// Seconds between inspections where no scope asks for more.
pub const DEFAULT_CADENCE_SECONDS: u32 = 24 * 60 * 60;

/// The merged context of one asset.
pub fn context_of(asset: &Asset, scopes: &[Scope]) -> Context {
    Context::merge(scopes.iter().filter(|scope| scope.selector.selects(asset)))
}

/// How often the asset is to be inspected: the tightest cadence of its scopes.
pub fn cadence_seconds(asset: &Asset, scopes: &[Scope]) -> u32 {
    scopes
        .iter()
        .filter(|scope| scope.selector.selects(asset))
        .filter_map(|scope| scope.cadence_seconds)
        .min()
        .unwrap_or(DEFAULT_CADENCE_SECONDS)
}
