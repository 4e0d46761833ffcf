//! Sealing secrets: each with a key of its own, which the master key wraps (docs/adr/0006-sealed-secrets.md).
//!
//! A sealed secret opens only as what it was sealed for: the bytes that name its row, column and destinations are
//! authenticated with it.

mod file;
pub mod node;

use std::fmt;
use std::path::Path;

use chacha20poly1305::aead::{Aead as _, Generate as _, Payload};
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

pub use file::KeyFileError;

use file::KEY_BYTES;

/// The key under which all others are wrapped. It lives in a file beside the database and never in it.
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

/// Why a secret stays sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error(
        "it was sealed with another master key: restore the master.key that belongs to this database, or enter it again"
    )]
    OtherMasterKey,
    #[error("it was sealed for something else or is damaged: enter it again")]
    Refused,
}

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const KEY_ID_BYTES: usize = 8;
/// The form of what follows, first byte of every sealed secret.
const FORM: u8 = 1;
const WRAPPED_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

impl MasterKey {
    /// Reads the key, or makes one where there is none. Refuses a file that others may read.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        file::load_or_create(path).map(Self)
    }

    /// A short name of the key, which says nothing about it.
    pub fn id(&self) -> String {
        hex::encode(self.id_bytes())
    }

    /// Seals a secret for what `bound` names; only the same bytes open it again.
    pub(crate) fn seal(&self, secret: &SecretString, bound: &[u8]) -> Vec<u8> {
        let mut data_key = Key::generate();
        let mut sealed = vec![FORM];
        sealed.extend(self.id_bytes());
        sealed.extend(encrypt(&self.cipher(), &data_key, bound));
        sealed.extend(encrypt(&XChaCha20Poly1305::new(&data_key), secret.expose_secret().as_bytes(), bound));
        data_key.zeroize();
        sealed
    }

    /// Opens what [`MasterKey::seal`] sealed for the same thing.
    pub(crate) fn open(&self, sealed: &[u8], bound: &[u8]) -> Result<SecretString, OpenError> {
        let rest = sealed.strip_prefix(&[FORM]).ok_or(OpenError::Refused)?;
        let (key_id, rest) = rest.split_at_checked(KEY_ID_BYTES).ok_or(OpenError::Refused)?;
        if key_id != self.id_bytes() {
            return Err(OpenError::OtherMasterKey);
        }
        let (wrapped, encrypted) = rest.split_at_checked(WRAPPED_BYTES).ok_or(OpenError::Refused)?;
        let data_key = decrypt(&self.cipher(), wrapped, bound)?;
        let cipher = XChaCha20Poly1305::new_from_slice(&data_key).map_err(|_| OpenError::Refused)?;
        let secret = decrypt(&cipher, encrypted, bound)?;
        std::str::from_utf8(&secret).map(SecretString::from).map_err(|_| OpenError::Refused)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.0))
    }

    fn id_bytes(&self) -> [u8; KEY_ID_BYTES] {
        let mut hash = Sha256::new();
        hash.update(b"vigie master key id");
        hash.update(self.0.as_slice());
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&hash.finalize()[..KEY_ID_BYTES]);
        id
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MasterKey").field(&self.id()).finish()
    }
}

/// A fresh nonce, then the ciphertext with its tag.
fn encrypt(cipher: &XChaCha20Poly1305, plain: &[u8], bound: &[u8]) -> Vec<u8> {
    let nonce = XNonce::generate();
    let encrypted = cipher
        .encrypt(&nonce, Payload { msg: plain, aad: bound })
        .expect("encryption into memory fails only beyond 256 GiB");
    [nonce.as_slice(), &encrypted].concat()
}

fn decrypt(cipher: &XChaCha20Poly1305, sealed: &[u8], bound: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (nonce, encrypted) = sealed.split_at_checked(NONCE_BYTES).ok_or(OpenError::Refused)?;
    let nonce = XNonce::try_from(nonce).map_err(|_| OpenError::Refused)?;
    let plain = cipher.decrypt(&nonce, Payload { msg: encrypted, aad: bound }).map_err(|_| OpenError::Refused)?;
    Ok(Zeroizing::new(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(dir: &tempfile::TempDir) -> MasterKey {
        MasterKey::load_or_create(&dir.path().join("master.key")).unwrap()
    }

    #[test]
    fn a_secret_opens_only_as_what_it_was_sealed_for() {
        let dir = tempfile::tempdir().unwrap();
        let key = key(&dir);
        let sealed = key.seal(&SecretString::from("geheim"), b"row 1");
        assert_eq!(key.open(&sealed, b"row 1").unwrap().expose_secret(), "geheim");
        assert_eq!(key.open(&sealed, b"row 2").unwrap_err(), OpenError::Refused);
        for index in [0, sealed.len() / 2, sealed.len() - 1] {
            let mut broken = sealed.clone();
            broken[index] ^= 1;
            assert_eq!(key.open(&broken, b"row 1").unwrap_err(), OpenError::Refused);
        }
        for length in 0..sealed.len() {
            assert!(key.open(&sealed[..length], b"row 1").is_err());
        }
    }

    #[test]
    fn the_same_secret_never_looks_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let key = key(&dir);
        let secret = SecretString::from("geheim");
        assert_ne!(key.seal(&secret, b""), key.seal(&secret, b""));
    }

    #[test]
    fn another_master_key_is_named_as_the_reason() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let sealed = key(&one).seal(&SecretString::from("geheim"), b"");
        assert_eq!(key(&other).open(&sealed, b"").unwrap_err(), OpenError::OtherMasterKey);
    }
}
