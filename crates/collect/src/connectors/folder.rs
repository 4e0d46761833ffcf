//! A folder as a tree of files: a root directory (an unpacked image, a mounted disk, a `chroot`) or somebody's sources.
//! Nothing in it is run, no link leaves it.

use std::path::{Path, PathBuf};

use ecosystems::capture::Reading;
use ecosystems::tree::{Looking, Tree};
use rustix::io::Errno;

use super::files::Root;

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

/// What could not be looked at: how much, and the first of it.
#[derive(Default)]
struct LeftOut {
    count: usize,
    first: String,
}

impl LeftOut {
    fn add(&mut self, path: String, reason: &str) {
        if self.count == 0 {
            self.first = format!("{path}: {reason}");
        }
        self.count += 1;
    }

    fn told(self) -> Result<(), String> {
        match self {
            Self { count: 0, .. } => Ok(()),
            Self { count: 1, first } => Err(format!("it was not looked at: {first}")),
            Self { count, first } => Err(format!("{count} folders or files were not looked at, such as {first}")),
        }
    }
}

impl Tree for Folder {
    fn walk(&self, visit: &mut dyn FnMut(&str)) -> Result<(), String> {
        let mut folders = vec![String::new()];
        let (mut seen, mut left_out) = (0, LeftOut::default());
        while let Some(folder) = folders.pop() {
            let entries = match self.root.entries(&folder) {
                Ok(entries) => entries,
                // It went away since its own folder was listed.
                Err(Errno::NOENT) => continue,
                Err(error) => {
                    left_out.add(if folder.is_empty() { "/".to_owned() } else { folder }, &error.to_string());
                    continue;
                }
            };
            let mut inner = Vec::new();
            for (name, is_folder) in entries {
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if path.contains(char::REPLACEMENT_CHARACTER) {
                    left_out.add(path, "its name is no UTF-8");
                    continue;
                }
                if is_folder {
                    // What the kernel shows as files is none; sources may call their folders so.
                    let kernel = self.looking == Looking::System && matches!(path.as_str(), "proc" | "sys" | "dev");
                    if path.matches('/').count() >= DEPTH_MAX {
                        left_out.add(path, "it is nested too deep");
                    } else if !kernel {
                        inner.push(path);
                    }
                    continue;
                }
                seen += 1;
                if seen > FILES_MAX {
                    return Err(format!("it has more than {FILES_MAX} files: the rest was not looked at"));
                }
                visit(&path);
            }
            folders.extend(inner.into_iter().rev());
        }
        left_out.told()
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
            let mut seen = Vec::new();
            let ended =
                Folder::open(root.path(), Looking::System).unwrap().walk(&mut |path| seen.push(path.to_owned()));
            (seen, ended)
        };
        let whole = vec!["a/file".to_owned()];
        assert_eq!(walk(&|_| ()), (whole.clone(), Ok(())));
        let deep = |root: &Path| fs::create_dir_all(root.join("d/".repeat(DEPTH_MAX + 1))).unwrap();
        let (seen, ended) = walk(&deep);
        assert_eq!(seen, whole);
        assert!(ended.unwrap_err().ends_with("d: it is nested too deep"));
        let foreign = |root: &Path| {
            for name in [&b"x\xff"[..], b"y\xff"] {
                fs::write(root.join(std::os::unix::ffi::OsStrExt::from_bytes(name) as &std::ffi::OsStr), "").unwrap();
            }
        };
        let (seen, ended) = walk(&foreign);
        assert_eq!(seen, whole);
        let reason = "2 folders or files were not looked at, such as x\u{fffd}: its name is no UTF-8";
        assert_eq!(ended, Err(reason.to_owned()));
    }

    #[test]
    fn what_the_kernel_shows_is_left_out_of_systems_alone() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["dev", "proc", "sys", "a/dev"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join("file"), "").unwrap();
        }
        let walk = |looking: Looking| {
            let mut seen = Vec::new();
            Folder::open(root.path(), looking).unwrap().walk(&mut |path| seen.push(path.to_owned())).unwrap();
            seen
        };
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
