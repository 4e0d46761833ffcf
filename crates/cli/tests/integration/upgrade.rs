//! `vigie serve` and a database whose schema changes under it.

use std::fs::File;
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
