//! A list in pages is asked for up to its end.

use std::fs;

use engine::ingest::Quiet;
use serde_json::json;

use super::{AS_OF, Site, sync};

/// Writes the pages of EUVD, each with the flaws of these numbers.
fn publish(site: &Site, pages: &[&[u32]]) {
    fs::create_dir_all(site.mirror()).expect("a folder");
    let mut table = String::new();
    for (page, flaws) in pages.iter().enumerate() {
        let entry = |number: &u32| {
            json!({"id": format!("EUVD-2099-{number}"), "aliases": format!("CVE-2099-{number}\n"),
                "exploitedSince": "Jan 2, 2024, 12:00:00 AM"})
        };
        let file = json!({"items": flaws.iter().map(entry).collect::<Vec<_>>(), "total": 3});
        fs::write(site.mirror().join(format!("{page}.json")), file.to_string()).expect("a page");
        let url = "https://euvdservices.enisa.europa.eu/api/search?exploited=true&size=100&page=";
        table += &format!("{url}{page}\t{page}.json\tplain\n");
    }
    fs::write(site.mirror().join("urls.tsv"), table).expect("a table");
}

#[tokio::test]
async fn nothing_is_asked_for_after_an_empty_page_and_what_was_there_is_gone() {
    let site = Site::new();
    let known = async || {
        let mirror = site.mirror().to_string_lossy().into_owned();
        sync(&mirror, &site.data(), AS_OF, Some(vec!["euvd".to_owned()]), &Quiet).await.expect("it synchronises");
        let knowledge = site.knowledge();
        let exploited = |id: &str| knowledge.vulnerability(id).is_some_and(|flaw| !flaw.exploits.is_empty());
        [10001, 10002, 10003].map(|number| exploited(&format!("CVE-2099-{number}")))
    };
    publish(&site, &[&[10001, 10011, 10012], &[10002], &[], &[10003]]);
    assert_eq!(known().await, [true, true, false], "the page after the empty one is beyond the end");
    assert_eq!(site.snapshot("euvd").record_count, 8, "four entries, each with its flaw and what is exploited");
    publish(&site, &[&[10001, 10011, 10012, 10013], &[], &[10002], &[10003]]);
    assert_eq!(known().await, [true, false, false], "the list is shorter than it was");
}
