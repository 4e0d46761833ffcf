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
            let same = match Version::parse(ecosystem, lower) {
                Ok(version) => installed.below(&version, true).without(installed.below(&version, false)),
                Err(_) => installed.filter(|entry| entry.text == lower),
            };
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
        let below = |bound: &Version<'_>, inclusive| installed.below(bound, inclusive);
        let found = match (&low, &high) {
            // A range without any end holds every version, whatever it looks like.
            (None, None) => installed.all(),
            (low, high) => {
                let too_low = low.as_ref().map(|low| below(low, flags & bound::LOWER_INCLUSIVE == 0));
                let low_enough = high.as_ref().map(|high| below(high, flags & bound::UPPER_INCLUSIVE != 0));
                low_enough.unwrap_or_else(|| installed.comparable()).without(too_low.unwrap_or_default())
            }
        };
        let has_fix = flags & bound::UPPER != 0 && flags & bound::UPPER_INCLUSIVE == 0;
        if !found.is_empty() && has_fix && inside.fixed.is_none() {
            inside.fixed = Some(upper.to_owned());
        }
        inside.set = inside.set.or(found);
    }
    let unparsable = installed.all().without(installed.comparable()).without(inside.set);
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
