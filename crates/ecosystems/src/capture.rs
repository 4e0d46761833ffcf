//! What to read on a host, and what was read: the one shape that all connectors fill and all parsers take.

use std::collections::BTreeMap;

use domain::command::Command;

/// Something to read on a host. Constant, never built from data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    /// A regular file, by its path below the root, without a leading slash.
    File { path: &'static str, bytes_max: usize },
    /// The first of several files that is there. Each that was looked for has a reading of its own, as a [`Probe::File`].
    First { paths: &'static [&'static str], bytes_max: usize },
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

    /// The reading of the first file that is there, with its path. `None`: none is there.
    pub fn first(&self, paths: &[&'static str], bytes_max: usize) -> Option<(&'static str, &Reading)> {
        let readings = paths.iter().map(|&path| (path, self.get(&Probe::File { path, bytes_max })));
        readings.into_iter().find(|(_, reading)| **reading != Reading::Missing)
    }

    /// Reads the files of a [`Probe::First`], up to the first that is there.
    pub fn read_first(
        &mut self,
        paths: &'static [&'static str],
        bytes_max: usize,
        mut read: impl FnMut(&'static str) -> Reading,
    ) {
        for &path in paths {
            let reading = read(path);
            let there = reading != Reading::Missing;
            self.readings.insert(Probe::File { path, bytes_max }, reading);
            if there {
                return;
            }
        }
    }
}

/// A command whose standard input depends on earlier readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp {
    pub command: Command,
    pub stdin: Vec<u8>,
}
