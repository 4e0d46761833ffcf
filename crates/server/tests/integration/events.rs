//! Events over a real connection: told by whichever node, resumed without a gap, ended with the session and the server.

use std::time::Duration;

use axum::http::StatusCode;
use domain::event::EventKind;
use serde_json::json;
use store::Db;
use store::outbox::{self, NewEvent};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wire_types::event::OutboxEvent;

use crate::app::App;

/// No step of these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A Vigie that listens, with an administrator.
struct Served {
    app: App,
    cookie: String,
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start() -> Self {
        let (app, cookie) = App::start_signed_in().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lease = jiff::SignedDuration::from_mins(1);
        let state = server::State::new(app.engine.clone(), server::Hosts::new(&[], address), lease);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server::serve(listener, None, state, async move {
            let _ = stopped.await;
        }));
        Self { app, cookie, address, stop, serving }
    }

    /// Another node: its own connections to the same database.
    async fn other_node(&self) -> Db {
        Db::open(self.app.data.path().join("vigie.db").to_str().unwrap()).await.unwrap()
    }

    /// Follows from a place; `None`: from now on.
    async fn follow(&self, query: &str, last: Option<&str>) -> Stream {
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        // Of HTTP 1.0, so that what comes is the stream itself, without chunks.
        let request = format!(
            "GET /api/v1/events{query} HTTP/1.0\r\nHost: {}\r\nCookie: {}\r\n{last}\r\n",
            self.address, self.cookie
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut stream = Stream(BufReader::new(stream));
        let status = stream.line().await.unwrap();
        assert!(status.contains(" 200 "), "{status}");
        let mut head = String::new();
        while let Some(line) = stream.line().await.filter(|line| !line.is_empty()) {
            head.push_str(&line.to_lowercase());
        }
        assert!(head.contains("content-type: text/event-stream") && !head.contains("content-encoding"), "{head}");
        stream
    }
}

struct Stream(BufReader<TcpStream>);

impl Stream {
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line)).await;
        (read.expect("something comes").ok()? > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The next block that says anything: its id and, if it is an event, what it says. `None`: the stream is over.
    async fn block(&mut self) -> Option<(String, Option<OutboxEvent>)> {
        let (mut id, mut name, mut event) = (None, String::new(), None);
        loop {
            let line = self.line().await?;
            match line.split_once(": ") {
                Some(("id", value)) => id = Some(value.to_owned()),
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("data", value)) => event = Some(serde_json::from_str::<OutboxEvent>(value).unwrap()),
                _ if line.is_empty() => {
                    if let Some(id) = id {
                        assert!(event.as_ref().is_none_or(|event| event.kind == name && event.id == id));
                        return Some((id, event));
                    }
                }
                _ => {}
            }
        }
    }

    /// The next events, passing over what only moves the place.
    async fn events(&mut self, count: usize) -> Vec<OutboxEvent> {
        let mut events = Vec::new();
        while events.len() < count {
            events.extend(self.block().await.expect("the stream goes on").1);
        }
        events
    }
}

async fn tell(db: &Db, numbers: impl IntoIterator<Item = u64>) {
    let mut tx = db.begin().await.unwrap();
    for number in numbers {
        let now = "2024-01-13T08:00:00Z".parse().unwrap();
        tx.tell(NewEvent::new(now, EventKind::ImportDone).saying(&json!({ "number": number })));
    }
    tx.commit().await.unwrap();
}

fn numbers(events: &[OutboxEvent]) -> Vec<u64> {
    events.iter().map(|event| event.data["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_begins_now_and_tells_what_any_node_writes() {
    let served = Served::start().await;
    let other = served.other_node().await;
    tell(&other, [1]).await;
    let mut stream = served.follow("", None).await;
    let (begin, said) = stream.block().await.unwrap();
    assert_eq!(said, None, "only its place");
    tell(&other, [2, 3]).await;
    tell(&served.app.engine.db, [4]).await;
    let events = stream.events(3).await;
    assert_eq!(numbers(&events), [2, 3, 4]);
    assert!(events.iter().all(|event| event.id != begin && event.asset.is_none() && event.finding.is_none()));
    // An asset is told of with its name, and a finding with what it is about.
    let report = json!({
        "format": "vigie-report", "version": 1, "tool": { "name": "Lint" }, "complete": true, "scope": {},
        "findings": [{ "rule": "A", "path": "src/a.c" }],
    });
    let imported = served.app.post("/api/v1/imports?asset=shop", &served.cookie, report).await;
    assert_eq!(imported.status, StatusCode::OK, "{}", imported.text);
    let events = stream.events(3).await;
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["asset.added", "finding.opened", "import.done"]);
    assert!(events.iter().all(|event| event.asset.as_ref().unwrap().name == "shop"));
    let finding = events[1].finding.as_ref().unwrap();
    assert_eq!((finding.vulnerability.as_str(), finding.package.as_str()), ("lint:A", "src/a.c"));
    let detail = served.app.get(&format!("/api/v1/findings/{}", finding.id), &served.cookie).await;
    assert_eq!(detail.status, StatusCode::OK);
}

#[tokio::test]
async fn a_resumed_stream_has_no_gap_and_nothing_twice() {
    let served = Served::start().await;
    let other = served.other_node().await;
    let mut stream = served.follow("", None).await;
    let (mut last, _) = stream.block().await.unwrap();
    let writing = tokio::spawn(async move {
        for turn in 0..40 {
            tell(&other, turn * 3..turn * 3 + 3).await;
            tokio::task::yield_now().await;
        }
    });
    // Cut off again and again, in the middle of what one transaction told too.
    let (mut seen, mut turn) = (Vec::new(), 0);
    while seen.len() < 120 {
        turn += 1;
        let events = stream.events((turn % 7 + 1).min(120 - seen.len())).await;
        seen.extend(numbers(&events));
        last.clone_from(&events.last().unwrap().id);
        // By the header, or by the parameter that the header overrules.
        let query = format!("?after={}", if turn % 2 == 0 { "000000000000-0" } else { &last });
        stream = served.follow(&query, Some(last.as_str()).filter(|_| turn % 2 == 0)).await;
    }
    writing.await.unwrap();
    assert_eq!(seen, (0..120).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_filter_moves_the_place_over_what_it_leaves_out() {
    let served = Served::start().await;
    let db = &served.app.engine.db;
    let mut stream = served.follow("?kind=asset.retired,job.dead", None).await;
    stream.block().await.unwrap();
    tell(db, [1]).await;
    let passed = outbox::end(db).await.unwrap().to_string();
    assert_eq!(stream.block().await.unwrap(), (passed, None));
    let mut tx = db.begin().await.unwrap();
    tx.tell(NewEvent::new(served.app.engine.now(), EventKind::JobDead));
    tx.commit().await.unwrap();
    assert_eq!(stream.events(1).await[0].kind, "job.dead");
}

#[tokio::test]
async fn what_is_gone_is_said_to_be_lost() {
    let served = Served::start().await;
    let db = &served.app.engine.db;
    let beginning = outbox::end(db).await.unwrap().to_string();
    tell(db, [1, 2]).await;
    let later = served.app.engine.now() + outbox::KEPT + jiff::SignedDuration::from_secs(1);
    let mut tx = db.begin().await.unwrap();
    outbox::prune(&mut tx, later - outbox::KEPT, later).await.unwrap();
    tx.commit().await.unwrap();
    tell(db, [3]).await;
    let mut stream = served.follow("?kind=import.done", Some(&beginning)).await;
    let events = stream.events(2).await;
    assert_eq!((events[0].kind.as_str(), numbers(&events[1..])), ("lost", vec![3]));
    // Whoever was told so once is not told again.
    let mut stream = served.follow("", Some(&events[0].id)).await;
    assert_eq!(numbers(&stream.events(1).await), [3]);
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_with_the_server() {
    let served = Served::start().await;
    let app = &served.app;
    let mut stream = served.follow("", None).await;
    stream.block().await.unwrap();
    let signed_out = app.send(axum::http::Method::DELETE, "/api/v1/session", Some(&served.cookie), None).await;
    assert_eq!(signed_out.status, StatusCode::NO_CONTENT);
    tell(&app.engine.db, [1]).await;
    assert_eq!(stream.block().await, None, "not a word after signing out");
    let again = json!({ "name": "anna", "password": crate::app::PASSWORD });
    let cookie = app.send(axum::http::Method::POST, "/api/v1/session", None, Some(again)).await.cookie();
    let served = Served { cookie, ..served };
    let mut stream = served.follow("", None).await;
    stream.block().await.unwrap();
    served.stop.send(()).unwrap();
    let stopping = std::time::Instant::now();
    served.serving.await.unwrap().unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(9), "nobody waits for a stream");
    assert_eq!(stream.block().await, None);
}

#[tokio::test]
async fn streams_are_bounded_and_what_cannot_be_read_is_refused() {
    let served = Served::start().await;
    let app = &served.app;
    for query in ["?after=17", "?after=", "?kind=finding", "?kind=finding.opened&who=me"] {
        app.get(&format!("/api/v1/events{query}"), &served.cookie).await.problem(StatusCode::BAD_REQUEST);
    }
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut stream = served.follow("", None).await;
        stream.block().await.unwrap();
        open.push(stream);
    }
    let request =
        format!("GET /api/v1/events HTTP/1.0\r\nHost: {}\r\nCookie: {}\r\n\r\n", served.address, served.cookie);
    let mut refused = TcpStream::connect(served.address).await.unwrap();
    refused.write_all(request.as_bytes()).await.unwrap();
    let status = Stream(BufReader::new(refused)).line().await.unwrap();
    assert!(status.contains(" 503 "), "{status}");
}
