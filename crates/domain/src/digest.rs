//! Keys that are made of texts.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// 128 bits over texts, each with its length, behind what the hash has taken already: enough that two lists never meet.
pub(crate) fn half(mut hash: Sha256, parts: &[&str]) -> [u8; 16] {
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

/// The same over texts alone, as a number.
pub fn number(parts: &[&str]) -> u128 {
    u128::from_be_bytes(half(Sha256::new(), parts))
}

/// The same in hexadecimal digits.
pub fn of(parts: &[&str]) -> String {
    in_digits(number(parts))
}

/// A number as [`of`] writes it.
pub fn in_digits(number: u128) -> String {
    Uuid::from_u128(number).simple().to_string()
}
