//! `vigie serve` and a database whose schema changes: under it, and by itself when it starts.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use testkit::db;
use testkit::server::Server;

use crate::failover::until;
use crate::vigie::{BINARY, Vigie};

/// `vigie serve` of a database, with what it says about itself in a file.
fn serve(vigie: &Vigie, place: &str, options: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["serve", "--listen", "127.0.0.1:0", "--database", place, "--data-dir"]).arg(vigie.data_dir());
    command.args(options).stderr(Stdio::from(File::create(vigie.path("log")).unwrap()));
    command
}

fn log(vigie: &Vigie) -> String {
    std::fs::read_to_string(vigie.path("log")).unwrap()
}

#[tokio::test]
async fn a_server_that_only_answers_ends_when_a_newer_one_upgrades_its_database() {
    let Some(test) = db::postgres().await else { return };
    let vigie = Vigie::new();
    let (mut server, _) = Server::start(serve(&vigie, &test.place, &["--no-work"]));
    assert!(server.answers("/readyz"), "{}", log(&vigie));
    test.run_sql("insert into schema_version (version, digest) values (999, '')");
    let process = tokio::sync::Mutex::new(server.process());
    until("it ends by itself", async || process.lock().await.try_wait().unwrap().is_some()).await;
    assert_eq!(process.into_inner().wait().unwrap().code(), Some(70));
    let log = log(&vigie);
    assert!(log.contains("the database was upgraded by a newer Vigie while this one was running"), "{log}");
    assert!(log.contains("the database has schema 999") && log.contains("use the newer Vigie"), "{log}");
}

fn rest(log: &mut impl Read) -> String {
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    text
}

/// What a server that is not ready says, after it was told to come back.
fn not_ready(server: &Server, path: &str) -> Option<String> {
    let answer = server.ask("GET", path, "");
    if !answer.starts_with("HTTP/1.1 503") {
        return None;
    }
    let head = answer.to_lowercase();
    assert!(head.contains("\nretry-after: ") && head.contains("\ncontent-type: application/problem+json"), "{answer}");
    assert!(answer.contains("urn:vigie:problem:starting"), "{answer}");
    Some(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_seen_by_whoever_asks_meanwhile() {
    let Some(test) = db::postgres().await else { return };
    // Step 16 changes what a table is made of, and may be made again; what later ones made is in the way.
    test.run_sql(
        "drop table policy; drop table listed; drop table listing; delete from schema_version where version >= 16",
    );
    let step = test.hold("lock table asset in share update exclusive mode");
    let backup = test.hold("lock table scope in access exclusive mode");
    let vigie = Vigie::new();
    let (mut server, mut log) = Server::begin(serve(&vigie, &test.place, &["--no-work"]));
    let says = async |server: &Server, what: &str| {
        until(what, async || not_ready(server, "/").is_some_and(|answer| answer.contains(what))).await;
        assert!(server.answers("/healthz"), "it lives");
        for path in ["/readyz", "/api/v1/status", "/static/none.js"] {
            assert!(not_ready(server, path).is_some_and(|answer| answer.contains(what)), "{path}");
        }
    };
    says(&server, "the store is backed up before its upgrade").await;
    drop(backup);
    says(&server, "the store is being upgraded, step 1 of 4").await;
    assert!(server.process().try_wait().unwrap().is_none());
    drop(step);
    until("it serves", async || server.answers("/readyz")).await;
    assert!(server.answers("/healthz") && server.answers("/"));
    assert!(server.ask("GET", "/api/v1/status", "").starts_with("HTTP/1.1 401"));
    server.process().kill().unwrap();
    let log = rest(&mut log);
    for line in ["backing the store up before its upgrade: ", "upgrading the store: 1 of 4", "the store is upgraded"] {
        assert!(log.contains(line), "{log}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_ends_the_server_as_ever() {
    let Some(test) = db::postgres().await else { return };
    test.run_sql(
        "drop table policy; drop table listed; drop table listing; delete from schema_version where version >= 16",
    );
    let vigie = Vigie::new();
    std::fs::create_dir(vigie.data_dir()).unwrap();
    std::fs::write(vigie.data_dir().join("backups"), "in the way").unwrap();
    let (mut server, mut log) = Server::begin(serve(&vigie, &test.place, &["--no-work"]));
    assert_eq!(server.process().wait().unwrap().code(), Some(70));
    let log = rest(&mut log);
    assert!(log.contains("--no-backup-before-upgrade"), "{log}");
    assert_eq!(server.ask("GET", "/healthz", ""), "", "nobody listens any more");
}
