//! Assets end, and come back, with everything that they have.

use collect::discovery::net::{Options, Summary};
use domain::cause::Cause;
use domain::event::EventKind;
use domain::filter::Filter;
use domain::finding::{Detection, OpenedBy};
use domain::identity::Source;
use store::queue::Claim;
use store::{Db, audit, outbox};

use super::*;
use crate::Visible;
use crate::discover::Phantom;
use crate::identify::tests::{KEY, World, identity};
use crate::mobilize::{Extent, Upgrade};
use crate::views::Query;

testkit::contract!(
    a_host_in_the_network_expires_after_three_whole_sweeps_and_two_weeks,
    sweeps_that_say_nothing_of_it_count_for_nothing,
    findings_end_with_their_asset_and_are_back_with_it,
    what_nobody_tried_to_reach_does_not_expire,
    what_has_expired_is_not_fixed,
    what_is_being_read_is_waited_for,
    what_was_made_for_one_job_lasts_a_day,
    what_a_person_added_stays,
    two_nodes_retire_it_once,
);

const DAY: i64 = 24;
const RANGE: &str = "10.0.0.0/24";

impl World {
    async fn retire(&self) -> Retirements {
        self.engine.retire(&Policy::default(), &Report::default()).await.unwrap()
    }

    async fn upgrades(&self) -> Vec<Upgrade> {
        let extent = Extent { upgrades: 10, assets: 10 };
        self.engine.upgrades(&Visible::All, &Filter::Everything, extent).await.unwrap().upgrades
    }

    async fn retired_by_person(&self, id: AssetId, because: Option<&str>) -> anyhow::Result<Asset> {
        let mut tx = self.engine.db.acting_as("ada").begin().await.unwrap();
        let asset = self.engine.retire_asset(&mut tx, id, because).await?;
        tx.commit().await.unwrap();
        Ok(asset)
    }

    fn options(&self) -> Options {
        Options::new(vec![RANGE.parse().unwrap()])
    }

    /// A look at the whole range, which only the first address answers.
    async fn swept(&self) {
        let begun = self.engine.begin_sweep(&self.options(), self.engine.now()).await.unwrap();
        let other = sighting("10.0.0.1", self.engine.now());
        self.engine.take_sighting(&other, None).await.unwrap();
        self.engine.end_sweep(begun, &[other], &[], &Summary::default()).await.unwrap();
    }

    async fn silence(&self, asset: &Asset) {
        let mut tx = self.engine.db.begin().await.unwrap();
        store::asset::record_silence(&mut tx, asset.id, self.engine.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn told(&self, kind: EventKind) -> usize {
        let beginning = "000000000000-0".parse().unwrap();
        outbox::after(&self.engine.db, &beginning, &[kind], 100).await.unwrap().events.len()
    }

    /// Findings that a filter holds.
    async fn found(&self, filter: &str) -> u64 {
        let filter = filter.parse().unwrap();
        let query = Query { filter, sort: index::Sort::WORK, after: None, limit: 1 };
        self.engine.findings(&Visible::All, &query).await.unwrap().total
    }

    /// What is said of expired assets beside every list.
    async fn said_of_expired(&self) -> Option<String> {
        let status = self.engine.status(&Visible::All).await.unwrap();
        status.warnings.into_iter().find(|warning| warning.contains("expired"))
    }

    /// Active findings in the list of assets.
    async fn counted(&self, id: AssetId) -> Option<u64> {
        let page = self.engine.assets(&Visible::All, &crate::views::AssetQuery::all(100)).await.unwrap();
        let found = page.assets.into_iter().find(|summary| summary.asset.id == id).unwrap();
        found.counts.map(|counts| counts.iter().sum())
    }
}

fn sighting(address: &str, observed_at: Timestamp) -> Sighting {
    Sighting {
        source: "net".to_owned(),
        site: String::new(),
        address: address.parse().unwrap(),
        services: Vec::new(),
        ssh_host_key: None,
        observed_at,
    }
}

async fn a_host_in_the_network_expires_after_three_whole_sweeps_and_two_weeks(db: &Db) {
    let world = World::new(db);
    let host = world.seen("10.0.0.7", Some(KEY[0])).await;
    let seen_at = world.engine.now();
    assert_eq!(world.retire().await, Retirements { assets: 1, ..Retirements::default() });
    for round in 1..=3 {
        world.wait(2 * DAY);
        world.swept().await;
        let done = world.retire().await;
        assert_eq!((done.unreachable, done.expired), (1, 0), "round {round}");
        assert_eq!(world.asset(host.id).await.unreachable_since, Some(seen_at));
    }
    world.wait(8 * DAY - 1);
    assert_eq!(world.retire().await.expired, 0, "an hour before the two weeks are over");
    world.wait(1);
    assert_eq!(world.retire().await, Retirements { assets: 2, expired: 1, ..Retirements::default() });
    let gone = world.asset(host.id).await;
    let because = "no answer to 3 sweeps in a row, for 14 days".to_owned();
    assert_eq!((gone.retired_at, gone.unreachable_since), (Some(world.engine.now()), None));
    assert_eq!(gone.retired, Some(Retired { ending: Ending::Expired, because }));
    assert_eq!(world.retire().await, Retirements { assets: 1, ..Retirements::default() });
    assert_eq!((world.told(EventKind::AssetRetired).await, world.told(EventKind::AssetBack).await), (1, 0));

    let back = world.seen("10.0.0.9", Some(KEY[0])).await;
    assert_eq!((back.id, back.retired_at, back.retired), (host.id, None, None));
    assert_eq!(world.told(EventKind::AssetBack).await, 1);
    // At its old address it is missed, at the new one nobody has looked since.
    world.wait(1);
    assert_eq!(world.retire().await, Retirements { assets: 2, ..Retirements::default() });
}

async fn sweeps_that_say_nothing_of_it_count_for_nothing(db: &Db) {
    let world = World::new(db);
    let host = world.seen("10.0.0.7", Some(KEY[0])).await;
    let nothing = Summary::default();
    for _ in 0..5 {
        world.wait(5 * DAY);
        let now = world.engine.now();
        // Broken off.
        world.engine.begin_sweep(&world.options(), now).await.unwrap();
        // Failed.
        let begun = world.engine.begin_sweep(&world.options(), now).await.unwrap();
        world.engine.fail_sweep(begun, "no route").await.unwrap();
        // With a hole.
        let begun = world.engine.begin_sweep(&world.options(), now).await.unwrap();
        let hole = Summary {
            failures: vec![("10.0.0.9".parse().unwrap(), "no route".to_owned())],
            failed: 1,
            ..Summary::default()
        };
        world.engine.end_sweep(begun, &[sighting("10.0.0.1", now)], &[], &hole).await.unwrap();
        // Answered by a firewall.
        let begun = world.engine.begin_sweep(&world.options(), now).await.unwrap();
        let range = RANGE.parse().unwrap();
        let phantom = Phantom { range, addresses: range.hosts().collect() };
        world.engine.end_sweep(begun, &[sighting("10.0.0.1", now)], &[phantom], &nothing).await.unwrap();
        // Elsewhere, and at another door.
        let elsewhere = Options::new(vec!["10.0.1.0/24".parse().unwrap()]);
        let door = Options { ports: vec![443], ..world.options() };
        let past = Options { exclude: vec!["10.0.0.0/29".parse().unwrap()], ..world.options() };
        for options in [elsewhere, door, past] {
            let begun = world.engine.begin_sweep(&options, now).await.unwrap();
            let other = sighting(&options.ranges[0].hosts().next().unwrap().to_string(), now);
            world.engine.end_sweep(begun, &[other], &[], &nothing).await.unwrap();
        }
    }
    assert_eq!(world.retire().await, Retirements { assets: 1, ..Retirements::default() });
    // Where nobody answers, the way there may be broken: it is unreachable, and that is all.
    for _ in 0..5 {
        world.wait(DAY);
        let begun = world.engine.begin_sweep(&world.options(), world.engine.now()).await.unwrap();
        world.engine.end_sweep(begun, &[], &[], &nothing).await.unwrap();
    }
    assert_eq!(world.retire().await, Retirements { assets: 1, unreachable: 1, ..Retirements::default() });
    assert_eq!(world.retire().await.unreachable, 1);
    assert_eq!(world.seen("10.0.0.7", Some(KEY[0])).await.unreachable_since, None);
    assert_eq!(world.asset(host.id).await.unreachable_since, None, "it answers again");
}

async fn findings_end_with_their_asset_and_are_back_with_it(db: &Db) {
    let world = World::new(db);
    let host = world.known("ssh://root@10.0.0.7").await;
    let who = || identity("web", Some(0), Some(0), "10.0.0.7");
    world.inspected(&host, who(), "1-1").await;
    assert_eq!(world.counted(host.id).await, Some(1));
    world.wait(1);
    let retired_at = world.engine.now();
    let gone = world.retired_by_person(host.id, Some(" scrapped ")).await.unwrap();
    assert_eq!(gone.retired, Some(Retired { ending: Ending::Gone, because: "scrapped".to_owned() }));
    let (detection, ..) = world.finding(host.id).await.unwrap();
    assert_eq!(detection, Detection::Closed { at: retired_at, cause: ClosedCause::AssetRetired });
    assert_eq!(world.counted(host.id).await, Some(0), "it has left the open counts");
    let again = world.retired_by_person(host.id, None).await.unwrap_err();
    assert!(again.to_string().contains("is retired already"), "{again}");
    assert!(world.retired_by_person(host.id, Some("a\u{7}b")).await.is_err());
    let entry = audit::list(db, None, 1).await.unwrap().pop().unwrap();
    assert_eq!(
        (entry.actor.as_str(), entry.what.as_str(), entry.subject),
        ("ada", "asset.retire", host.id.to_string())
    );
    let ended = store::finding::of_asset(db, host.id).await.unwrap().pop().unwrap().finding;
    let events = store::finding::events(db, ended.key.id()).await.unwrap();
    assert_eq!(events.last().unwrap().cause.to_string(), "asset retired by ada");

    // A reading from before that says nothing of now.
    let late = crate::identify::tests::inventory(who(), "1-1");
    world.engine.keep(&host, &late, retired_at, None).await.unwrap();
    assert!(world.asset(host.id).await.retired_at.is_some());
    assert_eq!(world.finding(host.id).await.unwrap().0, detection);
    world.wait(100 * DAY);
    assert_eq!((world.retire().await, world.counted(host.id).await), (Retirements::default(), Some(0)));

    world.inspected(&host, who(), "1-1").await;
    let back = world.asset(host.id).await;
    assert_eq!((back.retired_at, back.retired, back.name), (None, None, host.name));
    let finding = store::finding::of_asset(db, host.id).await.unwrap().pop().unwrap().finding;
    assert_eq!((finding.detection, finding.episode().number), (Detection::Open, 2));
    assert_eq!(finding.episode().opened_by, OpenedBy::Resurrected);
    assert_eq!((world.finding(host.id).await.unwrap().2, world.counted(host.id).await), (2, Some(1)));
    assert_eq!((world.told(EventKind::FindingEnded).await, world.told(EventKind::FindingBack).await), (1, 1));

    // Seen from outside alone, it has what its last inspection showed, and nobody calls it clean.
    world.retired_by_person(host.id, None).await.unwrap();
    world.seen("10.0.0.7", Some(KEY[0])).await;
    assert_eq!((world.finding(host.id).await.unwrap().0, world.counted(host.id).await), (Detection::Open, Some(1)));
}

async fn what_nobody_tried_to_reach_does_not_expire(db: &Db) {
    let world = World::new(db);
    let host = world.known("ssh://root@10.0.0.7").await;
    world.inspected(&host, identity("web", Some(0), Some(0), "10.0.0.7"), "1-1").await;
    let met_at = world.engine.now();
    world.wait(45 * DAY - 1);
    assert_eq!(world.retire().await.unreachable, 0);
    world.wait(1);
    assert_eq!(world.retire().await.unreachable, 1);
    assert_eq!(world.asset(host.id).await.unreachable_since, Some(met_at));
    // The server stood still for months: the first try that fails proves nothing.
    world.wait(200 * DAY);
    assert_eq!(world.retire().await, Retirements { assets: 1, unreachable: 1, ..Retirements::default() });
    world.silence(&host).await;
    assert_eq!(world.retire().await.expired, 0);
    // Once it answers, everything begins anew.
    world.seen("10.0.0.7", Some(KEY[0])).await;
    assert_eq!(world.retire().await, Retirements { assets: 1, ..Retirements::default() });
    world.wait(90 * DAY);
    world.silence(&host).await;
    world.wait(DAY);
    world.silence(&host).await;
    world.engine.note_unseen().await.unwrap();
    assert!(matches!(world.finding(host.id).await.unwrap().0, Detection::Stale { .. }));
    assert_eq!(world.counted(host.id).await, Some(1), "unreachable is not fixed");
    let done = world.retire().await;
    assert_eq!((done.expired, done.findings, done.stale), (1, 0, 1));
    let gone = world.asset(host.id).await;
    assert_eq!(gone.retired.unwrap().because, "no contact for 91 days");
    assert!(world.engine.due().await.unwrap().is_empty(), "nobody looks inside any more");
}

async fn what_has_expired_is_not_fixed(db: &Db) {
    let world = World::new(db);
    let host = world.known("ssh://root@10.0.0.7").await;
    let who = || identity("web", Some(0), Some(0), "10.0.0.7");
    world.inspected(&host, who(), "1-1").await;
    let first = world.engine.now();
    assert_eq!(world.said_of_expired().await, None);
    assert_eq!(world.upgrades().await.len(), 1);
    for _ in 0..2 {
        world.wait(91 * DAY);
        world.silence(&host).await;
    }
    let done = world.retire().await;
    assert_eq!((done.expired, done.findings, done.stale), (1, 0, 1));
    let since = world.engine.now();
    assert_eq!(world.finding(host.id).await, Some((Detection::Stale { since }, first, 1)), "its episode goes on");
    let finding = store::finding::of_asset(db, host.id).await.unwrap().pop().unwrap().finding;
    assert_eq!(finding.episode().ended_at, None);
    assert_eq!(store::finding::events(db, finding.key.id()).await.unwrap().last().unwrap().cause, Cause::Clock);
    assert_eq!(world.told(EventKind::FindingEnded).await, 0);
    // It counts, and every list says why.
    assert_eq!(world.counted(host.id).await, Some(1));
    assert_eq!(world.found("retired:yes state:active").await, 1);
    assert!(world.said_of_expired().await.unwrap().starts_with("1 findings are on expired assets"));
    assert!(world.upgrades().await.is_empty(), "nobody reaches it");
    world.wait(100 * DAY);
    world.engine.note_unseen().await.unwrap();
    assert_eq!(world.retire().await, Retirements::default());
    assert_eq!(world.finding(host.id).await, Some((Detection::Stale { since }, first, 1)));

    // Inspected again, it is what it was.
    world.inspected(&host, who(), "1-1").await;
    assert_eq!(world.asset(host.id).await.retired_at, None);
    assert_eq!(world.finding(host.id).await, Some((Detection::Open, first, 1)), "the same episode");
    assert_eq!(world.said_of_expired().await, None);

    // Once a person says that it is gone, it is.
    for _ in 0..2 {
        world.wait(91 * DAY);
        world.silence(&host).await;
    }
    assert_eq!(world.retire().await.expired, 1);
    world.wait(1);
    let gone = world.retired_by_person(host.id, None).await.unwrap();
    assert_eq!((gone.retired.unwrap().ending, gone.retired_at), (Ending::Gone, Some(world.engine.now())));
    let closed = Detection::Closed { at: world.engine.now(), cause: ClosedCause::AssetRetired };
    assert_eq!(world.finding(host.id).await, Some((closed, first, 1)));
    assert_eq!((world.counted(host.id).await, world.said_of_expired().await), (Some(0), None));
}

async fn what_is_being_read_is_waited_for(db: &Db) {
    let world = World::new(db);
    let host = world.known("ssh://root@10.0.0.7").await;
    world.inspected(&host, identity("web", Some(0), Some(0), "10.0.0.7"), "1-1").await;
    for _ in 0..2 {
        world.wait(91 * DAY);
        world.silence(&host).await;
    }
    assert_eq!(world.engine.enqueue_due().await.unwrap(), 1);
    let lease = SignedDuration::from_mins(1);
    let claim = Claim { kinds: &["inspect"], segment: "", priority_max: i64::MAX, holder: "node", lease };
    let held = store::queue::claim(db, &claim, world.engine.now()).await.unwrap().unwrap();
    assert_eq!(world.retire().await.expired, 0);
    let mut tx = db.begin().await.unwrap();
    store::queue::give_back(&mut tx, &held).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.retire().await.expired, 1);
    let next = store::queue::claim(db, &claim, world.engine.now()).await.unwrap();
    assert_eq!(next, None, "what nobody has begun is not begun any more");
}

async fn what_was_made_for_one_job_lasts_a_day(db: &Db) {
    let world = World::new(db);
    let host = world.seen("10.0.0.7", Some(KEY[0])).await;
    let mut tx = db.begin().await.unwrap();
    store::asset::set_tags(&mut tx, host.id, &["ci-runner".to_owned()]).await.unwrap();
    tx.commit().await.unwrap();
    world.wait(DAY - 1);
    assert_eq!(world.retire().await, Retirements { assets: 1, ..Retirements::default() });
    world.wait(1);
    assert_eq!(world.retire().await.expired, 1);
    let because = world.asset(host.id).await.retired.unwrap().because;
    assert_eq!(because, "made for one job, and no contact for 24 hours");
}

async fn what_a_person_added_stays(db: &Db) {
    let world = World::new(db);
    let host = world.known("ssh://root@10.0.0.7").await;
    for _ in 0..4 {
        world.wait(100 * DAY);
        world.silence(&host).await;
        world.swept().await;
    }
    let records = store::record::of_asset(db, host.id).await.unwrap();
    assert!(records.iter().all(|assigned| assigned.record.source == Source::Operator));
    let done = world.retire().await;
    assert_eq!((done.unreachable, done.expired), (1, 0), "it never answered, and a person says that it is there");
    // A retired one that a person adds again is not retired again by what was before.
    let seen = world.seen("10.0.0.8", None).await;
    for _ in 0..3 {
        world.wait(10 * DAY);
        world.swept().await;
    }
    assert_eq!(world.retire().await.expired, 1);
    assert_eq!(world.known("ssh://root@10.0.0.8").await.id, seen.id);
    let done = world.retire().await;
    assert_eq!((done.expired, world.asset(seen.id).await.retired_at), (0, None));
}

async fn two_nodes_retire_it_once(db: &Db) {
    let world = World::new(db);
    for number in 2..8 {
        world.seen(&format!("10.0.0.{number}"), None).await;
    }
    for _ in 0..3 {
        world.wait(10 * DAY);
        world.swept().await;
    }
    let other = Engine::new(db.clone(), world.engine.data_dir.clone(), world.engine.never_touch.clone(), {
        let now = world.engine.now();
        std::sync::Arc::new(move || now)
    });
    let policy = Policy::default();
    let report = Report::default();
    let (a, b) = tokio::join!(world.engine.retire(&policy, &report), other.retire(&policy, &report));
    assert_eq!(a.unwrap().expired + b.unwrap().expired, 6);
    assert_eq!(world.told(EventKind::AssetRetired).await, 6);
    assert_eq!(world.living().await.keys().collect::<Vec<_>>(), ["10.0.0.1"]);
}
