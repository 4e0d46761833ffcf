//! Named sets of assets: operating systems, scopes, tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

/// One set for each name, and one of the assets that have none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sets {
    named: Arc<BTreeMap<Arc<str>, Arc<RoaringBitmap>>>,
    none: Arc<RoaringBitmap>,
}

impl Sets {
    /// Puts an asset into the sets of its names.
    pub(crate) fn insert<'a>(&mut self, asset: u32, names: impl IntoIterator<Item = &'a str>) {
        let mut any = false;
        for name in names {
            any = true;
            let named = Arc::make_mut(&mut self.named);
            if !named.contains_key(name) {
                named.insert(Arc::from(name), Arc::default());
            }
            if let Some(set) = named.get_mut(name) {
                Arc::make_mut(set).insert(asset);
            }
        }
        if !any {
            Arc::make_mut(&mut self.none).insert(asset);
        }
    }

    /// Takes an asset out of the sets of its names.
    pub(crate) fn remove<'a>(&mut self, asset: u32, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            let named = Arc::make_mut(&mut self.named);
            if let Some(set) = named.get_mut(name) {
                Arc::make_mut(set).remove(asset);
                if set.is_empty() {
                    named.remove(name);
                }
            }
        }
        if self.none.contains(asset) {
            Arc::make_mut(&mut self.none).remove(asset);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &RoaringBitmap)> {
        self.named.iter().map(|(name, set)| (name, &**set))
    }

    pub(crate) fn none(&self) -> &RoaringBitmap {
        &self.none
    }

    /// The assets with a name that is wanted.
    pub(crate) fn matching(&self, wanted: impl Fn(&str) -> bool) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        for (_, set) in self.iter().filter(|(name, _)| wanted(name)) {
            all |= set;
        }
        all
    }
}
