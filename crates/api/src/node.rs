//! What a scanner node and a server say to each other.
//!
//! Nodes and servers are upgraded one after the other, in any order, so each leaves aside what the other says beyond what it knows:
//! a new field may only add to what is said, never change what the others mean. That is why nothing here refuses unknown fields, as
//! what people send to the API does. What must not be left aside is a new [`How`], which an older server refuses.

use domain::inventory::Inventory;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A node's first word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// What secrets are to be sealed for: an X25519 public key in hex. It stays the node's for ever.
    pub public_key: String,
    /// The node's version of Vigie
    pub version: String,
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Welcome {
    pub name: String,
    /// Seconds after which a job goes to another node if this one says nothing
    pub lease_seconds: u64,
    /// Networks that the node may send no packet to
    pub never_touch: Vec<String>,
}

/// An inspection that the node has now.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Errand {
    pub job: String,
    pub attempt: u32,
    /// The asset first, then each host to go through before it
    pub hops: Vec<Hop>,
}

/// One host on the way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hop {
    pub user: String,
    pub host: String,
    pub port: u16,
    pub sudo: bool,
    /// `password` or `ssh_key`
    pub kind: String,
    /// Sealed for the node, this job and this host; hex
    pub secret: String,
    pub passphrase: Option<String>,
    /// The key that the host must show. `null`: the node tells the one that it sees.
    pub host_key: Option<String>,
}

/// "I am at it."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Beat {
    pub attempt: u32,
    pub text: String,
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Heard {
    /// A person wants the job to end: stop, and say `stopped`
    pub cancel: bool,
}

/// The key of a host that was seen for the first time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenHostKey {
    pub attempt: u32,
    /// `host:port`, one of the job's hops
    pub destination: String,
    /// `ssh-ed25519 SHA256:…`
    pub key: String,
}

/// Everything that was read of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(value_type = Object)]
pub struct ReadInventory(pub Inventory);

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    pub attempt: u32,
    pub how: How,
    /// Where it failed: whether anything answered at the asset itself. Left out: nobody knows
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// What was read
    Inventory(Box<ReadInventory>),
    /// Why nothing could be read
    Failed(String),
    /// A person cancelled it
    Stopped,
}
