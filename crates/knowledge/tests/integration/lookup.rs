use domain::advisory::Statement;
use domain::component::{Ecosystem, Release};
use domain::record::{Flaw, Record};
use domain::vulnerability::{Authority, Epss, Exploitation, Kev, PublishedVector, Ssvc};
use knowledge::{Builder, Knowledge, KnowledgeError};
use proptest::prelude::{Just, Strategy, prop_assert_eq, proptest};

use crate::samples::{advisory, bookworm, covers, fixed, flaw, id, knowledge, snapshot, source};

fn vector(vector: &str, source: &str, authority: Authority) -> PublishedVector {
    PublishedVector { vector: vector.to_owned(), source: source.to_owned(), authority }
}

fn ssvc(exploitation: Exploitation, at: &str) -> Ssvc {
    Ssvc { exploitation, automatable: true, technical_impact_total: false, at: at.parse().expect("an instant") }
}

fn epss(probability: f64, date: &str) -> Record {
    let epss = Epss { probability, percentile: 0.5, date: date.parse().expect("a date") };
    Record::Epss { id: id("CVE-2099-0001"), epss }
}

fn kev(added: &str, ransomware: bool) -> Record {
    let kev = Kev { added: added.parse().expect("a date"), due: None, ransomware };
    Record::Kev { id: id("CVE-2099-0001"), kev }
}

/// What several feeds say of one flaw, and what else a file holds.
fn records() -> Vec<(&'static str, Record)> {
    let nvd = Flaw {
        vectors: vec![vector("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "nvd", Authority::Nvd)],
        published_at: Some("2099-01-02T03:04:05.678Z".parse().expect("an instant")),
        cwes: vec!["CWE-79".to_owned(), "CWE-20".to_owned()],
        ssvc: Some(ssvc(Exploitation::Poc, "2099-02-01T00:00:00Z")),
        ..flaw("CVE-2099-0001")
    };
    let cna = Flaw {
        vectors: vec![
            vector("CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "cna:demo", Authority::Cna),
            vector("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "nvd", Authority::Nvd),
        ],
        published_at: Some("2099-01-01T00:00:00Z".parse().expect("an instant")),
        cwes: vec!["CWE-20".to_owned()],
        ssvc: Some(ssvc(Exploitation::Active, "2099-03-01T00:00:00Z")),
        aliases: vec!["GHSA-xxxx-xxxx-xxxx".to_owned()],
        ..flaw("CVE-2099-0001")
    };
    let joined = Flaw { aliases: vec!["OSV-1".to_owned()], ..flaw("GHSA-xxxx-xxxx-xxxx") };
    let mut all = vec![
        ("nvd", Record::Flaw(nvd)),
        ("cve", Record::Flaw(cna)),
        ("osv", Record::Flaw(joined)),
        ("osv", Record::Flaw(Flaw { rejected: true, ..flaw("CVE-2099-0002") })),
        ("epss", epss(0.25, "2099-03-01")),
        ("epss", epss(0.5, "2099-02-01")),
        ("kev", kev("2099-02-03", false)),
        ("kev", kev("2099-02-02", true)),
    ];
    let debian = [
        covers(bookworm()),
        source("demo"),
        source("alpha"),
        advisory("demo", "CVE-2099-0003", Statement::Open),
        advisory("alpha", "CVE-2099-0001", fixed("2")),
        advisory("demo", "CVE-2099-0001", fixed("1")),
    ];
    all.extend(debian.map(|record| ("debian", record)));
    all
}

fn build(records: &[(&'static str, Record)]) -> Vec<u8> {
    let mut builder = Builder::new();
    for id in ["nvd", "debian", "epss"] {
        builder.feed(snapshot(id));
    }
    for (feed, record) in records {
        builder.record(feed, record.clone());
    }
    builder.finish().expect("a sample is small")
}

#[test]
fn several_feeds_make_one_vulnerability() {
    let knowledge = Knowledge::from_bytes(build(&records())).expect("a sound file");
    let found = knowledge.vulnerability("CVE-2099-0001").expect("it is known");
    assert_eq!(found.aliases, ["GHSA-xxxx-xxxx-xxxx", "OSV-1"]);
    assert_eq!(found.cwes, ["CWE-20", "CWE-79"]);
    assert_eq!(found.published_at.map(|at| at.to_string()).as_deref(), Some("2099-01-01T00:00:00Z"));
    let vectors: Vec<&str> = found.vectors.iter().map(|vector| vector.source.as_str()).collect();
    assert_eq!(vectors, ["cna:demo", "nvd"]);
    assert_eq!(found.ssvc, Some(ssvc(Exploitation::Active, "2099-03-01T00:00:00Z")));
    assert_eq!(found.epss.map(|epss| epss.probability), Some(0.25), "the latest day counts");
    let kev = found.kev.clone().expect("it is listed");
    assert_eq!((kev.added.to_string().as_str(), kev.ransomware), ("2099-02-02", true));
    assert_eq!(knowledge.vulnerability("OSV-1"), Some(found.clone()));
    assert_eq!(knowledge.vulnerability("GHSA-xxxx-xxxx-xxxx"), Some(found));
    assert!(knowledge.vulnerability("CVE-2099-0002").expect("it is known").rejected);
    assert_eq!(knowledge.vulnerability("CVE-2099-9999"), None);
    assert_eq!(knowledge.vulnerability("CVE-2099-0003").map(|found| found.vectors.len()), Some(0));
}

#[test]
fn an_identifier_of_several_flaws_joins_none() {
    let several =
        Flaw { aliases: vec!["CVE-2099-0001".to_owned(), "CVE-2099-0002".to_owned()], ..flaw("GHSA-yyyy-yyyy-yyyy") };
    let knowledge = knowledge(
        vec![Record::Flaw(several), Record::Flaw(flaw("CVE-2099-0001")), Record::Flaw(flaw("CVE-2099-0002"))],
        snapshot("debian"),
    );
    for id in ["GHSA-yyyy-yyyy-yyyy", "CVE-2099-0001", "CVE-2099-0002"] {
        let found = knowledge.vulnerability(id).expect("it is known");
        assert_eq!((found.id.as_str(), found.aliases.len()), (id, 0));
    }
}

#[test]
fn coverage_names_the_feeds() {
    let knowledge = Knowledge::from_bytes(build(&records())).expect("a sound file");
    let coverage = knowledge.coverage(Ecosystem::Deb, &bookworm()).expect("it is covered");
    assert_eq!((coverage.feeds, coverage.partial), (vec!["debian".to_owned()], Vec::new()));
    let trixie = Release { name: "trixie".to_owned(), ..bookworm() };
    assert_eq!(knowledge.coverage(Ecosystem::Deb, &trixie), None);
    let ids: Vec<&str> = knowledge.feeds().iter().map(|feed| feed.id.as_str()).collect();
    assert_eq!(ids, ["debian", "epss", "nvd"]);
}

#[test]
fn an_empty_file_opens_and_knows_nothing() {
    let knowledge = Knowledge::from_bytes(Builder::new().finish().expect("nothing is small")).expect("a sound file");
    knowledge.verify().expect("it is whole");
    assert_eq!(knowledge.vulnerability("CVE-2099-0001"), None);
    assert_eq!(knowledge.coverage(Ecosystem::Deb, &bookworm()), None);
    assert_eq!(knowledge.damage(), None);
}

#[test]
fn a_mapped_file_stays_as_it_was_when_another_replaces_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, next) = (folder.path().join("knowledge.vkb"), folder.path().join("next"));
    assert!(matches!(Knowledge::open(&path), Err(KnowledgeError::Open { .. })));
    std::fs::write(&path, build(&records())).expect("it can be written");
    let old = Knowledge::open(&path).expect("a sound file");
    std::fs::write(&next, Builder::new().finish().expect("nothing is small")).expect("it can be written");
    std::fs::rename(&next, &path).expect("it can be replaced");
    let new = Knowledge::open(&path).expect("a sound file");
    assert_ne!(old.hash(), new.hash());
    assert!(old.vulnerability("CVE-2099-0001").is_some());
}

fn shuffled() -> impl Strategy<Value = Vec<(&'static str, Record)>> {
    Just(records()).prop_shuffle()
}

proptest! {
    #[test]
    fn the_order_of_records_does_not_matter(records in shuffled()) {
        prop_assert_eq!(build(&records), build(&self::records()));
    }

    #[test]
    fn what_goes_in_twice_counts_once(records in shuffled()) {
        let twice: Vec<_> = records.iter().chain(&records).cloned().collect();
        prop_assert_eq!(build(&twice), build(&records));
    }
}
