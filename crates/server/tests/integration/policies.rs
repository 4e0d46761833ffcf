//! The policy by the API: read, tried, saved, and what is refused.

use axum::http::{Method, StatusCode};
use domain::priority::policy::Policy;
use serde_json::json;

use crate::app::App;

#[tokio::test]
async fn a_policy_is_tried_and_saved() {
    let (app, cookie) = App::start_signed_in().await;
    let built_in = app.get("/api/v1/policy", &cookie).await.json();
    assert_eq!((&built_in["version"], &built_in["text"]), (&json!(0), &json!(Policy::DEFAULT_TEXT)));
    let stricter = Policy::DEFAULT_TEXT.replacen("due_days = 90", "due_days = 45", 9);
    let tried = app.post("/api/v1/policy/simulate", &cookie, json!({ "text": stricter })).await.json();
    assert_eq!(tried["change_count"], json!(0), "nothing is known yet: {tried}");
    let new = json!({ "based_on": 0, "text": stricter, "note": "sooner" });
    let saved = app.send(Method::PUT, "/api/v1/policy", Some(&cookie), Some(new.clone())).await.json();
    assert_eq!(
        (&saved["version"], &saved["created_by"], &saved["note"]),
        (&json!(1), &json!("anna"), &json!("sooner"))
    );
    app.send(Method::PUT, "/api/v1/policy", Some(&cookie), Some(new)).await.problem(StatusCode::CONFLICT);
    assert_eq!(app.get("/api/v1/policy", &cookie).await.json()["text"], json!(stricter));
    let versions = app.get("/api/v1/policy/versions", &cookie).await.json();
    assert_eq!((versions.as_array().map(Vec::len), &versions[0]["version"]), (Some(1), &json!(1)));
    assert_eq!(app.get("/api/v1/policy/versions/1", &cookie).await.json()["text"], json!(stricter));
    app.get("/api/v1/policy/versions/2", &cookie).await.problem(StatusCode::NOT_FOUND);
    let packs = app.get("/api/v1/policy/packs", &cookie).await.json();
    assert_eq!(packs[1]["rules"][0]["when"], json!("bod:3d,3d_triage"), "{packs}");
}

#[tokio::test]
async fn what_is_no_policy_leaves_the_one_in_use() {
    let (app, cookie) = App::start_signed_in().await;
    let wrong = Policy::DEFAULT_TEXT.replacen("bod:60d", "bod:60", 1);
    let new = json!({ "based_on": 0, "text": wrong });
    let refused = app.send(Method::PUT, "/api/v1/policy", Some(&cookie), Some(new)).await;
    let problem = refused.problem(StatusCode::BAD_REQUEST);
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("did you mean \"60d\"?")), "{problem}");
    app.post("/api/v1/policy/simulate", &cookie, json!({ "text": wrong })).await.problem(StatusCode::BAD_REQUEST);
    assert_eq!(app.get("/api/v1/policy", &cookie).await.json()["version"], json!(0));
    app.send(Method::GET, "/api/v1/policy", None, None).await.problem(StatusCode::UNAUTHORIZED);
}
