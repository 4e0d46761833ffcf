//! Container images: from a registry, an OCI layout, an archive. Whatever they come from, they are layers of verified
//! bytes in the end.

mod challenge;
mod layout;
mod manifest;
mod reference;
mod registry;
mod section;

use std::io::{self, Read};
use std::path::Path;

use sha2::Sha256;

pub use challenge::{Challenge, token};
pub use layout::open;
pub use manifest::{Config, InvalidPlatform, Platform};
pub use reference::{Digest, InvalidDigest, InvalidReference, Reference};
pub use registry::{Login, Registry};

use self::section::{Hashing, Section};
use crate::unpack::{self, Limits, tar};
use crate::{FetchError, SourceError};

/// Most bytes of one layer, packed or unpacked.
const LAYER_BYTES_MAX: u64 = 16 << 30;
/// Most entries of one layer.
const LAYER_ENTRIES_MAX: u64 = 2_000_000;

/// One image for one platform.
#[derive(Debug)]
pub struct Image {
    /// What it is called where it came from.
    pub name: String,
    /// Where it can be had again. `None`: it came from a file that does not say.
    pub reference: Option<Reference>,
    /// Of its manifest. `None`: a Docker archive, which has none.
    pub digest: Option<Digest>,
    pub config: Config,
    /// The lowest first.
    pub layers: Vec<Layer>,
}

/// One layer of an image.
#[derive(Debug)]
pub struct Layer {
    /// Of its content, unpacked: the same wherever the image comes from.
    pub diff_id: Digest,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// With its digest as it is packed, where that is yet to be verified.
    Here(Section, Option<Digest>),
    /// Why it is not here.
    Missing(String),
}

/// Which of several images to take, and what may be used to get it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// `None`: for this machine, or the only one.
    pub platform: Option<&'a Platform>,
    /// A folder for what cannot stay in memory; nothing in it outlives the image.
    pub spool: &'a Path,
}

/// Why there is no image to look at.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("{name} is no image that Vigie can read: {reason}")]
    Malformed { name: String, reason: String },
    #[error("{name} has no image for {wanted} (it has {there}): name one with --platform")]
    NoPlatform { name: String, wanted: String, there: String },
    #[error("{name} holds several images ({there}): write the one you mean behind its name, as {name}:TAG")]
    Several { name: String, there: String },
    #[error("{name} holds no image {wanted:?} (it has {there})")]
    NoTag { name: String, wanted: String, there: String },
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
    #[error("{name} is not what its digest says: {wanted} was asked for, and {got} came")]
    WrongDigest { name: String, wanted: Digest, got: Digest },
    #[error("could not read {name}")]
    Read { name: String, source: io::Error },
    #[error("{registry} has no image {name}")]
    Absent { registry: String, name: String },
    #[error("{registry} refuses {name} ({status}){hint}")]
    Refused { registry: String, name: String, status: u16, hint: &'static str },
    #[error("{registry} asks for a login in a way that Vigie does not know: {reason}")]
    Challenge { registry: String, reason: String },
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Forbidden(#[from] crate::never_touch::Forbidden),
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl Layer {
    /// Shows every entry, and verifies all bytes at the end: what was shown counts only where no error comes.
    pub fn walk(&self, visit: &mut dyn FnMut(&tar::Header, &mut dyn Read) -> io::Result<()>) -> io::Result<()> {
        let name = format!("layer {}", self.diff_id);
        let (section, packed_digest) = match &self.content {
            Content::Here(section, digest) => (section, digest),
            Content::Missing(reason) => return Err(unpack::damaged(&name, reason)),
        };
        let packed = Hashing::new(section.reader(), packed_digest.is_some());
        let packed_hash = packed.hash();
        let mut unpacked = Hashing::new(unpack::reader(&name, packed, Limits::bytes(LAYER_BYTES_MAX))?, true);
        let unpacked_hash = unpacked.hash();
        tar::walk(&name, &mut unpacked, LAYER_ENTRIES_MAX, visit)?;
        // What stands behind the end of the archive counts for the digests too.
        io::copy(&mut unpacked, &mut io::sink())?;
        drop(unpacked);
        verify(&name, &self.diff_id, unpacked_hash.take())?;
        match packed_digest {
            Some(digest) => verify(&name, digest, packed_hash.take()),
            None => Ok(()),
        }
    }
}

/// Each layer has its digest in the configuration.
fn same_count(name: &str, config: &Config, layers: usize) -> Result<(), ImageError> {
    if config.diff_ids.len() == layers {
        return Ok(());
    }
    let reason = format!("it has {layers} layers, and its configuration tells of {}", config.diff_ids.len());
    Err(ImageError::Malformed { name: name.to_owned(), reason })
}

fn verify(name: &str, wanted: &Digest, hash: Sha256) -> io::Result<()> {
    let got = Digest::of(hash);
    if got == *wanted {
        return Ok(());
    }
    Err(unpack::damaged(name, &format_args!("its digest should be {wanted} and is {got}")))
}
