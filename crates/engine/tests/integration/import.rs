//! Reports of other tools: what they open, what they close, and what they must leave alone.

use domain::cause::Cause;
use domain::filter::Filter;
use domain::finding::{ClosedCause, Detection, Evidence, Fact, FixedCause, OpenedBy, Strength};
use engine::forget::Retention;
use engine::import::{ImportOptions, Imported, read};
use engine::views::{Query, active};
use engine::work::Report;
use engine::{Sort, Visible};
use jiff::SignedDuration;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use serde_json::{Value, json};
use store::Db;
use store::finding::{Recording, Save};
use testkit::db;

use crate::world::{World, moved};

impl World {
    /// Imports a report an hour after the one before.
    async fn import_later(&self, report: &Value, options: &ImportOptions) -> Vec<Imported> {
        self.wait(1);
        self.import(report, options).await
    }

    async fn moved_later(&self, report: &Value) -> [u64; 4] {
        moved(&self.import_later(report, &ImportOptions::default()).await[0])
    }

    async fn count(&self, filter: &str) -> u64 {
        let filter: Filter = filter.parse().unwrap();
        let filter = Filter::all([active(), filter]);
        let query = Query { filter, sort: Sort::WORK, after: None, limit: 100 };
        let page = self.engine.findings(&Visible::All, &query).await.unwrap();
        assert_eq!(page.rows.len() as u64, page.total.min(100), "what is counted can be shown");
        page.total
    }
}

/// A report about a part of a repository.
fn report(path: &str, rules: &[&str]) -> Value {
    let finding =
        |rule: &&str| json!({ "rule": rule, "severity": "high", "path": format!("{path}/{rule}.c"), "line": 7 });
    json!({
        "format": "vigie-report", "version": 1, "tool": { "name": "Lint" }, "complete": true,
        "scope": { "asset": "shop", "kind": "repository", "path": path },
        "findings": rules.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn sarif(successful: bool, rules: &[&str]) -> Value {
    let result = |rule: &&str| {
        json!({
            "ruleId": rule, "message": { "text": "look here" },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": "src/a.c" }, "region": { "startLine": 3 }
            } }],
            "partialFingerprints": { "primaryLocationLineHash": format!("{rule}:1") },
        })
    };
    json!({
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "Scan" } },
            "invocations": [{ "executionSuccessful": successful }],
            "results": rules.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

testkit::contract!(
    a_report_twice_changes_nothing,
    absence_closes_within_the_scope_only,
    a_run_that_failed_or_is_old_closes_nothing,
    a_named_flaw_in_a_named_package_is_about_these,
    a_large_report_is_taken_at_once,
    what_ended_long_ago_is_forgotten_and_comes_back_as_new,
    what_was_retired_is_back_when_it_is_reported_again,
);

async fn a_report_twice_changes_nothing(db: &Db) {
    let world = World::new(db);
    let twice = ["R1", "R2", "R2"];
    let first = world.import_later(&report("src", &twice), &ImportOptions::default()).await.remove(0);
    assert!(first.asset_created);
    assert_eq!((moved(&first), first.counts.duplicates), ([2, 0, 0, 0], 1));
    let events = |world: &World| {
        let db = world.engine.db.clone();
        async move {
            let asset = store::asset::find_by_name(&db, "shop").await.unwrap().unwrap();
            let mut count = 0;
            for stored in store::finding::of_asset(&db, asset.id).await.unwrap() {
                count += store::finding::events(&db, stored.finding.key.id()).await.unwrap().len();
            }
            count
        }
    };
    let before = events(&world).await;
    let second = world.import(&report("src", &twice), &ImportOptions::default()).await.remove(0);
    assert!(!second.asset_created);
    assert_eq!(moved(&second), [0, 0, 0, 2]);
    assert_eq!(events(&world).await, before, "nothing was written");
    assert_eq!(world.count("asset:shop").await, 2);
}

async fn what_ended_long_ago_is_forgotten_and_comes_back_as_new(db: &Db) {
    let world = World::new(db);
    let asset = async || store::asset::find_by_name(db, "shop").await.unwrap().unwrap().id;
    let stored = async || store::finding::of_asset(db, asset().await).await.unwrap();
    assert_eq!(world.moved_later(&report("src", &["R1", "R2"])).await, [2, 0, 0, 0]);
    assert_eq!(world.moved_later(&report("src", &["R2"])).await, [0, 1, 0, 1]);
    world.wait(24 * 10);
    let retention = |days: i64| Retention { findings: Some(SignedDuration::from_hours(24 * days)), ..KEEP_ALL };
    let forget = async |days| world.engine.forget(&retention(days), &Report::default()).await.unwrap().findings;
    assert_eq!((forget(11).await, stored().await.len()), (0, 2), "within the window");
    assert_eq!((forget(9).await, stored().await.len()), (1, 1), "what is open stays");
    let attributed = store::report::of_finding(db, stored().await[0].finding.key.id()).await.unwrap();
    assert_eq!(attributed.len(), 1, "{attributed:?}");
    assert_eq!(world.moved_later(&report("src", &["R1", "R2"])).await, [1, 0, 0, 1], "found anew, not reopened");
    let again = stored().await;
    assert!(again.iter().all(|stored| stored.finding.episodes.len() == 1), "{again:?}");

    // Ended, and yet in the latest report of a tool: it is not forgotten as long as that says so.
    let mut finding = again.into_iter().map(|stored| stored.finding).min_by_key(|finding| finding.moved_at).unwrap();
    let ended = finding.key.clone();
    let mut tx = db.begin().await.unwrap();
    let fact = Fact::Absent { cause: FixedCause::Removed, version: None, strength: Strength::PackageDatabase };
    let evidence = Evidence { observed_at: world.engine.now(), fact };
    let change = finding.apply(&evidence);
    assert!(!finding.detection.is_active(), "{finding:?}");
    let save = Save { finding: &finding, matched: None, evidence: &[(evidence, change)], is_new: false };
    store::finding::save(&mut tx, save, Recording { at: world.engine.now(), cause: &Cause::Clock, record: None })
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.wait(24 * 20);
    assert_eq!((forget(9).await, stored().await.len()), (0, 2));
    assert_eq!(store::report::of_finding(db, ended.id()).await.unwrap().len(), 1);
}

async fn what_was_retired_is_back_when_it_is_reported_again(db: &Db) {
    let world = World::new(db);
    world.moved_later(&report("src", &["R1"])).await;
    let shop = async || store::asset::find_by_name(db, "shop").await.unwrap().unwrap();
    let asset = shop().await;
    world.wait(1);
    let mut tx = db.begin().await.unwrap();
    world.engine.retire_asset(&mut tx, asset.id, None).await.unwrap();
    tx.commit().await.unwrap();
    let finding = async || store::finding::of_asset(db, asset.id).await.unwrap().remove(0).finding;
    let retired = ClosedCause::AssetRetired;
    assert!(matches!(finding().await.detection, Detection::Closed { cause, .. } if cause == retired));
    let old = ImportOptions { observed_at: Some(world.engine.now()), ..ImportOptions::default() };
    let late = world.import_later(&report("lib", &["R1"]), &old).await.remove(0);
    assert!(late.late && shop().await.retired_at.is_some(), "what was seen before says nothing of now");
    assert_eq!((moved(&late), late.counts.ignored), ([0; 4], 1), "of another folder, so of another finding");
    assert_eq!(world.moved_later(&report("src", &["R1"])).await, [0, 0, 1, 0]);
    let back = shop().await;
    assert_eq!(
        (back.id, back.retired_at, back.last_seen_at),
        (asset.id, None, world.engine.now()),
        "and that is a contact"
    );
    let found = finding().await;
    assert_eq!((found.detection, found.episode().opened_by), (Detection::Open, OpenedBy::Resurrected));
    assert_eq!(store::finding::replay_check(db, asset.id).await.unwrap(), []);
}

const KEEP_ALL: Retention = Retention { findings: None, inspections: None, jobs: None };

async fn absence_closes_within_the_scope_only(db: &Db) {
    let world = World::new(db);
    assert_eq!(world.moved_later(&report("src", &["R1", "R2"])).await, [2, 0, 0, 0]);
    assert_eq!(world.moved_later(&report("lib", &["R1"])).await, [1, 0, 0, 0], "another folder");
    assert_eq!(world.moved_later(&report("src", &["R2"])).await, [0, 1, 0, 1]);
    let other = ImportOptions { tool: Some("Other".to_owned()), ..ImportOptions::default() };
    world.import_later(&report("src", &[]), &other).await;
    let partial = ImportOptions { partial: true, ..ImportOptions::default() };
    world.import_later(&report("src", &[]), &partial).await;
    assert_eq!(world.count("").await, 2, "neither another tool nor half a look closes anything");
    assert_eq!(world.moved_later(&report("src", &["R1", "R2"])).await, [0, 0, 1, 1]);
    assert_eq!(world.count("").await, 3);
}

async fn a_run_that_failed_or_is_old_closes_nothing(db: &Db) {
    let world = World::new(db);
    let here = ImportOptions { asset: Some("shop".to_owned()), ..ImportOptions::default() };
    assert_eq!(moved(&world.import_later(&sarif(true, &["A", "B"]), &here).await[0]), [2, 0, 0, 0]);
    let failed = world.import_later(&sarif(false, &["A"]), &here).await.remove(0);
    assert!(failed.partial.is_some());
    assert_eq!(moved(&failed), [0, 0, 0, 1]);
    let old = ImportOptions { observed_at: Some("2098-01-01T00:00:00Z".parse().unwrap()), ..here.clone() };
    let late = world.import_later(&sarif(true, &["A", "C"]), &old).await.remove(0);
    assert!(late.late);
    assert_eq!(
        (moved(&late), late.counts.ignored),
        ([0, 0, 0, 1], 1),
        "of the second nothing is known, and nothing is begun"
    );
    assert_eq!(world.count("").await, 2, "the past opens nothing and closes nothing in the present");
    assert_eq!(moved(&world.import_later(&sarif(true, &["B"]), &here).await[0]), [0, 1, 0, 1]);
}

async fn a_named_flaw_in_a_named_package_is_about_these(db: &Db) {
    let world = World::new(db);
    let mut named = report("", &[]);
    named["findings"] = json!([
        { "rule": "CVE-2099-0001", "package": "pkg:npm/left@1.0.0", "fixed_version": "1.0.1", "path": "package-lock.json" },
        { "rule": "no-eval", "path": "a.js", "suppressed": "it is a test" },
        { "rule": "", "path": "a.js" },
    ]);
    let imported = world.import_later(&named, &ImportOptions::default()).await.remove(0);
    assert_eq!((moved(&imported), imported.counts.suppressed), ([2, 0, 0, 0], 1));
    assert_eq!((imported.problems.count, imported.partial.is_some()), (1, true), "{:?}", imported.problems);
    assert_eq!(world.count("vuln:CVE-2099-0001 package:left ecosystem:npm").await, 1);
    assert_eq!(world.count("").await, 2, "what is suppressed elsewhere is not lost here");
}

async fn a_large_report_is_taken_at_once(db: &Db) {
    let world = World::new(db);
    let rules: Vec<String> = (0..10_000).map(|number| format!("R{number}")).collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    assert_eq!(world.moved_later(&report("src", &rules)).await, [10_000, 0, 0, 0]);
    assert_eq!(world.moved_later(&report("src", &rules[1..])).await, [0, 1, 0, 9_999]);
    assert_eq!(world.count("").await, 9_999);
}

#[tokio::test]
async fn what_is_no_report_is_refused_with_the_place() {
    let says = |bytes: &'static [u8]| async move {
        let options = ImportOptions { asset: Some("shop".to_owned()), ..ImportOptions::default() };
        engine::with_causes(&read(bytes.to_vec(), &options).await.unwrap_err())
    };
    assert!(says(b"{\"runs\": [}").await.contains("line 1 column"), "{}", says(b"{\"runs\": [}").await);
    assert!(says(b"{\"version\": \"2.0.0\", \"runs\": []}").await.contains("only SARIF 2.1.0 is read"));
    assert!(says(b"[]").await.contains("cannot be read"));
    let unnamed = report("src", &[]).to_string().replace("\"shop\"", "null").into_bytes();
    let error = read(unnamed, &ImportOptions::default()).await.unwrap_err();
    assert!(error.is::<engine::Invalid>(), "{error:#}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever was reported in whatever order: what is open is what the latest whole report of each scope has, and what
    /// partial reports added since.
    #[test]
    fn the_latest_report_of_each_scope_counts(
        reports in proptest::collection::vec((0_usize..3, 0_u8..16, any::<bool>()), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (found, wanted) = runtime.block_on(async {
            let test = db::sqlite().await;
            let world = World::new(&test.db);
            let mut open = [0_u8; 3];
            for (scope, rules, whole) in reports {
                let named: Vec<&str> =
                    ["A", "B", "C", "D"].into_iter().enumerate().filter(|(n, _)| rules >> n & 1 == 1).map(|(_, r)| r).collect();
                let options = ImportOptions { partial: !whole, ..ImportOptions::default() };
                world.import_later(&report(["x", "y", "z"][scope], &named), &options).await;
                open[scope] = if whole { rules } else { open[scope] | rules };
            }
            (world.count("").await, open.iter().map(|rules| u64::from(rules.count_ones())).sum::<u64>())
        });
        prop_assert_eq!(found, wanted);
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_closes_nothing_and_reorders_no_events() {
    let test = db::sqlite().await;
    let world = World::new(&test.db);
    assert_eq!(world.moved_later(&report("lib", &["R1", "R2"])).await, [2, 0, 0, 0]);
    let told = store::outbox::end(&test.db).await.unwrap();
    world.wait(-2);
    world.moved_later(&report("lib", &["R1"])).await;
    assert_eq!(world.count("").await, 2, "what looks older than the last report is late, and proves nothing of now");
    world.wait(2);
    world.moved_later(&report("lib", &["R1"])).await;
    assert_eq!(world.count("").await, 1, "once the hour has passed again, reports count again");
    let page = store::outbox::after(&test.db, &told, &[], 100).await.unwrap();
    assert!(page.lost.is_none() && !page.events.is_empty());
    let ended = page.events.iter().filter(|event| event.kind == domain::event::EventKind::FindingEnded);
    assert_eq!(ended.count(), 1, "{:?}", page.events);
    assert_eq!(store::audit::verify(&test.db, None).await.unwrap().broken, []);
}
