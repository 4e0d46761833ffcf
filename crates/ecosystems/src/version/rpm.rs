//! rpm's version order: `[epoch:]version[-release]`.

use std::cmp::Ordering;

use super::number::{Number, digits, letters};

/// A parsed rpm version.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a>(Parts<'a>);

impl<'a> Version<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        Parts::split(text).map(Self)
    }

    /// A version without a release is lower than the same with one.
    pub fn compare(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.0, &other.0);
        a.epoch.cmp(&b.epoch).then_with(|| compare_part(a.version, b.version)).then_with(|| {
            match (a.release, b.release) {
                (Some(a), Some(b)) => compare_part(a, b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            }
        })
    }
}

/// Epoch, version and release, as rpm and pacman split them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) epoch: Number<'a>,
    pub(super) version: &'a [u8],
    pub(super) release: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Only digits before the first colon are an epoch; the release stands behind the last hyphen.
    pub(super) fn split(text: &'a str) -> Result<Self, &'static str> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("it has a character that no version may have");
        }
        let bytes = text.as_bytes();
        let (epoch, rest) = match Number::split(bytes) {
            (epoch, [b':', rest @ ..]) => (epoch, rest),
            _ => (Number::ZERO, bytes),
        };
        let (version, release) = match rest.iter().rposition(|c| *c == b'-') {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        if version.is_empty() { Err("the version is empty") } else { Ok(Self { epoch, version, release }) }
    }
}

/// Compares runs of letters and runs of digits by turns; everything else only separates.
///
/// A tilde sorts before the end, a caret right after it.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        a = skip_separators(a);
        b = skip_separators(b);
        match (a, b) {
            ([b'~', x @ ..], [b'~', y @ ..]) | ([b'^', x @ ..], [b'^', y @ ..]) => {
                (a, b) = (x, y);
                continue;
            }
            ([b'~', ..], _) => return Ordering::Less,
            (_, [b'~', ..]) => return Ordering::Greater,
            ([b'^', ..], []) => return Ordering::Greater,
            ([b'^', ..], _) => return Ordering::Less,
            ([], [b'^', ..]) => return Ordering::Less,
            (_, [b'^', ..]) => return Ordering::Greater,
            ([], []) => return Ordering::Equal,
            ([], _) => return Ordering::Less,
            (_, []) => return Ordering::Greater,
            _ => {}
        }
        let order = compare_run(&mut a, &mut b);
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes a run of one kind from both and compares them; digits are newer than letters.
pub(super) fn compare_run(a: &mut &[u8], b: &mut &[u8]) -> Ordering {
    match (digits(a), digits(b)) {
        (0, 0) => take(a, letters(a)).cmp(take(b, letters(b))),
        (0, _) => Ordering::Less,
        (_, 0) => Ordering::Greater,
        (x, y) => Number::new(take(a, x)).cmp(&Number::new(take(b, y))),
    }
}

fn take<'a>(text: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (front, rest) = text.split_at(length);
    *text = rest;
    front
}

fn skip_separators(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|c| c.is_ascii_alphanumeric() || matches!(c, b'~' | b'^')).unwrap_or(text.len());
    &text[end..]
}
