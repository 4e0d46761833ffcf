//! A part of a file, to be read as if it were one.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// Some bytes of a file.
#[derive(Debug, Clone)]
pub(super) struct Section {
    file: Arc<File>,
    at: u64,
    size: u64,
}

impl Section {
    /// Fails where the file ends before the section does.
    pub(super) fn new(file: Arc<File>, at: u64, size: u64) -> io::Result<Self> {
        let there = file.metadata()?.len();
        match at.checked_add(size) {
            Some(end) if end <= there => Ok(Self { file, at, size }),
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut off")),
        }
    }

    pub(super) fn whole(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), at: 0, size })
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn reader(&self) -> impl Read {
        SectionReader { section: self.clone(), read: 0 }
    }
}

struct SectionReader {
    section: Section,
    read: u64,
}

impl Read for SectionReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.section.size - self.read).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        let count = self.section.file.read_at(&mut buffer[..count], self.section.at + self.read)?;
        self.read += count as u64;
        Ok(count)
    }
}

/// Hashes what is read through it.
pub(super) struct Hashing<R> {
    source: R,
    /// `None`: nobody asks.
    hash: Option<Hash>,
}

/// The hash of what was read so far.
#[derive(Clone, Default)]
pub(super) struct Hash(Rc<RefCell<Sha256>>);

impl Hash {
    pub(super) fn take(&self) -> Sha256 {
        self.0.take()
    }
}

impl<R> Hashing<R> {
    pub(super) fn new(source: R, wanted: bool) -> Self {
        Self { source, hash: wanted.then(Hash::default) }
    }

    pub(super) fn hash(&self) -> Hash {
        self.hash.clone().unwrap_or_default()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        if let Some(hash) = &self.hash {
            hash.0.borrow_mut().update(&buffer[..count]);
        }
        Ok(count)
    }
}
