//! Cut, altered and hostile bytes: an error or a problem, never a panic, and nothing good is lost.

use domain::advisory::Statement;
use domain::catalogue::Scheme;
use domain::record::Record;
use proptest::prelude::{Strategy, any, prop, proptest};

use crate::{parse, sample};

fn feed_and_place() -> impl Strategy<Value = (&'static str, usize, u8)> {
    (0..feeds::FEEDS.len(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(feed, place, byte)| {
        let id = feeds::FEEDS[feed].id;
        (id, place.index(sample(id).len()), byte)
    })
}

proptest! {
    #[test]
    fn a_cut_keeps_the_beginning((feed, place, _) in feed_and_place()) {
        let whole = parse(feed, feed, &sample(feed)).records;
        let cut = parse(feed, feed, &sample(feed)[..place]);
        // Debian's releases, and what is undetermined in all of them, are told at the end, whatever the end is.
        let comes_in_order = |record: &Record| match record {
            Record::Release { .. } => false,
            // What a term is related to may be told at the end.
            Record::Term(term) => term.scheme == Scheme::Cwe,
            Record::Advisory(advisory) => advisory.statement != Statement::Undetermined,
            _ => true,
        };
        let facts = |records: Vec<Record>| records.into_iter().filter(comes_in_order).collect::<Vec<_>>();
        let (whole, cut_records) = (facts(whole), facts(cut.records));
        // A cut inside the last number of a row of a table gives another number: nothing else may differ.
        let sure = cut_records.len().saturating_sub(usize::from(matches!(feed, "epss" | "exploitdb" | "attack-cve")));
        assert_eq!(cut_records[..sure], whole[..sure]);
    }

    #[test]
    fn an_altered_byte_never_panics((feed, place, byte) in feed_and_place()) {
        let mut bytes = sample(feed);
        bytes[place] = byte;
        let _ = parse(feed, feed, &bytes);
    }
}

#[test]
fn what_is_no_feed_is_an_error() {
    for feed in ["debian", "nvd", "kev", "epss"] {
        for bytes in ["", "<html>503</html>", "[]", "null", "{\"a\":"] {
            let parsed = parse(feed, "file", bytes.as_bytes());
            let error = parsed.ended.expect_err(bytes).to_string();
            assert!(error.starts_with("file: "), "{feed} {bytes:?}: {error}");
            assert!(parsed.records.is_empty());
        }
    }
}

#[test]
fn a_record_without_end_is_stopped() {
    let endless = format!("{{\"vulnerabilities\":[{{\"cve\":\"{}", "x".repeat(20 * 1024 * 1024));
    let error = parse("nvd", "file", endless.as_bytes()).ended.expect_err("it is too large").to_string();
    assert!(error.contains("a record is larger than"), "{error}");
    let deep = format!("{{\"vulnerabilities\":[{}", "[".repeat(100_000));
    assert!(parse("nvd", "file", deep.as_bytes()).ended.is_err(), "nesting is bounded");
}
