//! Running programs, and replaced files that they still use.

use std::collections::{BTreeMap, BTreeSet};

use domain::command::Command;
use domain::inventory::{Area, Gap};

use super::network;
use crate::capture::{Capture, Probe, Reading};
use crate::deb;

/// The program of each process. Root, because other users' are hidden otherwise.
pub const PROGRAMS: Probe = Probe::Command(Command {
    words: &["find", "/proc", "-maxdepth", "2", "-name", "exe", "-ls"],
    root: true,
    output_bytes_max: 16 << 20,
    timeout_seconds: 60,
    may_complain: true,
});

/// Deleted files in use. Each process maps the kernel's `[vdso]` too: an answer without it is no answer.
pub const REPLACED: Probe = Probe::Command(Command {
    words: &[
        "find",
        "/proc",
        "-maxdepth",
        "2",
        "-name",
        "maps",
        "-exec",
        "grep",
        "-h",
        "-e",
        "deleted",
        "-e",
        "vdso",
        "{}",
        "+",
    ],
    root: true,
    output_bytes_max: 64 << 20,
    timeout_seconds: 60,
    may_complain: true,
});

/// Paths that packages can own are asked for; more than this is not believed.
const PATHS_MAX: usize = 4_096;

/// The program's path by process id. Empty where they could not be read.
pub(crate) fn programs(capture: &Capture) -> BTreeMap<u32, String> {
    let Reading::Bytes(bytes) = capture.get(&PROGRAMS) else { return BTreeMap::new() };
    String::from_utf8_lossy(bytes).lines().filter_map(parse_program).collect()
}

/// `… /proc/123/exe -> /usr/sbin/sshd`
fn parse_program(line: &str) -> Option<(u32, String)> {
    let (_, entry) = line.split_once(" /proc/")?;
    let (pid, path) = entry.split_once("/exe -> ")?;
    let path = path.replace("\\ ", " ");
    let path = path.strip_suffix(" (deleted)").unwrap_or(&path);
    is_ownable(path).then(|| Some((pid.parse().ok()?, path.to_owned())))?
}

/// Deleted files that processes still run code of. `None`: unknown.
fn replaced(capture: &Capture) -> Result<BTreeSet<String>, String> {
    let bytes = match capture.get(&REPLACED) {
        Reading::Bytes(bytes) => bytes,
        Reading::Failed(reason) => return Err(reason.clone()),
        Reading::Missing | Reading::Files(_) => return Err("there is no such command".to_owned()),
    };
    let text = String::from_utf8_lossy(bytes);
    if !text.lines().any(|line| line.ends_with("[vdso]")) {
        return Err("no process let itself be read".to_owned());
    }
    let paths: BTreeSet<String> = text.lines().filter_map(parse_mapping).take(1 << 20).collect();
    if paths.len() > PATHS_MAX {
        return Err(format!("more than {PATHS_MAX} replaced files are in use"));
    }
    Ok(paths)
}

/// `7f52-7f54 r-xp 00001000 fe:01 42   /usr/lib/libssl.so.3 (deleted)`
fn parse_mapping(line: &str) -> Option<String> {
    let path = line.strip_suffix(" (deleted)")?;
    let mut words = path.splitn(6, ' ');
    if !words.nth(1)?.contains('x') {
        return None;
    }
    let path = words.nth(3)?.trim_start();
    is_ownable(path).then(|| path.to_owned())
}

/// A path that a package may own, and that the package manager would not take for a pattern.
fn is_ownable(path: &str) -> bool {
    let plain = !path.chars().any(|c| c.is_control() || matches!(c, '*' | '?' | '[' | '\\'));
    let system = ["/usr/", "/bin/", "/sbin/", "/lib", "/opt/", "/boot/"].iter().any(|root| path.starts_with(root));
    path.len() <= 4096 && plain && system
}

/// The paths whose owners matter: listening programs and replaced files.
pub(crate) fn paths_in_use(capture: &Capture) -> BTreeSet<String> {
    let mut paths = replaced(capture).unwrap_or_default();
    let programs = programs(capture);
    let listening = network::listening_processes(capture);
    paths.extend(listening.iter().filter_map(|pid| programs.get(pid)).take(PATHS_MAX).cloned());
    paths
}

/// Packages of which running processes still use replaced files. `None`: unknown, with a gap.
pub(crate) fn stale_packages(
    capture: &Capture,
    owners: Option<Vec<(String, String)>>,
    gaps: &mut Vec<Gap>,
) -> Option<Vec<String>> {
    let known = replaced(capture).and_then(|paths| match owners {
        Some(owners) => Ok((paths, owners)),
        None if paths.is_empty() => Ok((paths, Vec::new())),
        None => Err("the owners of replaced files in use cannot be read".to_owned()),
    });
    match known {
        Ok((paths, owners)) => {
            let owners: BTreeMap<String, String> = owners.into_iter().collect();
            let owner = |path: &String| deb::spellings(path).find_map(|path| owners.get(path)).cloned();
            let packages: BTreeSet<String> = paths.iter().filter_map(owner).collect();
            Some(packages.into_iter().collect())
        }
        Err(reason) => {
            gaps.push(Gap { area: Area::Restart, subject: "replaced files in use".to_owned(), reason });
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_by_process() {
        for (line, expected) in [
            (
                "  38862      0 lrwxrwxrwx   1 root root 0 Nov 25 03:36 /proc/14493/exe -> /usr/sbin/sshd",
                Some((14493, "/usr/sbin/sshd")),
            ),
            ("  39022 0 lrwxrwxrwx 1 a a 0 Nov 25 03:36 /proc/7/exe -> /opt/a\\ b\\ (deleted)", Some((7, "/opt/a b"))),
            ("  39022 0 lrwxrwxrwx 1 a a 0 Nov 25 03:36 /proc/7/exe -> /home/a/x", None),
            ("  39022 0 lrwxrwxrwx 1 a a 0 Nov 25 03:36 /proc/2/exe", None),
            ("  39022 0 lrwxrwxrwx 1 a a 0 Nov 25 03:36 /proc/7/exe -> /usr/bin/a\\nb", None),
        ] {
            let read = parse_program(line);
            assert_eq!(read, expected.map(|(pid, path)| (pid, path.to_owned())), "{line}");
        }
    }

    #[test]
    fn replaced_code_counts_and_data_does_not() {
        for (line, expected) in [
            (
                "7f-80 r-xp 00001000 fe:01 42                         /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)",
                Some("/usr/lib/x86_64-linux-gnu/libssl.so.3"),
            ),
            ("7f-80 r--p 00001000 fe:01 42 /usr/lib/libssl.so.3 (deleted)", None),
            ("7f-80 r-xp 00001000 00:01 42 /memfd:sealed (deleted)", None),
            ("7f-80 r-xp 00001000 fe:01 42 /usr/lib/deleted.so", None),
            ("7f-80 r-xp 00001000 fe:01 42 /usr/lib/* (deleted)", None),
        ] {
            assert_eq!(parse_mapping(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn an_answer_without_any_process_is_none() {
        let mut capture = Capture { live: true, ..Capture::default() };
        capture.readings.insert(REPLACED, Reading::Bytes(Vec::new()));
        let mut gaps = Vec::new();
        assert_eq!(stale_packages(&capture, None, &mut gaps), None);
        assert_eq!(gaps[0].reason, "no process let itself be read");
    }
}
