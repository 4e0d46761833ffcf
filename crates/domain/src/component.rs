//! Software on an asset: the package world it belongs to, the package, the installed binaries.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A package world with its own names and version order; the word is the package-url type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    /// Debian and its derivatives (dpkg).
    #[default]
    Deb,
    /// Red Hat, SUSE and their relatives (rpm).
    Rpm,
    /// Alpine, Wolfi, Chainguard.
    Apk,
    /// Arch: version order only.
    Alpm,
    Pypi,
    Npm,
    /// Modules, the standard library (`stdlib`) and the toolchain.
    Golang,
    /// Java; names are `group:artifact`.
    Maven,
    Gem,
    Cargo,
    /// PHP; names are `vendor/package`.
    Composer,
    Nuget,
    /// Software of no package world that Vigie knows: it can only be found by its CPE (`vendor:product`).
    Generic,
    /// No package at all: a file, an address or a setting in which another tool found something.
    Object,
}

impl Ecosystem {
    /// Every ecosystem, in the order of the guide.
    pub const ALL: [Self; 14] = [
        Self::Deb,
        Self::Rpm,
        Self::Apk,
        Self::Alpm,
        Self::Pypi,
        Self::Npm,
        Self::Golang,
        Self::Maven,
        Self::Gem,
        Self::Cargo,
        Self::Composer,
        Self::Nuget,
        Self::Generic,
        Self::Object,
    ];

    /// The package-url type; for [`Self::Object`] a word of our own.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Alpm => "alpm",
            Self::Pypi => "pypi",
            Self::Npm => "npm",
            Self::Golang => "golang",
            Self::Maven => "maven",
            Self::Gem => "gem",
            Self::Cargo => "cargo",
            Self::Composer => "composer",
            Self::Nuget => "nuget",
            Self::Generic => "generic",
            Self::Object => "object",
        }
    }

    /// Whether a distribution judges these packages: then the release is a part of their identity.
    pub const fn is_distribution(self) -> bool {
        matches!(self, Self::Deb | Self::Rpm | Self::Apk | Self::Alpm)
    }

    /// The one spelling of a name under which feeds and inventories meet.
    pub fn canonical_name(self, name: &str) -> String {
        match self {
            // PEP 503.
            Self::Pypi => {
                let mut canonical = String::with_capacity(name.len());
                for c in name.chars() {
                    match c {
                        '-' | '_' | '.' if canonical.ends_with('-') => {}
                        '-' | '_' | '.' => canonical.push('-'),
                        other => canonical.push(other.to_ascii_lowercase()),
                    }
                }
                canonical
            }
            Self::Nuget | Self::Composer | Self::Generic => name.to_ascii_lowercase(),
            _ => name.to_owned(),
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no ecosystem that Vigie knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown ecosystem {0:?} (known: deb, rpm, apk, alpm, pypi, npm, golang, maven, gem, cargo, composer, nuget, generic, object)"
)]
pub struct UnknownEcosystem(pub String);

impl FromStr for Ecosystem {
    type Err = UnknownEcosystem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|e| e.as_str() == text).ok_or_else(|| UnknownEcosystem(text.to_owned()))
    }
}

/// The product line whose advisories apply: Debian's `bookworm` is not Ubuntu's `jammy`, 9.2 EUS is not 9.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Release {
    /// `ID` of os-release: `debian`, `ubuntu` …
    pub distribution: String,
    /// Codename (`VERSION_CODENAME`), or the version number where there is none.
    pub name: String,
}

impl Release {
    /// The release of packages that no distribution judges.
    pub const fn none() -> Self {
        Self { distribution: String::new(), name: String::new() }
    }

    pub const fn is_none(&self) -> bool {
        self.distribution.is_empty() && self.name.is_empty()
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() { f.write_str("no release") } else { write!(f, "{} {}", self.distribution, self.name) }
    }
}

/// A source package on an asset, without its version: the middle part of a finding's key.
///
/// Version is telemetry, not identity: an upgrade that stays vulnerable is the same finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Package {
    pub ecosystem: Ecosystem,
    pub release: Release,
    /// Source name, the name that advisories use.
    pub name: String,
    /// Where on the asset: empty for the host itself, else a path or an image layer.
    pub place: String,
}

/// One installed binary of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Component {
    pub ecosystem: Ecosystem,
    /// Source name, the name that advisories use, in its canonical spelling.
    pub source: String,
    /// Source version, what advisories compare with.
    pub source_version: String,
    /// Binary name.
    pub name: String,
    /// Binary version, as the package manager prints it.
    pub version: String,
    pub arch: String,
    /// The file or folder that says so, relative to the asset's root.
    pub path: String,
    /// For a kernel image: the `uname -r` it boots as. Empty for everything else.
    pub kernel: String,
    /// Module stream that an rpm was built in, such as `nodejs:18`. Empty: none.
    #[serde(default)]
    pub module: String,
    /// Who distributes this build, where it is known and not the distribution itself: `backports`, a vendor, a repository.
    #[serde(default)]
    pub origin: String,
    /// The distribution package that owns the files of a language package: the distribution judges it. Empty: none.
    #[serde(default)]
    pub owner: String,
    /// CPE 2.3 name that a manifest gives. Empty: none.
    #[serde(default)]
    pub cpe: String,
    /// Digest of the image layer that brought it. Empty: no image.
    #[serde(default)]
    pub layer: String,
}

impl Component {
    /// Every text in it.
    pub fn texts(&self) -> [&str; 12] {
        let Self {
            ecosystem: _,
            source,
            source_version,
            name,
            version,
            arch,
            path,
            kernel,
            module,
            origin,
            owner,
            cpe,
            layer,
        } = self;
        [source, source_version, name, version, arch, path, kernel, module, origin, owner, cpe, layer]
    }

    /// Where on the asset the package counts as one: the host for a distribution's packages, else its file or folder.
    pub fn place(&self) -> &str {
        if self.ecosystem.is_distribution() { "" } else { &self.path }
    }
}
