//! Sets of versions that requirements describe, and what lies outside of them.

use std::cmp::Ordering;

use domain::advisory::{Bound, Range};
use domain::component::Ecosystem;

/// What lies in none of the ranges, as ranges; an error where two bounds cannot be compared.
pub(crate) fn complement(ecosystem: Ecosystem, mut ranges: Vec<Range>) -> Result<Vec<Range>, String> {
    let compare = |a: &str, b: &str| ecosystems::compare(ecosystem, a, b).map_err(|e| e.to_string());
    // Sorting needs every pair to be comparable: one pass says so first.
    let bounds: Vec<&Bound> = ranges.iter().flat_map(|range| [&range.lower, &range.upper]).flatten().collect();
    for bound in &bounds {
        compare(&bound.version, &bound.version)?;
    }
    let order = |a: &str, b: &str| compare(a, b).unwrap_or(Ordering::Equal);
    ranges.sort_by(|a, b| match (&a.lower, &b.lower) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) => order(&a.version, &b.version).then_with(|| b.inclusive.cmp(&a.inclusive)),
    });
    let mut outside = Vec::new();
    // Where the part that is not yet covered begins. `None`: everything is covered up to the end.
    let mut from: Option<Option<Bound>> = Some(None);
    for range in ranges {
        let Some(begin) = from.clone() else { break };
        let gap = match (&begin, &range.lower) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(begin), Some(lower)) => match order(&begin.version, &lower.version) {
                Ordering::Less => true,
                Ordering::Equal => begin.inclusive && !lower.inclusive,
                Ordering::Greater => false,
            },
        };
        if let (true, Some(lower)) = (gap, &range.lower) {
            let upper = Bound { version: lower.version.clone(), inclusive: !lower.inclusive };
            outside.push(Range { lower: begin.clone(), upper: Some(upper) });
        }
        from = match (begin, range.upper) {
            (_, None) => None,
            (begin, Some(upper)) => {
                let next = Bound { version: upper.version, inclusive: !upper.inclusive };
                let further = begin.as_ref().is_none_or(|begin| match order(&next.version, &begin.version) {
                    Ordering::Greater => true,
                    Ordering::Equal => begin.inclusive && !next.inclusive,
                    Ordering::Less => false,
                });
                Some(if further { Some(next) } else { begin })
            }
        };
    }
    if let Some(lower) = from {
        outside.push(Range { lower, upper: None });
    }
    Ok(outside)
}

/// Both of two ranges at once. `None`: nothing is in both.
pub(crate) fn both(ecosystem: Ecosystem, a: Range, b: Range) -> Result<Option<Range>, String> {
    let compare = |a: &str, b: &str| ecosystems::compare(ecosystem, a, b).map_err(|e| e.to_string());
    let lower = match (a.lower, b.lower) {
        (None, other) | (other, None) => other,
        (Some(x), Some(y)) => Some(match compare(&x.version, &y.version)? {
            Ordering::Greater => x,
            Ordering::Less => y,
            Ordering::Equal => Bound { inclusive: x.inclusive && y.inclusive, ..x },
        }),
    };
    let upper = match (a.upper, b.upper) {
        (None, other) | (other, None) => other,
        (Some(x), Some(y)) => Some(match compare(&x.version, &y.version)? {
            Ordering::Less => x,
            Ordering::Greater => y,
            Ordering::Equal => Bound { inclusive: x.inclusive && y.inclusive, ..x },
        }),
    };
    if let (Some(low), Some(high)) = (&lower, &upper) {
        let order = compare(&low.version, &high.version)?;
        if order.is_gt() || (order.is_eq() && !(low.inclusive && high.inclusive)) {
            return Ok(None);
        }
    }
    Ok(Some(Range { lower, upper }))
}

pub(crate) fn from(version: &str, inclusive: bool) -> Range {
    Range { lower: Some(Bound { version: version.to_owned(), inclusive }), upper: None }
}

pub(crate) fn to(version: &str, inclusive: bool) -> Range {
    Range { lower: None, upper: Some(Bound { version: version.to_owned(), inclusive }) }
}

pub(crate) fn only(version: &str) -> Range {
    let bound = || Some(Bound { version: version.to_owned(), inclusive: true });
    Range { lower: bound(), upper: bound() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(ranges: &[Range]) -> String {
        let side = |bound: &Option<Bound>, sign: [&str; 2]| {
            bound.as_ref().map_or(String::new(), |b| format!("{}{}", sign[usize::from(b.inclusive)], b.version))
        };
        let one = |range: &Range| format!("{}{}", side(&range.lower, [">", ">="]), side(&range.upper, ["<", "<="]));
        ranges.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_outside() {
        let of = |ranges| words(&complement(Ecosystem::Gem, ranges).expect("they compare"));
        assert_eq!(of(vec![from("1.6.3", true), only("1.6.0")]), "<1.6.0 >1.6.0<1.6.3");
        assert_eq!(of(vec![]), "");
        assert_eq!(of(vec![from("2", true), to("1", false)]), ">=1<2");
        assert_eq!(of(vec![to("2", false), from("1", true)]), "");
        assert_eq!(complement(Ecosystem::Gem, vec![]).expect("nothing to compare").len(), 1, "everything is outside");
        let middle = both(Ecosystem::Gem, from("1.5.5", true), to("1.6", false)).expect("they compare").expect("some");
        assert_eq!(of(vec![middle, from("2", true)]), "<1.5.5 >=1.6<2");
    }
}
