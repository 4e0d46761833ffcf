//! Matching many inventories: what is installed alike is judged once.

use std::collections::HashMap;
use std::sync::Arc;

use domain::component::{Component, Release};
use domain::inventory::Inventory;
use foldhash::fast::FixedState;

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

/// Verdicts by everything that they depend on, written down as bytes.
#[derive(Default)]
pub(super) struct Known {
    verdicts: HashMap<Box<[u8]>, Arc<Verdict>, FixedState>,
    /// The bytes of the package that is looked for.
    key: Vec<u8>,
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
        self.key.clear();
        self.key.push(surroundings.ecosystem as u8);
        write(&mut self.key, [&*release.distribution, &*release.name, surroundings.product]);
        for component in components {
            write_component(&mut self.key, component);
        }
        if let Some(verdict) = self.verdicts.get(&*self.key) {
            return Arc::clone(verdict);
        }
        let verdict = Arc::new(judge());
        if self.verdicts.len() >= VERDICTS_MAX {
            self.verdicts.clear();
        }
        self.verdicts.insert(self.key.as_slice().into(), Arc::clone(&verdict));
        verdict
    }
}

fn write_component(key: &mut Vec<u8>, component: &Component) {
    // Without `..`: what is added to a component may be what a verdict depends on.
    let Component {
        ecosystem: _,
        source,
        source_version,
        name,
        version,
        arch,
        path,
        kernel,
        module,
        origin,
        owner,
        cpe,
        layer,
    } = component;
    write(
        key,
        [source, source_version, name, version, arch, path, kernel, module, origin, owner, cpe, layer]
            .map(String::as_str),
    );
}

/// Texts with their lengths, so that no two lists have the same bytes.
fn write<const N: usize>(key: &mut Vec<u8>, texts: [&str; N]) {
    for text in texts {
        key.extend_from_slice(&(text.len() as u64).to_le_bytes()[..4]);
        key.extend_from_slice(text.as_bytes());
    }
}
