//! pacman's version order: `[epoch:]version[-release]`.

use std::cmp::Ordering;

use super::rpm::{Parts, compare_run};

/// A parsed pacman version.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a>(Parts<'a>);

impl<'a> Version<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        Parts::split(text).map(Self)
    }

    /// Where one of them has no release, releases do not count.
    pub fn compare(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.0, &other.0);
        a.epoch.cmp(&b.epoch).then_with(|| compare_part(a.version, b.version)).then_with(|| {
            match (a.release, b.release) {
                (Some(a), Some(b)) => compare_part(a, b),
                _ => Ordering::Equal,
            }
        })
    }
}

/// Compares runs of letters and runs of digits by turns. The longer separator wins; letters at the end never beat the end.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() && !b.is_empty() {
        let (separators_of_a, separators_of_b) = (separators(a), separators(b));
        a = &a[separators_of_a..];
        b = &b[separators_of_b..];
        if a.is_empty() || b.is_empty() {
            break;
        }
        let order = separators_of_a.cmp(&separators_of_b).then_with(|| compare_run(&mut a, &mut b));
        if order != Ordering::Equal {
            return order;
        }
    }
    let letter = |text: &[u8]| text.first().is_some_and(u8::is_ascii_alphabetic);
    match (a, b) {
        ([], []) => Ordering::Equal,
        ([], _) if !letter(b) => Ordering::Less,
        _ if letter(a) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

fn separators(text: &[u8]) -> usize {
    text.iter().position(u8::is_ascii_alphanumeric).unwrap_or(text.len())
}
