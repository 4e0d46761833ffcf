use std::collections::BTreeSet;

use domain::event::EventKind;
use domain::finding::{ClosedCause, Evidence, Fact};
use jiff::SignedDuration;
use serde_json::json;
use store::outbox::{self, Event, NewEvent, Page, Position};
use store::queue::{self, Claim, NewJob};
use store::{Db, backup};

use crate::db;
use crate::finding::learn;
use crate::sample::{asset, at, detected, insert_asset, key, upgraded};

contract!(
    an_event_is_there_if_and_only_if_its_transaction_is,
    a_finding_is_told_of_whenever_it_moves,
    assets_are_told_of,
    a_job_that_fails_for_good_is_told_of_once,
    whoever_goes_on_misses_nothing_and_sees_nothing_twice,
    a_filter_passes_over_what_nobody_asked_for,
    what_was_forgotten_is_said_to_be_lost,
    a_position_that_never_was_is_said_to_be_lost,
);

/// Something to tell that is told apart by a number.
fn numbered(number: u64) -> NewEvent {
    NewEvent::new(at(0), EventKind::ImportDone).saying(&json!({ "number": number }))
}

fn number(event: &Event) -> u64 {
    event.body["number"].as_u64().unwrap()
}

async fn tell(db: &Db, numbers: impl IntoIterator<Item = u64>) {
    let mut tx = db.begin().await.unwrap();
    numbers.into_iter().for_each(|number| tx.tell(numbered(number)));
    tx.commit().await.unwrap();
}

async fn after(db: &Db, position: &Position) -> Page {
    outbox::after(db, position, &[], 1000).await.unwrap()
}

/// What is told by one transaction.
async fn told_by(db: &Db, work: impl AsyncFnOnce()) -> Vec<Event> {
    let before = outbox::end(db).await.unwrap();
    work().await;
    let page = after(db, &before).await;
    assert_eq!((page.lost, page.more), (None, false));
    page.events
}

async fn an_event_is_there_if_and_only_if_its_transaction_is(db: &Db) {
    let beginning = outbox::end(db).await.unwrap();
    assert_eq!(after(db, &beginning).await, Page { lost: None, events: vec![], end: beginning.clone(), more: false });
    let mut tx = db.begin().await.unwrap();
    tx.tell(numbered(1));
    drop(tx);
    tell(db, [2, 3]).await;
    let mut tx = db.begin().await.unwrap();
    tx.tell(numbered(4));
    // The name is taken: the engine ends the whole transaction.
    store::asset::insert(&mut tx, &asset(1)).await.unwrap();
    store::asset::insert(&mut tx, &asset(1)).await.unwrap_err();
    drop(tx);
    tell(db, [5]).await;
    let page = after(db, &beginning).await;
    assert_eq!(page.events.iter().map(number).collect::<Vec<_>>(), [2, 3, 5]);
    assert_eq!((page.lost, &page.end), (None, &page.events[2].position));
    assert_eq!(outbox::end(db).await.unwrap(), page.end);
}

async fn a_finding_is_told_of_whenever_it_moves(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let key = key(asset.id, "openssl", 1);
    let ended = |hour, cause| Evidence { observed_at: at(hour), fact: Fact::Ended { cause } };
    let unseen = Evidence { observed_at: at(4), fact: Fact::Unseen };
    for (evidence, expected) in [
        (detected(1, "1"), Some((EventKind::FindingOpened, "open"))),
        // The same again, and another version of the same, move nothing.
        (detected(2, "1"), None),
        (detected(3, "2"), None),
        (unseen, Some((EventKind::FindingMoved, "stale"))),
        (detected(5, "2"), Some((EventKind::FindingMoved, "open"))),
        (upgraded(6, "3"), Some((EventKind::FindingEnded, "fixed"))),
        (detected(7, "2"), Some((EventKind::FindingBack, "open"))),
        (ended(8, ClosedCause::Withdrawn), Some((EventKind::FindingEnded, "closed"))),
    ] {
        let fact = serde_json::to_value(&evidence.fact).unwrap();
        let told = told_by(db, async || drop(learn(db, &key, evidence, None).await)).await;
        let Some((kind, state)) = expected else {
            assert_eq!(told, [], "{fact}");
            continue;
        };
        let [event] = &told[..] else { panic!("{fact}: {told:?}") };
        assert_eq!((event.kind, event.at, event.body["state"].as_str()), (kind, at(500), Some(state)));
        assert_eq!((&event.body["evidence"], &event.body["because"]), (&fact, &json!("clock")));
        assert_eq!(event.asset, Some((asset.id, asset.name.clone())));
        let about = event.finding.as_ref().unwrap();
        assert_eq!((about.id, about.package.as_str()), (key.id(), "openssl"));
        assert_eq!(about.vulnerability, key.vulnerability.as_str());
    }
}

async fn assets_are_told_of(db: &Db) {
    let told = told_by(db, async || drop(insert_asset(db, 1).await)).await;
    let id = asset(1).id;
    assert_eq!(told.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::AssetAdded]);
    let told = told_by(db, async || {
        for (reason, hour) in [("no answer", 1), ("no answer", 2), ("refused", 3)] {
            let mut tx = db.begin().await.unwrap();
            store::asset::record_error(&mut tx, id, reason, at(hour)).await.unwrap();
            tx.commit().await.unwrap();
        }
        for hour in [4, 5] {
            let mut tx = db.begin().await.unwrap();
            store::asset::retire(&mut tx, id, &crate::sample::retired(), at(hour)).await.unwrap();
            tx.commit().await.unwrap();
        }
    });
    let found: Vec<_> = told.await.iter().map(|event| (event.kind, event.at, event.body["reason"].clone())).collect();
    let failed = EventKind::InspectionFailed;
    assert_eq!(
        found,
        [
            (failed, at(1), json!("no answer")),
            (failed, at(3), json!("refused")),
            (EventKind::AssetRetired, at(4), json!(null))
        ]
    );
}

async fn a_job_that_fails_for_good_is_told_of_once(db: &Db) {
    let lease = SignedDuration::from_mins(1);
    let claim = Claim { kinds: &["inspect"], segment: "", priority_max: i64::MAX, holder: "one", lease };
    for (key, by_silence) in [("a", false), ("b", true)] {
        let job = NewJob {
            kind: "inspect".to_owned(),
            key: key.to_owned(),
            payload: json!(null),
            priority: 0,
            run_at: at(0),
            attempts_max: 2,
            lane: String::new(),
            segment: String::new(),
            asked_by: String::new(),
        };
        let told = told_by(db, async || {
            let mut tx = db.begin().await.unwrap();
            queue::enqueue(&mut tx, &job, at(0)).await.unwrap().unwrap();
            tx.commit().await.unwrap();
            // That a holder died says little of the job, so it gets one chance more.
            for hour in 1..=2 + i64::from(by_silence) {
                let held = queue::claim(db, &claim, at(hour)).await.unwrap().unwrap();
                if !by_silence {
                    let mut tx = db.begin().await.unwrap();
                    queue::fail(&mut tx, &held, "no answer", at(hour)).await.unwrap();
                    tx.commit().await.unwrap();
                }
            }
            assert_eq!(queue::claim(db, &claim, at(4)).await.unwrap(), None);
        });
        let told = told.await;
        let [event] = &told[..] else { panic!("{told:?}") };
        assert_eq!((event.kind, &event.body["key"]), (EventKind::JobDead, &json!(key)));
        assert!(!event.body["reason"].as_str().unwrap().is_empty());
    }
}

/// Writers at once, some of whom change their minds, and readers who begin anew from wherever they were.
async fn whoever_goes_on_misses_nothing_and_sees_nothing_twice(db: &Db) {
    const WRITERS: u64 = 8;
    const TURNS: u64 = 12;
    let beginning = outbox::end(db).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let db = db.clone();
            tokio::spawn(async move {
                for turn in 0..TURNS {
                    let first = (writer * TURNS + turn) * 3;
                    let mut tx = db.begin().await.unwrap();
                    (first..first + 3).for_each(|number| tx.tell(numbered(number)));
                    if turn % 4 == 3 { drop(tx) } else { tx.commit().await.unwrap() }
                }
            })
        })
        .collect();
    let (mut seen, mut position) = (Vec::new(), beginning);
    loop {
        let all_written = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = outbox::after(db, &position, &[], 5).await.unwrap();
        assert_eq!(page.lost, None);
        seen.extend(page.events.iter().map(number));
        // As whoever resumes does: by what was written of it.
        position = page.end.to_string().parse().unwrap();
        if all_written && !page.more {
            break;
        }
        tokio::task::yield_now().await;
    }
    let expected: BTreeSet<u64> =
        (0..WRITERS * TURNS).filter(|turn| turn % TURNS % 4 != 3).flat_map(|turn| turn * 3..turn * 3 + 3).collect();
    assert_eq!(seen.len(), expected.len(), "none twice");
    assert_eq!(seen.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert!(seen.chunks(3).all(|told| told[1] == told[0] + 1 && told[2] == told[0] + 2), "a transaction is one piece");
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn a_filter_passes_over_what_nobody_asked_for(db: &Db) {
    let beginning = outbox::end(db).await.unwrap();
    tell(db, 1..=3).await;
    insert_asset(db, 1).await;
    tell(db, 4..=4).await;
    let kinds = [EventKind::AssetAdded, EventKind::AssetRetired];
    let page = outbox::after(db, &beginning, &kinds, 10).await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::AssetAdded]);
    assert_eq!((page.lost, page.more, &page.end), (None, false, &outbox::end(db).await.unwrap()));
    let again = outbox::after(db, &page.end, &kinds, 10).await.unwrap();
    assert_eq!((again.events, again.lost), (vec![], None));
}

async fn what_was_forgotten_is_said_to_be_lost(db: &Db) {
    let beginning = outbox::end(db).await.unwrap();
    let told = async |number, hour| {
        let mut tx = db.begin().await.unwrap();
        tx.tell(NewEvent::new(at(hour), EventKind::ImportDone).saying(&json!({ "number": number })));
        tx.commit().await.unwrap();
        outbox::end(db).await.unwrap()
    };
    // The second claims to be of the future, which keeps nothing.
    let mut positions = Vec::new();
    for (number, hour) in [(1, 1), (2, 900), (3, 3), (4, 4)] {
        positions.push(told(number, hour).await);
    }
    let mut tx = db.begin().await.unwrap();
    assert_eq!(outbox::prune(&mut tx, at(3), at(5)).await.unwrap(), 2);
    assert_eq!(outbox::prune(&mut tx, at(3), at(5)).await.unwrap(), 0);
    tx.commit().await.unwrap();
    for (position, lost, left) in [
        (&beginning, true, vec![3, 4]),
        (&positions[0], true, vec![3, 4]),
        (&positions[1], false, vec![3, 4]),
        (&positions[2], false, vec![4]),
    ] {
        let page = after(db, position).await;
        assert_eq!(page.events.iter().map(number).collect::<Vec<_>>(), left, "{position}");
        assert_eq!(page.lost, lost.then(|| positions[1].clone()), "{position}");
    }
    let mut tx = db.begin().await.unwrap();
    assert_eq!(outbox::prune(&mut tx, at(100), at(100)).await.unwrap(), 2);
    tx.commit().await.unwrap();
    let page = after(db, &positions[2]).await;
    assert_eq!((page.lost.as_ref(), page.events.len()), (Some(&positions[3]), 0));
    assert_eq!(after(db, &positions[3]).await.lost, None);
}

async fn a_position_that_never_was_is_said_to_be_lost(db: &Db) {
    tell(db, [1, 2]).await;
    let end = outbox::end(db).await.unwrap();
    let (epoch, _) = end.to_string().split_once('-').map(|(epoch, seq)| (epoch.to_owned(), seq.to_owned())).unwrap();
    let ahead = after(db, &format!("{epoch}-3").parse().unwrap()).await;
    assert_eq!((ahead.lost.as_ref(), ahead.events.len(), &ahead.end), (Some(&end), 0, &end));
    let elsewhere = after(db, &"0123456789ab-2".parse().unwrap()).await;
    assert_eq!((elsewhere.lost.is_some(), elsewhere.events.len()), (true, 2));
}

#[tokio::test]
async fn a_restored_database_says_that_events_are_lost() {
    let (source, target) = (db::sqlite().await, db::sqlite().await);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    tell(&source.db, [1, 2]).await;
    let position = outbox::end(&source.db).await.unwrap();
    backup::backup(&source.db, &file).await.unwrap();
    backup::restore(&target.db, &file, at(9)).await.unwrap();
    tell(&target.db, [3]).await;
    let page = after(&target.db, &position).await;
    assert_eq!((page.lost.is_some(), page.events.iter().map(number).collect::<Vec<_>>()), (true, vec![3]));
}
