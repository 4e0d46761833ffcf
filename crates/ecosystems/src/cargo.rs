//! Cargo: `Cargo.lock`, and what `cargo auditable` writes into programs.

mod audited;

use domain::component::Ecosystem;
use serde::Deserialize;

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
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    source: Option<String>,
}

fn lock(path: &str, bytes: &[u8], found: &mut Found) {
    match toml::from_str::<Lock>(&String::from_utf8_lossy(bytes)) {
        // A package without a source is the workspace's own.
        Ok(lock) => lock.package.iter().filter(|package| package.source.is_some()).for_each(|package| {
            found.package(Ecosystem::Cargo, &package.name, &package.version, path);
        }),
        Err(error) => found.gap(path, error),
    }
}
