//! A Vigie to send requests to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode, header};
use domain::retirement::Policy;
use engine::Engine;
use engine::forget::Retention;
use engine::work::{Sources, WorkOptions, Worker};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use outside::{NeverTouch, Source};
use serde_json::Value;
use server::Hosts;
use store::Db;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;

/// The instant of every request, until a test lets time pass.
pub(crate) const NOW: &str = "2024-01-13T08:00:00Z";

pub(crate) const PASSWORD: &str = "correct horse battery";

/// How long a job stays with whoever says nothing.
const LEASE: SignedDuration = SignedDuration::from_mins(1);

pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) router: Router,
    pub(crate) data: TempDir,
    seconds: Arc<AtomicI64>,
    /// Whatever works for this Vigie stops with it.
    _stop: watch::Sender<bool>,
}

/// Nobody synchronises feeds here.
struct NoSource;

impl Sources for NoSource {
    fn choose(&self) -> BoxFuture<'_, anyhow::Result<Source>> {
        Box::pin(async { anyhow::bail!("there is no source of feeds in this test") })
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The problem that a refusal describes: the same shape for every refusal.
    pub(crate) fn problem(&self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], status.as_u16());
        assert!(problem["type"].as_str().unwrap().starts_with("urn:vigie:problem:"), "{problem}");
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{problem}");
        problem
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    /// The session that the answer sets.
    pub(crate) fn cookie(&self) -> String {
        let cookie = self.headers.get(header::SET_COOKIE).expect("a cookie").to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

impl App {
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", data.path().join("vigie.db").display())).await.unwrap();
        Self::over(db, data)
    }

    /// Over a database of the test's own.
    pub(crate) fn over(db: Db, data: TempDir) -> Self {
        let now: Timestamp = NOW.parse().unwrap();
        let seconds = Arc::new(AtomicI64::new(0));
        let passed = Arc::clone(&seconds);
        let clock: engine::Clock = Arc::new(move || now + SignedDuration::from_secs(passed.load(Ordering::Relaxed)));
        let engine = Arc::new(Engine::new(db, data.path().to_owned(), NeverTouch::default(), clock));
        let address: SocketAddr = "127.0.0.1:8787".parse().unwrap();
        let (stop, stopped) = watch::channel(false);
        let options = WorkOptions {
            holder: "test".to_owned(),
            lease: LEASE,
            poll: Duration::from_millis(50),
            inspections_max: 2,
            retirement: Policy::default(),
            retention: Retention::default(),
        };
        tokio::spawn(Worker::new(Arc::clone(&engine), options, Arc::new(NoSource)).run(stopped));
        let router = server::router(server::State::new(Arc::clone(&engine), Hosts::new(&[], address), LEASE));
        Self { engine, router, data, seconds, _stop: stop }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: SignedDuration) {
        self.seconds.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// With an administrator; returns the session's cookie.
    pub(crate) async fn start_signed_in() -> (Self, String) {
        let app = Self::start().await;
        let token = server::create_setup_token(&app.engine.db, app.engine.now()).await.unwrap().unwrap();
        let setup = serde_json::json!({ "token": token, "name": "anna", "password": PASSWORD });
        let answer = app.send(Method::POST, "/api/v1/setup", None, Some(setup)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let cookie = answer.cookie();
        (app, cookie)
    }

    /// What was noted of changes, the first first.
    pub(crate) async fn changes(&self) -> Vec<store::audit::Entry> {
        let newest_first = store::audit::list(&self.engine.db, None, 100).await.unwrap();
        newest_first.into_iter().rev().collect()
    }

    pub(crate) async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.send(Method::GET, path, Some(cookie), None).await
    }

    pub(crate) async fn post(&self, path: &str, cookie: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(cookie), Some(body)).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, cookie: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:8787");
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.request(request.body(body).unwrap()).await
    }

    pub(crate) async fn request(&self, mut request: Request<Body>) -> Answer {
        let peer: SocketAddr = "127.0.0.1:50000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 16 << 20).await.unwrap();
        Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }
}
