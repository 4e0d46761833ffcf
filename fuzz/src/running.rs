//! The input that runs now, on disk, so that it survives whatever it does to the process.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The file that holds one target's running input: its length, then its bytes.
pub(crate) struct Running(File);

impl Running {
    pub(crate) fn create(root: &Path, target: &str) -> anyhow::Result<Self> {
        let path = path(root, target);
        std::fs::create_dir_all(path.parent().expect("crashes have a folder")).context("make the folder of crashes")?;
        File::create(&path).map(Self).with_context(|| format!("create {}", path.display()))
    }

    pub(crate) fn set(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(&(bytes.len() as u64).to_le_bytes(), 0)?;
        self.0.write_all_at(bytes, 8)
    }
}

/// Moves the input that ran last into a file of its own.
pub(crate) fn rescue(root: &Path, target: &str) -> anyhow::Result<PathBuf> {
    let running = path(root, target);
    let held = std::fs::read(&running).with_context(|| format!("read {}", running.display()))?;
    let (length, bytes) = held.split_first_chunk::<8>().context("no input ran")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX).min(bytes.len());
    let input = running.with_file_name(format!("{target}-{:016x}", crate::child::hash(&bytes[..length])));
    std::fs::write(&input, &bytes[..length]).with_context(|| format!("write {}", input.display()))?;
    Ok(input)
}

fn path(root: &Path, target: &str) -> PathBuf {
    root.join("fuzz/crashes").join(format!(".{target}"))
}
