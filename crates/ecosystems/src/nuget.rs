//! NuGet: `packages.lock.json`, what the build writes beside programs, and what projects ask for.

mod project;

use std::collections::BTreeMap;

use domain::component::Ecosystem;
use serde::Deserialize;

use crate::entry::Entry;
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
    dependencies: BTreeMap<String, Entry<BTreeMap<String, Entry<Resolved>>>>,
}

#[derive(Deserialize)]
struct Resolved {
    #[serde(default)]
    resolved: Option<String>,
}

fn lock(path: &str, bytes: &[u8], found: &mut Found) {
    match serde_json::from_slice::<Lock>(bytes) {
        Ok(lock) => {
            for (framework, packages) in &lock.dependencies {
                match packages.read_as(framework) {
                    Ok(packages) => packages.iter().for_each(|(name, package)| resolved(name, package, path, found)),
                    Err(odd) => found.gap(path, odd),
                }
            }
        }
        Err(error) => found.gap(path, error),
    }
}

fn resolved(name: &str, package: &Entry<Resolved>, path: &str, found: &mut Found) {
    match package.read_as(name) {
        Ok(Resolved { resolved: Some(version) }) => found.package(Ecosystem::Nuget, name, version, path),
        Ok(Resolved { resolved: None }) => {}
        Err(odd) => found.gap(path, odd),
    }
}

#[derive(Deserialize)]
struct Dependencies {
    #[serde(default)]
    libraries: BTreeMap<String, Entry<Library>>,
}

#[derive(Deserialize)]
struct Library {
    #[serde(default, rename = "type")]
    kind: String,
}

fn dependencies(path: &str, bytes: &[u8], found: &mut Found) {
    match serde_json::from_slice::<Dependencies>(bytes) {
        Ok(file) => {
            file.libraries.iter().for_each(|(key, library)| match (library.read_as(key), key.rsplit_once('/')) {
                (Ok(library), Some((name, version))) if library.kind == "package" => {
                    found.package(Ecosystem::Nuget, name, version, path);
                }
                // A project is somebody's own.
                (Ok(_), _) => {}
                (Err(odd), _) => found.gap(path, odd),
            })
        }
        Err(error) => found.gap(path, error),
    }
}
