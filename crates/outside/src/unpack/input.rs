//! A file from outside, to be read as a stream or walked as an archive, whatever it is packed with.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::archive::{ArchiveLimits, Entry, walk_tar, walk_zip};
use super::{Limits, reader};

/// Bytes that can be read from any place.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// One file from outside, with the name that messages use for it.
pub struct Input<'a> {
    name: &'a str,
    source: &'a mut dyn ReadSeek,
    limits: Limits,
}

impl<'a> Input<'a> {
    pub fn new(name: &'a str, source: &'a mut dyn ReadSeek, limits: Limits) -> Self {
        Self { name, source, limits }
    }

    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// The unpacked bytes, from the beginning.
    pub fn reader(&mut self) -> io::Result<Box<dyn BufRead + '_>> {
        self.source.seek(SeekFrom::Start(0))?;
        reader(self.name, &mut *self.source, self.limits)
    }

    /// Shows every regular file of a zip or of a tar archive, packed or not.
    pub fn entries(
        &mut self,
        limits: ArchiveLimits,
        visit: &mut dyn FnMut(Entry<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.source.seek(SeekFrom::Start(0))?;
        let mut magic = [0; 4];
        let is_zip = self.source.read_exact(&mut magic).is_ok() && magic == *b"PK\x03\x04";
        self.source.seek(SeekFrom::Start(0))?;
        if is_zip {
            walk_zip(self.name, &mut *self.source, self.limits, limits, visit)
        } else {
            walk_tar(self.name, reader(self.name, &mut *self.source, self.limits)?, limits, visit)
        }
    }
}
