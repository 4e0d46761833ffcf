//! Gradle: `gradle.lockfile` and its forms for build scripts and, in older versions, for one configuration.

use domain::component::Ecosystem;

use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, file_name};

pub(crate) const MANIFESTS: &[Manifest] = &[Manifest {
    name: "gradle.lockfile",
    found: FoundBy::Path(is_lockfile),
    tells: Tells::Declared,
    bytes_max: 64 << 20,
    parse: Parse::Alone(lock),
}];

fn is_lockfile(path: &str) -> bool {
    let name = file_name(path);
    name == "gradle.lockfile"
        || name == "buildscript-gradle.lockfile"
        || (path.contains("dependency-locks/") && name.ends_with(".lockfile"))
}

/// `group:artifact:version=configuration,configuration`, whatever the configuration; `empty=` lists those with nothing.
fn lock(path: &str, bytes: &[u8], found: &mut Found) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let named = line.split_once('=').map_or(line, |(named, _)| named);
        if named == "empty" {
            continue;
        }
        match named.split(':').collect::<Vec<_>>().as_slice() {
            [group, artifact, version] if !group.is_empty() && !artifact.is_empty() => {
                found.package(Ecosystem::Maven, &format!("{group}:{artifact}"), version, path);
            }
            _ => {
                let line: String = line.chars().take(60).collect();
                found.gap(path, format_args!("{line:?} names no artifact"));
            }
        }
    }
}
