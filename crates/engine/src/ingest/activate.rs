//! Putting a tested knowledge file to use, and going back to the one before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use knowledge::Knowledge;
use outside::file::{AtomicFile, write_atomically};

use super::{KNOWLEDGE_FILE, PREVIOUS_FILE, SyncError};

/// Puts a file that passed its tests in its place and keeps the one before. If the new one does not open where it is now,
/// the one before comes back.
pub(super) fn put_in_place(file: AtomicFile, path: &Path) -> Result<(), SyncError> {
    let failed = |source| SyncError::Io { path: path.to_owned(), source };
    let expected = hash(file.path())?;
    let previous = path.with_file_name(PREVIOUS_FILE);
    keep(path, &previous).map_err(failed)?;
    file.commit().map_err(failed)?;
    match hash(path) {
        Ok(found) if found == expected => Ok(()),
        outcome => {
            if previous.is_file() {
                fs::rename(&previous, path).map_err(failed)?;
            }
            let reason = outcome.err().map_or_else(|| "it is not what was written".to_owned(), |e| e.to_string());
            Err(SyncError::Compile(format!("{reason}; the knowledge before it is in use again")))
        }
    }
}

/// Names the records that somebody went back from: they are not compiled again by themselves.
const REFUSED_FILE: &str = "knowledge.refused";

/// Tells whether somebody went back from what these records make.
pub(super) fn is_refused(data_dir: &Path, digest: &str) -> bool {
    fs::read_to_string(data_dir.join(REFUSED_FILE)).is_ok_and(|refused| refused == digest)
}

/// Forgets what was refused.
pub(super) fn accept(data_dir: &Path) -> io::Result<()> {
    match fs::remove_file(data_dir.join(REFUSED_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Goes back to the knowledge before the latest; gives its hash. It stays until a feed brings something new. A second call
/// goes forward again.
pub fn roll_back(data_dir: &Path) -> Result<String, SyncError> {
    let path = data_dir.join(KNOWLEDGE_FILE);
    let previous = data_dir.join(PREVIOUS_FILE);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SyncError::Io { path, source }
    };
    let knowledge = Knowledge::open(&previous).map_err(|e| SyncError::Compile(e.to_string()))?;
    knowledge.verify().map_err(|e| SyncError::Compile(e.to_string()))?;
    let aside = path.with_file_name(format!(".{KNOWLEDGE_FILE}.aside{}", outside::file::UNFINISHED));
    fs::rename(&path, &aside).map_err(failed(&path))?;
    fs::rename(&previous, &path).map_err(failed(&previous))?;
    fs::rename(&aside, &previous).map_err(failed(&aside))?;
    let refused = data_dir.join(REFUSED_FILE);
    let forward = refused.is_file();
    accept(data_dir).map_err(failed(&refused))?;
    if !forward {
        let digest = super::compile::digest_now(data_dir);
        write_atomically(&refused, digest.as_bytes()).map_err(failed(&refused))?;
    }
    Ok(knowledge.hash())
}

/// Gives the current file a second name, so that the next rename does not lose it.
fn keep(path: &Path, previous: &PathBuf) -> io::Result<()> {
    match fs::remove_file(previous) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match fs::hard_link(path, previous) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn hash(path: &Path) -> Result<String, SyncError> {
    Knowledge::open(path).map(|knowledge| knowledge.hash()).map_err(|e| SyncError::Compile(e.to_string()))
}
