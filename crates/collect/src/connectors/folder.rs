//! A folder as a tree of files: a root directory (an unpacked image, a mounted disk, a `chroot`) or somebody's sources.
//! Nothing in it is run, no link leaves it.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use ecosystems::capture::Reading;
use ecosystems::tree::{Files, Looking, Target, Tree};
use rayon::Scope;
use rustix::io::Errno;

use super::files::{Entry, Root};

/// More files than this are no system that Vigie knows.
const FILES_MAX: usize = 5_000_000;
/// Deeper folders are a trap.
const DEPTH_MAX: usize = 128;

/// Why a folder could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("could not open the folder {path}", path = path.display())]
pub struct FolderError {
    path: PathBuf,
    source: std::io::Error,
}

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    root: Root,
    looking: Looking,
}

impl Folder {
    /// Opens a folder as a system or as somebody's sources.
    pub fn open(path: &Path, looking: Looking) -> Result<Self, FolderError> {
        let failed = |error: Errno| FolderError { path: path.to_owned(), source: error.into() };
        Ok(Self { root: Root::open(path).map_err(failed)?, looking })
    }
}

/// A walk over all files below a folder, each folder listed by whichever thread is free.
struct Walk<'a> {
    folder: &'a Folder,
    wanted: &'a (dyn Fn(&str) -> bool + Sync),
    seen: AtomicUsize,
    listed: Mutex<Listed>,
}

#[derive(Default)]
struct Listed {
    paths: Vec<String>,
    links: Vec<String>,
    special: Vec<String>,
    left_out: LeftOut,
}

/// What could not be looked at: how much, and the first of it.
#[derive(Default)]
struct LeftOut {
    count: usize,
    first: Option<String>,
}

impl<'a> Walk<'a> {
    fn list(&'a self, path: String, scope: &Scope<'a>) {
        let mut listed = Listed::default();
        let mut entry = path.clone();
        let mut show = |name: &CStr, kind: Entry| {
            entry.truncate(path.len());
            if !path.is_empty() {
                entry.push('/');
            }
            let Ok(name) = name.to_str() else {
                entry.push_str(&name.to_string_lossy());
                // What a link leads to has a name of its own.
                if matches!(kind, Entry::File | Entry::Folder) {
                    listed.left_out.add(LeftOut::one(&entry, "its name is no UTF-8"));
                }
                return;
            };
            entry.push_str(name);
            if kind == Entry::Folder {
                // What the kernel shows as files is none; sources may call their folders so.
                let kernel = self.folder.looking == Looking::System && matches!(entry.as_str(), "proc" | "sys" | "dev");
                if entry.matches('/').count() >= DEPTH_MAX {
                    listed.left_out.add(LeftOut::one(&entry, "it is nested too deep"));
                } else if !kernel && self.seen.load(Relaxed) <= FILES_MAX {
                    let inner = entry.clone();
                    scope.spawn(move |scope| self.list(inner, scope));
                }
            } else if self.seen.fetch_add(1, Relaxed) < FILES_MAX && (self.wanted)(&entry) {
                match kind {
                    Entry::File | Entry::Folder => listed.paths.push(entry.clone()),
                    Entry::Link => listed.links.push(entry.clone()),
                    Entry::Special => listed.special.push(entry.clone()),
                }
            }
        };
        match self.folder.root.entries(&path, &mut show) {
            // It went away since its own folder was listed.
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => {
                let path = if path.is_empty() { "/" } else { &path };
                listed.left_out.add(LeftOut::one(path, &error.to_string()));
            }
        }
        let mut all = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        all.paths.append(&mut listed.paths);
        all.links.append(&mut listed.links);
        all.special.append(&mut listed.special);
        all.left_out.add(listed.left_out);
    }
}

impl LeftOut {
    fn one(path: &str, reason: &str) -> Self {
        Self { count: 1, first: Some(format!("{path}: {reason}")) }
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        // Threads end in any order.
        self.first = self.first.take().into_iter().chain(other.first).min();
    }

    fn told(self) -> Option<String> {
        let first = self.first?;
        Some(match self.count {
            1 => format!("it was not looked at: {first}"),
            count => format!("{count} folders or files were not looked at, such as {first}"),
        })
    }
}

impl Tree for Folder {
    fn files(&self, wanted: &(dyn Fn(&str) -> bool + Sync)) -> Files {
        let walk = Walk { folder: self, wanted, seen: AtomicUsize::new(0), listed: Mutex::default() };
        rayon::scope(|scope| walk.list(String::new(), scope));
        let Listed { mut paths, links, special, left_out } =
            walk.listed.into_inner().unwrap_or_else(PoisonError::into_inner);
        paths.sort_unstable();
        let left_out = if walk.seen.into_inner() > FILES_MAX {
            Some(format!("it has more than {FILES_MAX} files: the rest was not looked at"))
        } else {
            left_out.told()
        };
        Files { paths, links, special, left_out }
    }

    fn target(&self, link: &str) -> Target {
        self.root.target(link)
    }

    fn read(&self, path: &str, bytes_max: u64) -> Reading {
        self.root.file(path, usize::try_from(bytes_max).unwrap_or(usize::MAX - 1))
    }

    fn folder(&self, path: &str, files_max: usize, bytes_max: usize, wanted: &dyn Fn(&str) -> bool) -> Reading {
        self.root.folder(path, files_max, bytes_max, wanted)
    }

    fn head(&self, path: &str) -> Option<[u8; 16]> {
        self.root.head(path)
    }

    fn layer(&self, _path: &str) -> &str {
        ""
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use ecosystems::capture::Probe;
    use ecosystems::tree::capture;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    const OS_RELEASE: Probe = Probe::File { path: "etc/os-release", bytes_max: 16 };
    const FOLDER: Probe = Probe::Folder { path: "var/lib/dpkg/status.d", files_max: 3, bytes_max: 16 };

    fn check(build: impl FnOnce(&Path), probe: Probe) -> Reading {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("secret"), "outside").unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::create_dir_all(root.join("usr/lib")).unwrap();
        build(&root);
        capture(&Folder::open(&root, Looking::System).unwrap(), &[probe]).readings.remove(&probe).unwrap()
    }

    fn bytes(text: &str) -> Reading {
        Reading::Bytes(text.as_bytes().to_vec())
    }

    fn fifo(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    #[test]
    fn links_are_resolved_inside_the_root() {
        for target in ["../usr/lib/os-release", "/usr/lib/os-release", "../../../../../usr/lib/os-release"] {
            let reading = check(
                |root| {
                    fs::write(root.join("usr/lib/os-release"), "ID=debian").unwrap();
                    symlink(target, root.join("etc/os-release")).unwrap();
                },
                OS_RELEASE,
            );
            assert_eq!(reading, bytes("ID=debian"), "{target}");
        }
    }

    #[test]
    fn no_link_leaves_the_root() {
        for target in ["../../secret", "/../secret", "../../../../secret"] {
            let reading = check(|root| symlink(target, root.join("etc/os-release")).unwrap(), OS_RELEASE);
            assert_eq!(reading, Reading::Missing, "{target}");
        }
    }

    #[test]
    fn a_linked_folder_stays_inside_too() {
        let reading = check(
            |root| {
                fs::remove_dir(root.join("etc")).unwrap();
                symlink("..", root.join("etc")).unwrap();
                fs::write(root.parent().unwrap().join("os-release"), "outside").unwrap();
            },
            OS_RELEASE,
        );
        assert_eq!(reading, Reading::Missing);
    }

    #[test]
    fn what_is_not_a_regular_file_fails_without_waiting() {
        let not_regular = Reading::Failed("it is not a regular file".to_owned());
        assert_eq!(check(|root| fifo(&root.join("etc/os-release")), OS_RELEASE), not_regular);
        assert_eq!(check(|root| fs::create_dir(root.join("etc/os-release")).unwrap(), OS_RELEASE), not_regular);
    }

    #[test]
    fn a_circle_of_links_fails() {
        let reading = check(|root| symlink("os-release", root.join("etc/os-release")).unwrap(), OS_RELEASE);
        assert_eq!(reading, Reading::Failed("its links lead in a circle".to_owned()));
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let full = |count| move |root: &Path| fs::write(root.join("etc/os-release"), "x".repeat(count)).unwrap();
        assert_eq!(check(full(16), OS_RELEASE), bytes(&"x".repeat(16)));
        assert_eq!(check(full(17), OS_RELEASE), Reading::Failed("it is larger than 16 bytes".to_owned()));
        assert_eq!(check(full(0), OS_RELEASE), bytes(""));
    }

    #[test]
    fn a_folder_gives_its_regular_files() {
        let reading = check(
            |root| {
                let folder = root.join(FOLDER_PATH);
                fs::create_dir_all(folder.join("sub")).unwrap();
                fs::write(folder.join("sub/inner"), "inner").unwrap();
                fs::write(folder.join("base"), "base").unwrap();
                fs::write(root.join("usr/lib/linked"), "linked").unwrap();
                symlink("/usr/lib/linked", folder.join("linked")).unwrap();
                symlink("/../../secret", folder.join("outside")).unwrap();
                fifo(&folder.join("fifo"));
            },
            FOLDER,
        );
        let files = [("base", "base"), ("linked", "linked")];
        let files = files.map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec()));
        assert_eq!(reading, Reading::Files(files.into()));
    }

    #[test]
    fn a_folder_has_limits_of_files_and_of_their_bytes() {
        let full = |names: &'static [&'static str], content: &'static str| {
            move |root: &Path| {
                fs::create_dir_all(root.join(FOLDER_PATH)).unwrap();
                for name in names {
                    fs::write(root.join(FOLDER_PATH).join(name), content).unwrap();
                }
            }
        };
        let failed = |reason: &str| Reading::Failed(reason.to_owned());
        assert_eq!(check(full(&["a", "b", "c", "d"], "x"), FOLDER), failed("it has more than 3 files"));
        assert_eq!(check(full(&["a"], "12345678901234567"), FOLDER), failed("a: it is larger than 16 bytes"));
        assert_eq!(check(|_| (), FOLDER), Reading::Missing);
    }

    const FOLDER_PATH: &str = "var/lib/dpkg/status.d";

    #[test]
    fn what_cannot_be_looked_at_is_said() {
        let walk = |build: &dyn Fn(&Path)| {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join("a")).unwrap();
            fs::write(root.path().join("a/file"), "").unwrap();
            build(root.path());
            let Files { paths, left_out, .. } = Folder::open(root.path(), Looking::System).unwrap().files(&|_| true);
            (paths, left_out)
        };
        let whole = vec!["a/file".to_owned()];
        assert_eq!(walk(&|_| ()), (whole.clone(), None));
        let deep = |root: &Path| fs::create_dir_all(root.join("d/".repeat(DEPTH_MAX + 1))).unwrap();
        let (seen, left_out) = walk(&deep);
        assert_eq!(seen, whole);
        assert!(left_out.unwrap().ends_with("d: it is nested too deep"));
        let foreign = |root: &Path| {
            for name in [&b"x\xff"[..], b"y\xff"] {
                fs::write(root.join(std::os::unix::ffi::OsStrExt::from_bytes(name) as &std::ffi::OsStr), "").unwrap();
            }
        };
        let (seen, left_out) = walk(&foreign);
        assert_eq!(seen, whole);
        let reason = "2 folders or files were not looked at, such as x\u{fffd}: its name is no UTF-8";
        assert_eq!(left_out.as_deref(), Some(reason));
    }

    #[test]
    fn links_and_special_files_are_shown_as_such() {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("secret"), "outside").unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("a")).unwrap();
        fs::write(root.join("a/file"), "").unwrap();
        for (link, target) in [
            ("absolute", "/a/file"),
            ("chain", "absolute"),
            ("circle", "circle"),
            ("folder", "a"),
            ("outside", "../secret"),
            ("piped", "pipe"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        fifo(&root.join("pipe"));
        let folder = Folder::open(&root, Looking::Application).unwrap();
        let Files { paths, mut links, special, left_out } = folder.files(&|_| true);
        links.sort_unstable();
        let leads: Vec<_> = links.iter().map(|link| (link.as_str(), folder.target(link))).collect();
        let file = Target::File("a/file".to_owned());
        let expected = [
            ("absolute", file.clone()),
            ("chain", file),
            ("circle", Target::Nothing),
            ("folder", Target::Folder),
            ("outside", Target::Nothing),
            ("piped", Target::Special),
        ];
        assert_eq!((paths, special, left_out), (vec!["a/file".to_owned()], vec!["pipe".to_owned()], None));
        assert_eq!(leads, expected);
    }

    #[test]
    fn what_the_kernel_shows_is_left_out_of_systems_alone() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["dev", "proc", "sys", "a/dev"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join("file"), "").unwrap();
        }
        let walk = |looking: Looking| Folder::open(root.path(), looking).unwrap().files(&|_| true).paths;
        assert_eq!(walk(Looking::System), ["a/dev/file"]);
        assert_eq!(walk(Looking::Application), ["a/dev/file", "dev/file", "proc/file", "sys/file"]);
    }

    #[test]
    fn commands_are_not_run() {
        let command = domain::command::Command {
            words: &["true"],
            root: false,
            output_bytes_max: 1,
            timeout_seconds: 1,
            may_complain: false,
        };
        let outer = tempfile::tempdir().unwrap();
        let capture = capture(&Folder::open(outer.path(), Looking::System).unwrap(), &[Probe::Command(command)]);
        assert!(!capture.live && capture.readings.is_empty());
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let error = Folder::open(Path::new("/does/not/exist"), Looking::System).unwrap_err();
        assert_eq!(error.to_string(), "could not open the folder /does/not/exist");
    }
}
