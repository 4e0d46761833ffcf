//! Assets: what rows belong to, and the sets that they form.

use std::cmp::Ordering;
use std::sync::Arc;

use domain::component::Release;
use domain::ids::AssetId;
use domain::pattern::Pattern;
use roaring::RoaringBitmap;

use super::folded::Folded;
use super::sets::Sets;
use crate::chunked::Chunked;
use crate::numbers::next;
use crate::order::Order;

/// One asset, as lists show, sort and filter it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    pub id: AssetId,
    pub name: String,
    /// `None`: never inspected, or without a release.
    pub os: Option<Release>,
    pub scopes: Vec<String>,
    pub tags: Vec<String>,
    pub retired: bool,
    /// Looked for, and no answer.
    pub unreachable: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Assets {
    entries: Chunked<Arc<Asset>>,
    /// Names in lower case, by which assets are sorted and searched.
    folded: Folded,
    order: Order,
    pub(crate) present: Arc<RoaringBitmap>,
    pub(crate) retired: Arc<RoaringBitmap>,
    pub(crate) unreachable: Arc<RoaringBitmap>,
    pub(crate) os: Sets,
    pub(crate) scopes: Sets,
    pub(crate) tags: Sets,
    /// Numbers that have left the order or must find their place in it.
    moved: Vec<u32>,
}

impl Assets {
    /// Every number that was ever given lies below.
    pub(crate) const fn numbers(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, number: u32) -> &Asset {
        self.entries.get(number)
    }

    pub(crate) const fn order(&self) -> &Order {
        &self.order
    }

    pub(crate) fn compare(&self, a: u32, b: u32) -> Ordering {
        self.folded.get(a).cmp(self.folded.get(b)).then_with(|| self.get(a).id.cmp(&self.get(b).id))
    }

    /// How many assets stand before one of this name, and whether it is there.
    pub(crate) fn find(&self, name: &str, id: AssetId) -> Result<usize, usize> {
        let folded = name.to_lowercase();
        self.order.sorted().binary_search_by(|number| {
            self.folded.get(*number).cmp(folded.as_str()).then_with(|| self.get(*number).id.cmp(&id))
        })
    }

    /// The assets whose name fits. What a pattern begins with is found by the order.
    pub(crate) fn named(&self, pattern: &Pattern) -> RoaringBitmap {
        let sorted = self.order.sorted();
        let prefix = pattern.prefix();
        let folded = |number: &u32| self.folded.get(*number);
        let start = sorted.partition_point(|number| folded(number) < prefix);
        let length = sorted[start..].partition_point(|number| folded(number).starts_with(prefix));
        let range = &sorted[start..start + length];
        let mut found: Vec<u32> = if pattern.is_prefix() {
            range.to_vec()
        } else {
            range.iter().copied().filter(|number| pattern.matches_folded(folded(number))).collect()
        };
        found.sort_unstable();
        found.into_iter().collect()
    }

    /// The assets with this part in their name, in lower case.
    pub(crate) fn with_part(&self, part: &str) -> RoaringBitmap {
        self.folded.with_part(part).filter(|number| self.present.contains(*number)).collect()
    }

    pub(crate) fn push(&mut self, asset: Asset) -> u32 {
        let number = next(self.entries.len());
        self.enter(number, &asset);
        self.folded.push(&asset.name);
        self.entries.push(Arc::new(asset));
        number
    }

    pub(crate) fn set(&mut self, number: u32, asset: Asset) {
        self.leave(number);
        self.enter(number, &asset);
        if asset.name != self.get(number).name {
            self.folded.set(number, &asset.name);
        }
        *self.entries.get_mut(number) = Arc::new(asset);
    }

    /// Takes the asset out of everything. Its number is not given again.
    pub(crate) fn remove(&mut self, number: u32) {
        self.leave(number);
        self.moved.push(number);
    }

    /// Sets the order right after changes.
    pub(crate) fn sort(&mut self) {
        let mut moved = std::mem::take(&mut self.moved);
        moved.sort_unstable();
        moved.dedup();
        let known = self.order.rank().len();
        let gone: Vec<u32> = moved.iter().copied().filter(|number| (*number as usize) < known).collect();
        moved.retain(|number| self.present.contains(*number));
        let mut order = std::mem::take(&mut self.order);
        order.change(&gone, moved, |a, b| self.compare(a, b));
        self.order = order;
    }

    fn enter(&mut self, number: u32, asset: &Asset) {
        Arc::make_mut(&mut self.present).insert(number);
        if asset.retired {
            Arc::make_mut(&mut self.retired).insert(number);
        }
        if asset.unreachable {
            Arc::make_mut(&mut self.unreachable).insert(number);
        }
        self.os.insert(number, asset.os_name().as_deref());
        self.scopes.insert(number, asset.scopes.iter().map(String::as_str));
        self.tags.insert(number, asset.tags.iter().map(String::as_str));
        self.moved.push(number);
    }

    fn leave(&mut self, number: u32) {
        let asset = Arc::clone(self.entries.get(number));
        Arc::make_mut(&mut self.present).remove(number);
        if asset.retired {
            Arc::make_mut(&mut self.retired).remove(number);
        }
        if asset.unreachable {
            Arc::make_mut(&mut self.unreachable).remove(number);
        }
        self.os.remove(number, asset.os_name().as_deref());
        self.scopes.remove(number, asset.scopes.iter().map(String::as_str));
        self.tags.remove(number, asset.tags.iter().map(String::as_str));
    }
}

impl Asset {
    /// The operating system in one text, by which findings are counted.
    fn os_name(&self) -> Option<String> {
        self.os.as_ref().map(Release::to_string)
    }
}
