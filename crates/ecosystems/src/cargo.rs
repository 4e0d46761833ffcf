//! Cargo: `Cargo.lock`, and what `cargo auditable` writes into programs.

mod audited;

use domain::component::Ecosystem;
use serde::Deserialize;

use crate::entry::Entry;
use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, named};

pub(crate) const MANIFESTS: &[Manifest] = &[
    Manifest {
        name: "Cargo.lock",
        found: FoundBy::Path(|path| named(path, "Cargo.lock")),
        tells: Tells::Declared,
        bytes_max: 64 << 20,
        parse: Parse::Alone(lock),
    },
    Manifest {
        name: "Rust programs",
        found: FoundBy::Program,
        tells: Tells::Installed,
        bytes_max: 512 << 20,
        parse: Parse::Alone(audited::program),
    },
];

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Entry<Package>>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    source: Option<String>,
}

fn lock(path: &str, bytes: &[u8], found: &mut Found) {
    let lock: Lock = match toml::from_str(&String::from_utf8_lossy(bytes)) {
        Ok(lock) => lock,
        Err(error) => return found.gap(path, error),
    };
    let mut foreign = 0;
    for package in &lock.package {
        let Package { name, version, source } = match package.read() {
            Ok(package) => package,
            Err(odd) => {
                found.gap(path, odd);
                continue;
            }
        };
        match source {
            Some(source) if ["registry+", "sparse+"].iter().any(|kind| source.starts_with(kind)) => {
                found.package(Ecosystem::Cargo, name, version, path);
            }
            Some(_) => foreign += 1,
            // The workspace's own.
            None => {}
        }
    }
    elsewhere(path, foreign, found);
}

/// What stands in a repository says which version it grew from, not what was changed.
fn elsewhere(path: &str, count: u32, found: &mut Found) {
    if count > 0 {
        found.gap(path, format_args!("{count} crates come from elsewhere than a registry"));
    }
}
