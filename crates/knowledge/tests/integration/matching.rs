use std::collections::BTreeSet;
use std::sync::Arc;

use domain::advisory::{Advisory, Rank, Statement, Versions};
use domain::component::Release;
use domain::feed::FeedSnapshot;
use domain::record::{Flaw, Record};
use domain::verdict::Confidence;
use domain::vulnerability::VulnerabilityId;
use ecosystems::Pool;
use knowledge::{Builder, Knowledge, Matcher};
use proptest::prelude::{any, prop_assert_eq, proptest};

use crate::samples::{
    advisory, bookworm, covers, decided, fixed, flaw, inventory, knowledge, matched, snapshot, source, undecided,
};

fn every_status() -> Vec<Record> {
    vec![
        covers(bookworm()),
        advisory("demo", "CVE-2099-0001", fixed("1.5-1")),
        advisory("demo", "CVE-2099-0002", Statement::Open),
        advisory("demo", "CVE-2099-0003", Statement::Postponed),
        advisory("demo", "CVE-2099-0004", Statement::Ignored),
        advisory("demo", "CVE-2099-0005", Statement::EndOfLife),
        advisory("demo", "CVE-2099-0006", Statement::NotAffected),
        advisory("demo", "CVE-2099-0007", Statement::Undetermined),
    ]
}

#[test]
fn every_statement_has_its_verdict() {
    let matches = knowledge(every_status(), snapshot("debian")).find(&inventory(&["demo 1.4-1", "other 1"]));
    assert_eq!(
        matched(&matches),
        [
            "demo CVE-2099-0001 1.4-1 1.5-1",
            "demo CVE-2099-0002 1.4-1 -",
            "demo CVE-2099-0003 1.4-1 -",
            "demo CVE-2099-0004 1.4-1 -",
            "demo CVE-2099-0005 1.4-1 -",
        ]
    );
    assert_eq!(undecided(&matches), ["Verdict demo CVE-2099-0007"]);
    assert_eq!(decided(&matches), ["demo", "other"]);
    assert_eq!(matches.matched().next().unwrap().source, "debian");
    assert_eq!(matches.matched().next().unwrap().advisory, "CVE-2099-0001");
}

#[test]
fn the_fixed_version_itself_is_not_affected() {
    let knowledge = knowledge(every_status(), snapshot("debian"));
    for (version, affected) in [("1.4-9", true), ("1.5-1~deb12u1", true), ("1.5-1", false), ("1:0", false)] {
        let matches = knowledge.find(&inventory(&[&format!("demo {version}")]));
        let hit = matched(&matches).iter().any(|line| line.contains("CVE-2099-0001"));
        assert_eq!(hit, affected, "{version}");
    }
}

#[test]
fn one_finding_for_all_binaries_at_the_lowest_affected_version() {
    let knowledge = knowledge(every_status(), snapshot("debian"));
    let matches = knowledge.find(&inventory(&["demo 1.5-1", "demo 1.4-1", "demo 1.3-1", "demo 1.10-1"]));
    let versions = |index: usize| {
        let versions: Vec<&str> =
            matches.matched().nth(index).unwrap().places.iter().map(|c| c.source_version.as_str()).collect();
        (matches.matched().nth(index).unwrap().version.as_str(), versions)
    };
    assert_eq!(versions(0), ("1.3-1", vec!["1.3-1", "1.4-1"]));
    assert_eq!(versions(1).1.len(), 4);
}

#[test]
fn a_version_that_cannot_be_compared_is_undecided() {
    let matches = knowledge(every_status(), snapshot("debian")).find(&inventory(&["demo 1_0"]));
    assert_eq!(matched(&matches).len(), 4, "what needs no comparison still matches");
    assert_eq!(undecided(&matches), ["Verdict demo -", "Verdict demo CVE-2099-0007"]);
    assert!(decided(&matches).is_empty());

    let records = vec![covers(bookworm()), advisory("demo", "CVE-2099-0001", fixed("1_0"))];
    let matches = knowledge_of(records).find(&inventory(&["demo 1.0"]));
    assert_eq!(undecided(&matches), ["Verdict demo CVE-2099-0001"]);
}

fn knowledge_of(records: Vec<Record>) -> Knowledge {
    knowledge(records, snapshot("debian"))
}

#[test]
fn a_release_without_a_feed_is_unknown() {
    let mut host = inventory(&["demo 1.4-1"]);
    host.platform.release = Some(Release { distribution: "debian".to_owned(), name: "trixie".to_owned() });
    let matches = knowledge_of(every_status()).find(&host);
    assert_eq!(undecided(&matches), ["Release debian trixie -"]);
    assert!(matches.matched().count() == 0 && matches.decided().is_empty());

    host.platform.release = None;
    assert_eq!(undecided(&knowledge_of(every_status()).find(&host)), ["Release Debian -"]);
}

#[test]
fn statements_without_a_feed_that_speaks_for_the_release_prove_nothing() {
    let records = every_status().into_iter().skip(1).collect();
    let matches = knowledge_of(records).find(&inventory(&["demo 1.4-1"]));
    assert_eq!(matches.matched().count(), 5);
    assert!(matches.decided().is_empty());
    assert!(undecided(&matches).contains(&"Release debian bookworm -".to_owned()));
}

#[test]
fn a_partial_feed_leaves_what_it_does_not_list_undecided() {
    let partial = FeedSnapshot { partial: true, ..snapshot("debian") };
    let damaged = FeedSnapshot { problem_count: 1, ..snapshot("debian") };
    let failed = FeedSnapshot { last_error: Some("refused".to_owned()), ..FeedSnapshot::never("debian") };
    let empty = FeedSnapshot { record_count: 0, ..snapshot("debian") };
    for state in [partial, damaged, failed, empty, FeedSnapshot::never("debian"), snapshot("another")] {
        let mut records = every_status();
        records.push(source("listed"));
        let matches = knowledge(records, state.clone()).find(&inventory(&["demo 2", "listed 1", "other 1"]));
        assert!(undecided(&matches).contains(&"Package other -".to_owned()), "{state:?}");
        assert_eq!(decided(&matches), ["demo", "listed"], "{state:?}");
    }
}

#[test]
fn a_whole_feed_that_failed_later_is_still_whole() {
    let failed = FeedSnapshot { last_error: Some("refused".to_owned()), ..snapshot("debian") };
    let matches = knowledge(every_status(), failed).find(&inventory(&["other 1"]));
    assert_eq!(decided(&matches), ["other"]);
    assert!(undecided(&matches).is_empty());
}

#[test]
fn a_rejected_vulnerability_matches_nothing() {
    let mut records = every_status();
    records.extend(["CVE-2099-0001", "CVE-2099-0007"].map(|id| Record::Flaw(Flaw { rejected: true, ..flaw(id) })));
    let matches = knowledge_of(records).find(&inventory(&["demo 1.4-1"]));
    assert_eq!(matches.matched().count(), 4);
    assert!(undecided(&matches).is_empty());
    assert_eq!(decided(&matches), ["demo"]);
}

#[test]
fn two_identifiers_of_one_flaw_are_one_finding() {
    let mut temporary = flaw("CVE-2099-0002");
    temporary.aliases = vec!["TEMP-0000001-ABCDEF".to_owned()];
    let records = vec![
        covers(bookworm()),
        advisory("demo", "TEMP-0000001-ABCDEF", Statement::Open),
        advisory("demo", "CVE-2099-0002", fixed("2")),
        Record::Flaw(temporary),
    ];
    let matches = knowledge_of(records).find(&inventory(&["demo 1"]));
    assert_eq!(matches.matched().count(), 1);
    assert_eq!(matches.matched().next().unwrap().vulnerability.as_str(), "CVE-2099-0002");
}

#[test]
fn software_that_could_not_be_read_is_not_clean() {
    let mut host = inventory(&[]);
    host.components = None;
    let matches = knowledge_of(every_status()).find(&host);
    assert!(matches.decided().is_empty() && matches.matched().count() == 0);
}

#[test]
fn only_packages_whose_statements_differ_have_changed() {
    let base = || {
        vec![
            covers(bookworm()),
            advisory("one", "CVE-2099-0001", fixed("2")),
            advisory("two", "CVE-2099-0002", fixed("2")),
        ]
    };
    let of = |records| knowledge(records, snapshot("debian"));
    let old = of(base());
    let same = of(base()).changed_since(&old).expect("both are whole");
    assert!(!same.everything && same.names.is_empty(), "{same:?}");
    let mut more = base();
    more[2] = advisory("two", "CVE-2099-0002", fixed("3"));
    // Another flaw moves every row; what the rows say of `one` stays the same.
    more.push(advisory("three", "CVE-2098-0003", Statement::Open));
    let changed = of(more).changed_since(&old).expect("both are whole");
    let names: Vec<&str> = changed.names.iter().map(String::as_str).collect();
    assert_eq!((changed.everything, names), (false, vec!["three", "two"]));
    let partial = knowledge(base(), FeedSnapshot { partial: true, ..snapshot("debian") });
    assert!(partial.changed_since(&old).expect("both are whole").everything);
}

proptest! {
    /// Judging once what is installed alike changes no verdict, in whatever order machines come, whether or not they share
    /// their components.
    #[test]
    fn a_matcher_says_what_each_match_alone_says(
        hosts in proptest::collection::vec(
            (proptest::option::of(1..4_u8), proptest::collection::vec((0..4_usize, 1..4_u8), 0..6)),
            1..8,
        ),
        shares in any::<bool>(),
    ) {
        let mut builder = Builder::new();
        builder.feed(snapshot("debian"));
        builder.record("debian", covers(bookworm()));
        for (name, id, statement) in [
            ("demo", "CVE-2099-0001", fixed("2")),
            ("demo", "CVE-2099-0002", Statement::Open),
            ("other", "CVE-2099-0001", Statement::Undetermined),
            ("linux", "CVE-2099-0003", fixed("3")),
        ] {
            builder.record("debian", advisory(name, id, statement));
        }
        let knowledge = Arc::new(
            Knowledge::from_bytes(builder.finish().expect("a sample is small")).expect("a sound file"),
        );
        let mut matcher = Matcher::new(Arc::clone(&knowledge));
        let mut pool = Pool::default();
        for (running, packages) in hosts {
            let packages: Vec<String> = packages
                .into_iter()
                .map(|(name, version)| match ["demo", "other", "clean", "linux"][name] {
                    "linux" => format!("linux {version} {version}-amd64"),
                    name => format!("{name} {version}"),
                })
                .collect();
            let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
            let mut inventory = inventory(&packages);
            if shares {
                pool.share(&mut inventory);
            }
            inventory.running_kernel = running.map(|version| format!("{version}-amd64"));
            let alone = knowledge.find(&inventory);
            prop_assert_eq!(&matcher.find(&inventory), &alone);
            prop_assert_eq!(matcher.find(&inventory), alone, "and again");
        }
    }
}

#[test]
fn a_statement_about_some_versions_leaves_the_others_to_worse_sources() {
    let exact = |version: &str| Versions { ranges: Vec::new(), exact: vec![version.to_owned()] };
    let own = |id: &str, statement: Statement| match advisory("demo", id, statement) {
        Record::Advisory(advisory) => Record::Advisory(Advisory { rank: Rank::Operator, ..advisory }),
        other => other,
    };
    let records = vec![
        covers(bookworm()),
        own("CVE-2099-0001", Statement::AffectedIn(exact("1.5"))),
        advisory("demo", "CVE-2099-0001", fixed("1.4")),
        own("CVE-2099-0002", Statement::NotAffectedIn(exact("1.5"))),
        advisory("demo", "CVE-2099-0002", Statement::Open),
    ];
    let knowledge = knowledge_of(records);
    let found = |version: &str| {
        let matches = knowledge.find(&inventory(&[&format!("demo {version}")]));
        matches.matched().map(|m| m.vulnerability.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found("1.5"), ["CVE-2099-0001"], "only the operator knows");
    assert_eq!(found("1.3"), ["CVE-2099-0001", "CVE-2099-0002"], "what the operator does not name is as before");
    assert_eq!(found("1.6"), ["CVE-2099-0002"]);
}

#[test]
fn what_the_operator_decides_against_others_is_told() {
    let exact = |version: &str| Versions { ranges: Vec::new(), exact: vec![version.to_owned()] };
    let own = |id: &str, statement: Statement| match advisory("demo", id, statement) {
        Record::Advisory(advisory) => {
            let (source, id) = ("local".to_owned(), "vex.json".to_owned());
            Record::Advisory(Advisory { rank: Rank::Operator, source, id, ..advisory })
        }
        other => other,
    };
    let mut builder = Builder::new();
    for record in [
        covers(bookworm()),
        // Against the vendor, or where the vendor does not know.
        advisory("demo", "CVE-2099-0001", Statement::Open),
        advisory("demo", "CVE-2099-0002", Statement::Undetermined),
        advisory("demo", "CVE-2099-0003", Statement::Open),
        // The vendor says so too.
        advisory("demo", "CVE-2099-0005", fixed("1.4")),
    ] {
        builder.record("debian", record);
    }
    for record in [
        own("CVE-2099-0001", Statement::NotAffected),
        own("CVE-2099-0002", Statement::NotAffectedIn(exact("1.5"))),
        own("CVE-2099-0003", fixed("1.5")),
        // Nobody else says anything.
        own("CVE-2099-0004", Statement::NotAffected),
        own("CVE-2099-0005", Statement::NotAffected),
        own("CVE-2099-0006", fixed("1.4")),
    ] {
        builder.record("local", record);
    }
    builder.feed(snapshot("debian"));
    let knowledge = Knowledge::from_bytes(builder.finish().unwrap()).unwrap();
    let matches = knowledge.find(&inventory(&["demo 1.5"]));
    let [verdict] = &matches.packages[..] else { panic!("one package") };
    assert!(verdict.matched.is_empty() && verdict.undecided.is_empty(), "{verdict:?}");
    let acquitted: Vec<(&str, bool)> =
        verdict.acquitted.iter().map(|one| (one.vulnerability.as_str(), one.overrules)).collect();
    assert_eq!(
        acquitted,
        [("CVE-2099-0001", true), ("CVE-2099-0002", true), ("CVE-2099-0003", false), ("CVE-2099-0004", false)]
    );
    assert!(verdict.acquitted.iter().all(|one| (&*one.source, &*one.statement) == ("local", "vex.json")));

    let says = |feed: &str, id: &str| {
        let id = VulnerabilityId::new(id).unwrap();
        knowledge.is_spoken_of(feed, &verdict.package, &BTreeSet::from(["demo-bin"]), &id)
    };
    assert!(says("debian", "CVE-2099-0003") && says("local", "CVE-2099-0003"));
    assert!(!says("debian", "CVE-2099-0004") && says("local", "CVE-2099-0004"));
    assert!(!says("debian", "CVE-2099-0009") && !says("nvd", "CVE-2099-0001"));
}

#[test]
fn a_match_is_as_sure_as_the_surest_who_says_so() {
    let said = |feed: &str, id: &str, confidence| match advisory("demo", id, fixed("2")) {
        Record::Advisory(advisory) => Record::Advisory(Advisory { source: feed.to_owned(), confidence, ..advisory }),
        other => other,
    };
    let knowledge = knowledge_of(vec![
        covers(bookworm()),
        said("one", "CVE-2099-0001", Confidence::Medium),
        said("one", "CVE-2099-0002", Confidence::Medium),
        said("two", "CVE-2099-0002", Confidence::High),
        said("one", "CVE-2099-0003", Confidence::High),
    ]);
    let matches = knowledge.find(&inventory(&["demo 1"]));
    let sure: Vec<Confidence> = matches.matched().map(|found| found.confidence).collect();
    assert_eq!(sure, [Confidence::Medium, Confidence::High, Confidence::High]);
}

#[test]
fn a_package_in_thousands_of_versions_is_one_package() {
    let knowledge = knowledge_of(vec![
        covers(bookworm()),
        advisory("demo", "CVE-2099-0001", fixed("700")),
        advisory("demo", "CVE-2099-0002", fixed("64")),
        advisory("demo", "CVE-2099-0003", Statement::Open),
    ]);
    let components: Vec<String> = (0..1300).rev().map(|version| format!("demo {version}")).collect();
    let components: Vec<&str> = components.iter().map(String::as_str).collect();
    let matches = knowledge.find(&inventory(&components));
    let found: Vec<(&str, usize, u32)> = matches
        .matched()
        .map(|found| {
            let highest = found.places.iter().map(|place| place.version.parse::<u32>().expect("a number")).max();
            (found.vulnerability.as_str(), found.places.len(), highest.expect("a place"))
        })
        .collect();
    assert_eq!(found, [("CVE-2099-0001", 700, 699), ("CVE-2099-0002", 64, 63), ("CVE-2099-0003", 1300, 1299)]);
    assert!(matches.matched().all(|found| found.places.is_sorted()));
}
