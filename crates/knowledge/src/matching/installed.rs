//! The installed versions of one source package.

use std::sync::Arc;

use domain::component::{Component, Ecosystem};
use ecosystems::Version;

use super::kernel::Judged;

/// How many of the installed versions are affected, from the lowest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Affected(usize);

/// One source package's binaries by their source version, usually a single one.
pub(super) struct Installed<'a> {
    /// Versions that can be compared, lowest first, then those that cannot.
    versions: Vec<Entry<'a>>,
    /// How many can be compared.
    comparable: usize,
    /// The binaries of the first versions, made when first asked for.
    places: Vec<Option<Arc<[Component]>>>,
    /// The newest version, where it is installed and does not run.
    newest: Option<Version<'a>>,
}

struct Entry<'a> {
    text: &'a str,
    version: Result<Version<'a>, ecosystems::Unparsable>,
    components: Vec<&'a Component>,
}

impl<'a> Installed<'a> {
    pub(super) fn of(ecosystem: Ecosystem, judged: &Judged<'a>) -> Self {
        let mut versions: Vec<Entry<'a>> = Vec::new();
        for component in &judged.components {
            match versions.iter_mut().find(|entry| entry.text == component.source_version) {
                Some(entry) => entry.components.push(component),
                None => versions.push(Entry {
                    text: &component.source_version,
                    version: Version::parse(ecosystem, &component.source_version),
                    components: vec![component],
                }),
            }
        }
        let (mut comparable, mut rest): (Vec<_>, Vec<_>) =
            versions.into_iter().partition(|entry| entry.version.is_ok());
        comparable.sort_by(|a, b| match (&a.version, &b.version) {
            (Ok(x), Ok(y)) => x.compare(y).then_with(|| a.text.cmp(b.text)),
            _ => a.text.cmp(b.text),
        });
        let count = comparable.len();
        comparable.append(&mut rest);
        let places = vec![None; comparable.len() + 1];
        Self { versions: comparable, comparable: count, places, newest: judged.newest.clone() }
    }

    /// Why versions cannot be compared.
    pub(super) fn unparsable(&self) -> impl Iterator<Item = String> + use<> {
        let reasons: Vec<String> = self.versions[self.comparable..]
            .iter()
            .filter_map(|entry| {
                entry.version.as_ref().err().map(|e| format!("the installed version cannot be compared: {e}"))
            })
            .collect();
        reasons.into_iter()
    }

    /// Every version, those that cannot be compared included.
    pub(super) fn all(&self) -> Affected {
        Affected(self.versions.len())
    }

    /// The versions below one. `None`: there is none.
    pub(super) fn below(&self, fixed: &Version<'_>) -> Option<Affected> {
        let lower = |entry: &Entry<'_>| entry.version.as_ref().is_ok_and(|version| version.compare(fixed).is_lt());
        let count = self.versions[..self.comparable].partition_point(lower);
        (count > 0).then_some(Affected(count))
    }

    /// Whether a restart alone would bring the fixed version into use.
    pub(super) fn restart_fixes(&self, fixed: &Version<'_>) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.compare(fixed).is_ge())
    }

    /// The lowest version.
    pub(super) fn lowest(&self) -> &'a str {
        self.versions[0].text
    }

    /// The binaries of the affected versions.
    pub(super) fn places(&mut self, affected: Affected) -> Arc<[Component]> {
        let versions = &self.versions[..affected.0];
        let places = self.places[affected.0].get_or_insert_with(|| {
            let mut places: Vec<Component> =
                versions.iter().flat_map(|entry| &entry.components).map(|component| (*component).clone()).collect();
            places.sort();
            places.into()
        });
        Arc::clone(places)
    }
}
