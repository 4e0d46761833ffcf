//! The page in a real browser, over one inspected host and one that was only seen: `ui/tests/browser.mjs` walks it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use testkit::lab::{Lab, USER};
use testkit::mirror::TestMirror;

use crate::vigie::{BINARY, Vigie, finished};

const AT: &str = "2024-01-13T08:00:00Z";
const HOURS_BEFORE: &str = "2024-01-13T05:30:00Z";
const PASSWORD: &str = "correct horse battery";

#[test]
fn the_page_shows_what_the_api_says() {
    let Some(ui) = ui() else { return };
    let Some(lab) = Lab::start(2) else { return };
    let vigie = Vigie::new();
    let mirror = vigie.path("mirror");
    TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]).write(&mirror).unwrap();
    let mirror = mirror.to_str().unwrap();
    vigie.expect(0, AT, &["feeds", "sync", "--mirror", mirror]);
    know(&lab, &vigie);
    let node = know_nodes(&lab, &vigie);

    let mut command = lab.command(BINARY);
    vigie.prepare(&mut command, AT, &["serve", "--listen", "127.0.0.1:0", "--mirror", mirror]);
    let server = Server::start(command);
    let output = lab
        .command("node")
        .arg(ui.join("tests/browser.mjs"))
        .args(["--base", &server.base, "--setup-token", &server.token, "--user", "anna", "--password", PASSWORD])
        .args(["--node-token", &node])
        .arg("--screenshots")
        .arg(ui.join("../target/screenshots"))
        .output()
        .unwrap();
    let walked = finished(0, output, &["(walked by ui/tests/browser.mjs)"]);
    assert!(walked.contains("all steps passed"), "{walked}");
}

#[test]
fn without_a_publisher_the_bundled_sample_is_used_and_loudly() {
    let Some(lab) = Lab::start(1) else { return };
    let vigie = Vigie::new();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/mirror");
    let mut args = vec!["serve", "--listen", "127.0.0.1:0", "--inspect-local", "--first-priorities", "10", "--once"];
    args.extend(["--bundled-sample", sample.to_str().unwrap()]);
    // No route leads out of the lab, so no publisher can answer.
    let mut command = lab.command(BINARY);
    vigie.prepare(&mut command, "2026-11-24T08:00:00Z", &args);
    let text = finished(0, command.output().unwrap(), &args);
    assert!(text.contains("NO PUBLISHER OF VULNERABILITY DATA ANSWERED"), "{text}");
    assert!(text.contains("MOST VULNERABILITIES ARE MISSING"), "{text}");
    assert!(text.contains("! No publisher of vulnerability data answered"), "the page's warning too: {text}");
    assert!(text.contains("/setup#token="), "the one-time link: {text}");
    assert!(text.contains("First ") || text.contains("No finding could be made"), "{text}");
}

/// The page's folder, built, with what drives a browser. `None`: something is missing, and the test is to be skipped.
fn ui() -> Option<PathBuf> {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui");
    let needed =
        [ui.join("dist/index.html"), ui.join("node_modules/playwright-core"), PathBuf::from("/usr/bin/chromium")];
    let Some(missing) = needed.iter().find(|path| !path.exists()) else { return Some(ui) };
    let message = format!("SKIPPED, NO BROWSER TEST: there is no {}", missing.display());
    assert!(std::env::var_os("CI").is_none(), "{message}");
    let _ = writeln!(std::io::stderr(), "{message}");
    None
}

/// Makes the first host an inspected asset, and the second one an asset that was only seen.
fn know(lab: &Lab, vigie: &Vigie) {
    let [inspected, seen] = lab.hosts() else { panic!("the lab was asked for two hosts") };
    let (address, key) = (inspected.address.to_string(), lab.key());
    let key = key.to_str().unwrap();
    let credential = ["credential", "add", "lab", "--user", USER, "--sudo", "--identity", key];
    vigie.expect(0, AT, &[&credential[..], &["--destination", &address]].concat());
    let url = format!("ssh://{USER}@{address}");
    vigie.expect(0, AT, &["asset", "add", &url, "--name", "web01", "--credential", "lab"]);
    let inside = |code: i32, args: &[&str]| {
        let mut command = lab.command(BINARY);
        vigie.prepare(&mut command, AT, args);
        finished(code, command.output().unwrap(), args)
    };
    inside(0, &["discover", "net", &format!("{}/32", seen.address), "--ports", "22,443"]);
    // Something of the test mirror is undecided, so the exit code says unknown.
    inside(2, &["inspect", "web01"]);
}

/// Makes known: a node whose scope has an asset that nothing answers for, one that has never come, one that was removed, and
/// an asset that the server cannot reach. Returns the first one's token.
fn know_nodes(lab: &Lab, vigie: &Vigie) -> String {
    let key = lab.key();
    let credential = ["credential", "add", "branch", "--user", USER, "--identity", key.to_str().unwrap()];
    let destinations = ["--destination", "198.51.100.0/24", "--destination", "127.0.0.1"];
    vigie.expect(0, AT, &[&credential[..], &destinations].concat());
    let add = |name: &str, scope: &str| {
        let printed = vigie.expect(0, HOURS_BEFORE, &["node", "add", name, "--scope", scope]);
        printed.lines().last().expect("a token").trim().to_owned()
    };
    for (scope, network) in [("branch", "198.51.100.0/25"), ("depot", "198.51.100.128/25")] {
        vigie.expect(0, AT, &["scope", "add", scope, "--cidr", network]);
    }
    let token = add("branch1", "branch");
    add("depot1", "depot");
    add("depot0", "depot");
    vigie.expect(0, AT, &["node", "remove", "depot0"]);
    for (name, host) in [("till", "198.51.100.7"), ("closed", "127.0.0.1:1")] {
        let url = format!("ssh://{USER}@{host}");
        vigie.expect(0, AT, &["asset", "add", &url, "--name", name, "--credential", "branch"]);
    }
    let listed = vigie.expect(0, AT, &["node", "list"]);
    assert!(
        listed.contains("! The scanner node depot1 was added at 2024-01-13T05:30:00Z and has never come"),
        "{listed}"
    );
    token
}

/// A running server, stopped when dropped.
struct Server {
    process: Child,
    base: String,
    token: String,
}

impl Server {
    /// Starts it, and reads its address and the one-time link from what it prints.
    fn start(mut command: std::process::Command) -> Self {
        let mut process = command.stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut server = Self { process, base: String::new(), token: String::new() };
        for line in lines {
            let line = line.unwrap();
            if let Some((_, token)) = line.split_once("/setup#token=") {
                token.clone_into(&mut server.token);
            }
            if let Some(address) = line.strip_prefix("Vigie is at ") {
                address.trim_end_matches('/').clone_into(&mut server.base);
                return server;
            }
        }
        panic!("the server ended before it said where it is");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
