//! Files that are either the old ones or the new ones, whenever the power fails.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The ending of files that are not yet what they will be; whoever holds a folder's lock may remove them.
pub const UNFINISHED: &str = ".unfinished";

/// A file that takes the place of another one at [`AtomicFile::commit`], and vanishes without it.
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    unfinished: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl AtomicFile {
    /// Opens the new file beside the one that it will replace.
    pub fn create(target: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut name = OsString::from(".");
        name.push(target.file_name().ok_or_else(|| io::Error::other(format!("{} names no file", target.display())))?);
        name.push(format!(".{}-{count}{UNFINISHED}", std::process::id()));
        let unfinished = target.with_file_name(name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&unfinished)?;
        Ok(Self { file, unfinished, target: target.to_owned(), committed: false })
    }

    /// The file under its working name, to be read back before it counts.
    pub fn path(&self) -> &Path {
        &self.unfinished
    }

    pub fn file_mut(&mut self) -> &mut File {
        &mut self.file
    }

    /// Closes the file, and keeps it under its working name until the outcome is dropped.
    pub fn close(mut self) -> ClosedFile {
        self.committed = true;
        ClosedFile(std::mem::take(&mut self.unfinished))
    }

    /// Puts the file in its place: content first, then the name, then the folder, each on disk before the next.
    pub fn commit(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.unfinished, &self.target)?;
        self.committed = true;
        sync_folder(&self.target)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing is lost when this fails: the next holder of the folder's lock removes it.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

/// A file that nobody has open, under its working name. It vanishes with this.
#[derive(Debug)]
pub struct ClosedFile(PathBuf);

impl ClosedFile {
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ClosedFile {
    fn drop(&mut self) {
        // As with a file that is open: the next holder of the folder's lock removes what is left.
        let _ = fs::remove_file(&self.0);
    }
}

/// Replaces a file's content in one step.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// Removes what an interrupted writer left in a folder. Only for who holds the folder's lock.
pub fn remove_unfinished(folder: &Path) -> io::Result<()> {
    remove_where(folder, |name| name.ends_with(UNFINISHED))
}

/// Removes what an interrupted writer of this one file left beside it. Only for who holds the file's lock.
pub fn remove_unfinished_of(target: &Path) -> io::Result<()> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let begins = format!(".{name}.");
    remove_where(folder_of(target), |name| name.starts_with(&begins) && name.ends_with(UNFINISHED))
}

fn remove_where(folder: &Path, is_left_over: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| is_left_over(&name.to_string_lossy())) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Makes the folder's new name durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncommitted_file_changes_nothing_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("knowledge");
        write_atomically(&path, b"old").expect("it writes");
        let mut next = AtomicFile::create(&path).expect("it opens");
        next.write_all(b"half of the n").expect("it writes");
        drop(next);
        assert_eq!(fs::read(&path).expect("it reads"), b"old");
        assert_eq!(fs::read_dir(folder.path()).expect("it lists").count(), 1);
        write_atomically(&path, b"new").expect("it writes");
        assert_eq!(fs::read(&path).expect("it reads"), b"new");
    }

    #[test]
    fn a_closed_file_can_be_read_and_holds_nothing_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = AtomicFile::create(&folder.path().join("part")).expect("it opens");
        file.write_all(b"part").expect("it writes");
        let closed = file.close();
        let open = fs::read_dir("/proc/self/fd").expect("it lists").flatten();
        let mut open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        assert!(!open.any(|path| path == closed.path()));
        assert_eq!(fs::read(closed.path()).expect("it reads"), b"part");
        drop(closed);
        assert_eq!(fs::read_dir(folder.path()).expect("it lists").count(), 0);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("knowledge");
        std::mem::forget(AtomicFile::create(&path).expect("it opens"));
        fs::write(&path, "kept").expect("it writes");
        remove_unfinished(folder.path()).expect("it removes");
        assert_eq!(fs::read_dir(folder.path()).expect("it lists").count(), 1);
    }
}
