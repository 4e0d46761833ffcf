//! What OSV calls the worlds of packages.

use domain::component::{Ecosystem, Release};

/// The world that an ecosystem's name stands for, and whether it is about what subscribers alone get. `None`: one that Vigie
/// does not know.
pub(super) fn world(name: &str) -> Option<(Ecosystem, Release, bool)> {
    let (base, suffix) = name.split_once(':').unwrap_or((name, ""));
    let ecosystem = match base {
        "npm" => Ecosystem::Npm,
        "PyPI" => Ecosystem::Pypi,
        "Go" => Ecosystem::Golang,
        "crates.io" => Ecosystem::Cargo,
        "Maven" => Ecosystem::Maven,
        "NuGet" => Ecosystem::Nuget,
        "RubyGems" => Ecosystem::Gem,
        "Packagist" => Ecosystem::Composer,
        _ => {
            let (ecosystem, distribution) = distribution(base)?;
            let paid = suffix.strip_prefix("Pro:");
            let version = paid.unwrap_or(suffix);
            // Certified and real-time builds are other product lines.
            if paid.is_some() && !matches!(version.split_once(':'), None | Some((_, "LTS"))) {
                return None;
            }
            let version = version.split(':').next().unwrap_or_default();
            return Some((ecosystem, ecosystems::sbom::release(distribution, version)?, paid.is_some()));
        }
    };
    Some((ecosystem, Release::none(), false))
}

fn distribution(base: &str) -> Option<(Ecosystem, &'static str)> {
    Some(match base {
        "AlmaLinux" => (Ecosystem::Rpm, "almalinux"),
        "Rocky Linux" => (Ecosystem::Rpm, "rocky"),
        "Debian" => (Ecosystem::Deb, "debian"),
        "Ubuntu" => (Ecosystem::Deb, "ubuntu"),
        "Alpine" => (Ecosystem::Apk, "alpine"),
        "Wolfi" => (Ecosystem::Apk, "wolfi"),
        "Chainguard" => (Ecosystem::Apk, "chainguard"),
        _ => return None,
    })
}
