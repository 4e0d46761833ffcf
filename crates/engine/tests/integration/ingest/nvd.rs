//! NVD by its files: the years, and what was modified within eight days over them, however long nobody asked.

use std::fs;

use serde_json::json;

use engine::ingest::Quiet;

use super::{Site, sync};

/// Writes the files of NVD: each flaw with whether it is rejected.
fn publish(site: &Site, timestamp: &str, year: &[(&str, bool)], modified: &[(&str, bool)]) {
    let folder = site.mirror().join("nvd");
    fs::create_dir_all(&folder).expect("a folder");
    for (name, flaws) in [("2023", year), ("modified", modified)] {
        let entry = |(id, rejected): &(&str, bool)| {
            json!({"cve": {"id": id, "vulnStatus": if *rejected { "Rejected" } else { "Analyzed" }, "lastModified": timestamp,
                "descriptions": [], "references": []}})
        };
        let file = json!({"format": "NVD_CVE", "version": "2.0", "timestamp": timestamp,
            "vulnerabilities": flaws.iter().map(entry).collect::<Vec<_>>()});
        fs::write(folder.join(format!("nvdcve-2.0-{name}.json.gz")), file.to_string()).expect("a file");
    }
    let table = "https://nvd.nist.gov/feeds/json/cve/2.0/\tnvd\tprefix\n";
    fs::write(site.mirror().join("urls.tsv"), table).expect("a table");
}

#[tokio::test]
async fn a_gap_of_more_than_eight_days_is_closed_by_the_years_and_what_was_modified_stands_over_them() {
    const A: &str = "CVE-2023-90001";
    const B: &str = "CVE-2023-90002";
    const C: &str = "CVE-2023-90003";
    let site = Site::new();
    let at = async |day: &str| {
        let mirror = site.mirror().to_string_lossy().into_owned();
        sync(&mirror, &site.data(), &format!("{day}T06:00:00Z"), Some(vec!["nvd".to_owned()]), &Quiet)
            .await
            .expect("it synchronises");
        let knowledge = site.knowledge();
        [A, B, C].map(|id| knowledge.vulnerability(id).map(|flaw| flaw.rejected))
    };
    publish(&site, "2024-01-01T00:00:00", &[(A, false)], &[(A, false)]);
    assert_eq!(at("2024-01-01").await, [Some(false), None, None]);

    // Twenty days later: what changed in the first twelve is in the file of the year alone.
    publish(&site, "2024-01-21T00:00:00", &[(A, true), (B, false)], &[(C, false)]);
    assert_eq!(at("2024-01-21").await, [Some(true), Some(false), Some(false)]);

    // What was modified since the year was written counts …
    publish(&site, "2024-01-22T00:00:00", &[(A, true), (B, false)], &[(A, false), (B, true), (C, false)]);
    assert_eq!(at("2024-01-22").await, [Some(false), Some(true), Some(false)]);

    // … and nothing is lost when that file forgets it, for then the year has it.
    publish(&site, "2024-02-22T00:00:00", &[(A, false), (B, true), (C, false)], &[]);
    assert_eq!(at("2024-02-22").await, [Some(false), Some(true), Some(false)]);
}
