//! What names of products (CPE) say of one flaw, gathered into advisories.

use domain::advisory::{Advisory, Bound, PackageKind, Range, Rank, Statement, Versions};
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Affected,
    NotAffected,
}

/// The versions by product, as they are read.
#[derive(Debug, Default)]
pub(crate) struct Products {
    entries: Vec<(Product, Word, Versions)>,
}

impl Products {
    pub(crate) fn add(&mut self, product: &Product, word: Word, versions: Versions) {
        if versions.ranges.is_empty() && versions.exact.is_empty() {
            return;
        }
        let known = self.entries.iter_mut().rev().find(|(other, said, _)| other == product && *said == word);
        let Some((_, _, all)) = known else {
            self.entries.push((product.clone(), word, versions));
            return;
        };
        for range in versions.ranges {
            if !all.ranges.contains(&range) {
                all.ranges.push(range);
            }
        }
        for exact in versions.exact {
            if !all.exact.contains(&exact) {
                all.exact.push(exact);
            }
        }
    }

    pub(crate) fn names(&self, package: &str) -> bool {
        self.entries.iter().any(|(product, ..)| product.package == package)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Shows an advisory for each product. Editions that all stand alike are one; else the edition is a condition.
    pub(crate) fn advisories(mut self, source: &str, id: &VulnerabilityId, sink: &mut dyn FnMut(Record)) {
        // Stable: what comes first in the document stays first.
        for index in 0..self.entries.len() {
            let (product, word, versions) = &self.entries[index];
            if product.edition.is_empty() {
                continue;
            }
            let siblings = || {
                let same = |(other, said, _): &&(Product, Word, Versions)| {
                    other.package == product.package && other.condition == product.condition && said == word
                };
                self.entries.iter().filter(same)
            };
            if siblings().any(|(.., other)| other != versions) {
                let condition = format!("its edition is {}", product.edition);
                let product = Product { edition: String::new(), ..product.clone() }.with_condition(&condition);
                self.entries[index].0 = product;
            }
        }
        let mut done: Vec<(Product, Word)> = Vec::new();
        for (product, word, versions) in self.entries {
            let product = Product { edition: String::new(), ..product };
            if done.iter().any(|(other, said)| *other == product && *said == word) {
                continue;
            }
            let statement = match word {
                Word::Affected => Statement::Affected(versions),
                Word::NotAffected => Statement::NotAffectedIn(versions),
            };
            sink(Record::Advisory(Advisory {
                kind: PackageKind::Source,
                rank: Rank::Cpe,
                condition: product.condition.clone(),
                ..Advisory::new(
                    source,
                    id.as_str(),
                    Ecosystem::Generic,
                    Release::none(),
                    product.package.clone(),
                    id.clone(),
                    statement,
                )
            }));
            done.push((product, word));
        }
    }
}

/// Every version.
pub(crate) fn all_versions() -> Versions {
    Versions { ranges: vec![Range::default()], exact: Vec::new() }
}
