//! Connectors: the ways to look inside one asset. Each fills a `Capture` from the same constant probes.
//!
//! To add one, write `connectors/<way>.rs` with a function from `&[Probe]` to `Capture`: a missing file is
//! [`Reading::Missing`] only when the system said so; everything else that goes wrong is [`Reading::Failed`].

pub mod folder;
pub mod image;
pub mod local;
pub mod ssh;

mod files;
mod process;

use domain::command::{Command, Output};
use ecosystems::capture::Reading;

/// Files of one folder together; each has its own limit too.
pub(crate) const FOLDER_BYTES_MAX: usize = 256 << 20;

/// Standard error beyond this is cut.
pub(crate) const STDERR_BYTES_MAX: usize = 64 * 1024;

/// Why a command left no output behind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The asset has no such program.
    #[error("{program} is not installed")]
    Missing { program: &'static str },
    #[error("{program} did not end within {seconds} s and was stopped")]
    TimedOut { program: &'static str, seconds: u32 },
    #[error("{program} wrote more than {bytes} bytes and was stopped")]
    TooLarge { program: &'static str, bytes: usize },
    /// The rights do not suffice.
    #[error("{program} needs root: {reason}")]
    NeedsRoot { program: &'static str, reason: String },
    #[error("{program} could not be run: {reason}")]
    NotRun { program: &'static str, reason: String },
}

/// The program of a command, by which its failures are told.
pub(crate) fn program(command: Command) -> &'static str {
    command.words.first().copied().unwrap_or("an empty command")
}

/// What a command's end means for its probe.
pub(crate) fn reading(command: Command, result: Result<Output, CommandError>) -> Reading {
    let program = program(command);
    match result {
        Ok(output) if output.status == Some(0) => Reading::Bytes(output.stdout),
        Ok(output) if command.may_complain && matches!(output.status, Some(1 | 123)) && !output.stdout.is_empty() => {
            Reading::Bytes(output.stdout)
        }
        Ok(output) => Reading::Failed(failure(program, &output)),
        Err(CommandError::Missing { .. }) => Reading::Missing,
        Err(error) => Reading::Failed(error.to_string()),
    }
}

/// Says how a command failed, with the last thing it complained about.
pub(crate) fn failure(program: &str, output: &Output) -> String {
    let end = match output.status {
        Some(status) => format!("{program} ended with status {status}"),
        None => format!("{program} was killed"),
    };
    let complaint = output.stderr.rsplit(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    match complaint {
        Some(line) => format!("{end}: {}", printable(line, 200)),
        None => end,
    }
}

/// Bytes from outside as one bounded printable line.
pub(crate) fn printable(bytes: &[u8], chars_max: usize) -> String {
    String::from_utf8_lossy(bytes)
        .trim()
        .chars()
        .take(chars_max)
        .map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(status: Option<i32>, stderr: &str) -> Output {
        Output { status, stdout: Vec::new(), stderr: stderr.as_bytes().to_vec() }
    }

    #[test]
    fn a_failure_ends_with_the_last_complaint() {
        assert_eq!(
            failure("dpkg-query", &output(Some(2), "warning\ndpkg-query: error: locked\x1b[31m\n\n")),
            "dpkg-query ended with status 2: dpkg-query: error: locked\u{fffd}[31m"
        );
        assert_eq!(failure("ss", &output(None, "")), "ss was killed");
    }

    fn command(may_complain: bool) -> Command {
        Command { words: &["find"], root: false, output_bytes_max: 64, timeout_seconds: 3, may_complain }
    }

    #[test]
    fn only_a_missing_program_is_missing() {
        let read = |error| reading(command(true), Err(error));
        assert_eq!(read(CommandError::Missing { program: "find" }), Reading::Missing);
        assert_eq!(
            read(CommandError::TimedOut { program: "find", seconds: 3 }),
            Reading::Failed("find did not end within 3 s and was stopped".to_owned())
        );
    }

    #[test]
    fn an_answer_with_a_complaint_is_an_answer_where_it_may_be_and_no_answer_is_a_failure() {
        let of = |may_complain, status, stdout: &str| {
            reading(command(may_complain), Ok(Output { stdout: stdout.into(), ..output(status, "") }))
        };
        assert_eq!(of(true, Some(0), ""), Reading::Bytes(Vec::new()));
        assert_eq!(of(true, Some(1), "one"), Reading::Bytes(b"one".to_vec()));
        assert_eq!(of(false, Some(1), "one"), Reading::Failed("find ended with status 1".to_owned()));
        assert_eq!(of(true, Some(1), ""), Reading::Failed("find ended with status 1".to_owned()));
        assert_eq!(of(true, Some(2), "one"), Reading::Failed("find ended with status 2".to_owned()));
        assert_eq!(of(true, None, "one"), Reading::Failed("find was killed".to_owned()));
    }
}
