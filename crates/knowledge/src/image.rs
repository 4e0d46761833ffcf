//! The bytes of a knowledge file, checked as far as they are read.
//!
//! Opening costs the same whatever the size: header and table of checksums. A block is checked when it is first
//! touched, so a damaged file is noticed by whoever would have got a wrong answer from it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest as _, Sha256};
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::{Damaged, KnowledgeError};
use crate::format::{BLOCK_BYTES, Extent, HEADER_BYTES, Header, MAGIC, Section, Span, Text, VERSION};
use crate::map::Map;

#[derive(Debug)]
enum Bytes {
    Mapped(Map),
    Owned(Vec<u8>),
}

#[derive(Debug)]
pub(crate) struct Image {
    bytes: Bytes,
    header: Header,
    /// Blocks whose checksum was right.
    checked: Box<[AtomicBool]>,
}

impl Image {
    pub(crate) fn open(path: &Path) -> Result<Self, KnowledgeError> {
        let map = Map::open(path).map_err(|source| KnowledgeError::Open { path: path.to_owned(), source })?;
        Self::new(Bytes::Mapped(map))
    }

    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Result<Self, KnowledgeError> {
        Self::new(Bytes::Owned(bytes))
    }

    fn new(bytes: Bytes) -> Result<Self, KnowledgeError> {
        let all = bytes.all();
        let (header, _) = Header::read_from_prefix(all).map_err(|_| KnowledgeError::Foreign)?;
        if header.magic != MAGIC {
            return Err(KnowledgeError::Foreign);
        }
        if header.version.get() != VERSION {
            return Err(KnowledgeError::Version { found: header.version.get() });
        }
        if crc32fast::hash(&all[..HEADER_BYTES - size_of::<U32>()]) != header.header_crc.get() {
            return Err(Damaged("its header").into());
        }
        if usize::try_from(header.file_bytes.get()) != Ok(all.len()) {
            return Err(Damaged("its length").into());
        }
        let table = extent(all, header.checks).ok_or(Damaged("its table of checksums"))?;
        let end = usize::try_from(header.checks.offset.get()).ok().filter(|end| *end >= HEADER_BYTES);
        let body = end.map(|end| end - HEADER_BYTES).ok_or(Damaged("its table of checksums"))?;
        let blocks = body.div_ceil(BLOCK_BYTES);
        if table.len() != blocks * size_of::<U32>() || crc32fast::hash(table) != header.checks_crc.get() {
            return Err(Damaged("its table of checksums").into());
        }
        let checked = std::iter::repeat_with(|| AtomicBool::new(false)).take(blocks).collect();
        Ok(Self { header, checked, bytes })
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        self.header.hash
    }

    /// Reads everything and compares it with the content address.
    pub(crate) fn verify(&self) -> Result<(), Damaged> {
        let all = self.bytes.all();
        let before = HEADER_BYTES - size_of::<U32>() - self.header.hash.len();
        let mut hash = Sha256::new();
        hash.update(&all[..before]);
        hash.update(&all[HEADER_BYTES..]);
        let digest: [u8; 32] = hash.finalize().into();
        if digest == self.header.hash { Ok(()) } else { Err(Damaged("its content is not what its hash says")) }
    }

    /// A whole section, unstructured.
    pub(crate) fn section(&self, section: Section) -> Result<&[u8], Damaged> {
        let place = self.header.sections[section as usize];
        let bytes = extent(self.bytes.all(), place).ok_or(Damaged("a section is outside of the file"))?;
        let start = usize::try_from(place.offset.get()).map_err(|_| Damaged("a section is outside of the file"))?;
        self.check(start, bytes.len())?;
        Ok(bytes)
    }

    /// Number of rows in a section.
    pub(crate) fn count<T>(&self, section: Section) -> u32 {
        let rows = self.header.sections[section as usize].bytes.get() / size_of::<T>() as u64;
        u32::try_from(rows).unwrap_or(u32::MAX)
    }

    /// One row, by its number.
    pub(crate) fn row<T: FromBytes + KnownLayout + Immutable + Unaligned>(
        &self,
        section: Section,
        index: u32,
    ) -> Result<&T, Damaged> {
        let row = self.rows(section, Span { start: index.into(), count: 1.into() })?;
        row.first().ok_or(Damaged("a row that is not there"))
    }

    /// Neighbouring rows.
    pub(crate) fn rows<T: FromBytes + KnownLayout + Immutable + Unaligned>(
        &self,
        section: Section,
        span: Span,
    ) -> Result<&[T], Damaged> {
        let outside = Damaged("a row outside of its section");
        let size = size_of::<T>();
        let start = usize::try_from(span.start.get()).ok().and_then(|start| start.checked_mul(size)).ok_or(outside)?;
        let bytes = usize::try_from(span.count.get()).ok().and_then(|count| count.checked_mul(size)).ok_or(outside)?;
        let bytes = self.part(section, start, bytes).map_err(|_| outside)?;
        <[T]>::ref_from_bytes(bytes).map_err(|_| outside)
    }

    /// Some bytes of a section without rows.
    pub(crate) fn bytes_of(&self, section: Section, offset: U32, bytes: U32) -> Result<&[u8], Damaged> {
        let place = |number: U32| usize::try_from(number.get()).map_err(|_| Damaged("a place outside of its section"));
        self.part(section, place(offset)?, place(bytes)?)
    }

    pub(crate) fn text(&self, text: Text) -> Result<&str, Damaged> {
        let place = |number: U32| usize::try_from(number.get()).map_err(|_| Damaged("a string outside of the pool"));
        let bytes = self.part(Section::Strings, place(text.offset)?, place(text.bytes)?)?;
        std::str::from_utf8(bytes).map_err(|_| Damaged("a string that is no text"))
    }

    /// Bytes of a section, checked.
    fn part(&self, section: Section, start: usize, bytes: usize) -> Result<&[u8], Damaged> {
        let outside = Damaged("a place outside of its section");
        let place = self.header.sections[section as usize];
        let section_start = usize::try_from(place.offset.get()).map_err(|_| outside)?;
        let section_bytes = usize::try_from(place.bytes.get()).map_err(|_| outside)?;
        let end = start.checked_add(bytes).filter(|end| *end <= section_bytes).ok_or(outside)?;
        let (from, to) = (section_start.checked_add(start), section_start.checked_add(end));
        let (from, to) = from.zip(to).ok_or(outside)?;
        let part = self.bytes.all().get(from..to).ok_or(outside)?;
        self.check(from, bytes)?;
        Ok(part)
    }

    /// Checks the blocks that hold these bytes, each once.
    fn check(&self, from: usize, bytes: usize) -> Result<(), Damaged> {
        if bytes == 0 {
            return Ok(());
        }
        let outside = Damaged("a place outside of the checked part");
        let first = from.checked_sub(HEADER_BYTES).ok_or(outside)? / BLOCK_BYTES;
        let last = (from - HEADER_BYTES + bytes - 1) / BLOCK_BYTES;
        for block in first..=last {
            let checked = self.checked.get(block).ok_or(outside)?;
            if !checked.load(Ordering::Relaxed) {
                self.check_block(block)?;
                checked.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn check_block(&self, block: usize) -> Result<(), Damaged> {
        let all = self.bytes.all();
        let damaged = Damaged("a block does not have its checksum");
        let end = usize::try_from(self.header.checks.offset.get()).map_err(|_| damaged)?;
        let start = HEADER_BYTES + block * BLOCK_BYTES;
        let bytes = all.get(start..end.min(start + BLOCK_BYTES)).ok_or(damaged)?;
        let place = end + block * size_of::<U32>();
        let expected = all.get(place..place + size_of::<U32>()).and_then(|bytes| U32::read_from_bytes(bytes).ok());
        if expected.map(U32::get) == Some(crc32fast::hash(bytes)) { Ok(()) } else { Err(damaged) }
    }
}

impl Bytes {
    fn all(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map.bytes(),
            Self::Owned(bytes) => bytes,
        }
    }
}

fn extent(all: &[u8], place: Extent) -> Option<&[u8]> {
    let start = usize::try_from(place.offset.get()).ok()?;
    let end = start.checked_add(usize::try_from(place.bytes.get()).ok()?)?;
    all.get(start..end)
}
