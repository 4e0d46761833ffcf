//! What a reader may see.

use std::sync::Arc;

use roaring::RoaringBitmap;

/// The assets whose findings a reader may see. Every question needs one.
#[derive(Debug, Clone)]
pub enum Visible {
    All,
    Assets(AssetSet),
}

/// A set of assets of one index. Changes of the index leave it valid; a rebuilt index refuses it.
#[derive(Debug, Clone)]
pub struct AssetSet {
    pub(crate) lineage: Lineage,
    pub(crate) numbers: RoaringBitmap,
}

/// Tells the numbers of one index from those of another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lineage(Arc<()>);

impl Lineage {
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl AssetSet {
    pub fn len(&self) -> u64 {
        self.numbers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}
