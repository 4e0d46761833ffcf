//! Scanner nodes as people see them: who may ask, and what is said of those that say nothing.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use domain::ids::{NodeId, ScopeId};
use domain::node::Node;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::SecretString;
use store::seal::node::NodeKey;

use crate::app::{Answer, App};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

async fn scope(app: &App, cookie: &str, name: &str) -> ScopeId {
    let answer = app.post("/api/v1/scopes", cookie, json!({ "name": name, "cidrs": ["192.0.2.0/24"] })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    store::scope::find_by_name(&app.engine.db, name).await.unwrap().unwrap().id
}

/// Registers a node, whose token is its name.
async fn register(app: &App, name: &str, scope: ScopeId) -> Node {
    let now = app.engine.now();
    let node = Node {
        id: NodeId::from_uuid(store::new_id(now)),
        name: name.to_owned(),
        scope,
        public_key: None,
        version: None,
        created_at: now,
        last_seen_at: None,
        removed_at: None,
    };
    let mut tx = app.engine.db.begin().await.unwrap();
    store::node::add(&mut tx, &node, &SecretString::from(name.to_owned())).await.unwrap();
    tx.commit().await.unwrap();
    node
}

async fn ask_as_node(app: &App, token: &str, request: axum::http::request::Builder, body: Value) -> Answer {
    let request = request
        .header(header::HOST, "127.0.0.1:8787")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json");
    app.request(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn hello(app: &App, token: &str, version: &str) {
    let key = NodeKey::load_or_create(&app.data.path().join(format!("{token}.key"))).unwrap();
    let hello = json!({ "public_key": key.public().to_string(), "version": version });
    let answer = ask_as_node(app, token, Request::post("/api/v1/node/hello"), hello).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

/// Name, whether it is silent, whether its scope waits, and whether it was removed.
async fn nodes(app: &App, cookie: &str) -> Vec<(String, bool, bool, bool)> {
    let listed = app.get("/api/v1/nodes", cookie).await.json();
    let node = |node: &Value| {
        let is = |field: &str| !node[field].is_null();
        (
            node["name"].as_str().unwrap().to_owned(),
            is("silent_since"),
            node["scope_waits"].as_bool().unwrap(),
            is("removed_at"),
        )
    };
    listed["nodes"].as_array().unwrap().iter().map(node).collect()
}

async fn silence(app: &App, cookie: &str) -> (u64, Vec<String>) {
    let status = app.get("/api/v1/status", cookie).await.json();
    let warnings = status["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap().to_owned());
    (status["silent_node_count"].as_u64().unwrap(), warnings.filter(|text| text.contains("scanner node")).collect())
}

#[tokio::test]
async fn nodes_are_told_to_people_and_not_to_nodes() {
    let (app, cookie) = App::start_signed_in().await;
    assert_eq!(app.get("/api/v1/nodes", &cookie).await.json()["nodes"], json!([]));
    let branch = scope(&app, &cookie, "branch").await;
    register(&app, "branch1", branch).await;
    hello(&app, "branch1", "1.2.3\n").await;
    let listed = app.get("/api/v1/nodes", &cookie).await;
    let node = &listed.json()["nodes"][0];
    assert_eq!((&node["name"], &node["scope"]), (&json!("branch1"), &json!("branch")), "{node}");
    assert_eq!((&node["version"], &node["last_seen_at"]), (&json!("1.2.3"), &json!(app.engine.now().to_string())));
    assert!(!listed.text.contains("token"), "{}", listed.text);
    ask_as_node(&app, "branch1", Request::get("/api/v1/nodes"), Value::Null).await.problem(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_node_that_says_nothing_is_a_warning_until_it_is_back_or_removed() {
    let (app, cookie) = App::start_signed_in().await;
    let branch = scope(&app, &cookie, "branch").await;
    let first = register(&app, "branch1", branch).await;
    hello(&app, "branch1", "1").await;
    let seen = app.engine.now();
    app.pass(MINUTE * 15);
    assert_eq!(silence(&app, &cookie).await, (0, Vec::new()));
    app.pass(MINUTE);
    let expected = format!(
        "The scanner node branch1 has said nothing since {seen:.0}: the assets of its scope branch are not inspected."
    );
    assert_eq!(silence(&app, &cookie).await, (1, vec![expected]));
    assert_eq!(nodes(&app, &cookie).await, [("branch1".to_owned(), true, true, false)]);

    // Another one does its work, and what has never come is told as that.
    register(&app, "branch2", branch).await;
    let (count, warnings) = silence(&app, &cookie).await;
    assert_eq!(count, 1);
    assert!(warnings[0].ends_with("the other nodes of its scope branch do its work."), "{warnings:?}");
    app.pass(MINUTE * 16);
    let (count, warnings) = silence(&app, &cookie).await;
    assert_eq!(count, 2);
    assert!(warnings[1].contains("branch2 was added at") && warnings[1].contains("has never come"), "{warnings:?}");

    hello(&app, "branch2", "1").await;
    let mut tx = app.engine.db.begin().await.unwrap();
    store::node::remove(&mut tx, &first, app.engine.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(silence(&app, &cookie).await, (0, Vec::new()));
    let expected = [("branch1".to_owned(), false, false, true), ("branch2".to_owned(), false, false, false)];
    assert_eq!(nodes(&app, &cookie).await, expected);
}

#[tokio::test]
async fn many_silent_nodes_are_few_warnings() {
    let (app, cookie) = App::start_signed_in().await;
    let branch = scope(&app, &cookie, "branch").await;
    for number in 0..7 {
        register(&app, &format!("branch{number}"), branch).await;
    }
    app.pass(MINUTE * 16);
    let (count, warnings) = silence(&app, &cookie).await;
    assert_eq!((count, warnings.len()), (7, 6));
    assert_eq!(warnings[5], "2 other scanner nodes are silent too: `vigie node list` names them.");
}

#[tokio::test]
async fn a_node_seen_by_a_clock_that_was_ahead_is_noted_anew() {
    let (app, cookie) = App::start_signed_in().await;
    let branch = scope(&app, &cookie, "branch").await;
    register(&app, "branch1", branch).await;
    app.pass(MINUTE * 600);
    hello(&app, "branch1", "1").await;
    app.pass(MINUTE * -500);
    assert_eq!(silence(&app, &cookie).await.0, 1, "nobody knows when it was there");
    ask_as_node(&app, "branch1", Request::post("/api/v1/node/claim"), Value::Null).await;
    assert_eq!(silence(&app, &cookie).await.0, 0);
}
