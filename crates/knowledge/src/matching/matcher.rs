//! Matching many inventories: what is installed alike is judged once.

use std::collections::HashMap;
use std::sync::Arc;

use domain::component::{Component, Release};
use domain::inventory::Inventory;
use foldhash::fast::FixedState;

use super::verdict::Surroundings;
use super::{Judged, Matches, Verdict};
use crate::lookup::Knowledge;

/// Verdicts that are remembered; with more than this, all are forgotten.
const VERDICTS_MAX: usize = 400_000;

/// Matches many inventories with one knowledge. Machines of one estate have mostly the same packages; where they share
/// their components too, a package is judged once for all of them.
pub struct Matcher {
    knowledge: Arc<Knowledge>,
    known: Known,
}

impl Matcher {
    pub fn new(knowledge: Arc<Knowledge>) -> Self {
        Self { knowledge, known: Known::default() }
    }

    /// Matches one inventory: the same as [`Knowledge::find`] does.
    pub fn find(&mut self, inventory: &Inventory) -> Matches {
        self.knowledge.find_with(inventory, &mut Some(&mut self.known))
    }
}

/// Verdicts by everything that they depend on.
#[derive(Default)]
pub(super) struct Known {
    /// Releases and products: what the verdicts of one inventory have in common.
    worlds: HashMap<Release, HashMap<String, usize>>,
    worlds_count: usize,
    verdicts: HashMap<Box<[usize]>, Remembered, FixedState>,
    /// The key of the package that is looked for.
    key: Vec<usize>,
}

struct Remembered {
    verdict: Arc<Verdict>,
    /// A component is known by its address, so it must not be given up for another one while that stands in a key.
    _components: Vec<Arc<Component>>,
}

impl Known {
    /// The number of a release and a product.
    pub(super) fn world(&mut self, surroundings: &Surroundings<'_>, release: &Release) -> usize {
        if let Some(number) = self.worlds.get(release).and_then(|products| products.get(surroundings.product)) {
            return *number;
        }
        let number = self.worlds_count;
        self.worlds_count += 1;
        self.worlds.entry(release.clone()).or_default().insert(surroundings.product.to_owned(), number);
        number
    }

    /// The verdict on a package that is installed just so, judged now where it is the first of its kind.
    pub(super) fn verdict(
        &mut self,
        world: usize,
        first: &Arc<Component>,
        judged: &Judged<'_, '_>,
        judge: impl FnOnce() -> Verdict,
    ) -> Arc<Verdict> {
        let newest = judged.newest.as_ref().map(|(component, _)| *component);
        let components = || [first].into_iter().chain(newest).chain(judged.components.iter().copied());
        self.key.clear();
        self.key.extend([world, usize::from(newest.is_some())]);
        self.key.extend(components().map(|component| Arc::as_ptr(component).addr()));
        if let Some(known) = self.verdicts.get(&*self.key) {
            return Arc::clone(&known.verdict);
        }
        let verdict = Arc::new(judge());
        if self.verdicts.len() >= VERDICTS_MAX {
            self.verdicts.clear();
        }
        let remembered = Remembered { verdict: Arc::clone(&verdict), _components: components().cloned().collect() };
        self.verdicts.insert(self.key.as_slice().into(), remembered);
        verdict
    }
}
