//! Files that tell of packages anywhere in a tree: lockfiles, records of installed packages, archives, programs.
//!
//! One package world a file: it lists its manifests, and [`MANIFESTS`] lists the worlds. A parser takes bytes and never
//! touches a disk; what it cannot understand is a gap, and the good part is kept.

use domain::component::{Component, Ecosystem};
use domain::inventory::{Area, Gap};

use crate::{cargo, composer, gem, golang, gradle, maven, npm, nuget, pypi, sbom, unlocked, unread};

/// A kind of file that tells of packages.
#[derive(Debug, Clone, Copy)]
pub struct Manifest {
    /// What people call it: `package-lock.json`.
    pub name: &'static str,
    pub found: FoundBy,
    pub tells: Tells,
    /// A larger file is a gap.
    pub bytes_max: u64,
    pub parse: Parse,
}

/// How a file is read. Paths are relative to the tree's root, without a leading slash.
#[derive(Debug, Clone, Copy)]
pub enum Parse {
    /// By its own bytes.
    Alone(fn(path: &str, bytes: &[u8], found: &mut Found)),
    /// With a look at the files around it.
    Among(fn(path: &str, bytes: &[u8], around: Around<'_>, found: &mut Found)),
}

/// The files around one.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub others: Others<'a>,
    pub has: Has<'a>,
}

impl Around<'_> {
    /// A file on its own.
    pub const NOTHING: Self = Self { others: &|_| None, has: &|_| false };
}

/// Reads another file of the same tree. `None`: it is not there, or cannot be read.
pub type Others<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// Whether a file of the same tree is there.
pub type Has<'a> = &'a dyn Fn(&str) -> bool;

/// How such a file is recognised.
#[derive(Debug, Clone, Copy)]
pub enum FoundBy {
    /// By its path below the root.
    Path(fn(path: &str) -> bool),
    /// By its first bytes: a program (ELF, Mach-O, PE) that no distribution package owns.
    Program,
}

/// What being named in such a file means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// The package is there.
    Installed,
    /// An application asks for it: counts where applications are looked at, not where systems are.
    Declared,
}

impl Manifest {
    /// Reads one such file, whoever gave the bytes.
    pub fn read(&self, path: &str, bytes: &[u8], around: Around<'_>, found: &mut Found) {
        if bytes.len() as u64 > self.bytes_max {
            return found.gap(path, format_args!("it is larger than {} bytes", self.bytes_max));
        }
        match self.parse {
            Parse::Alone(parse) => parse(path, bytes, found),
            Parse::Among(parse) => parse(path, bytes, around, found),
        }
    }
}

/// What files told.
#[derive(Debug, Default)]
pub struct Found {
    pub components: Vec<Component>,
    pub gaps: Vec<Gap>,
}

/// Every manifest, in the order of the guide.
pub fn manifests() -> impl Iterator<Item = &'static Manifest> {
    const MANIFESTS: &[&[Manifest]] = &[
        pypi::MANIFESTS,
        npm::MANIFESTS,
        golang::MANIFESTS,
        maven::MANIFESTS,
        gradle::MANIFESTS,
        gem::MANIFESTS,
        cargo::MANIFESTS,
        composer::MANIFESTS,
        nuget::MANIFESTS,
        sbom::MANIFESTS,
        unlocked::MANIFESTS,
        unread::MANIFESTS,
    ];
    MANIFESTS.iter().copied().flatten()
}

/// Longer names and versions are none.
const NAME_BYTES_MAX: usize = 512;
/// Reasons may repeat what a file says, and a file may say a lot.
const REASON_CHARS_MAX: usize = 400;

impl Found {
    /// Notes one package; what cannot be a name or a version is a gap.
    pub(crate) fn package(&mut self, ecosystem: Ecosystem, name: &str, version: &str, path: &str) {
        let legal =
            |text: &str| !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control);
        if !legal(name) || !legal(version) {
            let name: String = name.chars().take(60).collect();
            return self.gap(path, format_args!("{name:?} has no usable name or version"));
        }
        self.components.push(Component {
            ecosystem,
            source: ecosystem.canonical_name(name),
            source_version: version.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            path: path.to_owned(),
            ..Component::default()
        });
    }

    pub(crate) fn gap(&mut self, path: &str, reason: impl std::fmt::Display) {
        let reason = reason.to_string().lines().next().unwrap_or_default().chars().take(REASON_CHARS_MAX).collect();
        self.gaps.push(Gap { area: Area::Packages, subject: path.to_owned(), reason });
    }
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The path of what a file names relative to its own folder. `None`: it leads out of the tree.
pub(crate) fn sibling(path: &str, relative: &str) -> Option<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let relative = relative.replace('\\', "/");
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!relative.starts_with('/')).then(|| parts.join("/"))
}

/// Whether a path's last part is this name.
pub(crate) fn named(path: &str, name: &str) -> bool {
    file_name(path) == name
}
