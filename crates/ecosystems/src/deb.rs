//! Debian and its derivatives: the dpkg database, version order, kernel images.

pub(crate) mod archives;
pub mod kernel;
pub(crate) mod origin;
pub mod status;

use std::sync::Arc;

use domain::command::Command;
use domain::component::Component;
use domain::inventory::{Area, Gap};

use crate::capture::{Capture, FollowUp, Probe, Reading};
use crate::host::processes;
use crate::pool::Pool;
use crate::tree::Tree;

/// The package database.
pub const STATUS: &str = "var/lib/dpkg/status";
/// The package database of images without a package manager, one file for each package.
pub const STATUS_FOLDER: &str = "var/lib/dpkg/status.d";

const STATUS_PROBE: Probe = Probe::File { path: STATUS, bytes_max: 128 << 20 };
const STATUS_FOLDER_PROBE: Probe = Probe::Folder { path: STATUS_FOLDER, files_max: 20_000, bytes_max: 1 << 20 };
const REBOOT_REQUIRED: Probe = Probe::File { path: "run/reboot-required", bytes_max: 64 << 10 };

/// The longest lists have some ten thousand files.
const LIST_BYTES_MAX: u64 = 32 << 20;

static PROBES: [Probe; 4] = [STATUS_PROBE, STATUS_FOLDER_PROBE, REBOOT_REQUIRED, archives::LISTING];

/// Asks which packages own the files whose paths come in by standard input.
const OWNERS: Command = Command {
    words: &["xargs", "-0", "-r", "dpkg-query", "-S", "--"],
    root: false,
    output_bytes_max: 8 << 20,
    timeout_seconds: 60,
    may_complain: true,
};

/// A file that a package surely owns: with it, an answer without any owner is a failure and not news.
const OWNED: &str = "/usr/bin/dpkg";

/// Who built a package, by its name and version alone. Empty: the distribution, or nothing tells.
pub fn builder(package: &str, version: &str) -> String {
    origin::of(package, version, [None, None], None)
}

/// What to read of this package world.
pub fn probes() -> &'static [Probe] {
    &PROBES
}

/// Asks for the owners of listening programs and of replaced files in use, and for what archives of others offer.
pub fn follow_ups(capture: &Capture) -> Vec<FollowUp> {
    if !capture.live || !matches!(capture.get(&STATUS_PROBE), Reading::Bytes(_)) {
        return Vec::new();
    }
    let mut asks = archives::follow_ups(capture);
    let paths = processes::paths_in_use(capture);
    if paths.is_empty() {
        return asks;
    }
    let mut stdin = Vec::new();
    for path in std::iter::once(OWNED).chain(paths.iter().flat_map(|path| spellings(path))) {
        stdin.extend_from_slice(path.as_bytes());
        stdin.push(0);
    }
    asks.push(FollowUp { command: OWNERS, stdin });
    asks
}

/// What the package database holds. `None`: the host has none of this kind, or it could not be read (then with a gap).
pub(crate) fn components(capture: &Capture, pool: &mut Pool, gaps: &mut Vec<Gap>) -> Option<Vec<Arc<Component>>> {
    let mut found = None;
    match capture.get(&STATUS_PROBE) {
        Reading::Bytes(bytes) => {
            let parsed = status::parse(STATUS, bytes, status::Kind::Database, pool);
            gaps.extend(parsed.gaps);
            found = Some(parsed.components);
        }
        Reading::Failed(reason) => gaps.push(gap(STATUS, reason.clone())),
        Reading::Files(_) => gaps.push(gap(STATUS, "it is a folder".to_owned())),
        Reading::Missing => {}
    }
    match capture.get(&STATUS_FOLDER_PROBE) {
        Reading::Files(files) => {
            let components = found.get_or_insert_default();
            for (name, bytes) in files.iter().filter(|(name, _)| !name.ends_with(".md5sums")) {
                let path = format!("{STATUS_FOLDER}/{name}");
                let parsed = status::parse(&path, bytes, status::Kind::Single, pool);
                gaps.extend(parsed.gaps);
                components.extend(parsed.components);
            }
        }
        Reading::Failed(reason) => gaps.push(gap(STATUS_FOLDER, reason.clone())),
        Reading::Bytes(_) => gaps.push(gap(STATUS_FOLDER, "it is not a folder".to_owned())),
        Reading::Missing => {}
    }
    found
}

/// Shows every file of every package: by dpkg's lists, which are read from `tree`, or by the sums of an image without dpkg.
pub(crate) fn files(capture: &Capture, tree: &dyn Tree, show: &mut dyn FnMut(&str, &str)) {
    let sums = match capture.get(&STATUS_FOLDER_PROBE) {
        Reading::Files(files) => Some(files),
        _ => None,
    };
    for component in components(capture, &mut Pool::default(), &mut Vec::new()).unwrap_or_default() {
        let single = component.path.strip_prefix(STATUS_FOLDER).and_then(|path| path.strip_prefix('/'));
        match single {
            None => {
                let list = String::from_utf8(list(tree, &component))
                    .unwrap_or_else(|odd| String::from_utf8_lossy(odd.as_bytes()).into_owned());
                let mut paths = list.split('\n').filter(|path| !path.is_empty()).peekable();
                while let Some(path) = paths.next() {
                    // A folder stands before what is in it.
                    let is_folder = |next: &&str| next.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
                    if !paths.peek().is_some_and(is_folder) {
                        show(&component.name, path);
                    }
                }
            }
            Some(file) => {
                let sums = sums.and_then(|files| files.get(&format!("{file}.md5sums")));
                for line in String::from_utf8_lossy(sums.map_or(&[][..], Vec::as_slice)).lines() {
                    if let Some((_, path)) = line.split_once("  ") {
                        show(&component.name, path);
                    }
                }
            }
        }
    }
}

/// dpkg's list of a package's files; its name has the architecture where several may be installed.
fn list(tree: &dyn Tree, component: &Component) -> Vec<u8> {
    let plain = format!("var/lib/dpkg/info/{}.list", component.name);
    let by_architecture = format!("var/lib/dpkg/info/{}:{}.list", component.name, component.arch);
    // Nearly all that may be installed for several architectures are libraries.
    let names = match component.name.starts_with("lib") {
        true => [by_architecture, plain],
        false => [plain, by_architecture],
    };
    let read = names.iter().find_map(|name| match tree.read(name, LIST_BYTES_MAX) {
        Reading::Bytes(bytes) => Some(bytes),
        Reading::Missing | Reading::Failed(_) | Reading::Files(_) => None,
    });
    read.unwrap_or_default()
}

/// Whether the system asks for a restart, by its own flag file; the error is why that could not be read.
pub(crate) fn restart_flag(capture: &Capture) -> Result<bool, String> {
    match capture.get(&REBOOT_REQUIRED) {
        Reading::Bytes(_) => Ok(true),
        Reading::Missing => Ok(false),
        Reading::Failed(reason) => Err(format!("the flag file run/reboot-required cannot be read: {reason}")),
        Reading::Files(_) => Err("the flag file run/reboot-required is a folder".to_owned()),
    }
}

/// The owners of files, from the answer to [`follow_ups`]. `None`: nobody answered.
pub(crate) fn owners(follow_ups: &[(FollowUp, Reading)]) -> Option<Vec<(String, String)>> {
    let (_, reading) = follow_ups.iter().find(|(follow_up, _)| follow_up.command == OWNERS)?;
    let Reading::Bytes(bytes) = reading else { return None };
    Some(parse_owners(bytes))
}

/// Lines `package[:arch][, package …]: path`, to pairs of path and first package.
fn parse_owners(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let owner = |line: &str| {
        let (packages, path) = line.split_once(": ")?;
        let package = packages.split(", ").next()?.split(':').next()?;
        let named = !package.is_empty() && !package.contains(' ');
        (named && path.starts_with('/')).then(|| (path.to_owned(), package.to_owned()))
    };
    text.lines().filter_map(owner).collect()
}

/// The path as the kernel has it, and as a package from before the merge of `/usr` lists it.
pub(crate) fn spellings(path: &str) -> impl Iterator<Item = &str> {
    let unmerged = path.strip_prefix("/usr").filter(|rest| {
        ["/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/"].iter().any(|folder| rest.starts_with(folder))
    });
    std::iter::once(path).chain(unmerged)
}

fn gap(subject: &str, reason: String) -> Gap {
    Gap { area: Area::Packages, subject: subject.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_by_path() {
        let text = b"libc6:amd64: /lib/x86_64-linux-gnu/libc.so.6\ncoreutils, other: /bin/ls\ndiversion by x from: /bin/sh\nodd\n";
        let expected = [("/lib/x86_64-linux-gnu/libc.so.6", "libc6"), ("/bin/ls", "coreutils")];
        let owners = parse_owners(text);
        let owners: Vec<(&str, &str)> =
            owners.iter().map(|(path, package)| (path.as_str(), package.as_str())).collect();
        assert_eq!(owners, expected);
    }

    #[test]
    fn paths_have_a_spelling_from_before_the_merge_of_usr() {
        assert_eq!(spellings("/usr/lib/a.so").collect::<Vec<_>>(), ["/usr/lib/a.so", "/lib/a.so"]);
        assert_eq!(spellings("/usr/share/a").collect::<Vec<_>>(), ["/usr/share/a"]);
        assert_eq!(spellings("/opt/a").collect::<Vec<_>>(), ["/opt/a"]);
    }
}
