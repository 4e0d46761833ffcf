//! Bounded unpacking: whatever is packed is recognised by its first bytes, and expands no further than it may.

pub mod archive;
pub mod input;
pub mod tar;

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use lzma_rust2::XzReader;

/// How far something may expand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes after expansion.
    pub max_bytes: u64,
    /// Most bytes after expansion for one byte before it, counted from [`RATIO_FREE_BYTES`] on.
    pub max_ratio: u64,
}

/// Below this size no ratio is suspicious: small JSON of one shape packs very well.
pub const RATIO_FREE_BYTES: u64 = 16 * 1024 * 1024;

/// Window of the zstd frames that mirrors use for large archives (`zstd --long=27`).
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// `xz -9` asks for 64 MiB of dictionary.
const XZ_MEMORY_KIB_MAX: u32 = 128 * 1024;

impl Limits {
    /// A size, and the ratio that fits every real feed.
    pub const fn bytes(max_bytes: u64) -> Self {
        Self { max_bytes, max_ratio: 250 }
    }
}

/// What is wrong with something packed; travels inside [`io::Error`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    #[error("{name} expands to more than {limit} bytes: refused")]
    TooLarge { name: String, limit: u64 },
    #[error("{name} expands more than {ratio} times: refused as a decompression bomb")]
    Bomb { name: String, ratio: u64 },
    #[error("{name} has more than {limit} entries: refused")]
    TooManyEntries { name: String, limit: u64 },
    #[error("{name} ends too early or is damaged: {reason}")]
    Damaged { name: String, reason: String },
}

/// Reads gzip (any number of members), zstd, xz, bzip2 or plain bytes, recognised by the first bytes, within the limits.
pub fn reader<'a>(name: &str, source: impl Read + 'a, limits: Limits) -> io::Result<Box<dyn BufRead + 'a>> {
    let packed = Rc::new(Cell::new(0));
    let mut source = BufReader::with_capacity(64 * 1024, Counting { source, count: Rc::clone(&packed) });
    let packing = Packing::of(source.fill_buf()?);
    let plain: Box<dyn Read + 'a> = match packing {
        None => Box::new(source),
        Some(Packing::Gzip) => Box::new(MultiGzDecoder::new(source)),
        Some(Packing::Zstd) => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        Some(Packing::Xz) => Box::new(XzReader::new_mem_limit(source, true, XZ_MEMORY_KIB_MAX)),
        Some(Packing::Bzip2) => Box::new(MultiBzDecoder::new(source)),
    };
    let expands = packing.is_some();
    let bounded = Bounded { plain, expands, packed, expanded: 0, limits, name: name.to_owned() };
    Ok(Box::new(BufReader::with_capacity(128 * 1024, bounded)))
}

/// Unpacks a zlib stream, whose first bytes are like those of anything.
pub fn zlib(name: &str, packed: &[u8], limits: Limits) -> io::Result<Vec<u8>> {
    let count = Rc::new(Cell::new(packed.len() as u64));
    let plain = Box::new(ZlibDecoder::new(packed));
    let mut bounded = Bounded { plain, expands: true, packed: count, expanded: 0, limits, name: name.to_owned() };
    let mut bytes = Vec::new();
    bounded.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How something is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Packing {
    /// By the first bytes. `None`: it is not packed, or nobody knows how.
    pub fn of(beginning: &[u8]) -> Option<Self> {
        match beginning {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            _ => None,
        }
    }
}

/// Counts what is read through it.
struct Counting<R> {
    source: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// Stops where the limits are passed, and names the source in every error.
struct Bounded<'a> {
    plain: Box<dyn Read + 'a>,
    expands: bool,
    packed: Rc<Cell<u64>>,
    expanded: u64,
    limits: Limits,
    name: String,
}

impl Bounded<'_> {
    fn check(&self) -> Result<(), UnpackError> {
        if self.expanded > self.limits.max_bytes {
            return Err(UnpackError::TooLarge { name: self.name.clone(), limit: self.limits.max_bytes });
        }
        let suspicious = self.expands && self.expanded > RATIO_FREE_BYTES;
        if suspicious && self.expanded / self.packed.get().max(1) > self.limits.max_ratio {
            return Err(UnpackError::Bomb { name: self.name.clone(), ratio: self.limits.max_ratio });
        }
        Ok(())
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.plain.read(buffer).map_err(|e| damaged(&self.name, &e))?;
        self.expanded += read as u64;
        self.check().map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
        Ok(read)
    }
}

/// Wraps a decoder's complaint so that it names its source.
pub(crate) fn damaged(name: &str, reason: &dyn fmt::Display) -> io::Error {
    let error = UnpackError::Damaged { name: name.to_owned(), reason: reason.to_string() };
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("it packs");
        encoder.finish().expect("it packs")
    }

    fn unpack(packed: &[u8], limits: Limits) -> Result<Vec<u8>, String> {
        let mut plain = Vec::new();
        let mut reader = reader("sample", packed, limits).map_err(|e| e.to_string())?;
        reader.read_to_end(&mut plain).map_err(|e| e.to_string())?;
        Ok(plain)
    }

    /// `hello, hello, hello, ` as `xz` and `bzip2` write it.
    const XZ: &str = "fd377a585a000004e6d6b4460200210116000000742fe5a3e00014000c5d00341949ee8def8c88491b9000002d44300e89b43683000128156aff06101fb6f37d010000000004595a";
    const BZIP2: &str = "425a6839314159265359c88543d3000005910040040244a000223f54340c02dc8d4753c5dc914e1424322150f4c0";

    #[test]
    fn xz_and_bzip2_are_recognised_too() {
        for packed in [XZ, BZIP2] {
            let bytes = hex::decode(packed).expect("hexadecimal");
            let mut text = String::new();
            let read = reader("x", &bytes[..], Limits::bytes(100)).and_then(|mut r| r.read_to_string(&mut text));
            assert_eq!((read.ok(), text.as_str()), (Some(21), "hello, hello, hello, "));
            let mut cut = Vec::new();
            let half = &bytes[..bytes.len() / 2];
            assert!(reader("x", half, Limits::bytes(100)).and_then(|mut r| r.read_to_end(&mut cut)).is_err());
            let mut large = Vec::new();
            let error = reader("x", &bytes[..], Limits::bytes(5)).and_then(|mut r| r.read_to_end(&mut large));
            assert!(error.is_err_and(|error| error.to_string().contains("more than 5 bytes")));
        }
    }

    #[test]
    fn members_frames_and_plain_bytes_are_recognised() {
        let mut members = gzip(b"one ");
        members.extend(gzip(b"two"));
        assert_eq!(unpack(&members, Limits::bytes(100)), Ok(b"one two".to_vec()));
        let frame = zstd::encode_all(&b"three"[..], 3).expect("it packs");
        assert_eq!(unpack(&frame, Limits::bytes(100)), Ok(b"three".to_vec()));
        assert_eq!(unpack(b"four", Limits::bytes(100)), Ok(b"four".to_vec()));
        assert_eq!(unpack(b"", Limits::bytes(100)), Ok(Vec::new()));
    }

    #[test]
    fn a_bomb_is_stopped_by_its_ratio_and_a_large_file_by_its_size() {
        let bomb = gzip(&vec![0; 20 * 1024 * 1024]);
        let error = unpack(&bomb, Limits::bytes(u64::MAX)).expect_err("it is a bomb");
        assert_eq!(error, "sample expands more than 250 times: refused as a decompression bomb");
        let error = unpack(&bomb, Limits::bytes(1024 * 1024)).expect_err("it is too large");
        assert_eq!(error, "sample expands to more than 1048576 bytes: refused");
        assert!(unpack(&[b'a'; 200], Limits::bytes(100)).is_err(), "plain bytes have a size too");
    }

    #[test]
    fn a_cut_file_says_so() {
        let whole = gzip(b"a text that is cut somewhere in its middle, before the check sum");
        let error = unpack(&whole[..whole.len() / 2], Limits::bytes(1000)).expect_err("it is cut");
        assert!(error.starts_with("sample ends too early or is damaged"), "{error}");
    }
}
