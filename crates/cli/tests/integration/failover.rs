//! `vigie serve` on a PostgreSQL of two hosts: the primary is killed, the other promoted, and the same process goes on.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use store::Db;
use store::queue::{self, JobState, Listing, NewJob, PERSON_PRIORITY};
use testkit::mirror::TestMirror;
use testkit::postgres::Postgres;

use crate::vigie::{BINARY, Vigie};

/// A server that does not outlive its test.
struct Server {
    process: Child,
    address: String,
    session: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts it and signs its administrator in.
    fn start(vigie: &Vigie, place: &str) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--listen", "127.0.0.1:0", "--lease-seconds", "2", "--database", place, "--mirror"]);
        command.arg(vigie.path("mirror")).arg("--data-dir").arg(vigie.data_dir());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut token, mut address) = (String::new(), String::new());
        for line in BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap) {
            if let Some((_, found)) = line.split_once("/setup#token=") {
                found.clone_into(&mut token);
            }
            if let Some(found) = line.strip_prefix("Vigie is at http://") {
                found.trim_end_matches('/').clone_into(&mut address);
                break;
            }
        }
        let mut server = Self { process, address, session: String::new() };
        let setup = serde_json::json!({ "token": token, "name": "anna", "password": "a long password of anna" });
        let answer = server.ask("POST", "/api/v1/setup", &setup.to_string());
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect(&answer);
        cookie.split(';').next().unwrap().clone_into(&mut server.session);
        server
    }

    /// The whole answer, with its head. Empty: it did not answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(&self.address) else { return String::new() };
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            self.session,
            body.len()
        );
        let mut answer = String::new();
        let asked = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        // What was said before it broke off is an answer too.
        let _ = asked.and_then(|()| stream.read_to_string(&mut answer).map(drop));
        answer
    }

    fn answers(&self, path: &str) -> bool {
        self.ask("GET", path, "").starts_with("HTTP/1.1 200")
    }
}

/// Waits until something is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
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
    let mut server = Server::start(&vigie, &place);
    until("it answers", async || server.answers("/api/v1/status") && server.answers("/readyz")).await;
    let db = Db::open(&place).await.unwrap();
    until("jobs are done", async || done(&db).await >= 1).await;

    old.kill();
    assert!(!server.answers("/readyz"), "nobody takes writes");
    new.promote();
    // The session is there too.
    until("it answers again", async || server.answers("/readyz") && server.answers("/api/v1/status")).await;
    let before = done(&db).await;
    until("a job is asked for", async || ask_for_work(&db).await).await;
    until("jobs go on", async || done(&db).await > before).await;
    assert_eq!(server.process.try_wait().unwrap(), None, "it is the same process");
    assert_eq!(store::audit::verify(&db, None).await.unwrap().broken, []);
    db.close().await;
}
