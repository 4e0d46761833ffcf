//! NVD: the records that the data folder has, by year, without descriptions, references and configurations.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::{Cut, File, Used, gzip, lines, only, read_json};

const PAGE: &str = "nvd/cves-2.0-assembled.json";
const FILES: &str = "https://nvd.nist.gov/feeds/json/cve/2.0/";
/// The first yearly file holds all the years before it too.
const FIRST_YEAR: u16 = 2002;
const METRICS: [&str; 4] = ["cvssMetricV2", "cvssMetricV30", "cvssMetricV31", "cvssMetricV40"];

pub(super) fn cut(from: &Path, used: &mut Used) -> anyhow::Result<Cut> {
    let page = read_json(&from.join(PAGE))?;
    let timestamp = page["timestamp"].as_str().context("the page has a timestamp")?;
    let mut years: BTreeMap<u16, BTreeMap<String, Value>> = BTreeMap::new();
    for item in page["vulnerabilities"].as_array().context("the page has a list")? {
        let id = item["cve"]["id"].as_str().context("a record has an id")?;
        let year: u16 = id.split('-').nth(1).and_then(|year| year.parse().ok()).context("an id has a year")?;
        years.entry(year.max(FIRST_YEAR)).or_default().insert(id.to_owned(), facts(&item["cve"]));
        used.insert(id.to_owned());
    }
    let mut files = Vec::new();
    for (year, records) in years {
        let name = format!("nvdcve-2.0-{year}.json.gz");
        let head = format!(
            "{{\"resultsPerPage\":{0},\"startIndex\":0,\"totalResults\":{0},\"format\":\"NVD_CVE\",\
             \"version\":\"2.0\",\"timestamp\":{1},\"vulnerabilities\":[\n",
            records.len(),
            json!(timestamp),
        );
        let records = records.into_values().map(|cve| json!({ "cve": cve }).to_string());
        files.push(File { url: format!("{FILES}{name}"), bytes: gzip(&lines(&head, records, "\n]}\n"))?, name });
    }
    let instant = timestamp.trim_end_matches('Z');
    Ok(Cut { feed: "nvd", files, partial: true, as_of: format!("{instant}Z") })
}

fn facts(cve: &Value) -> Value {
    let mut facts = only(cve, &["id", "sourceIdentifier", "vulnStatus", "published", "lastModified"]);
    let mut metrics = Map::new();
    for name in METRICS {
        if let Some(list) = cve["metrics"][name].as_array() {
            metrics.insert(name.to_owned(), list.iter().map(metric).collect());
        }
    }
    facts["metrics"] = metrics.into();
    let weaknesses = cve["weaknesses"].as_array().map(Vec::as_slice).unwrap_or_default();
    facts["weaknesses"] = weaknesses.iter().map(|w| only(w, &["source", "type", "description"])).collect();
    facts
}

fn metric(metric: &Value) -> Value {
    let mut facts = only(metric, &["source", "type"]);
    facts["cvssData"] = only(&metric["cvssData"], &["version", "vectorString"]);
    facts
}
