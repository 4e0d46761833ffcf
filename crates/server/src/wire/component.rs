//! Who has what, on the wire.

use engine::views::{ComponentView, VersionView};
use wire_types::component::{ComponentHolders, ComponentVersion};

/// The versions of a component, each with how many assets have it.
pub fn component_holders(view: &ComponentView) -> ComponentHolders {
    let version = |VersionView { component, asset_count }: &VersionView| ComponentVersion {
        ecosystem: component.ecosystem.to_string(),
        name: component.name.clone(),
        version: component.version.clone(),
        source: component.source.clone(),
        source_version: component.source_version.clone(),
        asset_count: *asset_count,
    };
    ComponentHolders {
        versions: view.versions.iter().map(version).collect(),
        version_count: view.version_count,
        asset_count: view.asset_count,
    }
}
