//! Who has what, for people: the versions of a component, and how many assets have each.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::component::{Component, Ecosystem};
use domain::ids::AssetId;
use index::Visible;
use store::inspection::{self, Components};

use crate::Engine;

/// Versions that are told of at most: those that most assets have.
pub const VERSIONS_MAX: usize = 500;

/// Everything that has a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComponentView {
    /// The most widespread first, at most [`VERSIONS_MAX`].
    pub versions: Vec<VersionView>,
    /// How many versions there are.
    pub version_count: u64,
    /// Assets that have any of them.
    pub asset_count: u64,
}

/// One version, wherever on an asset it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionView {
    /// One of those that stand for it.
    pub component: Arc<Component>,
    pub asset_count: u64,
}

/// What makes a version one.
type Version<'a> = (Ecosystem, &'a str, &'a str, &'a str, &'a str);

impl Engine {
    /// Who has a component: by the name of its source package or its own, as of the latest inspections of the assets that a
    /// reader may see. Retired assets do not count.
    pub async fn components(&self, visible: &Visible, name: &str) -> anyhow::Result<ComponentView> {
        let ids: Vec<i64> = inspection::components_named(&self.db, &[name]).await?.into_iter().collect();
        let mut known = Components::default();
        known.read(&self.db, &ids).await?;
        let snapshot = match visible {
            Visible::All => None,
            Visible::Assets(_) => Some(self.lists().await?.model.snapshot()),
        };
        let sees = |id: &AssetId| snapshot.as_ref().is_none_or(|snapshot| snapshot.sees(visible, *id));
        let held = self.who_has_what().await?;
        let count = |ids: &[i64]| held.holders.of(ids.iter().copied()).iter().filter(|id| sees(id)).count() as u64;
        let mut by_version: BTreeMap<Version<'_>, (&Arc<Component>, Vec<i64>)> = BTreeMap::new();
        for id in &ids {
            let Some(component) = known.get(*id) else { continue };
            let Component { ecosystem, name, version, source, source_version, .. } = &**component;
            let key = (*ecosystem, name.as_str(), version.as_str(), source.as_str(), source_version.as_str());
            by_version.entry(key).or_insert_with(|| (component, Vec::new())).1.push(*id);
        }
        let counted = by_version
            .into_values()
            .map(|(component, ids)| VersionView { component: Arc::clone(component), asset_count: count(&ids) });
        // What nobody has any more, or nobody whom the reader may see.
        let mut versions: Vec<VersionView> = counted.filter(|version| version.asset_count > 0).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.asset_count));
        let version_count = versions.len() as u64;
        versions.truncate(VERSIONS_MAX);
        Ok(ComponentView { versions, version_count, asset_count: count(&ids) })
    }
}
