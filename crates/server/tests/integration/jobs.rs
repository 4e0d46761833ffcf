//! Jobs: listed, shown, cancelled, retried, and a warning when one is dead.

use axum::http::StatusCode;
use domain::ids::JobId;
use serde_json::{Value, json};
use store::queue::{self, Claim, NewJob, PERSON_PRIORITY};

use crate::app::App;

/// A job of a kind that nobody here works on.
async fn waiting(app: &App, key: &str) -> JobId {
    let job = NewJob {
        kind: "nobody's".to_owned(),
        key: key.to_owned(),
        payload: Value::Null,
        priority: PERSON_PRIORITY,
        run_at: app.engine.now(),
        attempts_max: 1,
        lane: String::new(),
        segment: String::new(),
        asked_by: "anna".to_owned(),
    };
    let mut tx = app.engine.db.begin().await.unwrap();
    let id = queue::enqueue(&mut tx, &job, app.engine.now()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    id
}

async fn dead(app: &App) -> JobId {
    let id = waiting(app, "dies").await;
    let kinds = ["nobody's"];
    let lease = jiff::SignedDuration::from_mins(1);
    let claim = Claim { kinds: &kinds, segment: "", priority_max: PERSON_PRIORITY, holder: "test", lease };
    let lease = queue::claim(&app.engine.db, &claim, app.engine.now()).await.unwrap().unwrap();
    assert_eq!(lease.id, id);
    let mut tx = app.engine.db.begin().await.unwrap();
    queue::fail(&mut tx, &lease, "it broke", app.engine.now()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

#[tokio::test]
async fn jobs_are_listed_in_pages() {
    let (app, cookie) = App::start_signed_in().await;
    for number in 0..5 {
        waiting(&app, &number.to_string()).await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/jobs?limit=2&state=ready".to_owned();
    loop {
        let page = app.get(&path, &cookie).await.json();
        let jobs = page["jobs"].as_array().unwrap();
        assert!((1..=2).contains(&jobs.len()), "{page}");
        seen.extend(jobs.iter().map(|job| job["key"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/jobs?limit=2&state=ready&cursor={cursor}");
    }
    seen.sort();
    assert_eq!(seen, ["0", "1", "2", "3", "4"]);
    let other = app.get("/api/v1/jobs?kind=sync", &cookie).await.json();
    assert_eq!(other, json!({ "jobs": [], "next_cursor": null }));
    let several = app.get("/api/v1/jobs?state=done,ready&kind=nobody's", &cookie).await.json();
    assert_eq!(several["jobs"].as_array().unwrap().len(), 5, "{several}");
    for wrong in ["lost", "ready,lost", ""] {
        let path = format!("/api/v1/jobs?state={wrong}");
        app.get(&path, &cookie).await.problem(StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn the_queue_at_a_glance_has_a_few_of_each_sort() {
    let (app, cookie) = App::start_signed_in().await;
    let glance = async |kind: &str| app.get(&format!("/api/v1/jobs/overview{kind}"), &cookie).await.json();
    dead(&app).await;
    let cancelled = waiting(&app, "cancelled").await;
    app.post(&format!("/api/v1/jobs/{cancelled}/cancel"), &cookie, json!({})).await;
    let leased = waiting(&app, "runs").await;
    let kinds = ["nobody's"];
    let lease = jiff::SignedDuration::from_mins(1);
    let claim = Claim { kinds: &kinds, segment: "", priority_max: PERSON_PRIORITY, holder: "test", lease };
    let lease = queue::claim(&app.engine.db, &claim, app.engine.now()).await.unwrap().unwrap();
    assert_eq!(lease.id, leased);
    let mut tx = app.engine.db.begin().await.unwrap();
    let progress = queue::Progress { done: 3, total: None, text: "read".to_owned() };
    queue::heartbeat(&mut tx, &lease, &progress, app.engine.now(), jiff::SignedDuration::from_mins(1)).await.unwrap();
    // The later it is due the later it comes, however urgent it is then; of what is due the most urgent is first.
    let later = jiff::SignedDuration::from_mins(5);
    for (key, priority, run_at) in [
        ("scheduled", 10, app.engine.now()),
        ("later and urgent", 0, app.engine.now() + later),
        ("urgent", 0, app.engine.now()),
        ("much later", 0, app.engine.now() + later * 2),
    ] {
        let job = NewJob { priority, run_at, ..NewJob::scheduled("nobody's", key, 1, app.engine.now()) };
        queue::enqueue(&mut tx, &job, app.engine.now()).await.unwrap().unwrap();
    }
    tx.commit().await.unwrap();

    let seen = glance("?kind=nobody's").await;
    let keys = |sort: &str| -> Vec<String> {
        let jobs = seen[sort].as_array().unwrap();
        jobs.iter().map(|job| job["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys("running"), ["runs"]);
    assert_eq!(seen["running"][0]["progress"], json!({ "done": 3, "total": null, "text": "read" }));
    assert_eq!(keys("waiting"), ["urgent", "scheduled", "later and urgent", "much later"]);
    assert_eq!((keys("dead"), keys("ended")), (vec!["dies".to_owned()], vec!["cancelled".to_owned()]));
    let counts = ["running_count", "waiting_count", "dead_count"].map(|field| seen[field].as_u64().unwrap());
    assert_eq!(counts, [1, 4, 1]);
    assert_eq!(seen["at"], json!(app.engine.now().to_string()));
    assert_eq!(app.get("/api/v1/status", &cookie).await.json()["dead_job_count"], 1);

    let none = glance("?kind=no+such").await;
    assert_eq!((&none["running"], &none["dead_count"]), (&json!([]), &json!(0)));
    for number in 0..12 {
        waiting(&app, &format!("more {number}")).await;
    }
    let many = glance("?kind=nobody's").await;
    assert_eq!((many["waiting"].as_array().unwrap().len(), &many["waiting_count"]), (10, &json!(16)));
}

#[tokio::test]
async fn a_dead_job_is_a_warning_until_somebody_acts() {
    let (app, cookie) = App::start_signed_in().await;
    let warned = async || {
        let status = app.get("/api/v1/status", &cookie).await.json();
        let warnings = status["warnings"].as_array().unwrap().clone();
        warnings.iter().any(|warning| warning.as_str().unwrap().contains("failed for good"))
    };
    assert!(!warned().await);
    let id = dead(&app).await;
    assert!(warned().await);
    let path = format!("/api/v1/jobs/{id}");
    let job = app.get(&path, &cookie).await.json();
    assert_eq!((&job["state"], &job["last_error"]), (&json!("dead"), &json!("it broke")), "{job}");
    assert_eq!((&job["asked_by"], &job["holder"]), (&json!("anna"), &json!("test")));

    let job = app.post(&format!("{path}/retry"), &cookie, json!({})).await.json();
    assert_eq!(job["state"], "ready", "{job}");
    assert!(!warned().await);
    app.post(&format!("{path}/retry"), &cookie, json!({})).await.problem(StatusCode::CONFLICT);
    let job = app.post(&format!("{path}/cancel"), &cookie, json!({})).await.json();
    assert_eq!(job["state"], "cancelled", "{job}");
    app.post(&format!("{path}/cancel"), &cookie, json!({})).await.problem(StatusCode::CONFLICT);
    let noted: Vec<String> = app.changes().await.into_iter().map(|entry| entry.what).collect();
    assert_eq!(noted, ["user.add", "session.start", "job.retry", "job.cancel"], "what was refused is no change");

    for id in ["00000000-0000-0000-0000-000000000001", "no id"] {
        let id = id.replace(' ', "%20");
        app.get(&format!("/api/v1/jobs/{id}"), &cookie).await.problem(StatusCode::NOT_FOUND);
        for act in ["cancel", "retry"] {
            let path = format!("/api/v1/jobs/{id}/{act}");
            app.post(&path, &cookie, json!({})).await.problem(StatusCode::NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn an_inspection_is_a_job_of_the_person_who_asked() {
    let (app, cookie) = App::start_signed_in().await;
    let new = json!({ "way": "ssh://root@127.0.0.1:1", "name": "closed" });
    let asset = app.post("/api/v1/assets", &cookie, new).await.json()["id"].as_str().unwrap().to_owned();
    app.post(&format!("/api/v1/assets/{asset}/inspect"), &cookie, json!({})).await.problem(StatusCode::BAD_GATEWAY);
    let jobs = app.get("/api/v1/jobs?kind=inspect", &cookie).await.json();
    let job = &jobs["jobs"][0];
    assert_eq!((&job["state"], &job["asset"]["name"]), (&json!("dead"), &json!("closed")), "{jobs}");
    assert_eq!((&job["asked_by"], &job["priority"], &job["attempts"]), (&json!("anna"), &json!(0), &json!(1)));
    let detail = app.get(&format!("/api/v1/assets/{asset}"), &cookie).await.json();
    assert_eq!(detail["last_error"], job["last_error"], "one reason, told in both places");
}
