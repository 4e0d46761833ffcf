//! NuGet: `packages.lock.json`, what the build writes beside programs, and what projects ask for.

mod project;

use std::collections::BTreeMap;

use domain::component::Ecosystem;
use serde::Deserialize;

use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, file_name, named};

pub(crate) const MANIFESTS: &[Manifest] = &[
    Manifest {
        name: "packages.lock.json",
        found: FoundBy::Path(|path| named(path, "packages.lock.json")),
        tells: Tells::Declared,
        bytes_max: 64 << 20,
        parse: Parse::Alone(lock),
    },
    Manifest {
        name: "*.deps.json",
        found: FoundBy::Path(|path| path.ends_with(".deps.json")),
        tells: Tells::Installed,
        bytes_max: 64 << 20,
        parse: Parse::Alone(dependencies),
    },
    Manifest {
        name: "project.assets.json",
        found: FoundBy::Path(|path| named(path, "project.assets.json")),
        tells: Tells::Declared,
        bytes_max: 64 << 20,
        parse: Parse::Alone(dependencies),
    },
    Manifest {
        name: "packages.config",
        found: FoundBy::Path(|path| named(path, "packages.config")),
        tells: Tells::Declared,
        bytes_max: 8 << 20,
        parse: Parse::Alone(project::packages),
    },
    Manifest {
        name: "*.csproj",
        found: FoundBy::Path(|path| ["csproj", "fsproj", "vbproj"].iter().any(|end| extension(path) == Some(end))),
        tells: Tells::Declared,
        bytes_max: 8 << 20,
        parse: Parse::Among(project::references),
    },
    Manifest {
        name: "Directory.Build.props",
        found: FoundBy::Path(|path| project::SHARED.contains(&file_name(path))),
        tells: Tells::Declared,
        bytes_max: 8 << 20,
        parse: Parse::Among(project::shared),
    },
];

fn extension(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, end)| end)
}

#[derive(Deserialize)]
struct Lock {
    dependencies: BTreeMap<String, BTreeMap<String, Resolved>>,
}

#[derive(Deserialize)]
struct Resolved {
    #[serde(default)]
    resolved: Option<String>,
}

fn lock(path: &str, bytes: &[u8], found: &mut Found) {
    match serde_json::from_slice::<Lock>(bytes) {
        Ok(lock) => lock.dependencies.values().flatten().for_each(|(name, package)| {
            if let Some(version) = &package.resolved {
                found.package(Ecosystem::Nuget, name, version, path);
            }
        }),
        Err(error) => found.gap(path, error),
    }
}

#[derive(Deserialize)]
struct Dependencies {
    #[serde(default)]
    libraries: BTreeMap<String, Library>,
}

#[derive(Deserialize)]
struct Library {
    #[serde(default, rename = "type")]
    kind: String,
}

fn dependencies(path: &str, bytes: &[u8], found: &mut Found) {
    match serde_json::from_slice::<Dependencies>(bytes) {
        // A project is somebody's own.
        Ok(file) => file.libraries.iter().filter(|(_, library)| library.kind == "package").for_each(|(key, _)| {
            if let Some((name, version)) = key.rsplit_once('/') {
                found.package(Ecosystem::Nuget, name, version, path);
            }
        }),
        Err(error) => found.gap(path, error),
    }
}
