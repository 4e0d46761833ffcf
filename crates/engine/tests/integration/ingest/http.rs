//! A mirror over HTTP: conditional requests, retries, cut-off answers.

use std::time::Duration;

use domain::feed::FeedState;
use engine::ingest::{self, Outcome, Quiet, SyncOptions, SyncReport};
use outside::{ClientOptions, NeverTouch, Source};
use testkit::mirror::{TestMirror, published};
use wiremock::matchers::{any, header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{AS_OF, Site, instant, outcome};

/// Serves a folder as a plain web server does, with an entity tag.
async fn serve(site: &Site) -> MockServer {
    let server = MockServer::start().await;
    let root = site.mirror();
    let answer = move |request: &Request| match std::fs::read(root.join(request.url.path().trim_start_matches('/'))) {
        Ok(bytes) => ResponseTemplate::new(200).insert_header("etag", "\"1\"").set_body_bytes(bytes),
        Err(_) => ResponseTemplate::new(404),
    };
    Mock::given(any()).respond_with(answer).with_priority(9).mount(&server).await;
    server
}

async fn sync(server: &MockServer, site: &Site) -> SyncReport {
    let options = ClientOptions { first_pause: Duration::from_millis(1), attempts: 2, ..ClientOptions::default() };
    let source = Source::mirror(&server.uri(), options, NeverTouch::default()).await.expect("the mirror opens");
    let options = SyncOptions {
        data_dir: site.data(),
        source,
        only: None,
        accept_loss: Vec::new(),
        now: instant(AS_OF),
        provider_time: ingest::PROVIDER_TIME,
    };
    ingest::sync(&options, &Quiet).await.expect("it synchronises")
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() {
    let site = Site::new();
    TestMirror::demo(AS_OF, &["bookworm"]).write(&site.mirror()).expect("it is written");
    let server = serve(&site).await;
    let first = sync(&server, &site).await;
    assert!(published().all(|feed| outcome(&first, feed.id) == Outcome::Updated), "{first:?}");
    // 24 files of the NVD, and one of each other feed.
    Mock::given(method("GET"))
        .and(header("if-none-match", "\"1\""))
        .respond_with(ResponseTemplate::new(304))
        .with_priority(1)
        .expect(28)
        .mount(&server)
        .await;
    let again = sync(&server, &site).await;
    assert!(published().all(|feed| outcome(&again, feed.id) == Outcome::Unchanged), "{again:?}");
    server.verify().await;
}

#[tokio::test]
async fn a_busy_publisher_is_asked_again_and_one_that_stays_broken_stops_no_other() {
    let site = Site::new();
    TestMirror::demo(AS_OF, &["bookworm"]).write(&site.mirror()).expect("it is written");
    let server = serve(&site).await;
    let once_busy = ResponseTemplate::new(503).insert_header("retry-after", "0");
    let kev = path("/kev/known_exploited_vulnerabilities.json");
    Mock::given(kev).respond_with(once_busy).up_to_n_times(1).with_priority(1).mount(&server).await;
    let broken = ResponseTemplate::new(500).set_body_string("<html>");
    Mock::given(path("/debian/json")).respond_with(broken).with_priority(1).mount(&server).await;
    sync(&server, &site).await;
    assert_eq!(site.state("kev", AS_OF), FeedState::Fresh);
    assert_eq!(site.state("debian", AS_OF), FeedState::Failed);
    assert_eq!(site.state("nvd", AS_OF), FeedState::Fresh);
    let error = site.snapshot("debian").last_error.expect("it failed");
    assert!(error.ends_with("/debian/json answered 500"), "{error}");
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let site = Site::new();
    TestMirror::demo(AS_OF, &["bookworm"]).write(&site.mirror()).expect("it is written");
    let server = serve(&site).await;
    let away = ResponseTemplate::new(302).insert_header("location", "http://127.0.0.2:9/kev.json");
    let kev = path("/kev/known_exploited_vulnerabilities.json");
    Mock::given(kev).respond_with(away).with_priority(1).mount(&server).await;
    sync(&server, &site).await;
    let error = site.snapshot("kev").last_error.expect("it failed");
    assert!(error.contains("leaves 127.0.0.1: refused"), "{error}");
}
