//! Webhooks by the API: the secret is shown once, and nothing is led where it must not go.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::App;

const PATH: &str = "/api/v1/webhooks";

#[tokio::test]
async fn a_secret_is_shown_once() {
    let (app, cookie) = App::start_signed_in().await;
    let new = json!({ "url": "https://hooks.example/a?token=b", "kinds": ["finding.opened", "job.dead"], "filter": "tier:p0" });
    let added = app.post(PATH, &cookie, new).await.json();
    let secret = added["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44, "256 bits in Base64");
    let other = app.post(PATH, &cookie, json!({ "url": "https://hooks.example/" })).await.json();
    assert_ne!(other["secret"], added["secret"]);
    let listed = app.get(PATH, &cookie).await;
    assert!(!listed.text.contains("whsec_") && !listed.text.contains("secret"), "{}", listed.text);
    let listed = listed.json();
    // Both were made within one millisecond of the test's clock.
    let webhook = listed.as_array().unwrap().iter().find(|webhook| webhook["id"] == added["webhook"]["id"]).unwrap();
    assert_eq!(webhook, &added["webhook"]);
    assert_eq!(webhook["kinds"], json!(["finding.opened", "job.dead"]));
    assert_eq!((&webhook["filter"], &other["webhook"]["filter"]), (&json!("tier:P0"), &json!("")));
    assert_eq!((&webhook["delivered_at"], &webhook["last_error"]), (&Value::Null, &Value::Null));
    let kept = std::fs::read(app.data.path().join("vigie.db")).unwrap();
    let wal = std::fs::read(app.data.path().join("vigie.db-wal")).unwrap_or_default();
    let raw = secret.as_bytes();
    assert!(![kept, wal].iter().any(|bytes| bytes.windows(raw.len()).any(|part| part == raw)), "sealed at rest");
    let noted = app.changes().await.pop().unwrap();
    assert_eq!((noted.what.as_str(), noted.actor.as_str()), ("webhook.add", "anna"));
    for entry in app.changes().await {
        assert!(!entry.after.unwrap_or_default().contains("token"), "the address may hold a secret too");
    }
    let one = format!("{PATH}/{}", webhook["id"].as_str().unwrap());
    assert_eq!(app.send(Method::DELETE, &one, Some(&cookie), None).await.status, StatusCode::NO_CONTENT);
    app.send(Method::DELETE, &one, Some(&cookie), None).await.problem(StatusCode::NOT_FOUND);
    app.post(&format!("{one}/test"), &cookie, json!(null)).await.problem(StatusCode::NOT_FOUND);
    assert_eq!(app.get(PATH, &cookie).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_leads_into_the_own_network_is_refused() {
    let (app, cookie) = App::start_signed_in().await;
    for new in [
        json!({ "url": "https://127.0.0.1/" }),
        json!({ "url": "https://10.0.0.7/hook" }),
        json!({ "url": "https://[fe80::1]/" }),
        json!({ "url": "https://169.254.169.254/latest/meta-data" }),
        json!({ "url": "http://9.9.9.9/" }),
        json!({ "url": "file:///etc/passwd" }),
        json!({ "url": "https://anna:secret@hooks.example/" }),
        json!({ "url": "https://hooks.example/", "kinds": ["finding"] }),
        json!({ "url": "https://hooks.example/", "secret": "mine" }),
        json!({ "url": "https://hooks.example/", "filter": "tir:P0" }),
    ] {
        app.post(PATH, &cookie, new).await.problem(StatusCode::BAD_REQUEST);
    }
    let named = app.post(PATH, &cookie, json!({ "url": "https://localhost:1/" })).await.json();
    let test = format!("{PATH}/{}/test", named["webhook"]["id"].as_str().unwrap());
    let tested = app.post(&test, &cookie, json!(null)).await.json();
    assert_eq!(tested["delivered"], json!(false));
    assert!(tested["error"].as_str().unwrap().contains("--allow-destination"), "{tested}");
}
