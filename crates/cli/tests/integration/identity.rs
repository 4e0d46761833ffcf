//! `vigie asset records|merge|split|cases|retire`.

use crate::vigie::Vigie;

const AT: &str = "2024-01-13T08:00:00Z";

#[test]
fn assets_are_joined_and_parted() {
    let vigie = Vigie::new();
    for host in ["one", "two"] {
        vigie.expect(0, AT, &["asset", "add", &format!("ssh://root@{host}.example"), "--tags", host]);
    }
    let table = vigie.expect(0, AT, &["asset", "records", "two.example"]);
    assert!(table.contains("operator") && table.contains("ssh://root@two.example:22"), "{table}");
    let said = vigie.expect(0, AT, &["asset", "merge", "two.example", "one.example"]);
    assert!(said.contains("is one.example from now on") || said.contains("is two.example from now on"), "{said}");
    let records = vigie.json(0, AT, &["asset", "records", "one.example"]);
    let records = if records.as_array().unwrap().is_empty() {
        vigie.json(0, AT, &["asset", "records", "two.example"])
    } else {
        records
    };
    let ids: Vec<&str> = records.as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap()).collect();
    let [older, newer] = ids[..] else { panic!("{records}") };
    let said = vigie.expect(0, AT, &["asset", "split", older, newer]);
    assert!(said.contains("is an asset of its own, and no longer"), "{said}");
    let assets = vigie.json(0, AT, &["asset", "list"]);
    let tags = |name: &str| {
        let all = assets.as_array().unwrap();
        all.iter().find(|asset| asset["name"] == name).unwrap()["tags"].clone()
    };
    assert_eq!((tags("one.example"), tags("two.example")), (["one"][..].into(), ["two"][..].into()));
    assert!(vigie.expect(0, AT, &["asset", "cases"]).contains("Question"));
    vigie.expect(64, AT, &["asset", "merge", "one.example", "one.example"]);
}

#[test]
fn an_asset_that_is_gone_says_so() {
    let vigie = Vigie::new();
    let add = &["asset", "add", "ssh://root@one.example"];
    vigie.expect(0, AT, add);
    let said = vigie.expect(0, AT, &["asset", "retire", "one.example", "--because", "scrapped"]);
    assert!(said.contains("one.example: retired; it is back when it is seen again"), "{said}");
    let table = vigie.expect(0, AT, &["asset", "list"]);
    let state = "retired 2024-01-13T08:00:00Z, gone: scrapped";
    assert!(table.replace('\n', " ").contains("retired") && table.contains("gone"), "{table}");
    let shown = vigie.expect(0, AT, &["asset", "show", "one.example"]);
    assert!(shown.contains(state), "{shown}");
    vigie.expect(64, AT, &["asset", "retire", "one.example"]);
    vigie.expect(64, AT, &["asset", "retire", "nobody.example"]);
    vigie.expect(0, AT, add);
    let listed = vigie.json(0, AT, &["asset", "list"]);
    assert_eq!((&listed[0]["retired_at"], &listed[0]["retired_as"]), (&().into(), &().into()), "{listed}");
    assert_eq!(listed.as_array().unwrap().len(), 1, "it is the same one");
}
