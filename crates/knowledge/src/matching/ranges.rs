//! Whether versions lie in a set of ranges.

use domain::component::Ecosystem;
use ecosystems::Version;

use super::installed::{Installed, Set};
use crate::error::Damaged;
use crate::format::{RangeRow, Section, Span, bound};
use crate::image::Image;

/// What a set of ranges says of the installed versions.
#[derive(Debug, Default)]
pub(super) struct Inside {
    pub(super) set: Set,
    /// Versions that could not be compared with a bound.
    pub(super) unknown: Set,
    /// Why not.
    pub(super) reason: Option<String>,
    /// The version that ends the range of the lowest version inside, exclusive: the fix.
    pub(super) fixed: Option<String>,
}

pub(super) fn inside(
    image: &Image,
    span: Span,
    ecosystem: Ecosystem,
    installed: &Installed<'_>,
) -> Result<Inside, Damaged> {
    let mut inside = Inside::default();
    for row in image.rows::<RangeRow>(Section::Ranges, span)? {
        let flags = row.flags.get();
        let (lower, upper) = (image.text(row.lower)?, image.text(row.upper)?);
        if flags & bound::EXACT != 0 {
            let version = Version::parse(ecosystem, lower).ok();
            let same = installed.filter(|entry| {
                entry.text == lower
                    || version.as_ref().zip(entry.version.as_ref().ok()).is_some_and(|(a, b)| a.compare(b).is_eq())
            });
            inside.set = inside.set.or(same);
            continue;
        }
        let side = |has: u32, text| (flags & has != 0).then(|| Version::parse(ecosystem, text)).transpose();
        let (low, high) = match (side(bound::LOWER, lower), side(bound::UPPER, upper)) {
            (Ok(low), Ok(high)) => (low, high),
            (Err(error), _) | (_, Err(error)) => {
                inside.unknown = installed.all();
                inside.reason = Some(format!("a bound of the affected range cannot be compared: {error}"));
                continue;
            }
        };
        let found = installed.filter(|entry| {
            let Ok(version) = &entry.version else { return false };
            let above = low.as_ref().is_none_or(|low| {
                let order = version.compare(low);
                order.is_gt() || (order.is_eq() && flags & bound::LOWER_INCLUSIVE != 0)
            });
            above
                && high.as_ref().is_none_or(|high| {
                    let order = version.compare(high);
                    order.is_lt() || (order.is_eq() && flags & bound::UPPER_INCLUSIVE != 0)
                })
        });
        // A range without any end holds every version, whatever it looks like.
        let found = if low.is_none() && high.is_none() { installed.all() } else { found };
        let has_fix = flags & bound::UPPER != 0 && flags & bound::UPPER_INCLUSIVE == 0;
        if !found.is_empty() && has_fix && inside.fixed.is_none() {
            inside.fixed = Some(upper.to_owned());
        }
        inside.set = inside.set.or(found);
    }
    let unparsable = installed.filter(|entry| entry.version.is_err()).without(inside.set);
    if !unparsable.is_empty() && inside.reason.is_none() {
        inside.reason = installed.unparsable().next();
    }
    inside.unknown = inside.unknown.or(unparsable).without(inside.set);
    Ok(inside)
}

/// A set of ranges in words: `>= 1.0, < 2.0 or = 3.1`.
pub(super) fn words(image: &Image, span: Span) -> Result<String, Damaged> {
    let mut parts = Vec::new();
    for row in image.rows::<RangeRow>(Section::Ranges, span)? {
        let flags = row.flags.get();
        let (lower, upper) = (image.text(row.lower)?, image.text(row.upper)?);
        if flags & bound::EXACT != 0 {
            parts.push(format!("= {lower}"));
            continue;
        }
        let low = match (flags & bound::LOWER != 0, flags & bound::LOWER_INCLUSIVE != 0) {
            (false, _) => String::new(),
            (true, true) => format!(">= {lower}"),
            (true, false) => format!("> {lower}"),
        };
        let high = match (flags & bound::UPPER != 0, flags & bound::UPPER_INCLUSIVE != 0) {
            (false, _) => String::new(),
            (true, true) => format!("<= {upper}"),
            (true, false) => format!("< {upper}"),
        };
        parts.push(match (low.is_empty(), high.is_empty()) {
            (true, true) => "every version".to_owned(),
            (false, false) => format!("{low}, {high}"),
            _ => low + &high,
        });
    }
    Ok(parts.join(" or "))
}
