//! Who assets are: records, and people's word, by the API.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::App;

async fn add(app: &App, cookie: &str, way: &str) -> String {
    let added = app.post("/api/v1/assets", cookie, json!({ "way": way })).await.json();
    added["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn assets_are_joined_and_parted_by_people() {
    let (app, cookie) = App::start_signed_in().await;
    let (one, two) =
        (add(&app, &cookie, "ssh://root@one.example").await, add(&app, &cookie, "ssh://root@two.example").await);
    let records = format!("/api/v1/assets/{one}/records");
    let known = app.get(&records, &cookie).await.json();
    assert_eq!((&known[0]["id"], &known[0]["source"]), (&json!(one), &json!("operator")), "{known}");
    let way = &known[0]["identifiers"][0];
    assert_eq!((&way["kind"], &way["value"]), (&json!("way"), &json!("ssh://root@one.example:22")));

    let (older, newer) = if one < two { (&one, &two) } else { (&two, &one) };
    let merged = app.post(&format!("/api/v1/assets/{one}/merge"), &cookie, json!({ "other": two })).await.json();
    assert_eq!(merged, json!({ "merged": [{ "asset": newer, "other": older }], "split": [] }));
    let all = app.get("/api/v1/assets", &cookie).await.json();
    let living = |all: &Value| -> Vec<String> {
        let rows = all["assets"].as_array().unwrap().iter();
        rows.filter(|row| row["retired_at"].is_null()).map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(living(&all), std::slice::from_ref(older));
    let former = app.get(&format!("/api/v1/assets/{newer}"), &cookie).await.json();
    assert_eq!(former["id"], json!(older), "its address leads to what it is now");

    let split = format!("/api/v1/assets/{older}/split");
    let parted = app.post(&split, &cookie, json!({ "records": [newer] })).await.json();
    assert_eq!(parted, json!({ "merged": [], "split": [{ "asset": newer, "other": older }] }));
    assert_eq!(living(&app.get("/api/v1/assets", &cookie).await.json()).len(), 2);
    assert_eq!(app.get("/api/v1/asset-cases", &cookie).await.json(), json!([]));
    let noted: Vec<String> = app.changes().await.into_iter().map(|entry| entry.what).collect();
    for what in ["asset.merge", "asset.split"] {
        assert!(noted.iter().any(|noted| noted == what), "{noted:?}");
    }
}

#[tokio::test]
async fn people_say_that_an_asset_is_gone() {
    let (app, cookie) = App::start_signed_in().await;
    let one = add(&app, &cookie, "ssh://root@one.example").await;
    let retire = format!("/api/v1/assets/{one}/retire");
    let control = json!({ "because": "a\u{7}b" });
    app.post(&retire, &cookie, control).await.problem(StatusCode::BAD_REQUEST);
    app.send(Method::POST, &retire, None, Some(json!({}))).await.problem(StatusCode::UNAUTHORIZED);
    let gone = app.post(&retire, &cookie, json!({ "because": "scrapped" })).await.json();
    assert_eq!((&gone["retired_as"], &gone["retired_because"]), (&json!("gone"), &json!("scrapped")), "{gone}");
    assert!(gone["retired_at"].is_string() && gone["unreachable_since"].is_null(), "{gone}");
    let listed = app.get("/api/v1/assets", &cookie).await.json();
    assert_eq!(listed["assets"][0]["retired_as"], json!("gone"), "the list says so, too");
    let again = app.post(&retire, &cookie, json!({})).await.problem(StatusCode::BAD_REQUEST);
    assert!(again["detail"].as_str().unwrap().contains("is retired already"), "{again}");
    let nobody = "00000000-0000-7000-8000-000000000000";
    app.post(&format!("/api/v1/assets/{nobody}/retire"), &cookie, json!({})).await.problem(StatusCode::NOT_FOUND);
    let noted: Vec<String> = app.changes().await.into_iter().map(|entry| entry.what).collect();
    assert_eq!(noted.iter().filter(|what| *what == "asset.retire").count(), 1, "{noted:?}");
    assert_eq!(add(&app, &cookie, "ssh://root@one.example").await, one, "whoever adds it again brings it back");
}

#[tokio::test]
async fn what_cannot_be_joined_or_parted_is_refused() {
    let (app, cookie) = App::start_signed_in().await;
    let one = add(&app, &cookie, "ssh://root@one.example").await;
    let (merge, split) = (format!("/api/v1/assets/{one}/merge"), format!("/api/v1/assets/{one}/split"));
    app.post(&merge, &cookie, json!({ "other": one })).await.problem(StatusCode::BAD_REQUEST);
    app.post(&merge, &cookie, json!({ "other": "nobody" })).await.problem(StatusCode::NOT_FOUND);
    let nobody = "00000000-0000-7000-8000-000000000000";
    app.post(&merge, &cookie, json!({ "other": nobody })).await.problem(StatusCode::NOT_FOUND);
    app.post(&split, &cookie, json!({ "records": [] })).await.problem(StatusCode::BAD_REQUEST);
    app.post(&split, &cookie, json!({ "records": [one] })).await.problem(StatusCode::BAD_REQUEST);
    app.get(&format!("/api/v1/assets/{nobody}/records"), &cookie).await.problem(StatusCode::NOT_FOUND);
    let unknown = app.send(Method::POST, &merge, None, Some(json!({ "other": one }))).await;
    unknown.problem(StatusCode::UNAUTHORIZED);
}
