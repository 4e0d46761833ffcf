//! The queue, a finding, a vulnerability, an action: over findings that real knowledge found in a real inventory.

use axum::http::StatusCode;
use domain::asset::Retired;
use domain::retirement::Ending;
use engine::ingest::{self, Quiet, SyncOptions};
use outside::{ClientOptions, NeverTouch, Source};
use serde_json::{Value, json};
use store::inspection::NewInspection;
use testkit::mirror::TestMirror;

use crate::app::App;

/// What is installed on the asset: most of what the test mirror writes about.
const INSTALLED: [(&str, &str); 4] =
    [("vigie-demo-web", "1.0-1"), ("vigie-demo-lib", "3.0-1"), ("vigie-demo-old", "0.9-1"), ("vigie-demo-db", "2.0-1")];

const HOSTILE: &str = "</script><script>alert(1)</script>";

/// An asset whose inventory was read before there was any knowledge; the knowledge that came after found its flaws.
async fn inspected(app: &App, cookie: &str) -> String {
    let new = json!({ "way": "ssh://root@192.0.2.7", "name": HOSTILE });
    let id = app.post("/api/v1/assets", cookie, new).await.json()["id"].as_str().unwrap().to_owned();
    let root = tempfile::tempdir().unwrap();
    let (etc, dpkg) = (root.path().join("etc"), root.path().join("var/lib/dpkg"));
    std::fs::create_dir_all(&etc).unwrap();
    std::fs::create_dir_all(&dpkg).unwrap();
    std::fs::write(etc.join("os-release"), "ID=debian\nPRETTY_NAME=\"Debian 12\"\nVERSION_CODENAME=bookworm\n")
        .unwrap();
    let paragraph = |(name, version): &(&str, &str)| {
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n")
    };
    std::fs::write(dpkg.join("status"), INSTALLED.iter().map(paragraph).collect::<String>()).unwrap();
    let inventory = engine::inspect::root(root.path()).unwrap();
    let engine = &app.engine;
    let mut tx = engine.db.begin().await.unwrap();
    let inspection = NewInspection {
        record: None,
        asset: id.parse().unwrap(),
        inventory: &inventory,
        undecided: &[],
        knowledge: "",
        way: None,
        observed_at: engine.now(),
        recorded_at: engine.now(),
    };
    store::inspection::record(&mut tx, &inspection).await.unwrap();
    tx.commit().await.unwrap();
    let mirror = app.data.path().join("mirror");
    TestMirror::demo("2024-01-13T06:00:00Z", &["bookworm"]).write(&mirror).unwrap();
    let source =
        Source::mirror(&mirror.display().to_string(), ClientOptions::default(), NeverTouch::default()).await.unwrap();
    let options = SyncOptions {
        data_dir: engine.data_dir.clone(),
        source,
        only: None,
        accept_loss: Vec::new(),
        now: engine.now(),
        provider_time: ingest::PROVIDER_TIME,
    };
    ingest::sync(&options, &Quiet).await.unwrap();
    assert_eq!(engine.rematch().await.unwrap(), 1);
    id
}

fn names(page: &Value) -> Vec<String> {
    let findings = page["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["vulnerability"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_of_the_queue_make_the_whole_queue() {
    let (app, cookie) = App::start_signed_in().await;
    inspected(&app, &cookie).await;
    let whole = app.get("/api/v1/priorities?limit=500", &cookie).await.json();
    let all = names(&whole);
    assert_eq!(all.first().map(String::as_str), Some("CVE-2099-10001"), "exploited, and reachable: {all:?}");
    assert_eq!((whole["total"].as_u64(), whole["next_cursor"].is_null()), (Some(all.len() as u64), true));
    let (mut read, mut query) = (Vec::new(), "limit=3".to_owned());
    loop {
        let page = app.get(&format!("/api/v1/priorities?{query}"), &cookie).await.json();
        assert_eq!(page["total"], whole["total"]);
        read.extend(names(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=3&cursor={cursor}");
    }
    assert_eq!(read, all);
}

#[tokio::test]
async fn filters_keep_what_they_say() {
    let (app, cookie) = App::start_signed_in().await;
    let asset = inspected(&app, &cookie).await;
    let total =
        async |query: &str| app.get(&format!("/api/v1/priorities?{query}"), &cookie).await.json()["total"].clone();
    let all = total("").await;
    assert_eq!(total(&format!("asset={asset}")).await, all);
    assert_eq!(total("vulnerability=CVE-2099-10001").await, 1);
    assert_eq!(total("text=VIGIE-DEMO-WEB").await, 2);
    assert_eq!(total("text=nothing-like-it").await, 0);
    assert_eq!(total("asset=00000000-0000-0000-0000-000000000001").await, 0);
    let scope = json!({ "name": "All of it", "names": ["*script*"] });
    assert_eq!(app.post("/api/v1/scopes", &cookie, scope).await.json()["asset_count"], 1);
    assert_eq!(total("scope=All%20of%20it").await, all);
    let mut by_tier = 0;
    for tier in ["P0", "P1", "P2", "P3", "P4"] {
        let page = app.get(&format!("/api/v1/priorities?tier={tier}&limit=500"), &cookie).await.json();
        assert!(page["findings"].as_array().unwrap().iter().all(|finding| finding["priority"] == tier));
        by_tier += page["total"].as_u64().unwrap();
    }
    assert_eq!(all, by_tier);
    let counts = app.get("/api/v1/status", &cookie).await.json()["counts"].clone();
    assert_eq!(counts.as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>(), by_tier);
}

#[tokio::test]
async fn findings_are_listed_by_any_filter_in_any_order() {
    let (app, cookie) = App::start_signed_in().await;
    inspected(&app, &cookie).await;
    let get = async |query: &str| app.get(&format!("/api/v1/findings{query}"), &cookie).await;
    let all = get("?limit=500").await.json();
    let total = all["total"].as_u64().unwrap();
    assert_eq!(get("?filter=package:vigie-demo-web").await.json()["total"], 2);
    assert_eq!(get("?filter=package:vigie-demo-web%20kev:yes").await.json()["total"], 1);
    assert_eq!(get("?filter=state:fixed,closed").await.json()["total"], 0);
    assert_eq!(get("?filter=kev:yes&text=nothing-like-it").await.json()["total"], 0, "both must hold");
    let (mut read, mut query) = (Vec::new(), "?sort=-epss&limit=2".to_owned());
    loop {
        let page = get(&query).await.json();
        read.extend(page["findings"].as_array().unwrap().iter().map(|finding| finding["epss"].as_f64()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        let other = get(&format!("?sort=epss&cursor={cursor}")).await.problem(StatusCode::BAD_REQUEST);
        assert!(other["detail"].as_str().unwrap().contains("another sort"), "{other}");
        query = format!("?sort=-epss&limit=2&cursor={cursor}");
    }
    assert_eq!(read.len() as u64, total);
    let known: Vec<f64> = read.iter().map_while(|epss| *epss).collect();
    assert!(known.len() > 1 && known.is_sorted_by(|a, b| a >= b), "{read:?}");
    assert!(read[known.len()..].iter().all(Option::is_none), "unknown is last: {read:?}");
    for (query, said) in [
        ("?filter=state:open%20tir:P0", "filter: at character 12: there is no field \"tir\"; did you mean \"tier\"?"),
        ("?sort=size", "sort: \"size\" is none of priority, score,"),
        ("?cursor=00", "cursor"),
        ("/groups?by=colour", "by: \"colour\" is none of tier, state,"),
        ("/facets?limit=501", "limit"),
    ] {
        let problem = get(query).await.problem(StatusCode::BAD_REQUEST);
        assert!(problem["detail"].as_str().unwrap().starts_with(said), "{problem}");
    }
}

#[tokio::test]
async fn counts_say_what_another_choice_would_bring() {
    let (app, cookie) = App::start_signed_in().await;
    let asset = inspected(&app, &cookie).await;
    let get = async |query: &str| app.get(&format!("/api/v1/findings{query}"), &cookie).await.json();
    let (all, urgent) = (get("/facets").await, get("/facets?filter=tier:P0").await);
    let total = get("").await["total"].clone();
    assert_eq!((&all["total"], &all["states"]["open"]), (&total, &total));
    assert_eq!(urgent["tiers"], all["tiers"]);
    assert_eq!(urgent["total"], all["tiers"]["p0"]);
    assert_eq!(all["os"], json!([{ "value": "debian bookworm", "finding_count": total }]));
    assert_eq!(all["scopes"], json!([{ "value": null, "finding_count": total }]));
    let first = &all["vulnerabilities"][0];
    assert_eq!((&first["vulnerability"], &first["asset_count"]), (&json!("CVE-2099-10001"), &json!(1)));
    let groups = get("/groups?by=asset").await;
    assert_eq!(groups["groups"], json!([{ "value": HOSTILE, "asset": asset, "finding_count": total }]));
    let packages = get("/groups?by=package&filter=kev:yes").await;
    assert_eq!(packages["groups"], json!([{ "value": "vigie-demo-web (debian bookworm)", "finding_count": 1 }]));
}

#[tokio::test]
async fn a_finding_has_its_reasons_and_its_history() {
    let (app, cookie) = App::start_signed_in().await;
    let asset = inspected(&app, &cookie).await;
    let page = app.get("/api/v1/priorities?limit=1", &cookie).await;
    assert_eq!(page.headers["content-type"], "application/json");
    let first = &page.json()["findings"][0];
    assert_eq!(first["asset"], json!({ "id": asset, "name": HOSTILE }));
    let detail = app.get(&format!("/api/v1/findings/{}", first["id"].as_str().unwrap()), &cookie).await.json();
    assert_eq!(detail["reasons"], first["reasons"]);
    assert!(!detail["reasons"].as_array().unwrap().is_empty());
    assert_eq!(detail["life"]["detection"], "open");
    assert_eq!(detail["events"][0]["fact"], "found at version 1.0-1");
    let nobody = "/api/v1/findings/00000000-0000-0000-0000-000000000001";
    app.get(nobody, &cookie).await.problem(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_vulnerability_says_what_is_known_and_where_it_is() {
    let (app, cookie) = App::start_signed_in().await;
    inspected(&app, &cookie).await;
    let known = app.get("/api/v1/vulnerabilities/CVE-2099-10001", &cookie).await.json();
    assert_eq!(known["kev"]["added"], "2024-01-08");
    assert_eq!(known["findings"].as_array().unwrap().len(), 1);
    assert_eq!(known["vectors"][0]["base"], 9.8);
    let unscored = app.get("/api/v1/vulnerabilities/CVE-2099-10010", &cookie).await.json();
    assert_eq!((&unscored["vectors"], &unscored["epss"], &unscored["kev"]), (&json!([]), &Value::Null, &Value::Null));
    assert_eq!(unscored["findings"][0]["cvss"], Value::Null);
    app.get("/api/v1/vulnerabilities/CVE-2099-99999", &cookie).await.problem(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_component_is_with_whoever_has_it() {
    let (app, cookie) = App::start_signed_in().await;
    let id = inspected(&app, &cookie).await;
    let held = app.get("/api/v1/components?name=vigie-demo-web", &cookie).await.json();
    let version = json!({ "ecosystem": "deb", "name": "vigie-demo-web", "version": "1.0-1", "source": "vigie-demo-web",
        "source_version": "1.0-1", "asset_count": 1 });
    assert_eq!(held, json!({ "versions": [version], "version_count": 1, "asset_count": 1 }));
    let nobody = json!({ "versions": [], "version_count": 0, "asset_count": 0 });
    for name in ["vigie-demo-elsewhere", "vigie-demo", "", "%00", "%25"] {
        assert_eq!(app.get(&format!("/api/v1/components?name={name}"), &cookie).await.json(), nobody, "{name}");
    }
    app.get("/api/v1/components", &cookie).await.problem(StatusCode::BAD_REQUEST);

    let mut tx = app.engine.db.begin().await.unwrap();
    let scrapped = Retired { ending: Ending::Gone, because: "scrapped".to_owned() };
    store::asset::retire(&mut tx, id.parse().unwrap(), &scrapped, app.engine.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(app.get("/api/v1/components?name=vigie-demo-web", &cookie).await.json(), nobody, "it is retired");
}

#[tokio::test]
async fn actions_close_what_they_say() {
    let (app, cookie) = App::start_signed_in().await;
    let asset = inspected(&app, &cookie).await;
    let actions = app.get("/api/v1/actions", &cookie).await.json();
    let first = &actions["actions"][0];
    assert_eq!((&first["package"], &first["fixed_version"]), (&json!("vigie-demo-web"), &json!("1.0-2")));
    assert_eq!((&first["ecosystem"], &first["release"]), (&json!("deb"), &json!("debian bookworm")));
    assert_eq!(
        (&first["finding_count"], &first["vulnerability_count"], &first["asset_count"]),
        (&json!(2), &json!(2), &json!(1))
    );
    assert_eq!(first["assets"][0]["id"], asset);
    let one = app.get("/api/v1/actions?limit=1", &cookie).await.json();
    assert_eq!((one["actions"].as_array().unwrap().len(), &one["total"]), (1, &actions["total"]));
    let none = app.get("/api/v1/actions?filter=package:vigie-demo-web%20tier:P4", &cookie).await.json();
    assert_eq!((&none["actions"], &none["total"]), (&json!([]), &json!(0)));
    app.get("/api/v1/actions?filter=nonsense:x", &cookie).await.problem(StatusCode::BAD_REQUEST);
    for path in ["/api/v1/actions?limit=0", "/api/v1/runs?limit=501", "/api/v1/runs?sort=x"] {
        app.get(path, &cookie).await.problem(StatusCode::BAD_REQUEST);
    }
    assert_eq!(app.get("/api/v1/runs", &cookie).await.json(), json!([]));
}

#[tokio::test]
async fn an_asset_shows_its_findings_and_feeds_their_state() {
    let (app, cookie) = App::start_signed_in().await;
    let asset = inspected(&app, &cookie).await;
    let detail = app.get(&format!("/api/v1/assets/{asset}"), &cookie).await.json();
    assert_eq!(detail["scanned"]["component_count"], INSTALLED.len());
    assert_eq!(detail["scanned"]["reboot_required"], Value::Null, "nothing ran there");
    let total = app.get("/api/v1/priorities", &cookie).await.json()["total"].clone();
    assert_eq!(detail["findings"].as_array().unwrap().len() as u64, total);
    let feeds = app.get("/api/v1/feeds", &cookie).await.json();
    let state = |id: &str| feeds.as_array().unwrap().iter().find(|feed| feed["id"] == id).unwrap()["state"].clone();
    assert!(testkit::mirror::published().all(|feed| state(feed.id) == "fresh"), "{feeds}");
}

#[tokio::test]
async fn an_inspection_that_fails_says_why_and_leaves_the_asset_unknown() {
    let (app, cookie) = App::start_signed_in().await;
    // Nothing listens there, and no packet leaves the machine.
    let new = json!({ "way": "ssh://root@127.0.0.1:1", "name": "closed" });
    let id = app.post("/api/v1/assets", &cookie, new).await.json()["id"].as_str().unwrap().to_owned();
    let answer = app.post(&format!("/api/v1/assets/{id}/inspect"), &cookie, json!({})).await;
    let problem = answer.problem(StatusCode::BAD_GATEWAY);
    assert!(problem["detail"].as_str().unwrap().contains("inspect closed"), "{problem}");
    let detail = app.get(&format!("/api/v1/assets/{id}"), &cookie).await.json();
    assert!(detail["last_error"].is_string() && detail["counts"].is_null(), "{detail}");
    let noted: Vec<String> = app.changes().await.into_iter().map(|entry| entry.what).collect();
    assert_eq!(noted, ["user.add", "session.start", "asset.add", "asset.inspect"]);
}
