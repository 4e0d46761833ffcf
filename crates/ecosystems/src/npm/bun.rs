//! `bun.lock`: JSON with comments and commas at the end of lists; and its binary forerunner, which is not read.

use std::collections::BTreeMap;

use domain::component::Ecosystem;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::elsewhere;
use crate::manifest::{Around, Found, sibling};

#[derive(Deserialize)]
struct Lock {
    #[serde(rename = "lockfileVersion")]
    version: u64,
    #[serde(default)]
    packages: BTreeMap<String, Entry>,
}

/// The first of a list; the rest is passed by, because a list can be long.
struct Entry(Option<String>);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = Entry;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a list that begins with a name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entry, A::Error> {
                let first = list.next_element()?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Entry(first))
            }
        }
        deserializer.deserialize_seq(First)
    }
}

/// `"key": ["name@version", …]`: the key may be an alias, or the way to a package inside another.
pub(super) fn lock(path: &str, bytes: &[u8], found: &mut Found) {
    let lock: Lock = match serde_json::from_slice(&plain(bytes)) {
        Ok(lock) => lock,
        Err(error) => return found.gap(path, error),
    };
    if lock.version > 1 {
        found.gap(path, format_args!("its form {} is newer than what is known", lock.version));
    }
    let mut foreign = 0;
    for (key, Entry(named)) in &lock.packages {
        let named = named.as_deref().unwrap_or_default();
        match named.get(1..).and_then(|rest| rest.find('@')).map(|place| named.split_at(place + 1)) {
            Some((_, version)) if version.starts_with("@workspace:") => {}
            Some((_, version)) if version.contains([':', '/']) => foreign += 1,
            Some((name, version)) => found.package(Ecosystem::Npm, name, &version[1..], path),
            None => {
                let key: String = key.chars().take(60).collect();
                found.gap(path, format_args!("{key:?} names no package"));
            }
        }
    }
    elsewhere(path, foreign, found);
}

/// The form before `bun.lock`.
pub(super) fn binary(path: &str, _bytes: &[u8], around: Around<'_>, found: &mut Found) {
    let text = sibling(path, "bun.lock");
    if text.is_none_or(|text| !(around.has)(&text)) {
        found.gap(path, "bun's binary lockfile is not read: `bun install --save-text-lockfile` writes bun.lock");
    }
}

/// The same JSON without comments and without commas that nothing follows.
fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    // Where the last comma stands, when only white space followed it.
    let mut comma = None;
    let mut place = 0;
    while let Some(&byte) = bytes.get(place) {
        match (byte, bytes.get(place + 1)) {
            (b'"', _) => {
                let end = string(bytes, place);
                plain.extend_from_slice(&bytes[place..end]);
                (place, comma) = (end, None);
                continue;
            }
            (b'/', Some(b'/')) => {
                place = memchr::memchr(b'\n', &bytes[place..]).map_or(bytes.len(), |end| place + end);
                continue;
            }
            (b'/', Some(b'*')) => {
                let end = memchr::memmem::find(&bytes[place + 2..], b"*/");
                place = end.map_or(bytes.len(), |end| place + end + 4);
                continue;
            }
            (b',', _) => comma = Some(plain.len()),
            (b'}' | b']', _) => {
                if let Some(comma) = comma.take() {
                    plain[comma] = b' ';
                }
            }
            (b' ' | b'\t' | b'\r' | b'\n', _) => {}
            _ => comma = None,
        }
        plain.push(byte);
        place += 1;
    }
    plain
}

/// Where the string ends that begins here.
fn string(bytes: &[u8], start: usize) -> usize {
    let mut place = start + 1;
    while let Some(step) = memchr::memchr2(b'"', b'\\', bytes.get(place..).unwrap_or_default()) {
        place += step + 1;
        if bytes[place - 1] == b'"' {
            return place;
        }
        place += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_aliases_and_what_is_no_registrys() {
        let text = r#"{ // words, "x"
            "lockfileVersion": 1, /* , */
            "workspaces": {"": {"name": "own", "dependencies": {"a": "^1",},},},
            "packages": {
                "@s/b": ["@s/b@1.0.0-rc.1", "", {}, "sha512-a//b,]",],
                "own": ["own@workspace:packages/own"],
                "alias": ["real@2.0.0", "", {}, "x"],
                "a/c": ["c@3.0.0", "", {"bin": {"c": "\\\",}"},}, "x"],
                "git": ["git@github:a/b#abc", {}, "x"],
                "bad": [],
            },
        }"#;
        let mut found = Found::default();
        lock("bun.lock", text.as_bytes(), &mut found);
        let told: Vec<_> = found.components.iter().map(|c| format!("{} {}", c.source, c.version)).collect();
        assert_eq!(told, ["@s/b 1.0.0-rc.1", "c 3.0.0", "real 2.0.0"]);
        let gaps: Vec<_> = found.gaps.iter().map(|gap| gap.reason.as_str()).collect();
        assert_eq!(gaps, ["\"bad\" names no package", "1 packages come from elsewhere than a registry"]);
    }

    #[test]
    fn the_binary_form_is_a_gap_unless_the_text_stands_beside() {
        let gaps = |beside: &str| {
            let mut found = Found::default();
            let around = Around { has: &|path| path == beside, ..Around::NOTHING };
            binary("a/bun.lockb", b"#!/usr/bin/env bun", around, &mut found);
            found.gaps.len()
        };
        assert_eq!((gaps(""), gaps("a/bun.lock")), (1, 0));
    }

    #[test]
    fn what_is_cut_off_ends() {
        for text in ["\"", "\"\\", "/*", "//", "{\"a\":[1,", ",", "/"] {
            let _ = plain(text.as_bytes());
            lock("bun.lock", text.as_bytes(), &mut Found::default());
        }
    }
}
