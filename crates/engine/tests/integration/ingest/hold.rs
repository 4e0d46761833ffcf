//! Less than before, and less than there can be: what is held, and what is a part.

use domain::feed::FeedState;
use engine::ingest::{self, Outcome, Quiet, SyncOptions, SyncReport};
use outside::{ClientOptions, NeverTouch, Source};
use testkit::mirror::{TestMirror, VectorSource, VendorState, published};

use super::{AS_OF, Site, instant, outcome, sync};

/// A mirror whose tracker has so many entries more.
fn listed(count: usize) -> TestMirror {
    (0..count).fold(TestMirror::demo(AS_OF, &["bookworm"]), |mirror, number| {
        let id = format!("TEMP-{number:07}-ABCDEF");
        mirror.advisory("bookworm", "vigie-demo-many", &id, VendorState::Open)
    })
}

#[tokio::test]
async fn a_feed_that_loses_a_tenth_is_held_until_somebody_confirms() {
    let site = Site::new();
    site.sync(&listed(100), AS_OF).await;
    let before = site.snapshot("debian").record_count;
    let report = site.sync(&listed(80), AS_OF).await;
    let held = outcome(&report, "debian");
    assert!(matches!(&held, Outcome::Failed(reason) if reason.starts_with("held: ")), "{held:?}");
    assert_eq!(site.snapshot("debian").record_count, before);
    assert!(site.knowledge().vulnerability("TEMP-0000099-ABCDEF").is_some(), "the last good records stay in use");
    let source = Source::mirror(&site.mirror().to_string_lossy(), ClientOptions::default(), NeverTouch::default())
        .await
        .expect("it opens");
    let accept_loss = vec!["debian".to_owned()];
    let options = SyncOptions {
        data_dir: site.data(),
        source,
        only: None,
        accept_loss,
        now: instant(AS_OF),
        provider_time: ingest::PROVIDER_TIME,
    };
    let report = ingest::sync(&options, &Quiet).await.expect("it synchronises");
    assert_eq!(outcome(&report, "debian"), Outcome::Updated);
    assert_eq!(site.snapshot("debian").record_count, before - 20);
    assert!(site.knowledge().vulnerability("TEMP-0000099-ABCDEF").is_none());
}

#[tokio::test]
async fn implausibly_few_records_are_a_part_and_the_mirror_may_say_that_they_are_meant_so() {
    let site = Site::new();
    let mirror = published().fold(TestMirror::demo(AS_OF, &["bookworm"]), |mirror, feed| mirror.unmarked(feed.id));
    site.sync(&mirror, AS_OF).await;
    for feed in published() {
        let snapshot = site.snapshot(feed.id);
        assert_eq!(snapshot.state(instant(AS_OF)), FeedState::Partial, "{}", feed.id);
        assert!(snapshot.lack.contains("are expected"), "{snapshot:?}");
    }
    site.sync(&TestMirror::demo(AS_OF, &["bookworm"]), AS_OF).await;
    assert_eq!(site.state("debian", AS_OF), FeedState::Fresh);
    assert_eq!(site.snapshot("debian").lack, "");
}

#[tokio::test]
async fn of_ecosystems_each_has_a_least_number() {
    let site = Site::new();
    let entry = r#"{"id": "GHSA-0000-0000-0000", "modified": "2024-01-10T00:00:00Z", "aliases": ["CVE-2099-0001"],
        "affected": [{"package": {"ecosystem": "npm", "name": "vigie-demo"},
        "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.0.0"}]}]}]}"#;
    std::fs::create_dir_all(site.mirror()).expect("a folder");
    std::fs::write(site.mirror().join("GHSA-0000-0000-0000.json"), entry).expect("a file");
    // Archives are told apart by what is in them.
    let mut tar = std::process::Command::new("tar");
    tar.arg("-C").arg(site.mirror()).arg("-cf").arg(site.mirror().join("npm.zip")).arg("GHSA-0000-0000-0000.json");
    assert!(tar.status().expect("tar runs").success());
    let url = "https://osv-vulnerabilities.storage.googleapis.com/npm/all.zip";
    std::fs::write(site.mirror().join("urls.tsv"), format!("{url}\tnpm.zip\tplain\n")).expect("a table");
    let mirror = site.mirror().to_string_lossy().into_owned();
    sync(&mirror, &site.data(), AS_OF, Some(vec!["osv".to_owned()]), &Quiet).await.expect("it synchronises");
    let snapshot = site.snapshot("osv");
    assert!(snapshot.lack.starts_with("npm.zip has only "), "{snapshot:?}");
}

#[tokio::test]
async fn a_loss_is_a_loss_wherever_it_comes_from_and_whatever_parser_read_it() {
    let site = Site::new();
    site.sync(&listed(100), AS_OF).await;
    let before = site.snapshot("debian").record_count;
    listed(20).write(&site.mirror()).expect("it is written");
    let elsewhere = tempfile::tempdir().expect("a folder");
    listed(20).write(elsewhere.path()).expect("it is written");
    let is_held = |report: &SyncReport| matches!(outcome(report, "debian"), Outcome::Failed(reason) if reason.starts_with("held: "));
    let path = site.mirror().to_string_lossy().into_owned();
    let parent = site.mirror().parent().expect("it has one").to_string_lossy().into_owned();
    let elsewhere = elsewhere.path().to_string_lossy().into_owned();
    for place in [format!("{path}/"), format!("{path}/."), format!("{parent}/./mirror"), elsewhere.clone()] {
        let report = sync(&place, &site.data(), AS_OF, None, &Quiet).await.expect("it synchronises");
        assert!(is_held(&report), "{place}: {report:?}");
    }
    // As after an upgrade whose parser yields something else.
    let state = site.data().join("feeds/debian/snapshot.json");
    let text = std::fs::read_to_string(&state).expect("it reads");
    let older = text.replace(&format!("\"parser\": {}", feeds::PARSER_VERSION), "\"parser\": 1");
    assert_ne!(text, older);
    std::fs::write(&state, older).expect("it is written");
    let report = sync(&path, &site.data(), AS_OF, None, &Quiet).await.expect("it synchronises");
    assert!(is_held(&report), "{report:?}");
    assert_eq!(site.snapshot("debian").record_count, before);
    // A whole feed takes the place of a part, however much the part had beside.
    let sample = Site::new();
    sample.sync(&listed(100).partial("debian"), AS_OF).await;
    let report = sync(&elsewhere, &sample.data(), AS_OF, None, &Quiet).await.expect("it synchronises");
    assert_eq!(outcome(&report, "debian"), Outcome::Updated);
}

#[tokio::test]
async fn documents_of_an_older_parser_are_held_too() {
    let site = Site::new();
    let described = |count: usize| {
        (0..count).fold(TestMirror::demo(AS_OF, &["bookworm"]), |mirror, number| {
            let (id, vector) = (format!("CVE-2099-3{number:04}"), "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H");
            mirror.vector(&id, VectorSource::Cna, vector)
        })
    };
    site.sync(&described(100), AS_OF).await;
    let before = site.snapshot("vulnrichment").record_count;
    let state = site.data().join("feeds/vulnrichment/snapshot.json");
    let text = std::fs::read_to_string(&state).expect("it reads");
    let older = text.replace(&format!("\"parser\": {}", feeds::PARSER_VERSION), "\"parser\": 1");
    std::fs::write(&state, older).expect("it is written");
    for _ in 0..2 {
        let report = site.sync(&described(20), AS_OF).await;
        let held = outcome(&report, "vulnrichment");
        assert!(matches!(&held, Outcome::Failed(reason) if reason.starts_with("held: ")), "{held:?}");
        assert_eq!(site.snapshot("vulnrichment").record_count, before);
        assert!(site.knowledge().vulnerability("CVE-2099-30099").is_some(), "the last good records stay in use");
    }
    let report = site.sync(&described(100), AS_OF).await;
    assert_eq!(outcome(&report, "vulnrichment"), Outcome::Updated);
}
