//! Reads probes over a session. Their paths are constants of this program, like the words of commands.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

use domain::command::{Command, Output};
use ecosystems::capture::{Capture, Probe, Reading};
use futures_util::StreamExt as _;

use super::super::{CommandError, FOLDER_BYTES_MAX, failure, printable, reading};
use super::Session;
use super::exec::{self, Limits, Rights};

/// Probes read at once: servers take ten channels in one session unless told otherwise.
const CHANNELS_MAX: usize = 6;

const FILE_TIMEOUT_SECONDS: u32 = 30;

/// What `tar` adds to the bytes of a file: its header and filling.
const TAR_BYTES_PER_FILE: usize = 2048;

pub(super) async fn capture(session: &Session, probes: &[Probe]) -> Capture {
    let read = |probe: Probe| async move {
        let reading = match probe {
            Probe::File { path, bytes_max } => file(session, path, bytes_max).await,
            Probe::First { paths, bytes_max } => return first(session, paths, bytes_max).await,
            Probe::Folder { path, files_max, bytes_max } => folder(session, path, files_max, bytes_max).await,
            Probe::Command(command_) => command(session, command_, b"").await,
        };
        vec![(probe, reading)]
    };
    let readings = futures_util::stream::iter(probes.iter().copied().map(read));
    let readings: Vec<Vec<(Probe, Reading)>> = readings.buffer_unordered(CHANNELS_MAX).collect().await;
    Capture { live: true, readings: readings.into_iter().flatten().collect() }
}

async fn first(session: &Session, paths: &'static [&'static str], bytes_max: usize) -> Vec<(Probe, Reading)> {
    let mut readings = Vec::new();
    for &path in paths {
        let reading = file(session, path, bytes_max).await;
        let there = reading != Reading::Missing;
        readings.push((Probe::File { path, bytes_max }, reading));
        if there {
            break;
        }
    }
    readings
}

pub(super) async fn command(session: &Session, command: Command, stdin: &[u8]) -> Reading {
    reading(command, exec::run(session, command, stdin).await)
}

async fn file(session: &Session, path: &str, bytes_max: usize) -> Reading {
    let path = format!("/{path}");
    let result = read_as_needed(session, "cat", &["cat", "--", &path], bytes_max).await;
    match read_result("cat", result) {
        Ok(bytes) => Reading::Bytes(bytes),
        Err(reading) => reading,
    }
}

/// `tar` packs what `find` names, so that any name and any content come back whole.
async fn folder(session: &Session, path: &str, files_max: usize, bytes_max: usize) -> Reading {
    let path = format!("/{path}");
    let words = ["find", "-L", &path, "-maxdepth", "1", "-type", "f", "-exec", "tar", "-chPf", "-", "{}", "+"];
    let archive_bytes_max = files_max.saturating_mul(bytes_max.saturating_add(TAR_BYTES_PER_FILE));
    let archive_bytes_max = archive_bytes_max.min(FOLDER_BYTES_MAX).saturating_add(65_536);
    let result = read_as_needed(session, "find", &words, archive_bytes_max).await;
    let archive = match read_result("find", result) {
        Ok(archive) => archive,
        Err(reading) => return reading,
    };
    match unpack(&archive, files_max, bytes_max) {
        Ok(files) => Reading::Files(files),
        Err(reason) => Reading::Failed(reason),
    }
}

/// Runs a reading command as the user, and as root where the user may not read and sudo is allowed.
async fn read_as_needed(
    session: &Session,
    program: &'static str,
    words: &[&str],
    bytes_max: usize,
) -> Result<Output, CommandError> {
    let limits = Limits {
        output_bytes_max: bytes_max,
        timeout: Duration::from_secs(FILE_TIMEOUT_SECONDS.into()),
        seconds: FILE_TIMEOUT_SECONDS,
    };
    let output = exec::exec(session, program, &exec::line(Rights::User, words), b"", limits).await?;
    if output.status == Some(0) || !complains_of(&output, b": Permission denied") || !session.sudo {
        return Ok(output);
    }
    let as_root = exec::exec(session, program, &exec::line(Rights::Sudo, words), b"", limits).await?;
    match exec::refusal(Rights::Sudo, &as_root) {
        Some(exec::Refusal::Sudo(reason)) => Err(CommandError::NeedsRoot { program, reason }),
        _ => Ok(as_root),
    }
}

/// Missing only where the system says that there is nothing by that name.
fn read_result(program: &'static str, result: Result<Output, CommandError>) -> Result<Vec<u8>, Reading> {
    match result {
        Ok(output) if output.status == Some(0) => Ok(output.stdout),
        Ok(output) if output.status == Some(1) && output.stdout.is_empty() && only_missing(&output) => {
            Err(Reading::Missing)
        }
        Ok(output) => Err(Reading::Failed(failure(program, &output))),
        Err(CommandError::TooLarge { bytes, .. }) => Err(Reading::Failed(format!("it is larger than {bytes} bytes"))),
        Err(error) => Err(Reading::Failed(error.to_string())),
    }
}

fn only_missing(output: &Output) -> bool {
    let mut complaints = output.stderr.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).peekable();
    complaints.peek().is_some()
        && complaints.all(|line| line.ends_with(b": No such file or directory") || line.ends_with(b": Not a directory"))
}

fn complains_of(output: &Output, complaint: &[u8]) -> bool {
    output.stderr.split(|byte| *byte == b'\n').any(|line| line.ends_with(complaint))
}

fn unpack(archive: &[u8], files_max: usize, bytes_max: usize) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let unreadable = |error: std::io::Error| format!("the packed folder cannot be read: {error}");
    let mut archive = tar::Archive::new(archive);
    // `find` starts `tar` anew when there are very many files.
    archive.set_ignore_zeros(true);
    let mut files = BTreeMap::new();
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if files.len() == files_max {
            return Err(format!("it has more than {files_max} files"));
        }
        let path = entry.path_bytes();
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let mut content = Vec::new();
        entry.by_ref().take(bytes_max as u64 + 1).read_to_end(&mut content).map_err(unreadable)?;
        if content.len() > bytes_max {
            return Err(format!("{}: it is larger than {bytes_max} bytes", printable(name.as_bytes(), 200)));
        }
        files.insert(name, content);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: i32, stdout: &str, stderr: &str) -> Result<Vec<u8>, Reading> {
        let (stdout, stderr) = (stdout.as_bytes().to_vec(), stderr.as_bytes().to_vec());
        read_result("cat", Ok(Output { status: Some(status), stdout, stderr }))
    }

    #[test]
    fn only_what_is_not_there_is_missing() {
        assert_eq!(check(0, "ID=debian\n", ""), Ok(b"ID=debian\n".to_vec()));
        assert_eq!(check(1, "", "cat: /x: No such file or directory\n"), Err(Reading::Missing));
        assert_eq!(check(1, "", "cat: /x/y: Not a directory\n"), Err(Reading::Missing));
        assert!(matches!(check(1, "", "cat: /x: Permission denied\n"), Err(Reading::Failed(_))));
        assert!(matches!(check(1, "", ""), Err(Reading::Failed(_))));
        assert!(matches!(check(1, "half", "cat: /x: No such file or directory\n"), Err(Reading::Failed(_))));
        assert!(matches!(check(127, "", "env: 'cat': No such file or directory\n"), Err(Reading::Failed(_))));
    }

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn a_packed_folder_is_bounded() {
        let packed = archive(&[("etc/a", "1"), ("etc/b", "22")]);
        let files = BTreeMap::from([("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"22".to_vec())]);
        assert_eq!(unpack(&packed, 2, 2), Ok(files.clone()));
        assert_eq!(unpack(&packed, 1, 3), Err("it has more than 1 files".to_owned()));
        assert_eq!(unpack(&packed, 2, 1), Err("b: it is larger than 1 bytes".to_owned()));
        let twice = [archive(&[("etc/a", "1")]), archive(&[("etc/b", "22")])].concat();
        assert_eq!(unpack(&twice, 2, 3), Ok(files));
        assert_eq!(unpack(&[], 2, 3), Ok(BTreeMap::new()));
        assert!(unpack(&packed[..513], 2, 3).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_archive_breaks_its_reader(tail: Vec<u8>, cut in 0_usize..2048) {
            let mut packed = archive(&[("etc/a", "1"), ("etc/b", "22")]);
            packed.truncate(cut);
            packed.extend(tail);
            let _ = unpack(&packed, 8, 64);
        }
    }
}
