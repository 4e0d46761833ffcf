//! `vigie serve` on a PostgreSQL of two hosts: the primary is killed, the other promoted, and the same process goes on.

use std::process::Command;
use std::time::{Duration, Instant};

use store::Db;
use store::queue::{self, JobState, Listing, NewJob, PERSON_PRIORITY};
use testkit::mirror::TestMirror;
use testkit::postgres::Postgres;
use testkit::server::Server;

use crate::vigie::{BINARY, Vigie};

/// A server, with its administrator signed in.
fn start(vigie: &Vigie, place: &str) -> Server {
    let mut command = Command::new(BINARY);
    command.args(["serve", "--listen", "127.0.0.1:0", "--lease-seconds", "2", "--database", place, "--mirror"]);
    command.arg(vigie.path("mirror")).arg("--data-dir").arg(vigie.data_dir());
    let (mut server, token) = Server::start(command);
    server.set_up(&token);
    server
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(120), "never: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn done(db: &Db) -> usize {
    let listing = Listing { states: &[JobState::Done], kind: Some("rematch"), before: None, limit: 1000 };
    queue::list(db, listing).await.map_or(0, |jobs| jobs.len())
}

#[expect(clippy::disallowed_methods, reason = "the server works by the real clock")]
async fn ask_for_work(db: &Db) -> bool {
    let now = jiff::Timestamp::now();
    let asking = async {
        let mut tx = db.begin().await?;
        let job = NewJob { priority: PERSON_PRIORITY, ..NewJob::scheduled("rematch", "rematch", 3, now) };
        queue::enqueue_urgent(&mut tx, &job, now).await?;
        tx.commit().await
    };
    asking.await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_follows_the_primary() {
    let Some(old) = Postgres::start() else { return };
    let new = old.standby();
    let place = Postgres::place_of(&[&old, &new]);
    let vigie = Vigie::new();
    TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]).write(&vigie.path("mirror")).unwrap();
    let mut server = start(&vigie, &place);
    until("it answers", async || server.answers("/api/v1/status") && server.answers("/readyz")).await;
    let db = Db::open(&place).await.unwrap();
    until("jobs are done", async || done(&db).await >= 1).await;

    old.kill();
    assert!(!server.answers("/readyz"), "nobody takes writes");
    let answer = server.ask("GET", "/api/v1/findings", "");
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("the database cannot be reached now"), "{answer}");
    new.promote();
    // The session is there too.
    until("it answers again", async || server.answers("/readyz") && server.answers("/api/v1/status")).await;
    let before = done(&db).await;
    until("a job is asked for", async || ask_for_work(&db).await).await;
    until("jobs go on", async || done(&db).await > before).await;
    assert_eq!(server.process().try_wait().unwrap(), None, "it is the same process");
    assert_eq!(store::audit::verify(&db, None).await.unwrap().broken, []);
    db.close().await;
}
