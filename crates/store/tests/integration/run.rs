use domain::ids::{AssetId, RunId};
use domain::remediation::{Action, Plan, PlanStep, Run, RunState};
use store::{Db, StoreError, run};
use uuid::Uuid;

use crate::sample::{at, insert_asset};

contract!(a_run_goes_one_way, one_run_at_a_time_for_an_asset, what_was_applying_at_a_crash_is_interrupted);

pub(crate) fn sample(number: u128, asset: AssetId) -> Run {
    Run {
        id: RunId::from_uuid(Uuid::from_u128(number)),
        action: Action { asset, packages: ["libssl3".to_owned()].into(), closes: [].into() },
        plan: Plan {
            steps: vec![PlanStep {
                package: "libssl3".to_owned(),
                arch: "amd64".to_owned(),
                from: Some("3.0.11-1".to_owned()),
                to: Some("3.0.11-9".to_owned()),
                origin: "Debian-Security:12/stable-security".to_owned(),
            }],
        },
        state: RunState::Planned,
        created_at: at(0),
        output: String::new(),
    }
}

pub(crate) async fn plan(db: &Db, run: &Run) {
    let mut tx = db.begin().await.unwrap();
    run::plan(&mut tx, run).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_run_goes_one_way(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let run = sample(1, asset.id);
    plan(db, &run).await;
    assert_eq!(run::get(db, run.id).await.unwrap().as_ref(), Some(&run));

    let mut tx = db.begin().await.unwrap();
    let verified = RunState::Verified { at: at(3), fixed: 2, pending: 1, still_open: 0 };
    let refused = run::finish(&mut tx, run.id, verified.clone(), "", at(1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "not applied yet: {refused}");
    run::start_applying(&mut tx, run.id, "node", at(1)).await.unwrap();
    let refused = run::start_applying(&mut tx, run.id, "node", at(1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "never sent again: {refused}");
    run::finish(&mut tx, run.id, RunState::Applied { at: at(2) }, "Setting up libssl3", at(2)).await.unwrap();
    let last = run::finish(&mut tx, run.id, verified.clone(), "", at(3)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((last.state.clone(), last.output.as_str()), (verified, "Setting up libssl3"));
    assert_eq!(run::get(db, run.id).await.unwrap(), Some(last));
    let instants: Vec<_> = run::steps(db, run.id).await.unwrap().into_iter().map(|step| step.at).collect();
    assert_eq!(instants, [at(0), at(1), at(2), at(3)]);
}

async fn one_run_at_a_time_for_an_asset(db: &Db) {
    let (one, two) = (insert_asset(db, 1).await, insert_asset(db, 2).await);
    for run in [sample(1, one.id), sample(2, one.id), sample(3, two.id)] {
        plan(db, &run).await;
    }
    let id = |number| RunId::from_uuid(Uuid::from_u128(number));
    let mut tx = db.begin().await.unwrap();
    run::start_applying(&mut tx, id(1), "node", at(1)).await.unwrap();
    let refused = run::start_applying(&mut tx, id(2), "node", at(1)).await.unwrap_err();
    assert!(refused.to_string().contains("applying on the same asset"), "{refused}");
    run::start_applying(&mut tx, id(3), "node", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let ids = |runs: Vec<Run>| runs.into_iter().map(|run| run.id).collect::<Vec<_>>();
    assert_eq!(ids(run::of_asset(db, one.id, 10).await.unwrap()), [id(2), id(1)]);
    assert_eq!(ids(run::list(db, None, 2).await.unwrap()), [id(3), id(2)]);
    assert_eq!(ids(run::list(db, Some(id(2)), 2).await.unwrap()), [id(1)]);
}

async fn what_was_applying_at_a_crash_is_interrupted(db: &Db) {
    let (one, two) = (insert_asset(db, 1).await, insert_asset(db, 2).await);
    for (run, node) in [(sample(1, one.id), "here"), (sample(2, two.id), "elsewhere")] {
        plan(db, &run).await;
        let mut tx = db.begin().await.unwrap();
        run::start_applying(&mut tx, run.id, node, at(1)).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = db.begin().await.unwrap();
    let interrupted = run::interrupted_at_start(&mut tx, "here", at(5)).await.unwrap();
    assert_eq!(interrupted.len(), 1, "a run of another node goes on");
    assert_eq!(interrupted[0].state, RunState::Interrupted { at: at(5) });
    assert!(run::interrupted_at_start(&mut tx, "here", at(6)).await.unwrap().is_empty());
    let refused = run::start_applying(&mut tx, interrupted[0].id, "here", at(6)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "never sent again: {refused}");
    let seen = RunState::Verified { at: at(7), fixed: 1, pending: 0, still_open: 0 };
    run::finish(&mut tx, interrupted[0].id, seen, "", at(7)).await.unwrap();
}
