//! Setting up, signing in and out.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::app::{Answer, App, PASSWORD};

fn set_up(token: &str, password: &str) -> Value {
    json!({ "token": token, "name": "anna", "password": password })
}

async fn sign_in(app: &App, name: &str, password: &str) -> Answer {
    app.send(Method::POST, "/api/v1/session", None, Some(json!({ "name": name, "password": password }))).await
}

#[tokio::test]
async fn the_link_makes_one_administrator_once() {
    let app = App::start().await;
    let token = server::create_setup_token(&app.engine.db, app.engine.now()).await.unwrap().unwrap();
    let set_up = async |token: &str, password: &str| {
        app.send(Method::POST, "/api/v1/setup", None, Some(set_up(token, password))).await
    };
    set_up(&token, "short").await.problem(StatusCode::BAD_REQUEST);
    set_up(&token, &"x".repeat(201)).await.problem(StatusCode::BAD_REQUEST);
    set_up("0123", PASSWORD).await.problem(StatusCode::FORBIDDEN);
    let made = set_up(&token, PASSWORD).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    assert_eq!(app.get("/api/v1/session", &made.cookie()).await.json()["role"], "administrator");
    set_up(&token, PASSWORD).await.problem(StatusCode::CONFLICT);
    assert_eq!(server::create_setup_token(&app.engine.db, app.engine.now()).await.unwrap(), None);
}

#[tokio::test]
async fn a_link_ends_by_time_and_by_the_next_one() {
    let app = App::start().await;
    let first = server::create_setup_token(&app.engine.db, app.engine.now()).await.unwrap().unwrap();
    let second = server::create_setup_token(&app.engine.db, app.engine.now()).await.unwrap().unwrap();
    let send = async |token: &str| app.send(Method::POST, "/api/v1/setup", None, Some(set_up(token, PASSWORD))).await;
    send(&first).await.problem(StatusCode::FORBIDDEN);
    app.pass(SignedDuration::from_hours(1));
    send(&second).await.problem(StatusCode::FORBIDDEN);
    assert_eq!(store::user::count(&app.engine.db).await.unwrap(), 0);
}

#[tokio::test]
async fn two_browsers_with_one_link_make_one_administrator() {
    let app = App::start().await;
    let token = server::create_setup_token(&app.engine.db, app.engine.now()).await.unwrap().unwrap();
    let send = || app.send(Method::POST, "/api/v1/setup", None, Some(set_up(&token, PASSWORD)));
    let (one, two) = tokio::join!(send(), send());
    let mut statuses = [one.status, two.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::CONFLICT]);
    assert_eq!(store::user::count(&app.engine.db).await.unwrap(), 1);
}

#[tokio::test]
async fn a_session_lives_from_signing_in_to_signing_out() {
    let (app, _) = App::start_signed_in().await;
    let wrong = sign_in(&app, "anna", "wrong horse battery").await;
    let unknown = sign_in(&app, "bert", PASSWORD).await;
    wrong.problem(StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.text, unknown.text, "the answer does not tell which names exist");
    sign_in(&app, &"a".repeat(5000), PASSWORD).await.problem(StatusCode::UNAUTHORIZED);
    let signed_in = sign_in(&app, " anna ", PASSWORD).await;
    assert_eq!(signed_in.status, StatusCode::OK);
    let set = signed_in.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(set.contains("; Path=/; ") && set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    assert!(!set.contains("Secure"), "a browser would not send it back without TLS: {set}");
    let cookie = signed_in.cookie();
    assert_eq!(app.get("/api/v1/session", &cookie).await.json()["user"], "anna");
    let out = app.send(Method::DELETE, "/api/v1/session", Some(&cookie), None).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    app.get("/api/v1/session", &cookie).await.problem(StatusCode::UNAUTHORIZED);
    let noted: Vec<(String, String)> = app.changes().await.into_iter().map(|entry| (entry.actor, entry.what)).collect();
    // Setting up signs in too.
    let expected = ["user.add", "session.start", "session.start", "session.end"];
    assert_eq!(noted, expected.map(|what| ("anna".to_owned(), what.to_owned())));
}

#[tokio::test]
async fn behind_tls_the_cookie_is_for_tls_only() {
    let (app, _) = App::start_signed_in().await;
    let request = Request::post("/api/v1/session")
        .header(header::HOST, "localhost")
        .header(header::ORIGIN, "https://localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(json!({ "name": "anna", "password": PASSWORD }).to_string()))
        .unwrap();
    let answer = app.request(request).await;
    assert!(answer.headers[header::SET_COOKIE].to_str().unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used() {
    let (app, cookie) = App::start_signed_in().await;
    app.pass(SignedDuration::from_mins(119));
    assert_eq!(app.get("/api/v1/status", &cookie).await.status, StatusCode::OK);
    app.pass(SignedDuration::from_mins(119));
    assert_eq!(app.get("/api/v1/status", &cookie).await.status, StatusCode::OK, "it was used");
    app.pass(SignedDuration::from_mins(121));
    app.get("/api/v1/status", &cookie).await.problem(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_ends_through_a_clock_that_is_set_back() {
    let (app, cookie) = App::start_signed_in().await;
    app.pass(SignedDuration::from_hours(-1));
    assert_eq!(app.get("/api/v1/status", &cookie).await.status, StatusCode::OK);
    app.pass(SignedDuration::from_mins(60 + 121));
    app.get("/api/v1/status", &cookie).await.problem(StatusCode::UNAUTHORIZED);

    // One that was begun by a clock years ahead does not live for years.
    let (app, cookie) = App::start_signed_in().await;
    app.pass(SignedDuration::from_hours(-24 * 365));
    app.get("/api/v1/status", &cookie).await.problem(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_ends_however_much_it_is_used() {
    let (app, cookie) = App::start_signed_in().await;
    for _ in 0..11 {
        app.pass(SignedDuration::from_hours(1));
        assert_eq!(app.get("/api/v1/session", &cookie).await.status, StatusCode::OK);
    }
    app.pass(SignedDuration::from_hours(1));
    app.get("/api/v1/session", &cookie).await.problem(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_is_slowed_down_and_nobody_is_locked_out() {
    let (app, _) = App::start_signed_in().await;
    let guess = || sign_in(&app, "anna", "wrong horse battery");
    for _ in 0..5 {
        guess().await.problem(StatusCode::UNAUTHORIZED);
    }
    let refused = guess().await;
    refused.problem(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers[header::RETRY_AFTER], "2");
    assert_eq!(sign_in(&app, "anna", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS, "no guess goes through");
    app.pass(SignedDuration::from_secs(2));
    assert_eq!(sign_in(&app, "anna", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_kept_signs_nobody_in() {
    let app = App::start().await;
    let token = server::create_setup_token(&app.engine.db, app.engine.now()).await.unwrap().unwrap();
    let made = app.send(Method::POST, "/api/v1/setup", None, Some(set_up(&token, PASSWORD))).await;
    let (_, session) = made.cookie().split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap();
    app.engine.db.close().await;
    for file in std::fs::read_dir(app.data.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in [token.as_str(), session.as_str(), PASSWORD] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}
