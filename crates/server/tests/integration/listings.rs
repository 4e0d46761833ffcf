//! What owners list comes in by the API, and is counted by hours.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::App;

fn listing(app: &App, things: &Value) -> Value {
    json!({
        "format": "vigie-listing", "version": 1, "source": "aws/1", "taken_at": app.engine.now().to_string(),
        "whole": ["instance"], "things": things,
    })
}

#[tokio::test]
async fn what_is_listed_is_an_asset_until_it_ends() {
    let (app, cookie) = App::start_signed_in().await;
    let thing = json!({ "kind": "instance", "id": "aws/i-0abc", "name": "web-1", "fleet": "web" });
    let taken = app.post("/api/v1/listings", &cookie, listing(&app, &json!([thing]))).await.json();
    assert_eq!((&taken["source"], &taken["new"], &taken["partial"]), (&json!("aws/1"), &json!(1), &Value::Null));
    let known = app.get("/api/v1/assets", &cookie).await.json();
    assert_eq!((&known["total"], &known["assets"][0]["name"]), (&json!(1), &json!("web-1")));
    app.pass(jiff::SignedDuration::from_mins(30));
    let hours = app.get("/api/v1/assets/hours", &cookie).await.json();
    let web = json!({ "name": "web", "assets": 1, "hours": 0.5, "average": 0.0007, "coverage": 0.0 });
    assert_eq!(hours["groups"], json!([web]), "{hours}");
    let mut ended = thing.clone();
    ended["ended_at"] = json!(app.engine.now().to_string());
    let taken = app.post("/api/v1/listings", &cookie, listing(&app, &json!([ended]))).await.json();
    assert_eq!((&taken["new"], &taken["ended"]), (&json!(0), &json!(1)));
    let noted: Vec<String> = app.changes().await.into_iter().map(|entry| entry.what).collect();
    assert_eq!(noted.iter().filter(|what| *what == "listing.take").count(), 2, "{noted:?}");
    app.get("/api/v1/assets/hours?group_by=colour", &cookie).await.problem(StatusCode::BAD_REQUEST);
    app.get("/api/v1/assets/hours?from=2099-01-02&to=2099-01-01", &cookie).await.problem(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_no_listing_changes_nothing() {
    let (app, cookie) = App::start_signed_in().await;
    app.post("/api/v1/listings", &cookie, json!({})).await.problem(StatusCode::BAD_REQUEST);
    let empty = listing(&app, &json!([]));
    app.send(Method::POST, "/api/v1/listings", None, Some(empty)).await.problem(StatusCode::UNAUTHORIZED);
    assert_eq!(app.get("/api/v1/assets", &cookie).await.json()["total"], json!(0));
}
