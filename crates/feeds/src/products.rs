//! What names of products (CPE) say of one flaw, gathered into advisories.

use std::collections::{HashMap, HashSet};

use domain::advisory::{Advisory, Bound, Range, Rank, Statement, Versions};
use domain::component::{Ecosystem, Release};
use domain::cpe::{Attribute, Cpe};
use domain::record::Record;
use domain::vulnerability::VulnerabilityId;

/// Most characters of a version; a longer text is none.
const VERSION_CHARS_MAX: usize = 128;
/// Platforms that a condition names.
const CONDITION_NAMES_MAX: usize = 4;
/// Values of `target_sw` that are something to run on; the others (`wordpress`, `node.js`) only say what the product is.
const PLATFORMS: [&str; 18] = [
    "windows",
    "macos",
    "mac_os_x",
    "mac_os",
    "linux",
    "linux_kernel",
    "unix",
    "android",
    "iphone_os",
    "ipados",
    "ipad_os",
    "aix",
    "hp-ux",
    "solaris",
    "freebsd",
    "chrome_os",
    "z/os",
    "i",
];

/// One product, as advisories name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Product {
    /// `vendor:product`.
    pub(crate) package: String,
    /// `-`: the one without a name. Empty: any.
    pub(crate) edition: String,
    /// Something else that must be true. Empty: nothing.
    pub(crate) condition: String,
}

impl Product {
    /// The software that a name stands for. `None`: hardware, or more than one product.
    pub(crate) fn of(cpe: &Cpe) -> Option<Self> {
        if !matches!(cpe.part.plain(), Some("a" | "o")) {
            return None;
        }
        let platform = cpe.target_sw.plain().filter(|name| PLATFORMS.contains(name));
        Some(Self {
            package: cpe.key()?,
            edition: match &cpe.sw_edition {
                Attribute::Na => "-".to_owned(),
                edition => edition.plain().unwrap_or_default().to_owned(),
            },
            condition: platform.map(|name| format!("runs on {name}")).unwrap_or_default(),
        })
    }

    /// The same, with one more condition.
    pub(crate) fn with_condition(mut self, condition: &str) -> Self {
        if !condition.is_empty() {
            let and = if self.condition.is_empty() { "" } else { ", " };
            self.condition = format!("{}{and}{condition}", self.condition);
        }
        self
    }
}

/// The first names of a list, for a condition.
pub(crate) fn some_of(names: &[String]) -> String {
    let mut text = names.iter().take(CONDITION_NAMES_MAX).cloned().collect::<Vec<_>>().join(" or ");
    if names.len() > CONDITION_NAMES_MAX {
        text.push_str(&format!(" or {} more", names.len() - CONDITION_NAMES_MAX));
    }
    text
}

/// The version that a name gives, with its update. `None`: it gives none.
pub(crate) fn version_in(cpe: &Cpe) -> Option<String> {
    let version = cpe.version.plain()?;
    Some(match cpe.update.plain() {
        Some(update) => format!("{version}-{update}"),
        None => version.to_owned(),
    })
}

/// Whether a name stands for every version.
pub(crate) fn is_any_version(cpe: &Cpe) -> bool {
    matches!(cpe.version, Attribute::Any)
}

/// A text that can be a version: it has a digit and no blank in it.
pub(crate) fn version(text: &str) -> Option<&str> {
    let text = text.trim();
    let bare = text.strip_prefix(['v', 'V']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let text = bare.unwrap_or(text);
    let is_version = text.len() <= VERSION_CHARS_MAX
        && text.bytes().any(|b| b.is_ascii_digit())
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '*'));
    is_version.then_some(text)
}

/// One end of a range.
pub(crate) fn bound(version: &str, inclusive: bool) -> Bound {
    Bound { version: version.to_owned(), inclusive }
}

/// What is said of the versions of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    Affected,
    NotAffected,
}

/// The versions by product, as they are read.
#[derive(Debug, Default)]
pub(crate) struct Products {
    entries: Vec<Entry>,
    /// Where each product stands: some records name thousands.
    places: HashMap<(Product, Word), usize>,
    packages: HashSet<String>,
}

#[derive(Debug)]
struct Entry {
    product: Product,
    word: Word,
    versions: Versions,
}

impl Products {
    pub(crate) fn add(&mut self, product: Product, word: Word, versions: &Versions) {
        if versions.ranges.is_empty() && versions.exact.is_empty() {
            return;
        }
        match self.places.get(&(product.clone(), word)) {
            Some(place) => {
                let known = &mut self.entries[*place].versions;
                known.ranges.extend_from_slice(&versions.ranges);
                known.exact.extend_from_slice(&versions.exact);
            }
            None => {
                self.places.insert((product.clone(), word), self.entries.len());
                self.packages.insert(product.package.clone());
                self.entries.push(Entry { product, word, versions: versions.clone() });
            }
        }
    }

    /// Adds what another source says.
    pub(crate) fn append(&mut self, other: Self) {
        for Entry { product, word, versions } in other.entries {
            self.add(product, word, &versions);
        }
    }

    pub(crate) fn names(&self, package: &str) -> bool {
        self.packages.contains(package)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Shows an advisory for each product, in the order in which they were read. Editions that all stand alike are one;
    /// else the edition is a condition.
    pub(crate) fn advisories(mut self, source: &str, id: &VulnerabilityId, sink: &mut dyn FnMut(Record)) {
        self.entries.iter_mut().for_each(|entry| once_each(&mut entry.versions));
        let differing = self.differing();
        let mut done: HashSet<(Product, Word)> = HashSet::new();
        for Entry { product, word, versions } in self.entries {
            let any = Product { edition: String::new(), ..product.clone() };
            let product = if !product.edition.is_empty() && differing.contains(&(any.clone(), word)) {
                any.with_condition(&format!("its edition is {}", product.edition))
            } else {
                any
            };
            if !done.insert((product.clone(), word)) {
                continue;
            }
            let statement = match word {
                Word::Affected => Statement::Affected(versions),
                Word::NotAffected => Statement::NotAffectedIn(versions),
            };
            let Product { package, condition, .. } = product;
            let advisory =
                Advisory::new(source, id.as_str(), Ecosystem::Generic, Release::none(), package, id.clone(), statement);
            sink(Record::Advisory(Advisory { rank: Rank::Cpe, condition, ..advisory }));
        }
    }

    /// Products whose editions do not all stand alike.
    fn differing(&self) -> HashSet<(Product, Word)> {
        let mut first: HashMap<(Product, Word), usize> = HashMap::new();
        let mut differing = HashSet::new();
        for (place, Entry { product, word, versions }) in self.entries.iter().enumerate() {
            let any = (Product { edition: String::new(), ..product.clone() }, *word);
            match first.get(&any) {
                Some(other) if self.entries[*other].versions != *versions => {
                    differing.insert(any);
                }
                Some(_) => {}
                None => {
                    first.insert(any, place);
                }
            }
        }
        differing
    }
}

/// Removes what is said twice; the order stays.
fn once_each(versions: &mut Versions) {
    fn key(bound: &Option<Bound>) -> Option<(String, bool)> {
        bound.as_ref().map(|bound| (bound.version.clone(), bound.inclusive))
    }
    if versions.ranges.len() > 1 {
        let mut seen = HashSet::new();
        versions.ranges.retain(|range| seen.insert((key(&range.lower), key(&range.upper))));
    }
    if versions.exact.len() > 1 {
        let mut seen = HashSet::new();
        versions.exact.retain(|exact| seen.insert(exact.clone()));
    }
}

/// Every version.
pub(crate) fn all_versions() -> Versions {
    Versions { ranges: vec![Range::default()], exact: Vec::new() }
}
