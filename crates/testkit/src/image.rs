//! Real container images: the lab's Debian root in layers that `umoci` writes, in a registry of its own.
//!
//! ```no_run
//! let folder = tempfile::tempdir().unwrap();
//! let Some(image) = testkit::image::debian(folder.path()) else { return };
//! let registry = testkit::image::Registry::start(&folder.path().join("registry"));
//! testkit::image::copy(&image.oci(), &registry.url("app:1"));
//! ```

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::lab;

/// The user that a registry with a login knows.
pub const USER: &str = "vigie";
pub const PASSWORD: &str = "registry password";
/// [`USER`] and [`PASSWORD`] as the registry keeps them.
const HTPASSWD: &str = include_str!("image/htpasswd");

/// An image that is being made: change its root, and commit each layer.
#[derive(Debug)]
pub struct Draft {
    folder: PathBuf,
}

impl Draft {
    /// An image without a layer.
    pub fn new(folder: &Path) -> Self {
        let draft = Self { folder: folder.to_owned() };
        let layout = draft.layout();
        run("umoci", &["init", "--layout", text(&layout)]);
        run("umoci", &["new", "--image", &draft.named()]);
        run("umoci", &["unpack", "--image", &draft.named(), &draft.bundle()]);
        draft
    }

    /// Makes a layer of what changed in the root.
    pub fn commit(&self) {
        run("umoci", &["repack", "--refresh-bundle", "--image", &self.named(), &self.bundle()]);
    }

    /// The OCI layout.
    pub fn layout(&self) -> PathBuf {
        self.folder.join("layout")
    }

    /// What the layers make together.
    pub fn root(&self) -> PathBuf {
        self.folder.join("bundle/rootfs")
    }

    /// The image in the words of `skopeo`.
    pub fn oci(&self) -> String {
        format!("oci:{}", self.named())
    }

    fn named(&self) -> String {
        format!("{}:app", self.layout().display())
    }

    fn bundle(&self) -> String {
        self.folder.join("bundle").display().to_string()
    }
}

/// An image of three layers: a Debian root; two packages upgraded, one removed, and an application with two libraries; one
/// of these gone again. `None`: there is no lab to make it from, and the test is to be skipped.
pub fn debian(folder: &Path) -> Option<Draft> {
    let lab = lab::built()?;
    let draft = Draft::new(folder);
    let root = draft.root();
    run("cp", &["-a", &format!("{}/.", lab.join("root").display()), text(&root)]);
    draft.commit();

    for name in ["vigie-demo-web_1.0-2_amd64.deb", "vigie-demo-web-common_1.0-2_all.deb"] {
        fs::copy(lab.join("repo").join(name), root.join("root").join(name)).expect("the lab has its packages");
    }
    let chroot = |words: &[&str]| run("chroot", &[&[text(&root)], words].concat());
    chroot(&["sh", "-c", "dpkg -i /root/*.deb && rm /root/*.deb"]);
    chroot(&["dpkg", "--purge", "vigie-demo-old"]);
    let modules = root.join("opt/app/node_modules");
    for name in ["kept", "gone"] {
        fs::create_dir_all(modules.join(name)).expect("the root can be written");
        let manifest = format!("{{\"name\": \"vigie-demo-{name}\", \"version\": \"1.2.3\"}}");
        fs::write(modules.join(name).join("package.json"), manifest).expect("the root can be written");
    }
    draft.commit();

    fs::remove_dir_all(modules.join("gone")).expect("it was just written");
    draft.commit();
    Some(draft)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("test folders have names in UTF-8")
}

/// Copies an image from one place to another, both in the words of `skopeo`.
pub fn copy(from: &str, to: &str) {
    copy_with(&[], from, to);
}

/// The same with options, such as another compression.
pub fn copy_with(options: &[&str], from: &str, to: &str) {
    let always = ["copy", "--quiet", "--dest-tls-verify=false"];
    run("skopeo", &[&always[..], options, &[from, to]].concat());
}

/// Debian's registry on loopback, ended when dropped.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    address: SocketAddr,
}

impl Registry {
    /// Starts a registry that lets everybody in.
    pub fn start(folder: &Path) -> Self {
        Self::run(folder, "")
    }

    /// Starts one that knows [`USER`] alone.
    pub fn with_login(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("the folder can be written");
        let htpasswd = folder.join("htpasswd");
        fs::write(&htpasswd, HTPASSWD).expect("the folder can be written");
        Self::run(folder, &format!("auth: {{htpasswd: {{realm: vigie, path: {}}}}}\n", htpasswd.display()))
    }

    fn run(folder: &Path, auth: &str) -> Self {
        fs::create_dir_all(folder).expect("the folder can be written");
        let address = free_address();
        let config = folder.join("config.yml");
        let storage = folder.join("storage");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"{address}\"}}\n{auth}",
            storage.display()
        );
        fs::write(&config, text).expect("the folder can be written");
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed");
        let registry = Self { process, address };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "docker-registry did not start");
            pause();
        }
        registry
    }

    /// The reference of an image in it.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// The same in the words of `skopeo`.
    pub fn url(&self, name: &str) -> String {
        format!("docker://{}", self.reference(name))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the registry tells nobody when it listens")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// A port that nobody has; the registry takes it a moment later.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("it is bound")
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{said}", output.status);
}
