//! A command for a host: its words are constants of this program, data goes in by standard input only.

/// Something to run. There is no way to put data into its words, so no shell ever sees any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Command {
    /// Words without blanks or shell characters, except where a shell's own expansion of a constant is wanted.
    pub words: &'static [&'static str],
    /// Needs root: connectors put `sudo -n` in front where they are not root.
    pub root: bool,
    /// Standard output beyond this is an error.
    pub output_bytes_max: usize,
    pub timeout_seconds: u32,
    /// Ending in 1 (in 123 by `xargs`) after it printed something is an answer with a complaint: a process that ended
    /// meanwhile, one path among many that no package owns. Otherwise it is a failure, and what it printed counts for nothing.
    pub may_complain: bool,
}

/// What a command left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// `None`: killed by a signal.
    pub status: Option<i32>,
    pub stdout: Vec<u8>,
    /// Bounded to 64 KiB.
    pub stderr: Vec<u8>,
}
