//! Runs one command over an open session: constant words, data by standard input, bounded output.

use std::time::Duration;

use domain::command::{Command, Output};
use russh::{Channel, ChannelMsg, ChannelReadHalf, Sig, client};

use super::super::{CommandError, STDERR_BYTES_MAX, failure, printable, program};
use super::Session;

/// A server that refuses channels for longer than about twice this has too many of them.
const CHANNEL_PAUSE_MAX: Duration = Duration::from_secs(2);

/// How a command is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    User,
    Sudo,
}

/// Runs a command with the rights it needs.
pub(super) async fn run(session: &Session, command: Command, stdin: &[u8]) -> Result<Output, CommandError> {
    let name = program(command);
    let rights = match command.root && !is_root(session).await? {
        false => Rights::User,
        true if session.sudo => Rights::Sudo,
        true => {
            let reason = format!("{} is not root, and its credential does not allow sudo", session.user);
            return Err(CommandError::NeedsRoot { program: name, reason });
        }
    };
    let output = exec(session, name, &line(rights, command.words), stdin, limits(command)).await?;
    match refusal(rights, &output) {
        None => Ok(output),
        Some(Refusal::Missing) => Err(CommandError::Missing { program: name }),
        Some(Refusal::Sudo(reason)) => Err(CommandError::NeedsRoot { program: name, reason }),
    }
}

/// Whether the user is root. Asked once.
pub(super) async fn is_root(session: &Session) -> Result<bool, CommandError> {
    let ask = async || {
        let limits = Limits { output_bytes_max: 64, timeout: Duration::from_secs(20), seconds: 20 };
        let output = exec(session, "id", &line(Rights::User, &["id", "-u"]), b"", limits).await?;
        match output.status {
            Some(0) => Ok(output.stdout.trim_ascii() == b"0"),
            _ => Err(CommandError::NotRun { program: "id", reason: failure("id", &output) }),
        }
    };
    session.is_root.get_or_try_init(ask).await.copied()
}

/// Bounds of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) output_bytes_max: usize,
    pub(super) timeout: Duration,
    pub(super) seconds: u32,
}

fn limits(command: Command) -> Limits {
    Limits {
        output_bytes_max: command.output_bytes_max,
        timeout: Duration::from_secs(command.timeout_seconds.into()),
        seconds: command.timeout_seconds,
    }
}

/// The line for the login shell. The words are constants of this program; quotes keep them as they are in any shell.
pub(super) fn line(rights: Rights, words: &[&str]) -> String {
    // The plain locale makes complaints readable for programs.
    let mut line = "env LC_ALL=C".to_owned();
    if rights == Rights::Sudo {
        line.push_str(" sudo -n --");
    }
    for word in words {
        line.push(' ');
        match word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte)) && !word.is_empty()
        {
            true => line.push_str(word),
            false => {
                line.push('\'');
                line.push_str(&word.replace('\'', r"'\''"));
                line.push('\'');
            }
        }
    }
    line
}

pub(super) enum Refusal {
    Missing,
    Sudo(String),
}

/// Tells a command that ran from one that `env` or `sudo` did not even start.
pub(super) fn refusal(rights: Rights, output: &Output) -> Option<Refusal> {
    let complaints = || output.stderr.split(|byte| *byte == b'\n');
    match (rights, output.status) {
        (Rights::User, Some(127)) if output.stderr.starts_with(b"env:") => Some(Refusal::Missing),
        (Rights::Sudo, Some(127)) if output.stderr.starts_with(b"env:") => {
            Some(Refusal::Sudo("sudo is not installed".to_owned()))
        }
        (Rights::Sudo, Some(1)) => {
            let refused = complaints().find(|line| {
                let warning = line.starts_with(b"sudo: unable to resolve host");
                let sorry = line.starts_with(b"Sorry, user ") || line.ends_with(b" is not in the sudoers file.");
                sorry || (line.starts_with(b"sudo: ") && !warning)
            })?;
            match refused.ends_with(b": command not found") {
                true => Some(Refusal::Missing),
                false => Some(Refusal::Sudo(printable(refused, 200))),
            }
        }
        _ => None,
    }
}

/// Sends one line to the login shell and its input, and reads what comes back.
pub(super) async fn exec(
    session: &Session,
    program: &'static str,
    line: &str,
    stdin: &[u8],
    limits: Limits,
) -> Result<Output, CommandError> {
    let not_run = |error: russh::Error| CommandError::NotRun { program, reason: error.to_string() };
    let exchange = async {
        let channel = open_channel(session).await.map_err(not_run)?;
        let (mut replies, writer) = channel.split();
        writer.exec(true, line).await.map_err(not_run)?;
        let write = async {
            // A program may end without reading all its input: how it ended says more than that.
            if writer.data(stdin).await.is_ok() {
                let _ = writer.eof().await;
            }
            // Kept pending: the channel ends when the program does.
            std::future::pending::<()>().await;
        };
        let read = read(program, &mut replies, limits.output_bytes_max);
        let result = tokio::select! {
            result = tokio::time::timeout(limits.timeout, read) => result,
            () = write => unreachable!("writing waits for ever"),
        };
        let result = result.unwrap_or(Err(CommandError::TimedOut { program, seconds: limits.seconds }));
        if result.is_err() {
            // Both are best effort: servers need not honour a signal, and close their end at the session's end anyway.
            let _ = writer.signal(Sig::KILL).await;
        }
        let _ = writer.close().await;
        result
    };
    // The outer bound also covers a server that answers nothing at all.
    let outer = limits.timeout + Duration::from_secs(5);
    let silent = |_| Err(CommandError::TimedOut { program, seconds: limits.seconds });
    tokio::time::timeout(outer, exchange).await.unwrap_or_else(silent)
}

/// Opens a channel. A server counts one that has just been closed for a moment longer, and refuses one too many: then
/// it is asked again, a little later each time.
async fn open_channel(session: &Session) -> Result<Channel<client::Msg>, russh::Error> {
    let mut pause = Duration::from_millis(20);
    loop {
        match session.handle.channel_open_session().await {
            Err(russh::Error::ChannelOpenFailure(_)) if pause < CHANNEL_PAUSE_MAX => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            opened => return opened,
        }
    }
}

async fn read(
    program: &'static str,
    replies: &mut ChannelReadHalf,
    output_bytes_max: usize,
) -> Result<Output, CommandError> {
    let mut output = Output { status: None, stdout: Vec::new(), stderr: Vec::new() };
    let mut ended = false;
    while let Some(reply) = replies.wait().await {
        match reply {
            ChannelMsg::Data { data } => {
                if output.stdout.len() + data.len() > output_bytes_max {
                    return Err(CommandError::TooLarge { program, bytes: output_bytes_max });
                }
                output.stdout.extend_from_slice(&data);
            }
            ChannelMsg::ExtendedData { data, ext: 1 } => {
                let left = STDERR_BYTES_MAX - output.stderr.len();
                output.stderr.extend_from_slice(&data[..data.len().min(left)]);
            }
            ChannelMsg::ExitStatus { exit_status } => {
                output.status = i32::try_from(exit_status).ok();
                ended = true;
            }
            ChannelMsg::ExitSignal { .. } => ended = true,
            ChannelMsg::Failure => {
                let reason = "the server does not run commands".to_owned();
                return Err(CommandError::NotRun { program, reason });
            }
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    match ended {
        true => Ok(output),
        // Cut short: what was read so far must not pass for all of it.
        false => {
            Err(CommandError::NotRun { program, reason: "the connection ended before the command did".to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_words() {
        assert_eq!(line(Rights::User, &["cat", "--", "/etc/os-release"]), "env LC_ALL=C cat -- /etc/os-release");
        assert_eq!(
            line(Rights::Sudo, &["xargs", "-d", r"\n", "", "it's", "$x"]),
            r"env LC_ALL=C sudo -n -- xargs -d '\n' '' 'it'\''s' '$x'"
        );
    }

    fn check(rights: Rights, status: i32, stderr: &str) -> &'static str {
        let output = Output { status: Some(status), stdout: Vec::new(), stderr: stderr.as_bytes().to_vec() };
        match refusal(rights, &output) {
            None => "ran",
            Some(Refusal::Missing) => "missing",
            Some(Refusal::Sudo(_)) => "no sudo",
        }
    }

    #[test]
    fn a_command_that_did_not_start_is_told_from_one_that_failed() {
        assert_eq!(check(Rights::User, 127, "env: 'ss': No such file or directory\n"), "missing");
        assert_eq!(check(Rights::User, 127, "sh: 1: x: not found\n"), "ran");
        assert_eq!(check(Rights::User, 1, "sudo: a password is required\n"), "ran");
        assert_eq!(check(Rights::Sudo, 127, "env: 'sudo': No such file or directory\n"), "no sudo");
        assert_eq!(check(Rights::Sudo, 1, "sudo: a password is required\n"), "no sudo");
        assert_eq!(
            check(Rights::Sudo, 1, "Sorry, user v is not allowed to execute '/bin/ls' as root on h.\n"),
            "no sudo"
        );
        assert_eq!(
            check(Rights::Sudo, 1, "v is not in the sudoers file.\nThis incident has been reported.\n"),
            "no sudo"
        );
        assert_eq!(check(Rights::Sudo, 1, "sudo: needrestart: command not found\n"), "missing");
        let warned = "sudo: unable to resolve host h: Name or service not known\n";
        assert_eq!(check(Rights::Sudo, 1, warned), "ran");
        assert_eq!(check(Rights::Sudo, 1, &format!("{warned}sudo: a password is required\n")), "no sudo");
        assert_eq!(check(Rights::Sudo, 100, "E: Unable to locate package\n"), "ran");
    }
}
