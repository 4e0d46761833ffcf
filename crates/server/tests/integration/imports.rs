//! Reports of other tools come in by the API.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::App;

fn report(rules: &[&str]) -> Value {
    let finding = |rule: &&str| json!({ "rule": rule, "path": "src/a.c" });
    json!({
        "format": "vigie-report", "version": 1, "tool": { "name": "Lint" }, "complete": true, "scope": {},
        "findings": rules.iter().map(finding).collect::<Vec<_>>(),
    })
}

#[tokio::test]
async fn a_report_becomes_findings_and_is_noted() {
    let (app, cookie) = App::start_signed_in().await;
    let path = "/api/v1/imports?asset=shop&kind=repository";
    let first = app.post(path, &cookie, report(&["A", "B"])).await.json();
    let import = &first["imports"][0];
    assert_eq!((&import["asset_name"], &import["created"], &import["closed"]), (&json!("shop"), &json!(2), &json!(0)));
    app.pass(jiff::SignedDuration::from_hours(1));
    let second = app.post(path, &cookie, report(&["B"])).await.json();
    assert_eq!((&second["imports"][0]["untouched"], &second["imports"][0]["closed"]), (&json!(1), &json!(1)));
    let page = app.get("/api/v1/findings?filter=asset:shop%20state:open", &cookie).await.json();
    assert_eq!(page["total"], json!(1), "{page}");
    let noted: Vec<String> = app.changes().await.into_iter().map(|entry| entry.what).collect();
    assert_eq!(noted.iter().filter(|what| *what == "report.import").count(), 2, "{noted:?}");
}

#[tokio::test]
async fn what_is_no_report_changes_nothing() {
    let (app, cookie) = App::start_signed_in().await;
    app.post("/api/v1/imports", &cookie, report(&["A"])).await.problem(StatusCode::BAD_REQUEST);
    app.post("/api/v1/imports?asset=shop", &cookie, json!({ "runs": [] })).await.problem(StatusCode::BAD_REQUEST);
    app.post("/api/v1/imports?asset=shop&who=me", &cookie, report(&[])).await.problem(StatusCode::BAD_REQUEST);
    let unknown = app.send(Method::POST, "/api/v1/imports?asset=shop", None, Some(report(&["A"]))).await;
    unknown.problem(StatusCode::UNAUTHORIZED);
    assert_eq!(app.get("/api/v1/assets", &cookie).await.json()["total"], json!(0));
}
