//! Synchronisation against the test mirror: what breaks, what stays, and what a kill leaves.

mod broken;
mod hold;
mod http;
mod imported;
mod kill;
mod nvd;
mod pages;
mod providers;

use std::path::{Path, PathBuf};

use domain::feed::{FeedSnapshot, FeedState};
use engine::ingest::{self, Outcome, Progress, Quiet, Step, SyncError, SyncOptions, SyncReport};
use jiff::Timestamp;
use knowledge::Knowledge;
use outside::{ClientOptions, NeverTouch, Source};
use testkit::mirror::{TestMirror, VendorState, published};

pub(crate) const AS_OF: &str = "2024-01-12T06:00:00Z";

/// A mirror and a data folder beside it.
pub(crate) struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder can be made") }
    }

    pub(crate) fn mirror(&self) -> PathBuf {
        self.folder.path().join("mirror")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) async fn sync(&self, mirror: &TestMirror, at: &str) -> SyncReport {
        mirror.write(&self.mirror()).expect("the mirror can be written");
        sync(&self.mirror().to_string_lossy(), &self.data(), at, None, &Quiet).await.expect("it synchronises")
    }

    pub(crate) fn knowledge(&self) -> Knowledge {
        let knowledge = Knowledge::open(&self.data().join(ingest::KNOWLEDGE_FILE)).expect("there is knowledge");
        knowledge.verify().expect("the knowledge is whole");
        knowledge
    }

    pub(crate) fn snapshot(&self, feed: &str) -> FeedSnapshot {
        let mut all = ingest::snapshots(&self.data()).into_iter();
        all.find(|snapshot| snapshot.id == feed).expect("every feed has a snapshot")
    }

    pub(crate) fn state(&self, feed: &str, at: &str) -> FeedState {
        self.snapshot(feed).state(instant(at))
    }
}

pub(crate) fn outcome(report: &SyncReport, feed: &str) -> Outcome {
    report.feeds.iter().find(|(id, _)| id == feed).expect("the feed was asked for").1.clone()
}

pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) async fn sync(
    mirror: &str,
    data_dir: &Path,
    at: &str,
    only: Option<Vec<String>>,
    progress: &dyn Progress,
) -> Result<SyncReport, SyncError> {
    let source =
        Source::mirror(mirror, ClientOptions::default(), NeverTouch::default()).await.expect("the mirror opens");
    let options = SyncOptions {
        data_dir: data_dir.to_owned(),
        source,
        only,
        accept_loss: Vec::new(),
        now: instant(at),
        provider_time: ingest::PROVIDER_TIME,
    };
    ingest::sync(&options, progress).await
}

#[tokio::test]
async fn a_good_mirror_gives_fresh_feeds_and_knowledge_that_finds_everything() {
    let site = Site::new();
    let report = site.sync(&TestMirror::demo(AS_OF, &["bookworm"]), AS_OF).await;
    for feed in published() {
        assert_eq!(outcome(&report, feed.id), Outcome::Updated, "{}", feed.id);
        assert_eq!(site.state(feed.id, AS_OF), FeedState::Fresh, "{}", feed.id);
    }
    let knowledge = site.knowledge();
    assert_eq!(knowledge.feeds().len(), feeds::FEEDS.len());
    let worst = knowledge.vulnerability("CVE-2099-10001").expect("it is known");
    assert!(worst.kev.is_some() && worst.epss.is_some() && worst.ssvc.is_some() && worst.vectors.len() == 1);
    assert!(knowledge.vulnerability("CVE-2099-10012").expect("it is known").rejected);
}

#[tokio::test]
async fn the_same_again_changes_nothing_but_the_time_of_fetching() {
    let site = Site::new();
    let mirror = TestMirror::demo(AS_OF, &["bookworm"]);
    site.sync(&mirror, AS_OF).await;
    let hash = site.knowledge().hash();
    let again = site.sync(&mirror, AS_OF).await;
    assert!(published().all(|feed| outcome(&again, feed.id) == Outcome::Unchanged), "{again:?}");
    assert!(!again.compiled);
    assert_eq!(site.knowledge().hash(), hash);
    let later = site.sync(&mirror, "2024-01-12T07:00:00Z").await;
    assert!(!later.compiled, "the same records are the same knowledge");
    assert_eq!(site.knowledge().hash(), hash);
    assert_eq!(site.snapshot("debian").fetched_at, Some(instant("2024-01-12T07:00:00Z")));
}

#[tokio::test]
async fn a_new_advisory_arrives_and_a_removed_one_goes() {
    let site = Site::new();
    let first = TestMirror::demo(AS_OF, &["bookworm"]);
    site.sync(&first, AS_OF).await;
    let second = first.advisory("trixie", "vigie-demo-new", "CVE-2099-20000", VendorState::Open).without_advisory(
        "bookworm",
        "vigie-demo-old",
        "TEMP-2099001-ABCDEF",
    );
    let report = site.sync(&second, AS_OF).await;
    assert_eq!(outcome(&report, "debian"), Outcome::Updated);
    assert_eq!(outcome(&report, "kev"), Outcome::Unchanged);
    let knowledge = site.knowledge();
    assert!(knowledge.vulnerability("CVE-2099-20000").is_some());
    assert!(knowledge.vulnerability("TEMP-2099001-ABCDEF").is_none());
}

#[tokio::test]
async fn only_what_is_asked_for_is_fetched_and_an_unknown_feed_is_an_error() {
    let site = Site::new();
    TestMirror::demo(AS_OF, &["bookworm"]).write(&site.mirror()).expect("it is written");
    let mirror = site.mirror().to_string_lossy().into_owned();
    let only = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect());
    sync(&mirror, &site.data(), AS_OF, only(&["kev", "epss"]), &Quiet).await.expect("it synchronises");
    let states: Vec<_> = published().map(|feed| site.state(feed.id, AS_OF)).collect();
    assert_eq!(states, [FeedState::Never, FeedState::Never, FeedState::Fresh, FeedState::Fresh, FeedState::Never]);
    let error =
        sync(&mirror, &site.data(), AS_OF, only(&["kev", "cev"]), &Quiet).await.expect_err("there is no such feed");
    assert_eq!(error.to_string(), format!("unknown feed \"cev\" (known: {})", feeds::known_ids()));
}

#[tokio::test]
async fn what_the_mirror_lacks_is_never_fetched_and_what_it_calls_partial_is_partial() {
    let site = Site::new();
    let mirror = TestMirror::demo(AS_OF, &["bookworm"]).without("nvd").partial("debian");
    let report = site.sync(&mirror, AS_OF).await;
    assert_eq!(outcome(&report, "nvd"), Outcome::Absent);
    assert!(!report.has_failure());
    assert_eq!(site.state("nvd", AS_OF), FeedState::Never);
    assert_eq!(site.state("debian", AS_OF), FeedState::Partial);
    let in_file = site.knowledge();
    assert!(in_file.feeds().iter().any(|feed| feed.id == "nvd" && feed.fetched_at.is_none()));
}

#[tokio::test]
async fn a_feed_of_many_files_is_partial_without_one_of_them() {
    let site = Site::new();
    TestMirror::demo(AS_OF, &["bookworm"]).write(&site.mirror()).expect("it is written");
    std::fs::remove_file(site.mirror().join("nvd/nvdcve-2.0-2017.json.gz")).expect("it is there");
    let mirror = site.mirror().to_string_lossy().into_owned();
    sync(&mirror, &site.data(), AS_OF, None, &Quiet).await.expect("it synchronises");
    assert_eq!(site.state("nvd", AS_OF), FeedState::Partial);
}

#[tokio::test]
async fn a_second_synchronisation_at_the_same_time_is_turned_away() {
    /// Starts a second synchronisation in the middle of the first.
    struct Second(tokio::sync::mpsc::UnboundedSender<()>);
    impl Progress for Second {
        fn step(&self, step: Step<'_>) {
            if step == Step::Compiling {
                self.0.send(()).expect("somebody waits");
            }
        }
    }
    let site = Site::new();
    TestMirror::demo(AS_OF, &["bookworm"]).write(&site.mirror()).expect("it is written");
    let mirror = site.mirror().to_string_lossy().into_owned();
    let (send, mut compiling) = tokio::sync::mpsc::unbounded_channel();
    let (progress, data) = (Second(send), site.data());
    let first = sync(&mirror, &data, AS_OF, None, &progress);
    let second = async {
        compiling.recv().await.expect("the first one compiles");
        sync(&mirror, &data, AS_OF, None, &Quiet).await
    };
    let (first, second) = tokio::join!(first, second);
    first.expect("the first one ends");
    assert!(matches!(second, Err(SyncError::Busy(_))), "{second:?}");
}

#[tokio::test]
async fn knowledge_that_was_lost_is_compiled_again() {
    let site = Site::new();
    let mirror = TestMirror::demo(AS_OF, &["bookworm"]);
    site.sync(&mirror, AS_OF).await;
    let hash = site.knowledge().hash();
    std::fs::write(site.data().join(ingest::KNOWLEDGE_FILE), "noise").expect("it is written");
    assert!(site.sync(&mirror, AS_OF).await.compiled);
    assert_eq!(site.knowledge().hash(), hash, "the same records give the same bytes");
}

#[tokio::test]
async fn knowledge_that_was_damaged_is_compiled_again_and_the_one_before_stays() {
    let site = Site::new();
    let mirror = TestMirror::demo(AS_OF, &["bookworm"]);
    site.sync(&mirror, AS_OF).await;
    let before = site.knowledge().hash();
    let second = mirror.advisory("trixie", "vigie-demo-new", "CVE-2099-20000", VendorState::Open);
    site.sync(&second, AS_OF).await;
    let hash = site.knowledge().hash();
    let path = site.data().join(ingest::KNOWLEDGE_FILE);
    let mut bytes = std::fs::read(&path).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).expect("it is written");
    assert!(site.sync(&second, AS_OF).await.compiled);
    assert_eq!(site.knowledge().hash(), hash);
    assert_eq!(ingest::roll_back(&site.data()).expect("there is one before"), before);
}

#[tokio::test]
async fn without_usable_knowledge_even_what_was_gone_back_from_is_compiled() {
    let site = Site::new();
    let mirror = TestMirror::demo(AS_OF, &["bookworm"]);
    site.sync(&mirror, AS_OF).await;
    let second = mirror.advisory("trixie", "vigie-demo-new", "CVE-2099-20000", VendorState::Open);
    site.sync(&second, AS_OF).await;
    let hash = site.knowledge().hash();
    let path = site.data().join(ingest::KNOWLEDGE_FILE);
    for lost in [|path: &Path| std::fs::remove_file(path), |path: &Path| std::fs::write(path, "")] {
        ingest::roll_back(&site.data()).expect("there is one before");
        lost(&path).expect("it is lost");
        assert!(site.sync(&second, AS_OF).await.compiled);
        assert_eq!(site.knowledge().hash(), hash);
        ingest::roll_back(&site.data()).expect("there is one before");
        ingest::roll_back(&site.data()).expect("and forward");
    }
}

#[tokio::test]
async fn the_same_knowledge_again_does_not_take_the_place_of_the_one_before() {
    let site = Site::new();
    let mirror = TestMirror::demo(AS_OF, &["bookworm"]);
    site.sync(&mirror, AS_OF).await;
    let before = site.knowledge().hash();
    site.sync(&mirror.advisory("trixie", "vigie-demo-new", "CVE-2099-20000", VendorState::Open), AS_OF).await;
    ingest::build(&site.data(), &Quiet).await.expect("it compiles");
    assert_eq!(ingest::roll_back(&site.data()).expect("there is one before"), before);
}

#[tokio::test]
async fn what_a_feed_did_not_say_yet_was_not_known() {
    const FIRST: &str = "2024-01-12T06:00:00Z";
    const SECOND: &str = "2024-01-14T06:00:00Z";
    const LISTED: &str = "CVE-2099-10005";
    let site = Site::new();
    let entry =
        testkit::mirror::KevEntry { added: "2024-01-13".to_owned(), due: "2024-02-01".to_owned(), ransomware: false };
    // Enough others that one less is no loss to be confirmed.
    let mirror = (0..20).fold(TestMirror::demo(AS_OF, &["bookworm"]), |mirror, number| {
        mirror.kev(&format!("CVE-2099-400{number:02}"), entry.clone())
    });
    site.sync(&mirror, FIRST).await;
    assert!(site.knowledge().vulnerability(LISTED).is_some_and(|flaw| flaw.kev.is_none()));
    let listed = mirror.clone().kev(LISTED, entry);
    site.sync(&listed, SECOND).await;
    let is_listed =
        |at: &str| site.knowledge().vulnerability_at(LISTED, instant(at)).and_then(|flaw| flaw.kev).is_some();
    assert!(!is_listed("2024-01-13T06:00:00Z"), "nobody here knew it that day");
    assert!(is_listed(SECOND));
    // Taken off, and listed again.
    site.sync(&mirror, "2024-01-16T06:00:00Z").await;
    site.sync(&listed, "2024-01-18T06:00:00Z").await;
    assert!(is_listed("2024-01-15T06:00:00Z"));
    assert!(!is_listed("2024-01-17T06:00:00Z"));
    assert!(is_listed("2024-01-18T06:00:00Z"));
}

#[tokio::test]
async fn a_listing_with_its_pages_is_one_entry() {
    let site = Site::new();
    let list = r#"{"catalogVersion": "2024.01.12", "count": 1, "vulnerabilities": [{"cveID": "CVE-2099-10001",
        "dateAdded": "2024-01-10", "notes": "https://example.org/1", "cwes": ["CWE-79"]}]}"#;
    std::fs::create_dir_all(site.mirror()).expect("a folder");
    std::fs::write(site.mirror().join("kev.json"), list).expect("a list");
    let url = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";
    std::fs::write(site.mirror().join("urls.tsv"), format!("{url}\tkev.json\tplain\n")).expect("a table");
    let mirror = site.mirror().to_string_lossy().into_owned();
    sync(&mirror, &site.data(), AS_OF, Some(vec!["kev".to_owned()]), &Quiet).await.expect("it synchronises");
    assert_eq!(site.snapshot("kev").record_count, 1);
}

#[tokio::test]
async fn what_a_part_of_a_feed_did_not_say_may_have_been_known() {
    let site = Site::new();
    let mirror = TestMirror::demo(AS_OF, &["bookworm"]);
    site.sync(&mirror.clone().partial("kev"), AS_OF).await;
    let entry =
        testkit::mirror::KevEntry { added: "2023-01-13".to_owned(), due: "2023-02-01".to_owned(), ransomware: false };
    site.sync(&mirror.kev("CVE-2099-10005", entry), "2024-01-14T06:00:00Z").await;
    let then = site.knowledge().vulnerability_at("CVE-2099-10005", instant("2024-01-13T06:00:00Z"));
    assert!(then.and_then(|flaw| flaw.kev).is_some(), "the first version speaks for the time before");
}

#[test]
fn a_synchronisation_can_run_on_any_thread() {
    fn on_any_thread<T: Send>(make: impl Fn(&'static SyncOptions) -> T) {
        // Only the type is of interest.
        drop(make);
    }
    on_any_thread(|options| ingest::sync(options, &Quiet));
}

#[tokio::test]
async fn the_knowledge_before_can_be_gone_back_to() {
    let site = Site::new();
    let first = TestMirror::demo(AS_OF, &["bookworm"]);
    site.sync(&first, AS_OF).await;
    let before = site.knowledge().hash();
    let second = first.advisory("trixie", "vigie-demo-new", "CVE-2099-20000", VendorState::Open);
    site.sync(&second, AS_OF).await;
    let after = site.knowledge().hash();
    assert_ne!(before, after);
    assert_eq!(ingest::roll_back(&site.data()).expect("there is one before"), before);
    assert_eq!(site.knowledge().hash(), before);
    assert!(!site.sync(&second, AS_OF).await.compiled, "what was gone back from does not come back by itself");
    assert_eq!(ingest::roll_back(&site.data()).expect("and forward again"), after);
    ingest::build(&site.data(), &Quiet).await.expect("it compiles");
    assert_eq!(site.knowledge().hash(), after, "the same records give the same bytes");
}

#[tokio::test]
async fn what_was_known_at_an_instant_stays_known() {
    const LATER: &str = "2024-01-14T06:00:00Z";
    let site = Site::new();
    let listed = TestMirror::demo(AS_OF, &["bookworm"]);
    site.sync(&listed, AS_OF).await;
    let entry = site.knowledge().vulnerability("CVE-2099-10001").and_then(|flaw| flaw.kev).expect("it is listed");
    let flipped = testkit::mirror::KevEntry {
        added: entry.added.to_string(),
        due: entry.due.expect("it has a due date").to_string(),
        ransomware: !entry.ransomware,
    };
    site.sync(&listed.kev("CVE-2099-10001", flipped), LATER).await;
    let knowledge = site.knowledge();
    let ransomware = |at: &str| {
        knowledge.vulnerability_at("CVE-2099-10001", instant(at)).and_then(|flaw| flaw.kev).map(|kev| kev.ransomware)
    };
    assert_eq!(ransomware("2024-01-12T07:00:00Z"), Some(entry.ransomware), "as it was known then");
    assert_eq!(
        ransomware("2023-01-01T00:00:00Z"),
        Some(entry.ransomware),
        "the first version speaks for the time before"
    );
    assert_eq!(ransomware(LATER), Some(!entry.ransomware));
    assert_eq!(
        knowledge.vulnerability("CVE-2099-10001").and_then(|flaw| flaw.kev),
        knowledge.vulnerability_at("CVE-2099-10001", instant(LATER)).and_then(|flaw| flaw.kev)
    );
}
