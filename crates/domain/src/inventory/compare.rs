//! What changed between two readings of one asset.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::component::{Component, Ecosystem};

/// One installed thing that is another one now. One of the two is always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentChange {
    /// `None`: it is new.
    pub before: Option<Arc<Component>>,
    /// `None`: it is gone.
    pub after: Option<Arc<Component>>,
}

/// What makes two components the same thing at another version.
type Thing<'a> = (Ecosystem, &'a str, &'a str, &'a str);

/// What is new, gone or another version, in the order of names. Of things that are there more than once at the same place, such
/// as kernels, the lowest that is gone is taken for the lowest that is new.
pub fn changes(before: &[Arc<Component>], after: &[Arc<Component>]) -> Vec<ComponentChange> {
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), after.iter().collect());
    let mut things: BTreeMap<Thing<'_>, [Vec<&Arc<Component>>; 2]> = BTreeMap::new();
    for (side, components) in [old.difference(&new), new.difference(&old)].into_iter().enumerate() {
        for component in components {
            things.entry(thing(component)).or_default()[side].push(component);
        }
    }
    let mut changes = Vec::new();
    for [gone, come] in things.into_values() {
        for index in 0..gone.len().max(come.len()) {
            let at = |side: &[&Arc<Component>]| side.get(index).map(|component| Arc::clone(component));
            changes.push(ComponentChange { before: at(&gone), after: at(&come) });
        }
    }
    changes
}

fn thing(component: &Component) -> Thing<'_> {
    (component.ecosystem, &component.name, &component.arch, &component.path)
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn inventories() -> impl Strategy<Value = Vec<Arc<Component>>> {
        let component = (0..3_u8, 0..3_u8, 0..2_u8).prop_map(|(name, version, path)| {
            Arc::new(Component {
                name: format!("n{name}"),
                version: version.to_string(),
                path: format!("p{path}"),
                ..Component::default()
            })
        });
        btree_set(component, 0..8).prop_map(|set| set.into_iter().collect())
    }

    proptest! {
        #[test]
        fn the_changes_lead_from_one_reading_to_the_other(before in inventories(), after in inventories()) {
            let changes = changes(&before, &after);
            let mut there: BTreeSet<_> = before.iter().cloned().collect();
            for change in &changes {
                if let Some(gone) = &change.before {
                    prop_assert!(there.remove(gone));
                }
            }
            for change in &changes {
                if let Some(come) = &change.after {
                    prop_assert!(there.insert(Arc::clone(come)));
                }
                prop_assert!(change.before.is_some() || change.after.is_some());
            }
            prop_assert_eq!(there.into_iter().collect::<Vec<_>>(), after);
        }
    }
}
