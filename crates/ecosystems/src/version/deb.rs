//! dpkg's version order: `[epoch:]upstream[-revision]`.

use std::cmp::Ordering;

/// A parsed Debian version.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    epoch: u32,
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Version<'a> {
    /// Takes what dpkg takes, its warning on a version that does not start with a digit included; characters that no
    /// version may have are an error here, where dpkg only warns.
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
        if text.is_empty() {
            return Err("it is empty");
        }
        let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'+' | b'-' | b'~' | b':');
        if !text.bytes().all(legal) {
            return Err("it has a character that no version may have");
        }
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (parse_epoch(epoch)?, rest),
            None => (0, text),
        };
        if rest.is_empty() {
            return Err("nothing follows the epoch");
        }
        let (upstream, revision) = match rest.rsplit_once('-') {
            Some((_, "")) => return Err("the revision is empty"),
            Some((upstream, revision)) => (upstream, revision),
            None => (rest, ""),
        };
        if upstream.is_empty() {
            return Err("the upstream version is empty");
        }
        if revision.contains(':') {
            return Err("the revision has a colon");
        }
        Ok(Self { epoch, upstream: upstream.as_bytes(), revision: revision.as_bytes() })
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(self.upstream, other.upstream))
            .then_with(|| compare_part(self.revision, other.revision))
    }
}

/// dpkg reads a sign in front of the epoch as C does.
fn parse_epoch(text: &str) -> Result<u32, &'static str> {
    let (negative, digits) = match text.as_bytes().first() {
        None => return Err("the epoch is empty"),
        Some(b'+') => (false, &text[1..]),
        Some(b'-') => (true, &text[1..]),
        Some(_) => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return Err("the epoch is not a number");
    }
    let epoch = digits.parse::<i32>().map_err(|_| "the epoch is too big")?;
    if negative && epoch != 0 {
        return Err("the epoch is negative");
    }
    u32::try_from(epoch).map_err(|_| "the epoch is negative")
}

/// Compares by turns a run without digits and a run of digits.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        loop {
            let (x, y) = (a.first().copied(), b.first().copied());
            let word = |c: Option<u8>| c.is_some_and(|c| !c.is_ascii_digit());
            if !word(x) && !word(y) {
                break;
            }
            match weight(x).cmp(&weight(y)) {
                Ordering::Equal => {
                    a = a.get(1..).unwrap_or_default();
                    b = b.get(1..).unwrap_or_default();
                }
                order => return order,
            }
        }
        let (x, y) = (take_number(&mut a), take_number(&mut b));
        let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// `~` sorts before the end, letters before everything else.
fn weight(c: Option<u8>) -> i32 {
    match c {
        None => 0,
        Some(c) if c.is_ascii_digit() => 0,
        Some(b'~') => -1,
        Some(c) if c.is_ascii_alphabetic() => i32::from(c),
        Some(c) => i32::from(c) + 256,
    }
}

/// Takes a run of digits from the front, without its leading zeros.
fn take_number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|c| **c == b'0').count();
    &digits[zeros..]
}
