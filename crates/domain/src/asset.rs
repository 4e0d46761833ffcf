//! What we protect.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AssetId, CredentialId};
use crate::inventory::{Identity, Platform};
use crate::retirement::Ending;

/// One thing to protect, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    pub id: AssetId,
    /// Shown to people; unique.
    pub name: String,
    /// How to look inside. `None`: only seen from outside so far (an unmanaged asset).
    pub way: Option<Way>,
    pub identity: Identity,
    /// `None`: never inspected.
    pub platform: Option<Platform>,
    pub tags: Vec<String>,
    pub services: Vec<Service>,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// Last inspection that read the package list. `None`: never inspected, so its state is unknown.
    pub last_inspected_at: Option<Timestamp>,
    /// Why the latest inspection failed. `None`: it did not.
    pub last_error: Option<String>,
    /// The last contact with an asset that was looked for since and did not answer. `None`: it answers, as far as anybody knows.
    #[serde(default)]
    pub unreachable_since: Option<Timestamp>,
    pub retired_at: Option<Timestamp>,
    /// How and why it was retired. `None`: it is not, or was found to be another asset.
    #[serde(default)]
    pub retired: Option<Retired>,
}

impl Asset {
    /// One of which nothing but a name is known, since an instant.
    pub fn new(id: AssetId, name: String, at: Timestamp) -> Self {
        Self {
            id,
            name,
            way: None,
            identity: Identity::default(),
            platform: None,
            tags: Vec::new(),
            services: Vec::new(),
            first_seen_at: at,
            last_seen_at: at,
            last_inspected_at: None,
            last_error: None,
            unreachable_since: None,
            retired_at: None,
            retired: None,
        }
    }

    /// The latest time that anything was in touch with it.
    pub fn last_contact_at(&self) -> Timestamp {
        self.last_inspected_at.map_or(self.last_seen_at, |inspected_at| inspected_at.max(self.last_seen_at))
    }
}

/// How and why an asset was retired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    pub ending: Ending,
    /// For people.
    pub because: String,
}

/// The connector that looks inside an asset, with what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Way {
    /// The machine that Vigie runs on.
    Local,
    Ssh(SshTarget),
}

/// Where to connect by SSH and with which sealed credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshTarget {
    pub user: String,
    pub host: String,
    pub port: u16,
    /// `None`: the operator's own key files, command line only.
    pub credential: Option<CredentialId>,
    /// A host to go through first.
    pub jump: Option<Box<SshTarget>>,
}

/// A service seen from the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    pub address: IpAddr,
    pub port: u16,
    /// `ssh`, `tls`, `http`, or `None` where the banner told nothing.
    pub protocol: Option<String>,
    /// What the service says of itself, bounded and printable.
    pub banner: Option<String>,
    pub seen_at: Timestamp,
}

/// A record of one discovery source having seen one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The discovery source: `net`.
    pub source: String,
    /// The routing domain in which the address means something. Empty: the usual one.
    #[serde(default)]
    pub site: String,
    pub address: IpAddr,
    pub services: Vec<Service>,
    /// SHA-256 of the SSH host key, which joins a sighting with an inspected host. `None`: no SSH seen.
    pub ssh_host_key: Option<String>,
    pub observed_at: Timestamp,
}
