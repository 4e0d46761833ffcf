//! Semantic Versioning, as npm, Cargo and Go use it: `major.minor.patch[-prerelease][+build]`.

use std::cmp::Ordering;

use super::number::{Number, digits, letters};

/// A parsed semantic version. Build metadata has no part in the order.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    numbers: [Number<'a>; 3],
    prerelease: Prerelease<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Prerelease<'a> {
    None,
    /// `alpha.1`
    Dotted(&'a str),
    /// Go's own releases: `rc1` means `rc.1`.
    Glued(&'a str, Number<'a>),
}

impl<'a> Version<'a> {
    /// Takes `v` in front, missing numbers, leading zeros and numbers of any size.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let (numbers, rest) = split(text)?;
        Ok(Self { numbers, prerelease: parse_prerelease(rest)? })
    }

    /// Takes also the releases of Go itself: `go1.21.3`, `go1.21rc2`, and the same without `go` in front, as package-urls have them.
    pub(super) fn parse_go(text: &'a str) -> Result<Self, &'static str> {
        match text.trim().strip_prefix("go") {
            Some(release) => Self::parse_go_release(release),
            None => Self::parse(text).or_else(|reason| Self::parse_go_release(text.trim()).map_err(|_| reason)),
        }
    }

    fn parse_go_release(release: &'a str) -> Result<Self, &'static str> {
        // `go1.22.3 X:nocoverageredesign`: experiments are no part of the version.
        let release = release.split(' ').next().unwrap_or_default();
        let (numbers, rest) = split(release)?;
        let (word, number) = rest.split_at(letters(rest.as_bytes()));
        let prerelease = match Number::parse(number) {
            Some(number) if matches!(word, "rc" | "beta") => Prerelease::Glued(word, number),
            _ => parse_prerelease(rest)?,
        };
        Ok(Self { numbers, prerelease })
    }

    /// Takes anything after three numbers and a dot, as if it were build metadata.
    pub(super) fn parse_loosely(text: &'a str) -> Result<Self, &'static str> {
        let (numbers, rest) = split(text)?;
        let prerelease = if rest.starts_with('.') { Prerelease::None } else { parse_prerelease(rest)? };
        Ok(Self { numbers, prerelease })
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.prerelease, other.prerelease) {
            (Prerelease::None, Prerelease::None) => Ordering::Equal,
            (Prerelease::None, _) => Ordering::Greater,
            (_, Prerelease::None) => Ordering::Less,
            // Numbers come before words, words in the order of ASCII, the shorter list first.
            (a, b) => a.identifiers().cmp(b.identifiers()),
        })
    }
}

impl<'a> Prerelease<'a> {
    fn identifiers(self) -> impl Iterator<Item = Identifier<'a>> {
        let (dotted, glued) = match self {
            Self::None => (None, None),
            Self::Dotted(text) => (Some(text), None),
            Self::Glued(word, number) => (None, Some([Identifier::Word(word), Identifier::Number(number)])),
        };
        dotted.into_iter().flat_map(|text| text.split('.')).map(Identifier::new).chain(glued.into_iter().flatten())
    }
}

/// Splits into numbers and what follows them, without build metadata.
fn split(text: &str) -> Result<([Number<'_>; 3], &str), &'static str> {
    let text = text.trim().trim_start_matches('=').trim_start();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    if !build.is_none_or(are_identifiers) {
        return Err("its build metadata is no dotted identifiers");
    }
    let mut numbers = [Number::ZERO; 3];
    let mut at = 0;
    for (i, number) in numbers.iter_mut().enumerate() {
        let start = if i == 0 { 0 } else { at + 1 };
        let length = text.get(start..).map_or(0, |rest| digits(rest.as_bytes()));
        if length == 0 || i > 0 && text.as_bytes()[at] != b'.' {
            break;
        }
        at = start + length;
        *number = Number::new(&text.as_bytes()[start..at]);
    }
    if at == 0 { Err("it does not begin with a number") } else { Ok((numbers, &text[at..])) }
}

fn parse_prerelease(rest: &str) -> Result<Prerelease<'_>, &'static str> {
    match rest.strip_prefix('-') {
        None if rest.is_empty() => Ok(Prerelease::None),
        Some(identifiers) if are_identifiers(identifiers) => Ok(Prerelease::Dotted(identifiers)),
        Some(_) => Err("its prerelease is no dotted identifiers"),
        None => Err("something other than three numbers, a prerelease and build metadata is in it"),
    }
}

fn are_identifiers(text: &str) -> bool {
    text.split('.').all(|word| !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier<'a> {
    Number(Number<'a>),
    Word(&'a str),
}

impl<'a> Identifier<'a> {
    fn new(text: &'a str) -> Self {
        Number::parse(text).map_or(Self::Word(text), Self::Number)
    }
}
