//! Reports of other tools come in by the API.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
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
    let row = &page["findings"][0];
    assert_eq!((&row["vulnerability"], &row["component"]["name"]), (&json!("lint:B"), &json!("src/a.c")));
    assert_eq!((&row["component"]["ecosystem"], &row["component"]["purl"]), (&json!("object"), &json!("")));
    let detail = app.get(&format!("/api/v1/findings/{}", row["id"].as_str().unwrap()), &cookie).await.json();
    let said = &detail["reports"][0];
    assert_eq!((&said["scope"]["tool"], &said["rule"], &said["gone_at"]), (&json!("Lint"), &json!("B"), &Value::Null));
    let asset = app.get(&format!("/api/v1/assets/{}", import["asset"].as_str().unwrap()), &cookie).await.json();
    assert_eq!(
        (&asset["counts"]["p3"], &asset["tags"]),
        (&json!(1), &json!(["repository"])),
        "known without an inspection"
    );
    assert_eq!(asset["findings"].as_array().unwrap().len(), 2, "the one that is gone stays");
    assert_eq!(app.get("/api/v1/assets", &cookie).await.json()["assets"][0]["counts"]["p3"], 1);
    assert_eq!(app.get("/api/v1/status", &cookie).await.json()["counts"]["p3"], 1);
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
    let large = Request::post("/api/v1/imports?asset=shop").header(header::HOST, "localhost");
    let large = large.header(header::COOKIE, &cookie).body(Body::from(vec![b' '; (128 << 20) + 1])).unwrap();
    app.request(large).await.problem(StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(app.get("/api/v1/assets", &cookie).await.json()["total"], json!(0));
}
