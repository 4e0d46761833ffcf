//! A workload in the publishers' formats: a mirror for `vigie`, a folder for debsecan.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::json;

use super::generate;
use super::workload::{Row, Workload};
use crate::numbers::Numbers;

const TRACKER: &str = "https://security-tracker.debian.org/tracker/data/json";
const EPSS: &str = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz";
const KEV: &str = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";
const NVD: &str = "https://services.nvd.nist.gov/rest/json/cves/2.0";

/// Vectors of all tiers, so that scoring has real work.
const VECTORS: [&str; 6] = [
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
    "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H",
    "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H",
    "CVSS:3.1/AV:L/AC:H/PR:H/UI:N/S:U/C:L/I:N/A:N",
    "CVSS:3.1/AV:A/AC:L/PR:N/UI:N/S:U/C:N/I:L/A:H",
];

/// Debian's releases, as the tracker names them.
const RELEASES: [&str; 5] = ["bookworm", "bullseye", "forky", "sid", "trixie"];

/// Writes a mirror of four feeds that judge these rows.
pub(super) fn write(folder: &Path, rows: &[Row]) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let table = format!(
        "{TRACKER}\ttracker.json\tplain\n{EPSS}\tepss.csv.gz\tplain\n{KEV}\tkev.json\tplain\n{NVD}\tnvd.json\tpages\n"
    );
    fs::write(folder.join("urls.tsv"), table)?;
    write_rows(&folder.join("tracker.json"), rows)?;
    let mut vulnerabilities: Vec<&str> = rows.iter().map(|row| row.vulnerability.as_str()).collect();
    vulnerabilities.sort_unstable();
    vulnerabilities.dedup();
    let mut numbers = Numbers::new(11);

    let mut epss = GzEncoder::new(BufWriter::new(File::create(folder.join("epss.csv.gz"))?), Compression::fast());
    writeln!(epss, "#model_version:v2023.03.01,score_date:2024-01-13T00:00:00+0000\ncve,epss,percentile")?;
    for vulnerability in &vulnerabilities {
        writeln!(epss, "{vulnerability},0.{:05},0.{:05}", numbers.skewed(99_999), numbers.below(99_999))?;
    }
    epss.finish()?.flush()?;

    let listed: Vec<_> = vulnerabilities.iter().step_by(60).map(|id| {
        json!({"cveID": id, "vendorProject": "x", "product": "x", "vulnerabilityName": "x", "dateAdded": "2023-06-01",
            "shortDescription": "x", "requiredAction": "x", "dueDate": "2023-06-22",
            "knownRansomwareCampaignUse": "Unknown", "notes": ""})
    }).collect();
    let kev = json!({"title": "x", "catalogVersion": "2024.01.13", "dateReleased": "2024-01-13T00:00:00.0000Z",
        "count": listed.len(), "vulnerabilities": listed});
    fs::write(folder.join("kev.json"), kev.to_string())?;
    write_nvd(&folder.join("nvd.json"), &vulnerabilities, &mut numbers)
}

/// The tracker's file of one release.
fn write_rows(path: &Path, rows: &[Row]) -> anyhow::Result<()> {
    let mut sources: BTreeMap<&str, serde_json::Map<String, serde_json::Value>> = BTreeMap::new();
    for row in rows {
        let entry = json!({"description": "x", "scope": "remote", "releases": {"bullseye": {"status": "resolved",
            "repositories": {"bullseye": row.fixed}, "fixed_version": row.fixed, "urgency": "not yet assigned"}}});
        sources.entry(&row.source).or_default().insert(row.vulnerability.clone(), entry);
    }
    serde_json::to_writer(BufWriter::new(File::create(path)?), &sources)?;
    Ok(())
}

fn write_nvd(path: &Path, vulnerabilities: &[&str], numbers: &mut Numbers) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let count = vulnerabilities.len();
    write!(
        out,
        "{{\"resultsPerPage\":{count},\"startIndex\":0,\"totalResults\":{count},\"format\":\"NVD_CVE\",\
         \"version\":\"2.0\",\"timestamp\":\"2024-01-13T00:00:00.000\",\"vulnerabilities\":["
    )?;
    for (index, id) in vulnerabilities.iter().enumerate() {
        let vector = VECTORS[usize::try_from(numbers.below(6))?];
        let cve = json!({"cve": {"id": id, "sourceIdentifier": "x", "published": "2023-05-01T10:15:00.000",
            "lastModified": "2023-06-01T10:15:00.000", "vulnStatus": "Analyzed",
            "descriptions": [{"lang": "en", "value": "x"}],
            "metrics": {"cvssMetricV31": [{"source": "nvd@nist.gov", "type": "Primary",
                "cvssData": {"version": "3.1", "vectorString": vector}}]},
            "weaknesses": [{"source": "nvd@nist.gov", "type": "Primary",
                "description": [{"lang": "en", "value": "CWE-79"}]}]}});
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}{cve}")?;
    }
    out.write_all(b"]}")?;
    out.flush()?;
    Ok(())
}

/// Writes a mirror with a tracker file of the real one's shape (sources × vulnerabilities × releases, with descriptions) and
/// about this size; tells the size.
pub(super) fn write_tracker(folder: &Path, bytes: u64) -> anyhow::Result<u64> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("urls.tsv"), format!("{TRACKER}\ttracker.json\tplain\n"))?;
    let path = folder.join("tracker.json");
    let mut out = Counted { inner: BufWriter::new(File::create(&path)?), bytes: 0 };
    let mut numbers = Numbers::new(13);
    write!(out, "{{")?;
    let mut source = 0;
    let mut next = 0;
    while out.bytes < bytes {
        let comma = if source == 0 { "" } else { "," };
        write!(out, "{comma}\"{}\":{{", generate::source_name(source))?;
        // A few sources have thousands of entries, most have a handful.
        let entries = if source % 400 == 0 { 2_500 } else { 1 + numbers.skewed(60) };
        for index in 0..entries {
            let comma = if index == 0 { "" } else { "," };
            write!(out, "{comma}\"{}\":{}", generate::vulnerability(next), entry(&mut numbers))?;
            next += 1;
        }
        write!(out, "}}")?;
        source += 1;
    }
    write!(out, "}}")?;
    out.inner.flush()?;
    Ok(out.bytes)
}

/// One vulnerability of one source in all releases.
fn entry(numbers: &mut Numbers) -> serde_json::Value {
    let words = ["issue", "in", "parser", "allows", "attackers", "to", "cause", "denial", "of", "service", "crafted"];
    let mut word = || words[usize::try_from(numbers.below(11)).expect("a number below eleven")];
    let description: Vec<&str> = (0..40).map(|_| word()).collect();
    let installed = generate::version(numbers);
    let releases: serde_json::Map<String, serde_json::Value> = RELEASES
        .iter()
        .map(|release| {
            let suite = format!("{release}-security");
            let mut status =
                json!({"repositories": {*release: installed, suite: installed}, "urgency": "not yet assigned"});
            match numbers.below(10) {
                0 => {
                    status["status"] = json!("open");
                    status["nodsa"] = json!("Minor issue");
                    status["nodsa_reason"] = json!(["", "ignored", "postponed"][numbers.below(3) as usize % 3]);
                }
                1 => status["status"] = json!("undetermined"),
                2 | 3 => {
                    status["status"] = json!("resolved");
                    status["fixed_version"] = json!("0");
                }
                _ => {
                    status["status"] = json!("resolved");
                    status["fixed_version"] = json!(generate::version(numbers));
                }
            }
            ((*release).to_owned(), status)
        })
        .collect();
    json!({"description": description.join(" "), "debianbug": 1_000_000 + numbers.below(90_000), "scope": "remote",
        "releases": releases})
}

/// debsecan's own compressed form of the same rows.
pub(super) fn write_debsecan(folder: &Path, workload: &Workload) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let mut names: Vec<&str> = workload.rows.iter().map(|row| row.vulnerability.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let numbers: BTreeMap<&str, usize> = names.iter().copied().zip(0..).collect();
    let mut out = ZlibEncoder::new(BufWriter::new(File::create(folder.join("bullseye"))?), Compression::best());
    writeln!(out, "VERSION 1")?;
    for name in &names {
        writeln!(out, "{name},,vulnerability {name}")?;
    }
    writeln!(out)?;
    for row in &workload.rows {
        writeln!(out, "{},{},S  F,{},", row.source, numbers[row.vulnerability.as_str()], row.fixed)?;
    }
    writeln!(out)?;
    let mut sources: Vec<&str> = workload.rows.iter().map(|row| row.source.as_str()).collect();
    sources.dedup();
    for source in sources {
        writeln!(out, "{source},{source}")?;
    }
    writeln!(out)?;
    out.finish()?.flush()?;
    Ok(())
}

struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
