//! Which results of two reports are the same one.
//!
//! Never the title, the severity or the order in the file. A line number counts only where a report gives nothing better, and
//! then only for the order: the second of three equal results stays the second one, wherever the lines have moved to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Location, Mark, Reported};
use crate::digest;

/// Gives each result its identity, and keeps each once. Also says how many were there again.
pub fn identified(mut results: Vec<Reported>) -> (Vec<Reported>, u64) {
    results.sort_by(|a, b| order(a).cmp(&order(b)));
    let mut kept: Vec<Reported> = Vec::with_capacity(results.len());
    let mut places: HashMap<String, usize> = HashMap::with_capacity(results.len());
    // How many different ones with the same context there were so far, and where the last of them is.
    let mut seen: HashMap<String, (u32, usize)> = HashMap::new();
    let mut duplicates = 0;
    for mut result in results {
        result.identity = match base(&result) {
            Base::Unique(identity) => identity,
            Base::Numbered(base) => {
                let (number, last) = seen.entry(base.clone()).or_insert((0, kept.len()));
                let again = kept.get(*last).is_some_and(|last| *number > 0 && spot(last) == spot(&result));
                if !again {
                    *number += 1;
                    *last = kept.len();
                }
                digest::of(&[&base, &number.to_string()])
            }
        };
        match places.entry(result.identity.clone()) {
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(result);
            }
            Entry::Occupied(place) => {
                duplicates += 1;
                // What is suppressed in one place and not in the other is not suppressed.
                if result.suppressed.is_none() {
                    kept[*place.get()].suppressed = None;
                }
            }
        }
    }
    (kept, duplicates)
}

/// What an identity is made of.
enum Base {
    Unique(String),
    /// Results may share it, and are told apart by their order.
    Numbered(String),
}

fn base(result: &Reported) -> Base {
    let location = &result.location;
    if let (Some(vulnerability), Some(purl)) = (&result.vulnerability, &result.package)
        && purl.component_key().is_some()
    {
        let distro = purl.qualifiers.get("distro").map_or("", String::as_str);
        let parts = [vulnerability.as_str(), &purl.kind, &purl.namespace, &purl.name, distro, &location.path];
        return Base::Unique(digest::of(&[&["package"], &parts[..]].concat()));
    }
    match &result.mark {
        Mark::Whole(fingerprint) => Base::Unique(digest::of(&["whole", &result.rule, fingerprint])),
        Mark::Partial(fingerprint) => {
            Base::Unique(digest::of(&[&["partial"], &anchor(result)[..], &[fingerprint]].concat()))
        }
        Mark::Context(context) => {
            let context = context.split_whitespace().collect::<Vec<_>>().join(" ");
            Base::Numbered(digest::of(&[&["context"], &anchor(result)[..], &[&context]].concat()))
        }
    }
}

/// The rule and the place, without lines.
fn anchor(result: &Reported) -> [&str; 4] {
    let Location { path, url, object, .. } = &result.location;
    [&result.rule, path, url, object]
}

/// What tells two results with the same context in one file apart.
fn spot(result: &Reported) -> (Option<u32>, Option<u32>, &str) {
    (result.location.line, result.location.column, &result.message)
}

fn order(result: &Reported) -> (&str, &Location, &str, &str) {
    let mark = match &result.mark {
        Mark::Whole(text) | Mark::Partial(text) | Mark::Context(text) => text,
    };
    (&result.rule, &result.location, &result.message, mark)
}
