//! KEV, whole but without its texts, and EPSS for the vulnerabilities that the cut is about.

use std::fs::File as Disk;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;
use serde_json::json;

use super::{Cut, File, Used, gzip, lines, only, read_json};

const CATALOGUE: &str = "kev/known_exploited_vulnerabilities.json";
const CATALOGUE_URL: &str = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";
const ENTRY: [&str; 5] = ["cveID", "dateAdded", "dueDate", "knownRansomwareCampaignUse", "cwes"];
/// The last day of which the data folder has every score.
const SCORES: &str = "epss/epss_scores-2024-01-13.csv.gz";
const SCORES_URL: &str = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz";
const SCORES_AS_OF: &str = "2024-01-13T00:00:00Z";

pub(super) fn kev(from: &Path) -> anyhow::Result<Cut> {
    let catalogue = read_json(&from.join(CATALOGUE))?;
    let entries = catalogue["vulnerabilities"].as_array().context("the catalogue has a list")?;
    let released = catalogue["dateReleased"].as_str().context("the catalogue has a date")?;
    let head = format!(
        "{{\"catalogVersion\":{},\"dateReleased\":{},\"count\":{},\"vulnerabilities\":[\n",
        catalogue["catalogVersion"],
        json!(released),
        entries.len(),
    );
    let bytes = lines(&head, entries.iter().map(|entry| only(entry, &ENTRY).to_string()), "\n]}\n");
    let name = "known_exploited_vulnerabilities.json".to_owned();
    let file = File { url: CATALOGUE_URL.to_owned(), name, bytes };
    Ok(Cut { feed: "kev", files: vec![file], partial: false, as_of: released.to_owned() })
}

pub(super) fn epss(from: &Path, used: &Used) -> anyhow::Result<Cut> {
    let path = from.join(SCORES);
    let packed = Disk::open(&path).with_context(|| format!("open {}", path.display()))?;
    let mut text = String::new();
    for line in BufReader::new(MultiGzDecoder::new(packed)).lines() {
        let line = line.with_context(|| format!("read {}", path.display()))?;
        let is_head = line.starts_with('#') || line.starts_with("cve,");
        if is_head || line.split(',').next().is_some_and(|id| used.contains(id)) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    let name = "epss_scores-2024-01-13.csv.gz".to_owned();
    let file = File { url: SCORES_URL.to_owned(), name, bytes: gzip(text.as_bytes())? };
    Ok(Cut { feed: "epss", files: vec![file], partial: true, as_of: SCORES_AS_OF.to_owned() })
}
