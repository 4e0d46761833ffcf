//! A tree of files: a root directory, a source folder, an image with its layers put together. What in it tells of packages.

use std::cell::Cell;
use std::collections::BTreeSet;

use domain::inventory::{Area, Gap};

use crate::capture::{Capture, Probe, Reading};
use crate::host;
use crate::manifest::{Around, Found, FoundBy, Manifest, Tells, manifests};

/// Files by their paths below a root, without a leading slash. Links are followed inside the tree and never out of it.
pub trait Tree {
    /// What has a path that is wanted, folders apart.
    fn files(&self, wanted: &(dyn Fn(&str) -> bool + Sync)) -> Files;

    /// Where a link leads in the end, in the tree.
    fn target(&self, link: &str) -> Target;

    /// The bytes of one file, up to a bound.
    fn read(&self, path: &str, bytes_max: u64) -> Reading;

    /// Every regular file of a folder whose name is wanted, links to regular files included; its subfolders are left out.
    fn folder(&self, path: &str, files_max: usize, bytes_max: usize, wanted: &dyn Fn(&str) -> bool) -> Reading;

    /// The first bytes of one file, fewer where it is shorter. `None`: it cannot be read.
    fn head(&self, path: &str) -> Option<[u8; 16]>;

    /// The digest of the image layer that brought a file. Empty: no image.
    fn layer(&self, path: &str) -> &str;
}

/// Files of a tree.
#[derive(Debug, Default)]
pub struct Files {
    /// Regular files, sorted.
    pub paths: Vec<String>,
    /// Symbolic links, wherever they lead.
    pub links: Vec<String>,
    /// Pipes, devices, sockets.
    pub special: Vec<String>,
    /// Why there may be more: too many, or what could not be listed.
    pub left_out: Option<String>,
}

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A regular file, with its own path; the link's where nobody can tell.
    File(String),
    Folder,
    /// A pipe, a device, a socket.
    Special,
    /// Nothing in the tree, or in a circle.
    Nothing,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looking {
    /// A system or an image: what is installed there counts, what an application would ask for does not.
    System,
    /// Sources and applications: lockfiles and manifests count too.
    Application,
}

/// What is read once more because other files build on it; a few large files below many small ones would take hours.
const AGAIN_BYTES_MAX: u64 = 1 << 30;

/// What every look at another file costs of that, found or not: a list of names that lead nowhere takes time too.
const LOOK_BYTES: u64 = 4096;

/// Tells which distribution package owns a file.
pub type Owner<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the probes from a tree. Commands are left out: they belong to running systems.
pub fn capture(tree: &dyn Tree, probes: &[Probe]) -> Capture {
    let file = |path: &str, bytes_max: usize| tree.read(path, bytes_max as u64);
    let mut capture = Capture { live: false, ..Capture::default() };
    for probe in probes {
        let reading = match *probe {
            Probe::File { path, bytes_max } => file(path, bytes_max),
            Probe::Folder { path, files_max, bytes_max } => tree.folder(path, files_max, bytes_max, &|_| true),
            Probe::First { paths, bytes_max } => {
                capture.read_first(paths, bytes_max, |path| file(path, bytes_max));
                continue;
            }
            Probe::Command(_) => continue,
        };
        capture.readings.insert(*probe, reading);
    }
    capture
}

/// Reads everything in a tree that tells of language packages.
pub fn packages(tree: &dyn Tree, looking: Looking, owner: Owner<'_>) -> Found {
    let mut found = Found::default();
    // Most files of a system are nothing of the kind: only what counts is asked about each of them.
    let counting: Vec<&'static Manifest> =
        manifests().filter(|m| m.tells == Tells::Installed || looking == Looking::Application).collect();
    let counts = |path: &str| counting.iter().any(|manifest| is_named(manifest, path));
    let is_application = looking == Looking::Application;
    let is_database = |path: &str| is_application && host::root_of_database(path).is_some();
    let mut files = tree.files(&|path| may_be_program(path) || counts(path) || is_database(path));
    found.gaps.extend(systems_below(is_application, &files));
    found.gaps.extend(files.left_out.take().map(|reason| gap("/", reason)));
    let linked = links(tree, looking, &files, &counts, &mut found);
    let again = Cell::new(AGAIN_BYTES_MAX);
    let programs: Vec<&'static Manifest> = manifests().filter(|m| matches!(m.found, FoundBy::Program)).collect();
    for path in files.paths.iter().chain(linked) {
        let mut is_manifest = false;
        for manifest in counting.iter().filter(|manifest| is_named(manifest, path)) {
            is_manifest = true;
            read(tree, &[manifest], path, (owner, &again), &mut found);
        }
        // What a distribution built is the distribution's to judge, and reading all of it would take minutes.
        let is_own_program = || owner(path).is_none() && tree.head(path).is_some_and(|head| is_program(&head));
        if !is_manifest && !programs.is_empty() && is_own_program() {
            read(tree, &programs, path, (owner, &again), &mut found);
        }
    }
    if again.get() == 0 {
        let reason = format!(
            "looks at files on which others build took more than {AGAIN_BYTES_MAX} bytes: the rest was read without them"
        );
        found.gaps.push(gap("/", reason));
    }
    found.components.sort();
    found.components.dedup();
    found.gaps.sort();
    found.gaps.dedup();
    found
}

/// Systems of their own below a folder: an inventory is of one system, and what they have is not in it.
fn systems_below(is_application: bool, files: &Files) -> Vec<Gap> {
    let roots: BTreeSet<&str> = files.paths.iter().filter_map(|path| host::root_of_database(path)).collect();
    let below = roots.into_iter().filter(|root| is_application && !root.is_empty());
    let reason = |root| {
        format!("a system of its own, whose packages are not read with this folder: run `vigie scan root {root}` on it")
    };
    below.map(|root| gap(root, reason(root))).collect()
}

/// The links that are to be read by their own names. What has a name that counts and cannot be read is a gap.
fn links<'a>(
    tree: &dyn Tree,
    looking: Looking,
    files: &'a Files,
    counts: &dyn Fn(&str) -> bool,
    found: &mut Found,
) -> Vec<&'a String> {
    let no_file = || "it is not a regular file".to_owned();
    found.gaps.extend(files.special.iter().filter(|path| counts(path)).map(|path| gap(path, no_file())));
    let mut linked = Vec::new();
    for link in files.links.iter().filter(|path| counts(path)) {
        match tree.target(link) {
            // It is read where it lies.
            Target::File(path) if counts(&path) && files.paths.binary_search(&path).is_ok() => {}
            Target::File(_) => linked.push(link),
            // What is in it is listed where it lies.
            Target::Folder => {}
            Target::Special => found.gaps.push(gap(link, no_file())),
            Target::Nothing if looking == Looking::Application => {
                found.gaps.push(gap(link, "it is a link to no file of this folder, and is not followed".to_owned()));
            }
            // A system ends at its root: what a link does not find there is not installed.
            Target::Nothing => {}
        }
    }
    linked
}

/// Reads one file as whatever its name or its first bytes say that it is. `None`: nothing that tells of packages.
pub fn file(path: &str, bytes: &[u8]) -> Option<Found> {
    let mut head = [0; 16];
    let count = bytes.len().min(head.len());
    head[..count].copy_from_slice(&bytes[..count]);
    let program = manifests().filter(|m| matches!(m.found, FoundBy::Program) && is_program(&head));
    let mut manifests = manifests().filter(|manifest| is_named(manifest, path)).chain(program).peekable();
    manifests.peek()?;
    let mut found = Found::default();
    for manifest in manifests {
        manifest.read(path, bytes, Around::NOTHING, &mut found);
    }
    Some(found)
}

/// Whether a file is one by its path.
fn is_named(manifest: &Manifest, path: &str) -> bool {
    matches!(manifest.found, FoundBy::Path(matches) if matches(path))
}

/// Reads a file once, as each of the manifests that it may be.
fn read(
    tree: &dyn Tree,
    manifests: &[&'static Manifest],
    path: &str,
    (owner, again): (Owner<'_>, &Cell<u64>),
    found: &mut Found,
) {
    let bytes_max = manifests.iter().map(|manifest| manifest.bytes_max).max().unwrap_or_default();
    let others = |path: &str| match again.get() {
        0 => None,
        left => {
            let left = left.saturating_sub(LOOK_BYTES);
            again.set(left);
            let Reading::Bytes(bytes) = tree.read(path, bytes_max.min(left)) else { return None };
            again.set(left.saturating_sub(bytes.len() as u64));
            Some(bytes)
        }
    };
    match tree.read(path, bytes_max) {
        Reading::Bytes(bytes) => {
            let before = found.components.len();
            let around = Around { others: &others, has: &|path| tree.head(path).is_some() };
            manifests.iter().for_each(|manifest| manifest.read(path, &bytes, around, found));
            let owner = if found.components.len() > before { owner(path).unwrap_or_default() } else { String::new() };
            let layer = tree.layer(path);
            for component in &mut found.components[before..] {
                component.owner.clone_from(&owner);
                layer.clone_into(&mut component.layer);
            }
        }
        Reading::Failed(reason) => found.gaps.push(gap(path, reason)),
        // Removed since it was listed, or no file any more.
        Reading::Missing | Reading::Files(_) => {}
    }
}

/// Names that no program has, so that their files need not be opened.
fn may_be_program(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        None => true,
        Some((_, end)) => {
            matches!(end, "exe" | "dll" | "bin" | "so" | "out") || end.bytes().all(|b| b.is_ascii_digit())
        }
    }
}

/// ELF, PE, Mach-O in both byte orders and widths.
fn is_program(head: &[u8; 16]) -> bool {
    const MAGICS: [&[u8]; 6] =
        [b"\x7fELF", b"MZ", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"];
    MAGICS.iter().any(|magic| head.starts_with(magic))
}

fn gap(subject: &str, reason: String) -> Gap {
    Gap { area: Area::Packages, subject: subject.to_owned(), reason }
}
