//! Who is affected, as CVE records say it: products with CPE names, versions with their states.

use std::cmp::Ordering;
use std::collections::HashSet;

use domain::advisory::{Bound, Range, Versions};
use domain::cpe::Cpe;
use serde::Deserialize;

use crate::Problems;
use crate::json::{Str, excerpt};
use crate::products::{Product, Products, Word, all_versions, bound, some_of, version};

#[derive(Deserialize)]
pub(super) struct Affected<'a> {
    #[serde(default, borrow)]
    cpes: Vec<Str<'a>>,
    #[serde(rename = "packageName", default, borrow)]
    package_name: Option<Str<'a>>,
    #[serde(default, borrow)]
    platforms: Vec<Str<'a>>,
    #[serde(rename = "defaultStatus", default, borrow)]
    default_status: Option<Str<'a>>,
    #[serde(default, borrow)]
    versions: Vec<Listed<'a>>,
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(default, borrow)]
    version: Str<'a>,
    #[serde(default, borrow)]
    status: Str<'a>,
    #[serde(rename = "versionType", default, borrow)]
    kind: Option<Str<'a>>,
    #[serde(rename = "lessThan", default, borrow)]
    less_than: Option<Str<'a>>,
    #[serde(rename = "lessThanOrEqual", default, borrow)]
    less_than_or_equal: Option<Str<'a>>,
    #[serde(default, borrow)]
    changes: Vec<Change<'a>>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(default, borrow)]
    at: Str<'a>,
    #[serde(default, borrow)]
    status: Str<'a>,
}

/// Reads one container's word; products that an earlier container named keep what that one said.
pub(super) fn read(affected: &[Affected<'_>], id: &str, products: &mut Products, problems: &mut Problems) {
    let mut here = Products::default();
    let mut unread = None;
    // A package inside a product: the CPE names what ships it, the versions are the package's.
    for entry in affected.iter().filter(|entry| !entry.cpes.is_empty() && entry.package_name.is_none()) {
        let judged = entry.judged();
        if judged.iter().all(|(_, versions)| versions.ranges.is_empty() && versions.exact.is_empty()) {
            continue;
        }
        let condition = entry.condition();
        // Some list a name for each version, which all are one product.
        let mut done = HashSet::new();
        // Names of hardware are many and say nothing of software.
        for cpe in entry.cpes.iter().filter(|cpe| !cpe.starts_with("cpe:2.3:h:")) {
            match Cpe::parse(cpe) {
                Ok(cpe) => {
                    let Some(product) = Product::of(&cpe).filter(|product| !products.names(&product.package)) else {
                        continue;
                    };
                    let product = product.with_condition(&condition);
                    if done.insert(product.clone()) {
                        judged.iter().for_each(|(word, versions)| here.add(product.clone(), *word, versions));
                    }
                }
                Err(error) => {
                    unread.get_or_insert(error);
                }
            }
        }
    }
    if let Some(first) = unread {
        problems.add(id, &format_args!("a product is left out: {first}"));
    }
    products.append(here);
}

impl Affected<'_> {
    /// Something that the platforms restrict it to.
    fn condition(&self) -> String {
        let says_nothing = ["unknown", "all", "any", "n/a", "-", "*", ""];
        let names = self.platforms.iter().map(|name| excerpt(name.trim()));
        let names: Vec<String> =
            names.filter(|name| !says_nothing.contains(&name.to_ascii_lowercase().as_str())).collect();
        if names.is_empty() { String::new() } else { format!("runs on {}", some_of(&names)) }
    }

    /// The affected versions, and those that are said not to be where the others are unknown.
    fn judged(&self) -> Vec<(Word, Versions)> {
        let mut affected = Versions::default();
        let mut unaffected = Versions::default();
        // Commits are not versions that an inventory has.
        for listed in self.versions.iter().filter(|listed| listed.kind.as_deref() != Some("git")) {
            listed.judge(&mut affected, &mut unaffected);
        }
        let says_unaffected = !unaffected.ranges.is_empty() || !unaffected.exact.is_empty();
        match self.default_status.as_deref() {
            Some("affected") if says_unaffected => {
                vec![(Word::Affected, all_but(&unaffected).unwrap_or_default())]
            }
            // Where versions are listed as affected, the list is what its author means, whatever the default is.
            Some("affected") if self.versions.is_empty() => vec![(Word::Affected, all_versions())],
            Some("unaffected") => vec![(Word::Affected, affected)],
            _ => vec![(Word::Affected, affected), (Word::NotAffected, unaffected)],
        }
    }
}

impl Listed<'_> {
    fn judge(&self, affected: &mut Versions, unaffected: &mut Versions) {
        let end = match (&self.less_than, &self.less_than_or_equal) {
            (Some(text), _) => End::of(text, false),
            (None, Some(text)) => End::of(text, true),
            (None, None) => {
                if let Some(versions) = target(&self.status, affected, unaffected) {
                    single(&self.version, versions);
                }
                return;
            }
        };
        let Some(end) = end else { return };
        let mut state = &self.status;
        let mut lower = version(&self.version).filter(|text| !is_beginning(text)).map(|text| bound(text, true));
        let mut push = |state: &str, range: Range| {
            if let Some(versions) = target(state, affected, unaffected) {
                versions.ranges.push(range);
            }
        };
        for change in &self.changes {
            let Some(at) = version(&change.at) else { continue };
            push(state, Range { lower: lower.take(), upper: Some(bound(at, false)) });
            lower = Some(bound(at, true));
            state = &change.status;
        }
        let upper = end.0;
        // The last change often stands exactly at the end.
        let is_void = matches!((&lower, &upper), (Some(l), Some(u)) if l.version == u.version && !u.inclusive);
        if !is_void {
            push(state, Range { lower, upper });
        }
    }
}

fn target<'v>(status: &str, affected: &'v mut Versions, unaffected: &'v mut Versions) -> Option<&'v mut Versions> {
    match status {
        "affected" => Some(affected),
        "unaffected" => Some(unaffected),
        _ => None,
    }
}

/// An entry without an end: one version, several, an expression, or all of them.
fn single(text: &str, versions: &mut Versions) {
    if text.trim().starts_with(['<', '>', '=']) {
        versions.ranges.extend(expression(text));
        return;
    }
    match text.trim().to_ascii_lowercase().as_str() {
        "*" | "all" | "all versions" => versions.ranges.push(Range::default()),
        text => versions.exact.extend(text.split(',').filter_map(version).map(str::to_owned)),
    }
}

/// Reads `>= 1.0, < 2.0`. `None`: a part of it cannot be read.
fn expression(text: &str) -> Option<Range> {
    let mut range = Range::default();
    for part in text.split(',') {
        let part = part.trim();
        let digits = part.find(|c: char| !matches!(c, '<' | '>' | '='))?;
        let (operator, rest) = part.split_at(digits);
        let text = version(rest)?;
        match operator {
            "<" | "<=" => range.upper = Some(bound(text, operator == "<=")),
            ">" | ">=" => range.lower = Some(bound(text, operator == ">=")),
            "=" | "==" => range = Range { lower: Some(bound(text, true)), upper: Some(bound(text, true)) },
            _ => return None,
        }
    }
    Some(range)
}

fn is_beginning(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '0' | '.'))
}

/// The end of a range; nothing in it: there is none.
struct End(Option<Bound>);

impl End {
    /// `None`: the text is no version (`publication`), so the range says nothing.
    fn of(text: &str, inclusive: bool) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self(None));
        }
        // `5.10.*` ends before 5.11, `9.1*` before 9.2.
        if let Some(stem) = text.strip_suffix('*') {
            return Some(Self(Some(bound(&next(stem.trim_end_matches('.'))?, false))));
        }
        Some(Self(Some(bound(version(text)?, inclusive))))
    }
}

/// The number after a dotted number: 5.11 after 5.10.
fn next(stem: &str) -> Option<String> {
    let (front, last) = stem.rsplit_once('.').map_or(("", stem), |(front, last)| (front, last));
    let last: u64 = last.parse().ok()?;
    let last = last.checked_add(1)?;
    Some(if front.is_empty() { last.to_string() } else { format!("{front}.{last}") })
}

/// Everything but these versions. `None`: they cannot be brought into an order here.
fn all_but(unaffected: &Versions) -> Option<Versions> {
    let exact = unaffected.exact.iter().map(|v| Range { lower: Some(bound(v, true)), upper: Some(bound(v, true)) });
    let mut holes: Vec<Range> = unaffected.ranges.iter().cloned().chain(exact).collect();
    if !sort(&mut holes) {
        return None;
    }
    let mut ranges = Vec::new();
    let mut lower = None;
    let mut open = true;
    for hole in holes {
        if let Some(begin) = hole.lower.filter(|_| open) {
            ranges.push(Range { lower: lower.take(), upper: Some(turned(begin)) });
        }
        match hole.upper {
            Some(end) => lower = Some(turned(end)),
            None => open = false,
        }
    }
    if open {
        ranges.push(Range { lower, upper: None });
    }
    Some(Versions { ranges, exact: Vec::new() })
}

fn turned(bound: Bound) -> Bound {
    Bound { inclusive: !bound.inclusive, ..bound }
}

/// Sorts ranges by where they begin. `false`: their versions are not plain dotted numbers, and there are several.
fn sort(ranges: &mut [Range]) -> bool {
    let has_begin = |range: &Range| range.lower.is_some();
    let has_end = |range: &Range| range.upper.is_some();
    let is_plain = |range: &Range| {
        [&range.lower, &range.upper].into_iter().flatten().all(|bound| numbers(&bound.version).is_some())
    };
    if !ranges.iter().all(is_plain) {
        // One that has no beginning stands first, one that has no end last: they need no comparison.
        ranges.sort_by_key(has_begin);
        let middle = ranges.iter().filter(|range| has_begin(range) && has_end(range)).count();
        let ends = ranges.iter().filter(|range| !has_begin(range) || !has_end(range)).count();
        return (middle, ends) == (1, 0) || (middle == 0 && ranges.len() <= 2 && is_pair_of_ends(ranges));
    }
    let key = |range: &Range| range.lower.as_ref().and_then(|bound| numbers(&bound.version));
    ranges.sort_by(|a, b| match (key(a), key(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    });
    // Ranges that overlap contradict each other or say things twice: then nothing follows.
    ranges.windows(2).all(|pair| match (&pair[0].upper, &pair[1].lower) {
        (Some(end), Some(begin)) => numbers(&end.version).cmp(&numbers(&begin.version)) != Ordering::Greater,
        _ => false,
    })
}

fn is_pair_of_ends(ranges: &[Range]) -> bool {
    match ranges {
        [first, last] => first.lower.is_none() && last.upper.is_none(),
        _ => true,
    }
}

/// The numbers of a dotted number, without zeros at the end.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let mut numbers = version.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}
