//! Numbers in versions, of any length.

use std::cmp::Ordering;

/// A run of digits without its leading zeros; zero is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Number<'a>(&'a [u8]);

impl<'a> Number<'a> {
    pub(super) const ZERO: Self = Self(b"");

    /// Takes ASCII digits, and nothing else.
    pub(super) fn new(digits: &'a [u8]) -> Self {
        let zeros = digits.iter().take_while(|c| **c == b'0').count();
        Self(&digits[zeros..])
    }

    /// Takes a text that is digits only and not empty.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        (!text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())).then(|| Self::new(text.as_bytes()))
    }

    /// Takes the digits at the front, and what follows them.
    pub(super) fn split(text: &'a [u8]) -> (Self, &'a [u8]) {
        let (digits, rest) = text.split_at(digits(text));
        (Self::new(digits), rest)
    }

    pub(super) const fn is_zero(self) -> bool {
        self.0.is_empty()
    }
}

/// How many bytes at the front are digits.
pub(super) fn digits(text: &[u8]) -> usize {
    text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len())
}

/// How many bytes at the front are ASCII letters.
pub(super) fn letters(text: &[u8]) -> usize {
    text.iter().position(|c| !c.is_ascii_alphabetic()).unwrap_or(text.len())
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
