//! Imported knowledge stays what it is: what a site without a network has of its own goes on top.

use std::fs;
use std::path::PathBuf;

use domain::feed::FeedState;
use engine::ingest::carry::{self, CarryError};
use engine::ingest::{self, KNOWLEDGE_FILE, Quiet, SyncError, SyncReport};
use testkit::mirror::{TestMirror, VendorState};

use super::{AS_OF, Site, sync};

const LATER: &str = "2024-01-13T06:00:00Z";
const OWN: &str = "CVE-2099-30001";

/// A site with a network, and one without.
struct Sites {
    outside: Site,
    inside: Site,
}

impl Sites {
    async fn new() -> Self {
        let sites = Self { outside: Site::new(), inside: Site::new() };
        sites.outside.sync(&demo(), AS_OF).await;
        sites
    }

    fn bundle(&self) -> PathBuf {
        self.outside.data().join("bundle")
    }

    fn import(&self, since: Option<PathBuf>) -> String {
        self.try_import(since, &[]).expect("it is put to use")
    }

    fn try_import(&self, since: Option<PathBuf>, accept_loss: &[&str]) -> Result<String, CarryError> {
        let key = carry::export(&self.outside.data(), &self.bundle(), since.as_deref()).expect("it is written");
        let accept_loss: Vec<String> = accept_loss.iter().map(|id| (*id).to_owned()).collect();
        carry::import(&self.inside.data(), &self.bundle(), Some(&key), &accept_loss)
    }

    /// Says something of its own, and takes it in.
    async fn say(&self, statement: &str) -> SyncReport {
        let folder = self.inside.data().join(ingest::OPERATOR_FOLDER);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("vex.json"), statement).expect("it is written");
        self.take_in("local").await.expect("it synchronises")
    }

    async fn take_in(&self, feed: &str) -> Result<SyncReport, SyncError> {
        fs::create_dir_all(self.inside.mirror()).expect("a folder");
        if !self.inside.mirror().join("urls.tsv").is_file() {
            fs::write(self.inside.mirror().join("urls.tsv"), "").expect("an empty mirror");
        }
        let mirror = self.inside.mirror().to_string_lossy().into_owned();
        sync(&mirror, &self.inside.data(), LATER, Some(vec![feed.to_owned()]), &Quiet).await
    }

    fn knows(&self, id: &str) -> bool {
        self.inside.knowledge().vulnerability(id).is_some()
    }
}

fn demo() -> TestMirror {
    TestMirror::demo(AS_OF, &["bookworm"])
}

fn openvex(id: &str) -> String {
    format!(
        r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vex.example/1",
            "timestamp": "2024-01-13T05:00:00Z", "statements": [{{"vulnerability": {{"name": "{id}"}},
            "products": [{{"@id": "pkg:deb/debian/vigie-demo-web?arch=source&distro=bookworm"}}],
            "status": "not_affected", "justification": "component_not_present"}}]}}"#
    )
}

fn status(site: &Site, feed: &str) -> (FeedState, bool) {
    let known = ingest::status(&site.data()).into_iter().find(|known| known.snapshot.id == feed);
    let known = known.expect("every feed has a state");
    (known.snapshot.state(super::instant(LATER)), known.is_imported)
}

#[tokio::test]
async fn a_statement_of_ones_own_goes_on_top_of_what_was_imported() {
    let sites = Sites::new().await;
    let imported = sites.import(None);
    assert_eq!(imported, sites.outside.knowledge().hash());
    assert_eq!(status(&sites.inside, "debian"), (FeedState::Fresh, true));
    assert_eq!(status(&sites.outside, "debian"), (FeedState::Fresh, false));

    assert!(sites.say(&openvex(OWN)).await.compiled);
    let (before, after) = (sites.outside.knowledge(), sites.inside.knowledge());
    let worst = |knowledge: &knowledge::Knowledge| knowledge.vulnerability("CVE-2099-10001").expect("it is known");
    assert_eq!(worst(&after), worst(&before), "what was imported is there");
    assert!(sites.knows(OWN));
    assert_eq!(status(&sites.inside, "debian"), (FeedState::Fresh, true));
    assert_eq!(status(&sites.inside, "local"), (FeedState::Fresh, false));
    let again = sites.take_in("local").await.expect("it synchronises");
    assert!(!again.compiled, "nothing is new");

    sites.say(&openvex("CVE-2099-30002")).await;
    assert!(sites.knows("CVE-2099-10001") && sites.knows("CVE-2099-30002"));
    assert!(!sites.knows(OWN), "what is taken back is gone");
    ingest::build(&sites.inside.data(), &Quiet).await.expect("it compiles");
    assert!(sites.knows("CVE-2099-10001") && sites.knows("CVE-2099-30002"));
}

#[tokio::test]
async fn the_next_import_keeps_ones_own_and_a_delta_builds_on_the_last_import() {
    let sites = Sites::new().await;
    sites.import(None);
    sites.say(&openvex(OWN)).await;
    let older = sites.outside.data().join("older.vkb");
    fs::copy(sites.outside.data().join(KNOWLEDGE_FILE), &older).expect("it is copied");
    let second = demo().advisory("bookworm", "vigie-demo-new", "CVE-2099-20000", VendorState::Open);
    sites.outside.sync(&second, LATER).await;
    sites.import(Some(older));
    assert!(sites.knows("CVE-2099-20000") && sites.knows("CVE-2099-10001") && sites.knows(OWN));
    assert!(!sites.take_in("local").await.expect("it synchronises").compiled, "everything is there already");
}

#[tokio::test]
async fn going_back_from_an_import_goes_back_to_the_one_before() {
    let sites = Sites::new().await;
    sites.import(None);
    sites.say(&openvex(OWN)).await;
    let before = sites.inside.knowledge().hash();
    let second = demo().advisory("bookworm", "vigie-demo-new", "CVE-2099-20000", VendorState::Open);
    sites.outside.sync(&second, LATER).await;
    let after = sites.import(None);
    assert_eq!(ingest::roll_back(&sites.inside.data()).expect("there is one before"), before);
    assert!(!sites.take_in("local").await.expect("it synchronises").compiled, "it stays");
    sites.say(&openvex("CVE-2099-30002")).await;
    assert!(sites.knows("CVE-2099-30002") && sites.knows("CVE-2099-10001"));
    assert!(!sites.knows("CVE-2099-20000"), "the import that was gone back from does not come back by itself");
    sites.say(&openvex(OWN)).await;
    assert_eq!(sites.import(None), after);
    assert!(sites.knows("CVE-2099-20000"), "but by being imported");
}

#[tokio::test]
async fn of_a_feed_that_is_here_too_the_better_one_speaks() {
    let sites = Sites::new().await;
    sites.import(None);
    let listed = |id: &str| sites.inside.knowledge().vulnerability(id).and_then(|flaw| flaw.kev).is_some();
    assert!(listed("CVE-2099-10001"));
    // A part of it is no reason to forget the whole.
    TestMirror::new(LATER).kev("CVE-2099-10005", kev()).partial("kev").write(&sites.inside.mirror()).expect("a mirror");
    sites.take_in("kev").await.expect("it synchronises");
    assert!(listed("CVE-2099-10001"));
    assert_eq!(status(&sites.inside, "kev"), (FeedState::Fresh, true));
    // The whole of it is, once it is newer.
    TestMirror::new(LATER).kev("CVE-2099-10005", kev()).write(&sites.inside.mirror()).expect("a mirror");
    sites.take_in("kev").await.expect("it synchronises");
    assert!(!listed("CVE-2099-10001") && listed("CVE-2099-10005"));
    assert_eq!(status(&sites.inside, "kev"), (FeedState::Fresh, false));
    assert!(sites.inside.knowledge().vulnerability("CVE-2099-10001").expect("it is known").epss.is_some());
    // And an import that is newer still speaks again.
    const LAST: &str = "2024-01-14T06:00:00Z";
    let second = demo().kev("CVE-2099-10007", kev());
    sites.outside.sync(&second, LAST).await;
    sites.import(None);
    assert!(listed("CVE-2099-10001") && listed("CVE-2099-10007"));
}

fn kev() -> testkit::mirror::KevEntry {
    testkit::mirror::KevEntry { added: "2024-01-11".to_owned(), due: "2024-02-01".to_owned(), ransomware: false }
}

#[tokio::test]
async fn knowledge_that_came_as_a_file_is_not_lost_without_a_word() {
    let sites = Sites::new().await;
    fs::create_dir_all(sites.inside.data()).expect("a folder");
    fs::copy(sites.outside.data().join(KNOWLEDGE_FILE), sites.inside.data().join(KNOWLEDGE_FILE)).expect("a copy");
    let held = sites.take_in("kev").await.expect_err("everything would be lost");
    assert!(matches!(&held, SyncError::Held(lost) if lost.iter().any(|loss| loss.feed == "debian")), "{held}");
    assert!(held.to_string().contains("--accept-loss debian,"), "{held}");
    assert!(sites.knows("CVE-2099-10001"));
}

#[tokio::test]
async fn an_import_that_was_damaged_is_said_and_what_is_in_use_stays() {
    let sites = Sites::new().await;
    sites.import(None);
    let path = sites.inside.data().join("knowledge.imported.vkb");
    let mut bytes = fs::read(&path).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(&path).expect("it is removed");
    fs::write(&path, bytes).expect("it is written");
    let folder = sites.inside.data().join(ingest::OPERATOR_FOLDER);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("vex.json"), openvex(OWN)).expect("it is written");
    let error = sites.take_in("local").await.expect_err("it builds on nothing");
    assert!(error.to_string().contains("import a bundle again"), "{error}");
    assert!(sites.knows("CVE-2099-10001"));
    sites.import(None);
    assert!(sites.knows("CVE-2099-10001") && sites.knows(OWN));
}

#[tokio::test]
async fn an_import_that_would_lose_feeds_or_a_tenth_of_one_is_held_until_somebody_confirms() {
    let sites = Sites::new().await;
    sites.import(None);
    sites.say(&openvex(OWN)).await;
    let in_use = sites.inside.knowledge().hash();
    let older = sites.outside.data().join("older.vkb");
    fs::copy(sites.outside.data().join(KNOWLEDGE_FILE), &older).expect("it is copied");
    // Another site outside: two of the thirteen advisories, and nothing of most feeds.
    let fixed = || VendorState::FixedIn("1.0-2".to_owned());
    let poor = TestMirror::new(LATER).advisory("bookworm", "vigie-demo-web", "CVE-2099-10001", fixed()).advisory(
        "bookworm",
        "vigie-demo-web",
        "CVE-2099-10002",
        fixed(),
    );
    let poor = ["nvd", "kev", "epss", "vulnrichment"].into_iter().fold(poor, TestMirror::without);
    let others = Sites { outside: Site::new(), inside: sites.inside };
    others.outside.sync(&poor, LATER).await;
    for since in [None, Some(older)] {
        let held = others.try_import(since.clone(), &["kev", "epss", "nvd"]).expect_err("much would be lost");
        let said = held.to_string();
        assert!(said.contains("debian with 2 records instead of 13"), "{said}");
        assert!(said.contains("vulnrichment with 0 records instead of "), "{said}");
        assert!(said.contains("`--accept-loss debian,vulnrichment` confirms"), "{said}");
        assert_eq!(others.inside.knowledge().hash(), in_use, "what was in use stays");
        ingest::build(&others.inside.data(), &Quiet).await.expect("it compiles");
        assert_eq!(others.inside.knowledge().hash(), in_use, "and so does the import that it builds on");
    }
    let all = ["debian", "nvd", "kev", "epss", "vulnrichment"];
    others.try_import(None, &all).expect("it is confirmed");
    assert!(others.knows("CVE-2099-10001") && !others.knows("CVE-2099-10003") && others.knows(OWN));
}

#[tokio::test]
async fn a_feed_from_here_that_says_much_less_than_the_import_is_held() {
    let sites = Sites::new().await;
    let many = (0..10).fold(demo(), |mirror, number| mirror.kev(&format!("CVE-2099-5000{number}"), kev()));
    sites.outside.sync(&many, AS_OF).await;
    sites.import(None);
    TestMirror::new(LATER).kev("CVE-2099-10005", kev()).write(&sites.inside.mirror()).expect("a mirror");
    let held = sites.take_in("kev").await.expect_err("ten of eleven would be lost");
    assert!(held.to_string().contains("kev with 1 records instead of 11"), "{held}");
    assert!(sites.knows("CVE-2099-50009"));
}
