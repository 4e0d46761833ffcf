//! Python: lists of requirements, the lockfiles of its tools, and what is installed.

use std::collections::BTreeMap;

use domain::component::Ecosystem;
use serde::Deserialize;

use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, file_name, named};

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
    lock(
        "requirements.txt",
        |path| file_name(path).starts_with("requirements") && path.ends_with(".txt"),
        requirements,
    ),
    lock("poetry.lock", |path| named(path, "poetry.lock"), packages),
    lock("uv.lock", |path| named(path, "uv.lock"), packages),
    lock("pdm.lock", |path| named(path, "pdm.lock"), packages),
    lock("pylock.toml", |path| named(path, "pylock.toml"), packages),
    lock("Pipfile.lock", |path| named(path, "Pipfile.lock"), pipfile),
    Manifest {
        name: "installed distributions",
        found: FoundBy::Path(|path| path.ends_with(".dist-info/METADATA") || path.ends_with(".egg-info/PKG-INFO")),
        tells: Tells::Installed,
        bytes_max: 8 << 20,
        parse: Parse::Alone(metadata),
    },
];

fn requirements(path: &str, bytes: &[u8], found: &mut Found) {
    let text = String::from_utf8_lossy(bytes).replace("\\\r\n", " ").replace("\\\n", " ");
    let mut unpinned = 0_u32;
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with(['#', '-']) || line.contains("://") {
            continue;
        }
        let pin = line.split([';', ' ']).next().unwrap_or_default();
        match pin.split_once("==") {
            Some((name, version)) if !version.contains(['*', ',']) => {
                let name = name.split('[').next().unwrap_or_default().trim();
                found.package(Ecosystem::Pypi, name, version.trim_start_matches('=').trim(), path);
            }
            _ => unpinned += 1,
        }
    }
    if unpinned > 0 {
        found.gap(path, format_args!("{unpinned} requirements name no single version"));
    }
}

#[derive(Deserialize)]
struct Packages {
    #[serde(default, alias = "packages")]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    version: Option<String>,
    /// What uv says of a package's origin: its own workspace has none.
    #[serde(default)]
    source: Option<toml::Value>,
}

fn packages(path: &str, bytes: &[u8], found: &mut Found) {
    let own = |package: &Package| {
        let source = package.source.as_ref().and_then(toml::Value::as_table);
        source.is_some_and(|source| source.contains_key("virtual") || source.contains_key("editable"))
    };
    match toml::from_str::<Packages>(&String::from_utf8_lossy(bytes)) {
        Ok(lock) => lock.package.iter().filter(|package| !own(package)).for_each(|package| {
            if let Some(version) = &package.version {
                found.package(Ecosystem::Pypi, &package.name, version, path);
            }
        }),
        Err(error) => found.gap(path, error),
    }
}

#[derive(Deserialize)]
struct Pipfile {
    #[serde(default)]
    default: BTreeMap<String, Pinned>,
    #[serde(default)]
    develop: BTreeMap<String, Pinned>,
}

#[derive(Deserialize)]
struct Pinned {
    #[serde(default)]
    version: Option<String>,
}

fn pipfile(path: &str, bytes: &[u8], found: &mut Found) {
    match serde_json::from_slice::<Pipfile>(bytes) {
        Ok(file) => file.default.iter().chain(&file.develop).for_each(|(name, pinned)| {
            if let Some(version) = pinned.version.as_deref().and_then(|version| version.strip_prefix("==")) {
                found.package(Ecosystem::Pypi, name, version, path);
            }
        }),
        Err(error) => found.gap(path, error),
    }
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
            let folder = path.rsplitn(3, '/').nth(2).unwrap_or(path);
            found.package(Ecosystem::Pypi, name, version, folder);
        }
        _ => found.gap(path, "it names no distribution"),
    }
}
