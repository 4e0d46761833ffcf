//! A scanner node as its own process: a host is inspected that only the node's jobs lead to, and a killed node loses
//! and doubles nothing.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use store::Db;
use store::queue::{Job, JobState, Listing};
use testkit::lab::{Lab, USER};
use testkit::mirror::TestMirror;
use testkit::tls::{SelfMade, self_made};

use crate::https::{Instead, stand_before};
use crate::vigie::{BINARY, Vigie};

const DAY_0: &str = "2024-01-13T08:00:00Z";

/// A process that does not outlive its test.
struct Running(Child);

impl Running {
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Dead already, where the test killed it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Site {
    lab: Lab,
    vigie: Vigie,
    tls: SelfMade,
}

impl Site {
    /// One lab host in a scope that has a node.
    fn start() -> Option<Self> {
        let lab = Lab::start(1)?;
        let vigie = Vigie::new();
        let mirror = vigie.path("mirror");
        TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]).write(&mirror).unwrap();
        vigie.expect(0, DAY_0, &["feeds", "sync", "--mirror", mirror.to_str().unwrap()]);
        let (key, address) = (lab.key(), lab.hosts()[0].address.to_string());
        let credential =
            ["credential", "add", "lab", "--user", USER, "--sudo", "--destination", &address, "--identity"];
        vigie.expect(0, DAY_0, &[&credential[..], &[key.to_str().unwrap()]].concat());
        vigie.expect(0, DAY_0, &["asset", "add", &format!("ssh://{USER}@{address}"), "--credential", "lab"]);
        vigie.expect(0, DAY_0, &["scope", "add", "branch", "--cidr", &format!("{address}/32")]);
        let tls = self_made(vigie.path("mirror").parent().unwrap(), &["localhost"]);
        Some(Self { lab, vigie, tls })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.vigie.path(name)
    }

    /// Starts a server, by the real clock; returns its address.
    fn serve(&self) -> (Running, String) {
        let tls = [&"--tls-certificate".into(), &self.tls.certificate, &"--tls-key".into(), &self.tls.key];
        let (child, address) = self.serve_with(&tls);
        let port = address.strip_prefix("https://127.0.0.1:").expect("it speaks TLS");
        (child, format!("https://localhost:{port}"))
    }

    /// Starts one behind a proxy that speaks TLS, and may answer in its place; returns the proxy's address.
    fn serve_behind(&self, instead: Arc<Instead>) -> (Running, String) {
        let (child, address) = self.serve_with(&[]);
        let port = address.strip_prefix("http://127.0.0.1:").expect("it does not speak TLS").parse().unwrap();
        let port = self.lab.inside(|| stand_before(port, &self.tls, instead));
        (child, format!("https://localhost:{port}"))
    }

    fn serve_with(&self, more: &[&PathBuf]) -> (Running, String) {
        let mut command = self.lab.command(BINARY);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--lease-seconds", "10", "--mirror"])
            .arg(self.path("mirror"));
        command.args(more).arg("--data-dir").arg(self.vigie.data_dir());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.map(Result::unwrap).find(|line| line.starts_with("Vigie is at "));
        (Running(child), said.unwrap().trim_start_matches("Vigie is at ").trim_end_matches('/').to_owned())
    }

    /// Registers a node; returns the file with its token.
    fn register(&self, name: &str) -> PathBuf {
        let said = self.vigie.expect(0, DAY_0, &["node", "add", name, "--scope", "branch"]);
        let token = said.lines().last().unwrap();
        assert_eq!(token.len(), 64, "{said}");
        let file = self.path(&format!("{name}.token"));
        std::fs::write(&file, format!("{token}\n")).unwrap();
        file
    }

    fn node(&self, server: &str, token: &Path) -> Command {
        let mut command = self.lab.command(BINARY);
        command.args(["node", "--server", server, "--token-file"]).arg(token);
        command.arg("--ca").arg(&self.tls.certificate).arg("--data-dir").arg(self.path("node"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// What signals the host's SSH server.
    fn signal(&self, signal: &str) {
        self.lab.hosts()[0].run(&["sh", "-c", &format!("kill -{signal} $(pidof sshd)")]);
    }

    async fn db(&self) -> Db {
        Db::open(&format!("sqlite:{}", self.vigie.data_dir().join("vigie.db").display())).await.unwrap()
    }
}

/// Waits until the newest inspection is as it should be.
async fn inspection(db: &Db, what: &str, is_so: impl Fn(&Job) -> bool) -> Job {
    let all = Listing { states: &JobState::ALL, kind: Some("inspect"), before: None, limit: 1 };
    let begun = Instant::now();
    loop {
        let newest = store::queue::list(db, all).await.unwrap().pop();
        if let Some(job) = newest.as_ref().filter(|job| is_so(job)) {
            return job.clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "never {what}: {newest:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_node_inspects_and_a_killed_one_loses_nothing() {
    let Some(site) = Site::start() else { return };
    let token = site.register("branch1");
    let (_server, address) = site.serve();
    let db = site.db().await;
    let waiting = inspection(&db, "due", |_| true).await;
    assert_ne!(waiting.segment, "", "it waits for a node");
    assert_eq!((waiting.state, waiting.attempts), (JobState::Ready, 0));

    // The host does not go on talking, so the node is killed in the middle.
    site.signal("STOP");
    let node = Running(site.node(&address, &token).spawn().unwrap());
    let begun = inspection(&db, "begun", |job| job.state == JobState::Leased).await;
    assert!(begun.holder.as_ref().unwrap().starts_with("node branch1 "), "{begun:?}");
    node.kill();
    site.signal("CONT");

    let node = Running(site.node(&address, &token).spawn().unwrap());
    let done = inspection(&db, "done", |job| job.state == JobState::Done).await;
    // On a busy machine the second node may lose its lease too, and that is a further attempt.
    assert!(done.id == waiting.id && done.attempts >= 2, "claimed again: {done:?}");
    let asset = store::asset::list(&db, None, 10).await.unwrap().remove(0);
    let findings = store::finding::of_asset(&db, asset.id).await.unwrap();
    assert_eq!((findings.len(), &asset.last_error), (10, &None), "{asset:?}");
    let all = Listing { states: &JobState::ALL, kind: Some("inspect"), before: None, limit: 10 };
    assert_eq!(store::queue::list(&db, all).await.unwrap().len(), 1);
    assert_eq!(store::finding::replay_check(&db, asset.id).await.unwrap(), []);
    let pinned = store::host_key::list(&db).await.unwrap();
    assert_eq!(pinned.len(), 1, "the key of the host is pinned at the server: {pinned:?}");

    // It keeps its key and nothing else.
    let kept: Vec<_> = std::fs::read_dir(site.path("node")).unwrap().map(Result::unwrap).collect();
    assert_eq!((kept.len(), kept[0].file_name().to_str()), (1, Some("node.key")), "{kept:?}");
    assert_eq!(kept[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);

    // Removed, it is refused at once, and ends.
    let mut node = node;
    site.vigie.expect(0, DAY_0, &["node", "remove", "branch1"]);
    assert_eq!(node.0.wait().unwrap().code(), Some(70));
    assert_eq!(site.vigie.json(0, DAY_0, &["node", "list"]), serde_json::json!([]));
    db.close().await;
}

#[tokio::test]
async fn a_node_keeps_what_it_read_while_the_server_fails() {
    let Some(site) = Site::start() else { return };
    let token = site.register("branch1");
    // Each of these is not answered well until it was asked so often.
    let failing = [("/hello", 1), ("/claim", 1), ("/heartbeat", 1), ("/end", 3)];
    let asked = Arc::new(failing.map(|_| AtomicUsize::default()));
    let counted = Arc::clone(&asked);
    let instead = move |path: &str, _: &str| {
        let index = failing.iter().position(|(end, _)| path.ends_with(end))?;
        let before = counted[index].fetch_add(1, Ordering::Relaxed);
        (before < failing[index].1).then(|| [503, 500, 502][before])
    };
    let (_server, address) = site.serve_behind(Arc::new(instead));
    let _node = Running(site.node(&address, &token).spawn().unwrap());
    let db = site.db().await;
    let done = inspection(&db, "done", |job| job.state == JobState::Done).await;
    assert_eq!(done.attempts, 1, "it was read once: {done:?}");
    let asset = store::asset::list(&db, None, 10).await.unwrap().remove(0);
    assert_eq!(store::finding::of_asset(&db, asset.id).await.unwrap().len(), 10);
    assert_eq!(store::inspection::history(&db, asset.id, 10).await.unwrap().len(), 1);
    let asked: Vec<usize> = asked.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    assert!(asked[0] == 2 && asked[1] >= 2 && asked[3] == 4, "asked again, and no more than that: {asked:?}");
    db.close().await;
}

#[tokio::test]
async fn a_node_whose_inventory_is_not_taken_says_so_and_goes_on() {
    let Some(site) = Site::start() else { return };
    let token = site.register("branch1");
    let ends = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&ends);
    let instead = move |path: &str, body: &str| {
        let is_end = path.ends_with("/end");
        let mut ends = noted.lock().unwrap();
        ends.extend(is_end.then(|| serde_json::from_str::<serde_json::Value>(body).unwrap()["how"].clone()));
        (is_end && ends.len() == 1).then_some(400)
    };
    let (_server, address) = site.serve_behind(Arc::new(instead));
    let mut node = Running(site.node(&address, &token).spawn().unwrap());
    let db = site.db().await;
    let failed = inspection(&db, "failed", |job| job.last_error.is_some()).await;
    let said = "what was read is not taken: the server does not take it (400): said by the proxy";
    assert!(failed.last_error.as_ref().unwrap().ends_with(said), "{failed:?}");
    assert_eq!((failed.state, failed.attempts), (JobState::Ready, 1), "given back, and not left to run out");
    let asset = store::asset::list(&db, None, 10).await.unwrap().remove(0);
    assert!(asset.last_error.unwrap().ends_with(said), "it is unknown, not clean");
    assert_eq!(store::finding::of_asset(&db, asset.id).await.unwrap(), []);

    // The next attempt is this node's again.
    let done = inspection(&db, "done", |job| job.state == JobState::Done).await;
    assert_eq!((done.id, done.attempts), (failed.id, 2));
    assert!(node.0.try_wait().unwrap().is_none());
    let hows: Vec<bool> = ends.lock().unwrap().iter().map(|how| how.get("inventory").is_some()).collect();
    assert_eq!(hows, [true, false, true], "read, said why, read again");
    db.close().await;
}

#[tokio::test]
async fn a_node_trusts_its_certificate_only() {
    let Some(site) = Site::start() else { return };
    let token = site.register("branch1");
    let (_server, address) = site.serve();
    let other = site.path("other");
    std::fs::create_dir(&other).unwrap();
    let stranger = self_made(&other, &["localhost"]);
    let mut command = site.node(&address, &token);
    command.arg("--ca").arg(&stranger.certificate);
    // The last one counts nowhere: it may be given once.
    assert_eq!(command.output().unwrap().status.code(), Some(64));
    let mut command = site.lab.command(BINARY);
    command.args(["node", "--server", &address, "--token-file"]).arg(&token);
    command.arg("--ca").arg(&stranger.certificate).arg("--data-dir").arg(site.path("node"));
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let refused = said.into_iter().find(|line| line.contains("did not answer"));
    Running(child).kill();
    assert!(refused.is_some_and(|line| line.to_lowercase().contains("certificate")));

    std::fs::write(&token, "ab".repeat(32)).unwrap();
    let output = site.node(&address, &token).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(70), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("refuses this node"), "{output:?}");
    let plain = site.node("http://localhost:1", &token).output().unwrap();
    assert_eq!(plain.status.code(), Some(64), "a token goes over TLS only");
}
