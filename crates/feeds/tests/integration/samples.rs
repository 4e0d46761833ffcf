//! What each feed makes of its sample.

use std::fmt::Write as _;

use domain::advisory::Rank;
use domain::record::Record;
use domain::verdict::Confidence;
use insta::assert_snapshot;

use crate::{archive, parse, sample};

/// One line a record, then the problems, then how it ended.
fn read(feed: &str) -> String {
    read_bytes(feed, &sample(feed))
}

fn read_bytes(feed: &str, bytes: &[u8]) -> String {
    let parsed = parse(feed, feed, bytes);
    let mut text = String::new();
    for record in &parsed.records {
        let line = match record {
            Record::Advisory(a) => {
                let condition = if a.condition.is_empty() { String::new() } else { format!(" if it {}", a.condition) };
                let unsure = if a.confidence == Confidence::High { "" } else { ", less sure" };
                format!(
                    "advisory {} {} {} {:?} {:?}{condition}{unsure}",
                    a.release, a.package, a.id, a.statement, a.urgency
                )
            }
            Record::Flaw(flaw) => serde_json::to_string(flaw).expect("it can be written"),
            other => format!("{other:?}"),
        };
        writeln!(text, "{line}").expect("a string takes everything");
    }
    for problem in parsed.problems.named() {
        writeln!(text, "problem {problem}").expect("a string takes everything");
    }
    writeln!(text, "{:?}", parsed.ended).expect("a string takes everything");
    text
}

#[test]
fn debian() {
    assert_snapshot!(read("debian"));
}

#[test]
fn nvd() {
    assert_snapshot!(read("nvd"));
}

#[test]
fn kev() {
    assert_snapshot!(read("kev"));
}

#[test]
fn epss() {
    assert_snapshot!(read("epss"));
}

#[test]
fn vulnrichment() {
    assert_snapshot!(read("vulnrichment"));
}

#[test]
fn cvelist() {
    assert_snapshot!(read("cvelist"));
}

#[test]
fn dsa() {
    assert_snapshot!(read("dsa"));
}

#[test]
fn redhat() {
    assert_snapshot!(read("redhat"));
}

#[test]
fn ubuntu() {
    assert_snapshot!(read("ubuntu"));
}

#[test]
fn local() {
    assert_snapshot!(read("local"));
}

#[test]
fn what_an_operators_osv_file_says_of_other_worlds_is_said_with_its_number() {
    let file: &[u8] = include_bytes!("../samples/local/osv-elsewhere.json");
    assert_snapshot!(read_bytes("local", &archive("advisories", &[("own.json", file)])));
    // A publisher's file is about other worlds too, and that is no fault in it.
    assert_eq!(parse("osv", "osv", &archive("all", &[("own.json", file)])).problems.count(), 0);
}

#[test]
fn rhsa() {
    assert_snapshot!(read("rhsa"));
}

#[test]
fn alma() {
    assert_snapshot!(read("alma"));
}

#[test]
fn alpine() {
    assert_snapshot!(read("alpine"));
}

#[test]
fn osv() {
    assert_snapshot!(read("osv"));
}

#[test]
fn rustsec() {
    assert_snapshot!(read("rustsec"));
}

#[test]
fn govulndb() {
    assert_snapshot!(read("govulndb"));
}

#[test]
fn pypa() {
    assert_snapshot!(read("pypa"));
}

#[test]
fn rubysec() {
    assert_snapshot!(read("rubysec"));
}

#[test]
fn friendsofphp() {
    assert_snapshot!(read("friendsofphp"));
}

#[test]
fn euvd() {
    assert_snapshot!(read("euvd"));
}

#[test]
fn certfr_avis() {
    assert_snapshot!(read("certfr-avis"));
}

#[test]
fn certfr_alertes() {
    assert_snapshot!(read("certfr-alertes"));
}

#[test]
fn exploitdb() {
    assert_snapshot!(read("exploitdb"));
}

#[test]
fn metasploit() {
    assert_snapshot!(read("metasploit"));
}

#[test]
fn nuclei() {
    assert_snapshot!(read("nuclei"));
}

#[test]
fn attack() {
    assert_snapshot!(read("attack"));
}

#[test]
fn capec() {
    assert_snapshot!(read("capec"));
}

#[test]
fn cwe() {
    assert_snapshot!(read("cwe"));
}

#[test]
fn attack_cve() {
    assert_snapshot!(read("attack-cve"));
}

#[test]
fn endoflife() {
    assert_snapshot!(read("endoflife"));
}

#[test]
fn other_forms_of_the_same_data_are_read() {
    let alert = include_bytes!("../samples/certfr_alertes/CERTFR-2099-ALE-001.json");
    assert_snapshot!("certfr_alertes_native", read_bytes("certfr-alertes", alert));
    let by_cve: &[u8] = include_bytes!("../samples/metasploit/CVE-2099-10005.json");
    let updated: &[u8] = br#"{"msf": "2099-01-02T03:04:05.678Z"}"#;
    let files = [("rapid7/2099/CVE-2099-10005.json", by_cve), ("last_updated.json", updated)];
    assert_snapshot!("metasploit_by_cve", read_bytes("metasploit", &archive("msfdb-list-main", &files)));
    let mappings = include_bytes!("../samples/attack_cve/mappings.json");
    assert_snapshot!("attack_cve_explorer", read_bytes("attack-cve", mappings));
    let page: &[u8] = include_bytes!("../samples/endoflife/widget.md");
    let files = [("products/widget.md", page), ("products/broken.md", b"no head"), ("README.md", b"---\n---\n")];
    assert_snapshot!("endoflife_sources", read_bytes("endoflife", &archive("endoflife.date-master", &files)));
}

#[test]
fn epss_has_four_layouts() {
    let comment = "#model_version:v2099.01.01,score_date:2099-01-02T00:00:00+0000\n";
    let dated = "epss/epss_scores-2099-01-02.csv.gz";
    let ranked = "cve,epss,percentile\nCVE-2099-1,0.5,0.75\nCVE-2099-2,0.25,0.5\n";
    let unranked = "cve,epss\nCVE-2099-1,0.5\nCVE-2099-2,0.25\n";
    let percentiles = |name: &str, text: &str| -> Vec<f64> {
        let parsed = parse("epss", name, text.as_bytes());
        parsed.ended.expect("it reads");
        let percentile = |record: &Record| match record {
            Record::Epss { epss, .. } => Some(epss.percentile),
            _ => None,
        };
        parsed.records.iter().filter_map(percentile).collect()
    };
    assert_eq!(percentiles("epss", &format!("{comment}{ranked}")), [0.75, 0.5]);
    assert_eq!(percentiles(dated, ranked), [0.75, 0.5]);
    // The oldest layout has no percentiles: they follow from the scores, and are not zero.
    assert_eq!(percentiles("epss", &format!("{comment}{unranked}")), [1.0, 0.5]);
    assert_eq!(percentiles(dated, unranked), [1.0, 0.5]);
    let undated = parse("epss", "scores.csv", ranked.as_bytes()).ended.expect_err("it has no day");
    assert_eq!(undated.to_string(), "scores.csv: neither its first line nor its name gives the day of the scores");
}

#[test]
fn csaf() {
    assert_snapshot!(read("csaf"));
}

#[test]
fn a_distribution_that_speaks_for_itself_knows_better_than_a_provider() {
    let ranks = |package: &str| -> Vec<Rank> {
        let records = parse("csaf", "csaf", &sample("csaf")).records;
        let of = |record: Record| match record {
            Record::Advisory(advisory) if advisory.release.distribution == package => Some(advisory.rank),
            _ => None,
        };
        records.into_iter().filter_map(of).collect()
    };
    assert!(ranks("debian").iter().all(|rank| *rank == Rank::Ecosystem) && !ranks("debian").is_empty());
    assert!(ranks("sles").iter().all(|rank| *rank == Rank::VendorNotice) && !ranks("sles").is_empty());
}
