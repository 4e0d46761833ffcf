//! Reading and writing, one request that is answered and one that is refused for each noun.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use domain::component::Component;
use domain::ids::{AssetId, ViewId};
use domain::inventory::{Inventory, Platform};
use domain::view::View;
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
async fn an_inventory_is_read_as_of_any_day_and_by_pages() {
    let (app, cookie) = App::start_signed_in().await;
    let new = json!({ "way": "ssh://root@192.0.2.7", "name": "web" });
    let added = app.post("/api/v1/assets", &cookie, new).await.json();
    let id: AssetId = added["id"].as_str().unwrap().parse().unwrap();
    let asset = store::asset::get(&app.engine.db, id).await.unwrap().unwrap();
    for (at, versions) in [("2024-01-01T00:00:00Z", ["1", "1", "1"]), ("2024-01-05T00:00:00Z", ["1", "2", "1"])] {
        let component = |(index, version): (usize, &&str)| {
            let (name, version) = (format!("p{index}"), (*version).to_owned());
            Arc::new(Component { source: name.clone(), name, version, ..Component::default() })
        };
        let platform = Platform { name: "Debian".to_owned(), release: None, architecture: None };
        let components = Some(versions.iter().enumerate().map(component).collect());
        let inventory = Inventory { components, ..Inventory::of(platform) };
        app.engine.keep(&asset, &inventory, at.parse().unwrap(), None).await.unwrap();
    }
    let path = |query: &str| format!("/api/v1/assets/{id}/inventory?{query}");
    let versions = |page: &Value| -> Vec<String> {
        let all = page["components"].as_array().unwrap();
        all.iter()
            .map(|row| format!("{} {}", row["name"].as_str().unwrap(), row["version"].as_str().unwrap()))
            .collect()
    };
    let then = app.get(&path("at=2024-01-04"), &cookie).await.json();
    assert_eq!((&then["observed_at"], &then["total"]), (&json!("2024-01-01T00:00:00Z"), &json!(3)));
    assert_eq!(versions(&then), ["p0 1", "p1 1", "p2 1"]);
    let first = app.get(&path("limit=2"), &cookie).await.json();
    assert_eq!(versions(&first), ["p0 1", "p1 2"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let last = app.get(&path(&format!("limit=2&cursor={cursor}")), &cookie).await.json();
    assert_eq!((versions(&last), &last["next_cursor"]), (vec!["p2 1".to_owned()], &Value::Null));
    let changed = app.get(&path("since=2024-01-02"), &cookie).await.json();
    assert_eq!(changed["total"], 1);
    let row = &changed["components"][0];
    assert_eq!(
        (&row["change"], &row["version_before"], &row["version"]),
        (&json!("changed"), &json!("1"), &json!("2"))
    );
    for bad in ["at=yesterday", "since=2023-01-01", "at=2024-01-02&since=2024-01-03", "limit=0", "cursor=zz"] {
        app.get(&path(bad), &cookie).await.problem(StatusCode::BAD_REQUEST);
    }
    let moved = format!("at=2024-01-04&cursor={cursor}");
    app.get(&path(&moved), &cookie).await.problem(StatusCode::BAD_REQUEST);
    app.get(&path("at=2023-12-31"), &cookie).await.problem(StatusCode::NOT_FOUND);
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
    for query in ["limit=0", "limit=501", "cursor=zz", "cursor=", "sort=tier"] {
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
async fn assets_are_listed_by_filter_and_in_any_order() {
    let (app, cookie) = App::start_signed_in().await;
    for (name, tag) in [("web-1", "prod"), ("web-2", "prod"), ("db-1", "prod"), ("web-3", "lab")] {
        let new = json!({ "way": format!("ssh://root@{name}.example"), "name": name, "tags": [tag] });
        app.post("/api/v1/assets", &cookie, new).await.json();
    }
    let names = |page: &Value| -> Vec<String> {
        page["assets"].as_array().unwrap().iter().map(|asset| asset["name"].as_str().unwrap().to_owned()).collect()
    };
    let path = "/api/v1/assets?filter=asset:web*%20tag:prod&sort=-name&limit=1";
    let first = app.get(path, &cookie).await.json();
    assert_eq!((names(&first), &first["total"]), (vec!["web-2".to_owned()], &json!(2)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let last = app.get(&format!("{path}&cursor={cursor}"), &cookie).await.json();
    assert_eq!((names(&last), &last["next_cursor"]), (vec!["web-1".to_owned()], &Value::Null));
    // Nobody knows how many findings there are, and each is there once all the same.
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/api/v1/assets?sort=-findings&limit=3{next}"), &cookie).await.json();
        found.extend(names(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    found.sort();
    assert_eq!(found, ["db-1", "web-1", "web-2", "web-3"]);
    for bad in ["filter=kev:yes", "filter=tag:", "sort=tier", "cursor=zz"] {
        app.get(&format!("/api/v1/assets?{bad}"), &cookie).await.problem(StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn views_are_saved_used_and_removed() {
    let (app, cookie) = App::start_signed_in().await;
    let new = json!({ "name": "Urgent", "filter": "TIER:p0 and not tag:lab", "sort": "-epss", "shared": true });
    let added = app.post("/api/v1/views", &cookie, new.clone()).await.json();
    assert_eq!((&added["filter"], &added["owner"]), (&json!("tier:P0 not tag:lab"), &json!("anna")));
    assert_eq!(app.get("/api/v1/views", &cookie).await.json(), json!([added]));
    app.post("/api/v1/views", &cookie, new).await.problem(StatusCode::CONFLICT);
    let other = json!({ "name": "All" });
    let other = app.post("/api/v1/views", &cookie, other).await.json();
    assert_eq!((&other["filter"], &other["sort"]), (&json!("everything"), &json!("priority")));
    let path =
        format!("/api/v1/findings?filter={}&sort={}", "tier:P0%20not%20tag:lab", added["sort"].as_str().unwrap());
    assert_eq!(app.get(&path, &cookie).await.status, StatusCode::OK);
    for bad in [
        json!({ "name": "x", "filter": "tir:P0" }),
        json!({ "name": "x", "sort": "name" }),
        json!({ "name": " " }),
        json!({ "name": "x\u{1b}" }),
        json!({ "name": "x".repeat(201) }),
        json!({ "name": "x", "owner": "bob" }),
    ] {
        app.post("/api/v1/views", &cookie, bad).await.problem(StatusCode::BAD_REQUEST);
    }
    // Another one's view that is not shared is as if it were not there; what cannot be read any more says so.
    let mut tx = app.engine.db.acting_as("bob").begin().await.unwrap();
    let new = engine::views::NewView { name: "Mine".to_owned(), ..Default::default() };
    let hidden = app.engine.add_view(&mut tx, &new).await.unwrap();
    let broken = View {
        id: ViewId::from_uuid(uuid::Uuid::from_u128(9)),
        filter: "tir:P0".to_owned(),
        shared: true,
        ..hidden.clone()
    };
    store::view::add(&mut tx, &View { name: "Old".to_owned(), ..broken }).await.unwrap();
    tx.commit().await.unwrap();
    let listed = app.get("/api/v1/views", &cookie).await.json();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|view| view["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["All", "Old", "Urgent"]);
    assert!(listed[1]["error"].as_str().unwrap().contains("there is no field \"tir\""), "{listed}");
    let one = |id: &str| format!("/api/v1/views/{id}");
    for (id, status) in [(hidden.id.to_string(), StatusCode::NOT_FOUND), ("x".to_owned(), StatusCode::NOT_FOUND)] {
        app.send(Method::DELETE, &one(&id), Some(&cookie), None).await.problem(status);
    }
    let id = one(added["id"].as_str().unwrap());
    assert_eq!(app.send(Method::DELETE, &id, Some(&cookie), None).await.status, StatusCode::NO_CONTENT);
    app.send(Method::DELETE, &id, Some(&cookie), None).await.problem(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_scope_may_be_selected_by_a_filter() {
    let (app, cookie) = App::start_signed_in().await;
    for (host, tags) in [("192.0.2.7", json!(["prod"])), ("192.0.2.8", json!(["lab"]))] {
        let new = json!({ "way": format!("ssh://root@{host}"), "name": format!("web-{host}"), "tags": tags });
        app.post("/api/v1/assets", &cookie, new).await.json();
    }
    let scope = json!({ "name": "Shop", "filter": "name:web-* not tag:lab" });
    app.post("/api/v1/scopes", &cookie, scope).await.json();
    let kept = &app.get("/api/v1/scopes", &cookie).await.json()[0];
    assert_eq!((&kept["filter"], &kept["asset_count"]), (&json!("asset:web-* not tag:lab"), &json!(1)));
    for bad in ["kev:yes", "scope:Shop", "tag:", "web"] {
        let refused = app.post("/api/v1/scopes", &cookie, json!({ "name": "x", "filter": bad })).await;
        let problem = refused.problem(StatusCode::BAD_REQUEST);
        assert!(problem["detail"].as_str().unwrap().starts_with("filter: at character "), "{problem}");
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
