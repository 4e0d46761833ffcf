//! Files that tell of packages anywhere in a tree: lockfiles, records of installed packages, archives, programs.
//!
//! One package world a file: it lists its manifests, and [`MANIFESTS`] lists the worlds. A parser takes bytes and never
//! touches a disk; what it cannot understand is a gap, and the good part is kept.

use domain::component::Component;
use domain::inventory::Gap;

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

/// Reads one file. `path` is relative to the tree's root, without a leading slash.
pub type Parse = fn(path: &str, bytes: &[u8], found: &mut Found);

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

/// What files told.
#[derive(Debug, Default)]
pub struct Found {
    pub components: Vec<Component>,
    pub gaps: Vec<Gap>,
}

/// Every manifest, in the order of the guide.
pub fn manifests() -> impl Iterator<Item = &'static Manifest> {
    const MANIFESTS: &[&[Manifest]] = &[];
    MANIFESTS.iter().copied().flatten()
}
