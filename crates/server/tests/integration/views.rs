//! Reading and writing, one request that is answered and one that is refused for each noun.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;

#[tokio::test]
async fn before_any_inspection_nothing_is_a_number() {
    let (app, cookie) = App::start_signed_in().await;
    let status = app.get("/api/v1/status", &cookie).await.json();
    assert_eq!(status["counts"], Value::Null);
    assert_eq!(status["unknown_count"], Value::Null);
    let feeds = status["feeds"].as_array().unwrap();
    assert!(feeds.iter().all(|feed| feed["state"] == "never" && feed["record_count"] == Value::Null), "{feeds:?}");
    let warnings = status["warnings"].as_array().unwrap();
    let said = |feed: &str| warnings.iter().any(|warning| warning.as_str().unwrap().contains(feed));
    assert!(["debian", "nvd", "kev", "epss"].into_iter().all(said), "each missing feed is said: {warnings:?}");
    let queue = app.get("/api/v1/priorities", &cookie).await.json();
    assert_eq!(queue["total"], 0);
    assert!(!queue["warnings"].as_array().unwrap().is_empty(), "an empty queue says why it proves nothing");
}

#[tokio::test]
async fn an_asset_that_was_never_inspected_is_unknown() {
    let (app, cookie) = App::start_signed_in().await;
    let hostile = "<img src=x onerror=alert(1)>";
    let new = json!({ "way": "ssh://root@192.0.2.7", "name": hostile, "tags": ["lab"] });
    let added = app.post("/api/v1/assets", &cookie, new.clone()).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.text);
    let detail = added.json();
    assert_eq!(
        (&detail["counts"], &detail["unknown_count"], &detail["scanned"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let list = app.get("/api/v1/assets", &cookie).await;
    assert_eq!(list.headers["content-type"], "application/json");
    assert_eq!(list.json()["assets"][0]["name"], hostile);
    assert_eq!(app.post("/api/v1/assets", &cookie, new).await.status, StatusCode::BAD_REQUEST, "the name is taken");
    let id = detail["id"].as_str().unwrap();
    assert_eq!(app.get(&format!("/api/v1/assets/{id}"), &cookie).await.json()["name"], hostile);
    for bad in [
        json!({ "way": "http://192.0.2.7" }),
        json!({ "way": "ssh://192.0.2.7" }),
        json!({ "way": "ssh://root@192.0.2.7;id" }),
        json!({ "way": "ssh://root@192.0.2.8", "credential": "none such" }),
        json!({ "way": "ssh://root@192.0.2.8", "name": "\u{1b}[2Jcleared" }),
        json!({ "way": "ssh://root@192.0.2.8", "name": "x".repeat(201) }),
        json!({ "way": "ssh://root@192.0.2.8", "tags": [""] }),
    ] {
        app.post("/api/v1/assets", &cookie, bad).await.problem(StatusCode::BAD_REQUEST);
    }
    let nobody = "/api/v1/assets/00000000-0000-0000-0000-000000000001";
    assert_eq!(app.get(nobody, &cookie).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.post(&format!("{nobody}/inspect"), &cookie, json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_of_assets_make_the_whole_list() {
    let (app, cookie) = App::start_signed_in().await;
    for n in [3, 1, 4, 2, 5] {
        let new = json!({ "way": format!("ssh://root@192.0.2.{n}"), "name": format!("host {n}") });
        assert_eq!(app.post("/api/v1/assets", &cookie, new).await.status, StatusCode::OK);
    }
    let (mut read, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = app.get(&format!("/api/v1/assets?{query}"), &cookie).await.json();
        assert_eq!(page["total"], 5);
        read.extend(page["assets"].as_array().unwrap().iter().map(|asset| asset["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=2&cursor={cursor}");
    }
    assert_eq!(read, ["host 1", "host 2", "host 3", "host 4", "host 5"]);
    for query in ["limit=0", "limit=501", "cursor=zz", "cursor=", "sort=name"] {
        app.get(&format!("/api/v1/assets?{query}"), &cookie).await.problem(StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn scopes_are_checked_before_they_are_kept() {
    let (app, cookie) = App::start_signed_in().await;
    let scope = json!({ "name": "Production", "names": ["web*"], "cidrs": ["192.0.2.0/24"], "integrity": "high",
        "exposure": "internet", "threshold": 7.5, "cadence_seconds": 86400 });
    let added = app.post("/api/v1/scopes", &cookie, scope).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.text);
    assert_eq!(added.json()["threshold"], 7.5);
    assert_eq!(app.get("/api/v1/scopes", &cookie).await.json()[0]["name"], "Production");
    for bad in [
        json!({ "name": "empty" }),
        json!({ "name": "x", "tags": ["y"], "integrity": "huge" }),
        json!({ "name": "x", "tags": ["y"], "threshold": 11.0 }),
        json!({ "name": "x", "cidrs": ["300.0.0.0/8"] }),
        json!({ "name": "x", "tags": ["y"], "cadence_seconds": 1 }),
        json!({ "name": "\u{7}", "tags": ["y"] }),
        json!({ "name": "x", "tags": vec!["y"; 1001] }),
    ] {
        assert_eq!(app.post("/api/v1/scopes", &cookie, bad.clone()).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let (app, cookie) = App::start_signed_in().await;
    let secret = "geheim-0815";
    let new = json!({ "name": "lab", "kind": "password", "user": "root", "destinations": ["192.0.2.0/24"], "secret": secret });
    let added = app.post("/api/v1/credentials", &cookie, new).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.text);
    let list = app.get("/api/v1/credentials", &cookie).await;
    assert!(!added.text.contains(secret) && !list.text.contains(secret));
    assert_eq!(list.json()[0]["name"], "lab");
    let changes = store::audit::list(&app.engine.db, None, 10).await.unwrap();
    assert!(!format!("{changes:?}").contains(secret));
    for bad in [
        json!({ "name": "x", "kind": "password", "user": "root", "destinations": [], "secret": "y" }),
        json!({ "name": "x", "kind": "password", "user": "root", "destinations": ["192.0.2.0/40"], "secret": "y" }),
        json!({ "name": "x", "kind": "token", "user": "root", "destinations": ["192.0.2.1"], "secret": "y" }),
        json!({ "name": "", "kind": "password", "user": "root", "destinations": ["192.0.2.1"], "secret": "y" }),
        json!({ "name": "x", "kind": "password", "user": "root", "destinations": ["192.0.2.1"], "secret": "" }),
    ] {
        app.post("/api/v1/credentials", &cookie, bad).await.problem(StatusCode::BAD_REQUEST);
    }
    let again =
        json!({ "name": "lab", "kind": "password", "user": "root", "destinations": ["192.0.2.1"], "secret": "y" });
    app.post("/api/v1/credentials", &cookie, again).await.problem(StatusCode::CONFLICT);
}

#[tokio::test]
async fn lists_are_bounded_and_parameters_checked() {
    let (app, cookie) = App::start_signed_in().await;
    for (query, expected) in [
        ("limit=500", StatusCode::OK),
        ("limit=501", StatusCode::BAD_REQUEST),
        ("limit=0", StatusCode::BAD_REQUEST),
        ("tier=P1", StatusCode::OK),
        ("tier=P9", StatusCode::BAD_REQUEST),
        ("cursor=zz", StatusCode::BAD_REQUEST),
        ("asset=x", StatusCode::BAD_REQUEST),
        ("vulnerability=%27%20or%201=1", StatusCode::BAD_REQUEST),
        ("sort=name", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(app.get(&format!("/api/v1/priorities?{query}"), &cookie).await.status, expected, "{query}");
    }
    for path in ["/api/v1/findings/x", "/api/v1/vulnerabilities/CVE-2099-9999", "/api/v1/vulnerabilities/%00"] {
        assert_eq!(app.get(path, &cookie).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/api/v1/feeds", "/api/v1/actions", "/api/v1/runs"] {
        assert_eq!(app.get(path, &cookie).await.status, StatusCode::OK, "{path}");
    }
}
