//! NuGet's version order: up to four numbers, then as Semantic Versioning has it, whatever the case of letters.

use std::cmp::Ordering;

use super::number::{Number, digits};

/// A parsed NuGet version. Metadata after a plus sign has no part in the order.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    numbers: [Number<'a>; 4],
    /// Dotted labels. Empty: a release.
    labels: &'a str,
}

impl<'a> Version<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let text = text.trim();
        let legal = |words: &str| {
            words
                .split('.')
                .all(|word| !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'))
        };
        let text = match text.split_once('+') {
            Some((_, metadata)) if !legal(metadata) => return Err("its metadata is no dotted labels"),
            Some((text, _)) => text,
            None => text,
        };
        let (core, labels) = match text.split_once('-') {
            Some((_, labels)) if !legal(labels) => return Err("its prerelease is no dotted labels"),
            Some(both) => both,
            None => (text, ""),
        };
        let mut numbers = [Number::ZERO; 4];
        let mut words = core.split('.');
        for (number, word) in numbers.iter_mut().zip(&mut words) {
            *number = Number::parse(word).ok_or("it does not begin with numbers and dots")?;
        }
        if words.next().is_some() {
            return Err("it has more than four numbers");
        }
        Ok(Self { numbers, labels })
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.labels, other.labels) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (a, b) => a.split('.').map(Label::new).cmp(b.split('.').map(Label::new)),
        })
    }
}

/// NuGet reads as a number what fits 32 bits, its sign included; anything longer is a word to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Label<'a> {
    Number(i32),
    Word(Caseless<'a>),
}

impl<'a> Label<'a> {
    fn new(text: &'a str) -> Self {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let numeric = digits(unsigned.as_bytes()) == unsigned.len();
        match text.parse() {
            Ok(number) if numeric => Self::Number(number),
            _ => Self::Word(Caseless(text)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Caseless<'a>(&'a str);

impl Ord for Caseless<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.bytes().map(|c| c.to_ascii_uppercase()).cmp(other.0.bytes().map(|c| c.to_ascii_uppercase()))
    }
}

impl PartialOrd for Caseless<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Caseless<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Caseless<'_> {}
