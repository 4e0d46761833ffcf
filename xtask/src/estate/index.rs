//! What there is to install, and what was fixed in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use domain::component::Ecosystem;
use serde_json::Value;

/// One binary package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Package {
    pub name: String,
    pub source: String,
    pub version: String,
    pub source_version: String,
    pub architecture: String,
    /// Every machine has it.
    pub base: bool,
    /// The first choice of each.
    pub depends: Vec<String>,
}

/// The packages of one release, by name.
#[derive(Debug, Default)]
pub(super) struct Index(BTreeMap<String, Package>);

/// The versions of each source package that fixed something, oldest first.
pub(super) type Fixes = BTreeMap<String, Vec<String>>;

/// The release that index and fixes are of.
pub(super) const RELEASE: &str = "bullseye";

impl Index {
    /// Reads a `Packages` file as archives have it.
    pub(super) fn read_packages(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read the package index {}", path.display()))?;
        let mut index = Self::default();
        for stanza in text.split("\n\n") {
            if let Some(package) = package(stanza) {
                index.0.insert(package.name.clone(), package);
            }
        }
        Ok(index)
    }

    /// Reads what [`Index::write`] wrote.
    pub(super) fn read_small(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read the package index {}", path.display()))?;
        let mut index = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, source, version, source_version, architecture, base, depends] = fields[..] else {
                anyhow::bail!("{}: not seven fields: {line}", path.display());
            };
            let package = Package {
                name: name.to_owned(),
                source: source.to_owned(),
                version: version.to_owned(),
                source_version: source_version.to_owned(),
                architecture: architecture.to_owned(),
                base: base == "base",
                depends: depends.split_whitespace().map(str::to_owned).collect(),
            };
            index.0.insert(package.name.clone(), package);
        }
        Ok(index)
    }

    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut text = format!(
            "# Facts of Debian's {RELEASE}, cut by `cargo xtask estate --packages FILE --cut-index`: name, source, version, \
             source version, architecture, base or not, dependencies.\n"
        );
        for package in self.0.values() {
            let Package { name, source, version, source_version, architecture, base, depends } = package;
            let (base, depends) = (if *base { "base" } else { "" }, depends.join(" "));
            writeln!(text, "{name}\t{source}\t{version}\t{source_version}\t{architecture}\t{base}\t{depends}")?;
        }
        fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    /// Only what these need.
    pub(super) fn small(&self, roots: &BTreeSet<&str>) -> Self {
        let kept = self.closure(roots.iter().copied());
        let known = |depends: &[String]| depends.iter().filter(|name| self.0.contains_key(*name)).cloned().collect();
        let packages = kept.iter().map(|name| {
            let package = &self.0[*name];
            ((*name).to_owned(), Package { depends: known(&package.depends), ..package.clone() })
        });
        Self(packages.collect())
    }

    /// Packages with everything that they depend on, as far as it is here.
    pub(super) fn closure<'a>(&'a self, names: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut open: Vec<&str> = names.into_iter().collect();
        let mut closed = BTreeSet::new();
        while let Some(name) = open.pop() {
            let Some(package) = self.0.get(name) else { continue };
            if closed.insert(package.name.as_str()) {
                open.extend(package.depends.iter().map(String::as_str));
            }
        }
        closed
    }

    pub(super) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.0.values()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn package(stanza: &str) -> Option<Package> {
    let mut fields: BTreeMap<&str, &str> = BTreeMap::new();
    for line in stanza.lines().filter(|line| !line.starts_with(' ')) {
        let (key, value) = line.split_once(": ")?;
        fields.insert(key, value.trim());
    }
    let (name, version) = (*fields.get("Package")?, *fields.get("Version")?);
    let source = fields.get("Source").copied().unwrap_or(name);
    let (source, source_version) = match source.split_once(" (") {
        Some((source, version)) => (source, version.trim_end_matches(')')),
        None => (source, version),
    };
    let priority = fields.get("Priority").copied().unwrap_or_default();
    let lists = [fields.get("Pre-Depends"), fields.get("Depends")];
    let depends = lists.into_iter().flatten().flat_map(|list| list.split(',')).filter_map(first_choice);
    Some(Package {
        name: name.to_owned(),
        source: source.to_owned(),
        version: version.to_owned(),
        source_version: source_version.to_owned(),
        architecture: fields.get("Architecture").copied().unwrap_or("amd64").to_owned(),
        base: matches!(priority, "required" | "important" | "standard"),
        depends: depends.map(str::to_owned).collect(),
    })
}

/// `mawk | gawk (>= 4)`: `mawk`.
fn first_choice(dependency: &str) -> Option<&str> {
    dependency.split('|').next()?.split_whitespace().next()?.split(':').next()
}

/// What the tracker says was fixed in which version.
pub(super) fn fixes(tracker: &Path) -> anyhow::Result<Fixes> {
    let text = fs::read(tracker).with_context(|| format!("read {}", tracker.display()))?;
    let tracker: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_slice(&text)?;
    let mut fixes = Fixes::new();
    for (source, entries) in tracker {
        let fixed = entries.values().filter_map(|entry| entry["releases"][RELEASE]["fixed_version"].as_str());
        let mut versions: Vec<String> = fixed.filter(|version| *version != "0").map(str::to_owned).collect();
        versions.sort_by(|a, b| {
            ecosystems::compare(Ecosystem::Deb, a, b).unwrap_or(std::cmp::Ordering::Equal).then_with(|| a.cmp(b))
        });
        versions.dedup();
        if !versions.is_empty() {
            fixes.insert(source, versions);
        }
    }
    Ok(fixes)
}
