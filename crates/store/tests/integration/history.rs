//! Random histories of evidence: what is read is what was saved, and replaying the events gives the same findings.

use std::collections::BTreeMap;

use domain::finding::{ClosedCause, Evidence, Fact, Finding, FindingKey, FixedCause, OpenedBy, Strength};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::test_runner::TestRunner;
use store::finding;

use crate::db;
use crate::finding::learn;
use crate::sample::{at, insert_asset, key, matched};

fn strength() -> impl Strategy<Value = Strength> {
    prop_oneof![Just(Strength::Remote), Just(Strength::PackageDatabase)]
}

fn fact() -> impl Strategy<Value = Fact> {
    let opened_by = prop_oneof![
        Just(OpenedBy::Regressed),
        Just(OpenedBy::Reintroduced),
        Just(OpenedBy::RangeWidened),
        Just(OpenedBy::DecisionLapsed)
    ];
    let fixed = prop_oneof![Just(FixedCause::Upgraded), Just(FixedCause::Removed)];
    let closed =
        prop_oneof![Just(ClosedCause::AssetRetired), Just(ClosedCause::Withdrawn), Just(ClosedCause::Reimaged)];
    prop_oneof![
        4 => (0..3, strength(), opened_by)
            .prop_map(|(version, strength, cause)| Fact::Detected { version: format!("1.{version}"), strength, cause }),
        3 => (fixed, proptest::option::of("[a-z0-9.~+-]{1,8}"), strength())
            .prop_map(|(cause, version, strength)| Fact::Absent { cause, version, strength }),
        1 => strength().prop_map(|strength| Fact::RestartNeeded { strength }),
        1 => Just(Fact::FixClaimed),
        1 => Just(Fact::VerificationTimedOut),
        1 => Just(Fact::Unseen),
        1 => closed.prop_map(|cause| Fact::Ended { cause }),
        1 => Just(Fact::NotAffected { source: "local".to_owned(), statement: "vex.json".to_owned() }),
    ]
}

/// Which of three findings, how late, what.
fn history() -> impl Strategy<Value = Vec<(u32, i64, Fact, bool)>> {
    proptest::collection::vec((0..3_u32, 0..40_i64, fact(), any::<bool>()), 1..40)
}

#[test]
fn any_history_reads_back_and_replays() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let test = runtime.block_on(db::sqlite());
    let mut number = 0;
    let mut runner = TestRunner::new(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() });
    let mut numbers = || {
        number += 1;
        number
    };
    let numbers = std::cell::RefCell::new(&mut numbers);
    let result = runner.run(&history(), |history| {
        let number = (numbers.borrow_mut())();
        runtime.block_on(async {
            let asset = insert_asset(&test.db, number).await;
            let mut expected: BTreeMap<FindingKey, Finding> = BTreeMap::new();
            for (index, (flaw, late, fact, matches)) in history.into_iter().enumerate() {
                let key = key(asset.id, "openssl", flaw);
                let begins = matches!(fact, Fact::Detected { .. });
                if !expected.contains_key(&key) && !begins {
                    continue;
                }
                // One in four comes late, the others in order.
                let hour = i64::try_from(index).unwrap() * 2 - if late < 10 { late } else { 0 };
                let evidence = Evidence { observed_at: at(hour), fact };
                let matched = matched(&key, None);
                let finding = learn(&test.db, &key, evidence, matches.then_some(&matched)).await;
                expected.insert(key, finding);
            }
            let mut stored: Vec<Finding> =
                finding::of_asset(&test.db, asset.id).await.unwrap().into_iter().map(|found| found.finding).collect();
            stored.sort_by(|a, b| a.key.cmp(&b.key));
            assert_eq!(stored, expected.into_values().collect::<Vec<_>>());
            assert_eq!(finding::replay_check(&test.db, asset.id).await.unwrap(), []);
        });
        Ok(())
    });
    result.unwrap();
}
