//! Frames: a kind, a length, a CRC-32, and that many bytes.

use std::io::{Read, Write};

use super::CheckpointError;

/// Kind, length, checksum.
const HEAD_BYTES: usize = 9;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Vulnerabilities = 1,
    Packages = 2,
    Assets = 3,
    Segment = 4,
    End = 5,
}

const KINDS: [Kind; 5] = [Kind::Vulnerabilities, Kind::Packages, Kind::Assets, Kind::Segment, Kind::End];

pub(super) fn write(to: &mut impl Write, kind: Kind, bytes: &[u8]) -> Result<(), CheckpointError> {
    let length = u32::try_from(bytes.len())
        .map_err(|_| std::io::Error::other("one asset has more findings than a checkpoint can hold"))?;
    to.write_all(&[kind as u8])?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&crc32fast::hash(bytes).to_le_bytes())?;
    Ok(to.write_all(bytes)?)
}

/// The next frame, its bytes in `buffer`. Memory grows with what is there, not with what is promised.
pub(super) fn read(from: &mut impl Read, number: usize, buffer: &mut Vec<u8>) -> Result<Kind, CheckpointError> {
    let damaged = |what| CheckpointError::Damaged { part: format!("frame {number}"), what };
    let mut head = [0; HEAD_BYTES];
    exact(from, &mut head).map_err(|error| error.unwrap_or_else(|| damaged("the file ends too early")))?;
    let kind = KINDS.into_iter().find(|kind| *kind as u8 == head[0]).ok_or_else(|| damaged("unknown kind"))?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    let crc = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
    buffer.clear();
    from.by_ref().take(length.into()).read_to_end(buffer)?;
    if buffer.len() != length as usize {
        return Err(damaged("the file ends too early"));
    }
    if crc32fast::hash(buffer) != crc {
        return Err(damaged("the checksum differs"));
    }
    Ok(kind)
}

/// Writes the right checksum into every frame of a checkpoint, for tests of what stands behind the checksums.
pub fn seal_frames(bytes: &mut [u8]) {
    let mut rest = bytes.get_mut(super::HEADER_BYTES..).unwrap_or_default();
    while let Some((head, after)) = rest.split_at_mut_checked(HEAD_BYTES) {
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let Some((frame, next)) = after.split_at_mut_checked(length as usize) else { return };
        head[5..].copy_from_slice(&crc32fast::hash(frame).to_le_bytes());
        rest = next;
    }
}

/// Fills the array. `Err(None)`: the file ends too early.
pub(super) fn exact(from: &mut impl Read, to: &mut [u8]) -> Result<(), Option<CheckpointError>> {
    from.read_exact(to).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => None,
        _ => Some(CheckpointError::Io(error)),
    })
}
