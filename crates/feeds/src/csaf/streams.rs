//! Fixes of one flaw in one package, of which each minor release of a product line has its own.

use std::cmp::Ordering;

use domain::advisory::{Range, Statement, Versions};
use domain::component::Ecosystem;

use crate::products::bound;

/// What several fixed versions say together: a build of an older minor release is fixed from its own fix on, although the
/// next minor release has a later one. One of them alone is an ordinary fix.
pub(super) fn fixed_in(ecosystem: Ecosystem, mut fixes: Vec<&str>) -> Option<Statement> {
    let order = |a: &str, b: &str| ecosystems::compare(ecosystem, a, b).unwrap_or(Ordering::Equal);
    fixes.sort_by(|a, b| order(a, b));
    fixes.dedup();
    // A minor release that fixed twice was not done after the first time.
    let mut last: Vec<&str> = Vec::new();
    for fix in fixes {
        last.retain(|other| minor(other).is_none() || minor(other) != minor(fix));
        last.push(fix);
    }
    let (first, rest) = last.split_first()?;
    if rest.is_empty() {
        return Some(Statement::FixedIn { version: (*first).to_owned() });
    }
    let mut ranges = vec![Range::below(*first)];
    for pair in last.windows(2) {
        let [own, next] = pair else { continue };
        let mut ends = [next_base(own), next_minor(own)].into_iter().flatten();
        let end = ends.find(|end| order(end, next).is_lt()).unwrap_or_else(|| (*own).to_owned());
        ranges.push(Range { lower: Some(bound(&end, true)), upper: Some(bound(next, false)) });
    }
    Some(Statement::Affected(Versions { ranges, exact: Vec::new() }))
}

/// What the fixed builds of modules say together where nothing names their streams: each stream goes its own way, and the
/// versions tell which.
pub(super) fn fixed_in_streams(ecosystem: Ecosystem, mut fixes: Vec<&str>) -> Option<Statement> {
    let order = |a: &str, b: &str| ecosystems::compare(ecosystem, a, b).unwrap_or(Ordering::Equal);
    fixes.sort_by(|a, b| order(a, b));
    fixes.dedup();
    let parts = parts_of_stream(&fixes);
    let streams: Vec<&[&str]> = fixes.chunk_by(|a, b| stream(a, parts) == stream(b, parts)).collect();
    if streams.len() < 2 {
        return fixed_in(ecosystem, fixes);
    }
    let mut ranges = Vec::new();
    for (index, fixes) in streams.iter().enumerate() {
        let mut own = match fixed_in(ecosystem, fixes.to_vec())? {
            Statement::FixedIn { version } => vec![Range::below(version)],
            Statement::Affected(versions) => versions.ranges,
            other => return Some(other),
        };
        if let (Some(first), true) = (own.first_mut(), index > 0) {
            first.lower = Some(bound(stream(fixes[0], parts), true));
        }
        ranges.append(&mut own);
    }
    Some(Statement::Affected(Versions { ranges, exact: Vec::new() }))
}

/// How many parts of its version name a stream: as few as keep apart what one minor release fixed in several versions.
fn parts_of_stream(fixes: &[&str]) -> usize {
    const PARTS_MAX: usize = 3;
    let upstream = |fix: &str| fix.rsplit_once('-').map_or(fix, |(upstream, _)| upstream).to_owned();
    let apart = |parts: &usize| {
        let mixed = |a: &str, b: &str| {
            stream(a, *parts) == stream(b, *parts) && minor(a) == minor(b) && upstream(a) != upstream(b)
        };
        !fixes.iter().enumerate().any(|(at, a)| fixes[at + 1..].iter().any(|b| mixed(a, b)))
    };
    (1..PARTS_MAX).find(apart).unwrap_or(PARTS_MAX)
}

/// The first parts of a version, with its epoch: `1:18` of `1:18.17.1-1.module+el8.8.0`.
fn stream(version: &str, parts: usize) -> &str {
    let upstream = version.split('-').next().unwrap_or(version);
    upstream.match_indices('.').nth(parts - 1).map_or(upstream, |(at, _)| &upstream[..at])
}

/// Where `el9_2` or `module+el8.9.0` stands in a version, and the number of its minor release.
fn minor(version: &str) -> Option<(&str, u32)> {
    let at = version.find(".el").or_else(|| version.find("+el"))? + 3;
    let rest = &version[at..];
    let major = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = rest[major..].strip_prefix(['_', '.'])?;
    // A dot and no underscore is a minor release in a module's build alone.
    if rest[major..].starts_with('.') && !version[..at].ends_with("+el") {
        return None;
    }
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    Some((&rest[..major], number[..digits].parse().ok()?))
}

/// The first build of the next base: `1.0-24` for `1.0-23.el9_2.4`, what one minor release adds to its base left behind.
fn next_base(version: &str) -> Option<String> {
    let (upstream, release) = version.rsplit_once('-')?;
    let digits = release.bytes().take_while(u8::is_ascii_digit).count();
    let base: u64 = release[..digits].parse().ok()?;
    Some(format!("{upstream}-{}", base + 1))
}

/// The same build in the next minor release: `1.0-1.module+el8.9.0` for `1.0-1.module+el8.8.0+19757`.
fn next_minor(version: &str) -> Option<String> {
    let (major, number) = minor(version)?;
    let at = version.find(".el").or_else(|| version.find("+el"))? + 3 + major.len() + 1;
    Some(format!("{}{}", &version[..at], number + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn affected(fixes: &[&str], version: &str) -> bool {
        let order = |a: &str, b: &str| ecosystems::compare(Ecosystem::Rpm, a, b).expect("versions");
        match fixed_in(Ecosystem::Rpm, fixes.to_vec()).expect("a statement") {
            Statement::FixedIn { version: fixed } => order(version, &fixed).is_lt(),
            Statement::Affected(versions) => holds(&versions, version),
            other => panic!("{other:?}"),
        }
    }

    fn holds(versions: &Versions, version: &str) -> bool {
        let order = |a: &str, b: &str| ecosystems::compare(Ecosystem::Rpm, a, b).expect("versions");
        versions.ranges.iter().any(|range| {
            let above = range.lower.as_ref().is_none_or(|lower| order(version, &lower.version).is_ge());
            above && range.upper.as_ref().is_none_or(|upper| order(version, &upper.version).is_lt())
        })
    }

    #[test]
    fn each_minor_release_has_its_own_fix() {
        let curl = ["7.76.1-26.el9_3.2", "7.76.1-23.el9_2.4"];
        for (version, expected) in [
            ("7.76.1-19.el9", true),
            ("7.76.1-23.el9_2.3", true),
            ("7.76.1-23.el9_2.4", false),
            ("7.76.1-23.el9_2.7", false),
            ("7.76.1-26.el9", true),
            ("7.76.1-26.el9_3.2", false),
            ("7.76.1-29.el9_4", false),
        ] {
            assert_eq!(affected(&curl, version), expected, "{version}");
        }
        let kernel = ["5.14.0-284.30.1.el9_2", "5.14.0-362.8.1.el9_3"];
        for (version, expected) in [
            ("5.14.0-284.18.1.el9_2", true),
            ("5.14.0-284.40.1.el9_2", false),
            ("5.14.0-362.el9", true),
            ("5.14.0-362.13.1.el9_3", false),
        ] {
            assert_eq!(affected(&kernel, version), expected, "{version}");
        }
    }

    #[test]
    fn builds_of_a_module_differ_by_their_minor_release_alone() {
        let fixes = ["18.17.1-1.module+el8.8.0+19757+8ca87034", "18.17.1-1.module+el8.9.0+20000+0a0a0a0a"];
        assert!(affected(&fixes, "18.16.0-3.module+el8.8.0+1+a"));
        assert!(!affected(&fixes, fixes[0]));
        assert!(affected(&fixes, "18.17.1-1.module+el8.9.0+19000+0a0a0a0a"));
        assert!(!affected(&fixes, fixes[1]));
    }

    #[test]
    fn streams_without_names_are_told_apart_by_their_versions() {
        let is_affected = |fixes: &[&str], version: &str| match fixed_in_streams(Ecosystem::Rpm, fixes.to_vec()) {
            Some(Statement::Affected(versions)) => holds(&versions, version),
            other => panic!("{other:?}"),
        };
        let postgresql = [
            "10.23-2.module+el8.8.0+19493+5804baf6",
            "13.11-1.module+el8.8.0+19081+0a277c66",
            "15.3-1.module+el8.8.0+19565+1b0ddae0",
        ];
        for (version, expected) in [
            ("10.21-1.module+el8.6.0+1+a", true),
            ("10.23-2.module+el8.8.0+19493+5804baf6", false),
            ("12.1-1.module+el8.8.0+1+a", false),
            ("13.7-1.module+el8.8.0+1+a", true),
            ("13.11-1.module+el8.8.0+19081+0a277c66", false),
            ("15.2-1.module+el8.8.0+1+a", true),
            ("15.3-1.module+el8.8.0+19565+1b0ddae0", false),
        ] {
            assert_eq!(is_affected(&postgresql, version), expected, "{version}");
        }
        let mariadb = ["3:10.3.39-1.module+el8.8.0+1+a", "3:10.5.22-1.module+el8.8.0+2+b"];
        assert!(!is_affected(&mariadb, "3:10.3.40-1.module+el8.9.0+1+a"));
        assert!(is_affected(&mariadb, "3:10.5.9-1.module+el8.4.0+1+a"));
        let one = "18.17.1-1.module+el8.8.0+19757+8ca87034";
        let fixed = Statement::FixedIn { version: one.to_owned() };
        assert_eq!(fixed_in_streams(Ecosystem::Rpm, vec![one, one]), Some(fixed));
    }

    #[test]
    fn the_last_fix_of_one_minor_release_counts() {
        assert!(affected(&["1.0-1.el9_2.1", "1.0-1.el9_2.3"], "1.0-1.el9_2.2"));
        let one = fixed_in(Ecosystem::Rpm, vec!["1.0-1.el9_2.1", "1.0-1.el9_2.3"]);
        assert_eq!(one, Some(Statement::FixedIn { version: "1.0-1.el9_2.3".to_owned() }));
        assert_eq!(minor("1.0-1.el9.1"), None);
    }
}
