//! Whether a running system asks for a restart.

use std::cmp::Ordering;

use domain::component::{Component, Ecosystem};
use domain::inventory::{Area, Gap, Inventory};

use crate::capture::Capture;
use crate::deb;

/// Packages whose replaced files only a restart gets out of use: every program has them, or the first one.
const CORE: [&str; 14] = [
    "glibc",
    "systemd",
    "systemd-libs",
    "libsystemd0",
    "dbus",
    "dbus-libs",
    "dbus-daemon",
    "dbus-broker",
    "linux-firmware",
    "musl",
    "busybox",
    "openrc",
    "sysvinit",
    "upstart",
];

/// The flag file of Debian's relatives, an installed kernel image that is newer than the running one, or, where there is
/// no such flag, replaced files of the core that are still in use.
pub(super) fn required(capture: &Capture, inventory: &Inventory, gaps: &mut Vec<Gap>) -> Option<bool> {
    let flag = flag(capture, inventory);
    if flag == Ok(true) {
        return Some(true);
    }
    let behind = runs_old_kernel(inventory);
    if behind == Some(true) {
        return Some(true);
    }
    let unknown = match (flag, behind) {
        (Ok(_), Some(_)) => return Some(false),
        (Err(reason), _) => reason,
        (Ok(_), None) => "the running kernel is none of the installed images".to_owned(),
    };
    gaps.push(Gap { area: Area::Restart, subject: "restart".to_owned(), reason: unknown });
    None
}

/// What the system itself says; the error is why nobody knows.
fn flag(capture: &Capture, inventory: &Inventory) -> Result<bool, String> {
    let flag = deb::restart_flag(capture)?;
    let has_flag = inventory.components.iter().flatten().any(|component| component.ecosystem == Ecosystem::Deb);
    if flag || has_flag {
        return Ok(flag);
    }
    match &inventory.stale_packages {
        Some(stale) => Ok(stale.iter().any(|package| CORE.contains(&package.as_str()))),
        None => Err("this system has no flag for it, and what of its core is in use replaced is not known".to_owned()),
    }
}

/// `None`: images are installed and the running kernel is none of them. A system without images boots another's kernel.
fn runs_old_kernel(inventory: &Inventory) -> Option<bool> {
    let images = || inventory.components.iter().flatten().filter(|component| !component.kernel.is_empty());
    if images().next().is_none() {
        return Some(false);
    }
    let running = inventory.running_kernel.as_deref()?;
    let current = images().find(|image| image.kernel == running)?;
    let newer = |image: &Component| {
        image.source == current.source
            && crate::compare(image.ecosystem, &image.source_version, &current.source_version)
                .is_ok_and(Ordering::is_gt)
    };
    Some(images().any(|image| newer(image)))
}
