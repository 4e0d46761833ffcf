//! Matching many inventories: what is installed alike is judged once.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;

use domain::component::{Component, Ecosystem, Release};
use domain::inventory::Inventory;
use foldhash::quality::FixedState;

use super::verdict::Surroundings;
use super::{Matches, Verdict};
use crate::lookup::Knowledge;

/// Verdicts that are remembered; with more than this, all are forgotten.
const VERDICTS_MAX: usize = 400_000;

/// Matches many inventories with one knowledge. Machines of one estate have mostly the same packages.
pub struct Matcher<'k> {
    knowledge: &'k Knowledge,
    known: Known,
}

impl<'k> Matcher<'k> {
    pub fn new(knowledge: &'k Knowledge) -> Self {
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
    hasher: FixedState,
    verdicts: HashMap<u64, Vec<Remembered>>,
    count: usize,
}

struct Remembered {
    release: Release,
    product: String,
    components: Box<[Component]>,
    verdict: Arc<Verdict>,
}

impl Known {
    /// The verdict on a package that is installed just so, judged now where it is the first of its kind.
    pub(super) fn verdict(
        &mut self,
        surroundings: &Surroundings<'_>,
        release: &Release,
        components: &[&Component],
        judge: impl FnOnce() -> Verdict,
    ) -> Arc<Verdict> {
        let key = self.key(surroundings.ecosystem, release, components);
        let is_same = |known: &&Remembered| {
            known.components.len() == components.len()
                && known.components.iter().zip(components).all(|(known, here)| known == *here)
                && known.release == *release
                && known.product == surroundings.product
        };
        if let Some(known) = self.verdicts.get(&key).and_then(|known| known.iter().find(is_same)) {
            return Arc::clone(&known.verdict);
        }
        let verdict = Arc::new(judge());
        if self.count >= VERDICTS_MAX {
            self.verdicts.clear();
            self.count = 0;
        }
        self.count += 1;
        self.verdicts.entry(key).or_default().push(Remembered {
            release: release.clone(),
            product: surroundings.product.to_owned(),
            components: components.iter().map(|component| (*component).clone()).collect(),
            verdict: Arc::clone(&verdict),
        });
        verdict
    }

    /// A number of what tells most packages apart; equality is looked at afterwards.
    fn key(&self, ecosystem: Ecosystem, release: &Release, components: &[&Component]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        ecosystem.hash(&mut hasher);
        release.name.hash(&mut hasher);
        for component in components {
            component.name.hash(&mut hasher);
            component.version.hash(&mut hasher);
            component.path.hash(&mut hasher);
        }
        hasher.finish()
    }
}
