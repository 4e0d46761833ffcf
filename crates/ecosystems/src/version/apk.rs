//! apk's version order: `number{.number}{letter}{_suffix{number}}{~hash}{-r{number}}`.

use std::cmp::Ordering;

use super::number::{Number, digits};

/// A parsed apk version; its parts are read anew by each comparison, which is as fast as keeping them.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    text: &'a [u8],
}

impl<'a> Version<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let version = Self::parse_loosely(text);
        let mut rest = version.text;
        let mut last = Part::Start;
        loop {
            last = next(&mut rest, last);
            match last {
                Part::End => return Ok(version),
                Part::Rest(_) => return Err("it is no numbers, letter, suffixes, hash and revision in apk's form"),
                _ => {}
            }
        }
    }

    /// Takes any text: what does not belong sorts right before the end.
    pub(super) const fn parse_loosely(text: &'a str) -> Self {
        Self { text: text.as_bytes() }
    }

    /// Compares part by part; where the kinds differ, the one that may come earlier in a version wins.
    pub fn compare(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = (self.text, other.text);
        let (mut x, mut y) = (Part::Start, Part::Start);
        loop {
            x = next(&mut a, x);
            y = next(&mut b, y);
            let order = x.rank().cmp(&y.rank()).then_with(|| x.compare(y));
            if order.is_ne() || matches!(x, Part::End | Part::Rest(_)) {
                return order;
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Start,
    First(Number<'a>),
    /// A number after a dot, as it is written.
    Number(&'a [u8]),
    Letter(u8),
    Suffix(Suffix),
    SuffixNumber(Number<'a>),
    Hash(&'a [u8]),
    Revision(Number<'a>),
    End,
    /// What has no place here.
    Rest(&'a [u8]),
}

/// In the order of apk; those before [`Suffix::Cvs`] come before the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    Alpha,
    Beta,
    Pre,
    Rc,
    Cvs,
    Svn,
    Git,
    Hg,
    P,
}

impl Suffix {
    fn parse(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"alpha" => Self::Alpha,
            b"beta" => Self::Beta,
            b"pre" => Self::Pre,
            b"rc" => Self::Rc,
            b"cvs" => Self::Cvs,
            b"svn" => Self::Svn,
            b"git" => Self::Git,
            b"hg" => Self::Hg,
            b"p" => Self::P,
            _ => return None,
        })
    }
}

impl Part<'_> {
    const fn rank(self) -> u8 {
        match self {
            Self::Suffix(Suffix::Alpha | Suffix::Beta | Suffix::Pre | Suffix::Rc) => 0,
            Self::Rest(_) => 1,
            Self::End => 2,
            Self::Revision(_) => 3,
            Self::Hash(_) => 4,
            Self::SuffixNumber(_) => 5,
            Self::Suffix(_) => 6,
            Self::Letter(_) => 7,
            Self::Number(_) => 8,
            Self::First(_) => 9,
            Self::Start => 10,
        }
    }

    /// The order of two parts of one rank.
    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::First(a), Self::First(b))
            | (Self::SuffixNumber(a), Self::SuffixNumber(b))
            | (Self::Revision(a), Self::Revision(b)) => a.cmp(&b),
            // With a leading zero a number counts as a decimal fraction does: as text.
            (Self::Number(a), Self::Number(b)) if a.starts_with(b"0") || b.starts_with(b"0") => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (Self::Letter(a), Self::Letter(b)) => a.cmp(&b),
            (Self::Suffix(a), Self::Suffix(b)) => a.cmp(&b),
            (Self::Hash(a), Self::Hash(b)) | (Self::Rest(a), Self::Rest(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// Takes the next part from the front, given the one before it.
fn next<'a>(text: &mut &'a [u8], last: Part<'a>) -> Part<'a> {
    let whole = *text;
    let part = take(text, last);
    match (part, whole) {
        (Some(part), _) => part,
        // After a hyphen that starts no revision nothing is told apart.
        (None, [b'-', ..]) => Part::Rest(&whole[..1]),
        (None, _) => Part::Rest(whole),
    }
}

fn take<'a>(text: &mut &'a [u8], last: Part<'a>) -> Option<Part<'a>> {
    let numbers = matches!(last, Part::First(_) | Part::Number(_));
    let part = match *text {
        [b'0'..=b'9', ..] if last == Part::Start => Part::First(Number::new(take_run(text, digits))),
        _ if last == Part::Start => return None,
        [] => Part::End,
        [b'0'..=b'9', ..] if matches!(last, Part::Suffix(_)) => Part::SuffixNumber(Number::new(take_run(text, digits))),
        [b'.', b'0'..=b'9', ..] if numbers => {
            *text = &text[1..];
            Part::Number(take_run(text, digits))
        }
        [letter @ b'a'..=b'z', ..] if numbers => {
            *text = &text[1..];
            Part::Letter(*letter)
        }
        [b'_', ..] if numbers || matches!(last, Part::Letter(_) | Part::Suffix(_) | Part::SuffixNumber(_)) => {
            let mut rest = &text[1..];
            let suffix = Suffix::parse(take_run(&mut rest, |text| run(text, u8::is_ascii_lowercase)))?;
            *text = rest;
            Part::Suffix(suffix)
        }
        [b'~', b'0'..=b'9' | b'a'..=b'f', ..] if !matches!(last, Part::Hash(_) | Part::Revision(_)) => {
            *text = &text[1..];
            Part::Hash(take_run(text, |text| run(text, |c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))))
        }
        [b'-', b'r', rest @ ..] if !matches!(last, Part::Revision(_)) && digits(rest) == rest.len() => {
            *text = &[];
            Part::Revision(Number::new(rest))
        }
        _ => return None,
    };
    Some(part)
}

fn run(text: &[u8], belongs: impl Fn(&u8) -> bool) -> usize {
    text.iter().position(|c| !belongs(c)).unwrap_or(text.len())
}

fn take_run<'a>(text: &mut &'a [u8], length: impl Fn(&[u8]) -> usize) -> &'a [u8] {
    let (run, rest) = text.split_at(length(text));
    *text = rest;
    run
}
