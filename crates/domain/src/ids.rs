//! Typed identifiers, one registry of them.
//!
//! Identifiers are UUIDs made outside this crate (version 7, by the caller's clock and randomness), except
//! [`FindingId`], which is derived from what it identifies and so survives a replay.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Names an existing object.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID, for rows and wires.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// What we protect: a host, later also an image, a cloud resource, a device.
    AssetId,
    /// What one source says of one thing. An asset is a cluster of records and has the identifier of the oldest.
    RecordId,
    /// One look of a discovery source at one range.
    SweepId,
    /// One reading of one asset.
    InspectionId,
    /// One (asset, package, vulnerability), for its whole life.
    FindingId,
    /// Selected assets and their rules.
    ScopeId,
    /// A sealed way to log in.
    CredentialId,
    /// One run of a remediation action on one asset.
    RunId,
    /// A queued piece of work.
    JobId,
    /// A scanner node in another network.
    NodeId,
    /// A receiver of events.
    WebhookId,
    /// A saved view.
    ViewId,
    /// A person who may sign in.
    UserId,
    /// A signed-in browser.
    SessionId,
}

impl AssetId {
    /// The half that the public ids of its findings end with.
    pub const fn tail(self) -> i64 {
        FindingId(Uuid::new_v8(*self.0.as_bytes())).tail()
    }
}

impl FindingId {
    /// The first half: what the finding is about.
    pub const fn code(self) -> i64 {
        (self.0.as_u128() >> 64) as i64
    }

    /// The second half: which asset has it.
    pub const fn tail(self) -> i64 {
        self.0.as_u128() as i64
    }
}
