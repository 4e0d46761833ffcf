//! Putting a tested knowledge file to use, and going back to the one before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use knowledge::Knowledge;
use outside::file::{AtomicFile, write_atomically};

use super::imported::{IMPORTED_FILE, IMPORTED_PREVIOUS_FILE, Ingredients};
use super::state::Lock;
use super::{KNOWLEDGE_FILE, PREVIOUS_FILE, SyncError, feeds_dir};

/// What is put to use. It passed its tests.
pub(super) enum New {
    Compiled(AtomicFile),
    /// An import, and what was compiled of it and of what is here beside. `None`: there is nothing beside.
    Imported {
        import: AtomicFile,
        merged: Option<AtomicFile>,
    },
}

/// Puts new knowledge in its place and keeps what was before, with the import that it was made with; gives the hash of what
/// is in use. If the new file does not open where it is now, the one before comes back.
pub(super) fn put_in_place(new: New, data_dir: &Path) -> Result<String, SyncError> {
    let path = data_dir.join(KNOWLEDGE_FILE);
    let failed = |source| SyncError::Io { path: path.clone(), source };
    let expected = match &new {
        New::Compiled(file) | New::Imported { merged: Some(file), .. } | New::Imported { import: file, .. } => {
            hash(file.path())?
        }
    };
    // The same again must not take the place of what was before, and neither must a damaged file.
    let keeps = usable(&path).is_some_and(|in_use| in_use.hash() != expected);
    if keeps {
        keep(&path, &data_dir.join(PREVIOUS_FILE)).map_err(failed)?;
        keep(&data_dir.join(IMPORTED_FILE), &data_dir.join(IMPORTED_PREVIOUS_FILE)).map_err(failed)?;
    }
    match new {
        New::Compiled(file) => file.commit(),
        New::Imported { import, merged: Some(file) } => import.commit().and_then(|()| file.commit()),
        New::Imported { import, merged: None } => import.commit().and_then(|()| {
            let aside = aside(&path);
            keep(&data_dir.join(IMPORTED_FILE), &aside)?;
            fs::rename(&aside, &path)
        }),
    }
    .map_err(failed)?;
    match hash(&path) {
        Ok(found) if found == expected => Ok(found),
        outcome => {
            if keeps {
                swap(&data_dir.join(IMPORTED_FILE), &data_dir.join(IMPORTED_PREVIOUS_FILE)).map_err(failed)?;
                swap(&path, &data_dir.join(PREVIOUS_FILE)).map_err(failed)?;
            }
            let reason = outcome.err().map_or_else(|| "it is not what was written".to_owned(), |e| e.to_string());
            Err(SyncError::Compile(format!("{reason}; the knowledge before it is in use again")))
        }
    }
}

/// Opens a knowledge file that is whole. `None`: there is none, or it is damaged.
pub(super) fn usable(path: &Path) -> Option<Knowledge> {
    Knowledge::open(path).ok().filter(|knowledge| knowledge.verify().is_ok())
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
    let root = feeds_dir(data_dir);
    let _lock = if root.is_dir() { Some(Lock::take(&root)?) } else { None };
    let (path, previous) = (data_dir.join(KNOWLEDGE_FILE), data_dir.join(PREVIOUS_FILE));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SyncError::Io { path, source }
    };
    let knowledge = Knowledge::open(&previous).map_err(|e| SyncError::Compile(e.to_string()))?;
    knowledge.verify().map_err(|e| SyncError::Compile(e.to_string()))?;
    swap(&data_dir.join(IMPORTED_FILE), &data_dir.join(IMPORTED_PREVIOUS_FILE)).map_err(failed(&previous))?;
    swap(&path, &previous).map_err(failed(&path))?;
    let refused = data_dir.join(REFUSED_FILE);
    let forward = refused.is_file();
    accept(data_dir).map_err(failed(&refused))?;
    if !forward {
        let digest = Ingredients::now(data_dir)?.digest();
        write_atomically(&refused, digest.as_bytes()).map_err(failed(&refused))?;
    }
    Ok(knowledge.hash())
}

/// Exchanges two files, either of which may be lacking.
fn swap(one: &Path, other: &Path) -> io::Result<()> {
    let aside = aside(one);
    for (from, to) in [(one, aside.as_path()), (other, one), (&aside, other)] {
        match fs::rename(from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A name that the next synchronisation removes, should it be left.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.aside{}", outside::file::UNFINISHED))
}

/// Gives a file a second name, so that the next rename does not lose it. What had that name is gone, even if there is no file.
fn keep(path: &Path, previous: &Path) -> io::Result<()> {
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
