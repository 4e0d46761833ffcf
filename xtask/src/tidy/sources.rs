//! The files that people write, as git knows them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Endings of the files that are read as text.
const TEXT: &[&str] =
    &["rs", "toml", "md", "ts", "tsx", "css", "html", "mjs", "js", "json", "sql", "yml", "yaml", "txt", "tsv", "pl"];

/// Written by tools, or taken down word for word.
const NOT_OURS: &[&str] =
    &["Cargo.lock", "package-lock.json", "openapi.json", "/testdata/", "/snapshots/", "fixtures/", "fuzz/corpus/"];

/// The bundled mirror must stay small enough to be part of every clone.
const MIRROR: &str = "fixtures/mirror/";
const MIRROR_BYTES_MAX: u64 = 3_000_000;

/// A file of the repository.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines before the unit tests, numbered from 1.
    pub(crate) fn before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines()).take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
    }

    /// The lines of [`Source::before_tests`] that are no comments.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.before_tests().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Its name, without folder and ending.
    pub(crate) fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.split('.').next().unwrap_or(name)
    }
}

/// The text files under a prefix that people write.
pub(crate) fn sources(root: &Path, prefix: &str) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths(root)?.into_iter().filter(|path| path.starts_with(prefix) && is_text(path)) {
        let text = std::fs::read_to_string(root.join(&path)).with_context(|| format!("read {path}"))?;
        sources.push(Source { path, text });
    }
    Ok(sources)
}

/// All files that git follows or would follow, and that exist.
pub(crate) fn paths(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("run git")?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    let exists = |path: &&str| !path.is_empty() && root.join(path).is_file();
    let mut paths: Vec<String> = text.split('\0').filter(exists).map(str::to_owned).collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

/// A sentence if the bundled mirror has grown too large.
pub(crate) fn too_large(root: &Path, paths: &[String]) -> anyhow::Result<Option<String>> {
    let mut bytes = 0;
    for path in paths.iter().filter(|path| path.starts_with(MIRROR)) {
        bytes += std::fs::metadata(root.join(path)).with_context(|| format!("look at {path}"))?.len();
    }
    Ok((bytes > MIRROR_BYTES_MAX).then(|| format!("{MIRROR} has {bytes} bytes, and may have {MIRROR_BYTES_MAX}")))
}

fn is_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    // Scripts have no ending.
    let text = ending.is_none_or(|ending| TEXT.contains(&ending) || name.starts_with('.'));
    text && !NOT_OURS.iter().any(|part| path.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_people_write_is_read() {
        for path in ["Makefile", "scripts/test", ".gitignore", "crates/domain/src/lib.rs", "docs/glossary.md"] {
            assert!(is_text(path), "{path}");
        }
        for path in ["Cargo.lock", "fixtures/mirror/epss.csv.gz", "crates/cli/tests/snapshots/a.snap", "ui/a.png"] {
            assert!(!is_text(path), "{path}");
        }
    }

    #[test]
    fn code_ends_where_tests_begin() {
        let text = "//! Doc.\nlet a = 1;\n  // why\n#[cfg(test)]\nmod tests {}\n".to_owned();
        let source = Source { path: "crates/feeds/src/kev.rs".to_owned(), text };
        assert_eq!(source.code().collect::<Vec<_>>(), [(2, "let a = 1;")]);
        assert_eq!(source.stem(), "kev");
    }
}
