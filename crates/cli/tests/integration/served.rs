//! The page in a real browser, against the real binary and a real host.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use testkit::lab::{Lab, USER};
use testkit::mirror::TestMirror;

use crate::vigie::{BINARY, Vigie, finished};

const AT: &str = "2024-01-13T08:00:00Z";

/// The set-up token among the lines that the server prints first.
fn setup_token(server: &mut Child) -> String {
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    for line in lines {
        let line = line.unwrap();
        if let Some((_, token)) = line.split_once("#token=") {
            return token.trim().to_owned();
        }
    }
    panic!("the server printed no one-time link");
}

/// Ends the server when the test ends, however that is.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Gone already is as good as killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_page_keeps_its_promises_in_a_browser() {
    let Some(lab) = Lab::start(1) else { return };
    let vigie = Vigie::new();
    let mirror = vigie.path("mirror");
    TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]).without("epss").write(&mirror).unwrap();
    vigie.expect(0, AT, &["feeds", "sync", "--mirror", mirror.to_str().unwrap()]);
    let (key, address) = (lab.key(), lab.hosts()[0].address.to_string());
    let credential =
        ["credential", "add", "lab", "--user", USER, "--sudo", "--destination", &address, "--identity"];
    vigie.expect(0, AT, &[&credential[..], &[key.to_str().unwrap()]].concat());
    let way = format!("ssh://{USER}@{address}");
    vigie.expect(0, AT, &["asset", "add", &way, "--credential", "lab"]);
    vigie.expect(0, AT, &["asset", "add", "ssh://root@192.0.2.99", "--name", "never-seen"]);
    let mut inspect = lab.command(BINARY);
    vigie.prepare(&mut inspect, AT, &["inspect", &address]);
    finished(2, inspect.output().unwrap(), &["inspect"]);

    let mut serve = lab.command(BINARY);
    let mirror = mirror.to_str().unwrap();
    vigie.prepare(&mut serve, AT, &["serve", "--listen", "127.0.0.1:8787", "--mirror", mirror]);
    let mut server = Ended(serve.stderr(Stdio::inherit()).spawn().unwrap());
    let token = setup_token(&mut server.0);

    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let screenshots = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let screenshots = screenshots.join("screenshots");
    let mut browser: Command = lab.command("node");
    let output = browser
        .current_dir(root.join("ui"))
        .args(["tests/browser.mjs", "--base", "http://127.0.0.1:8787", "--user", "anna"])
        .args(["--password", "correct horse battery", "--setup-token", &token, "--screenshots"])
        .arg(screenshots)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{text}");
}
