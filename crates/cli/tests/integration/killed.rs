//! Killed in the middle of anything, Vigie starts again consistent: nothing lost, nothing doubled, no patch run twice.

use std::process::Child;
use std::time::{Duration, Instant};

use domain::remediation::RunState;
use store::Db;
use testkit::lab::{Lab, USER};
use testkit::mirror::TestMirror;

use crate::vigie::{BINARY, Vigie, finished};

const DAY_0: &str = "2024-01-13T08:00:00Z";
const DAY_2: &str = "2024-01-15T08:00:00Z";

/// A Vigie that knows one lab host and has inspected nothing.
fn start(lab: &Lab) -> Vigie {
    let vigie = Vigie::new();
    let mirror = vigie.path("mirror");
    TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]).write(&mirror).unwrap();
    vigie.expect(0, DAY_0, &["feeds", "sync", "--mirror", mirror.to_str().unwrap()]);
    let (key, address) = (lab.key(), lab.hosts()[0].address.to_string());
    let credential = ["credential", "add", "lab", "--user", USER, "--sudo", "--destination", &address, "--identity"];
    vigie.expect(0, DAY_0, &[&credential[..], &[key.to_str().unwrap()]].concat());
    let way = format!("ssh://{USER}@{address}");
    vigie.expect(0, DAY_0, &["asset", "add", &way, "--credential", "lab"]);
    vigie
}

fn spawn(lab: &Lab, vigie: &Vigie, at: &str, args: &[&str]) -> Child {
    let mut command = lab.command(BINARY);
    vigie.prepare(&mut command, at, args);
    command.spawn().unwrap()
}

fn run(lab: &Lab, vigie: &Vigie, code: i32, at: &str, args: &[&str]) -> String {
    finished(code, spawn(lab, vigie, at, args).wait_with_output().unwrap(), args)
}

/// `ip netns exec` replaces itself with the program, so the child is the program.
fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

async fn open(vigie: &Vigie) -> Db {
    Db::open(&format!("sqlite:{}", vigie.data_dir().join("vigie.db").display())).await.unwrap()
}

#[tokio::test]
async fn an_inspection_is_kept_whole_or_not_at_all() {
    let Some(lab) = Lab::start(1) else { return };
    let vigie = start(&lab);
    for milliseconds in [40, 120, 200, 280, 360, 440] {
        let child = spawn(&lab, &vigie, DAY_0, &["inspect", "--all"]);
        // Not a wait for something: the instant of the kill is the test's input.
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        kill(child);
        let db = open(&vigie).await;
        let asset = store::asset::list(&db, None, 10).await.unwrap().remove(0);
        let findings = store::finding::of_asset(&db, asset.id).await.unwrap();
        let inspected = store::inspection::latest(&db, asset.id).await.unwrap();
        assert_eq!(inspected.is_some(), !findings.is_empty(), "an inspection and its findings go together");
        assert_eq!(store::finding::replay_check(&db, asset.id).await.unwrap(), []);
        db.close().await;
    }
    run(&lab, &vigie, 2, DAY_0, &["inspect", "--all"]);
    let found = vigie.json(0, DAY_0, &["asset", "show", &lab.hosts()[0].address.to_string()]);
    let findings = found["findings"].as_array().unwrap();
    let keys: std::collections::BTreeSet<_> =
        findings.iter().map(|f| (f["component"]["name"].to_string(), f["vulnerability"].to_string())).collect();
    assert_eq!((findings.len(), keys.len()), (10, 10), "nothing lost, nothing doubled: {keys:?}");
}

#[tokio::test]
async fn a_patch_never_runs_twice() {
    let Some(lab) = Lab::start(1) else { return };
    let vigie = start(&lab);
    run(&lab, &vigie, 2, DAY_0, &["inspect", "--all"]);
    let child = spawn(&lab, &vigie, DAY_2, &["remediate", "--package", "vigie-demo-db", "--yes"]);
    let db = open(&vigie).await;
    let begun = Instant::now();
    loop {
        let runs = store::run::list(&db, None, 10).await.unwrap();
        if runs.iter().any(|run| matches!(run.state, RunState::Applying { .. })) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the run never began: {runs:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    kill(child);

    // The next command finds the run in the middle, ends it, looks at the host, and sends nothing again.
    let text = run(&lab, &vigie, 0, DAY_2, &["remediate", "--list"]);
    assert!(text.contains("had been interrupted; it is not sent again"), "{text}");
    let runs = store::run::list(&db, None, 10).await.unwrap();
    assert!(matches!(runs[..], [ref run] if matches!(run.state, RunState::Interrupted { .. })), "{runs:?}");
    let text = run(&lab, &vigie, 0, DAY_2, &["remediate", "--list"]);
    assert!(!text.contains("interrupted"), "said once: {text}");
    let asset = runs[0].action.asset;
    assert_eq!(store::finding::replay_check(&db, asset).await.unwrap(), []);
    db.close().await;

    // However far it got, trying again ends in the fixed version, installed once.
    run(&lab, &vigie, 0, DAY_2, &["remediate", "--package", "vigie-demo-db", "--yes"]);
    let host = &lab.hosts()[0];
    assert_eq!(host.version("vigie-demo-db"), "2.0-3");
    let log = host.run(&["cat", "/var/log/dpkg.log"]);
    let upgrades = log.lines().filter(|line| line.contains(" upgrade vigie-demo-db")).count();
    assert_eq!(upgrades, 1, "{log}");
}
