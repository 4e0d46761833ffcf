//! Runs the binary with a data folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_vigie");

/// A data folder, and the instant that commands judge for.
pub(crate) struct Vigie {
    folder: TempDir,
}

impl Vigie {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    /// The binary with its data folder, judging for an instant.
    pub(crate) fn command(&self, at: &str, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        self.prepare(&mut command, at, args);
        command
    }

    /// Gives a command that already names the binary its options.
    pub(crate) fn prepare(&self, command: &mut Command, at: &str, args: &[&str]) {
        command
            .args(args)
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(["--at", at])
            .env("VIGIE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    pub(crate) fn run(&self, at: &str, args: &[&str]) -> Output {
        self.command(at, args).output().unwrap()
    }

    /// Runs a command that has to end with this exit code; returns what it printed.
    pub(crate) fn expect(&self, code: i32, at: &str, args: &[&str]) -> String {
        finished(code, self.run(at, args), args)
    }

    pub(crate) fn json(&self, code: i32, at: &str, args: &[&str]) -> Value {
        let args = [args, &["--format", "json"]].concat();
        serde_json::from_str(&self.expect(code, at, &args)).unwrap()
    }
}

/// What a command printed, which has to have ended with this exit code.
pub(crate) fn finished(code: i32, output: Output, args: &[&str]) -> String {
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "vigie {args:?}\n{stdout}\n{stderr}");
    stdout
}

/// A root directory with an os-release and a package database.
pub(crate) fn write_root(root: &Path, release: &str, status: &str) {
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::create_dir_all(root.join("var/lib/dpkg")).unwrap();
    let os_release = format!("ID=debian\nPRETTY_NAME=\"Debian ({release})\"\nVERSION_CODENAME={release}\n");
    std::fs::write(root.join("etc/os-release"), os_release).unwrap();
    std::fs::write(root.join("etc/hostname"), "demo\n").unwrap();
    std::fs::write(root.join("var/lib/dpkg/status"), status).unwrap();
}

/// A paragraph of the package database.
pub(crate) fn package(name: &str, version: &str) -> String {
    format!(
        "Package: {name}\nStatus: install ok installed\nPriority: optional\nArchitecture: amd64\n\
         Version: {version}\nDescription: a package\n\n"
    )
}
