//! The key that signs exported knowledge, and the keys whose bundles are believed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use outside::file::write_atomically;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

const SIGNING_FILE: &str = "signing.key";
const TRUSTED_FILE: &str = "trusted-keys";
/// Bytes of a public key.
const PUBLIC_BYTES: usize = 32;

/// A public key.
pub type PublicKey = [u8; PUBLIC_BYTES];

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} can be read by others: make it readable for its owner only (chmod 600)", .0.display())]
    Open(PathBuf),
    #[error("{} holds no signing key: move it away, and a new one is made", .0.display())]
    Damaged(PathBuf),
    #[error("{0:?} is no public key: it has 64 hexadecimal digits, as `vigie feeds export` prints them")]
    NoPublicKey(String),
    #[error("the system gives no randomness for a key")]
    Random,
}

/// The installation's signing key (PKCS#8), made at first use.
pub fn signing_key(data_dir: &Path) -> Result<Vec<u8>, KeyError> {
    let path = data_dir.join(SIGNING_FILE);
    let io = |source| KeyError::Io { path: path.clone(), source };
    match fs::read(&path) {
        Ok(key) => {
            if fs::metadata(&path).map_err(io)?.permissions().mode() & 0o077 != 0 {
                return Err(KeyError::Open(path));
            }
            Ed25519KeyPair::from_pkcs8(&key).map_err(|_| KeyError::Damaged(path))?;
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::Random)?;
            // Nobody else may look in, not even for a moment.
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(io)?;
            file.write_all(key.as_ref()).and_then(|()| file.sync_all()).map_err(io)?;
            Ok(key.as_ref().to_vec())
        }
        Err(source) => Err(KeyError::Io { path, source }),
    }
}

/// The public half of a signing key.
pub fn public_key(pkcs8: &[u8]) -> Option<PublicKey> {
    Ed25519KeyPair::from_pkcs8(pkcs8).ok()?.public_key().as_ref().try_into().ok()
}

/// Keys whose bundles are believed. A line that is no key is an error: half a list is no list.
pub fn trusted(data_dir: &Path) -> Result<Vec<PublicKey>, KeyError> {
    let path = data_dir.join(TRUSTED_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(KeyError::Io { path, source }),
    };
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(parse).collect()
}

/// Believes bundles of a key from now on.
pub fn trust(data_dir: &Path, key: &str) -> Result<(), KeyError> {
    let new = parse(key)?;
    let mut keys = trusted(data_dir)?;
    if !keys.contains(&new) {
        keys.push(new);
    }
    let path = data_dir.join(TRUSTED_FILE);
    let text: String = keys.iter().map(|key| hex::encode(key) + "\n").collect();
    write_atomically(&path, text.as_bytes()).map_err(|source| KeyError::Io { path, source })
}

fn parse(text: &str) -> Result<PublicKey, KeyError> {
    let bytes = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| KeyError::NoPublicKey(text.chars().take(80).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_must_stay_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = signing_key(folder.path()).expect("it is made");
        assert_eq!(signing_key(folder.path()).expect("it is read"), key);
        let path = folder.path().join(SIGNING_FILE);
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it can be opened up");
        assert!(matches!(signing_key(folder.path()), Err(KeyError::Open(_))));
    }

    #[test]
    fn trusted_keys_are_kept_once_each() {
        let folder = tempfile::tempdir().expect("a folder");
        let public = public_key(&signing_key(folder.path()).expect("it is made")).expect("it has a public half");
        assert!(trusted(folder.path()).expect("none yet").is_empty());
        for _ in 0..2 {
            trust(folder.path(), &hex::encode(public)).expect("it is kept");
        }
        assert_eq!(trusted(folder.path()).expect("one"), [public]);
        assert!(matches!(trust(folder.path(), "abc"), Err(KeyError::NoPublicKey(_))));
    }
}
