//! Step by step or all at once: the same findings, each change with its cause, whatever happens to a small estate.

use domain::advisory::Versions;
use domain::asset::Retired;
use domain::finding::{ClosedCause, Detection};
use domain::retirement::Ending;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::*;

/// What happens to a small estate.
#[derive(Debug, Clone)]
enum Step {
    Inspected {
        host: usize,
        system: System,
        reading: Reading,
        /// Hours that the reading took to arrive.
        delay: i64,
    },
    /// What the feed says of a package and a flaw changes. `None`: it says nothing more.
    Said {
        package: usize,
        flaw: usize,
        statement: Option<Statement>,
        matched_at_once: bool,
    },
    /// What the operator says of a package and a flaw. `None`: it is taken back.
    Decided {
        package: usize,
        flaw: usize,
        statement: Option<Statement>,
        matched_at_once: bool,
    },
    /// A person says that both hosts are one.
    Merged,
    /// Or that they are not.
    Parted,
    Retired {
        host: usize,
        ending: Ending,
    },
    /// The clock is set back.
    SetBack,
    /// The server ends and starts again.
    Restarted,
}

fn steps(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    let version = || option::weighted(0.6, 1_u8..4);
    let system = ([version(), version(), version()], 0_usize..4)
        .prop_map(|(versions, release)| System { release: release.saturating_sub(2), versions });
    let reading = prop_oneof![
        6 => Just(Reading::Whole),
        1 => Just(Reading::Gap),
        1 => Just(Reading::Unreadable),
        1 => Just(Reading::Failed),
    ];
    let delay = prop_oneof![4 => Just(0), 1 => 1_i64..6];
    let inspected = (0..HOSTS.len(), system, reading, delay)
        .prop_map(|(host, system, reading, delay)| Step::Inspected { host, system, reading, delay });
    let statement = prop_oneof![
        3 => (2_u8..5).prop_map(|version| Some(Statement::FixedIn { version: format!("{version}-1") })),
        1 => Just(Some(Statement::Open)),
        1 => Just(Some(Statement::NotAffected)),
        1 => Just(Some(Statement::Undetermined)),
        2 => Just(None),
    ];
    let said = (0..PACKAGES.len(), 0..FLAWS.len(), statement, any::<bool>()).prop_map(
        |(package, flaw, statement, matched_at_once)| Step::Said { package, flaw, statement, matched_at_once },
    );
    let own = prop_oneof![
        3 => Just(Some(Statement::NotAffected)),
        2 => (1_u8..4).prop_map(|version| Some(Statement::NotAffectedIn(exactly(version)))),
        1 => (1_u8..4).prop_map(|version| Some(Statement::FixedIn { version: format!("{version}-1") })),
        1 => Just(Some(Statement::Open)),
        3 => Just(None),
    ];
    let decided = (0..PACKAGES.len(), 0..FLAWS.len(), own, any::<bool>()).prop_map(
        |(package, flaw, statement, matched_at_once)| Step::Decided { package, flaw, statement, matched_at_once },
    );
    let retired = (0..HOSTS.len(), prop_oneof![Just(Ending::Gone), Just(Ending::Expired)])
        .prop_map(|(host, ending)| Step::Retired { host, ending });
    let step = prop_oneof![
        8 => inspected,
        8 => said,
        5 => decided,
        1 => Just(Step::Merged),
        1 => Just(Step::Parted),
        1 => retired,
        1 => Just(Step::SetBack),
        1 => Just(Step::Restarted),
    ];
    vec(step, count)
}

fn exactly(version: u8) -> Versions {
    Versions { ranges: Vec::new(), exact: vec![format!("{version}-1")] }
}

/// What should be known of one asset.
#[derive(Default)]
struct Known {
    /// When each comes in their order, when it was read, of which host.
    readings: Vec<(Timestamp, Timestamp, usize, Inventory)>,
    active: Active,
    retired_at: Option<Timestamp>,
}

impl Known {
    fn latest(&self) -> Option<&Inventory> {
        self.readings.iter().max_by_key(|(at, ..)| *at).map(|(.., inventory)| inventory)
    }

    fn last_read_at(&self) -> Option<Timestamp> {
        let read = self.readings.iter().filter(|(.., inventory)| inventory.components.is_some());
        read.max_by_key(|(order, ..)| *order).map(|(_, at, ..)| *at)
    }
}

/// The hosts as they should be, beside the engine that is looked at.
struct Estate {
    world: World,
    said: Said,
    /// What the operator says.
    decided: Said,
    /// Packages and flaws of which the operator ever said anything.
    ever_decided: BTreeSet<[&'static str; 2]>,
    /// Both hosts are one, which is the first of them.
    merged: bool,
    known: [Known; 2],
    /// Everything that ever was active.
    ever: BTreeSet<[String; 3]>,
    systems: BTreeMap<usize, System>,
}

impl Estate {
    async fn new(db: Db) -> Self {
        let world = World::over(db, tempfile::tempdir().unwrap(), &HOSTS).await;
        let (said, known) = (Said::new(), [Known::default(), Known::default()]);
        world.publish(&said);
        Self {
            world,
            said,
            decided: Said::new(),
            ever_decided: BTreeSet::new(),
            merged: false,
            known,
            ever: BTreeSet::new(),
            systems: BTreeMap::new(),
        }
    }

    fn place(&self, host: usize) -> usize {
        if self.merged { 0 } else { host }
    }

    async fn step(&mut self, step: &Step) {
        self.world.wait();
        match step {
            Step::Inspected { host, system, reading, delay } => self.inspected(*host, *system, *reading, *delay).await,
            Step::Said { package, flaw, statement, matched_at_once } => {
                say(&mut self.said, (*package, *flaw), statement.as_ref());
                self.published(*matched_at_once).await;
            }
            Step::Decided { package, flaw, statement, matched_at_once } => {
                self.ever_decided.insert([PACKAGES[*package], FLAWS[*flaw]]);
                say(&mut self.decided, (*package, *flaw), statement.as_ref());
                self.published(*matched_at_once).await;
            }
            Step::Merged if !self.merged => self.merge().await,
            Step::Parted if self.merged => self.part().await,
            Step::Retired { host, ending } => self.retired(self.place(*host), *ending).await,
            Step::SetBack => self.world.set_forward(SignedDuration::from_mins(-217)),
            Step::Restarted => self.world.restart(),
            Step::Merged | Step::Parted => {}
        }
        self.ever.extend(self.known.iter().flat_map(|known| known.active.keys().cloned()));
    }

    async fn inspected(&mut self, host: usize, system: System, reading: Reading, delay: i64) {
        let (engine, now, place) = (&self.world.engine, self.world.engine.now(), self.place(host));
        let at = now - SignedDuration::from_hours(delay);
        if reading == Reading::Failed {
            let mut tx = engine.db.begin().await.unwrap();
            let asset = store::asset::get(&mut tx, self.world.hosts[place].id).await.unwrap().unwrap();
            engine.note_failed(&mut tx, &asset, &anyhow!("no route")).await.unwrap();
            return tx.commit().await.unwrap();
        }
        let inventory = inventory(&system, reading);
        engine.keep(&self.world.hosts[host], &inventory, at, None).await.unwrap();
        let known = &mut self.known[place];
        // What lies ahead was noted before the clock was set back, and holds nothing up.
        let can_be = |known: Timestamp| known <= now + SignedDuration::from_mins(1);
        let outdated = known.retired_at.is_some_and(|retired_at| at <= retired_at && can_be(retired_at));
        let late = known.last_read_at().is_some_and(|last| at < last && can_be(last));
        let is_back = known.retired_at.is_some() && !outdated;
        known.retired_at = known.retired_at.filter(|_| outdated);
        if !outdated && !late {
            self.world.judge(&mut known.active, &inventory);
        } else if is_back && let Some((.., latest)) = known.readings.iter().max_by_key(|(at, ..)| *at) {
            self.world.judge(&mut known.active, latest);
        }
        let ahead =
            known.readings.iter().map(|(order, ..)| *order).max().filter(|last| !outdated && !late && !can_be(*last));
        let order = ahead.map_or(at, |last| last + SignedDuration::from_millis(1));
        known.readings.push((order, if ahead.is_some() { now } else { at }, host, inventory));
        self.systems.insert(host, system);
    }

    async fn published(&mut self, matched_at_once: bool) {
        self.world.publish_with(&self.said, &self.decided);
        if matched_at_once {
            self.rematched().await;
        }
    }

    async fn rematched(&mut self) {
        self.world.engine.rematch().await.unwrap();
        for known in self.known.iter_mut().filter(|known| known.retired_at.is_none()) {
            if let Some((.., latest)) = known.readings.iter().max_by_key(|(at, ..)| *at) {
                self.world.judge(&mut known.active, latest);
            }
        }
    }

    async fn retired(&mut self, place: usize, ending: Ending) {
        let (id, known) = (self.world.hosts[place].id, &mut self.known[place]);
        if known.retired_at.is_some() {
            return;
        }
        let (engine, now) = (&self.world.engine, self.world.engine.now());
        let mut tx = engine.db.begin().await.unwrap();
        let asset = store::asset::lock(&mut tx, id).await.unwrap();
        let retired = Retired { ending, because: "of a test".to_owned() };
        engine.end_asset(&mut tx, &asset, retired, now, &Cause::Clock).await.unwrap();
        tx.commit().await.unwrap();
        known.retired_at = Some(now);
        if ending == Ending::Gone {
            known.active.clear();
        }
    }

    async fn merge(&mut self) {
        let [one, two] = [0, 1].map(|host: usize| self.world.hosts[host].id);
        let mut tx = self.world.engine.db.begin().await.unwrap();
        self.world.engine.merge_assets(&mut tx, one, two).await.unwrap();
        tx.commit().await.unwrap();
        self.merged = true;
        let other = std::mem::take(&mut self.known[1]);
        self.known[0].readings.extend(other.readings);
        self.known[0].retired_at = None;
        self.moved(0).await;
    }

    async fn part(&mut self) {
        let asset = self.world.hosts[0].id;
        let records = store::record::of_asset(&self.world.engine.db, asset).await.unwrap();
        let leaving = records.iter().filter(|assigned| assigned.record.native_key.contains(HOSTS[1]));
        let leaving = leaving.map(|assigned| assigned.record.id).collect();
        let mut tx = self.world.engine.db.begin().await.unwrap();
        self.world.engine.split_asset(&mut tx, asset, &leaving).await.unwrap();
        tx.commit().await.unwrap();
        self.merged = false;
        let all = std::mem::take(&mut self.known[0].readings);
        let (ours, theirs) = all.into_iter().partition(|(_, _, host, _)| *host == 0);
        (self.known[0].readings, self.known[1].readings) = (ours, theirs);
        self.moved(0).await;
        self.moved(1).await;
    }

    /// What came together or parted is what its latest reading says; what that leaves open was found before.
    async fn moved(&mut self, place: usize) {
        let active = self.world.active(self.world.hosts[place].id).await;
        assert!(active.keys().all(|key| self.ever.contains(key)) || self.known[place].retired_at.is_none());
        if self.known[place].retired_at.is_none() {
            let mut judged = active.clone();
            match self.known[place].latest() {
                Some(latest) => self.world.judge(&mut judged, latest),
                None => judged.clear(),
            }
            assert_eq!(active, judged, "not what the latest reading of {place} says");
        }
        self.known[place].active = active;
    }

    async fn check(&self) -> Result<(), TestCaseError> {
        for (place, known) in self.known.iter().enumerate() {
            let asset = self.world.hosts[place].id;
            prop_assert_eq!(&self.world.active(asset).await, &known.active, "on host {}", place);
            for StoredFinding { finding, .. } in store::finding::of_asset(&self.world.engine.db, asset).await.unwrap() {
                let Detection::Closed { cause: ClosedCause::NotAffected, .. } = finding.detection else { continue };
                let about = [&*finding.key.package.name, finding.key.vulnerability.as_str()];
                prop_assert!(self.ever_decided.contains(&about), "nobody decided {about:?}");
            }
            let mismatches = store::finding::replay_check(&self.world.engine.db, asset).await.unwrap();
            prop_assert!(mismatches.is_empty(), "{mismatches:?}");
        }
        Ok(())
    }
}

fn say(said: &mut Said, about: (usize, usize), statement: Option<&Statement>) {
    match statement {
        Some(statement) => said.insert(about, statement.clone()),
        None => said.remove(&about),
    };
}

async fn incremental_is_batch(db: Db, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut estate = Estate::new(db).await;
    for step in steps {
        let before = estate.world.causes().await;
        let any_retired = estate.known.iter().any(|known| known.retired_at.is_some());
        estate.step(step).await;
        estate.check().await?;
        let causes: &[&str] = match step {
            // What comes late brings the asset back, and what was read before is judged.
            Step::Inspected { .. } if any_retired => &["inspection", "asset"],
            Step::Inspected { .. } => &["inspection"],
            Step::Said { .. } | Step::Decided { .. } => &["knowledge"],
            Step::Retired { .. } => &["clock"],
            // What goes with a record is put among what is there.
            Step::Merged | Step::Parted => continue,
            Step::SetBack | Step::Restarted => &[],
        };
        // Nothing but what happened is named as the cause.
        for (word, count) in estate.world.causes().await {
            prop_assert!(
                causes.contains(&&*word) || before.get(&word) == Some(&count),
                "{word} moved something at {step:?}"
            );
        }
    }
    estate.rematched().await;
    estate.check().await?;
    prop_assert_eq!(estate.world.engine.rematch().await.unwrap(), 0);

    // Each by itself, read whole, by a clock that is right again.
    if estate.merged {
        estate.step(&Step::Parted).await;
    }
    estate.world.set_forward(SignedDuration::from_hours(300));
    let begun = estate.world.engine.now();
    let systems = estate.systems.clone();
    for (host, system) in &systems {
        estate.step(&Step::Inspected { host: *host, system: *system, reading: Reading::Whole, delay: 0 }).await;
    }
    estate.check().await?;
    let state = estate.world.state().await;

    // Once more, at once and by the same inspections: nothing moves.
    prop_assert_eq!(estate.world.engine.rematch().await.unwrap(), 0);
    let before = estate.world.causes().await;
    for (host, system) in &systems {
        estate.step(&Step::Inspected { host: *host, system: *system, reading: Reading::Whole, delay: 0 }).await;
    }
    prop_assert_eq!(estate.world.causes().await, before);
    prop_assert_eq!(&estate.world.state().await, &state);

    let test = testkit::db::sqlite().await;
    let mut batch = Estate::new(test.db.clone()).await;
    *batch.world.now.lock().unwrap() = begun;
    (batch.said, batch.decided) = (estate.said.clone(), estate.decided.clone());
    batch.world.publish_with(&batch.said, &batch.decided);
    for (host, system) in &systems {
        batch.step(&Step::Inspected { host: *host, system: *system, reading: Reading::Whole, delay: 0 }).await;
    }
    let (active, open) = state;
    let (expected, expected_open) = batch.world.state().await;
    prop_assert_eq!(&open, &expected_open);
    // A verdict that nobody gives any more is no proof of absence: what was active stays so, and is undecided too.
    let is_open = |[host, package, flaw, _]: &&[String; 4]| {
        let host = HOSTS.iter().position(|name| name == host).and_then(|index| open[index].as_ref());
        let about = |undecided: &Undecided| {
            undecided.subject == *package && undecided.vulnerability.as_ref().is_some_and(|id| id.as_str() == flaw)
        };
        host.is_some_and(|all| all.iter().any(about))
    };
    let decided: BTreeSet<&[String; 4]> = active.iter().filter(|found| !is_open(found)).collect();
    prop_assert_eq!(decided, expected.iter().collect::<BTreeSet<_>>());
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 32, ..Config::default() })]

    #[test]
    fn incremental_equals_batch(steps in steps(1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let test = testkit::db::sqlite().await;
            incremental_is_batch(test.db.clone(), &steps).await
        })?;
    }
}

testkit::contract!(
    a_long_history_step_by_step,
    knowledge_that_came_and_went_unmatched_is_made_up_for,
    a_late_reading_ends_nothing,
    a_late_reading_brings_nothing_back,
);

/// The same on both databases, long enough that everything happens.
async fn a_long_history_step_by_step(db: &Db) {
    let tree = steps(60..61).new_tree(&mut TestRunner::deterministic()).unwrap();
    incremental_is_batch(db.clone(), &tree.current()).await.unwrap();
}

async fn knowledge_that_came_and_went_unmatched_is_made_up_for(db: &Db) {
    let said = |package, matched_at_once| Step::Said {
        package,
        flaw: 0,
        statement: Some(Statement::FixedIn { version: "2-1".to_owned() }),
        matched_at_once,
    };
    // The host lacks what the latest knowledge is about, and has what the one before it was about.
    let steps = [whole([Some(1), None, None]), said(0, false), said(1, true)];
    incremental_is_batch(db.clone(), &steps).await.unwrap();
}

fn whole(versions: [Option<u8>; 3]) -> Step {
    Step::Inspected { host: 0, system: System { release: 0, versions }, reading: Reading::Whole, delay: 0 }
}

/// A reading that is older than the latest, which it comes after.
async fn late(db: &Db, latest: Step, versions: [Option<u8>; 3]) {
    let statement = Some(Statement::FixedIn { version: "2-1".to_owned() });
    let said = Step::Said { package: 0, flaw: 0, statement, matched_at_once: true };
    let mut steps = vec![said, whole([Some(1), None, None])];
    steps.extend(vec![latest; 4]);
    let late = Step::Inspected { host: 0, system: System { release: 0, versions }, reading: Reading::Whole, delay: 4 };
    steps.push(late);
    incremental_is_batch(db.clone(), &steps).await.unwrap();
}

async fn a_late_reading_ends_nothing(db: &Db) {
    late(db, whole([Some(1), None, None]), [Some(3), None, None]).await;
}

async fn a_late_reading_brings_nothing_back(db: &Db) {
    late(db, whole([Some(3), None, None]), [Some(1), None, None]).await;
}
