//! The installed versions of one package.

use std::sync::Arc;

use domain::component::{Component, Ecosystem};
use ecosystems::Version;

/// Binaries of one package that are judged together; a package with more is judged in parts.
pub(super) const VERSIONS_MAX: usize = 512;

const WORDS: usize = VERSIONS_MAX / 64;

/// Some of the installed versions, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Set([u64; WORDS]);

impl Set {
    pub(super) fn is_empty(self) -> bool {
        self.0 == [0; WORDS]
    }

    pub(super) fn and(self, other: Self) -> Self {
        self.with(other, |a, b| a & b)
    }

    pub(super) fn or(self, other: Self) -> Self {
        self.with(other, |a, b| a | b)
    }

    pub(super) fn without(self, other: Self) -> Self {
        self.with(other, |a, b| a & !b)
    }

    pub(super) const fn contains(self, index: usize) -> bool {
        self.0[index / 64] >> (index % 64) & 1 == 1
    }

    pub(super) fn count(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The versions before an index.
    fn before(end: usize) -> Self {
        let mut set = Self::default();
        for (index, word) in set.0.iter_mut().enumerate() {
            let count = end.saturating_sub(index * 64);
            *word = if count >= 64 { u64::MAX } else { (1 << count) - 1 };
        }
        set
    }

    fn insert(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }

    fn with(mut self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = of(*own, other);
        }
        self
    }
}

/// One package's binaries by what statements compare with, usually a single version.
pub(super) struct Installed<'a> {
    /// Lowest first; those that cannot be compared come last.
    versions: Vec<Entry<'a>>,
    comparable: usize,
    /// Every binary with the index of its version, sorted by the binary.
    components: Vec<(&'a Arc<Component>, usize)>,
    /// The newest version, where it is installed and does not run.
    newest: Option<Version<'a>>,
    /// The binaries of a set of versions; most findings of a package share one.
    places: Vec<(Set, Arc<[Arc<Component>]>)>,
}

pub(super) struct Entry<'a> {
    pub(super) text: &'a str,
    pub(super) version: Result<Version<'a>, ecosystems::Unparsable>,
    /// Binary name, where statements about binaries compare.
    pub(super) name: &'a str,
    /// Built in a module stream, so that statements about the plain package are about something else.
    pub(super) module: Option<&'a str>,
}

impl<'a> Installed<'a> {
    /// Of binaries that are sorted. `by_binary`: statements name binaries, so each binary has a version of its own.
    pub(super) fn of(
        ecosystem: Ecosystem,
        components: &[&'a Arc<Component>],
        newest: Option<Version<'a>>,
        by_binary: bool,
    ) -> Self {
        let key = |component: &&'a Arc<Component>| -> (&'a str, &'a str, Option<&'a str>) {
            let module = module_of(component);
            if by_binary {
                (&component.version, &component.name, module)
            } else {
                (&component.source_version, "", module)
            }
        };
        let mut by_version: Vec<usize> = (0..components.len()).collect();
        by_version.sort_by_key(|index| key(&components[*index]));
        let alike = by_version.chunk_by(|a, b| key(&components[*a]) == key(&components[*b]));
        let mut versions: Vec<(Entry<'a>, &[usize])> = alike
            .map(|alike| {
                let (text, name, module) = key(&components[alike[0]]);
                (Entry { text, version: Version::parse(ecosystem, text), name, module }, alike)
            })
            .collect();
        versions.sort_by(|(a, _), (b, _)| match (&a.version, &b.version) {
            (Ok(x), Ok(y)) => x.compare(y).then_with(|| (a.text, a.name).cmp(&(b.text, b.name))),
            (Ok(_), Err(_)) => std::cmp::Ordering::Less,
            (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
            (Err(_), Err(_)) => (a.text, a.name).cmp(&(b.text, b.name)),
        });
        let mut components: Vec<(&'a Arc<Component>, usize)> = components.iter().map(|one| (*one, 0)).collect();
        for (number, (_, alike)) in versions.iter().enumerate() {
            alike.iter().for_each(|index| components[*index].1 = number);
        }
        let versions: Vec<Entry<'a>> = versions.into_iter().map(|(entry, _)| entry).collect();
        let comparable = versions.iter().filter(|entry| entry.version.is_ok()).count();
        Self { versions, comparable, components, newest, places: Vec::new() }
    }

    pub(super) fn entries(&self) -> &[Entry<'a>] {
        &self.versions
    }

    /// Why versions cannot be compared.
    pub(super) fn unparsable(&self) -> impl Iterator<Item = String> + '_ {
        let error = |entry: &Entry<'_>| entry.version.as_ref().err().map(ToString::to_string);
        self.versions.iter().filter_map(error).map(|e| format!("the installed version cannot be compared: {e}"))
    }

    /// Every version, those that cannot be compared included.
    pub(super) fn all(&self) -> Set {
        Set::before(self.versions.len())
    }

    /// Every version that can be compared.
    pub(super) fn comparable(&self) -> Set {
        Set::before(self.comparable)
    }

    /// The versions below a bound; `inclusive`: and those equal to it.
    pub(super) fn below(&self, bound: &Version<'_>, inclusive: bool) -> Set {
        let is_below = |entry: &Entry<'a>| {
            let order = entry.version.as_ref().map(|version| version.compare(bound));
            order.is_ok_and(|order| order.is_lt() || (inclusive && order.is_eq()))
        };
        Set::before(self.versions.partition_point(is_below))
    }

    /// The versions for which something holds.
    pub(super) fn filter(&self, holds: impl Fn(&Entry<'a>) -> bool) -> Set {
        let mut set = Set::default();
        for (index, entry) in self.versions.iter().enumerate() {
            if holds(entry) {
                set.insert(index);
            }
        }
        set
    }

    /// Whether a restart alone would bring the fixed version into use.
    pub(super) fn restart_fixes(&self, fixed: &Version<'_>) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.compare(fixed).is_ge())
    }

    /// The lowest version of a set.
    pub(super) fn lowest(&self, set: Set) -> &'a str {
        let first = self.versions.iter().enumerate().find(|(index, _)| set.contains(*index));
        first.or_else(|| self.versions.iter().enumerate().next()).map_or("", |(_, entry)| entry.text)
    }

    /// The binaries of a set of versions.
    pub(super) fn places(&mut self, set: Set) -> Arc<[Arc<Component>]> {
        if let Some((_, places)) = self.places.iter().find(|(known, _)| *known == set) {
            return Arc::clone(places);
        }
        let of_set = self.components.iter().filter(|(_, version)| set.contains(*version));
        let places: Arc<[Arc<Component>]> = of_set.map(|(component, _)| Arc::clone(component)).collect();
        self.places.push((set, Arc::clone(&places)));
        places
    }
}

/// The module stream a component was built in; empty where only its version tells that it was built in one.
fn module_of(component: &Component) -> Option<&str> {
    if !component.module.is_empty() {
        return Some(&component.module);
    }
    ecosystems::rpm::is_modular(&component.version).then_some("")
}
