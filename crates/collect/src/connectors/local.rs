//! The machine that Vigie runs on. Works without an async runtime, so that `vigie scan local` starts at once.

use std::path::Path;

use domain::command::{Command, Output};
use ecosystems::capture::{Capture, FollowUp, Probe, Reading};

use super::files::Root;
use super::{CommandError, process, program, reading};

/// Reads the probes on this machine; its commands run side by side.
pub fn capture(probes: &[Probe]) -> Capture {
    let commands = probes.iter().filter_map(|probe| match probe {
        Probe::Command(command) => Some((*probe, *command)),
        _ => None,
    });
    std::thread::scope(|scope| {
        let running: Vec<_> =
            commands.map(|(probe, command)| (probe, scope.spawn(move || run_to_reading(command, &[])))).collect();
        let mut capture = Capture { live: true, ..Capture::default() };
        files(probes, &mut capture);
        for (probe, thread) in running {
            let crashed = |_| Reading::Failed("reading it crashed".to_owned());
            capture.readings.insert(probe, thread.join().unwrap_or_else(crashed));
        }
        capture
    })
}

/// Runs a command that needs what was read before.
pub fn follow_up(follow_up: &FollowUp) -> Reading {
    run_to_reading(follow_up.command, &follow_up.stdin)
}

/// Runs a command with the rights that Vigie has: it never asks for more on the machine it runs on.
pub fn run(command: Command, stdin: &[u8]) -> Result<Output, CommandError> {
    if command.root && !rustix::process::geteuid().is_root() {
        let reason = "Vigie does not run as root on this machine".to_owned();
        return Err(CommandError::NeedsRoot { program: program(command), reason });
    }
    process::run(command, stdin)
}

fn files(probes: &[Probe], capture: &mut Capture) {
    let root = Root::open(Path::new("/")).map_err(|error| std::io::Error::from(error).to_string());
    let file = |path, bytes_max| match &root {
        Ok(root) => root.file(path, bytes_max),
        Err(reason) => Reading::Failed(format!("could not open /: {reason}")),
    };
    for probe in probes {
        let reading = match (*probe, &root) {
            (Probe::Command(_), _) => continue,
            (Probe::File { path, bytes_max }, _) => file(path, bytes_max),
            (Probe::First { paths, bytes_max }, _) => {
                capture.read_first(paths, bytes_max, |path| file(path, bytes_max));
                continue;
            }
            (Probe::Folder { path, files_max, bytes_max }, Ok(root)) => {
                root.folder(path, files_max, bytes_max, &|_| true)
            }
            (Probe::Folder { .. }, Err(reason)) => Reading::Failed(format!("could not open /: {reason}")),
        };
        capture.readings.insert(*probe, reading);
    }
}

fn run_to_reading(command: Command, stdin: &[u8]) -> Reading {
    reading(command, run(command, stdin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_commands_of_this_machine() {
        let stat = Probe::File { path: "proc/self/stat", bytes_max: 4096 };
        let absent = Probe::File { path: "does/not/exist", bytes_max: 1 };
        let uname = Command {
            words: &["uname", "-s"],
            root: false,
            output_bytes_max: 64,
            timeout_seconds: 5,
            may_complain: false,
        };
        let no_command = Command { words: &["vigie-no-such-program"], ..uname };
        let probes = [stat, absent, Probe::Command(uname), Probe::Command(no_command)];
        let capture = capture(&probes);
        assert!(capture.live);
        assert!(matches!(capture.get(&stat), Reading::Bytes(bytes) if !bytes.is_empty()));
        assert_eq!(capture.get(&Probe::Command(uname)), &Reading::Bytes(b"Linux\n".to_vec()));
        assert_eq!(capture.readings.get(&absent), Some(&Reading::Missing));
        assert_eq!(capture.readings.get(&Probe::Command(no_command)), Some(&Reading::Missing));
    }

    #[test]
    fn a_follow_up_reads_its_data() {
        let command =
            Command { words: &["cat"], root: false, output_bytes_max: 64, timeout_seconds: 5, may_complain: false };
        let reading = follow_up(&FollowUp { command, stdin: b"$(id) `id`".to_vec() });
        assert_eq!(reading, Reading::Bytes(b"$(id) `id`".to_vec()));
    }
}
