//! Signed knowledge for sites without a network: a whole file, or only what differs from an older one.
//!
//! A head with the signer's public key and an Ed25519 signature over everything else, then the packed file. A delta is
//! packed against the older file, which both sides have; what comes out is checked by its content address.

use std::io::{Cursor, Read as _, Write as _};

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::lookup::Knowledge;

const MAGIC: [u8; 8] = *b"VIGIEBN\n";
const VERSION: u32 = 1;
const LEVEL: i32 = 9;
/// No knowledge file is larger.
const FILE_BYTES_MAX: u64 = 4 << 30;
/// Window of a delta: the older file has to fit.
const WINDOW_LOG_MAX: u32 = 31;

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    magic: [u8; 8],
    version: U32,
    /// Of the finished file.
    file_bytes: U64,
    /// Content address of the finished file.
    hash: [u8; 32],
    /// Content address of the file that it builds on; zeros: none.
    base: [u8; 32],
    signer: [u8; 32],
    /// Over everything above and the packed file.
    signature: [u8; 64],
}

const HEAD_BYTES: usize = size_of::<Head>();
const SIGNED_BYTES: usize = HEAD_BYTES - 64;

/// Why a bundle is refused. What was in use stays in use.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("it is no bundle of Vigie, or it was cut off")]
    Foreign,
    #[error("it is a bundle of version {0}, and this Vigie reads version {VERSION}")]
    Version(u32),
    #[error(
        "it is signed by the key {0}, which is not trusted here: compare the key by another way, then pass --trust"
    )]
    Untrusted(String),
    #[error("its signature is wrong: it was changed or damaged on the way")]
    Signature,
    #[error("it builds on the knowledge {0}, which is not the one in use here: get a whole bundle")]
    OtherBase(String),
    #[error("it holds a file of more than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("what it holds is damaged: {0}")]
    Damaged(String),
    #[error("the signing key cannot be used")]
    Key,
    #[error("it cannot be packed: {0}")]
    Pack(std::io::Error),
}

/// What a bundle says of itself, signature checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    pub signer: String,
    pub hash: String,
    /// Content address of the file that it builds on. `None`: it is whole.
    pub base: Option<String>,
}

/// Tells whether bytes look like a bundle.
pub fn is_bundle(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Packs and signs a knowledge file, whole or against an older one. `key` is a PKCS#8 document.
pub fn export(file: &[u8], older: Option<&[u8]>, key: &[u8]) -> Result<Vec<u8>, BundleError> {
    let pair = Ed25519KeyPair::from_pkcs8(key).map_err(|_| BundleError::Key)?;
    let hash = address(file)?;
    let base = older.map(address).transpose()?.unwrap_or_default();
    let packed = match older {
        Some(older) => pack_against(file, older).map_err(BundleError::Pack)?,
        None => zstd::bulk::compress(file, LEVEL).map_err(BundleError::Pack)?,
    };
    let mut head = Head {
        magic: MAGIC,
        version: VERSION.into(),
        file_bytes: (file.len() as u64).into(),
        hash,
        base,
        signer: pair.public_key().as_ref().try_into().map_err(|_| BundleError::Key)?,
        signature: [0; 64],
    };
    let signed = [&head.as_bytes()[..SIGNED_BYTES], &packed].concat();
    head.signature = pair.sign(&signed).as_ref().try_into().map_err(|_| BundleError::Key)?;
    Ok([head.as_bytes(), &packed].concat())
}

/// Checks the signature, whoever made it.
pub fn about(bundle: &[u8]) -> Result<About, BundleError> {
    let (head, packed) = open(bundle)?;
    let signed = [&head.as_bytes()[..SIGNED_BYTES], packed].concat();
    UnparsedPublicKey::new(&ED25519, head.signer)
        .verify(&signed, &head.signature)
        .map_err(|_| BundleError::Signature)?;
    let base = (head.base != [0; 32]).then(|| hex::encode(head.base));
    Ok(About { signer: hex::encode(head.signer), hash: hex::encode(head.hash), base })
}

/// The knowledge file in a bundle that a trusted key has signed. `in_use` is what a delta may build on.
pub fn import(bundle: &[u8], trusted: &[[u8; 32]], in_use: Option<&[u8]>) -> Result<Vec<u8>, BundleError> {
    let (head, packed) = open(bundle)?;
    if !trusted.contains(&head.signer) {
        return Err(BundleError::Untrusted(hex::encode(head.signer)));
    }
    about(bundle)?;
    let size = usize::try_from(head.file_bytes.get()).map_err(|_| BundleError::TooLarge)?;
    let damaged = |reason: &dyn std::fmt::Display| BundleError::Damaged(reason.to_string());
    let file = if head.base == [0; 32] {
        unpack_against(packed, &[], size).map_err(|e| damaged(&e))?
    } else {
        let other = || BundleError::OtherBase(hex::encode(head.base));
        let older = in_use.ok_or_else(other)?;
        if address(older)? != head.base {
            return Err(other());
        }
        unpack_against(packed, older, size).map_err(|e| damaged(&e))?
    };
    if file.len() != size || address(&file)? != head.hash {
        return Err(damaged(&"it is not what its hash says"));
    }
    Ok(file)
}

fn open(bundle: &[u8]) -> Result<(Head, &[u8]), BundleError> {
    let (head, packed) = Head::read_from_prefix(bundle).map_err(|_| BundleError::Foreign)?;
    if head.magic != MAGIC {
        return Err(BundleError::Foreign);
    }
    if head.version.get() != VERSION {
        return Err(BundleError::Version(head.version.get()));
    }
    if head.file_bytes.get() > FILE_BYTES_MAX {
        return Err(BundleError::TooLarge);
    }
    Ok((head, packed))
}

/// The content address of a knowledge file whose content is checked against it.
fn address(file: &[u8]) -> Result<[u8; 32], BundleError> {
    let damaged = |error: crate::KnowledgeError| BundleError::Damaged(error.to_string());
    let knowledge = Knowledge::from_bytes(file.to_vec()).map_err(damaged)?;
    knowledge.verify().map_err(damaged)?;
    Ok(knowledge.image.hash())
}

fn pack_against(file: &[u8], older: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), LEVEL, older)?;
    encoder.long_distance_matching(true)?;
    encoder.window_log(window_log(file.len().max(older.len())))?;
    encoder.write_all(file)?;
    encoder.finish()
}

fn unpack_against(packed: &[u8], older: &[u8], size: usize) -> std::io::Result<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::with_ref_prefix(Cursor::new(packed), older)?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    // What it says of its size is no ground to reserve that much.
    let mut file = Vec::new();
    decoder.take(size as u64 + 1).read_to_end(&mut file)?;
    Ok(file)
}

/// The window in which both files fit side by side.
fn window_log(bytes: usize) -> u32 {
    let needed = usize::BITS - (bytes * 2).leading_zeros();
    needed.clamp(20, WINDOW_LOG_MAX - 1)
}

#[cfg(test)]
mod tests {
    use domain::feed::FeedSnapshot;
    use domain::record::{Flaw, Record};
    use domain::vulnerability::VulnerabilityId;
    use ring::rand::SystemRandom;

    use super::*;
    use crate::Builder;

    fn key() -> (Vec<u8>, [u8; 32]) {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("there is randomness");
        let pair = Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("it is a key");
        (key.as_ref().to_vec(), pair.public_key().as_ref().try_into().expect("32 bytes"))
    }

    fn file(flaws: u32) -> Vec<u8> {
        let mut builder = Builder::new();
        builder.feed(FeedSnapshot::never("nvd"));
        for number in 0..flaws {
            let id = VulnerabilityId::new(format!("CVE-2099-{number:05}")).expect("an identifier");
            builder.record("nvd", Record::Flaw(Flaw { description: format!("words {number}"), ..Flaw::bare(id) }));
        }
        builder.finish().expect("it is small")
    }

    #[test]
    fn a_whole_bundle_and_a_delta_give_the_file() {
        let ((key, public), old, new) = (key(), file(2000), file(2001));
        let whole = export(&new, None, &key).expect("it is made");
        assert_eq!(import(&whole, &[public], None).expect("it is read"), new);
        let delta = export(&new, Some(&old), &key).expect("it is made");
        assert!(delta.len() < whole.len());
        assert_eq!(import(&delta, &[public], Some(&old)).expect("it is read"), new);
        assert!(matches!(import(&delta, &[public], None), Err(BundleError::OtherBase(_))));
        assert!(matches!(import(&delta, &[public], Some(&new)), Err(BundleError::OtherBase(_))));
        assert_eq!(about(&delta).expect("it is signed").base.map(|base| base.len()), Some(64));
    }

    #[test]
    fn what_was_changed_cut_or_signed_by_others_is_refused() {
        let ((key, public), file) = (key(), file(50));
        let whole = export(&file, None, &key).expect("it is made");
        assert!(matches!(import(&whole, &[[0; 32]], None), Err(BundleError::Untrusted(_))));
        for cut in [0, 7, HEAD_BYTES - 1, HEAD_BYTES + 3, whole.len() - 1] {
            assert!(import(&whole[..cut], &[public], None).is_err(), "cut to {cut}");
        }
        for place in (8..whole.len()).step_by(whole.len() / 97 + 1) {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            assert!(import(&changed, &[public], None).is_err(), "changed at {place}");
        }
    }
}
