//! What one inspection read from one asset.

mod compare;

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use compare::{ComponentChange, changes};

use crate::component::{Component, Release};

/// Everything one inspection learnt. A value that could not be read is `None` and has a [`Gap`]: never an empty list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    pub identity: Identity,
    pub platform: Platform,
    /// `None`: the package database could not be read, so nothing is known about the software. Shared, as machines of one
    /// estate have mostly the same.
    pub components: Option<Vec<Arc<Component>>>,
    /// `uname -r`. `None`: not a running system (a root directory), or unreadable.
    pub running_kernel: Option<String>,
    /// `None`: not a running system, or unreadable.
    pub listeners: Option<Vec<Listener>>,
    /// The system asks for a restart. `None`: not a running system, or unreadable.
    pub reboot_required: Option<bool>,
    /// Binary packages of which running processes still use replaced files. `None`: unknown.
    pub stale_packages: Option<Vec<String>>,
    /// The package-url of what was looked at as a whole: an image, an application. Empty: none.
    #[serde(default)]
    pub product: String,
    pub gaps: Vec<Gap>,
}

/// An inventory from elsewhere holds more than any asset has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more {what} than the {limit} that are taken")]
pub struct Excess {
    what: &'static str,
    limit: usize,
}

const COMPONENTS_MAX: usize = 200_000;
const GAPS_MAX: usize = 20_000;
const LISTENERS_MAX: usize = 100_000;
const ADDRESSES_MAX: usize = 10_000;
const PACKAGES_MAX: usize = 200_000;
/// Of one name, version, path or reason.
const TEXT_BYTES_MAX: usize = 4096;

/// What tells this asset from another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub hostname: Option<String>,
    pub machine_id: Option<String>,
    pub addresses: Vec<IpAddr>,
    #[serde(default)]
    pub fqdn: Option<String>,
    /// UUID of the SMBIOS. `None`: none that can be believed, or not to be read without more rights.
    #[serde(default)]
    pub system_uuid: Option<String>,
    /// `vendor/serial`.
    #[serde(default)]
    pub serial: Option<String>,
    /// `provider/instance`.
    #[serde(default)]
    pub cloud_instance: Option<String>,
    /// Of the host's own cards, without those that move or are made up.
    #[serde(default)]
    pub macs: Vec<String>,
    /// Fingerprints of its SSH host keys.
    #[serde(default)]
    pub ssh_host_keys: Vec<String>,
}

/// The operating system, from os-release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `PRETTY_NAME`, or the best that can be said.
    pub name: String,
    /// `None`: no os-release, or one without a release.
    pub release: Option<Release>,
    pub architecture: Option<String>,
}

/// A socket that waits for connections.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listener {
    pub protocol: Protocol,
    pub address: IpAddr,
    pub port: u16,
    /// The program's name. `None`: not visible without more rights.
    pub process: Option<String>,
    /// The binary package that owns the program. `None`: unknown, or owned by none.
    pub package: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Tcp,
    Udp,
}

/// Something the inspection should have read and could not: shown, counted, never taken for "nothing there".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    pub area: Area,
    /// Where: a file, a command, a record of a file.
    pub subject: String,
    /// What went wrong, in a sentence without a full stop.
    pub reason: String,
}

/// Which part of an inventory a gap leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    Platform,
    /// The package database: what it lists is right, what it lacks is unknown, so nothing may close.
    Packages,
    Kernel,
    Listeners,
    Restart,
    Identity,
}

impl Identity {
    /// What is known after an inspection: what it read, and what it could not read as before. The address that it was
    /// reached by is one of the asset's, even where the asset itself does not know it (a translated address).
    #[must_use]
    pub fn learnt(&self, read: &Self, reached_by: Option<IpAddr>) -> Self {
        let mut addresses = newer(&read.addresses, &self.addresses);
        addresses.extend(reached_by);
        addresses.sort();
        addresses.dedup();
        let either = |read: &Option<String>, known: &Option<String>| read.clone().or_else(|| known.clone());
        Self {
            hostname: either(&read.hostname, &self.hostname),
            machine_id: either(&read.machine_id, &self.machine_id),
            addresses,
            fqdn: either(&read.fqdn, &self.fqdn),
            system_uuid: either(&read.system_uuid, &self.system_uuid),
            serial: either(&read.serial, &self.serial),
            cloud_instance: either(&read.cloud_instance, &self.cloud_instance),
            macs: newer(&read.macs, &self.macs),
            ssh_host_keys: newer(&read.ssh_host_keys, &self.ssh_host_keys),
        }
    }
}

/// The list that was read, or the one before where none was.
fn newer<T: Clone>(read: &[T], known: &[T]) -> Vec<T> {
    if read.is_empty() { known.to_vec() } else { read.to_vec() }
}

impl Inventory {
    /// An inventory of which only the platform is known so far.
    pub fn of(platform: Platform) -> Self {
        Self {
            identity: Identity::default(),
            platform,
            components: None,
            running_kernel: None,
            listeners: None,
            reboot_required: None,
            stale_packages: None,
            product: String::new(),
            gaps: Vec::new(),
        }
    }

    /// Refuses what no connector of ours would read: an inventory that comes from another machine is not to be trusted.
    pub fn check_bounds(&self) -> Result<(), Excess> {
        let most = |what, count: usize, limit| if count > limit { Err(Excess { what, limit }) } else { Ok(()) };
        let components = self.components.as_deref().unwrap_or_default();
        let listeners = self.listeners.as_deref().unwrap_or_default();
        let stale = self.stale_packages.as_deref().unwrap_or_default();
        most("components", components.len(), COMPONENTS_MAX)?;
        most("gaps", self.gaps.len(), GAPS_MAX)?;
        most("listeners", listeners.len(), LISTENERS_MAX)?;
        most("addresses", self.identity.addresses.len(), ADDRESSES_MAX)?;
        most("network cards", self.identity.macs.len(), ADDRESSES_MAX)?;
        most("SSH host keys", self.identity.ssh_host_keys.len(), ADDRESSES_MAX)?;
        most("packages with replaced files", stale.len(), PACKAGES_MAX)?;
        let of_components = components.iter().flat_map(|component| component.texts());
        let of_listeners = listeners.iter().flat_map(|listener| [&listener.process, &listener.package]).flatten();
        let of_gaps = self.gaps.iter().flat_map(|gap| [&gap.subject, &gap.reason]);
        let platform = [Some(&self.platform.name), self.platform.architecture.as_ref()].into_iter().flatten();
        let release = self.platform.release.iter().flat_map(|release| [&release.distribution, &release.name]);
        let who = &self.identity;
        let named = [&who.hostname, &who.machine_id, &who.fqdn, &who.system_uuid, &who.serial, &who.cloud_instance];
        let identity =
            named.into_iter().chain([&self.running_kernel]).flatten().chain(&who.macs).chain(&who.ssh_host_keys);
        let texts = of_gaps.chain(of_listeners).chain(platform).chain(release).chain(identity).chain(stale);
        let longest = texts.chain([&self.product]).map(String::as_str).chain(of_components).map(str::len).max();
        most("bytes in one text", longest.unwrap_or_default(), TEXT_BYTES_MAX)
    }

    /// Says that there was nothing to judge, where no other gap says why: an empty list proves nothing clean.
    pub fn note_emptiness(&mut self, subject: &str) {
        if self.components.as_ref().is_some_and(Vec::is_empty) && self.packages_complete() {
            let reason = "nothing that tells of packages was found".to_owned();
            self.gaps.push(Gap { area: Area::Packages, subject: subject.to_owned(), reason });
        }
    }

    /// Whether the package list is whole: only then may a package that is not listed count as gone.
    pub fn packages_complete(&self) -> bool {
        self.components.is_some() && !self.gaps.iter().any(|gap| gap.area == Area::Packages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_elsewhere_is_bounded() {
        let component = |name: &str| Arc::new(Component { name: name.to_owned(), ..Component::default() });
        let inventory = |components: Vec<Arc<Component>>| Inventory {
            components: Some(components),
            ..Inventory::of(Platform { name: "Debian".to_owned(), release: None, architecture: None })
        };
        let says = |inventory: &Inventory| inventory.check_bounds().map_err(|excess| excess.to_string());
        assert_eq!(says(&inventory(vec![component("a"); COMPONENTS_MAX])), Ok(()));
        let many = inventory(vec![component("a"); COMPONENTS_MAX + 1]);
        assert_eq!(says(&many).unwrap_err(), "more components than the 200000 that are taken");
        assert_eq!(says(&inventory(vec![component(&"a".repeat(TEXT_BYTES_MAX))])), Ok(()));
        let long = inventory(vec![component(&"a".repeat(TEXT_BYTES_MAX + 1))]);
        assert_eq!(says(&long).unwrap_err(), "more bytes in one text than the 4096 that are taken");
        let mut gap = inventory(Vec::new());
        let reason = "x".repeat(TEXT_BYTES_MAX + 1);
        gap.gaps.push(Gap { area: Area::Packages, subject: String::new(), reason });
        assert!(says(&gap).is_err());
    }

    #[test]
    fn an_empty_list_is_a_gap_unless_one_says_why() {
        let of = |components: Option<Vec<Arc<Component>>>, gaps: &[Area]| {
            let gap = |area: &Area| Gap { area: *area, subject: String::new(), reason: "x".to_owned() };
            let mut inventory = Inventory {
                components,
                gaps: gaps.iter().map(gap).collect(),
                ..Inventory::of(Platform { name: String::new(), release: None, architecture: None })
            };
            inventory.note_emptiness("folder");
            inventory.gaps.into_iter().map(|gap| gap.reason).collect::<Vec<_>>()
        };
        let nothing = "nothing that tells of packages was found";
        assert_eq!(of(Some(Vec::new()), &[]), [nothing]);
        assert_eq!(of(Some(Vec::new()), &[Area::Identity]), ["x", nothing]);
        assert_eq!(of(Some(Vec::new()), &[Area::Packages]), ["x"]);
        assert!(of(Some(vec![Arc::new(Component::default())]), &[]).is_empty());
    }

    #[test]
    fn what_could_not_be_read_stays_known() {
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let known = Identity { hostname: Some("web".to_owned()), addresses: vec![address(1)], ..Identity::default() };
        let nothing = Identity::default();
        assert_eq!(known.learnt(&nothing, None), known);
        let read = Identity { machine_id: Some("0a".to_owned()), addresses: vec![address(7)], ..Identity::default() };
        let learnt = known.learnt(&read, Some(address(9)));
        assert_eq!((learnt.hostname.as_deref(), learnt.machine_id.as_deref()), (Some("web"), Some("0a")));
        assert_eq!(learnt.addresses, [address(7), address(9)], "an old lease goes, the address that answered stays");
    }
}
