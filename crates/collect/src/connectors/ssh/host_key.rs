//! Keys of SSH servers: pinned on first use, compared ever after.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::client;
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Preferred, SshId};

use super::Destination;

/// A server's public key by its fingerprint. Its text form is `ssh-ed25519 SHA256:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostKey {
    /// The kind of key, since a server has several and shows the kind it is asked for.
    pub algorithm: String,
    /// `SHA256:` and unpadded base64, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}

/// The answer of a [`HostKeys`].
pub type HostKeysAnswer<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>>;

/// Remembers host keys. Whoever keeps them (a store, a file, a test) implements these two: `pin` is called once for
/// a destination without a pinned key, before any secret is sent, and its failure ends the connection.
pub trait HostKeys: Send + Sync {
    fn pinned<'a>(&'a self, destination: &'a Destination) -> HostKeysAnswer<'a, Option<HostKey>>;
    fn pin<'a>(&'a self, destination: &'a Destination, key: &'a HostKey) -> HostKeysAnswer<'a, ()>;
}

impl From<&PublicKey> for HostKey {
    fn from(key: &PublicKey) -> Self {
        HostKey {
            algorithm: key.algorithm().as_str().to_owned(),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        }
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, self.fingerprint)
    }
}

/// A text that is no host key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host key: it should read like \"ssh-ed25519 SHA256:…\"")]
pub struct HostKeyUnreadable(String);

impl FromStr for HostKey {
    type Err = HostKeyUnreadable;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(' ') {
            Some((algorithm, fingerprint)) if !algorithm.is_empty() && fingerprint.starts_with("SHA256:") => {
                Ok(HostKey { algorithm: algorithm.to_owned(), fingerprint: fingerprint.to_owned() })
            }
            _ => Err(HostKeyUnreadable(text.to_owned())),
        }
    }
}

/// Looks at the key that a server shows, and goes on only with the pinned one.
pub(crate) struct KeyCheck {
    /// `None`: never seen before, so any key is accepted.
    pub(crate) pinned: Option<HostKey>,
    /// Set as soon as the server has proven to have the key.
    pub(crate) seen: Arc<OnceLock<HostKey>>,
}

impl client::Handler for KeyCheck {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let key = HostKey::from(&shown.public_key());
        let first = self.seen.get_or_init(|| key.clone());
        // A key exchange in the middle of a session must show the same key again.
        Ok(*first == key && self.pinned.as_ref().is_none_or(|pinned| *pinned == key))
    }
}

/// How Vigie speaks SSH: the kind of the pinned key is asked for first.
pub(crate) fn config(pinned: Option<&HostKey>) -> Arc<client::Config> {
    let mut kinds: Vec<Algorithm> = Preferred::DEFAULT.key.to_vec();
    if let Some(pinned) = pinned {
        // Stable: within the two groups the usual order stays.
        kinds.sort_by_key(|kind| kind_name(kind) != pinned.algorithm);
    }
    Arc::new(client::Config {
        client_id: SshId::Standard(Cow::Borrowed("SSH-2.0-Vigie")),
        preferred: Preferred { key: Cow::Owned(kinds), ..Preferred::DEFAULT },
        keepalive_interval: Some(Duration::from_secs(15)),
        nodelay: true,
        ..client::Config::default()
    })
}

/// The kind of key behind an algorithm: RSA has one kind of key and three algorithms.
fn kind_name(kind: &Algorithm) -> &str {
    match kind {
        Algorithm::Rsa { .. } => "ssh-rsa",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_key_reads_as_it_prints() {
        let text = "ssh-ed25519 SHA256:uNiVztksCsDhcc0u9e8BrNJ6JqZ0e0Ejb2m6d1VZ7Qk";
        assert_eq!(text.parse::<HostKey>().unwrap().to_string(), text);
        for wrong in ["", "SHA256:x", "ssh-ed25519", "ssh-ed25519 MD5:x", " SHA256:x"] {
            assert_eq!(wrong.parse::<HostKey>(), Err(HostKeyUnreadable(wrong.to_owned())));
        }
    }

    #[test]
    fn the_pinned_kind_of_key_is_asked_for_first() {
        let pinned = |text: &str| config(Some(&text.parse().unwrap())).preferred.key[0].clone();
        assert_eq!(pinned("ssh-rsa SHA256:x"), Algorithm::Rsa { hash: Some(HashAlg::Sha512) });
        assert_eq!(pinned("ecdsa-sha2-nistp256 SHA256:x").as_str(), "ecdsa-sha2-nistp256");
        assert_eq!(config(None).preferred.key[0], Algorithm::Ed25519);
    }

    #[test]
    fn an_rsa_key_has_one_name() {
        assert_eq!(kind_name(&Algorithm::Rsa { hash: Some(HashAlg::Sha256) }), "ssh-rsa");
        assert_eq!(Algorithm::Rsa { hash: None }.as_str(), "ssh-rsa");
    }
}
