//! What all Linux hosts have in common, and the making of an inventory.

pub mod network;
pub mod os_release;
pub mod processes;

use domain::component::Component;
use domain::inventory::{Area, Gap, Identity, Inventory};

use crate::capture::{Capture, FollowUp, Probe, Reading};
use crate::deb;

const HOSTNAME: Probe = Probe::File { path: "etc/hostname", bytes_max: 4096 };
const MACHINE_ID: Probe = Probe::File { path: "etc/machine-id", bytes_max: 4096 };
const KERNEL: Probe = Probe::File { path: "proc/sys/kernel/osrelease", bytes_max: 4096 };

static PROBES: [Probe; 10] = [
    os_release::ETC,
    os_release::USR_LIB,
    HOSTNAME,
    MACHINE_ID,
    KERNEL,
    network::ADDRESSES,
    network::LISTENERS,
    network::LISTENERS_UNPRIVILEGED,
    processes::PROGRAMS,
    processes::REPLACED,
];

/// What to read on every Linux host.
pub fn probes() -> &'static [Probe] {
    &PROBES
}

/// Makes an inventory of everything that was read.
pub(crate) fn inventory(capture: &Capture, follow_ups: &[(FollowUp, Reading)]) -> Inventory {
    let mut gaps = Vec::new();
    let mut platform = os_release::platform(capture, &mut gaps);
    let components = components(capture, &mut gaps);
    platform.architecture = architecture(components.as_deref().unwrap_or_default());
    let identity = identity(capture, &mut gaps);
    let mut inventory = Inventory {
        identity,
        platform,
        components,
        running_kernel: None,
        listeners: None,
        reboot_required: None,
        stale_packages: None,
        product: String::new(),
        gaps: Vec::new(),
    };
    if capture.live {
        inventory.running_kernel = running_kernel(capture, &mut gaps);
        let owners = deb::owners(follow_ups).unwrap_or_default();
        inventory.listeners = network::listeners(capture, &owners, &mut gaps);
        inventory.stale_packages = processes::stale_packages(capture, deb::owners(follow_ups), &mut gaps);
        inventory.reboot_required = reboot_required(capture, &inventory, &mut gaps);
    }
    gaps.sort();
    gaps.dedup();
    inventory.gaps = gaps;
    inventory
}

fn components(capture: &Capture, gaps: &mut Vec<Gap>) -> Option<Vec<Component>> {
    let before = gaps.len();
    let mut components = deb::components(capture, gaps);
    if components.is_none() && gaps.len() == before {
        gaps.push(Gap {
            area: Area::Packages,
            subject: deb::STATUS.to_owned(),
            reason: "there is no package database of a kind that Vigie reads".to_owned(),
        });
    }
    if let Some(components) = &mut components {
        components.sort();
        components.dedup();
    }
    components
}

/// The architecture that the package manager itself is built for.
fn architecture(components: &[Component]) -> Option<String> {
    let built_for = |name: &str| components.iter().find(|c| c.name == name && !matches!(c.arch.as_str(), "" | "all"));
    let arch = ["dpkg", "base-files", "libc6"].into_iter().find_map(built_for)?;
    Some(arch.arch.clone())
}

fn identity(capture: &Capture, gaps: &mut Vec<Gap>) -> Identity {
    let hostname = line(capture, &HOSTNAME, "etc/hostname", Area::Identity, gaps).filter(|name| is_hostname(name));
    let machine_id = line(capture, &MACHINE_ID, "etc/machine-id", Area::Identity, gaps)
        .filter(|id| id.len() == 32 && id.bytes().all(|c| c.is_ascii_hexdigit()));
    let addresses = if capture.live { network::addresses(capture, gaps) } else { Vec::new() };
    Identity { hostname, machine_id: machine_id.map(|id| id.to_ascii_lowercase()), addresses }
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

/// The flag file, or an installed kernel image that is newer than the running one.
fn reboot_required(capture: &Capture, inventory: &Inventory, gaps: &mut Vec<Gap>) -> Option<bool> {
    let flag = deb::restart_flag(capture);
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
                .is_ok_and(std::cmp::Ordering::is_gt)
    };
    Some(images().any(newer))
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

fn is_hostname(text: &str) -> bool {
    text.len() <= 253 && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_'))
}

/// Short, and without control characters.
pub(crate) fn is_printable(text: &str, bytes_max: usize) -> bool {
    !text.is_empty() && text.len() <= bytes_max && !text.chars().any(char::is_control)
}
