//! Composer: `composer.lock`, and what is installed.

use domain::component::Ecosystem;
use serde::Deserialize;

use crate::entry::Entry;
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
    packages: Vec<Entry<Package>>,
    #[serde(default, rename = "packages-dev")]
    development: Vec<Entry<Package>>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

fn packages(path: &str, bytes: &[u8], found: &mut Found) {
    // The first Composer wrote what is installed as a plain list.
    let is_list = bytes.trim_ascii_start().first() == Some(&b'[');
    let read = match is_list {
        true => serde_json::from_slice(bytes).map(|packages| Lock { packages, development: Vec::new() }),
        false => serde_json::from_slice::<Lock>(bytes),
    };
    match read {
        Ok(lock) => lock.packages.iter().chain(&lock.development).for_each(|package| match package.read() {
            Ok(Package { name, version }) => {
                found.package(Ecosystem::Composer, name, version.strip_prefix('v').unwrap_or(version), path);
            }
            Err(odd) => found.gap(path, odd),
        }),
        Err(error) => found.gap(path, error),
    }
}
