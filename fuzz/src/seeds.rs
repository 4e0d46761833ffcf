//! What mutations begin with: the corpus of a target, and the samples of the project.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Larger samples are left to the tests.
const BYTES_MAX: usize = 128 << 10;
const FILES_MAX: usize = 400;

/// An input, and the path that it has where paths matter.
#[derive(Debug, Clone)]
pub(crate) struct Seed {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

impl Seed {
    pub(crate) fn at(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), bytes }
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::at("", text.as_bytes().to_vec())
    }
}

/// Each line of a file, without its comments.
pub(crate) fn lines(path: &Path) -> anyhow::Result<Vec<Seed>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Ok(text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).map(Seed::text).collect())
}

/// Each small file below a folder whose path there begins with a prefix, with that path. No folder: none.
pub(crate) fn files(folder: &Path, prefix: &str) -> Vec<Seed> {
    let mut paths = Vec::new();
    collect(folder, &mut paths);
    paths.sort();
    let mut seeds = Vec::new();
    for path in paths {
        let Ok(relative) = path.strip_prefix(folder) else { continue };
        let relative = relative.to_string_lossy().into_owned();
        if !relative.starts_with(prefix) {
            continue;
        }
        match std::fs::read(&path) {
            Ok(bytes) if bytes.len() <= BYTES_MAX => seeds.push(Seed::at(&relative, bytes)),
            _ => {}
        }
    }
    seeds
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), paths),
            Ok(kind) if kind.is_file() && paths.len() < FILES_MAX => paths.push(entry.path()),
            _ => {}
        }
    }
}
