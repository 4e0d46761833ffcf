//! Each feed broken in each way, at first and after a good snapshot.

use domain::feed::FeedState;
use engine::ingest::{Outcome, Quiet};
use testkit::mirror::{Damage, TestMirror, published};

use super::{AS_OF, Site, outcome};

const LATER: &str = "2024-01-12T12:00:00Z";

/// What a broken feed may be, when nothing good was there before.
fn at_first(damage: Damage) -> &'static [FeedState] {
    match damage {
        // What comes before the cut is kept where the format allows it; a cut gzip of few records gives none.
        Damage::Truncated => &[FeedState::Partial, FeedState::Failed],
        Damage::Garbled | Damage::Bomb | Damage::Oversized => &[FeedState::Failed],
        Damage::Removed => &[FeedState::Never],
        Damage::Emptied => &[FeedState::Empty],
    }
}

#[tokio::test]
async fn a_feed_that_is_broken_at_first_is_never_fresh_and_stops_no_other() {
    for feed in published() {
        for damage in Damage::ALL {
            let site = Site::new();
            let mirror = TestMirror::demo(AS_OF, &["bookworm"]).damaged(feed.id, damage);
            let report = site.sync(&mirror, AS_OF).await;
            let state = site.state(feed.id, AS_OF);
            assert!(at_first(damage).contains(&state), "{} {damage:?}: {state:?} {report:?}", feed.id);
            let others = published().filter(|other| other.id != feed.id);
            for other in others {
                assert_eq!(site.state(other.id, AS_OF), FeedState::Fresh, "{} beside {}", other.id, feed.id);
            }
            let in_file = site.knowledge();
            let carried = in_file.feeds().iter().find(|snapshot| snapshot.id == feed.id).expect("it is carried");
            let stored = site.snapshot(feed.id);
            assert_eq!((&carried.sha256, carried.record_count), (&stored.sha256, stored.record_count));
        }
    }
}

#[tokio::test]
async fn a_feed_that_breaks_later_keeps_its_last_good_records_and_says_why() {
    for feed in published() {
        for damage in Damage::ALL {
            let site = Site::new();
            let good = TestMirror::demo(AS_OF, &["bookworm"]);
            site.sync(&good, AS_OF).await;
            let before = site.snapshot(feed.id);
            let report = site.sync(&good.clone().damaged(feed.id, damage), LATER).await;
            let after = site.snapshot(feed.id);
            assert_eq!(after.record_count, before.record_count, "{} {damage:?}", feed.id);
            assert_eq!(after.sha256, before.sha256, "{} {damage:?}", feed.id);
            if damage == Damage::Removed {
                assert_eq!(after, before, "a mirror that no longer has it says nothing about it");
            } else {
                assert!(after.last_error.is_some(), "{} {damage:?}: {after:?}", feed.id);
                assert!(report.has_failure());
                assert_eq!(site.state(feed.id, LATER), FeedState::Failed);
            }
            assert!(site.knowledge().vulnerability("CVE-2099-10001").is_some());
            let repaired = site.sync(&good, LATER).await;
            assert!(!repaired.has_failure(), "{} {damage:?}: {repaired:?}", feed.id);
            assert_eq!(site.state(feed.id, LATER), FeedState::Fresh);
        }
    }
}

#[tokio::test]
async fn errors_name_the_source_and_what_is_wrong_with_it() {
    let errors = |damage| async move {
        let site = Site::new();
        site.sync(&TestMirror::demo(AS_OF, &["bookworm"]).damaged("kev", damage), AS_OF).await;
        site.snapshot("kev").last_error.unwrap_or_default()
    };
    let garbled = errors(Damage::Garbled).await;
    assert!(garbled.starts_with("kev/known_exploited_vulnerabilities.json: "), "{garbled}");
    let bomb = errors(Damage::Bomb).await;
    assert!(bomb.contains("decompression bomb"), "{bomb}");
    let large = errors(Damage::Oversized).await;
    assert!(large.contains("known_exploited_vulnerabilities.json holds more than"), "{large}");
}

#[tokio::test]
async fn one_bad_record_is_counted_and_named_and_the_others_are_kept() {
    let site = Site::new();
    TestMirror::demo(AS_OF, &["bookworm"]).write(&site.mirror()).expect("it is written");
    let tracker = site.mirror().join("debian/json");
    let text = std::fs::read_to_string(&tracker).expect("it reads");
    let bad = text.replacen("\"status\":\"open\"", "\"status\":[\"open\"]", 1);
    assert_ne!(text, bad);
    std::fs::write(&tracker, bad).expect("it is written");
    let mirror = site.mirror().to_string_lossy().into_owned();
    let report = super::sync(&mirror, &site.data(), AS_OF, None, &Quiet).await.expect("it synchronises");
    assert_eq!(outcome(&report, "debian"), Outcome::Updated);
    let snapshot = site.snapshot("debian");
    assert_eq!(snapshot.problem_count, 1);
    assert!(snapshot.problems[0].starts_with("debian tracker.json: vigie-demo-"), "{:?}", snapshot.problems);
    assert_eq!(snapshot.record_count, 13, "the unreadable one is undetermined, not gone");
    assert_eq!(site.state("debian", AS_OF), FeedState::Partial);
}
