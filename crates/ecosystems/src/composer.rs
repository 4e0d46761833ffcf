//! Composer: `composer.lock`, and what is installed.

use domain::component::Ecosystem;
use serde::Deserialize;

use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, named};

pub(crate) const MANIFESTS: &[Manifest] = &[
    Manifest {
        name: "composer.lock",
        found: FoundBy::Path(|path| named(path, "composer.lock")),
        tells: Tells::Declared,
        bytes_max: 64 << 20,
        parse: Parse::Alone(packages),
    },
    Manifest {
        name: "vendor/composer/installed.json",
        found: FoundBy::Path(|path| path.ends_with("vendor/composer/installed.json")),
        tells: Tells::Installed,
        bytes_max: 64 << 20,
        parse: Parse::Alone(packages),
    },
];

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    packages: Vec<Package>,
    #[serde(default, rename = "packages-dev")]
    development: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

fn packages(path: &str, bytes: &[u8], found: &mut Found) {
    // The first Composer wrote what is installed as a plain list.
    let read = serde_json::from_slice::<Lock>(bytes).map(|lock| (lock.packages, lock.development));
    match read.or_else(|_| serde_json::from_slice::<Vec<Package>>(bytes).map(|list| (list, Vec::new()))) {
        Ok((packages, development)) => packages.iter().chain(&development).for_each(|package| {
            let version = package.version.strip_prefix('v').unwrap_or(&package.version);
            found.package(Ecosystem::Composer, &package.name, version, path);
        }),
        Err(error) => found.gap(path, error),
    }
}
