//! Nothing passes the gate without a session: walked over every route that the description names.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::app::App;

/// What may be asked without a session.
const PUBLIC: [(&str, &str); 2] = [("/api/v1/setup", "post"), ("/api/v1/session", "post")];

fn routes() -> Vec<(String, Method)> {
    let document: Value = serde_json::from_str(&server::openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            if !PUBLIC.contains(&(path.as_str(), method.as_str())) {
                routes.push((path.clone(), method.to_uppercase().parse().unwrap()));
            }
        }
    }
    assert!(routes.len() >= 14, "the description lost its routes: {routes:?}");
    routes
}

#[tokio::test]
async fn every_route_refuses_whoever_has_no_session() {
    let (app, _) = App::start_signed_in().await;
    for (path, method) in routes() {
        let path = path.replace("{id}", "00000000-0000-0000-0000-000000000001");
        for cookie in [None, Some("vigie_session=deadbeef"), Some("vigie_session="), Some("other=1")] {
            let body = (method == Method::POST).then(|| json!({}));
            let answer = app.send(method.clone(), &path, cookie, body).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path} with {cookie:?}: {}", answer.text);
            assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
        }
    }
}

#[tokio::test]
async fn a_page_elsewhere_cannot_make_a_browser_write_here() {
    let (app, cookie) = App::start_signed_in().await;
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example")] {
        let request = Request::post("/api/v1/scopes")
            .header(header::HOST, "127.0.0.1:8787")
            .header(header::COOKIE, &cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .header(name, value)
            .body(Body::from(json!({ "name": "x", "tags": ["y"] }).to_string()))
            .unwrap();
        assert_eq!(app.request(request).await.status, StatusCode::FORBIDDEN, "{name}");
    }
    assert!(store::scope::list(&app.engine.db).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_its_own_host_names_are_answered() {
    let (app, cookie) = App::start_signed_in().await;
    for (host, expected) in [
        ("127.0.0.1:8787", StatusCode::OK),
        ("localhost", StatusCode::OK),
        ("rebound.example:8787", StatusCode::FORBIDDEN),
        ("127.0.0.1.rebound.example", StatusCode::FORBIDDEN),
    ] {
        let request = Request::get("/api/v1/status")
            .header(header::HOST, host)
            .header(header::COOKIE, &cookie)
            .body(Body::empty())
            .unwrap();
        assert_eq!(app.request(request).await.status, expected, "{host}");
    }
}
