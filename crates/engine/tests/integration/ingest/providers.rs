//! CSAF providers that break: nothing is taken to be withdrawn that could not be asked for, and no document keeps another out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::feed::FeedSnapshot;
use engine::ingest::{self, PROVIDER_TIME, PROVIDERS_FILE, Quiet, SyncOptions};
use outside::{ClientOptions, NeverTouch, Source};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{Site, instant};

const RELEASED: &str = "2099-01-01T00:00:00Z";
const LATER: &str = "2099-01-02T00:00:00Z";
const DAYS: [&str; 4] =
    ["2099-01-13T08:00:00Z", "2099-01-14T09:00:00Z", "2099-01-15T10:00:00Z", "2099-01-16T11:00:00Z"];
const METADATA: &str = "/provider-metadata.json";

/// A publisher on loopback: what it answers, and what it was asked for.
struct Publisher {
    server: MockServer,
    pages: Arc<Mutex<BTreeMap<String, ResponseTemplate>>>,
    site: Site,
}

impl Publisher {
    async fn start() -> Self {
        let (server, site) = (MockServer::start().await, Site::new());
        let pages: Arc<Mutex<BTreeMap<String, ResponseTemplate>>> = Arc::default();
        let served = Arc::clone(&pages);
        let answer = move |request: &Request| {
            let pages = served.lock().expect("nobody broke it");
            pages.get(request.url.path()).cloned().unwrap_or_else(|| ResponseTemplate::new(404))
        };
        Mock::given(any()).respond_with(answer).mount(&server).await;
        std::fs::create_dir_all(site.data()).expect("a folder");
        std::fs::write(site.data().join(PROVIDERS_FILE), format!("{}{METADATA}\n", server.uri())).expect("it writes");
        Self { server, pages, site }
    }

    fn put(&self, path: &str, page: impl Into<Vec<u8>>) {
        self.answer(path, ResponseTemplate::new(200).set_body_bytes(page));
    }

    fn answer(&self, path: &str, answer: ResponseTemplate) {
        self.pages.lock().expect("nobody broke it").insert(path.to_owned(), answer);
    }

    fn remove(&self, path: &str) {
        self.pages.lock().expect("nobody broke it").remove(path);
    }

    /// Paths that were asked for.
    async fn asked(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.expect("they are kept");
        requests.iter().map(|request| request.url.path().to_owned()).collect()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.uri())
    }

    /// Metadata that names folders.
    fn folders(&self, folders: &[&str]) {
        let one = |folder: &&str| format!(r#"{{"directory_url": "{}"}}"#, self.url(folder));
        let folders: Vec<_> = folders.iter().map(one).collect();
        self.put(METADATA, format!(r#"{{"distributions": [{}]}}"#, folders.join(",")));
    }

    /// Metadata that names feeds of ROLIE.
    fn feeds(&self, urls: &[String]) {
        let one = |url: &String| format!(r#"{{"tlp_label": "WHITE", "url": "{url}"}}"#);
        let feeds = urls.iter().map(one).collect::<Vec<_>>().join(",");
        self.put(METADATA, format!(r#"{{"distributions": [{{"rolie": {{"feeds": [{feeds}]}}}}]}}"#));
    }

    /// A folder with these documents, and its list of changes.
    fn folder(&self, folder: &str, numbers: impl IntoIterator<Item = u32>) {
        let mut changes = String::new();
        for n in numbers {
            changes += &format!("vend-{n}.json,{RELEASED}\n");
            self.put(&format!("{folder}vend-{n}.json"), document(n));
        }
        self.put(&format!("{folder}changes.csv"), changes);
    }

    /// Brings it up to date; gives what is known of it then.
    async fn sync(&self, at: &str) -> FeedSnapshot {
        self.sync_within(at, PROVIDER_TIME).await
    }

    async fn sync_within(&self, at: &str, provider_time: Duration) -> FeedSnapshot {
        let client = ClientOptions { attempts: 1, ..ClientOptions::default() };
        let source = Source::publishers(client, NeverTouch::default()).expect("a client");
        self.sync_from(source, at, provider_time).await
    }

    async fn sync_from(&self, source: Source, at: &str, provider_time: Duration) -> FeedSnapshot {
        let only = Some(vec!["csaf".to_owned()]);
        let (data_dir, accept_loss) = (self.site.data(), Vec::new());
        let options = SyncOptions { data_dir, source, only, accept_loss, now: instant(at), provider_time };
        ingest::sync(&options, &Quiet).await.expect("it synchronises");
        let mut snapshots = ingest::snapshots(&self.site.data()).into_iter();
        snapshots.find(|snapshot| snapshot.id.starts_with("csaf-")).expect("it is known")
    }
}

fn document(n: u32) -> String {
    format!(
        r#"{{"document": {{"category": "csaf_security_advisory", "csaf_version": "2.0",
            "tracking": {{"id": "VEND-{n}", "status": "final", "current_release_date": "{RELEASED}"}}}},
        "product_tree": {{"full_product_names": [{{"name": "demo", "product_id": "P",
            "product_identification_helper": {{"purl": "pkg:npm/vigie-demo-{n}@1.0.0"}}}}]}},
        "vulnerabilities": [{{"cve": "CVE-2099-10040", "product_status": {{"known_affected": ["P"]}}}}]}}"#
    )
}

fn entry(url: &str, updated: &str) -> String {
    format!(r#"{{"id": "x", {updated} "content": {{"src": "{url}"}}}}"#)
}

/// Whether it is a part, and whether it failed.
fn state(snapshot: &FeedSnapshot) -> (bool, bool) {
    (snapshot.partial, snapshot.last_error.is_some())
}

const FRESH: (bool, bool) = (false, false);
const PARTIAL: (bool, bool) = (true, false);

#[tokio::test]
async fn a_feed_with_an_entry_that_cannot_be_read_takes_nothing_away() {
    let vendor = Publisher::start().await;
    vendor.feeds(&[vendor.url("/white.json")]);
    let updated = format!(r#""updated": "{RELEASED}","#);
    let all = |first: Option<String>| {
        let rest = (2..=12).map(|n| entry(&vendor.url(&format!("/vend-{n}.json")), &updated));
        let entries = first.into_iter().chain(rest).collect::<Vec<_>>().join(",");
        vendor.put("/white.json", format!(r#"{{"feed": {{"entry": [{entries}]}}}}"#));
    };
    (1..=12).for_each(|n| vendor.put(&format!("/vend-{n}.json"), document(n)));
    all(Some(entry(&vendor.url("/vend-1.json"), &updated)));
    let first = vendor.sync(DAYS[0]).await;
    assert_eq!(state(&first), FRESH, "{first:?}");
    assert!(first.record_count > 0);
    for broken in [entry(&vendor.url("/vend-1.json"), ""), entry("ftp://127.0.0.1/vend-1.json", &updated)] {
        all(Some(broken));
        let after = vendor.sync(DAYS[1]).await;
        assert_eq!((state(&after), after.record_count), (PARTIAL, first.record_count), "{after:?}");
        assert_eq!(after.problem_count, 1);
    }
    all(None);
    let after = vendor.sync(DAYS[2]).await;
    assert_eq!((state(&after), after.problem_count), (FRESH, 0), "{after:?}");
    assert!(after.record_count < first.record_count);
}

#[tokio::test]
async fn a_list_that_may_not_be_asked_for_takes_nothing_away() {
    let vendor = Publisher::start().await;
    let updated = format!(r#""updated": "{RELEASED}","#);
    let list = |numbers: std::ops::RangeInclusive<u32>| {
        let entries: Vec<_> = numbers.map(|n| entry(&vendor.url(&format!("/vend-{n}.json")), &updated)).collect();
        format!(r#"{{"feed": {{"entry": [{}]}}}}"#, entries.join(","))
    };
    (1..=12).for_each(|n| vendor.put(&format!("/vend-{n}.json"), document(n)));
    vendor.put("/a.json", list(2..=12));
    vendor.put("/b.json", list(1..=1));
    vendor.feeds(&[vendor.url("/a.json"), vendor.url("/b.json")]);
    let first = vendor.sync(DAYS[0]).await;
    assert_eq!(state(&first), FRESH, "{first:?}");
    assert!(first.record_count > 0);
    vendor.feeds(&[vendor.url("/a.json"), "http://elsewhere.example/b.json".to_owned()]);
    let after = vendor.sync(DAYS[1]).await;
    assert_eq!((state(&after), after.record_count), (PARTIAL, first.record_count), "{after:?}");

    // What was wrong with a list leaves with it.
    vendor.put("/b.json", format!(r#"{{"feed": {{"entry": [{}]}}}}"#, entry(&vendor.url("/vend-1.json"), "")));
    vendor.feeds(&[vendor.url("/a.json"), vendor.url("/b.json")]);
    let after = vendor.sync(DAYS[2]).await;
    assert_eq!((state(&after), after.problem_count), (PARTIAL, 1), "{after:?}");
    vendor.feeds(&[vendor.url("/a.json")]);
    let after = vendor.sync(DAYS[3]).await;
    assert_eq!((state(&after), after.problem_count), (FRESH, 0), "{after:?}");
}

#[tokio::test]
async fn a_folder_that_fails_is_not_forgotten_for_the_next_one() {
    let vendor = Publisher::start().await;
    vendor.folders(&["/a/", "/b/"]);
    vendor.folder("/a/", 1..=1);
    vendor.folder("/b/", 2..=12);
    let first = vendor.sync(DAYS[0]).await;
    assert_eq!(state(&first), FRESH, "{first:?}");
    assert!(first.record_count > 0);
    vendor.put("/a/changes.csv", "<html>\n");
    let after = vendor.sync(DAYS[1]).await;
    assert_eq!(after.record_count, first.record_count, "{after:?}");
    assert!(after.last_error.expect("it failed").contains("a row has no path and instant"));
    vendor.remove("/a/changes.csv");
    let after = vendor.sync(DAYS[1]).await;
    assert_eq!(after.record_count, first.record_count, "{after:?}");
    let expected = format!("there is no {}, and no {}", vendor.url("/a/changes.csv"), vendor.url("/a/index.txt"));
    assert_eq!(after.last_error, Some(expected));

    // A list that is late is waited for: the other one has no instants, and would bring everything again.
    vendor.put("/a/index.txt", "vend-1.json\n");
    vendor.answer("/a/changes.csv", ResponseTemplate::new(500));
    let before = vendor.asked().await.iter().filter(|path| *path == "/a/index.txt").count();
    let after = vendor.sync(DAYS[1]).await;
    assert!(after.last_error.expect("it failed").ends_with("/a/changes.csv answered 500"));
    assert_eq!(vendor.asked().await.iter().filter(|path| *path == "/a/index.txt").count(), before);
    vendor.answer("/a/changes.csv", ResponseTemplate::new(404));
    let after = vendor.sync(DAYS[1]).await;
    assert_eq!((state(&after), after.record_count), (FRESH, first.record_count), "{after:?}");
}

#[tokio::test]
async fn a_mirror_that_lacks_a_list_takes_nothing_away() {
    let vendor = Publisher::start().await;
    vendor.folders(&["/a/", "/b/"]);
    vendor.folder("/a/", 1..=1);
    vendor.folder("/b/", 2..=12);
    let mirror = |lists: &str| {
        let metadata = format!("{}\tprovider-metadata.json\tplain\n", vendor.url(METADATA));
        vendor.put("/urls.tsv", format!("{metadata}{lists}"));
        async {
            Source::mirror(&vendor.server.uri(), ClientOptions::default(), NeverTouch::default())
                .await
                .expect("it opens")
        }
    };
    let [a, b] = ["a", "b"].map(|folder| format!("{}\t{folder}\tprefix\n", vendor.url(&format!("/{folder}/"))));
    let source = mirror(&format!("{a}{b}")).await;
    let first = vendor.sync_from(source, DAYS[0], PROVIDER_TIME).await;
    assert_eq!(state(&first), FRESH, "{first:?}");
    assert!(first.record_count > 0);
    let source = mirror(&b).await;
    let after = vendor.sync_from(source, DAYS[1], PROVIDER_TIME).await;
    assert_eq!((state(&after), after.record_count), (PARTIAL, first.record_count), "{after:?}");
}

#[tokio::test]
async fn a_slow_provider_goes_on_in_the_next_run() {
    let vendor = Publisher::start().await;
    vendor.folders(&["/a/"]);
    vendor.folder("/a/", 1..=12);
    let first = vendor.sync(DAYS[0]).await;
    assert_eq!(state(&first), FRESH, "{first:?}");
    assert!(first.record_count > 0);
    vendor.folder("/a/", 2..=14);
    vendor.answer("/a/vend-13.json", ResponseTemplate::new(200).set_delay(Duration::from_secs(60)));
    let after = vendor.sync_within(DAYS[1], Duration::from_secs(2)).await;
    assert_eq!((state(&after), after.record_count), (PARTIAL, first.record_count), "one came, and one is withdrawn");
    // Who cannot be asked at all says nothing of what is missing.
    vendor.answer(METADATA, ResponseTemplate::new(500));
    assert_eq!(state(&vendor.sync(DAYS[2]).await), (true, true));
    vendor.folders(&["/a/"]);
    vendor.folder("/a/", 2..=14);
    let after = vendor.sync(DAYS[2]).await;
    assert_eq!(state(&after), FRESH, "{after:?}");
    assert!(after.record_count > first.record_count);

    vendor.answer("/a/changes.csv", ResponseTemplate::new(200).set_delay(Duration::from_secs(60)));
    let after = vendor.sync_within(DAYS[3], Duration::from_secs(1)).await;
    assert!(after.last_error.expect("it failed").contains("its lists take more than 0 minutes"));
}

#[tokio::test]
async fn a_document_on_a_dead_host_keeps_no_other_out() {
    let vendor = Publisher::start().await;
    vendor.feeds(&[vendor.url("/white.json")]);
    let updated = |at: &str| format!(r#""updated": "{at}","#);
    let entries = [
        entry("https://nowhere.invalid/dead.json", &updated(LATER)),
        entry(&vendor.url("/vend-1.json"), &updated(RELEASED)),
    ];
    vendor.put("/white.json", format!(r#"{{"feed": {{"entry": [{}]}}}}"#, entries.join(",")));
    vendor.put("/vend-1.json", document(1));
    let after = vendor.sync(DAYS[0]).await;
    assert_eq!((after.problem_count, after.last_error.is_none()), (1, true), "{after:?}");
    assert!(after.problems[0].contains("https://nowhere.invalid/dead.json: no answer"), "{after:?}");
    assert!(after.record_count > 0);
}

#[tokio::test]
async fn hashes_that_nobody_may_see_are_lacking() {
    let vendor = Publisher::start().await;
    vendor.folders(&["/a/"]);
    vendor.folder("/a/", 1..=1);
    vendor.answer("/a/vend-1.json.sha256", ResponseTemplate::new(403));
    vendor.answer("/a/vend-1.json.sha512", ResponseTemplate::new(403));
    let after = vendor.sync(DAYS[0]).await;
    assert_eq!((state(&after), after.problem_count), (FRESH, 0), "{after:?}");
}

#[tokio::test]
async fn broken_documents_take_no_place_in_the_next_run() {
    let vendor = Publisher::start().await;
    vendor.feeds(&[vendor.url("/white.json")]);
    let updated = |at: &str| format!(r#""updated": "{at}","#);
    let broken = (0..feeds::DOCUMENTS_A_RUN).map(|n| (format!("/broken-{n}.json"), LATER));
    let all = broken.chain([("/vend-1.json".to_owned(), RELEASED)]);
    let entries: Vec<_> = all.map(|(path, at)| entry(&vendor.url(&path), &updated(at))).collect();
    vendor.put("/white.json", format!(r#"{{"feed": {{"entry": [{}]}}}}"#, entries.join(",")));
    (0..feeds::DOCUMENTS_A_RUN).for_each(|n| vendor.put(&format!("/broken-{n}.json"), "{"));
    vendor.put("/vend-1.json", document(1));
    let first = vendor.sync(DAYS[0]).await;
    assert_eq!((first.partial, first.problem_count, first.record_count), (true, 2000, 0));
    let after = vendor.sync("2099-01-13T09:00:00Z").await;
    assert!(after.record_count > 0, "{after:?}");
}
