//! Which package owns a file: what a distribution's package brought is judged by the distribution alone.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::quality::FixedState;

/// Its key is a constant, so that the same files give the same answers everywhere.
const HASHER: FixedState = FixedState::with_seed(0);

/// Files by the package that brought them, built from every package database of a root.
///
/// A path is kept as a number of 64 bits: some hundred thousand files take a few megabytes.
#[derive(Debug, Default)]
pub struct Owners {
    packages: Vec<Box<str>>,
    /// Sorted by the first part.
    files: Vec<(u64, u32)>,
}

/// Brought by several packages, as folders are where a database lists them like files.
const SHARED: u32 = u32::MAX;

/// Folders of `/usr` that are the same as those of the root, on every system that merged them.
const MERGED: [&[u8]; 7] = [b"bin/", b"sbin/", b"lib/", b"lib32/", b"lib64/", b"libx32/", b"libo32/"];

impl Owners {
    /// The package that owns a file, by its path with or without a leading slash, before or after the merge of `/usr`.
    /// `None`: none does, or several do.
    pub fn owner(&self, path: &str) -> Option<&str> {
        let key = key(path);
        let index = self.files.binary_search_by_key(&key, |(file, _)| *file).ok()?;
        self.packages.get(self.files[index].1 as usize).map(|package| &**package)
    }

    /// Whether no package database told of any file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// Takes files in any order.
#[derive(Debug, Default)]
pub struct Builder {
    owners: Owners,
    numbers: HashMap<Box<str>, u32>,
}

impl Builder {
    /// The number of a package, by which its files are added.
    pub fn package(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.owners.packages.len()).unwrap_or(SHARED);
        self.owners.packages.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// A file that a package brought.
    pub fn file(&mut self, package: u32, path: &str) {
        self.owners.files.push((key(path), package));
    }

    pub fn finish(self) -> Owners {
        let mut owners = self.owners;
        owners.files.sort_unstable();
        owners.files.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same && next.1 != kept.1 {
                kept.1 = SHARED;
            }
            same
        });
        owners.files.shrink_to_fit();
        owners
    }
}

/// One number for all spellings of a path.
fn key(path: &str) -> u64 {
    let mut path = path.as_bytes();
    path = path.strip_prefix(b"./").unwrap_or(path);
    while let [b'/', rest @ ..] | [rest @ .., b'/'] = path {
        path = rest;
    }
    if let Some(rest) = path.strip_prefix(b"usr/")
        && matches!(rest, [b'b' | b's' | b'l', b'i' | b'b', ..])
        && MERGED.iter().any(|folder| rest.starts_with(folder))
    {
        path = rest;
    }
    let mut hasher = HASHER.build_hasher();
    hasher.write(path);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_by_any_spelling() {
        let mut builder = Builder::default();
        let libc = builder.package("libc6");
        let python = builder.package("python3-yaml");
        assert_eq!(builder.package("libc6"), libc);
        for (package, path) in [
            (libc, "/."),
            (libc, "/lib/x86_64-linux-gnu/libc.so.6"),
            (libc, "/usr/share/doc"),
            (python, "./usr/share/doc/"),
            (python, "usr/lib/python3/dist-packages/yaml/__init__.py"),
            (python, "/usr/lib/python3/dist-packages/PyYAML-6.0.egg-info"),
        ] {
            builder.file(package, path);
        }
        let owners = builder.finish();
        for (path, owner) in [
            ("/lib/x86_64-linux-gnu/libc.so.6", Some("libc6")),
            ("usr/lib/x86_64-linux-gnu/libc.so.6", Some("libc6")),
            ("/usr/share/doc", None),
            ("lib/python3/dist-packages/yaml/__init__.py", Some("python3-yaml")),
            ("usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/", Some("python3-yaml")),
            ("usr/share/libc.so.6", None),
            ("", None),
        ] {
            assert_eq!(owners.owner(path), owner, "{path}");
        }
        assert!(!owners.is_empty());
    }
}
