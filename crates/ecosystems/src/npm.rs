//! npm: the lockfiles of npm, yarn, pnpm and bun, and what is installed.

mod bun;

use std::collections::BTreeMap;

use domain::component::Ecosystem;
use serde::Deserialize;

use crate::entry::Entry;
use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, named};

pub(crate) const MANIFESTS: &[Manifest] = &[
    Manifest {
        name: "package-lock.json",
        found: FoundBy::Path(|path| named(path, "package-lock.json") || named(path, "npm-shrinkwrap.json")),
        tells: Tells::Declared,
        bytes_max: 256 << 20,
        parse: Parse::Alone(package_lock),
    },
    Manifest {
        name: "yarn.lock",
        found: FoundBy::Path(|path| named(path, "yarn.lock")),
        tells: Tells::Declared,
        bytes_max: 64 << 20,
        parse: Parse::Alone(yarn),
    },
    Manifest {
        name: "pnpm-lock.yaml",
        found: FoundBy::Path(|path| named(path, "pnpm-lock.yaml")),
        tells: Tells::Declared,
        bytes_max: 64 << 20,
        parse: Parse::Alone(pnpm),
    },
    Manifest {
        name: "bun.lock",
        found: FoundBy::Path(|path| named(path, "bun.lock")),
        tells: Tells::Declared,
        bytes_max: 64 << 20,
        parse: Parse::Alone(bun::lock),
    },
    Manifest {
        name: "bun.lockb",
        found: FoundBy::Path(|path| named(path, "bun.lockb")),
        tells: Tells::Declared,
        bytes_max: 64 << 20,
        parse: Parse::Among(bun::binary),
    },
    Manifest {
        name: "installed node modules",
        found: FoundBy::Path(|path| named(path, "package.json") && path.contains("node_modules/")),
        tells: Tells::Installed,
        bytes_max: 8 << 20,
        parse: Parse::Alone(installed),
    },
];

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    packages: Option<BTreeMap<String, Entry<Locked>>>,
    #[serde(default)]
    dependencies: Option<BTreeMap<String, Entry<Nested>>>,
}

#[derive(Deserialize)]
struct Locked {
    /// An alias names what it stands for.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    link: bool,
    /// Where it was loaded from; not every npm writes it.
    #[serde(default)]
    resolved: Option<String>,
}

/// The first form of the lockfile nests what it could not share.
#[derive(Deserialize)]
struct Nested {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    dependencies: Option<BTreeMap<String, Entry<Nested>>>,
}

/// Folders, archives and repositories have no version of a registry's.
fn elsewhere(path: &str, count: u32, found: &mut Found) {
    if count > 0 {
        found.gap(path, format_args!("{count} packages come from elsewhere than a registry"));
    }
}

/// Whether a place is a repository, a folder or a file. Registries call their archives as they like, so that any other
/// address is one of theirs.
fn is_foreign(place: &str) -> bool {
    let address = place.strip_prefix("https://").or_else(|| place.strip_prefix("http://"));
    address.is_none_or(|address| {
        let address = address.split(['#', '?']).next().unwrap_or_default();
        let hosts = ["github.com/", "codeload.github.com/", "bitbucket.org/"];
        let ends = [".git", ".tar.gz"];
        hosts.iter().any(|host| address.starts_with(host)) || ends.iter().any(|end| address.ends_with(end))
    })
}

fn package_lock(path: &str, bytes: &[u8], found: &mut Found) {
    let lock: Lock = match serde_json::from_slice(bytes) {
        Ok(lock) => lock,
        Err(error) => return found.gap(path, error),
    };
    let mut foreign = 0;
    if let Some(packages) = lock.packages {
        for (key, entry) in &packages {
            let Some((_, name)) = key.rsplit_once("node_modules/") else { continue };
            let entry = match entry.read_as(name) {
                Ok(entry) if entry.link => continue,
                Ok(entry) => entry,
                Err(odd) => {
                    found.gap(path, odd);
                    continue;
                }
            };
            let name = entry.name.as_deref().unwrap_or(name);
            match &entry.version {
                Some(version) if !entry.resolved.as_deref().is_some_and(is_foreign) => {
                    found.package(Ecosystem::Npm, name, version, path);
                }
                _ => foreign += 1,
            }
        }
        return elsewhere(path, foreign, found);
    }
    for (name, entry) in lock.dependencies.iter().flatten() {
        nested(name, entry, path, &mut foreign, found);
    }
    elsewhere(path, foreign, found);
}

/// As deep as JSON may be.
fn nested(name: &str, entry: &Entry<Nested>, path: &str, foreign: &mut u32, found: &mut Found) {
    let entry = match entry.read_as(name) {
        Ok(entry) => entry,
        Err(odd) => return found.gap(path, odd),
    };
    match entry.version.as_deref() {
        Some(version) if version.starts_with("npm:") => match version.trim_start_matches("npm:").rsplit_once('@') {
            Some((name, version)) => found.package(Ecosystem::Npm, name, version, path),
            None => *foreign += 1,
        },
        Some(version) if version.contains([':', '/']) => *foreign += 1,
        Some(version) => found.package(Ecosystem::Npm, name, version, path),
        None => *foreign += 1,
    }
    for (name, entry) in entry.dependencies.iter().flatten() {
        nested(name, entry, path, foreign, found);
    }
}

/// Both forms: keys at the margin, the version in the block below.
fn yarn(path: &str, bytes: &[u8], found: &mut Found) {
    let text = String::from_utf8_lossy(bytes);
    let (mut name, mut foreign): (Option<String>, u32) = (None, 0);
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            let keys = line.trim_end_matches(':').trim_matches('"');
            let key = keys.split(", ").next().unwrap_or_default().trim_matches('"');
            // `@scope/name@range`: the first `@` may belong to the scope.
            let split = key.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(place, _)| place);
            let (own, range) = split.map_or((key, ""), |place| (&key[..place], &key[place + 1..]));
            let alias = range.strip_prefix("npm:").and_then(|rest| rest.rsplit_once('@')).map(|(alias, _)| alias);
            let workspace = keys.contains("@workspace:") || key == "__metadata";
            // What is patched was a registry's.
            let registry = ["npm:", "patch:"].iter().any(|kind| range.starts_with(kind)) || !range.contains([':', '/']);
            foreign += u32::from(!registry && !workspace);
            let wanted = registry && !workspace;
            name = wanted.then(|| alias.filter(|alias| !alias.is_empty()).unwrap_or(own).to_owned());
            continue;
        }
        let version = line.strip_prefix("  version").and_then(|rest| rest.strip_prefix([' ', ':']));
        if let (Some(version), Some(name)) = (version, name.take_if(|_| version.is_some())) {
            found.package(Ecosystem::Npm, &name, version.trim().trim_matches('"'), path);
        }
    }
    elsewhere(path, foreign, found);
}

/// The keys of `packages`, in every form since the fifth: `/name/1.0.0_peer@2.0.0`, `/name@1.0.0(peer@2.0.0)`, `name@1.0.0`.
fn pnpm(path: &str, bytes: &[u8], found: &mut Found) {
    let text = String::from_utf8_lossy(bytes);
    let (mut inside, mut foreign) = (false, 0);
    for line in text.lines() {
        if !line.starts_with(' ') && !line.is_empty() {
            inside = line.trim_end() == "packages:";
            continue;
        }
        let Some(key) = line.strip_prefix("  ").filter(|rest| inside && !rest.starts_with([' ', ':', '#'])) else {
            continue;
        };
        // A key of more than a thousand bytes has a mark of its own.
        let key = key.strip_prefix("? ").unwrap_or(key);
        // What is said of it may stand in the same line.
        let key =
            key.split_once(": ").map_or(key, |(key, _)| key).trim_end().trim_end_matches(':').trim_matches(['\'', '"']);
        let key = key.trim_start_matches('/');
        // The scope has a slash of its own.
        let scope = key.strip_prefix('@').and_then(|rest| rest.find('/')).map_or(0, |slash| slash + 2);
        let split = key[scope..].find(['@', '/']).map(|place| scope + place);
        let (name, version) = split.map_or((key, ""), |split| (&key[..split], &key[split + 1..]));
        let version = version.split(['_', '(']).next().unwrap_or_default();
        // The first of these forms put the peers behind a slash.
        let version = version.split_once('/').map_or(version, |(first, _)| first);
        if version.starts_with(|c: char| c.is_ascii_digit()) && !name.contains(':') {
            found.package(Ecosystem::Npm, name, version, path);
        } else {
            foreign += 1;
        }
    }
    elsewhere(path, foreign, found);
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    version: Option<String>,
}

fn installed(path: &str, bytes: &[u8], found: &mut Found) {
    match serde_json::from_slice::<Package>(bytes) {
        Ok(Package { name: Some(name), version: Some(version) }) => {
            let folder = path.split("node_modules/").next().unwrap_or_default();
            let folder = format!("{folder}node_modules");
            found.package(Ecosystem::Npm, &name, &version, &folder);
        }
        // Folders inside of packages have such files too, without a name.
        Ok(_) => {}
        Err(error) => found.gap(path, error),
    }
}
