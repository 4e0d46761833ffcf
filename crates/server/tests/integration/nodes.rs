//! Scanner nodes at the API: their own gate, sealed errands, bounded posts, lost leases.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use domain::ids::{JobId, NodeId};
use domain::inventory::{Inventory, Platform};
use domain::node::Node;
use domain::retirement::Tries;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::queue::{self, JobState, Listing};
use store::seal::node::{NodeKey, bound};
use store::{ExposeSecret as _, SecretString};

use crate::app::{Answer, App};

struct Branch {
    app: App,
    cookie: String,
    token: String,
    node: Node,
    key: NodeKey,
}

const HOST: &str = "192.0.2.7";

impl Branch {
    /// A scope with one host, and one node that has said hello.
    async fn start() -> Self {
        let (app, cookie) = App::start_signed_in().await;
        let post = async |path: &str, body: Value| {
            let answer = app.post(path, &cookie, body).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            answer.json()
        };
        post("/api/v1/scopes", json!({ "name": "branch", "cidrs": ["192.0.2.0/24"] })).await;
        let credential = json!({ "name": "fleet", "kind": "password", "user": "root", "secret": "geheim",
            "destinations": ["192.0.2.0/24"] });
        post("/api/v1/credentials", credential).await;
        let scope = store::scope::find_by_name(&app.engine.db, "branch").await.unwrap().unwrap();
        let node = Node {
            id: NodeId::from_uuid(store::new_id(app.engine.now())),
            name: "branch 1".to_owned(),
            scope: scope.id,
            public_key: None,
            version: None,
            created_at: app.engine.now(),
            last_seen_at: None,
            removed_at: None,
        };
        let token = "ab".repeat(32);
        let mut tx = app.engine.db.begin().await.unwrap();
        store::node::add(&mut tx, &node, &SecretString::from(token.clone())).await.unwrap();
        tx.commit().await.unwrap();
        let key = NodeKey::load_or_create(&app.data.path().join("node.key")).unwrap();
        let branch = Self { app, cookie, token, node, key };
        branch
            .app
            .post(
                "/api/v1/assets",
                &branch.cookie,
                json!({
                    "way": format!("ssh://root@{HOST}:2222"), "name": "till", "credential": "fleet",
                }),
            )
            .await;
        branch
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_as(&self.token, path, body).await
    }

    async fn post_as(&self, token: &str, path: &str, body: Value) -> Answer {
        let request = Request::post(format!("/api/v1/node/{path}"))
            .header(header::HOST, "127.0.0.1:8787")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json");
        self.app.request(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn hello(&self) -> Answer {
        let hello = json!({ "public_key": self.key.public().to_string(), "version": "1" });
        self.post("hello", hello).await
    }

    /// Claims the one inspection that is due.
    async fn claim(&self) -> Value {
        let answer = self.post("claim", json!(null)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }

    async fn job(&self) -> queue::Job {
        let all = Listing { states: &JobState::ALL, kind: Some("inspect"), before: None, limit: 10 };
        queue::list(&self.app.engine.db, all).await.unwrap().remove(0)
    }
}

fn inventory() -> Inventory {
    let platform = Platform { name: "Debian".to_owned(), release: None, architecture: None };
    Inventory { components: Some(Vec::new()), ..Inventory::of(platform) }
}

fn ended(errand: &Value, how: Value) -> (String, Value) {
    let path = format!("jobs/{}/end", errand["job"].as_str().unwrap());
    (path, json!({ "attempt": errand["attempt"], "how": how }))
}

#[tokio::test]
async fn an_errand_goes_out_sealed_and_comes_back_whole() {
    let branch = Branch::start().await;
    branch.post("claim", json!(null)).await.problem(StatusCode::BAD_REQUEST);
    let welcome = branch.hello().await.json();
    assert_eq!((&welcome["name"], &welcome["lease_seconds"]), (&json!("branch 1"), &json!(60)), "{welcome}");
    assert_eq!(branch.post("claim", json!(null)).await.status, StatusCode::NO_CONTENT, "nothing is due");
    assert_eq!(branch.app.engine.enqueue_due().await.unwrap(), 1);
    let errand = branch.claim().await;
    assert!(!errand.to_string().contains("geheim"));
    let hop = &errand["hops"][0];
    assert_eq!((&hop["host"], &hop["port"], &hop["host_key"]), (&json!(HOST), &json!(2222), &Value::Null));
    let job: JobId = errand["job"].as_str().unwrap().parse().unwrap();
    let sealed = hex::decode(hop["secret"].as_str().unwrap()).unwrap();
    let open = |login: &str| branch.key.open(&sealed, &bound(job, 1, login, "secret"));
    assert_eq!(open(&format!("root@{HOST}:2222")).unwrap().expose_secret(), "geheim");
    assert!(open("root@192.0.2.8:2222").is_err(), "for this host only");
    assert_eq!(branch.job().await.holder.unwrap(), branch.node.holder());

    // A new host key is pinned on the way of the job, and nowhere else.
    let seen = |destination: &str, key: &str| json!({ "attempt": 1, "destination": destination, "key": key });
    let pin = format!("jobs/{job}/host-key");
    for (destination, key) in
        [("192.0.2.8:2222", "ssh-ed25519 SHA256:x"), (&format!("{HOST}:2222"), "x"), (HOST, "ssh-ed25519 SHA256:x")]
    {
        branch.post(&pin, seen(destination, key)).await.problem(StatusCode::BAD_REQUEST);
    }
    let answer = branch.post(&pin, seen(&format!("{HOST}:2222"), "ssh-ed25519 SHA256:x")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    branch.post(&pin, seen(&format!("{HOST}:2222"), "ssh-ed25519 SHA256:y")).await.problem(StatusCode::CONFLICT);

    let beat = format!("jobs/{job}/heartbeat");
    let heard = branch.post(&beat, json!({ "attempt": 1, "text": "reading" })).await.json();
    assert_eq!(heard, json!({ "cancel": false }));
    assert_eq!(branch.job().await.progress.text, "reading");

    let (path, body) = ended(&errand, json!({ "inventory": inventory() }));
    assert_eq!(branch.post(&path, body.clone()).await.status, StatusCode::NO_CONTENT);
    let asset = store::asset::find_by_name(&branch.app.engine.db, "till").await.unwrap().unwrap();
    assert_eq!(asset.last_inspected_at, Some(branch.app.engine.now()));
    assert_eq!(branch.job().await.state, JobState::Done);
    branch.post(&path, body).await.problem(StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_a_node_lost_is_not_kept() {
    let branch = Branch::start().await;
    branch.hello().await;
    branch.app.engine.enqueue_due().await.unwrap();
    let first = branch.claim().await;
    branch.app.pass(SignedDuration::from_mins(2));
    let second = branch.claim().await;
    assert_eq!((&second["job"], &second["attempt"]), (&first["job"], &json!(2)), "its lease has ended");
    for how in [json!({ "inventory": inventory() }), json!({ "failed": "no route" }), json!("stopped")] {
        let (path, body) = ended(&first, how);
        branch.post(&path, body).await.problem(StatusCode::CONFLICT);
    }
    let asset = async || store::asset::find_by_name(&branch.app.engine.db, "till").await.unwrap().unwrap();
    assert_eq!((asset().await.last_inspected_at, asset().await.last_error), (None, None));

    let (path, mut body) = ended(&second, json!({ "failed": "no route\u{7}" }));
    body["answered"] = json!(false);
    assert_eq!(branch.post(&path, body).await.status, StatusCode::NO_CONTENT);
    let error = asset().await.last_error.unwrap();
    assert!(error.contains("branch 1") && error.ends_with("no route"), "{error}");
    assert_eq!(branch.job().await.state, JobState::Ready, "tried again later");
    let known = store::contact::of_asset(&branch.app.engine.db, asset().await.id).await.unwrap().unwrap();
    let now = branch.app.engine.now();
    assert_eq!(known.tries, Tries::Unanswered { first_at: now, last_at: now }, "it was looked for in vain");
}

#[tokio::test]
async fn what_a_node_sends_is_bounded() {
    let branch = Branch::start().await;
    branch.hello().await;
    branch.app.engine.enqueue_due().await.unwrap();
    let errand = branch.claim().await;
    let mut long = inventory();
    long.product = "x".repeat(5000);
    let (path, body) = ended(&errand, json!({ "inventory": long }));
    branch.post(&path, body).await.problem(StatusCode::BAD_REQUEST);
    let (path, body) = ended(&errand, json!({ "failed": "x".repeat(40 << 20) }));
    branch.post(&path, body).await.problem(StatusCode::PAYLOAD_TOO_LARGE);
    for how in [json!({ "inventory": {} }), json!({ "other": 1 }), json!(null)] {
        let (path, body) = ended(&errand, how);
        branch.post(&path, body).await.problem(StatusCode::BAD_REQUEST);
    }
    // What cannot be read says nothing that can be believed, so the job is still the node's, whose turn it is to say why.
    assert_eq!(branch.job().await.state, JobState::Leased);
    let (path, body) = ended(&errand, json!({ "failed": "what was read is not taken: a text is too long" }));
    assert_eq!(branch.post(&path, body).await.status, StatusCode::NO_CONTENT);
    let job = branch.job().await;
    assert_eq!((job.state, job.attempts), (JobState::Ready, 1), "tried again later");
    assert!(job.last_error.unwrap().ends_with("what was read is not taken: a text is too long"));
    let asset = store::asset::find_by_name(&branch.app.engine.db, "till").await.unwrap().unwrap();
    assert!(asset.last_error.unwrap().ends_with("a text is too long"), "whoever looks at the asset sees it too");
}

#[tokio::test]
async fn what_a_newer_node_says_beyond_what_is_known_here_is_left_aside() {
    let branch = Branch::start().await;
    let hello = json!({ "public_key": branch.key.public().to_string(), "version": "99", "connectors": ["winrm"] });
    assert_eq!(branch.post("hello", hello).await.status, StatusCode::OK);
    branch.app.engine.enqueue_due().await.unwrap();
    let errand = branch.claim().await;
    let job = errand["job"].as_str().unwrap();
    let beat = json!({ "attempt": 1, "text": "reading", "bytes": 12 });
    assert_eq!(branch.post(&format!("jobs/{job}/heartbeat"), beat).await.status, StatusCode::OK);
    let seen =
        json!({ "attempt": 1, "destination": format!("{HOST}:2222"), "key": "ssh-ed25519 SHA256:x", "banner": "" });
    assert_eq!(branch.post(&format!("jobs/{job}/host-key"), seen).await.status, StatusCode::NO_CONTENT);

    // How it ended is not left aside: what is not understood is no end.
    let (path, body) = ended(&errand, json!({ "postponed": "an hour" }));
    branch.post(&path, body).await.problem(StatusCode::BAD_REQUEST);
    assert_eq!(branch.job().await.state, JobState::Leased);
    let mut inventory = serde_json::to_value(inventory()).unwrap();
    inventory["containers"] = json!([{ "name": "web" }]);
    let (path, mut body) = ended(&errand, json!({ "inventory": inventory }));
    body["seconds"] = json!(3);
    assert_eq!(branch.post(&path, body).await.status, StatusCode::NO_CONTENT);
    assert_eq!(branch.job().await.state, JobState::Done);
}

#[tokio::test]
async fn the_job_of_an_asset_that_has_left_a_scope_goes_to_whoever_is_responsible_now() {
    let branch = Branch::start().await;
    branch.hello().await;
    let db = &branch.app.engine.db;
    let now = branch.app.engine.now();
    branch.app.engine.enqueue_due().await.unwrap();
    assert_eq!(branch.job().await.segment, branch.node.scope.to_string());

    // The asset moves to another scope that has a node, while its inspection waits for the first one's.
    let scope = json!({ "name": "annex", "cidrs": ["192.0.2.0/24"] });
    assert_eq!(branch.app.post("/api/v1/scopes", &branch.cookie, scope).await.status, StatusCode::OK);
    let mut scope = store::scope::get(db, branch.node.scope).await.unwrap().unwrap();
    scope.selector.cidrs = vec!["198.51.100.0/24".parse().unwrap()];
    let annex = store::scope::find_by_name(db, "annex").await.unwrap().unwrap();
    let id = NodeId::from_uuid(store::new_id(now));
    let other = Node { id, name: "annex 1".to_owned(), scope: annex.id, ..branch.node.clone() };
    let token = "ef".repeat(32);
    let mut tx = db.begin().await.unwrap();
    store::scope::update(&mut tx, &scope, now).await.unwrap();
    store::node::add(&mut tx, &other, &SecretString::from(token.clone())).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(branch.post("claim", json!(null)).await.status, StatusCode::NO_CONTENT, "no secret of it goes out");
    let job = branch.job().await;
    assert_eq!((job.state, &job.segment), (JobState::Ready, &annex.id.to_string()));

    let key = NodeKey::load_or_create(&branch.app.data.path().join("annex.key")).unwrap();
    let hello = json!({ "public_key": key.public().to_string(), "version": "1" });
    assert_eq!(branch.post_as(&token, "hello", hello).await.status, StatusCode::OK);
    let errand = branch.post_as(&token, "claim", json!(null)).await.json();
    assert_eq!((&errand["job"], &errand["hops"][0]["host"]), (&json!(job.id.to_string()), &json!(HOST)));
    let (path, body) = ended(&errand, json!({ "inventory": inventory() }));
    branch.post(&path, body.clone()).await.problem(StatusCode::CONFLICT);
    assert_eq!(branch.post_as(&token, &path, body).await.status, StatusCode::NO_CONTENT);
    assert_eq!(branch.job().await.state, JobState::Done);

    // Where no scope with a node holds it any more, the servers do it, by themselves.
    branch.app.pass(SignedDuration::from_hours(48));
    branch.app.engine.enqueue_due().await.unwrap();
    assert_eq!(branch.job().await.segment, annex.id.to_string());
    let mut tx = db.begin().await.unwrap();
    let selector = domain::scope::Selector::default();
    store::scope::update(&mut tx, &domain::scope::Scope { selector, ..annex }, now).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(branch.post_as(&token, "claim", json!(null)).await.status, StatusCode::NO_CONTENT);
    while branch.job().await.holder.as_deref() != Some("test") {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(branch.job().await.segment, "");
}

#[tokio::test]
async fn a_node_is_no_person_and_a_person_no_node() {
    let branch = Branch::start().await;
    assert_eq!(branch.hello().await.status, StatusCode::OK);
    let other = NodeKey::load_or_create(&branch.app.data.path().join("other.key")).unwrap();
    let hello = json!({ "public_key": other.public().to_string(), "version": "1" });
    branch.post("hello", hello).await.problem(StatusCode::CONFLICT);
    branch.post("hello", json!({ "public_key": "x", "version": "1" })).await.problem(StatusCode::BAD_REQUEST);
    for token in ["", "ab", &"cd".repeat(32)] {
        branch.post_as(token, "claim", json!(null)).await.problem(StatusCode::UNAUTHORIZED);
    }
    let app = &branch.app;
    app.post("/api/v1/node/claim", &branch.cookie, json!(null)).await.problem(StatusCode::UNAUTHORIZED);
    let request = Request::builder()
        .method(Method::GET)
        .uri("/api/v1/assets")
        .header(header::HOST, "127.0.0.1:8787")
        .header(header::AUTHORIZATION, format!("Bearer {}", branch.token));
    app.request(request.body(Body::empty()).unwrap()).await.problem(StatusCode::UNAUTHORIZED);

    // Removed, it is refused at once, in the middle of a job too; what waits there is done by the servers.
    branch.app.engine.enqueue_due().await.unwrap();
    let errand = branch.claim().await;
    let mut tx = app.engine.db.begin().await.unwrap();
    store::node::remove(&mut tx, &branch.node, app.engine.now()).await.unwrap();
    tx.commit().await.unwrap();
    let (path, body) = ended(&errand, json!({ "inventory": inventory() }));
    branch.post(&path, body).await.problem(StatusCode::UNAUTHORIZED);
}
