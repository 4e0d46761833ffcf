//! Values as they are written, whatever the language: numbers, words and lists of them.

use std::fmt::{self, Display, Formatter, Write as _};

use super::parse::is_end;
use super::{Probability, Test};
use crate::cvss::Score;

/// Digits, and at most so many after a point, as a whole number of the last place.
fn decimal(text: &str, places: usize) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > places {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

pub(crate) fn score(text: &str) -> Option<Score> {
    Score::try_from(u8::try_from(decimal(text, 1)?).ok()?).ok()
}

pub(crate) fn probability(text: &str) -> Option<Probability> {
    Probability::from_ten_thousandths(u16::try_from(decimal(text, 4)?).ok()?)
}

/// An operator and what is compared, or the word for what nobody knows.
pub(crate) fn test<T: Display>(f: &mut Formatter<'_>, unknown: &str, test: &Test<T>) -> fmt::Result {
    match test {
        Test::Unknown => write!(f, ":{unknown}"),
        Test::Is(comparison, value) => write!(f, "{}{value}", comparison.as_str()),
    }
}

pub(super) fn separated<T>(
    f: &mut Formatter<'_>,
    parts: &[T],
    separator: &str,
    print: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(separator)?;
        }
        print(f, part)?;
    }
    Ok(())
}

pub(crate) fn list<T>(
    f: &mut Formatter<'_>,
    values: &[T],
    print: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str(":")?;
    separated(f, values, ",", print)
}

pub(crate) fn word(f: &mut Formatter<'_>, text: &str, bare: bool) -> fmt::Result {
    if bare {
        return f.write_str(text);
    }
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.contains(is_end)
}
