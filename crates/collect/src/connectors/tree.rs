//! A folder as a tree of files: a root directory or somebody's sources. No link leaves it.

use std::path::{Path, PathBuf};

use ecosystems::capture::Reading;
use ecosystems::tree::Tree;

use super::files::Root;

/// More files than this are no system that Vigie knows.
const FILES_MAX: usize = 5_000_000;
/// Deeper folders are a trap.
const DEPTH_MAX: usize = 128;

/// Why a folder could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("could not open the folder {path}", path = path.display())]
pub struct TreeError {
    path: PathBuf,
    source: std::io::Error,
}

/// An open folder.
#[derive(Debug)]
pub struct Folder(Root);

impl Folder {
    pub fn open(path: &Path) -> Result<Self, TreeError> {
        let failed = |error: rustix::io::Errno| TreeError { path: path.to_owned(), source: error.into() };
        Root::open(path).map(Self).map_err(failed)
    }
}

impl Tree for Folder {
    fn walk(&self, visit: &mut dyn FnMut(&str)) -> Result<(), String> {
        let mut folders = vec![String::new()];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            let Ok(entries) = self.0.entries(&folder) else { continue };
            let mut inner = Vec::new();
            for (name, is_folder) in entries {
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if is_folder {
                    // What the kernel shows as files is none.
                    let kernel = matches!(path.as_str(), "proc" | "sys" | "dev");
                    if !kernel && path.matches('/').count() < DEPTH_MAX {
                        inner.push(path);
                    }
                    continue;
                }
                seen += 1;
                if seen > FILES_MAX {
                    return Err(format!("it has more than {FILES_MAX} files: the rest was not looked at"));
                }
                visit(&path);
            }
            folders.extend(inner.into_iter().rev());
        }
        Ok(())
    }

    fn read(&self, path: &str, bytes_max: u64) -> Reading {
        self.0.file(path, usize::try_from(bytes_max).unwrap_or(usize::MAX - 1))
    }

    fn head(&self, path: &str) -> Option<[u8; 16]> {
        self.0.head(path)
    }

    fn layer(&self, _path: &str) -> &str {
        ""
    }
}
