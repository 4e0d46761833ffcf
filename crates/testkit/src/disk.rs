//! A small disk of one test alone, which the test may fill. Tests of the store include this file by its path.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A file system of its own, in memory; gone in the end.
pub struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// Makes one. `None`: this user may not mount, which a loud line says; where `CI` is set that is a failure.
    pub fn mount(bytes: u64) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=711"), "tmpfs"]).arg(dir.path());
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(Self { dir });
        }
        let reason = "no file system may be mounted here";
        assert!(std::env::var_os("CI").is_none(), "{reason}, and where CI is set full disks must be tested");
        let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}, so nothing was tested on a full disk");
        None
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Takes all room that is left.
    pub fn fill(&self) {
        let mut filler = File::options().append(true).create(true).open(self.filler()).expect("a file can be made");
        for chunk in [1 << 20, 1 << 12] {
            let error = loop {
                if let Err(error) = filler.write_all(&vec![0; chunk]) {
                    break error;
                }
            };
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        }
    }

    /// Gives it back.
    pub fn make_room(&self) {
        fs::remove_file(self.filler()).expect("it was filled");
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Files on it may still be open: it goes when they are closed.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}
