//! Which records speak of one asset.
//!
//! A [`Record`] is what one source says of one thing: an inspection by one way, a sighting at one address, a person's
//! word. Records never change but for when they were seen. An asset is a cluster of them, found again from the records
//! alone: [`cluster::cluster`] gives the same clusters in whatever order the records came. Identifiers have a strength
//! ([`Tier`]), a scope within which they mean something, and a span in which they were seen.

pub mod attributes;
pub mod cluster;
pub mod common;
pub mod compare;
mod normal;
pub mod phantom;
pub mod tell;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::RecordId;

pub use normal::normalise;

/// What an identifier is. The order is the strength, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The way in that a person named: what answers there is that asset.
    Way,
    /// The address in a way in: what is seen there from the network is that asset.
    Target,
    /// Key of an agent that Vigie issued.
    AgentKey,
    CloudInstance,
    /// The hypervisor's own identifier of a virtual machine.
    VirtualMachine,
    /// Identifier of a node or pod in its cluster.
    ClusterObject,
    Container,
    /// A version of a function, by what its platform calls it.
    Function,
    /// UUID of the SMBIOS.
    SystemUuid,
    /// Serial number of the chassis or board, with its vendor.
    Serial,
    /// `/etc/machine-id`, MachineGuid.
    MachineId,
    /// Identifier of the machine's account in a directory.
    DirectoryObject,
    /// Fingerprint of an SSH host key. A host has several.
    SshHostKey,
    Mac,
    Fqdn,
    /// Fingerprint of the key behind a management interface's certificate.
    TlsKey,
    Hostname,
    Address,
}

/// How much an identifier of a kind proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// A person said so.
    Declared,
    /// Made to be unique by whoever issues it.
    One,
    /// Unique but for clones and placeholders.
    Two,
    /// Unique in its scope, and moved around.
    Three,
    /// A name that people give.
    Four,
    /// A lease.
    Five,
}

/// One value that tells a thing from others, in its normal form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    pub kind: Kind,
    /// Where the value means something: a provider, a routing domain. Empty: everywhere.
    pub scope: String,
    pub value: String,
}

/// An identifier with the span in which a record showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub identifier: Identifier,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
}

/// What kind of source made a record. The order is the rank of its word, highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Agent,
    /// Who owns the thing and lists it: a cloud, a container platform.
    CloudApi,
    Inspection,
    /// A person, or a list that people keep.
    Operator,
    NetworkScan,
    /// A resolver, or whoever else only heard of it.
    Passive,
}

/// What one source says of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub id: RecordId,
    pub source: Source,
    /// What the source calls the thing; with the source, it names the record.
    pub native_key: String,
    pub seen: Vec<Seen>,
}

impl Kind {
    pub const fn tier(self) -> Tier {
        match self {
            Self::Way | Self::Target => Tier::Declared,
            Self::AgentKey
            | Self::CloudInstance
            | Self::VirtualMachine
            | Self::ClusterObject
            | Self::Container
            | Self::Function => Tier::One,
            Self::SystemUuid | Self::Serial | Self::MachineId | Self::DirectoryObject | Self::SshHostKey => Tier::Two,
            Self::Mac | Self::Fqdn | Self::TlsKey => Tier::Three,
            Self::Hostname => Tier::Four,
            Self::Address => Tier::Five,
        }
    }

    /// A thing may have several values of this kind at once.
    pub const fn is_set(self) -> bool {
        matches!(self, Self::Way | Self::Target | Self::SshHostKey | Self::Mac | Self::TlsKey | Self::Address)
    }

    /// Comes with the installed system, so a copy of the disk copies it and a new installation changes it.
    pub const fn is_installed(self) -> bool {
        matches!(self, Self::MachineId | Self::DirectoryObject | Self::SshHostKey)
    }

    /// Comes with the machine and survives a new installation.
    pub const fn is_hardware(self) -> bool {
        matches!(self, Self::SystemUuid | Self::Serial)
    }

    /// Values lead from one record to others. An address is a lease that many had.
    pub const fn leads(self) -> bool {
        !matches!(self, Self::Address)
    }
}

impl Identifier {
    /// `None`: the value is a placeholder, or none of its kind.
    pub fn new(kind: Kind, scope: &str, value: &str) -> Option<Self> {
        Some(Self { kind, scope: scope.to_owned(), value: normalise(kind, value)? })
    }

    /// Whether two identifiers can be compared at all. A MAC that a machine tells of itself has no scope, and may be that
    /// of any segment.
    pub fn is_comparable(&self, other: &Self) -> bool {
        let open = self.kind == Kind::Mac && (self.scope.is_empty() || other.scope.is_empty());
        self.kind == other.kind && (self.scope == other.scope || open)
    }

    /// Under which to look for whoever else has the value: a MAC in every scope.
    pub fn key(&self) -> Self {
        let scope = if self.kind == Kind::Mac { String::new() } else { self.scope.clone() };
        Self { scope, ..self.clone() }
    }

    pub fn agrees(&self, other: &Self) -> bool {
        self.value == other.value && self.is_comparable(other)
    }
}

impl Record {
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(move |seen| seen.identifier.kind == kind)
    }

    pub fn kinds(&self) -> BTreeSet<Kind> {
        self.seen.iter().map(|seen| seen.identifier.kind).collect()
    }
}

/// The kinds that a target of a way in can meet: only what is seen at an address from outside is what answers there.
pub const fn is_sighting(source: Source) -> bool {
    matches!(source, Source::NetworkScan | Source::Passive)
}

#[cfg(test)]
mod tests;
