//! An order for software of no package world, as CPE names and their ranges write versions.
//!
//! It is a convention and nobody's rule: numbers and words by turns, whatever separates them. At one place come words that
//! announce a release (`alpha`, `rc` …), then the end, then words that follow one (OpenSSL's `k`, Java's `u202`, `p1`)
//! by their letters, then numbers. Zeros before a word or the end do not count. What does not begin with a number, and
//! `a1` or `b1`, which announce a release here and follow one there, have no order.

use std::cmp::Ordering;

use super::number::{Number, digits, letters};

/// A parsed version of software that no package manager knows.
#[derive(Debug, Clone)]
pub struct Version<'a> {
    parts: Vec<Part<'a>>,
}

/// In their order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Announcing(u8),
    End,
    Following(String),
    Number(Number<'a>),
}

/// Words that announce a release, those of one place together.
const ANNOUNCING: [&[&str]; 4] = [
    &["dev", "devel", "snapshot", "nightly", "canary"],
    &["alpha"],
    &["beta", "milestone", "ea"],
    &["pre", "preview", "prerelease", "rc", "cr"],
];

impl<'a> Version<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("it does not begin with a number");
        }
        if !text.bytes().all(|c| c.is_ascii_graphic()) {
            return Err("it has a character that no version may have");
        }
        let mut parts = Vec::with_capacity(6);
        let mut rest = text.as_bytes();
        while let Some(first) = rest.first() {
            let length = if first.is_ascii_digit() {
                parts.push(Part::Number(Number::new(&rest[..digits(rest)])));
                digits(rest)
            } else if first.is_ascii_alphabetic() {
                let (word, after) = rest.split_at(letters(rest));
                drop_zeros(&mut parts);
                parts.push(classify(word, after)?);
                word.len()
            } else {
                1
            };
            rest = &rest[length..];
        }
        drop_zeros(&mut parts);
        Ok(Self { parts })
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        let end = [Part::End];
        self.parts.iter().chain(&end).cmp(other.parts.iter().chain(&end))
    }
}

fn classify<'a>(word: &[u8], after: &[u8]) -> Result<Part<'a>, &'static str> {
    if matches!(word, [b'a' | b'A' | b'b' | b'B']) && digits(after) > 0 {
        return Err("nobody says whether its single letter announces a release or follows one");
    }
    let known = |words: &&[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
    Ok(match (0..).zip(&ANNOUNCING).find(|(_, words)| known(words)) {
        Some((place, _)) => Part::Announcing(place),
        None => Part::Following(String::from_utf8_lossy(word).to_ascii_lowercase()),
    })
}

fn drop_zeros(parts: &mut Vec<Part<'_>>) {
    while parts.last() == Some(&Part::Number(Number::ZERO)) {
        parts.pop();
    }
}
