//! Packages, ordered by name.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use domain::component::Package;

use super::folded::Folded;
use crate::chunked::Chunked;
use crate::numbers::{PackageNo, next};
use crate::order::Order;

#[derive(Debug, Clone, Default)]
pub(crate) struct Packages {
    entries: Chunked<Arc<Package>>,
    /// Names in lower case, by which they are searched.
    folded: Folded,
    order: Order,
}

/// By name, then by world, release and place.
pub(crate) fn compare(a: &Package, b: &Package) -> Ordering {
    a.name
        .cmp(&b.name)
        .then_with(|| a.ecosystem.cmp(&b.ecosystem))
        .then_with(|| a.release.cmp(&b.release))
        .then_with(|| a.place.cmp(&b.place))
}

impl Packages {
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, number: u32) -> &Arc<Package> {
        self.entries.get(number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Package>> {
        self.entries.iter()
    }

    /// Names in lower case, by number.
    pub(crate) const fn folded(&self) -> &Folded {
        &self.folded
    }

    pub(crate) const fn order(&self) -> &Order {
        &self.order
    }

    pub(crate) fn compare(&self, a: u32, b: u32) -> Ordering {
        if a == b { Ordering::Equal } else { compare(self.get(a), self.get(b)) }
    }

    /// The package, and otherwise the place where it would stand.
    pub(crate) fn find(&self, package: &Package) -> Result<u32, usize> {
        let sorted = self.order.sorted();
        sorted.binary_search_by(|number| compare(self.get(*number), package)).map(|place| sorted[place])
    }

    /// Adds one; its order is set by [`Packages::sort`].
    pub(crate) fn push(&mut self, package: Arc<Package>) -> u32 {
        self.folded.push(&package.name);
        self.entries.push(package);
        next(self.len() - 1)
    }

    /// Brings those that were added since the last time into the order.
    pub(crate) fn sort(&mut self) {
        let new: Vec<u32> = (next(self.order.rank().len())..next(self.len())).collect();
        let mut order = std::mem::take(&mut self.order);
        order.change(&[], new, |a, b| self.compare(a, b));
        self.order = order;
    }

    /// Numbers all by their places, so that names that begin alike have neighbouring numbers. Gives how they stood before.
    pub(crate) fn settle(&mut self) -> Order {
        self.sort();
        let before = self.order.settle();
        self.entries = self.entries.picked(before.sorted());
        self.folded = self.folded.picked(before.sorted());
        before
    }
}

/// Numbers by package, for whoever writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(HashMap<Arc<Package>, u32>);

impl Names {
    pub(crate) fn renumber(&mut self, new: &[u32]) {
        self.0.values_mut().for_each(|number| *number = new[*number as usize]);
    }

    pub(crate) fn intern(&mut self, table: &mut Packages, package: &Package) -> PackageNo {
        if let Some(number) = self.0.get(package) {
            return PackageNo(*number);
        }
        let package = Arc::new(package.clone());
        let number = table.push(Arc::clone(&package));
        self.0.insert(package, number);
        PackageNo(number)
    }
}
