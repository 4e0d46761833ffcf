//! `vigie webhook`: added with a secret that is shown once, listed, tested, removed.

use crate::vigie::Vigie;

const AT: &str = "2024-01-13T08:00:00Z";

#[test]
fn a_webhook_is_added_listed_tested_and_removed() {
    let vigie = Vigie::new();
    let added = vigie.expect(0, AT, &["webhook", "add", "https://localhost:1/hook", "--kind", "job.dead,import.done"]);
    assert!(added.lines().last().is_some_and(|line| line.starts_with("whsec_")), "{added}");
    let listed = vigie.json(0, AT, &["webhook", "list"]);
    assert_eq!(listed[0]["kinds"], serde_json::json!(["job.dead", "import.done"]));
    let id = listed[0]["id"].as_str().unwrap();
    let table = vigie.expect(0, AT, &["webhook", "list"]);
    assert!(table.contains(id) && table.contains("https://localhost:1/hook") && !table.contains("whsec_"), "{table}");
    let tested = vigie.expect(70, AT, &["webhook", "test", id]);
    assert!(tested.contains("--allow-destination"), "{tested}");
    let allowed = ["webhook", "test", id, "--allow-destination", "127.0.0.0/8,::1/128"];
    let tested = vigie.expect(70, AT, &allowed);
    assert!(tested.contains("localhost did not answer"), "{tested}");
    vigie.expect(0, AT, &["webhook", "remove", id]);
    vigie.expect(64, AT, &["webhook", "remove", id]);
    vigie.expect(64, AT, &["webhook", "add", "https://10.0.0.1/"]);
    vigie.expect(64, AT, &["webhook", "add", "https://hooks.example/", "--kind", "finding"]);
    assert_eq!(vigie.json(0, AT, &["webhook", "list"]), serde_json::json!([]));
}
