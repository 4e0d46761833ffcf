//! What feeds ask for when something is here already.

use std::io::Cursor;

use feeds::{Asked, Feed, Keep, Known, Plan};
use jiff::Timestamp;
use outside::unpack::Limits;
use outside::unpack::input::Input;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// Everything was asked for at one instant, and the publisher's newest word is of another.
fn known(complete_at: &str, newest: &str) -> Known {
    Known {
        now: at("2099-03-01T12:00:00Z"),
        complete_at: Some(at(complete_at)),
        newest: Some(at(newest)),
        provider: None,
    }
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
    let asked = (feed(id).requests)(known).into_iter().next().expect("there is one");
    feed(id).follow.expect("it has indexes")(&mut input, &asked, known, revision).expect("it reads")
}

#[test]
fn nvd_asks_weekly_for_the_years_and_always_for_what_was_modified() {
    let known = Known::nothing(at("2099-03-01T12:00:00Z"));
    let requests = (feed("nvd").requests)(&known);
    let asked = |asked| requests.iter().filter(|request| request.asked == asked).count();
    assert_eq!(asked(Asked::Weekly), 2099 - 2002);
    // The last word is that of the newest file.
    let last = requests.last().expect("there are some");
    assert_eq!((last.name.as_str(), last.asked), ("nvdcve-2.0-modified.json", Asked::Always));
}

#[test]
fn cvelist_asks_for_what_changed() {
    let known = known("2099-02-01T00:00:00Z", "2099-03-01T00:00:00Z");
    let log = "https://raw.githubusercontent.com/CVEProject/cvelistV5/main/cves/deltaLog.json".to_owned();
    assert_eq!(urls("cvelist", &known), [(log, Keep::Index)]);
    let change = |id: &str, host: &str, updated: &str| {
        format!(
            r#"{{"cveId": "{id}", "githubLink": "https://{host}/2099/1xxx/{id}.json", "dateUpdated": "{updated}"}}"#
        )
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

#[test]
fn cert_fr_asks_for_what_was_revised() {
    let known = known("2099-02-01T00:00:00Z", "2099-03-01T00:00:00Z");
    let index = r#"[
        {"reference": "CERTFR-2099-AVI-0001", "title": "", "last_revision_date": "2099-03-01T00:00:00", "json_url": "/avis/CERTFR-2099-AVI-0001/json/"},
        {"reference": "CERTFR-2099-AVI-0002", "title": "", "last_revision_date": "2099-03-02T00:00:00", "json_url": ""},
        {"reference": "../somewhere", "last_revision_date": "2099-03-02T00:00:00"}
    ]"#;
    let plan = follow("certfr-avis", &known, index, &|_| Some("2099-03-01".to_owned()));
    let urls: Vec<_> = plan.requests.iter().map(|request| request.url.as_str()).collect();
    assert_eq!(urls, ["https://www.cert.ssi.gouv.fr/avis/CERTFR-2099-AVI-0002/json/"]);
    assert_eq!(plan.all.expect("it is complete"), ["CERTFR-2099-AVI-0001", "CERTFR-2099-AVI-0002"]);

    // A long list comes in parts, and is incomplete until the last one.
    let entry =
        |n: u32| format!(r#"{{"reference": "CERTFR-2099-AVI-{n:04}", "last_revision_date": "2099-01-01T00:00:00"}}"#);
    let index = format!("[{}]", (1..=1500).map(entry).collect::<Vec<_>>().join(","));
    let plan = follow("certfr-avis", &known, &index, &|_| None);
    assert_eq!((plan.requests.len(), plan.requests[0].name.as_str()), (1000, "CERTFR-2099-AVI-1500.json"));
    assert_eq!(plan.all, None);
}
