//! The checkpoint: what a restart reads instead of the whole store.
//!
//! A header, then frames, each with its length and a CRC-32: vulnerabilities, packages, assets with their rows, an end. All
//! numbers are little-endian. What can be computed (bitsets, what the feeds say of each row, bounds of zones) is not
//! written. A checkpoint is only ever a shortcut: where anything about it is wrong, the caller loads from the store.

use std::io::{Read, Write};

use crate::Index;
use crate::snapshot::Snapshot;

mod bytes;
mod frame;
mod read;
mod write;

pub use frame::seal_frames;

/// Magic, version, position of the change log, checksum.
const HEADER_BYTES: usize = 24;
pub(crate) const MAGIC: &[u8; 8] = b"VIGIEIDX";
/// Raised with every change of what is written: other versions are refused.
pub(crate) const VERSION: u32 = 4;

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("read or write the checkpoint of the index")]
    Io(#[from] std::io::Error),
    #[error("this is no checkpoint of the index")]
    NotACheckpoint,
    #[error("the checkpoint has version {0}, and this program reads version {VERSION}: load the index from the store")]
    OtherVersion(u32),
    #[error("the checkpoint is damaged in {part} ({what}): load the index from the store")]
    Damaged { part: String, what: &'static str },
}

impl Snapshot {
    /// Writes everything that [`Index::read_checkpoint`] needs. Give it a buffered writer.
    pub fn write_checkpoint(&self, to: &mut impl Write) -> Result<(), CheckpointError> {
        write::checkpoint(self, to)
    }
}

impl Index {
    /// Loads an index as it was when the checkpoint was written; [`Snapshot::log`] says from where to follow the change log.
    pub fn read_checkpoint(from: &mut impl Read) -> Result<Self, CheckpointError> {
        read::checkpoint(from)
    }
}
