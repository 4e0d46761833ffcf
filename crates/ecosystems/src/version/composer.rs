//! Composer's version order: PHP's `version_compare`, over versions that Composer has normalised.

use std::cmp::Ordering;

use super::number::{Number, digits, letters};

/// A parsed Composer version.
#[derive(Debug, Clone)]
pub struct Version<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    /// A word: `dev` and what is not known, alpha, beta, candidate.
    Before(u8),
    Number(Number<'a>),
    /// A hash sign: PHP's name for any number.
    AnyNumber,
    Patch,
}

const UNKNOWN: u8 = 0;
const DEV: u8 = 1;
const ALPHA: u8 = 2;
const BETA: u8 = 3;
const CANDIDATE: u8 = 4;

/// Composer fills up to this many numbers with zeros.
const NUMBERS: usize = 4;

impl<'a> Version<'a> {
    /// Takes what Composer takes for a release; branches (`dev-main`, `1.x-dev`) have no order.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let text = text.trim();
        let text = text.split_once(" as ").map_or(text, |(version, _)| version);
        let text = text.split_once('@').map_or(text, |(version, _)| version);
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let mut rest = text.as_bytes();
        let mut parts = Vec::with_capacity(NUMBERS + 2);
        let date = is_date(text);
        while let (length @ 1.., true) = (digits(rest), date || parts.len() < NUMBERS) {
            parts.push(Part::Number(Number::new(&rest[..length])));
            rest = &rest[length..];
            match rest {
                [b'.', after @ ..] if digits(after) > 0 => rest = after,
                [b'-' | b':', after @ ..] if date && digits(after) > 0 => rest = after,
                _ => break,
            }
        }
        if parts.is_empty() {
            return Err("it does not begin with a number: a branch has no order");
        }
        while parts.len() < NUMBERS && !date {
            parts.push(Part::Number(Number::ZERO));
        }
        parse_stability(rest, &mut parts)?;
        Ok(Self { parts })
    }

    /// Takes any text, as PHP does, but for the `v` in front, which Composer drops.
    pub(super) fn parse_loosely(text: &'a str) -> Self {
        let mut rest = text.strip_prefix(['v', 'V']).unwrap_or(text).as_bytes();
        let mut parts = Vec::with_capacity(8);
        while let Some(first) = rest.first() {
            let length = match first {
                b'0'..=b'9' => {
                    let length = digits(rest);
                    parts.push(Part::Number(Number::new(&rest[..length])));
                    length
                }
                b'#' => {
                    parts.push(Part::AnyNumber);
                    1
                }
                c if c.is_ascii_alphabetic() => {
                    let length = letters(rest);
                    parts.push(word(&rest[..length]));
                    length
                }
                _ => 1,
            };
            rest = &rest[length..];
        }
        Self { parts }
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        for i in 0..self.parts.len().max(other.parts.len()) {
            let order = compare_parts(self.parts.get(i).copied(), other.parts.get(i).copied());
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }
}

/// The stability that follows the numbers: `-beta2.1`, `RC1`, `-patch3`, `-dev`.
fn parse_stability<'a>(rest: &'a [u8], parts: &mut Vec<Part<'a>>) -> Result<(), &'static str> {
    const WRONG: &str = "something other than a stability follows its numbers";
    let separator = |text: &[u8]| usize::from(matches!(text.first(), Some(b'.' | b'_' | b'-')));
    let mut rest = &rest[separator(rest)..];
    let length = letters(rest);
    let stability = rest[..length].to_ascii_lowercase();
    let (before, dev) = match stability.strip_suffix(b"dev") {
        Some(before) => (before, true),
        None => (stability.as_slice(), false),
    };
    let stable = match before {
        b"" => false,
        b"stable" => true,
        b"alpha" | b"a" | b"beta" | b"b" | b"rc" | b"patch" | b"pl" | b"p" => {
            parts.push(word(before));
            false
        }
        _ => return Err(WRONG),
    };
    rest = &rest[length..];
    if !before.is_empty() && !dev {
        loop {
            let after = &rest[usize::from(matches!(rest.first(), Some(b'.' | b'-')))..];
            let length = digits(after);
            if length == 0 {
                break;
            }
            if !stable {
                parts.push(Part::Number(Number::new(&after[..length])));
            }
            rest = &after[length..];
        }
    }
    let suffix = rest.strip_prefix(b".").or_else(|| rest.strip_prefix(b"-")).unwrap_or(rest);
    match (suffix, dev) {
        ([], true) if rest.is_empty() => parts.push(Part::Before(DEV)),
        ([], false) if rest.is_empty() => {}
        (suffix, false) if suffix.eq_ignore_ascii_case(b"dev") => parts.push(Part::Before(DEV)),
        _ => return Err(WRONG),
    }
    Ok(())
}

/// PHP knows words by how they begin, and only `RC` and `rc` whatever their case.
fn word(text: &[u8]) -> Part<'static> {
    match text {
        [b'd', b'e', b'v', ..] => Part::Before(DEV),
        [b'a', ..] => Part::Before(ALPHA),
        [b'b', ..] => Part::Before(BETA),
        [b'R', b'C', ..] | [b'r', b'c', ..] => Part::Before(CANDIDATE),
        [b'p', ..] => Part::Patch,
        _ => Part::Before(UNKNOWN),
    }
}

/// The end comes after what is before a release, and before any number; a patch comes after both.
fn compare_parts(a: Option<Part<'_>>, b: Option<Part<'_>>) -> Ordering {
    const END: u8 = CANDIDATE + 1;
    let rank = |part: Option<Part<'_>>| match part {
        Some(Part::Before(rank)) => rank,
        None | Some(Part::AnyNumber) => END,
        Some(Part::Number(_)) => END + 1,
        Some(Part::Patch) => END + 2,
    };
    match (a, b) {
        (Some(Part::Number(a)), Some(Part::Number(b))) => a.cmp(&b),
        (Some(Part::AnyNumber), Some(Part::Number(_))) | (Some(Part::Number(_)), Some(Part::AnyNumber)) => {
            Ordering::Equal
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

/// `2024.01.31`, `20240131`: four digits of a year, then two at a time.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    if digits(bytes) < 4 {
        return false;
    }
    let mut rest = &bytes[digits(bytes)..];
    let mut groups = digits(bytes).saturating_sub(4) / 2;
    let even = digits(bytes) % 2 == 0;
    while let [b'.' | b'-' | b':', after @ ..] = rest {
        match digits(after) {
            1..=3 => groups += 1,
            _ => break,
        }
        rest = &after[digits(after)..];
    }
    even && (digits(bytes) > 5 || digits(bytes) == 4 && groups > 0) && rest.is_empty()
}
