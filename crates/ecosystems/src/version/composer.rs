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
    /// A word that comes before the release: `dev`, alpha, beta, candidate; one that is not known; none where a separator
    /// promises one.
    Before(u8),
    Number(Number<'a>),
    /// A hash sign: PHP's name for any number.
    AnyNumber,
    Patch,
}

const NOTHING: u8 = 0;
const UNKNOWN: u8 = 1;
const DEV: u8 = 2;
const ALPHA: u8 = 3;
const BETA: u8 = 4;
const CANDIDATE: u8 = 5;

/// Composer fills up to this many numbers with zeros.
const NUMBERS: usize = 4;

impl<'a> Version<'a> {
    /// Takes what Composer takes for a release; branches (`dev-main`, `1.x-dev`) have no order.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let text = text.trim();
        let text = text.split_once(" as ").map_or(text, |(version, _)| version.trim_end());
        let text = text.split_once('@').map_or(text, |(version, _)| version);
        let text = match text.split_once('+') {
            Some((_, "")) => return Err("nothing follows its plus sign"),
            Some((version, _)) => version,
            None => text,
        };
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text).as_bytes();
        let parts = parse_numbered(text).or_else(|reason| parse_dated(text).ok_or(reason))?;
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
        if text.ends_with(|c: char| !(c.is_ascii_alphanumeric() || c == '#')) {
            parts.push(Part::Before(NOTHING));
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

/// One to four numbers, the missing ones zero, and a stability.
fn parse_numbered(text: &[u8]) -> Result<Vec<Part<'_>>, &'static str> {
    let mut parts = Vec::with_capacity(NUMBERS + 2);
    let mut rest = text;
    match digits(rest) {
        0 => return Err("it does not begin with a number: a branch has no order"),
        1..=5 => {}
        _ => return Err("its first number is too big for anything but a date"),
    }
    loop {
        let (number, after) = rest.split_at(digits(rest));
        parts.push(Part::Number(Number::new(number)));
        match after {
            [b'.', next @ ..] if parts.len() < NUMBERS && digits(next) > 0 => rest = next,
            _ => {
                parts.resize(NUMBERS, Part::Number(Number::ZERO));
                parse_stability(after, &mut parts)?;
                return Ok(parts);
            }
        }
    }
}

/// A date, with or without a time (`20240131`, `2024-01-31`), and a stability.
fn parse_dated(text: &[u8]) -> Option<Vec<Part<'_>>> {
    // Longest first, so that what belongs to the date is not read as something else.
    let end = (6..=text.len()).rev().find(|end| is_date(&text[..*end]) && digits(&text[*end..]) == 0)?;
    let (date, rest) = text.split_at(end);
    let mut parts: Vec<_> =
        date.split(|c| !c.is_ascii_digit()).map(|number| Part::Number(Number::new(number))).collect();
    parse_stability(rest, &mut parts).ok()?;
    Some(parts)
}

/// Four digits of a year, one to six times two digits, and at most one to three more.
fn is_date(text: &[u8]) -> bool {
    const SEPARATORS: [u8; 3] = *b".:-";
    let Some((year, mut rest)) = text.split_at_checked(4) else { return false };
    if digits(year) < 4 {
        return false;
    }
    for pairs in 0..=6 {
        let group = match rest {
            [] => return pairs > 0,
            [separator, group @ ..] if SEPARATORS.contains(separator) => group,
            group => group,
        };
        if pairs > 0 && digits(group) == group.len() && (1..=3).contains(&group.len()) {
            return true;
        }
        match group.split_at_checked(2) {
            Some((pair, after)) if digits(pair) == 2 => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}

/// The stability that follows the numbers: `-beta2.1`, `RC1`, `-patch3`, `-dev`.
fn parse_stability<'a>(text: &'a [u8], parts: &mut Vec<Part<'a>>) -> Result<(), &'static str> {
    const STABILITIES: [(&str, Part<'static>); 8] = [
        ("beta", Part::Before(BETA)),
        ("b", Part::Before(BETA)),
        ("rc", Part::Before(CANDIDATE)),
        ("alpha", Part::Before(ALPHA)),
        ("a", Part::Before(ALPHA)),
        ("patch", Part::Patch),
        ("pl", Part::Patch),
        ("p", Part::Patch),
    ];
    let rest = text.strip_prefix(b".").or_else(|| text.strip_prefix(b"_")).unwrap_or(text);
    let mut rest = rest.strip_prefix(b"-").filter(|_| rest.len() == text.len()).unwrap_or(rest);
    if let Some(after) = strip_word(rest, "stable") {
        return if stability_ends(skip_numbers(after, |_| {})).is_some() { Ok(()) } else { Err(NO_STABILITY) };
    }
    for (word, stability) in STABILITIES {
        if let Some(after) = strip_word(rest, word) {
            parts.push(stability);
            rest = skip_numbers(after, |number| parts.push(Part::Number(number)));
            break;
        }
    }
    let dev = stability_ends(rest).ok_or(NO_STABILITY)?;
    parts.extend(dev);
    Ok(())
}

const NO_STABILITY: &str = "something other than a stability follows its numbers";

fn strip_word<'a>(text: &'a [u8], word: &str) -> Option<&'a [u8]> {
    let (front, rest) = text.split_at_checked(word.len())?;
    front.eq_ignore_ascii_case(word.as_bytes()).then_some(rest)
}

/// Takes numbers, each after a dot, a hyphen or nothing.
fn skip_numbers<'a>(mut text: &'a [u8], mut found: impl FnMut(Number<'a>)) -> &'a [u8] {
    loop {
        let group = text.strip_prefix(b".").or_else(|| text.strip_prefix(b"-")).unwrap_or(text);
        match digits(group) {
            0 => return text,
            length => {
                found(Number::new(&group[..length]));
                text = &group[length..];
            }
        }
    }
}

/// Whether nothing follows, or `dev`, which is the last part then.
fn stability_ends(text: &[u8]) -> Option<Option<Part<'static>>> {
    if text.is_empty() {
        return Some(None);
    }
    let word = text.strip_prefix(b".").or_else(|| text.strip_prefix(b"-")).unwrap_or(text);
    word.eq_ignore_ascii_case(b"dev").then_some(Some(Part::Before(DEV)))
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
