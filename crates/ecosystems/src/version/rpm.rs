//! rpm's version order: `[epoch:]version[-release]`.

use std::cmp::Ordering;

use super::number::{Number, digits, letters};

/// A parsed rpm version.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    epoch: Number<'a>,
    version: &'a [u8],
    release: Option<&'a [u8]>,
}

impl<'a> Version<'a> {
    /// Takes what rpm takes: only digits before the first colon are an epoch.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let (epoch, version, release) = split(text)?;
        Ok(Self { epoch, version, release })
    }

    /// A version without a release is lower than the same with one.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.epoch.cmp(&other.epoch).then_with(|| compare_part(self.version, other.version)).then_with(|| {
            match (self.release, other.release) {
                (Some(a), Some(b)) => compare_part(a, b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            }
        })
    }
}

/// Splits into epoch, version and release.
pub(super) fn split(text: &str) -> Result<(Number<'_>, &[u8], Option<&[u8]>), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
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
    if version.is_empty() {
        return Err("the version is empty");
    }
    Ok((epoch, version, release))
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
    let run = match (digits(a), digits(b)) {
        (0, 0) => (letters(a), letters(b)),
        (0, _) => return Ordering::Less,
        (_, 0) => return Ordering::Greater,
        run => {
            let (x, rest_of_a) = a.split_at(run.0);
            let (y, rest_of_b) = b.split_at(run.1);
            (*a, *b) = (rest_of_a, rest_of_b);
            return Number::new(x).cmp(&Number::new(y));
        }
    };
    let (x, rest_of_a) = a.split_at(run.0);
    let (y, rest_of_b) = b.split_at(run.1);
    (*a, *b) = (rest_of_a, rest_of_b);
    x.cmp(y)
}

fn skip_separators(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|c| c.is_ascii_alphanumeric() || matches!(c, b'~' | b'^')).unwrap_or(text.len());
    &text[end..]
}
