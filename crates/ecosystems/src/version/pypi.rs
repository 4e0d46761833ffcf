//! Python's version order: PEP 440.

use std::cmp::Ordering;

use super::number::{Number, digits, letters};

/// A parsed Python version.
#[derive(Debug, Clone)]
pub enum Version<'a> {
    /// What PEP 440 does not know comes before everything that it does.
    Legacy(Vec<String>),
    Pep440(Pep440<'a>),
}

/// `epoch!release pre post dev +local`.
#[derive(Debug, Clone, Copy)]
pub struct Pep440<'a> {
    epoch: Number<'a>,
    /// Numbers with dots between them.
    release: &'a str,
    pre: Option<(Phase, Number<'a>)>,
    post: Option<Number<'a>>,
    dev: Option<Number<'a>>,
    local: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Alpha,
    Beta,
    Candidate,
}

const PRERELEASES: [(&str, Phase); 8] = [
    ("alpha", Phase::Alpha),
    ("a", Phase::Alpha),
    ("beta", Phase::Beta),
    ("b", Phase::Beta),
    ("preview", Phase::Candidate),
    ("pre", Phase::Candidate),
    ("c", Phase::Candidate),
    ("rc", Phase::Candidate),
];

impl<'a> Version<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        Pep440::parse(text.trim()).map(Self::Pep440).ok_or("it is no version that PEP 440 knows")
    }

    /// Takes any text, as packaging did before its release 22.
    pub(super) fn parse_loosely(text: &'a str) -> Self {
        Pep440::parse(text.trim()).map_or_else(|| Self::Legacy(legacy(text)), Self::Pep440)
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Pep440(a), Self::Pep440(b)) => a.compare(b),
            (Self::Legacy(a), Self::Legacy(b)) => a.cmp(b),
            (Self::Legacy(_), Self::Pep440(_)) => Ordering::Less,
            (Self::Pep440(_), Self::Legacy(_)) => Ordering::Greater,
        }
    }
}

impl<'a> Pep440<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut rest = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let mut epoch = Number::ZERO;
        if let Some((number, after)) = rest.split_once('!') {
            epoch = Number::parse(number)?;
            rest = after;
        }
        let local = match rest.split_once('+') {
            Some((public, local)) => {
                rest = public;
                local.split(['.', '-', '_']).all(is_local).then_some(Some(local))?
            }
            None => None,
        };
        let release = take_release(&mut rest)?;
        let pre = take_word(&mut rest, &PRERELEASES);
        let implicit = rest.strip_prefix('-').filter(|number| number.starts_with(|c: char| c.is_ascii_digit()));
        let post = match implicit {
            Some(number) => {
                let (number, after) = number.split_at(digits(number.as_bytes()));
                rest = after;
                Some(Number::new(number.as_bytes()))
            }
            None => take_word(&mut rest, &[("post", ()), ("rev", ()), ("r", ())]).map(|(_, number)| number),
        };
        let dev = take_word(&mut rest, &[("dev", ())]).map(|(_, number)| number);
        rest.is_empty().then_some(Self { epoch, release, pre, post, dev, local })
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_release(self.release, other.release))
            .then_with(|| self.phase().cmp(&other.phase()))
            .then_with(|| self.post.cmp(&other.post))
            // What is in development comes before what is not.
            .then_with(|| match (self.dev, other.dev) {
                (Some(a), Some(b)) => a.cmp(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            })
            .then_with(|| match (self.local, other.local) {
                (Some(a), Some(b)) => local_parts(a).cmp(local_parts(b)),
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
    }

    /// Before the first alpha comes what is only in development; after the last candidate, the release.
    fn phase(&self) -> (u8, Number<'a>) {
        match self.pre {
            Some((Phase::Alpha, number)) => (1, number),
            Some((Phase::Beta, number)) => (2, number),
            Some((Phase::Candidate, number)) => (3, number),
            None if self.post.is_none() && self.dev.is_some() => (0, Number::ZERO),
            None => (4, Number::ZERO),
        }
    }
}

fn take_release<'a>(text: &mut &'a str) -> Option<&'a str> {
    let bytes = text.as_bytes();
    let mut end = digits(bytes);
    if end == 0 {
        return None;
    }
    while bytes.get(end) == Some(&b'.') {
        match digits(&bytes[end + 1..]) {
            0 => break,
            length => end += 1 + length,
        }
    }
    let (release, rest) = text.split_at(end);
    *text = rest;
    Some(release)
}

/// Takes `[separator] word [separator] [number]`.
fn take_word<'a, T: Copy>(text: &mut &'a str, words: &[(&str, T)]) -> Option<(T, Number<'a>)> {
    const SEPARATORS: [char; 3] = ['.', '-', '_'];
    let rest = text.strip_prefix(SEPARATORS).unwrap_or(text);
    let (meaning, rest) = words.iter().find_map(|(word, meaning)| {
        let (front, rest) = rest.split_at_checked(word.len())?;
        front.eq_ignore_ascii_case(word).then_some((*meaning, rest))
    })?;
    let rest = rest.strip_prefix(SEPARATORS).unwrap_or(rest);
    let (number, rest) = rest.split_at(digits(rest.as_bytes()));
    *text = rest;
    Some((meaning, Number::new(number.as_bytes())))
}

/// Missing numbers are zero.
fn compare_release(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let (x, y) = (a.next(), b.next());
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        let order = Number::new(x.unwrap_or_default().as_bytes()).cmp(&Number::new(y.unwrap_or_default().as_bytes()));
        if order.is_ne() {
            return order;
        }
    }
}

fn is_local(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphanumeric())
}

/// Words come before numbers, whatever their case.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Local<'a> {
    Word(String),
    Number(Number<'a>),
}

fn local_parts(text: &str) -> impl Iterator<Item = Local<'_>> {
    text.split(['.', '-', '_'])
        .map(|word| Number::parse(word).map_or_else(|| Local::Word(word.to_ascii_lowercase()), Local::Number))
}

/// The key by which setuptools compared: numbers padded with zeros, words behind a star, so that `final` ends them all.
fn legacy(text: &str) -> Vec<String> {
    const FINAL: &str = "*final";
    let text = text.to_lowercase();
    let mut parts: Vec<String> = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(legacy_piece(rest));
        rest = after;
        let part = match piece {
            "." => continue,
            "pre" | "preview" | "rc" => "*c".to_owned(),
            "-" => "*final-".to_owned(),
            "dev" => "*@".to_owned(),
            number if number.starts_with(|c: char| c.is_ascii_digit()) => format!("{number:0>8}"),
            word => format!("*{word}"),
        };
        push_legacy(&mut parts, part);
    }
    push_legacy(&mut parts, FINAL.to_owned());
    parts
}

fn push_legacy(parts: &mut Vec<String>, part: String) {
    if part.starts_with('*') {
        // A hyphen before a prerelease does not count.
        if part.as_str() < "*final" {
            while parts.last().is_some_and(|last| last == "*final-") {
                parts.pop();
            }
        }
        while parts.last().is_some_and(|last| last == "00000000") {
            parts.pop();
        }
    }
    parts.push(part);
}

/// How long the piece at the front is: digits, letters, a dot, a hyphen, or a run of anything else.
fn legacy_piece(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes[0] {
        b'0'..=b'9' => digits(bytes),
        b'a'..=b'z' => letters(bytes),
        b'.' | b'-' => 1,
        _ => {
            let other = |c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-');
            text.find(|c| !other(c)).unwrap_or(text.len())
        }
    }
}
