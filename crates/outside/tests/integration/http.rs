//! The HTTP client: conditions, limits, patience, redirects.

use std::time::Duration;

use outside::{Answer, Client, ClientOptions, Fetch, FetchError, NeverTouch, Source, Validators};
use wiremock::matchers::{header, header_exists, header_regex, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::get;

fn source() -> Source {
    let options = ClientOptions { first_pause: Duration::from_millis(1), attempts: 3, ..ClientOptions::default() };
    Source::publishers(options, NeverTouch::default()).expect("the client can be set up")
}

async fn answer(server: &MockServer, at: &str, response: ResponseTemplate) {
    Mock::given(method("GET")).and(path(at)).respond_with(response).mount(server).await;
}

#[tokio::test]
async fn an_answer_comes_with_its_hash_and_its_validators() {
    let server = MockServer::start().await;
    let response = ResponseTemplate::new(200).insert_header("etag", "\"v1\"").set_body_string("abc");
    Mock::given(header_regex("user-agent", "^Vigie/[0-9]")).respond_with(response).mount(&server).await;
    let (answer, bytes) = get(&source(), &format!("{}/feed", server.uri()), 10).await;
    let Ok(Answer::Body(body)) = answer else { panic!("{answer:?}") };
    assert_eq!(bytes, b"abc");
    assert_eq!(body.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(body.validators.etag.as_deref(), Some("\"v1\""));
    assert_eq!(body.name, format!("{}/feed", server.uri()));
}

#[tokio::test]
async fn a_condition_is_sent_and_not_modified_is_an_answer() {
    let server = MockServer::start().await;
    Mock::given(header("if-none-match", "\"v1\""))
        .and(header_exists("if-modified-since"))
        .respond_with(ResponseTemplate::new(304))
        .mount(&server)
        .await;
    let validators =
        Validators { etag: Some("\"v1\"".to_owned()), last_modified: Some("Sat, 13 Jan 2024 10:00:00 GMT".to_owned()) };
    let url = format!("{}/feed", server.uri());
    let fetch = Fetch::of(&url, &validators, 10);
    let mut file = tempfile::tempfile().expect("a file");
    let answer = source().fetch(&fetch, &mut file, &|_, _| {}).await;
    assert_eq!(answer.expect("it answers"), Answer::NotModified);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_a_wrong_request_is_not() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(503);
    Mock::given(path("/busy")).respond_with(busy).up_to_n_times(2).with_priority(1).mount(&server).await;
    answer(&server, "/busy", ResponseTemplate::new(200).set_body_string("ready")).await;
    let (ready, bytes) = get(&source(), &format!("{}/busy", server.uri()), 10).await;
    assert!(matches!(ready, Ok(Answer::Body(_))) && bytes == b"ready", "{ready:?}");
    Mock::given(path("/wrong")).respond_with(ResponseTemplate::new(400)).expect(1).mount(&server).await;
    let (wrong, _) = get(&source(), &format!("{}/wrong", server.uri()), 10).await;
    assert!(matches!(wrong, Err(FetchError::Status { status: 400, .. })), "{wrong:?}");
    answer(&server, "/later", ResponseTemplate::new(429).insert_header("retry-after", "7200")).await;
    let (later, _) = get(&source(), &format!("{}/later", server.uri()), 10).await;
    assert!(matches!(later, Err(FetchError::ComeBackLater { seconds: 7200, .. })), "{later:?}");
    assert!(matches!(get(&source(), &format!("{}/none", server.uri()), 10).await.0, Ok(Answer::Absent)));
}

#[tokio::test]
async fn an_answer_above_the_limit_is_refused() {
    let server = MockServer::start().await;
    answer(&server, "/large", ResponseTemplate::new(200).set_body_string("x".repeat(100))).await;
    let (large, bytes) = get(&source(), &format!("{}/large", server.uri()), 99).await;
    assert!(matches!(large, Err(FetchError::TooLarge { limit: 99, .. })), "{large:?}");
    assert!(bytes.is_empty());
}

#[tokio::test]
async fn a_redirect_stays_on_its_host() {
    let server = MockServer::start().await;
    answer(&server, "/here", ResponseTemplate::new(302).insert_header("location", "/there")).await;
    answer(&server, "/there", ResponseTemplate::new(200).set_body_string("found")).await;
    let (found, bytes) = get(&source(), &format!("{}/here", server.uri()), 10).await;
    let Ok(Answer::Body(body)) = found else { panic!("{found:?}") };
    assert_eq!((bytes.as_slice(), body.name), (&b"found"[..], format!("{}/there", server.uri())));
    // Another port is another server.
    let other = MockServer::start().await;
    for (at, away) in [("/away", "http://127.0.0.2/"), ("/port", other.uri().as_str()), ("/loop", "/loop")] {
        answer(&server, at, ResponseTemplate::new(302).insert_header("location", away)).await;
        let (refused, _) = get(&source(), &format!("{}{at}", server.uri()), 10).await;
        assert!(matches!(refused, Err(FetchError::NoAnswer { .. })), "{at}: {refused:?}");
    }
    assert!(other.received_requests().await.unwrap_or_default().is_empty());
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_beginning() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("it listens");
    let url = format!("http://{}/feed", listener.local_addr().expect("an address"));
    let server = async {
        loop {
            let (mut stream, _) = listener.accept().await.expect("somebody connects");
            let _request = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").await;
        }
    };
    let source = source();
    let (answer, bytes) = tokio::select! {
        answered = get(&source, &url, 1000) => answered,
        () = server => unreachable!("the server has no end"),
    };
    let error = answer.expect_err("it is cut off");
    assert!(error.has_partial_body(), "{error}");
    assert_eq!(bytes, b"only this");
}

#[tokio::test]
async fn who_answers_at_all() {
    let server = MockServer::start().await;
    let client = Client::new(ClientOptions::default()).expect("the client can be set up");
    assert!(client.answers(&server.uri()).await, "404 is an answer");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("it listens");
    let closed = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    assert!(!client.answers(&closed).await);
}

#[tokio::test]
async fn nothing_is_asked_of_what_is_not_to_be_touched() {
    let server = MockServer::start().await;
    answer(&server, "/feed", ResponseTemplate::new(200).set_body_string("abc")).await;
    let never_touch = NeverTouch::parse(&["127.0.0.0/8", "::1"]).expect("ranges");
    let options = ClientOptions { first_pause: Duration::from_millis(1), attempts: 2, ..ClientOptions::default() };
    let source = Source::publishers(options, never_touch).expect("the client can be set up");
    let (by_address, _) = get(&source, &format!("{}/feed", server.uri()), 10).await;
    assert!(matches!(by_address, Err(FetchError::Forbidden { .. })), "{by_address:?}");
    let name = format!("http://localhost:{}/feed", server.address().port());
    let (by_name, _) = get(&source, &name, 10).await;
    assert!(matches!(by_name, Err(FetchError::Forbidden { .. })), "{by_name:?}");
    let never_touch = NeverTouch::parse(&["127.0.0.0/8", "::1"]).expect("ranges");
    for place in [server.uri(), format!("http://localhost:{}", server.address().port())] {
        let mirror = Source::mirror(&place, options, never_touch.clone()).await.expect_err("it is not to be touched");
        assert!(mirror.to_string().contains("never-touch range"), "{mirror}");
    }
    assert!(server.received_requests().await.is_some_and(|requests| requests.is_empty()));
}

#[tokio::test]
async fn what_strangers_name_does_not_lead_into_the_own_network() {
    let server = MockServer::start().await;
    answer(&server, "/feed", ResponseTemplate::new(200).set_body_string("abc")).await;
    let source = source();
    let by_name = format!("http://localhost:{}/feed", server.address().port());
    let ask = async |url: &str, stranger: bool| {
        let validators = Validators::default();
        let fetch = Fetch { stranger, ..Fetch::of(url, &validators, 10) };
        let mut file = tempfile::tempfile().expect("a file");
        source.fetch(&fetch, &mut file, &|_, _| {}).await
    };
    // A connection that the operator's own words opened is no way in.
    for is_open in [false, true] {
        if is_open {
            assert!(matches!(ask(&by_name, false).await, Ok(Answer::Body(_))));
        }
        for url in [&by_name, &format!("{}/feed", server.uri())] {
            let refused = ask(url, true).await;
            assert!(matches!(refused, Err(FetchError::NotPublic { .. })), "{refused:?}");
        }
    }
    assert_eq!(server.received_requests().await.map(|requests| requests.len()), Some(1));
}
