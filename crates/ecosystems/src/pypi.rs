//! Python: lists of requirements, the lockfiles of its tools, and what is installed.

use std::collections::BTreeMap;

use domain::component::Ecosystem;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::entry::Entry;
use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, file_name, named, sibling};

const fn lock(name: &'static str, matches: fn(&str) -> bool, parse: fn(&str, &[u8], &mut Found)) -> Manifest {
    Manifest {
        name,
        found: FoundBy::Path(matches),
        tells: Tells::Declared,
        bytes_max: 64 << 20,
        parse: Parse::Alone(parse),
    }
}

pub(crate) const MANIFESTS: &[Manifest] = &[
    lock("requirements.txt", is_list, requirements),
    lock("poetry.lock", |path| named(path, "poetry.lock"), packages),
    lock("uv.lock", |path| named(path, "uv.lock"), packages),
    lock("pdm.lock", |path| named(path, "pdm.lock"), packages),
    lock("pylock.toml", is_pylock, packages),
    lock("Pipfile.lock", |path| named(path, "Pipfile.lock"), pipfile),
    Manifest {
        name: "installed distributions",
        found: FoundBy::Path(is_installed),
        tells: Tells::Installed,
        bytes_max: 8 << 20,
        parse: Parse::Alone(metadata),
    },
];

/// `pylock.toml`, `pylock.name.toml`.
fn is_pylock(path: &str) -> bool {
    let rest = file_name(path).strip_prefix("pylock.").and_then(|rest| rest.strip_suffix("toml"));
    rest.is_some_and(|name| name.is_empty() || (name.len() > 1 && name.ends_with('.')))
}

fn is_list(path: &str) -> bool {
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    let name = file_name(path);
    let named = name.starts_with("requirements") || name.ends_with("requirements.txt");
    path.ends_with(".txt") && (named || folder == "requirements")
}

fn requirements(path: &str, bytes: &[u8], found: &mut Found) {
    let text = String::from_utf8_lossy(bytes).replace("\\\r\n", " ").replace("\\\n", " ");
    let (mut unpinned, mut foreign) = (0_u32, 0_u32);
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let option = |names: [&str; 2]| names.iter().find_map(|name| line.strip_prefix(name)).map(str::trim);
        if line.is_empty() || line.starts_with('#') {
            continue;
        } else if let Some(other) = option(["--requirement", "-r"]) {
            let other = other.trim_start_matches('=').trim();
            if !sibling(path, other).is_some_and(|other| is_list(&other)) {
                let other: String = other.chars().take(60).collect();
                found.gap(path, format_args!("it goes on in {other:?}, which is not looked at"));
            }
            continue;
        } else if option(["--editable", "-e"]).is_some() || (line.contains("://") && !line.starts_with('-')) {
            foreign += 1;
            continue;
        } else if line.starts_with('-') {
            continue;
        }
        let pin = line.split(';').next().unwrap_or_default();
        let pin: String = pin.split(" --").next().unwrap_or_default().split_whitespace().collect();
        match pin.split_once("==") {
            Some((name, version)) if !version.contains(['*', ',']) && !name.contains(['<', '>', '!', '~', ',']) => {
                let name = name.split('[').next().unwrap_or_default();
                found.package(Ecosystem::Pypi, name, version.trim_start_matches('='), path);
            }
            _ => unpinned += 1,
        }
    }
    if unpinned > 0 {
        found.gap(path, format_args!("{unpinned} requirements name no single version"));
    }
    elsewhere(path, foreign, found);
}

/// Folders, archives and repositories have no version of an index's.
fn elsewhere(path: &str, count: u32, found: &mut Found) {
    if count > 0 {
        found.gap(path, format_args!("{count} packages come from elsewhere than an index"));
    }
}

#[derive(Deserialize)]
struct Packages {
    #[serde(default, alias = "packages")]
    package: Vec<Entry<Package>>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    version: Option<String>,
    /// What uv and Poetry say of a package's origin: uv's own workspace has none.
    #[serde(default)]
    source: toml::Table,
    /// What pdm and `pylock.toml` say of it, each in its own words: there where it is no index's.
    #[serde(
        default,
        rename = "url",
        alias = "git",
        alias = "hg",
        alias = "svn",
        alias = "bzr",
        alias = "path",
        alias = "vcs",
        alias = "directory",
        alias = "archive"
    )]
    elsewhere: Option<IgnoredAny>,
}

impl Package {
    fn is_own(&self) -> bool {
        ["virtual", "editable"].iter().any(|kind| self.source.contains_key(*kind))
    }

    /// Poetry calls an index of somebody's own `legacy`.
    fn is_of_index(&self) -> bool {
        let is_index = match self.source.get("type") {
            Some(kind) => kind.as_str() == Some("legacy"),
            None => self.source.is_empty() || self.source.contains_key("registry"),
        };
        is_index && self.elsewhere.is_none()
    }
}

fn packages(path: &str, bytes: &[u8], found: &mut Found) {
    match toml::from_str::<Packages>(&String::from_utf8_lossy(bytes)) {
        Ok(lock) => {
            let mut foreign = 0;
            for package in &lock.package {
                match package.read() {
                    Ok(package) if package.is_own() => {}
                    Ok(package) => match &package.version {
                        Some(version) if package.is_of_index() => {
                            found.package(Ecosystem::Pypi, &package.name, version, path);
                        }
                        _ => foreign += 1,
                    },
                    Err(odd) => found.gap(path, odd),
                }
            }
            elsewhere(path, foreign, found);
        }
        Err(error) => found.gap(path, error),
    }
}

#[derive(Deserialize)]
struct Pinned {
    #[serde(default)]
    version: Option<String>,
}

/// Groups of packages by name: `default`, `develop`, and what people call theirs.
fn pipfile(path: &str, bytes: &[u8], found: &mut Found) {
    let groups: BTreeMap<String, serde_json::Value> = match serde_json::from_slice(bytes) {
        Ok(groups) => groups,
        Err(error) => return found.gap(path, error),
    };
    let mut foreign = 0;
    for (group, packages) in groups.into_iter().filter(|(group, _)| group != "_meta") {
        let packages: BTreeMap<String, Entry<Pinned>> = match serde_json::from_value(packages) {
            Ok(packages) => packages,
            Err(error) => {
                found.gap(path, format_args!("{group}: {error}"));
                continue;
            }
        };
        for (name, pinned) in &packages {
            let pinned = match pinned.read_as(name) {
                Ok(pinned) => pinned,
                Err(odd) => {
                    found.gap(path, odd);
                    continue;
                }
            };
            match pinned.version.as_deref().and_then(|version| version.strip_prefix("==")) {
                Some(version) => found.package(Ecosystem::Pypi, name, version, path),
                None => foreign += 1,
            }
        }
    }
    elsewhere(path, foreign, found);
}

/// A folder for each distribution; setuptools once wrote one file, and eggs keep theirs inside.
fn is_installed(path: &str) -> bool {
    let ends = [".dist-info/METADATA", ".egg-info/PKG-INFO", "/EGG-INFO/PKG-INFO", ".egg-info"];
    ends.iter().any(|end| path.ends_with(end))
}

fn metadata(path: &str, bytes: &[u8], found: &mut Found) {
    let text = String::from_utf8_lossy(bytes);
    // The head ends with the first empty line; the long description follows.
    let field = |wanted: &str| {
        let head = text.lines().take_while(|line| !line.is_empty());
        head.filter_map(|line| line.split_once(':')).find(|(name, _)| *name == wanted).map(|(_, value)| value.trim())
    };
    match (field("Name"), field("Version")) {
        (Some(name), Some(version)) => {
            let above = if path.ends_with(".egg-info") { 2 } else { 3 };
            let folder = path.rsplitn(above, '/').nth(above - 1).unwrap_or(path);
            found.package(Ecosystem::Pypi, name, version, folder);
        }
        _ => found.gap(path, "it names no distribution"),
    }
}
