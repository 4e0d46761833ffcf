//! Nothing passes the gate without a session: walked over every route that the description names.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::app::App;

/// What may be asked without a session.
const OPEN: [(&str, &str); 2] = [("/api/v1/session", "post"), ("/api/v1/setup", "post")];

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

fn operations() -> Vec<(String, String, Value)> {
    let document: Value = serde_json::from_str(&server::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().clone().into_iter();
        let path = path.clone();
        methods.map(move |(method, operation)| (path.clone(), method, operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn the_description_says_what_is_open() {
    let operations = operations();
    assert!(operations.len() >= 19, "the description lost its routes: {operations:?}");
    let open: Vec<(&str, &str)> = operations
        .iter()
        .filter(|(_, _, operation)| operation["security"] == json!([{}]))
        .map(|(path, method, _)| (path.as_str(), method.as_str()))
        .collect();
    assert_eq!(open, OPEN);
    for (path, method, operation) in &operations {
        let id = operation["operationId"].as_str().unwrap();
        assert!(operation["responses"]["default"].is_object(), "{id} does not describe its errors");
        let is_open = OPEN.contains(&(path.as_str(), method.as_str()));
        assert!(is_open || operation["responses"]["401"].is_object(), "{id} does not say that it can refuse");
    }
}

#[tokio::test]
async fn every_route_and_method_refuses_whoever_has_no_session() {
    let (app, _) = App::start_signed_in().await;
    let operations = operations();
    for (path, _, _) in &operations {
        for method in METHODS {
            let named = method.as_str().to_lowercase();
            if OPEN.contains(&(path, &named)) {
                continue;
            }
            let is_there = operations
                .iter()
                .any(|(other, method, _)| other == path && (*method == named || (*method == "get" && named == "head")));
            let expected = if is_there { StatusCode::UNAUTHORIZED } else { StatusCode::METHOD_NOT_ALLOWED };
            let path = path.replace("{id}", "00000000-0000-0000-0000-000000000001");
            for cookie in [None, Some("vigie_session=deadbeef"), Some("vigie_session="), Some("other=1")] {
                let body = (method == Method::POST).then(|| json!({}));
                let answer = app.send(method.clone(), &path, cookie, body).await;
                assert_eq!(answer.status, expected, "{method} {path} with {cookie:?}: {}", answer.text);
                assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
            }
        }
    }
}

#[tokio::test]
async fn a_page_elsewhere_cannot_make_a_browser_write_here() {
    let (app, cookie) = App::start_signed_in().await;
    let write = |name: &str, value: &str| {
        Request::post("/api/v1/scopes")
            .header(header::HOST, "127.0.0.1:8787")
            .header(header::COOKIE, &cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .header(name, value)
            .body(Body::from(json!({ "name": "x", "tags": ["y"] }).to_string()))
            .unwrap()
    };
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://elsewhere.example"),
        ("origin", "http://127.0.0.1:9999"),
        ("origin", "null"),
    ] {
        app.request(write(name, value)).await.problem(StatusCode::FORBIDDEN);
    }
    assert!(store::scope::list(&app.engine.db).await.unwrap().is_empty());
    assert_eq!(app.request(write("origin", "http://127.0.0.1:8787")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_its_own_host_names_are_answered() {
    let (app, cookie) = App::start_signed_in().await;
    let ask = |path: &str, host: Option<&str>| {
        let request = Request::get(path).header(header::COOKIE, &cookie);
        let request = host.into_iter().fold(request, |request, host| request.header(header::HOST, host));
        app.request(request.body(Body::empty()).unwrap())
    };
    for (host, expected) in [
        (Some("127.0.0.1:8787"), StatusCode::OK),
        (Some("LOCALHOST"), StatusCode::OK),
        (Some("[::1]:8787"), StatusCode::OK),
        (Some("[::1]"), StatusCode::OK),
        (Some("rebound.example:8787"), StatusCode::FORBIDDEN),
        (Some("127.0.0.1.rebound.example"), StatusCode::FORBIDDEN),
        (Some("127.0.0.1:8787:80"), StatusCode::FORBIDDEN),
        (Some(""), StatusCode::FORBIDDEN),
        (None, StatusCode::FORBIDDEN),
    ] {
        for path in ["/api/v1/status", "/", "/healthz"] {
            assert_eq!(ask(path, host).await.status, expected, "{path} of {host:?}");
        }
    }
}
