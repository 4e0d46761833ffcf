//! The lab: real Debian hosts in network namespaces of their own, started by `lab/lab`.
//!
//! ```no_run
//! let Some(lab) = testkit::lab::Lab::start(3) else { return };
//! let host = &lab.hosts()[0];
//! host.run(&["apt-get", "-q", "update"]);
//! lab.inside(|| { /* whatever opens sockets runs here, where no route leads out */ });
//! ```
//!
//! `lab/build` makes what all hosts share, once. Without root, or before that, a test is skipped with a loud line;
//! where `CI` is set, a missing lab is a failure. Dropping a lab, a panic, and even a killed test end all of it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The user whose key, password and sudo rights all hosts know.
pub const USER: &str = "vigie";
/// The same without sudo rights.
pub const USER_WITHOUT_SUDO: &str = "guest";
pub const PASSWORD: &str = "lab password";
/// Opens [`Lab::locked_key`].
pub const PASSPHRASE: &str = "lab passphrase";

/// A demonstration package: installed on every host in its old version, to be had from the lab's repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoPackage {
    pub name: &'static str,
    pub source: &'static str,
    pub version: &'static str,
    /// The version of its source that is installed.
    pub source_version: &'static str,
    /// `None`: the repository has nothing newer.
    pub fixed: Option<&'static str>,
}

/// What `lab/packages` builds. The test mirror has advisories for the same names.
pub const PACKAGES: [DemoPackage; 5] = [
    package("vigie-demo-db", "2.0-1+b1", "2.0-1", Some("2.0-3")),
    package("vigie-demo-lib", "1.0-1", "1.0-1", None),
    package("vigie-demo-old", "1.0-1", "1.0-1", None),
    package("vigie-demo-web", "1.0-1", "1.0-1", Some("1.0-2")),
    DemoPackage {
        name: "vigie-demo-web-common",
        source: "vigie-demo-web",
        version: "1.0-1",
        source_version: "1.0-1",
        fixed: Some("1.0-2"),
    },
];

const fn package(
    name: &'static str,
    version: &'static str,
    source_version: &'static str,
    fixed: Option<&'static str>,
) -> DemoPackage {
    DemoPackage { name, source: name, version, source_version, fixed }
}

/// A running lab. lab1 has a web server on port 80; lab2 a TLS service on port 443, and takes passwords by dialogue
/// only; the others have SSH alone.
#[derive(Debug)]
pub struct Lab {
    process: Child,
    folder: PathBuf,
    namespace: String,
    hosts: Vec<Host>,
}

/// One host of a lab.
#[derive(Debug)]
pub struct Host {
    /// `lab1`, `lab2` …
    pub name: String,
    pub address: IpAddr,
    /// The first process of the host, in this machine's numbers.
    process: u32,
}

impl Lab {
    /// Starts a lab. `None`: there can be none here, and the test is to be skipped.
    pub fn start(hosts: usize) -> Option<Lab> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = built()?;
        let mut process = Command::new(repository.join("lab/lab"))
            .args(["serve", &hosts.to_string()])
            .env("VIGIE_LAB_DIR", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("lab/lab is part of this repository");
        let output = BufReader::new(process.stdout.take().expect("its output is piped"));
        let mut lab = Lab { process, folder, namespace: String::new(), hosts: Vec::new() };
        let mut ready = false;
        for line in output.lines() {
            let line = line.expect("lab/lab writes text");
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["namespace", name] => name.clone_into(&mut lab.namespace),
                ["host", name, address, process] => lab.hosts.push(Host {
                    name: name.to_owned(),
                    address: address.parse().expect("lab/lab writes addresses"),
                    process: process.parse().expect("lab/lab writes process numbers"),
                }),
                ["ready"] => {
                    ready = true;
                    break;
                }
                _ => panic!("lab/lab wrote {line:?}"),
            }
        }
        assert!(ready && lab.hosts.len() == hosts, "the lab did not start: see what lab/lab wrote above");
        Some(lab)
    }

    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The private key that logs [`USER`] and [`USER_WITHOUT_SUDO`] in everywhere.
    pub fn key(&self) -> PathBuf {
        self.folder.join("keys/ed25519")
    }

    pub fn rsa_key(&self) -> PathBuf {
        self.folder.join("keys/rsa")
    }

    /// A key that [`PASSPHRASE`] opens.
    pub fn locked_key(&self) -> PathBuf {
        self.folder.join("keys/locked")
    }

    /// A command of this machine that will run inside the lab's network, where no route leads out.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Runs a function on a thread inside the lab's network; so are the threads and sockets that it makes.
    pub fn inside<T: Send>(&self, function: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(Path::new("/run/netns").join(&self.namespace)).expect("the lab is running");
        let enter = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("root may enter the lab's network");
            function()
        };
        let result = std::thread::scope(|scope| scope.spawn(enter).join());
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The folder of what all hosts share: `root`, `repo`, `keys`. `None`: there is none, and the test is to be skipped.
pub(crate) fn built() -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("VIGIE_LAB_DIR").map_or_else(|| repository.join("target/lab"), PathBuf::from);
    if let Some(reason) = missing(&folder) {
        assert!(std::env::var_os("CI").is_none(), "NO LAB: {reason}");
        skip(reason);
        return None;
    }
    Some(folder)
}

fn missing(folder: &Path) -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        Some("it needs root")
    } else if !folder.join("stamp").exists() {
        Some("it is not built: run lab/build")
    } else {
        None
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn skip(reason: &str) {
    eprintln!("SKIPPED, NO LAB: {reason}");
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The end of its input is its order to clean up.
        drop(self.process.stdin.take());
        // It ends by itself; a failure to wait would change nothing.
        let _ = self.process.wait();
    }
}

impl Host {
    /// A command that will run on the host as its root.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--all", "--root", "--wd", "--target", &self.process.to_string(), "--"]);
        command.args(["env", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"]).args(words);
        command
    }

    /// Runs a command on the host as its root, and expects it to end well.
    pub fn run(&self, words: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(words).output().expect("nsenter is installed");
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{words:?} on {}: {status}\n{stdout}\n{stderr}", self.name);
        stdout.into_owned()
    }

    /// Installs packages in exact versions, older ones too: `vigie-demo-web=1.0-1`.
    pub fn install(&self, packages: &[&str]) {
        let words = ["apt-get", "-q", "-y", "--allow-downgrades", "install"];
        self.run(&[&words[..], packages].concat());
    }

    /// The installed version of a package.
    pub fn version(&self, package: &str) -> String {
        self.run(&["dpkg-query", "-W", "-f", "${Version}", package])
    }
}
