//! Matching many inventories: what is installed alike is judged once.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use domain::component::{Component, Ecosystem, Release};
use domain::inventory::Inventory;
use foldhash::fast::FixedState;

use super::kernel::Kernels;
use super::verdict::Surroundings;
use super::{Judged, Matches, Verdict};
use crate::lookup::Knowledge;

/// Components and verdicts that are remembered; with more than this of either, all are forgotten.
const REMEMBERED_MAX: usize = 400_000;

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
        self.known.forget_much();
        self.knowledge.find_with(inventory, &mut self.known)
    }
}

/// One component of an inventory, with what was noted of it when it was first seen: to look at the component itself
/// again would be most of the work.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) component: &'a Arc<Component>,
    /// Number of its package.
    pub(super) package: u32,
    number: u32,
    pub(super) ecosystem: Ecosystem,
    /// Its package has to do with kernels.
    pub(super) kernel: bool,
}

/// What was noted of a component.
#[derive(Clone, Copy)]
struct Noted {
    number: u32,
    package: u32,
    ecosystem: Ecosystem,
    kernel: bool,
    owned: bool,
}

/// Verdicts by everything that they depend on.
#[derive(Default)]
pub(super) struct Known {
    /// By the component's address.
    noted: HashMap<usize, Noted, FixedState>,
    /// A component is known by its address, so it must not be given up for another one.
    components: Vec<Arc<Component>>,
    /// By name and place.
    packages: HashMap<(Ecosystem, String, String), u32, FixedState>,
    /// One component of each package.
    examples: Vec<Arc<Component>>,
    /// Releases and products: what the verdicts of one inventory have in common.
    worlds: HashMap<Release, HashMap<String, u32>>,
    worlds_count: u32,
    verdicts: HashMap<Box<[u32]>, Arc<Verdict>, FixedState>,
    /// The key of the package that is looked for.
    key: Vec<u32>,
}

impl Known {
    /// Keeps memory bounded. Between two inventories only: numbers are of one memory.
    fn forget_much(&mut self) {
        if self.components.len().max(self.verdicts.len()) >= REMEMBERED_MAX {
            *self = Self::default();
        }
    }

    /// The components that are judged by themselves, sorted by ecosystem, name and place.
    pub(super) fn parts<'a>(&mut self, components: &'a [Arc<Component>]) -> Vec<Part<'a>> {
        let mut parts = Vec::with_capacity(components.len());
        for component in components {
            let Noted { number, package, ecosystem, kernel, owned } = self.noted(component);
            // What a distribution's package brought is the distribution's to judge.
            if !owned {
                parts.push(Part { component, package, number, ecosystem, kernel });
            }
        }
        parts.sort_by(|a, b| self.order(a.package, b.package));
        parts
    }

    /// The number of a release and a product.
    pub(super) fn world(&mut self, surroundings: &Surroundings<'_>, release: &Release) -> u32 {
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
        world: u32,
        package: &[Part<'_>],
        judge: impl FnOnce() -> Verdict,
    ) -> Arc<Verdict> {
        self.key.clear();
        self.key.push(world);
        self.key.extend(package.iter().map(|part| part.number));
        self.by_key(judge)
    }

    /// The same for a kernel's package, of which `judged` is what counts on one asset.
    pub(super) fn verdict_on_kernel(
        &mut self,
        world: u32,
        first: &Arc<Component>,
        judged: &Judged<'_>,
        judge: impl FnOnce() -> Verdict,
    ) -> Arc<Verdict> {
        // No component has this number, so the key is none of a package that is judged as it is.
        let mut key = vec![world, u32::MAX, self.noted(first).number];
        let newest = judged.newest.as_ref().map(|(component, _)| *component);
        key.push(newest.map_or(u32::MAX, |newest| self.noted(newest).number));
        key.extend(judged.components.iter().map(|component| self.noted(component).number));
        self.key = key;
        self.by_key(judge)
    }

    fn by_key(&mut self, judge: impl FnOnce() -> Verdict) -> Arc<Verdict> {
        if let Some(known) = self.verdicts.get(&*self.key) {
            return Arc::clone(known);
        }
        let verdict = Arc::new(judge());
        self.verdicts.insert(self.key.as_slice().into(), Arc::clone(&verdict));
        verdict
    }

    fn noted(&mut self, component: &Arc<Component>) -> Noted {
        let address = Arc::as_ptr(component).addr();
        if let Some(noted) = self.noted.get(&address) {
            return *noted;
        }
        let noted = Noted {
            number: next(&self.components),
            package: self.package(component),
            ecosystem: component.ecosystem,
            kernel: Kernels::concern(component),
            owned: !component.owner.is_empty(),
        };
        self.components.push(Arc::clone(component));
        self.noted.insert(address, noted);
        noted
    }

    fn package(&mut self, component: &Arc<Component>) -> u32 {
        let (name, place) = (component.source.clone(), component.place().to_owned());
        *self.packages.entry((component.ecosystem, name, place)).or_insert_with(|| {
            let number = next(&self.examples);
            self.examples.push(Arc::clone(component));
            number
        })
    }

    fn order(&self, a: u32, b: u32) -> Ordering {
        let key = |package: u32| {
            let example = &self.examples[package as usize];
            (example.ecosystem, &example.source, example.place())
        };
        if a == b { Ordering::Equal } else { key(a).cmp(&key(b)) }
    }
}

/// The number of what is added next.
fn next<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}
