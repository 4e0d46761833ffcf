//! Bytes in columns: sets of interned ids as differences in variable-length numbers, and compressed parts.

use std::cell::RefCell;
use std::io;
use std::io::Read as _;

use zstd::bulk::Decompressor;
use zstd::zstd_safe;

/// What is kept compressed may not unpack to more.
const UNPACKED_BYTES_MAX: u64 = 256 << 20;
/// Room that is made for a part on its word.
const AT_ONCE_MAX: u64 = 1 << 20;
/// The level from which inventories of a few kilobytes hardly get smaller.
const ZSTD_LEVEL: i32 = 6;

pub(crate) fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, ZSTD_LEVEL)
}

thread_local! {
    /// To make one takes longer than to unpack what is mostly kept.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

pub(crate) fn decompress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    // What [`compress`] made says how long it was.
    match zstd_safe::get_frame_content_size(bytes) {
        Ok(Some(length)) if length <= AT_ONCE_MAX => DECOMPRESSOR.with_borrow_mut(|decompressor| {
            let decompressor = match decompressor {
                Some(decompressor) => decompressor,
                none => none.insert(Decompressor::new()?),
            };
            decompressor.decompress(bytes, usize::try_from(length).unwrap_or(usize::MAX))
        }),
        _ => decompress_any(bytes),
    }
}

/// The same of anything, bounded as it unpacks.
fn decompress_any(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    zstd::Decoder::new(bytes)?.take(UNPACKED_BYTES_MAX + 1).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > UNPACKED_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it unpacks to more than 256 MiB"));
    }
    Ok(unpacked)
}

/// Packs ids; order and repetition do not count.
pub(crate) fn pack(ids: &[i64]) -> Vec<u8> {
    let mut ids: Vec<u64> = ids.iter().map(|id| u64::try_from(*id).unwrap_or(0)).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut bytes = Vec::with_capacity(ids.len() * 2);
    let mut previous = 0;
    for id in ids {
        let mut rest = id - previous;
        previous = id;
        while rest >= 0x80 {
            bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes
}

/// Unpacks what [`pack`] made. `None`: it did not.
pub(crate) fn unpack(bytes: &[u8]) -> Option<Vec<i64>> {
    let mut ids = Vec::new();
    let mut previous = 0_u64;
    let mut bytes = bytes.iter();
    while let Some(first) = bytes.next() {
        let mut byte = *first;
        let mut difference = u64::from(byte & 0x7f);
        let mut shift = 7;
        while byte >= 0x80 {
            byte = *bytes.next()?;
            difference |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
        }
        previous = previous.checked_add(difference)?;
        ids.push(i64::try_from(previous).ok()?);
    }
    Some(ids)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_unpacks_sorted(mut ids in proptest::collection::vec(0..i64::MAX, 0..200)) {
            let packed = pack(&ids);
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(unpack(&packed), Some(ids));
        }

        #[test]
        fn any_bytes_unpack_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = unpack(&bytes);
        }
    }

    #[test]
    fn parts_of_any_length_come_back() {
        for length in [0, 1, 1000, 1 << 20, (1 << 20) + 1] {
            let bytes: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
            let packed = compress(&bytes).unwrap();
            assert_eq!(decompress(&packed).unwrap(), bytes, "{length}");
            assert_eq!(decompress_any(&packed).unwrap(), bytes, "{length}");
        }
        let packed = compress(&[7; 100]).unwrap();
        assert!(decompress(&packed[..packed.len() - 1]).is_err());
    }

    #[test]
    fn neighbours_take_a_byte_each() {
        assert_eq!(pack(&(1000..1600).collect::<Vec<_>>()).len(), 601);
    }
}
