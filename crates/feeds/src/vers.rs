//! Version range specifiers: `vers:npm/>=1.0|<2.0`, by the specification of VERS.

use domain::advisory::{Range, Versions};

use crate::products::bound;

/// More constraints than any real range has.
const CONSTRAINTS_MAX: usize = 1000;

/// Reads a range. The error is what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Versions, String> {
    let odd = |reason: &str| format!("{:?} is no version range: {reason}", crate::json::excerpt(text));
    let constraints = text.strip_prefix("vers:").and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest);
    let constraints = constraints.ok_or_else(|| odd("it does not begin with vers:TYPE/"))?;
    let mut versions = Versions::default();
    // A lower end that waits for its upper one.
    let mut open: Option<Range> = None;
    for (count, constraint) in constraints.split('|').map(str::trim).enumerate() {
        if count >= CONSTRAINTS_MAX {
            return Err(odd("it has too many constraints"));
        }
        let (comparator, version) = split(constraint);
        let version = decoded(version).ok_or_else(|| odd("a version is encoded wrongly"))?;
        match (comparator, version.is_empty()) {
            ("*", true) => versions.ranges.push(Range::default()),
            ("*", false) | (_, true) => return Err(odd("a constraint has no version")),
            ("", _) => versions.exact.push(version),
            (">" | ">=", _) => {
                versions.ranges.extend(open.take());
                open = Some(Range { lower: Some(bound(&version, comparator == ">=")), upper: None });
            }
            ("<" | "<=", _) => {
                let range = open.take().unwrap_or_default();
                versions.ranges.push(Range { upper: Some(bound(&version, comparator == "<=")), ..range });
            }
            // A hole in a range cannot be said; leaving it out would say too much.
            _ => return Err(odd("it excludes single versions")),
        }
    }
    versions.ranges.extend(open);
    if versions == Versions::default() { Err(odd("it has no constraint")) } else { Ok(versions) }
}

/// A constraint's comparator and its version. A bare version means that one.
fn split(constraint: &str) -> (&str, &str) {
    for comparator in [">=", "<=", "!=", ">", "<", "*"] {
        if let Some(version) = constraint.strip_prefix(comparator) {
            return (comparator, version);
        }
    }
    ("", constraint.strip_prefix('=').unwrap_or(constraint))
}

/// A version without its percent-encoding.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let code = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(code, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use domain::advisory::Bound;
    use domain::component::Ecosystem;

    use super::*;

    fn range(lower: Option<(&str, bool)>, upper: Option<(&str, bool)>) -> Range {
        let end = |end: Option<(&str, bool)>| end.map(|(version, inclusive)| bound(version, inclusive));
        Range { lower: end(lower), upper: end(upper) }
    }

    #[test]
    fn ranges_and_single_versions() {
        let one = range(Some(("1.0", true)), Some(("2.0", false)));
        let two = range(Some(("3.0", false)), None);
        let versions = parse("vers:npm/0.1|>=1.0|<2.0|>3.0").expect("a range");
        assert_eq!((versions.ranges, versions.exact), (vec![one, two], vec!["0.1".to_owned()]));
        assert_eq!(parse("vers:pypi/<=1%2B2").expect("a range").ranges, [range(None, Some(("1+2", true)))]);
        assert_eq!(parse("vers:deb/*").expect("a range").ranges, [Range::default()]);
    }

    /// Whether a version is in what was read.
    fn contains(versions: &Versions, version: &str) -> bool {
        let compare = |other: &str| ecosystems::compare(Ecosystem::Pypi, version, other).expect("both are versions");
        let ends = |end: Option<&Bound>, beyond: Ordering| {
            end.is_none_or(|end| {
                let order = compare(&end.version);
                order == beyond || end.inclusive && order == Ordering::Equal
            })
        };
        let inside =
            |range: &Range| ends(range.lower.as_ref(), Ordering::Greater) && ends(range.upper.as_ref(), Ordering::Less);
        versions.exact.iter().any(|exact| compare(exact) == Ordering::Equal) || versions.ranges.iter().any(inside)
    }

    #[test]
    fn published_ranges_contain_what_they_should() {
        let facts = include_str!("../../../fixtures/vectors/vers/containment.tsv");
        for line in facts.lines().filter(|line| !line.starts_with('#')) {
            let [range, version, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            match parse(range) {
                Ok(versions) => assert_eq!(contains(&versions, version), expected == "yes", "{line}"),
                Err(reason) => assert!(range.contains("!=") && reason.contains("excludes single versions"), "{reason}"),
            }
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "1.0", "vers:npm", "vers:npm/", "vers:npm/>=", "vers:npm/!=1.0", "vers:npm/%zz", "vers:npm/*1"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
