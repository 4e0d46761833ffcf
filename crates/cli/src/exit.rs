//! Exit codes: a contract, see `docs/book/src/exit-codes.md`.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and nothing to report.
    Clean,
    /// Findings at or above `--fail-on`.
    Findings,
    /// Something could not be decided: not clean, not proven bad.
    Unknown,
    /// The command line is wrong.
    Usage,
    /// The command could not do its work.
    Failed,
    /// Whoever read the output has gone.
    ReaderGone,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Findings => 1,
            Exit::Unknown => 2,
            Exit::Usage => 64,
            Exit::Failed => 70,
            // What shells give for a tool that SIGPIPE ended.
            Exit::ReaderGone => 141,
        })
    }
}

/// The command line asks for something that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);
