//! What a finished file says goes into a new one, but for feeds that speak for themselves there.

use domain::advisory::{Advisory, Bound, Range, Statement, Versions};
use domain::catalogue::{Scheme, Term, Usage};
use domain::component::{Ecosystem, Release};
use domain::feed::FeedSnapshot;
use domain::record::{Flaw, Record};
use domain::vulnerability::{
    Authority, Epss, ExploitEvidence, ExploitKind, Exploitation, Kev, PublishedVector, Reference, Ssvc,
};
use knowledge::{Builder, Fact, Knowledge, Past};

use crate::samples::{advisory, bookworm, covers, fixed, flaw, id, inventory, matched, snapshot, source};

const FLAW: &str = "CVE-2099-0001";
const FEEDS: [&str; 8] = ["attack", "attack-cve", "debian", "epss", "exploitdb", "kev", "nvd", "osv"];

fn kev(ransomware: bool) -> Kev {
    Kev { added: "2099-02-03".parse().expect("a date"), due: None, ransomware }
}

/// Something of every kind that a file holds.
fn records() -> Vec<(&'static str, Record)> {
    let vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".to_owned();
    let nvd = Flaw {
        vectors: vec![PublishedVector { vector, source: "nvd".to_owned(), authority: Authority::Nvd }],
        published_at: Some("2099-01-02T03:04:05.678Z".parse().expect("an instant")),
        cwes: vec!["CWE-79".to_owned()],
        aliases: vec!["GHSA-xxxx-xxxx-xxxx".to_owned()],
        ssvc: Some(Ssvc {
            exploitation: Exploitation::Poc,
            automatable: true,
            technical_impact_total: false,
            at: "2099-02-01T00:00:00Z".parse().expect("an instant"),
        }),
        title: "a title".to_owned(),
        description: "a description".to_owned(),
        references: vec![Reference { url: "https://example.org/1".to_owned(), tags: vec!["exploit".to_owned()] }],
        ..flaw(FLAW)
    };
    let bound = |version: &str, inclusive| Some(Bound { version: version.to_owned(), inclusive });
    let versions = Versions {
        ranges: vec![Range { lower: bound("1.0", true), upper: bound("2.0", false) }],
        exact: vec!["3.0".to_owned(), "1.5".to_owned()],
    };
    let affected = Statement::Affected(versions);
    let npm = Advisory::new("osv", "GHSA-1", Ecosystem::Npm, Release::none(), "demo", id(FLAW), affected);
    let exploit = ExploitEvidence {
        kind: ExploitKind::Proof,
        source: "exploitdb".to_owned(),
        name: "1".to_owned(),
        since: None,
        url: "https://example.org/2".to_owned(),
    };
    let usage =
        Usage { technique: "T1190".to_owned(), role: "primary_impact".to_owned(), source: "attack-cve".to_owned() };
    let term = Term {
        scheme: Scheme::Attack,
        id: "T1190".to_owned(),
        name: "a technique".to_owned(),
        parents: Vec::new(),
        related: Vec::new(),
    };
    let epss = Epss { probability: 0.25, percentile: 0.5, date: "2099-03-01".parse().expect("a date") };
    vec![
        ("nvd", Record::Flaw(nvd)),
        ("nvd", Record::Flaw(Flaw { rejected: true, ..flaw("CVE-2099-0002") })),
        ("osv", Record::Release { ecosystem: Ecosystem::Npm, release: Release::none() }),
        ("osv", Record::Advisory(Advisory { justification: "a reason".to_owned(), ..npm })),
        ("epss", Record::Epss { id: id(FLAW), epss }),
        ("kev", Record::Kev { id: id(FLAW), kev: kev(true) }),
        ("exploitdb", Record::Exploit { id: id(FLAW), exploit }),
        ("attack-cve", Record::Usage { id: id(FLAW), usage }),
        ("attack", Record::Term(term)),
        ("debian", covers(bookworm())),
        ("debian", source("demo")),
        ("debian", advisory("demo", FLAW, fixed("2"))),
        ("debian", advisory("demo", "CVE-2099-0003", Statement::Open)),
    ]
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    FEEDS.iter().for_each(|feed| builder.feed(snapshot(feed)));
    builder
}

fn file() -> Vec<u8> {
    let mut builder = builder();
    records().into_iter().for_each(|(feed, record)| builder.record(feed, record));
    let at = |text: &str| text.parse().expect("an instant");
    let past = Past {
        fact: Fact::Kev(kev(false)),
        said: true,
        known_from: at("2099-02-03T00:00:00Z"),
        known_to: at("2099-02-05T00:00:00Z"),
    };
    builder.past(FLAW, past);
    builder.finish().expect("a sample is small")
}

fn open(bytes: Vec<u8>) -> Knowledge {
    Knowledge::from_bytes(bytes).expect("what was just built can be opened")
}

#[test]
fn a_file_that_is_taken_over_as_a_whole_gives_the_same_bytes() {
    let mut again = builder();
    again.take_over(&open(file()), &|_| false).expect("it is sound");
    assert!(again.finish().expect("it is small") == file());
}

#[test]
fn a_feed_that_speaks_for_itself_takes_the_place_of_what_was_there() {
    for replaced in FEEDS {
        let mut new = builder();
        new.take_over(&open(file()), &|feed| feed == replaced).expect("it is sound");
        records().into_iter().filter(|(feed, _)| *feed == replaced).for_each(|(feed, record)| new.record(feed, record));
        let new = open(new.finish().expect("it is small"));
        let old = open(file());
        assert_eq!(new.vulnerability(FLAW), old.vulnerability(FLAW), "{replaced} says the same");
        assert_eq!(new.prose(FLAW), old.prose(FLAW), "{replaced}");
        assert_eq!(matched(&new.find(&inventory(&["demo 1"]))), matched(&old.find(&inventory(&["demo 1"]))));

        let mut without = builder();
        without.take_over(&open(file()), &|feed| feed == replaced).expect("it is sound");
        let without = open(without.finish().expect("it is small"));
        let flaw = without.vulnerability(FLAW).expect("others name it");
        let earlier = without.vulnerability_at(FLAW, "2099-02-04T00:00:00Z".parse().expect("an instant"));
        let earlier = earlier.expect("others name it").kev.is_some();
        let matches = matched(&without.find(&inventory(&["demo 1"]))).len();
        let description = without.prose(FLAW).is_some_and(|prose| !prose.description.is_empty());
        let term = without.term(Scheme::Attack, "T1190").is_some();
        let says = [
            ("debian", matches > 0),
            ("epss", flaw.epss.is_some()),
            ("kev", flaw.kev.is_some() || earlier),
            ("exploitdb", !flaw.exploits.is_empty()),
            ("attack-cve", !flaw.usages.is_empty()),
            ("attack", term),
            ("nvd", !flaw.vectors.is_empty() || description),
            ("osv", without.coverage(Ecosystem::Npm, &Release::none()).is_some()),
        ];
        for (feed, says) in says {
            assert_eq!(says, feed != replaced, "{feed} where {replaced} is replaced");
        }
    }
}

#[test]
fn a_rejection_counts_only_as_long_as_everybody_says_so() {
    let mut new = Builder::new();
    new.feed(FeedSnapshot::never("cvelist"));
    new.take_over(&open(file()), &|_| false).expect("it is sound");
    new.record("cvelist", Record::Flaw(flaw("CVE-2099-0002")));
    new.record("cvelist", Record::Flaw(Flaw { rejected: true, ..flaw("CVE-2099-0003") }));
    let new = open(new.finish().expect("it is small"));
    let rejected = |id: &str| new.vulnerability(id).expect("it is known").rejected;
    assert!(!rejected("CVE-2099-0002"), "somebody describes it");
    assert!(rejected("CVE-2099-0003"), "nobody described it before");
}
