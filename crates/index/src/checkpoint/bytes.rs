//! Values as bytes and back. Reading never goes beyond the frame.

/// What is wrong with a frame.
pub(super) type Wrong = &'static str;

pub(super) fn put_text(to: &mut Vec<u8>, text: &str) {
    put_u32(to, crate::numbers::next(text.len()));
    to.extend_from_slice(text.as_bytes());
}

pub(super) fn put_u32(to: &mut Vec<u8>, number: u32) {
    to.extend_from_slice(&number.to_le_bytes());
}

/// A frame being read.
pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Wrong> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("a value goes beyond its frame")?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Wrong> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Wrong> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Wrong> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Wrong> {
        let length = self.u32()? as usize;
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text is not UTF-8")
    }

    /// So many numbers of 32 bits.
    pub(super) fn u32s(&mut self, count: usize) -> Result<impl Iterator<Item = u32> + use<'a>, Wrong> {
        let bytes = self.take(count.checked_mul(4).ok_or("a count is too large")?)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)))
    }

    /// So many numbers of 16 bits.
    pub(super) fn u16s(&mut self, count: usize) -> Result<impl Iterator<Item = u16> + use<'a>, Wrong> {
        let bytes = self.take(count.checked_mul(2).ok_or("a count is too large")?)?;
        Ok(bytes.as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes)))
    }
}
