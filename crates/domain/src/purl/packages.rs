//! Between package-urls and the names of Vigie.

use std::collections::BTreeMap;

use super::Purl;
use crate::component::{Component, Ecosystem, Package, Release};

/// What a source package is called in the `arch` of its package-url.
const SOURCE: &str = "source";

impl Component {
    /// Its package-url; a distribution's package needs the release that it belongs to.
    pub fn purl(&self, release: Option<&Release>) -> Purl {
        let no_release = Release::none();
        let release = release.unwrap_or(&no_release);
        if !self.ecosystem.is_distribution() {
            return language(self.ecosystem, &self.name, &self.version);
        }
        let mut purl = distribution(self.ecosystem, release, &self.name, &self.version);
        purl.qualify("arch", &self.arch);
        purl.qualify("rpmmod", &self.module);
        if self.source != self.name || self.source_version != self.version {
            let same = self.source_version.is_empty() || self.source_version == self.version;
            let at = if same { String::new() } else { format!("@{}", self.source_version) };
            purl.qualify("upstream", &format!("{}{at}", self.source));
        }
        purl
    }
}

impl Package {
    /// The package-url of this source package at a version. Empty: it is no package.
    pub fn purl(&self, version: &str) -> String {
        if self.ecosystem == Ecosystem::Object {
            return String::new();
        }
        if !self.ecosystem.is_distribution() {
            return language(self.ecosystem, &self.name, version).to_string();
        }
        let mut purl = distribution(self.ecosystem, &self.release, &self.name, version);
        purl.qualify("arch", SOURCE);
        purl.to_string()
    }
}

impl Purl {
    /// The ecosystem that matches it, and its canonical name there. `None`: no ecosystem that Vigie knows.
    pub fn component_key(&self) -> Option<(Ecosystem, String)> {
        let ecosystem: Ecosystem = self.kind.parse().ok()?;
        let name = match ecosystem {
            Ecosystem::Maven if self.namespace.is_empty() => self.name.clone(),
            Ecosystem::Maven => format!("{}:{}", self.namespace, self.name),
            // A product without a vendor is found by no CPE.
            Ecosystem::Generic if self.namespace.is_empty() => return None,
            Ecosystem::Object => return None,
            Ecosystem::Generic => format!("{}:{}", self.namespace, self.name),
            Ecosystem::Npm | Ecosystem::Golang | Ecosystem::Composer if !self.namespace.is_empty() => {
                format!("{}/{}", self.namespace, self.name)
            }
            _ => self.name.clone(),
        };
        Some((ecosystem, ecosystem.canonical_name(&name)))
    }

    /// The version as the ecosystem's tools print it: rpm's with its epoch.
    pub fn full_version(&self) -> String {
        match self.qualifiers.get("epoch").map(String::as_str) {
            Some(epoch) if epoch != "0" && self.kind == "rpm" && !self.version.is_empty() => {
                format!("{epoch}:{}", self.version)
            }
            _ => self.version.clone(),
        }
    }

    /// Name and version of the source package, as far as `upstream` tells; the version may be empty.
    pub fn upstream(&self) -> Option<(&str, &str)> {
        let upstream = self.qualifiers.get("upstream")?;
        if let Some(source) = upstream.strip_suffix(".src.rpm") {
            // name-version-release
            let (rest, _) = source.rsplit_once('-')?;
            let (name, _) = rest.rsplit_once('-')?;
            return Some((name, &source[name.len() + 1..]));
        }
        Some(upstream.rsplit_once('@').unwrap_or((upstream, "")))
    }

    /// What `distro` says, as distribution and release: `debian-12` and, with the namespace, `bookworm`.
    pub fn distro(&self) -> Option<(&str, &str)> {
        let distro = self.qualifiers.get("distro")?;
        Some(match distro.split_once('-') {
            Some((distribution, release)) if release.starts_with(|c: char| c.is_ascii_digit()) => {
                (distribution, release)
            }
            _ => (
                &self.namespace,
                distro.strip_prefix(&self.namespace).and_then(|rest| rest.strip_prefix('-')).unwrap_or(distro),
            ),
        })
    }

    fn qualify(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.qualifiers.insert(key.to_owned(), value.to_owned());
        }
    }
}

/// The purl of a distribution's package: its namespace is the distribution, its `distro` the release.
fn distribution(ecosystem: Ecosystem, release: &Release, name: &str, version: &str) -> Purl {
    let (epoch, version) = match version.split_once(':') {
        Some((epoch, version)) if ecosystem == Ecosystem::Rpm => (epoch, version),
        _ => ("", version),
    };
    let mut purl = plain(ecosystem, &release.distribution, name, version);
    purl.qualify("epoch", if epoch == "0" { "" } else { epoch });
    // Debian's releases have names that say enough; numbers do not.
    let distro = if release.name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("{}-{}", release.distribution, release.name)
    } else {
        release.name.clone()
    };
    purl.qualify("distro", &distro);
    purl
}

/// The purl of a package that no distribution judges.
fn language(ecosystem: Ecosystem, name: &str, version: &str) -> Purl {
    let (namespace, name) = match ecosystem {
        Ecosystem::Maven | Ecosystem::Generic => name.split_once(':').unwrap_or(("", name)),
        Ecosystem::Npm | Ecosystem::Golang | Ecosystem::Composer => name.rsplit_once('/').unwrap_or(("", name)),
        _ => ("", name),
    };
    plain(ecosystem, namespace, name, version)
}

/// Names of inventories are not checked: a type's rule that one breaks leaves it as it is.
fn plain(ecosystem: Ecosystem, namespace: &str, name: &str, version: &str) -> Purl {
    let purl = Purl {
        kind: ecosystem.as_str().to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        qualifiers: BTreeMap::new(),
        subpath: String::new(),
    };
    let mut normal = purl.clone();
    match super::types::normalise(&mut normal) {
        Ok(()) => normal,
        Err(_) => purl,
    }
}
