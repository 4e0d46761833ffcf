//! Version orders, one a file, as each ecosystem's own package manager has it.

pub mod deb;
pub mod rpm;
pub mod apk;
pub mod alpm;
pub mod pypi;
pub mod semver;
pub mod maven;
pub mod gem;
pub mod composer;
pub mod nuget;
pub mod generic;
mod number;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use domain::component::Ecosystem;

/// A longer text is no version.
pub const BYTES_MAX: usize = 1024;

/// A way to order versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    Deb,
    Rpm,
    Apk,
    Alpm,
    Pypi,
    Npm,
    Golang,
    Maven,
    Gem,
    Composer,
    Nuget,
    Cargo,
    Semver,
    /// For software of no package world: see [`generic`].
    Generic,
}

impl Scheme {
    /// Every scheme, in the order of the guide.
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
        Self::Composer,
        Self::Nuget,
        Self::Cargo,
        Self::Semver,
        Self::Generic,
    ];

    /// The scheme of an ecosystem's versions.
    pub const fn of(ecosystem: Ecosystem) -> Self {
        match ecosystem {
            Ecosystem::Deb => Self::Deb,
            Ecosystem::Rpm => Self::Rpm,
            Ecosystem::Apk => Self::Apk,
            Ecosystem::Alpm => Self::Alpm,
            Ecosystem::Pypi => Self::Pypi,
            Ecosystem::Npm => Self::Npm,
            Ecosystem::Golang => Self::Golang,
            Ecosystem::Maven => Self::Maven,
            Ecosystem::Gem => Self::Gem,
            Ecosystem::Cargo => Self::Cargo,
            Ecosystem::Composer => Self::Composer,
            Ecosystem::Nuget => Self::Nuget,
            Ecosystem::Generic | Ecosystem::Object => Self::Generic,
        }
    }

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
            Self::Composer => "composer",
            Self::Nuget => "nuget",
            Self::Cargo => "cargo",
            Self::Semver => "semver",
            Self::Generic => "generic",
        }
    }

    /// The order of two texts, those included that only older releases of the ecosystem's tools take for versions.
    ///
    /// For people who ask for an order. What decides whether a package is affected asks [`compare`].
    pub fn compare(self, a: &str, b: &str) -> Result<Ordering, Unparsable> {
        Ok(Version::read(self, a, Reading::Loose)?.compare(&Version::read(self, b, Reading::Loose)?))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no order of versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no order of versions is called {0:?} (known: {known})", known = Scheme::ALL.map(Scheme::as_str).join(", "))]
pub struct UnknownScheme(pub String);

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scheme| scheme.as_str() == text).ok_or_else(|| UnknownScheme(text.to_owned()))
    }
}

/// The text is no version of its ecosystem, so nothing can be decided from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{version:?} is no {scheme} version: {reason}")]
pub struct Unparsable {
    pub scheme: Scheme,
    /// The text, shortened.
    pub version: String,
    pub reason: &'static str,
}

/// A version that was understood, to be compared many times.
#[derive(Debug, Clone)]
pub enum Version<'a> {
    Deb(deb::Version<'a>),
    Rpm(rpm::Version<'a>),
    Apk(apk::Version<'a>),
    Alpm(alpm::Version<'a>),
    Pypi(pypi::Version<'a>),
    /// npm, Go, Cargo, and any other.
    Semver(semver::Version<'a>),
    Maven(maven::Version<'a>),
    Gem(gem::Version<'a>),
    Composer(composer::Version<'a>),
    Nuget(nuget::Version<'a>),
    Generic(generic::Version<'a>),
}

/// Which texts count as versions.
#[derive(Debug, Clone, Copy)]
enum Reading {
    /// Those that the ecosystem's tools of today take for a release.
    Strict,
    /// Also those that its older tools took.
    Loose,
}

impl<'a> Version<'a> {
    /// Takes what the ecosystem's tools take for a version that has a place among its releases.
    pub fn parse(ecosystem: Ecosystem, text: &'a str) -> Result<Self, Unparsable> {
        Self::read(Scheme::of(ecosystem), text, Reading::Strict)
    }

    /// The order of two versions of one ecosystem.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Deb(a), Self::Deb(b)) => a.compare(b),
            (Self::Rpm(a), Self::Rpm(b)) => a.compare(b),
            (Self::Apk(a), Self::Apk(b)) => a.compare(b),
            (Self::Alpm(a), Self::Alpm(b)) => a.compare(b),
            (Self::Pypi(a), Self::Pypi(b)) => a.compare(b),
            (Self::Semver(a), Self::Semver(b)) => a.compare(b),
            (Self::Maven(a), Self::Maven(b)) => a.compare(b),
            (Self::Gem(a), Self::Gem(b)) => a.compare(b),
            (Self::Composer(a), Self::Composer(b)) => a.compare(b),
            (Self::Nuget(a), Self::Nuget(b)) => a.compare(b),
            (Self::Generic(a), Self::Generic(b)) => a.compare(b),
            _ => unreachable!("versions of two ecosystems have no order: the caller mixed them"),
        }
    }

    fn read(scheme: Scheme, text: &'a str, reading: Reading) -> Result<Self, Unparsable> {
        let unparsable = |reason| Unparsable { scheme, version: text.chars().take(80).collect::<String>(), reason };
        if text.trim().is_empty() {
            return Err(unparsable("it is empty"));
        }
        if text.len() > BYTES_MAX {
            return Err(unparsable("it is too long"));
        }
        Self::take(scheme, text, reading).map_err(unparsable)
    }

    fn take(scheme: Scheme, text: &'a str, reading: Reading) -> Result<Self, &'static str> {
        use Reading::{Loose, Strict};
        match (scheme, reading) {
            (Scheme::Deb, _) => deb::Version::parse(text).map(Self::Deb),
            (Scheme::Rpm, _) => rpm::Version::parse(text).map(Self::Rpm),
            (Scheme::Apk, Strict) => apk::Version::parse(text).map(Self::Apk),
            (Scheme::Apk, Loose) => Ok(Self::Apk(apk::Version::parse_loosely(text))),
            (Scheme::Alpm, _) => alpm::Version::parse(text).map(Self::Alpm),
            (Scheme::Pypi, Strict) => pypi::Version::parse(text).map(Self::Pypi),
            (Scheme::Pypi, Loose) => Ok(Self::Pypi(pypi::Version::parse_loosely(text))),
            (Scheme::Golang, Strict) => semver::Version::parse_go(text).map(Self::Semver),
            (Scheme::Golang, Loose) => semver::Version::parse_go(text)
                .or_else(|reason| semver::Version::parse_loosely(text).map_err(|_| reason))
                .map(Self::Semver),
            (Scheme::Npm | Scheme::Cargo | Scheme::Semver, Strict) => semver::Version::parse(text).map(Self::Semver),
            (Scheme::Npm | Scheme::Cargo | Scheme::Semver, Loose) => {
                semver::Version::parse_loosely(text).map(Self::Semver)
            }
            (Scheme::Maven, _) => maven::Version::parse(text).map(Self::Maven),
            (Scheme::Gem, Strict) => gem::Version::parse(text).map(Self::Gem),
            (Scheme::Gem, Loose) => Ok(Self::Gem(gem::Version::parse_loosely(text))),
            (Scheme::Composer, Strict) => composer::Version::parse(text).map(Self::Composer),
            (Scheme::Composer, Loose) => Ok(Self::Composer(composer::Version::parse_loosely(text))),
            (Scheme::Nuget, _) => nuget::Version::parse(text).map(Self::Nuget),
            (Scheme::Generic, _) => generic::Version::parse(text).map(Self::Generic),
        }
    }
}

/// The order of two versions, as the ecosystem's own package manager has it.
pub fn compare(ecosystem: Ecosystem, a: &str, b: &str) -> Result<Ordering, Unparsable> {
    Ok(Version::parse(ecosystem, a)?.compare(&Version::parse(ecosystem, b)?))
}
