//! RubyGems: `Gemfile.lock`, and what is installed.

use domain::component::Ecosystem;

use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, file_name, named};

pub(crate) const MANIFESTS: &[Manifest] = &[
    Manifest {
        name: "Gemfile.lock",
        found: FoundBy::Path(|path| named(path, "Gemfile.lock") || named(path, "gems.locked")),
        tells: Tells::Declared,
        bytes_max: 16 << 20,
        parse: Parse::Alone(lock),
    },
    Manifest {
        name: "installed gems",
        found: FoundBy::Path(|path| path.contains("specifications/") && path.ends_with(".gemspec")),
        tells: Tells::Installed,
        bytes_max: 4 << 20,
        parse: Parse::Alone(installed),
    },
];

fn lock(path: &str, bytes: &[u8], found: &mut Found) {
    let text = String::from_utf8_lossy(bytes);
    let (mut section, mut specs, mut foreign) = ("", false, 0_u32);
    for line in text.lines() {
        if !line.starts_with(' ') {
            (section, specs) = (line.trim(), false);
        } else if line.trim() == "specs:" {
            specs = true;
        } else if specs
            && section != "PATH"
            && let Some(spec) = line.strip_prefix("    ").filter(|rest| !rest.starts_with(' '))
            && let Some((name, version)) = spec.trim().split_once(" (")
        {
            match section {
                "GEM" => found.package(Ecosystem::Gem, name, plain(version.trim_end_matches(')')), path),
                _ => foreign += 1,
            }
        }
    }
    // What stands in a repository says which version it grew from, not what was changed.
    if foreign > 0 {
        found.gap(path, format_args!("{foreign} gems come from elsewhere than a gem server"));
    }
}

/// Without the platform that a build is for: `1.13.6-x86_64-linux`.
fn plain(version: &str) -> &str {
    version.split_once('-').map_or(version, |(version, _)| version)
}

fn installed(path: &str, _bytes: &[u8], found: &mut Found) {
    // NAME-VERSION[-PLATFORM].gemspec: the version is the first part that begins with a digit.
    let name = file_name(path).trim_end_matches(".gemspec");
    let split = name.match_indices('-').find(|(at, _)| name[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    match split {
        Some((at, _)) => {
            let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
            found.package(Ecosystem::Gem, &name[..at], plain(&name[at + 1..]), folder);
        }
        None => found.gap(path, "its name holds no version"),
    }
}
