//! What one inspection read from one asset.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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
    /// Whether the package list is whole: only then may a package that is not listed count as gone.
    pub fn packages_complete(&self) -> bool {
        self.components.is_some() && !self.gaps.iter().any(|gap| gap.area == Area::Packages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
