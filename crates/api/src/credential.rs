//! A credential on the wire: its secret goes in and never comes out.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Credential {
    pub id: String,
    pub name: String,
    /// `password` or `ssh_key`.
    pub kind: String,
    pub user: String,
    pub destinations: Vec<String>,
    pub sudo: bool,
}

/// A credential to keep. Its secret is sealed at once.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCredential {
    pub name: String,
    pub kind: String,
    pub user: String,
    pub destinations: Vec<String>,
    #[serde(default)]
    pub sudo: bool,
    /// The password, or the private key in OpenSSH form.
    pub secret: String,
    /// The private key's passphrase.
    #[serde(default)]
    pub passphrase: Option<String>,
}

impl fmt::Debug for NewCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewCredential").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}
