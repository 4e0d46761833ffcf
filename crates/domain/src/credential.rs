//! A way to log in, without its secret: the secret is sealed in the store and bound to its destinations.

use serde::{Deserialize, Serialize};

use crate::ids::CredentialId;

/// What a credential is, for lists and pages. The secret itself has no place here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    pub id: CredentialId,
    pub name: String,
    pub kind: CredentialKind,
    /// Login name.
    pub user: String,
    /// Hosts it may be used for: names, addresses or CIDRs. Never empty.
    pub destinations: Vec<String>,
    /// Use sudo for what root alone may read or do.
    pub sudo: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    Password,
    SshKey,
}
