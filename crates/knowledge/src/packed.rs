//! Values that are packed in the file and unpacked when somebody asks.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Damaged, TooLarge};

/// No packed part is larger than this when it is unpacked.
const UNPACKED_MAX: usize = 256 << 20;
const LEVEL: i32 = 15;

pub(crate) fn pack(value: &impl Serialize) -> Result<Vec<u8>, TooLarge> {
    let bytes = postcard::to_allocvec(value).map_err(|_| TooLarge("a text"))?;
    zstd::bulk::compress(&bytes, LEVEL).map_err(|_| TooLarge("a text"))
}

pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Damaged> {
    let damaged = Damaged("a packed part does not unpack");
    let size = zstd::bulk::Decompressor::upper_bound(bytes).filter(|size| *size <= UNPACKED_MAX).ok_or(damaged)?;
    let plain = zstd::bulk::decompress(bytes, size).map_err(|_| damaged)?;
    postcard::from_bytes(&plain).map_err(|_| damaged)
}
