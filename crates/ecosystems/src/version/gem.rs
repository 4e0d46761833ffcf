//! RubyGems' version order: numbers and words, dotted.

use std::cmp::Ordering;

use super::number::{Number, digits, letters};

/// A parsed gem version: its segments without the zeros that end its numbers and its words.
#[derive(Debug, Clone)]
pub struct Version<'a> {
    segments: Vec<Segment<'a>>,
}

/// Words come before numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Word(&'a [u8]),
    Number(Number<'a>),
}

const ZERO: Segment<'static> = Segment::Number(Number::ZERO);

impl<'a> Version<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let text = text.trim();
        if !is_correct(text) {
            return Err("it is no numbers and words with dots between them");
        }
        Ok(Self::parse_loosely(text))
    }

    /// Takes any text, as RubyGems did before it refused some: what is neither letter nor digit only separates.
    pub(super) fn parse_loosely(text: &'a str) -> Self {
        let mut segments = Vec::with_capacity(6);
        let mut rest = text.as_bytes();
        let mut words = None;
        while let Some(first) = rest.first() {
            let length = match first {
                b'0'..=b'9' => {
                    segments.push(Segment::Number(Number::new(&rest[..digits(rest)])));
                    digits(rest)
                }
                // A hyphen stands for `.pre.`.
                b'-' => {
                    words.get_or_insert(segments.len());
                    segments.push(Segment::Word(b"pre"));
                    1
                }
                c if c.is_ascii_alphabetic() => {
                    words.get_or_insert(segments.len());
                    segments.push(Segment::Word(&rest[..letters(rest)]));
                    letters(rest)
                }
                _ => 1,
            };
            rest = &rest[length..];
        }
        Self { segments: without_zeros(segments, words) }
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        let length = self.segments.len().max(other.segments.len());
        (0..length)
            .map(|i| self.segment(i).cmp(&other.segment(i)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn segment(&self, i: usize) -> Segment<'a> {
        self.segments.get(i).copied().unwrap_or(ZERO)
    }
}

/// Drops the zeros that end the numbers in front, and those that end the whole.
fn without_zeros(mut segments: Vec<Segment<'_>>, words: Option<usize>) -> Vec<Segment<'_>> {
    let trim = |segments: &mut Vec<Segment<'_>>| {
        while segments.last() == Some(&ZERO) {
            segments.pop();
        }
    };
    let mut rest = segments.split_off(words.unwrap_or(segments.len()));
    trim(&mut segments);
    trim(&mut rest);
    segments.append(&mut rest);
    segments
}

/// `1.2.rc1-3`: a number, then words and numbers after dots, then hyphens and the same.
fn is_correct(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let (front, back) = match text.split_once('-') {
        Some((front, back)) => (front, Some(back)),
        None => (text, None),
    };
    let mut words = front.split('.');
    let number = words.next().is_some_and(|word| Number::parse(word).is_some());
    let word = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphanumeric());
    let hyphenated = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    number && words.all(word) && back.is_none_or(|back| back.split('.').all(hyphenated))
}
