//! What is refused is refused in one shape, and says nothing of the inside.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};

use crate::app::App;

fn post(path: &str, cookie: &str, kind: Option<&str>, body: String) -> Request<Body> {
    let request = Request::post(path).header(header::HOST, "localhost").header(header::COOKIE, cookie);
    let request = kind.into_iter().fold(request, |request, kind| request.header(header::CONTENT_TYPE, kind));
    request.body(Body::from(body)).unwrap()
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_a_problem() {
    let (app, cookie) = App::start_signed_in().await;
    let json = Some("application/json");
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(300_000));
    for (kind, body, expected) in [
        (json, "{\"name\":".to_owned(), StatusCode::BAD_REQUEST),
        (json, "[]".to_owned(), StatusCode::BAD_REQUEST),
        (json, "{\"name\":\"x\",\"admin\":true}".to_owned(), StatusCode::BAD_REQUEST),
        (json, "[".repeat(100_000), StatusCode::BAD_REQUEST),
        (json, large, StatusCode::PAYLOAD_TOO_LARGE),
        (None, "{}".to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("text/plain"), "{}".to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("application/x-www-form-urlencoded"), "name=x".to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        for path in ["/api/v1/scopes", "/api/v1/assets", "/api/v1/credentials", "/api/v1/session", "/api/v1/setup"] {
            app.request(post(path, &cookie, kind, body.clone())).await.problem(expected);
        }
    }
}

#[tokio::test]
async fn a_path_that_names_nothing_is_a_problem() {
    let (app, cookie) = App::start_signed_in().await;
    for path in ["/api/v1/nothing", "/api", "/api/v2/status", "/api/v1/findings/%ff", "/api/v1/assets/../status"] {
        app.get(path, &cookie).await.problem(StatusCode::NOT_FOUND);
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::TRACE] {
        app.send(method, "/", Some(&cookie), None).await.problem(StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn what_breaks_inside_stays_inside() {
    let (app, cookie) = App::start_signed_in().await;
    app.engine.db.close().await;
    for path in ["/api/v1/status", "/readyz"] {
        let answer = app.get(path, &cookie).await;
        answer.problem(StatusCode::INTERNAL_SERVER_ERROR);
        for word in ["pool", "sqlite", "vigie.db", "select"] {
            assert!(!answer.text.to_lowercase().contains(word), "{}", answer.text);
        }
    }
    assert_eq!(app.send(Method::GET, "/healthz", None, None).await.text, "ok");
}

#[tokio::test]
async fn a_database_that_a_newer_program_upgraded_is_not_answered_from_for_long() {
    let Some(test) = testkit::db::postgres().await else { return };
    let app = App::over(test.db.clone(), tempfile::tempdir().unwrap());
    assert_eq!(app.send(Method::GET, "/readyz", None, None).await.text, "ok");
    test.run_sql("insert into schema_version (version, digest) values (999, '')");
    let answer = app.send(Method::GET, "/readyz", None, None).await;
    let problem = answer.problem(StatusCode::SERVICE_UNAVAILABLE);
    assert!(problem["detail"].as_str().unwrap().contains("a newer Vigie has upgraded the database"), "{problem}");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(app.send(Method::GET, "/healthz", None, None).await.text, "ok", "it ends by itself");
}

#[tokio::test]
async fn every_answer_carries_the_strict_headers_and_an_id_of_ours() {
    let (app, cookie) = App::start_signed_in().await;
    for (path, cookie) in [("/", None), ("/api/v1/status", None), ("/api/v1/status", Some(&cookie)), ("/api/x", None)] {
        let mut request = Request::get(path).header(header::HOST, "localhost").header("x-request-id", "chosen by them");
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie.as_str());
        }
        let answer = app.request(request.body(Body::empty()).unwrap()).await;
        let has = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert!(has("content-security-policy").unwrap().contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(has("x-content-type-options").unwrap(), "nosniff");
        assert_eq!(has("referrer-policy").unwrap(), "no-referrer");
        assert_eq!(has("x-frame-options").unwrap(), "DENY");
        assert_eq!(has("cache-control").unwrap(), "no-store");
        let id = has("x-request-id").unwrap();
        assert!(id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "{id}");
    }
}
