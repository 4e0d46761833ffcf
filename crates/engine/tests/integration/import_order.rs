//! Several tools report the same findings, and their reports come in any order: what counts is what each said last.

use std::collections::{BTreeMap, BTreeSet};

use domain::finding::{Detection, FixedCause, OpenedBy};
use engine::import::{ImportOptions, Imported};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, proptest};
use serde_json::{Value, json};
use store::finding::StoredFinding;
use testkit::db;

use crate::world::{NOW, World, moved};

impl World {
    async fn import_one(&self, report: &Value) -> Imported {
        self.import(report, &ImportOptions::default()).await.remove(0)
    }

    async fn moved(&self, report: &Value) -> [u64; 4] {
        moved(&self.import_one(report).await)
    }

    async fn stored(&self) -> Vec<StoredFinding> {
        let asset = store::asset::find_by_name(&self.engine.db, "shop").await.unwrap().unwrap();
        assert_eq!(store::finding::replay_check(&self.engine.db, asset.id).await.unwrap(), []);
        store::finding::of_asset(&self.engine.db, asset.id).await.unwrap()
    }

    /// The flaws that are there, and how many events there are in all.
    async fn state(&self) -> (BTreeSet<String>, usize) {
        let (mut active, mut events) = (BTreeSet::new(), 0);
        for StoredFinding { finding, .. } in self.stored().await {
            events += store::finding::events(&self.engine.db, finding.key.id()).await.unwrap().len();
            if finding.detection.is_active() {
                active.insert(finding.key.vulnerability.to_string());
            }
        }
        (active, events)
    }
}

/// A report of some hours ago about flaws in one package: whichever tool says so, the findings are the same ones.
fn report(tool: &str, hours_ago: i64, flaws: &[u8]) -> Value {
    let now: Timestamp = NOW.parse().unwrap();
    let at = now.checked_sub(SignedDuration::from_hours(hours_ago)).unwrap().to_string();
    let flaw = |n: &u8| json!({ "rule": format!("CVE-1900-000{n}"), "package": "pkg:npm/demo@1.0", "path": "a.json" });
    json!({
        "format": "vigie-report", "version": 1, "tool": { "name": tool }, "scope": { "asset": "shop" },
        "observed_at": at, "complete": true, "findings": flaws.iter().map(flaw).collect::<Vec<_>>(),
    })
}

async fn databases() -> Vec<db::TestDb> {
    let mut databases = vec![db::sqlite().await];
    databases.extend(db::postgres().await);
    databases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finding_is_open_while_one_tool_reports_it() {
    for test in databases().await {
        let world = World::new(&test.db);
        assert_eq!(world.moved(&report("one", 9, &[7])).await, [1, 0, 0, 0]);
        assert_eq!(world.moved(&report("two", 8, &[7])).await, [0, 0, 0, 1]);
        assert_eq!(world.moved(&report("one", 7, &[])).await, [0, 0, 0, 0], "the other one has it still");
        let id = world.stored().await[0].finding.key.id();
        let said = store::report::of_finding(&world.engine.db, id).await.unwrap();
        let said: Vec<_> =
            said.iter().map(|said| (said.scope.scope.tool.as_str(), said.entry.gone_at.is_some())).collect();
        assert_eq!(said, [("one", true), ("two", false)]);
        assert_eq!(world.moved(&report("two", 6, &[])).await, [0, 1, 0, 0]);
        let gone = world.stored().await.remove(0).finding;
        assert!(matches!(gone.detection, Detection::Fixed { cause: FixedCause::NotReported, .. }));
        // It is about the time before, and is still the latest word of its scope.
        assert_eq!(world.moved(&report("three", 8, &[7])).await, [0, 0, 1, 0]);
        let back = world.stored().await.remove(0).finding;
        assert_eq!((back.episodes.len(), back.episode().opened_by), (2, OpenedBy::ReportedAgain));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_suppressed_in_the_tool_is_last_in_the_queue_and_not_gone() {
    for test in databases().await {
        let world = World::new(&test.db);
        let written = |hours_ago, suppressed: Option<&str>| {
            let mut report = report("Lint", hours_ago, &[]);
            report["findings"] = json!([{ "rule": "r", "path": "a", "severity": "high", "suppressed": suppressed }]);
            report
        };
        let first = world.import_one(&written(9, Some("a test"))).await;
        assert_eq!((first.counts.created, first.counts.suppressed), (1, 1));
        let tier = async || {
            let view = world.engine.asset(first.asset.id).await.unwrap().unwrap();
            view.rows[0].judged.priority.tier.as_str()
        };
        assert_eq!(tier().await, "P4");
        assert_eq!(world.moved(&written(8, None)).await, [0, 0, 0, 1]);
        assert_eq!(tier().await, "P2", "high, and no longer suppressed");
    }
}

#[tokio::test]
async fn nobody_has_looked_at_the_future() {
    let test = db::sqlite().await;
    let world = World::new(&test.db);
    // A clock that is ahead would make every later report late.
    assert_eq!(world.import_one(&report("one", -1000, &[1])).await.observed_at.to_string(), NOW);
    assert_eq!(world.moved(&report("one", 0, &[])).await, [0, 1, 0, 0]);
}

/// One report of a sequence.
#[derive(Debug, Clone)]
struct Step {
    tool: usize,
    hours_ago: i64,
    /// Bits: which of four flaws it has.
    has: u8,
    complete: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..2_usize, 1_i64..20, 0..16_u8, any::<[bool; 2]>());
    let step = step.prop_map(|(tool, hours_ago, has, [a, b])| Step { tool, hours_ago, has, complete: a || b });
    proptest::collection::vec(step, 1..10)
}

fn flaws(has: u8) -> impl Iterator<Item = u8> {
    (0..4).filter(move |n| has & (1 << n) != 0)
}

/// What the tools say last, whatever came before and in whatever order it came.
fn expected(steps: &[Step]) -> BTreeSet<String> {
    let mut latest: BTreeMap<usize, (i64, u8)> = BTreeMap::new();
    for step in steps {
        let (before, had) = latest.get(&step.tool).copied().unwrap_or((i64::MAX, 0));
        if step.hours_ago <= before {
            latest.insert(step.tool, (step.hours_ago, if step.complete { step.has } else { had | step.has }));
        }
    }
    let all = latest.values().fold(0, |all, (_, has)| all | has);
    flaws(all).map(|n| format!("CVE-1900-000{n}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn any_sequence_of_reports_leaves_what_each_tool_said_last(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(async {
            let test = db::sqlite().await;
            let world = World::new(&test.db);
            for step in &steps {
                let mut report =
                    report(["one", "two"][step.tool], step.hours_ago, &flaws(step.has).collect::<Vec<_>>());
                report["complete"] = json!(step.complete);
                world.import_one(&report).await;
                let before = world.state().await;
                world.import_one(&report).await;
                assert_eq!(world.state().await, before, "once more changes nothing");
            }
            world.state().await.0
        });
        prop_assert_eq!(found, expected(&steps));
    }
}
