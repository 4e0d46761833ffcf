//! Setting up, signing in and out.

use axum::http::{Method, StatusCode, header};
use serde_json::json;

use crate::app::{App, PASSWORD};

#[tokio::test]
async fn the_link_makes_one_administrator_once() {
    let app = App::start().await;
    let token = server::create_setup_token(&app.engine.db, app.engine.now()).await.unwrap().unwrap();
    let set_up = |token: &str, password: &str| json!({ "token": token, "name": "anna", "password": password });
    let weak = app.send(Method::POST, "/api/v1/setup", None, Some(set_up(&token, "short"))).await;
    assert_eq!(weak.status, StatusCode::BAD_REQUEST);
    let wrong = app.send(Method::POST, "/api/v1/setup", None, Some(set_up("0123", PASSWORD))).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let made = app.send(Method::POST, "/api/v1/setup", None, Some(set_up(&token, PASSWORD))).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let again = app.send(Method::POST, "/api/v1/setup", None, Some(set_up(&token, PASSWORD))).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(server::create_setup_token(&app.engine.db, app.engine.now()).await.unwrap(), None);
}

#[tokio::test]
async fn a_session_lives_from_signing_in_to_signing_out() {
    let (app, _) = App::start_signed_in().await;
    let sign_in = |password: &str| json!({ "name": "anna", "password": password });
    let wrong = app.send(Method::POST, "/api/v1/session", None, Some(sign_in("wrong horse battery"))).await;
    let nobody = json!({ "name": "bert", "password": PASSWORD });
    let unknown = app.send(Method::POST, "/api/v1/session", None, Some(nobody)).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.text, unknown.text, "the answer does not tell which names exist");
    let signed_in = app.send(Method::POST, "/api/v1/session", None, Some(sign_in(PASSWORD))).await;
    assert_eq!(signed_in.status, StatusCode::OK);
    let cookie_header = signed_in.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie_header.contains("HttpOnly") && cookie_header.contains("SameSite=Strict"), "{cookie_header}");
    let cookie = signed_in.cookie();
    assert_eq!(app.get("/api/v1/session", &cookie).await.json()["user"], "anna");
    let out = app.send(Method::DELETE, "/api/v1/session", Some(&cookie), None).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert_eq!(app.get("/api/v1/session", &cookie).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let (app, _) = App::start_signed_in().await;
    let guess = json!({ "name": "anna", "password": "wrong horse battery" });
    let mut last = StatusCode::OK;
    for _ in 0..6 {
        last = app.send(Method::POST, "/api/v1/session", None, Some(guess.clone())).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}
