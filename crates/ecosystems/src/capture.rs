//! What to read on a host, and what was read: the one shape that all connectors fill and all parsers take.

use std::collections::BTreeMap;

use domain::command::Command;

/// Something to read on a host. Constant, never built from data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    /// A regular file, by its path below the root, without a leading slash.
    File { path: &'static str, bytes_max: usize },
    /// Every regular file of a folder, not of its subfolders.
    Folder { path: &'static str, files_max: usize, bytes_max: usize },
    /// A command, for running systems only.
    Command(Command),
}

/// What came of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A file's bytes, or what a command that ran printed, whatever its exit status: a search through `/proc` ends
    /// in 1 when one process goes away. Empty where a command was refused before it ran is [`Reading::Failed`].
    Bytes(Vec<u8>),
    /// A folder's files by name.
    Files(BTreeMap<String, Vec<u8>>),
    /// There is no such file, folder or command.
    Missing,
    /// It is there and could not be read (denied, too large, timed out): a gap, never "nothing there".
    Failed(String),
}

/// Everything a connector read from one host.
#[derive(Debug, Clone, Default)]
pub struct Capture {
    /// A running system, not a root directory: what only a running system has is then expected.
    pub live: bool,
    pub readings: BTreeMap<Probe, Reading>,
}

impl Capture {
    /// The reading of a probe; one that the connector did not try counts as missing.
    pub fn get(&self, probe: &Probe) -> &Reading {
        self.readings.get(probe).unwrap_or(&Reading::Missing)
    }
}

/// A command whose standard input depends on earlier readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp {
    pub command: Command,
    pub stdin: Vec<u8>,
}
