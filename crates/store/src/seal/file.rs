//! Keys in files: 64 hexadecimal digits, for their owner's eyes only.

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chacha20poly1305::Key;
use chacha20poly1305::aead::Generate as _;
use zeroize::{Zeroize as _, Zeroizing};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("cannot read the key {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot make the key {}: {source}", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error(
        "others may read the key {} (mode {mode:04o}): run `chmod 600` on it, and replace the secrets that it \
         seals if anyone did",
        path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error("the key {} is damaged: it should be 64 hexadecimal digits; restore it from where you keep a copy", path.display())]
    Damaged { path: PathBuf },
}

pub(super) const KEY_BYTES: usize = 32;

/// Reads a key, or makes one where there is none. Refuses a file that others may read.
pub(super) fn load_or_create(path: &Path) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyFileError> {
    match load(path) {
        Err(KeyFileError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            create(path).map_err(|source| KeyFileError::Create { path: path.to_owned(), source })?;
            // Whoever created it first has won.
            load(path)
        }
        result => result,
    }
}

fn load(path: &Path) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyFileError> {
    let failed = |source| KeyFileError::Read { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    hex::decode_to_slice(text.trim(), key.as_mut_slice())
        .map_err(|_| KeyFileError::Damaged { path: path.to_owned() })?;
    Ok(key)
}

/// Writes a new key beside the path and links it there whole: no reader ever sees half a key, and of two
/// processes one wins.
fn create(path: &Path) -> io::Result<()> {
    use io::Write as _;
    let mut key = Key::generate();
    let text = Zeroizing::new(format!("{}\n", hex::encode(key)));
    key.zeroize();
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.new", std::process::id()));
    let draft = PathBuf::from(draft);
    let written =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    let linked = match written.and_then(|()| fs::hard_link(&draft, path)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    };
    fs::remove_file(&draft)?;
    linked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_private_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let first = load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load_or_create(&path).unwrap(), first);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft stays behind");
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load_or_create(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Exposed { mode: 0o640, .. }), "{error}");
    }

    #[test]
    fn a_damaged_key_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        load_or_create(&path).unwrap();
        fs::write(&path, "abc").unwrap();
        assert!(matches!(load_or_create(&path), Err(KeyFileError::Damaged { .. })));
    }
}
