//! The one module with `unsafe`: a read-only memory map of a whole file.

use std::fs::File;
use std::io;
use std::path::Path;

/// A mapped file.
#[derive(Debug)]
pub(crate) struct Map(memmap2::Mmap);

impl Map {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: a knowledge file is never written in place: it is replaced by renaming a finished one over it, which
        // leaves mapped bytes as they are. The bytes are only
        // ever read as plain bytes, so a change by someone else could give a wrong answer, which the checksums notice,
        // but no invalid value.
        #[expect(unsafe_code, reason = "mapping a file is unsafe by nature; see the comment above")]
        let map = unsafe { memmap2::Mmap::map(&file) }?;
        Ok(Self(map))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
