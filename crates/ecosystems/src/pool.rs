//! One copy of each component for many inventories.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::component::Component;
use domain::inventory::Inventory;
use foldhash::fast::RandomState;

/// Components that are kept; beyond, those that no inventory has any more are given up, or all.
const COMPONENTS_MAX: usize = 500_000;

/// What was met before. Machines of one estate have mostly the same packages: an inventory that is read shares them with
/// those read before, and a record of a package database that stood in another one is not even read again.
#[derive(Debug, Default)]
pub struct Pool {
    components: HashSet<Arc<Component>, RandomState>,
    /// By all of a record that counts.
    records: HashMap<Box<[u8]>, Arc<Component>, RandomState>,
}

impl Pool {
    /// Puts the components met before into the place of an inventory's own, for one that comes from elsewhere.
    pub fn share(&mut self, inventory: &mut Inventory) {
        for component in inventory.components.iter_mut().flatten() {
            match self.components.get(component) {
                Some(known) => component.clone_from(known),
                None => self.add(Arc::clone(component)),
            }
        }
    }

    /// The one copy of a component.
    pub(crate) fn one(&mut self, component: Component) -> Arc<Component> {
        if let Some(known) = self.components.get(&component) {
            return Arc::clone(known);
        }
        let component = Arc::new(component);
        self.add(Arc::clone(&component));
        component
    }

    /// What a record says that was met before.
    pub(crate) fn record(&self, record: &[u8]) -> Option<Arc<Component>> {
        self.records.get(record).cloned()
    }

    /// Notes what a record says. Records that differ may say the same, so they have a bound of their own.
    pub(crate) fn note(&mut self, record: &[u8], component: Component) -> Arc<Component> {
        if self.records.len() >= COMPONENTS_MAX {
            self.records.clear();
        }
        let component = self.one(component);
        self.records.insert(record.into(), Arc::clone(&component));
        component
    }

    fn add(&mut self, component: Arc<Component>) {
        if self.components.len() >= COMPONENTS_MAX {
            self.records.clear();
            self.components.retain(|component| Arc::strong_count(component) > 1);
            if self.components.len() > COMPONENTS_MAX / 2 {
                self.components.clear();
            }
        }
        self.components.insert(component);
    }
}

#[cfg(test)]
mod tests {
    use domain::inventory::Platform;

    use super::*;

    fn inventory(names: &[&str]) -> Inventory {
        let component = |name: &&str| Arc::new(Component { name: (*name).to_owned(), ..Component::default() });
        let platform = Platform { name: String::new(), release: None, architecture: None };
        Inventory { components: Some(names.iter().map(component).collect()), ..Inventory::of(platform) }
    }

    #[test]
    fn equal_components_become_one_and_nothing_else_changes() {
        let mut pool = Pool::default();
        let (mut first, mut second) = (inventory(&["a", "b"]), inventory(&["b", "c"]));
        let unshared = second.clone();
        pool.share(&mut first);
        pool.share(&mut second);
        assert_eq!(second, unshared);
        let at = |inventory: &Inventory, index: usize| {
            inventory.components.as_ref().and_then(|list| list.get(index)).map(Arc::as_ptr).expect("a component")
        };
        assert_eq!(at(&first, 1), at(&second, 0));
        assert_ne!(at(&first, 0), at(&second, 1));
    }

    #[test]
    fn what_no_inventory_has_any_more_is_given_up_first() {
        let mut pool = Pool::default();
        let number = |number: usize| Component { version: number.to_string(), ..Component::default() };
        let kept: Vec<Arc<Component>> = (0..100).map(|n| Arc::new(number(n))).collect();
        kept.iter().cloned().for_each(|component| pool.add(component));
        (100..=COMPONENTS_MAX).for_each(|n| pool.add(Arc::new(number(n))));
        assert_eq!(pool.components.len(), kept.len() + 1);
    }

    #[test]
    fn records_that_say_the_same_are_bounded_too() {
        let mut pool = Pool::default();
        for number in 0..=COMPONENTS_MAX {
            pool.note(&number.to_le_bytes(), Component::default());
        }
        assert_eq!((pool.components.len(), pool.records.len()), (1, 1));
    }
}
