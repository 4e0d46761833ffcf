//! Runs one program of this machine: no shell, bounded output, a time-out that ends the whole process group.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use domain::command::{Command, Output};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::{CommandError, STDERR_BYTES_MAX};

/// Runs a command to its end with `stdin` as its input.
pub(super) fn run(command: Command, stdin: &[u8]) -> Result<Output, CommandError> {
    let Some((&program, arguments)) = command.words.split_first() else {
        return Err(CommandError::NotRun { program: "an empty command", reason: "it has no words".to_owned() });
    };
    let not_run = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => CommandError::Missing { program },
        _ => CommandError::NotRun { program, reason: error.to_string() },
    };
    let child = std::process::Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_run)?;
    let deadline = Instant::now() + Duration::from_secs(command.timeout_seconds.into());
    let mut group = Group { leader: child, ended: false };
    let output = Exchange::begin(&mut group.leader, stdin, command.output_bytes_max).map_err(not_run)?.end(deadline);
    match output {
        Ok((stdout, stderr)) => {
            let status = group.end().map_err(not_run)?;
            Ok(Output { status: status.code(), stdout, stderr })
        }
        Err(Stop::Deadline) => Err(CommandError::TimedOut { program, seconds: command.timeout_seconds }),
        Err(Stop::TooLarge) => Err(CommandError::TooLarge { program, bytes: command.output_bytes_max }),
        Err(Stop::Io(error)) => Err(not_run(error)),
    }
}

/// A program and everything it started: what is left of it is killed, however the run ends.
struct Group {
    leader: Child,
    ended: bool,
}

impl Group {
    fn end(&mut self) -> std::io::Result<ExitStatus> {
        self.ended = true;
        // Before the wait: until then nothing else can have the leader's number.
        if let Some(group) = i32::try_from(self.leader.id()).ok().and_then(Pid::from_raw) {
            // It fails only where the whole group is gone already.
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.leader.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.ended {
            // The error that led here is the one to tell.
            let _ = self.end();
        }
    }
}

enum Stop {
    Deadline,
    TooLarge,
    Io(std::io::Error),
}

/// The three pipes of a running program.
struct Exchange<'a> {
    exited: OwnedFd,
    stdin: Option<File>,
    stdin_left: &'a [u8],
    stdout: Option<File>,
    stderr: Option<File>,
    stdout_bytes: Vec<u8>,
    stderr_bytes: Vec<u8>,
    stdout_bytes_max: usize,
}

impl<'a> Exchange<'a> {
    fn begin(child: &mut Child, stdin: &'a [u8], stdout_bytes_max: usize) -> std::io::Result<Self> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| std::io::Error::other("the system gave an impossible process number"))?;
        Ok(Exchange {
            exited: pidfd_open(pid, PidfdFlags::empty())?,
            stdin: unblocked(child.stdin.take())?,
            stdin_left: stdin,
            stdout: unblocked(child.stdout.take())?,
            stderr: unblocked(child.stderr.take())?,
            stdout_bytes: Vec::new(),
            stderr_bytes: Vec::new(),
            stdout_bytes_max,
        })
    }

    /// Moves bytes until the program has ended. A grandchild that keeps the pipes open is not waited for.
    fn end(mut self, deadline: Instant) -> Result<(Vec<u8>, Vec<u8>), Stop> {
        loop {
            let exited = self.wait(deadline)?;
            self.write_stdin();
            drain(&mut self.stdout, &mut self.stdout_bytes).map_err(Stop::Io)?;
            if self.stdout_bytes.len() > self.stdout_bytes_max {
                return Err(Stop::TooLarge);
            }
            drain(&mut self.stderr, &mut self.stderr_bytes).map_err(Stop::Io)?;
            self.stderr_bytes.truncate(STDERR_BYTES_MAX);
            if exited && !self.readable()? {
                return Ok((self.stdout_bytes, self.stderr_bytes));
            }
        }
    }

    /// Waits until a pipe is ready or the program has ended; says whether it has.
    fn wait(&self, deadline: Instant) -> Result<bool, Stop> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Stop::Deadline);
        }
        let mut waits = vec![PollFd::new(&self.exited, PollFlags::IN)];
        waits.extend(self.stdin.iter().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        waits.extend([&self.stdout, &self.stderr].into_iter().flatten().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        poll_for(&mut waits, left)?;
        Ok(!waits[0].revents().is_empty())
    }

    /// Whether bytes are left in a pipe.
    fn readable(&self) -> Result<bool, Stop> {
        let pipes = [&self.stdout, &self.stderr].into_iter().flatten();
        let mut waits: Vec<_> = pipes.map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
        poll_for(&mut waits, Duration::ZERO)?;
        Ok(waits.iter().any(|wait| wait.revents().contains(PollFlags::IN)))
    }

    /// Gives the program what its input takes now. One that does not want it all is not an error.
    fn write_stdin(&mut self) {
        let Some(pipe) = &mut self.stdin else { return };
        while !self.stdin_left.is_empty() {
            match pipe.write(self.stdin_left) {
                Ok(count) => self.stdin_left = &self.stdin_left[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => break,
            }
        }
        self.stdin = None;
    }
}

/// Reads what a pipe holds now, at most 64 KiB at a time so that limits are looked at; closes it at its end.
fn drain(pipe: &mut Option<File>, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let Some(open) = pipe else { return Ok(()) };
    let mut buffer = [0; 64 * 1024];
    match open.read(&mut buffer) {
        Ok(0) => *pipe = None,
        Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn unblocked(pipe: Option<impl Into<OwnedFd>>) -> std::io::Result<Option<File>> {
    let Some(pipe) = pipe else { return Ok(None) };
    let pipe: OwnedFd = pipe.into();
    rustix::io::ioctl_fionbio(pipe.as_fd(), true)?;
    Ok(Some(File::from(pipe)))
}

fn poll_for(waits: &mut [PollFd<'_>], time: Duration) -> Result<(), Stop> {
    let time = Timespec::try_from(time).map_err(|error| Stop::Io(std::io::Error::other(error)))?;
    match poll(waits, Some(&time)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(Stop::Io(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: Command = Command {
        words: &["sh", "-c"],
        root: false,
        output_bytes_max: 100_000,
        timeout_seconds: 20,
        may_complain: false,
    };

    fn shell(words: &'static [&'static str], stdin: &[u8]) -> Result<Output, CommandError> {
        run(Command { words, ..SHELL }, stdin)
    }

    #[test]
    fn the_end_is_told_as_it_was() {
        let output = shell(&["sh", "-c", "echo out; echo err >&2; exit 3"], b"").unwrap();
        assert_eq!(output, Output { status: Some(3), stdout: b"out\n".to_vec(), stderr: b"err\n".to_vec() });
        let killed = shell(&["sh", "-c", "kill -9 $$"], b"").unwrap();
        assert_eq!(killed.status, None);
    }

    #[test]
    fn much_input_and_much_output_pass_together() {
        let input = vec![b'x'; 100_000];
        assert_eq!(shell(&["cat"], &input).unwrap().stdout, input);
    }

    #[test]
    fn input_may_be_left_unread() {
        assert_eq!(shell(&["true"], &vec![b'x'; 1_000_000]).unwrap().status, Some(0));
    }

    #[test]
    fn output_beyond_its_limit_ends_the_program() {
        let result = shell(&["yes"], b"");
        assert_eq!(result, Err(CommandError::TooLarge { program: "yes", bytes: 100_000 }));
    }

    #[test]
    fn complaints_are_cut_not_refused() {
        let output = shell(&["sh", "-c", "yes | head -c 200000 >&2"], b"").unwrap();
        assert_eq!((output.status, output.stderr.len()), (Some(0), STDERR_BYTES_MAX));
    }

    #[test]
    fn a_time_out_ends_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        // The grandchild holds the fifo open for writing: its end is the reader's end of file.
        let command = Command {
            words: &["sh", "-c", "read fifo; (exec sleep 600 >\"$fifo\") & wait"],
            timeout_seconds: 1,
            may_complain: false,
            ..SHELL
        };
        let line = format!("{}\n", fifo.display());
        let reader = std::thread::spawn(move || std::fs::read(fifo));
        assert_eq!(run(command, line.as_bytes()), Err(CommandError::TimedOut { program: "sh", seconds: 1 }));
        assert_eq!(reader.join().unwrap().unwrap(), b"");
    }

    #[test]
    fn a_grandchild_that_keeps_the_pipes_is_not_waited_for() {
        let output = shell(&["sh", "-c", "sleep 600 & echo done"], b"").unwrap();
        assert_eq!(output.stdout, b"done\n");
    }
}
