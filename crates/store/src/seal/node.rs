//! Secrets on their way to a scanner node: sealed for the key that only the node has.
//!
//! Each is sealed with a fresh key (X25519 between a one-time key and the node's), for the job, the destination and the
//! purpose that `bound` names: a secret that is sent for one host opens for no other.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use chacha20poly1305::aead::Generate as _;
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305};
use domain::ids::JobId;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::Zeroizing;

use super::file::{self, KEY_BYTES};
use super::{KeyFileError, OpenError, decrypt, encrypt};

/// The key of a scanner node. It lives in a file of the node, and never leaves it.
pub struct NodeKey(StaticSecret);

/// What secrets are sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodePublicKey(PublicKey);

/// The text is no public key of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no public key of a node: 64 hexadecimal digits")]
pub struct InvalidPublicKey;

/// The form of what follows, first byte of every sealed secret.
const FORM: u8 = 1;

impl NodeKey {
    /// Reads the key, or makes one where there is none. Refuses a file that others may read.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        let bytes = file::load_or_create(path)?;
        Ok(Self(StaticSecret::from(*bytes)))
    }

    pub fn public(&self) -> NodePublicKey {
        NodePublicKey(PublicKey::from(&self.0))
    }

    /// Opens what was sealed for this node and for the same thing.
    pub fn open(&self, sealed: &[u8], bound: &[u8]) -> Result<SecretString, OpenError> {
        let rest = sealed.strip_prefix(&[FORM]).ok_or(OpenError::Refused)?;
        let (once, encrypted) = rest.split_at_checked(KEY_BYTES).ok_or(OpenError::Refused)?;
        let once: [u8; KEY_BYTES] = once.try_into().map_err(|_| OpenError::Refused)?;
        let once = PublicKey::from(once);
        let cipher = cipher(&self.0.diffie_hellman(&once), &once, &self.public()).ok_or(OpenError::Refused)?;
        let secret = decrypt(&cipher, encrypted, bound)?;
        std::str::from_utf8(&secret).map(SecretString::from).map_err(|_| OpenError::Refused)
    }
}

impl NodePublicKey {
    /// Seals a secret for the node and for what `bound` names; `None` for a key that is no real one.
    pub fn seal(&self, secret: &SecretString, bound: &[u8]) -> Option<Vec<u8>> {
        let random = Zeroizing::new(<[u8; KEY_BYTES]>::from(Key::generate()));
        let once = StaticSecret::from(*random);
        let public = PublicKey::from(&once);
        let cipher = cipher(&once.diffie_hellman(&self.0), &public, self)?;
        let encrypted = encrypt(&cipher, secret.expose_secret().as_bytes(), bound);
        Some([&[FORM][..], public.as_bytes(), &encrypted].concat())
    }
}

/// What a secret is sealed for: one attempt at one job, one login, one purpose.
pub fn bound(job: JobId, attempt: u32, login: &str, what: &str) -> Vec<u8> {
    format!("{what} of {login} for attempt {attempt} at {job}").into_bytes()
}

/// `None`: the other key was made so that the outcome is known to everybody.
fn cipher(shared: &SharedSecret, once: &PublicKey, node: &NodePublicKey) -> Option<XChaCha20Poly1305> {
    if !shared.was_contributory() {
        return None;
    }
    let mut hash = Sha256::new();
    hash.update(b"vigie secret for a node");
    hash.update(once.as_bytes());
    hash.update(node.0.as_bytes());
    hash.update(shared.as_bytes());
    let key = Zeroizing::new(<[u8; KEY_BYTES]>::from(hash.finalize()));
    XChaCha20Poly1305::new_from_slice(key.as_slice()).ok()
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeKey").field(&self.public().to_string()).finish()
    }
}

impl fmt::Display for NodePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

impl FromStr for NodePublicKey {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; KEY_BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidPublicKey)?;
        Ok(Self(PublicKey::from(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(dir: &tempfile::TempDir) -> NodeKey {
        NodeKey::load_or_create(&dir.path().join("node.key")).unwrap()
    }

    #[test]
    fn a_secret_opens_for_its_node_and_its_purpose_only() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let node = key(&one);
        let public: NodePublicKey = node.public().to_string().parse().unwrap();
        let sealed = public.seal(&SecretString::from("geheim"), b"job 1, web01").unwrap();
        assert_eq!(key(&one).open(&sealed, b"job 1, web01").unwrap().expose_secret(), "geheim");
        assert_eq!(node.open(&sealed, b"job 1, web02").unwrap_err(), OpenError::Refused);
        assert_eq!(key(&other).open(&sealed, b"job 1, web01").unwrap_err(), OpenError::Refused);
        for index in [0, 1, sealed.len() / 2, sealed.len() - 1] {
            let mut broken = sealed.clone();
            broken[index] ^= 1;
            assert_eq!(node.open(&broken, b"job 1, web01").unwrap_err(), OpenError::Refused);
        }
        for length in 0..sealed.len() {
            assert!(node.open(&sealed[..length], b"job 1, web01").is_err());
        }
        assert_ne!(public.seal(&SecretString::from("geheim"), b""), public.seal(&SecretString::from("geheim"), b""));
    }

    #[test]
    fn a_key_that_agrees_with_everybody_is_refused() {
        let zero: NodePublicKey = "0".repeat(64).parse().unwrap();
        assert_eq!(zero.seal(&SecretString::from("geheim"), b""), None);
        for bad in ["", "00", &"g".repeat(64), &"0".repeat(66)] {
            assert!(bad.parse::<NodePublicKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_key_is_never_printed() {
        let dir = tempfile::tempdir().unwrap();
        let node = key(&dir);
        let secret = std::fs::read_to_string(dir.path().join("node.key")).unwrap();
        assert!(!format!("{node:?}").contains(secret.trim()));
    }
}
