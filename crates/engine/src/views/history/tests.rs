//! Each change says what had changed, whoever met it.

use std::collections::BTreeSet;
use std::fs;

use domain::advisory::{Advisory, Rank, Statement, Versions};
use domain::component::Ecosystem;
use domain::feed::FeedSnapshot;
use domain::finding::{ClosedCause, Detection, FixedCause, OpenedBy};
use domain::inventory::{Area, Gap, Identity};
use domain::record::Record;
use domain::vulnerability::VulnerabilityId;
use knowledge::Builder;
use store::Db;

use super::*;
use crate::identify::tests::{KEY, World, identity};
use crate::ingest::{KNOWLEDGE_FILE, PREVIOUS_FILE};

testkit::contract!(
    new_inventory_and_new_advisories_are_told_apart,
    what_advisories_take_back_is_said,
    what_the_operator_decides_and_takes_back_is_said,
    a_decision_is_about_what_was_found,
    a_system_that_was_installed_anew_was_not_remediated,
    what_happens_to_assets_is_no_matter_of_knowledge,
    who_retired_it_is_said,
);

const FLAW: &str = "CVE-2099-0001";
const VEX: &str = "https://vex.example/1";

impl World {
    /// Puts knowledge to use that says this of the package, or nothing.
    fn said(&self, statement: Option<Statement>) {
        self.decided(statement, None);
    }

    /// The same with what the operator says.
    fn decided(&self, statement: Option<Statement>, own: Option<Statement>) {
        let mut builder = Builder::new();
        let fetched_at = Some("2099-01-13T00:00:00Z".parse().unwrap());
        let sha256 = "0".repeat(64);
        builder.feed(FeedSnapshot { fetched_at, sha256, record_count: 10, ..FeedSnapshot::never("debian") });
        let release = || Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() };
        builder.record("debian", Record::Release { ecosystem: Ecosystem::Deb, release: release() });
        let words = [("debian", FLAW, Rank::Vendor, statement), ("local", VEX, Rank::Operator, own)];
        for (feed, document, rank, statement) in words {
            let Some(statement) = statement else { continue };
            let id = VulnerabilityId::new(FLAW).unwrap();
            let advisory = Advisory::new(feed, document, Ecosystem::Deb, release(), "bash", id, statement);
            builder.record(feed, Record::Advisory(Advisory { rank, ..advisory }));
        }
        let path = self.engine.data_dir.join(KNOWLEDGE_FILE);
        fs::rename(&path, self.engine.data_dir.join(PREVIOUS_FILE)).unwrap();
        fs::write(&path, builder.finish().unwrap()).unwrap();
    }

    async fn explained(&self, asset: AssetId) -> Vec<Explained> {
        let stored = store::finding::of_asset(&self.engine.db, asset).await.unwrap();
        let [only] = &stored[..] else { panic!("one finding: {stored:?}") };
        let row = self.engine.finding(only.finding.key.id()).await.unwrap().unwrap();
        self.engine.history(&row).await.unwrap()
    }

    async fn whys(&self, asset: AssetId) -> Vec<Why> {
        self.explained(asset).await.iter().map(|explained| explained.why).collect()
    }
}

fn fixed_in(version: &str) -> Option<Statement> {
    Some(Statement::FixedIn { version: version.to_owned() })
}

fn advisory() -> Option<(String, String)> {
    Some(("debian".to_owned(), FLAW.to_owned()))
}

async fn new_inventory_and_new_advisories_are_told_apart(db: &Db) {
    let world = World::new(db);
    let asset = world.known("ssh://root@10.0.0.7").await;
    world.said(None);
    let whom = || identity("web", Some(0), Some(0), "10.0.0.7");
    world.inspected(&asset, whom(), "1-1").await;
    // The inspection meets the advisory before anything stored is matched with it: the inventory is the same.
    world.said(fixed_in("2-1"));
    world.inspected(&asset, whom(), "1-1").await;
    let history = world.explained(asset.id).await;
    assert_eq!((history[0].why, history[0].advisory.clone()), (Why::NewAdvisory, advisory()));
    assert!(matches!(history[0].event.cause, Cause::Inspection(_)));
    // The upgrade and the downgrade are the asset's.
    world.inspected(&asset, whom(), "2-1").await;
    world.inspected(&asset, whom(), "1-1").await;
    assert_eq!(world.whys(asset.id).await, [Why::NewAdvisory, Why::NewInventory, Why::NewInventory]);
    assert_eq!(world.explained(asset.id).await[1].advisory, None);

    // Where the package is there from the beginning, it is the inventory that is new.
    let other = world.known("ssh://root@10.0.0.8").await;
    world.inspected(&other, identity("other", Some(1), Some(1), "10.0.0.8"), "1-1").await;
    assert_eq!(world.whys(other.id).await, [Why::NewInventory]);
}

async fn what_advisories_take_back_is_said(db: &Db) {
    let world = World::new(db);
    let asset = world.known("ssh://root@10.0.0.7").await;
    let whom = || identity("web", Some(0), Some(0), "10.0.0.7");
    world.inspected(&asset, whom(), "1-1").await;
    let (affected, corrected) = (fixed_in("2-1"), fixed_in("1-1"));
    for (statement, why) in [
        (None, Why::Withdrawn),
        (affected.clone(), Why::NewAdvisory),
        (corrected.clone(), Why::CorrectedRange),
        (affected.clone(), Why::NewAdvisory),
        (Some(Statement::NotAffected), Why::CorrectedRange),
        (affected, Why::NewAdvisory),
    ] {
        world.wait(1);
        world.said(statement);
        world.engine.rematch().await.unwrap();
        let last = world.explained(asset.id).await.pop().unwrap();
        assert_eq!((last.why, last.advisory), (why, advisory()));
        assert!(matches!(last.event.cause, Cause::Knowledge(_)));
    }
    // Whoever meets it first.
    for (statement, why) in
        [(corrected, Why::CorrectedRange), (fixed_in("2-1"), Why::NewAdvisory), (None, Why::Withdrawn)]
    {
        world.wait(1);
        world.said(statement);
        world.inspected(&asset, whom(), "1-1").await;
        let last = world.explained(asset.id).await.pop().unwrap();
        assert_eq!((last.why, last.advisory), (why, advisory()));
    }
}

/// What the last event says: how the finding stands by now, why, and by whose word.
async fn told(world: &World, asset: AssetId) -> (Detection, Why, Option<(String, String)>) {
    let (detection, ..) = world.finding(asset).await.unwrap();
    let last = world.explained(asset).await.pop().unwrap();
    (detection, last.why, last.advisory)
}

async fn what_the_operator_decides_and_takes_back_is_said(db: &Db) {
    let world = World::new(db);
    let asset = world.known("ssh://root@10.0.0.7").await;
    let whom = || identity("web", Some(0), Some(0), "10.0.0.7");
    world.inspected(&asset, whom(), "1-1").await;
    let own = || Some(("local".to_owned(), VEX.to_owned()));
    let decided = |statement: Option<Statement>| world.decided(fixed_in("2-1"), statement);
    // Whether stored inventories are matched again, or an inspection meets it first.
    for is_inspected in [false, true] {
        for (statement, why) in [(Some(Statement::NotAffected), Why::NewDecision), (None, Why::WithdrawnDecision)] {
            world.wait(1);
            let is_given = statement.is_some();
            decided(statement);
            match is_inspected {
                false => assert_eq!(world.engine.rematch().await.unwrap(), 1),
                true => world.inspected(&asset, whom(), "1-1").await,
            }
            let (detection, told, by) = told(&world, asset.id).await;
            assert_eq!((told, by), (why, own()));
            match detection {
                Detection::Closed { cause, .. } => assert_eq!((cause, is_given), (ClosedCause::NotAffected, true)),
                other => assert_eq!((other, is_given), (Detection::Open, false)),
            }
        }
    }
    let [only] = &store::finding::of_asset(db, asset.id).await.unwrap()[..] else { panic!("one finding") };
    let opened: Vec<OpenedBy> = only.finding.episodes.iter().map(|episode| episode.opened_by).collect();
    assert_eq!(opened, [OpenedBy::Detected, OpenedBy::DecisionLapsed, OpenedBy::DecisionLapsed]);
    assert_eq!(store::finding::replay_check(db, asset.id).await.unwrap(), []);
    // Where the vendor says so too, it is the vendor's correction.
    world.wait(1);
    world.decided(Some(Statement::NotAffected), Some(Statement::NotAffected));
    world.engine.rematch().await.unwrap();
    let (detection, why, by) = told(&world, asset.id).await;
    assert!(matches!(detection, Detection::Closed { cause: ClosedCause::RangeCorrected, .. }), "{detection:?}");
    assert_eq!((why, by), (Why::CorrectedRange, advisory()));
}

/// An upgrade is an upgrade, whatever the operator says of what was there before.
async fn a_decision_is_about_what_was_found(db: &Db) {
    let world = World::new(db);
    let asset = world.known("ssh://root@10.0.0.7").await;
    let whom = || identity("web", Some(0), Some(0), "10.0.0.7");
    let only = |version: &str| Versions { ranges: Vec::new(), exact: vec![version.to_owned()] };
    world.inspected(&asset, whom(), "1-1").await;
    world.decided(fixed_in("3-1"), Some(Statement::NotAffectedIn(only("2-1"))));
    world.engine.rematch().await.unwrap();
    assert_eq!(told(&world, asset.id).await.0, Detection::Open, "it is about another version");
    // By all other words this one would be affected: no remediation, and no news of the operator's.
    world.inspected(&asset, whom(), "2-1").await;
    let (detection, why, by) = told(&world, asset.id).await;
    assert!(matches!(detection, Detection::Closed { cause: ClosedCause::NotAffected, .. }), "{detection:?}");
    assert_eq!((why, by), (Why::NewInventory, None));
    world.inspected(&asset, whom(), "1-1").await;
    let (detection, why, _) = told(&world, asset.id).await;
    assert_eq!((detection, why), (Detection::Open, Why::NewInventory), "of this version nothing is decided");
    world.decided(fixed_in("3-1"), Some(Statement::FixedIn { version: "2-1".to_owned() }));
    world.inspected(&asset, whom(), "2-1").await;
    let (detection, why, _) = told(&world, asset.id).await;
    assert!(matches!(detection, Detection::Fixed { cause: FixedCause::Upgraded, .. }), "{detection:?}");
    assert_eq!(why, Why::NewInventory);
}

/// The same release on the same machine, with other code: nobody has upgraded anything.
async fn a_system_that_was_installed_anew_was_not_remediated(db: &Db) {
    let world = World::new(db);
    let asset = world.known("ssh://root@10.0.0.7").await;
    let installed = |machine: usize| Identity {
        serial: Some("Dell/ABC1234".to_owned()),
        ..identity("web", Some(machine), Some(machine), "10.0.0.7")
    };
    let reimaged = |detection| matches!(detection, Detection::Closed { cause: ClosedCause::Reimaged, .. });
    world.inspected(&asset, installed(0), "1-1").await;
    // What is read in part proves nothing, and does not make the system an old one.
    world.wait(1);
    let gap = Gap { area: Area::Packages, subject: "status".to_owned(), reason: "truncated".to_owned() };
    let half = Inventory { gaps: vec![gap], ..crate::identify::tests::inventory(installed(1), "2-1") };
    world.engine.keep(&asset, &half, world.engine.now(), None).await.unwrap();
    assert_eq!(told(&world, asset.id).await.0, Detection::Open);
    world.inspected(&asset, installed(1), "2-1").await;
    assert_eq!(world.living().await.len(), 1, "it is the same machine");
    let (detection, why, by) = told(&world, asset.id).await;
    assert!(reimaged(detection), "{detection:?}");
    assert_eq!((why, by), (Why::NewInventory, None));
    // From here on it is this system that is upgraded.
    world.inspected(&asset, installed(1), "1-1").await;
    assert_eq!(told(&world, asset.id).await.0, Detection::Open);
    world.inspected(&asset, installed(1), "2-1").await;
    let (detection, ..) = told(&world, asset.id).await;
    assert!(matches!(detection, Detection::Fixed { cause: FixedCause::Upgraded, .. }), "{detection:?}");

    // Nobody knows at first whether the new system has it, and the knowledge decides later.
    let other = world.known("ssh://root@10.0.0.8").await;
    let installed = |machine: usize| Identity {
        serial: Some("Dell/XYZ9876".to_owned()),
        machine_id: Some(["89abcdef01234567", "76543210fedcba98"][machine].repeat(2)),
        ..identity("db", None, None, "10.0.0.8")
    };
    world.inspected(&other, installed(0), "1-1").await;
    world.wait(1);
    world.said(Some(Statement::Undetermined));
    world.inspected(&other, installed(1), "2-1").await;
    assert_eq!(told(&world, other.id).await.0, Detection::Open);
    world.wait(1);
    world.said(fixed_in("2-1"));
    world.engine.rematch().await.unwrap();
    let (detection, ..) = told(&world, other.id).await;
    assert!(reimaged(detection), "{detection:?}");
    // Judging all of it anew gives the same.
    let checked = world.engine.check_next(&crate::work::Report::default()).await.unwrap();
    assert_eq!(checked.differing, []);
    for asset in [asset.id, other.id] {
        assert_eq!(store::finding::replay_check(db, asset).await.unwrap(), []);
    }
}

async fn what_happens_to_assets_is_no_matter_of_knowledge(db: &Db) {
    let world = World::new(db);
    let (one, two) = (world.known("ssh://root@one.example").await, world.known("ssh://ops@two.example").await);
    world.inspected(&one, Identity::default(), "1-1").await;
    world.inspected(&two, Identity::default(), "2-1").await;
    world.wait(1);
    world.merge(two.id, one.id).await.unwrap();
    let last = world.explained(one.id).await.pop().unwrap();
    assert_eq!((last.why, last.advisory), (Why::AssetMerged, None), "the newer reading is of the same machine now");
    assert!(matches!(last.event.cause, Cause::Merged { .. }));

    // What only the other's reading told goes with it, and what is left is judged for itself.
    let (three, four) = (world.known("ssh://root@three.example").await, world.known("ssh://ops@four.example").await);
    world.said(None);
    world.inspected(&three, Identity::default(), "1-1").await;
    world.inspected(&four, Identity::default(), "1-1").await;
    world.merge(three.id, four.id).await.unwrap();
    world.said(fixed_in("2-1"));
    world.engine.rematch().await.unwrap();
    let records = store::record::of_asset(db, three.id).await.unwrap();
    let of_four = |assigned: &&store::record::Assigned| assigned.record.native_key.contains("four.example");
    let leaving: BTreeSet<_> = records.iter().filter(of_four).map(|assigned| assigned.record.id).collect();
    world.wait(1);
    world.split(three.id, &leaving).await.unwrap();
    assert_eq!(world.whys(three.id).await, [Why::AssetSplit]);
    assert_eq!(world.whys(four.id).await, [Why::NewAdvisory]);
}

async fn who_retired_it_is_said(db: &Db) {
    let world = World::new(db);
    let asset = world.known("ssh://root@10.0.0.7").await;
    world.inspected(&asset, identity("web", Some(0), Some(0), "10.0.0.7"), "1-1").await;
    world.wait(1);
    let mut tx = db.acting_as("ada").begin().await.unwrap();
    world.engine.retire_asset(&mut tx, asset.id, None).await.unwrap();
    tx.commit().await.unwrap();
    let last = world.explained(asset.id).await.pop().unwrap();
    assert_eq!((last.why, last.event.cause.by()), (Why::AssetRetired, Some("ada")));
    assert_eq!(world.seen("10.0.0.7", Some(KEY[0])).await.id, asset.id);
    let last = world.explained(asset.id).await.pop().unwrap();
    assert_eq!(last.why, Why::AssetReturned);
    assert!(matches!(last.event.cause, Cause::Returned { .. }));
}
