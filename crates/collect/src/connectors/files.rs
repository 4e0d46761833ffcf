//! Reads files below a root directory, bounded, with every link resolved inside it.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use ecosystems::capture::Reading;
use ecosystems::tree::Target;
use rustix::fd::{AsRawFd as _, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, statat};
use rustix::io::Errno;

use super::FOLDER_BYTES_MAX;

/// How often a walk is tried anew when the kernel says that the tree moved under it.
const WALK_TRIES_MAX: u32 = 16;

/// What a folder has by some name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    File,
    Folder,
    Link,
    /// A pipe, a device, a socket.
    Special,
}

/// An open directory that nothing read through it can leave.
#[derive(Debug)]
pub(crate) struct Root(OwnedFd);

impl Root {
    pub(crate) fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty()).map(Root)
    }

    /// Reads one regular file; anything else by that name is a failure, and is never opened for reading.
    pub(crate) fn file(&self, path: &str, bytes_max: usize) -> Reading {
        match self.regular_file(Path::new(path), bytes_max) {
            Ok(bytes) => Reading::Bytes(bytes),
            Err(reading) => reading,
        }
    }

    /// Reads every regular file of a folder whose name is wanted, links to regular files included; its subfolders are left
    /// out.
    pub(crate) fn folder(
        &self,
        path: &str,
        files_max: usize,
        bytes_max: usize,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Reading {
        match self.regular_files(Path::new(path), files_max, bytes_max, wanted) {
            Ok(files) => Reading::Files(files),
            Err(reading) => reading,
        }
    }

    /// Shows everything in a folder. Nothing is followed.
    pub(crate) fn entries(&self, folder: &str, mut show: impl FnMut(&CStr, Entry)) -> Result<(), Errno> {
        let path = if folder.is_empty() { Path::new(".") } else { Path::new(folder) };
        let directory = self.walk(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)?;
        let mut directory = Dir::new(directory)?;
        while let Some(entry) = directory.next() {
            let entry = entry?;
            let kind = match entry.file_type() {
                // Not every file system tells in its lists.
                FileType::Unknown => {
                    let stat = statat(directory.fd()?, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
                    FileType::from_raw_mode(stat.st_mode)
                }
                kind => kind,
            };
            let kind = match kind {
                FileType::RegularFile => Entry::File,
                FileType::Directory => Entry::Folder,
                FileType::Symlink => Entry::Link,
                _ => Entry::Special,
            };
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                show(name, kind);
            }
        }
        Ok(())
    }

    /// Where a link leads in the end.
    pub(crate) fn target(&self, link: &str) -> Target {
        let Ok(end) = self.walk(Path::new(link), OFlags::PATH) else { return Target::Nothing };
        let Ok(stat) = rustix::fs::fstat(&end) else { return Target::Nothing };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Target::File(self.own_path(&end).unwrap_or_else(|| link.to_owned())),
            FileType::Directory => Target::Folder,
            _ => Target::Special,
        }
    }

    /// The path of an open file below the root, without links. `None`: the kernel does not tell.
    fn own_path(&self, file: &OwnedFd) -> Option<String> {
        let path = |fd: &OwnedFd| std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok();
        let (root, file) = (path(&self.0)?, path(file)?);
        file.strip_prefix(root).ok()?.to_str().map(str::to_owned)
    }

    /// The first bytes of a regular file.
    pub(crate) fn head(&self, path: &str) -> Option<[u8; 16]> {
        let file = self.walk(Path::new(path), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY).ok()?;
        let mut head = [0; 16];
        let mut count = 0;
        let mut file = File::from(file);
        while count < head.len() {
            match file.read(&mut head[count..]) {
                Ok(0) => break,
                Ok(read) => count += read,
                Err(_) => return None,
            }
        }
        Some(head)
    }

    fn regular_files(
        &self,
        folder: &Path,
        files_max: usize,
        bytes_max: usize,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, Vec<u8>>, Reading> {
        let directory = self
            .walk(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)
            .map_err(|error| unread("open", error))?;
        let mut files = BTreeMap::new();
        let mut bytes_left = FOLDER_BYTES_MAX;
        for entry in Dir::new(directory).map_err(|error| unread("list", error))? {
            let entry = entry.map_err(|error| unread("list", error))?;
            if !matches!(entry.file_type(), FileType::RegularFile | FileType::Symlink | FileType::Unknown) {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            if !wanted(&name) {
                continue;
            }
            let path = folder.join(bytes_path(entry.file_name().to_bytes()));
            match self.kind(&path) {
                Ok(FileType::RegularFile) => {}
                // A link that leads nowhere, or to something else.
                Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                Err(error) => return Err(unread(&format!("open {name}"), error)),
            }
            if files.len() == files_max {
                return Err(Reading::Failed(format!("it has more than {files_max} files")));
            }
            let content = match self.regular_file(&path, bytes_max.min(bytes_left)) {
                Ok(content) => content,
                // Removed since it was listed.
                Err(Reading::Missing) => continue,
                Err(Reading::Failed(reason)) => return Err(Reading::Failed(format!("{name}: {reason}"))),
                Err(other) => return Err(other),
            };
            bytes_left -= content.len();
            files.insert(name, content);
        }
        Ok(files)
    }

    fn regular_file(&self, path: &Path, bytes_max: usize) -> Result<Vec<u8>, Reading> {
        let kind = self.kind(path).map_err(|error| unread("open", error))?;
        if kind != FileType::RegularFile {
            return Err(Reading::Failed("it is not a regular file".to_owned()));
        }
        // It may have been replaced since: without NONBLOCK, opening a fifo would wait for a writer.
        let file = self
            .walk(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
            .map_err(|error| unread("open", error))?;
        let stat = rustix::fs::fstat(&file).map_err(|error| unread("look at", error))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Reading::Failed("it is not a regular file".to_owned()));
        }
        // Sizes are only hints: those of /proc are zero.
        let size = usize::try_from(stat.st_size).unwrap_or(0).min(bytes_max);
        let mut bytes = Vec::with_capacity(size + 1);
        File::from(file)
            .take(bytes_max as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Reading::Failed(format!("could not read it: {error}")))?;
        if bytes.len() > bytes_max {
            return Err(Reading::Failed(format!("it is larger than {bytes_max} bytes")));
        }
        Ok(bytes)
    }

    fn kind(&self, path: &Path) -> Result<FileType, Errno> {
        let file = self.walk(path, OFlags::PATH)?;
        Ok(FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode))
    }

    /// Opens a path with `/`, `..` and links all ending at the root. There is no second way that could leave it.
    fn walk(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let mut tries = 0;
        loop {
            match rustix::fs::openat2(&self.0, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) if tries < WALK_TRIES_MAX => tries += 1,
                result => return result,
            }
        }
    }
}

fn bytes_path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

fn unread(attempt: &str, error: Errno) -> Reading {
    match error {
        Errno::NOENT | Errno::NOTDIR => Reading::Missing,
        Errno::LOOP => Reading::Failed("its links lead in a circle".to_owned()),
        Errno::NOSYS => Reading::Failed("this kernel lacks openat2 (Linux 5.6), which keeps links inside".to_owned()),
        error => Reading::Failed(format!("could not {attempt} it: {}", std::io::Error::from(error))),
    }
}
