//! Software on an asset: the package world it belongs to, the package, the installed binaries.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A package world with its own names and version order; the word is the package-url type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    /// Debian and its derivatives (dpkg).
    Deb,
}

impl Ecosystem {
    /// Every ecosystem, in the order of the guide.
    pub const ALL: [Self; 1] = [Self::Deb];

    /// The package-url type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
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
#[error("unknown ecosystem {0:?} (known: deb)")]
pub struct UnknownEcosystem(pub String);

impl FromStr for Ecosystem {
    type Err = UnknownEcosystem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|e| e.as_str() == text).ok_or_else(|| UnknownEcosystem(text.to_owned()))
    }
}

/// The product line whose advisories apply: Debian's `bookworm` is not Ubuntu's `jammy`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Release {
    /// `ID` of os-release: `debian`, `ubuntu` …
    pub distribution: String,
    /// Codename (`VERSION_CODENAME`), or the version number where there is none.
    pub name: String,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.distribution, self.name)
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

impl Package {
    /// The package-url of this source package at a version.
    pub fn purl(&self, version: &str) -> String {
        format!(
            "pkg:{}/{}/{}@{}?arch=source&distro={}",
            self.ecosystem,
            encode(&self.release.distribution),
            encode(&self.name),
            encode(version),
            encode(&self.release.name),
        )
    }
}

/// Percent-encodes as the package-url specification asks: everything but unreserved characters and the colon.
fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

/// One installed binary of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Component {
    pub ecosystem: Ecosystem,
    /// Source name, the name that advisories use.
    pub source: String,
    /// Source version, what advisories compare with.
    pub source_version: String,
    /// Binary name.
    pub name: String,
    /// Binary version, as the package manager prints it.
    pub version: String,
    pub arch: String,
    /// The file that says so, relative to the asset's root.
    pub path: String,
    /// For a kernel image: the `uname -r` it boots as. Empty for everything else.
    pub kernel: String,
}
