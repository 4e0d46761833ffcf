//! What feeds ask for when something is here already.

use std::io::Cursor;

use feeds::{Feed, Keep, Known, Plan};
use jiff::Timestamp;
use outside::unpack::Limits;
use outside::unpack::input::Input;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// Everything was asked for at one instant, and the publisher's newest word is of another.
fn known(complete_at: &str, newest: &str) -> Known {
    Known { now: at("2099-03-01T12:00:00Z"), complete_at: Some(at(complete_at)), newest: Some(at(newest)) }
}

fn feed(id: &str) -> &'static Feed {
    feeds::feed(id).expect("the feed exists")
}

fn urls(id: &str, known: &Known) -> Vec<(String, Keep)> {
    (feed(id).requests)(known).into_iter().map(|request| (request.url, request.keep)).collect()
}

fn follow(id: &str, known: &Known, index: &str, revision: &dyn Fn(&str) -> Option<String>) -> Plan {
    let mut source = Cursor::new(index.as_bytes());
    let mut input = Input::new("index", &mut source, Limits::bytes(1 << 20));
    feed(id).follow.expect("it has indexes")(&mut input, known, revision).expect("it reads")
}

#[test]
fn nvd_asks_for_as_little_as_it_can() {
    let never = Known { now: at("2099-03-01T12:00:00Z"), complete_at: None, newest: None };
    let all = urls("nvd", &never);
    assert_eq!(all.len(), 2099 - 2002 + 1 + 2);
    assert_eq!(all[0].1, Keep::AccumulateAll);
    assert!(all[1..].iter().all(|(_, keep)| *keep == Keep::Accumulate));

    let recent = urls("nvd", &known("2099-02-01T00:00:00Z", "2099-02-28T00:00:00Z"));
    let modified = "https://nvd.nist.gov/feeds/json/cve/2.0/nvdcve-2.0-modified.json.gz".to_owned();
    assert_eq!(recent, [(modified, Keep::Accumulate)]);

    let gap = known("2099-01-01T00:00:00Z", "2099-02-01T00:00:00Z");
    let window = "https://services.nvd.nist.gov/rest/json/cves/2.0\
        ?lastModStartDate=2099-01-31T23:00:00.000Z&lastModEndDate=2099-03-01T12:00:00.000Z";
    assert_eq!(urls("nvd", &gap), [(format!("{window}&startIndex=0&resultsPerPage=1"), Keep::Index)]);
    let plan = follow("nvd", &gap, r#"{"resultsPerPage": 1, "totalResults": 4000, "vulnerabilities": []}"#, &|_| None);
    let pages: Vec<_> = plan.requests.iter().map(|request| request.url.as_str()).collect();
    let page = |start: u32| format!("{window}&startIndex={start}&resultsPerPage=2000");
    assert_eq!(pages, [page(0), page(2000), page(4000)]);

    assert_eq!(urls("nvd", &known("2098-11-01T00:00:00Z", "2099-02-28T00:00:00Z")).len(), all.len());
}

#[test]
fn cvelist_asks_for_what_changed() {
    let known = known("2099-02-01T00:00:00Z", "2099-03-01T00:00:00Z");
    let log = "https://raw.githubusercontent.com/CVEProject/cvelistV5/main/cves/deltaLog.json".to_owned();
    assert_eq!(urls("cvelist", &known), [(log, Keep::Index)]);
    let change = |id: &str, host: &str, updated: &str| {
        format!(r#"{{"cveId": "{id}", "githubLink": "https://{host}/2099/1xxx/{id}.json", "dateUpdated": "{updated}"}}"#)
    };
    let ours = "raw.githubusercontent.com/CVEProject/cvelistV5/main/cves";
    let log = format!(
        r#"[{{"fetchTime": "2099-03-01T11:00:00.000Z", "new": [{}], "updated": [{}, {}], "error": []}},
            {{"fetchTime": "2099-02-01T11:00:00.000Z", "new": [{}], "updated": []}}]"#,
        change("CVE-2099-1001", ours, "2099-03-01T10:59:00.000Z"),
        change("CVE-2099-1002", ours, "2099-03-01T10:00:00.000Z"),
        change("CVE-2099-1003", "elsewhere.example", "2099-03-01T10:00:00.000Z"),
        change("CVE-2099-1004", ours, "2099-02-01T10:00:00.000Z"),
    );
    let here = |id: &str| (id == "CVE-2099-1002").then(|| "2099-03-01T10:00:00.000Z".to_owned());
    let plan = follow("cvelist", &known, &log, &here);
    let names: Vec<_> = plan.requests.iter().map(|request| (request.name.as_str(), request.keep)).collect();
    assert_eq!(names, [("CVE-2099-1001.json", Keep::Accumulate)]);
}
