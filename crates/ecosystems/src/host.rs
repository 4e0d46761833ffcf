//! What all Linux hosts have in common, and the making of an inventory.

mod identity;
pub mod kernel;
pub mod network;
pub mod os_release;
pub mod processes;
pub(crate) mod release;
mod restart;
mod stream;
mod ubuntu_pro;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use domain::component::Component;
use domain::inventory::{Area, Gap, Inventory};

use crate::capture::{Capture, FollowUp, Probe, Reading};
use crate::owners::{Builder, Owners};
use crate::pool::Pool;
use crate::tree::Tree;
use crate::{apk, deb, rpm};

const KERNEL: Probe = Probe::File { path: "proc/sys/kernel/osrelease", bytes_max: 4096 };

static PROBES: [Probe; 9] = [
    os_release::PROBE,
    stream::REPOSITORIES,
    ubuntu_pro::STATUS,
    KERNEL,
    network::ADDRESSES,
    network::LISTENERS,
    network::LISTENERS_UNPRIVILEGED,
    processes::PROGRAMS,
    processes::REPLACED,
];

static IMAGE_PROBES: [Probe; 2] = [stream::CONTENT, stream::CONTENT_SETS];

/// What to read on every Linux host.
pub fn probes() -> impl Iterator<Item = &'static Probe> {
    PROBES.iter().chain(&identity::PROBES)
}

/// What to read besides in a system that does not run.
pub fn image_probes() -> &'static [Probe] {
    &IMAGE_PROBES
}

/// The root of the system that a file is a package database of: `a/b` of `a/b/var/lib/dpkg/status`. `None`: it is no such file.
pub fn root_of_database(path: &str) -> Option<&str> {
    let root_before = |database: &str| match path.strip_suffix(database)? {
        "" => Some(""),
        root => root.strip_suffix('/'),
    };
    // One file each for a package, in images without a package manager.
    let (folder, _) = path.rsplit_once('/').unwrap_or(("", path));
    let of_folder = || match folder.strip_suffix(deb::STATUS_FOLDER)? {
        "" => Some(""),
        root => root.strip_suffix('/'),
    };
    databases().find_map(root_before).or_else(of_folder)
}

/// Whether a tree is the root of a system with packages of a distribution.
pub fn is_root(tree: &dyn Tree) -> bool {
    let is_one = |reading: Reading| matches!(reading, Reading::Files(files) if !files.is_empty());
    databases().any(|path| tree.head(path).is_some()) || is_one(tree.folder(deb::STATUS_FOLDER, 1, 1 << 20, &|_| true))
}

fn databases() -> impl Iterator<Item = &'static str> {
    std::iter::once(deb::STATUS).chain(apk::DATABASES.iter().copied()).chain(rpm::databases())
}

/// Which package owns which file, by every package database of a root. `tree` gives dpkg's lists, which are too many to be
/// read with every inspection.
pub fn owners(capture: &Capture, tree: &dyn Tree) -> Owners {
    let mut builder = Builder::default();
    let mut last = (String::new(), builder.package(""));
    let mut add = |package: &str, path: &str| {
        if last.0 != package {
            last = (package.to_owned(), builder.package(package));
        }
        builder.file(last.1, path);
    };
    deb::files(capture, tree, &mut add);
    rpm::files(capture, &mut add);
    apk::files(capture, &mut add);
    builder.finish()
}

/// Names the origin of the packages that are not the distribution's, in a system that does not run.
pub fn origins(tree: &dyn Tree, inventory: &mut Inventory) {
    deb::archives::mark_in(tree, inventory);
}

/// Makes an inventory of everything that was read.
pub(crate) fn inventory(capture: &Capture, follow_ups: &[(FollowUp, Reading)], pool: &mut Pool) -> Inventory {
    let mut gaps = Vec::new();
    let mut platform = os_release::platform(capture, &mut gaps);
    let components = components(capture, follow_ups, pool, &mut gaps);
    platform.architecture = architecture(components.as_deref().unwrap_or_default());
    let identity = identity::read(capture, &mut gaps);
    let mut inventory = Inventory { identity, components, ..Inventory::of(platform) };
    if capture.live {
        inventory.running_kernel = running_kernel(capture, &mut gaps);
        let owners = owners_in_use(capture, follow_ups);
        inventory.listeners = network::listeners(capture, owners.as_deref().unwrap_or_default(), &mut gaps);
        inventory.stale_packages = processes::stale_packages(capture, owners, &mut gaps);
        inventory.reboot_required = restart::required(capture, &inventory, &mut gaps);
    }
    gaps.sort();
    gaps.dedup();
    inventory.gaps = gaps;
    inventory
}

/// Packages of every database: one root may have several, such as a Debian with rpm packages beside its own.
fn components(
    capture: &Capture,
    follow_ups: &[(FollowUp, Reading)],
    pool: &mut Pool,
    gaps: &mut Vec<Gap>,
) -> Option<Vec<Arc<Component>>> {
    let before = gaps.len();
    let mut components = deb::components(capture, pool, gaps);
    deb::archives::mark(components.as_deref_mut().unwrap_or_default(), capture, follow_ups, gaps);
    for world in [rpm::components(capture, follow_ups, gaps), apk::components(capture, gaps)].into_iter().flatten() {
        components.get_or_insert_default().extend(world.into_iter().map(|component| pool.one(component)));
    }
    if components.as_ref().is_none_or(Vec::is_empty) && gaps.len() == before {
        let reason = match components {
            None => "there is no package database of a kind that Vigie reads",
            Some(_) => "its package databases list no package",
        };
        let subject = "package database".to_owned();
        gaps.push(Gap { area: Area::Packages, subject, reason: reason.to_owned() });
    }
    if let Some(components) = &mut components {
        components.sort();
        components.dedup();
    }
    components
}

/// The packages of listening programs and of replaced files in use, by path. `None`: nobody can tell.
fn owners_in_use(capture: &Capture, follow_ups: &[(FollowUp, Reading)]) -> Option<Vec<(String, String)>> {
    let mut owners = deb::owners(follow_ups);
    let paths = processes::paths_in_use(capture);
    let wanted: BTreeSet<&str> = paths.iter().flat_map(|path| deb::spellings(path)).collect();
    let mut found = Vec::new();
    let mut take = |package: &str, path: &str| {
        let path = if path.starts_with('/') { Cow::Borrowed(path) } else { Cow::Owned(format!("/{path}")) };
        if wanted.contains(&*path) {
            found.push((path.into_owned(), package.to_owned()));
        }
    };
    if !wanted.is_empty() && rpm::files(capture, &mut take) | apk::files(capture, &mut take) {
        owners.get_or_insert_default().extend(found);
    }
    owners
}

/// The architecture that the package manager itself is built for.
fn architecture(components: &[Arc<Component>]) -> Option<String> {
    let built_for = |name: &&str| {
        let arch =
            components.iter().filter(|c| c.name == **name && c.ecosystem.is_distribution()).map(|c| c.arch.as_str());
        arch.into_iter().find(|arch| !matches!(*arch, "" | "all" | "noarch")).map(str::to_owned)
    };
    let telling =
        ["dpkg", "base-files", "libc6", "filesystem", "glibc", "rpm", "musl", "apk-tools", "alpine-baselayout"];
    telling.iter().find_map(built_for)
}

/// `uname -r` of the running kernel.
fn running_kernel(capture: &Capture, gaps: &mut Vec<Gap>) -> Option<String> {
    let subject = "proc/sys/kernel/osrelease";
    let before = gaps.len();
    let release = line(capture, &KERNEL, subject, Area::Kernel, gaps).filter(|text| is_printable(text, 128));
    if release.is_none() && gaps.len() == before {
        let reason = "the running kernel's release cannot be read".to_owned();
        gaps.push(Gap { area: Area::Kernel, subject: subject.to_owned(), reason });
    }
    release
}

/// The one line of a file. A missing or empty file is `None` without a gap.
fn line(capture: &Capture, probe: &Probe, subject: &str, area: Area, gaps: &mut Vec<Gap>) -> Option<String> {
    match capture.get(probe) {
        Reading::Bytes(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let line = text.lines().next().unwrap_or_default().trim();
            (!line.is_empty()).then(|| line.to_owned())
        }
        Reading::Failed(reason) => {
            gaps.push(Gap { area, subject: subject.to_owned(), reason: reason.clone() });
            None
        }
        Reading::Missing | Reading::Files(_) => None,
    }
}

/// Short, and without control characters.
pub(crate) fn is_printable(text: &str, bytes_max: usize) -> bool {
    !text.is_empty() && text.len() <= bytes_max && !text.chars().any(char::is_control)
}
