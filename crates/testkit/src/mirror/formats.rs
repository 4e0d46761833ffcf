//! The publishers' formats, with all the members that the real files have and Vigie reads over.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Map, Value, json};

use super::{Flaw, TestMirror, VectorSource, VendorState};

const DESCRIPTION: &str = "An invented flaw for tests.";

/// `security-tracker.debian.org/tracker/data/json`.
pub(super) fn tracker(mirror: &TestMirror) -> Vec<u8> {
    let mut sources: Map<String, Value> = Map::new();
    for (release, packages) in &mirror.advisories {
        for (package, vulnerabilities) in packages {
            let source = sources.entry(package).or_insert_with(|| json!({}));
            for (vulnerability, state) in vulnerabilities {
                let entry = &mut source[vulnerability];
                if entry.is_null() {
                    *entry = json!({ "description": DESCRIPTION, "scope": "local", "releases": {} });
                }
                entry["releases"][release] = status(release, state);
            }
        }
    }
    Value::Object(sources).to_string().into_bytes()
}

fn status(release: &str, state: &VendorState) -> Value {
    let (word, urgency) = match state {
        VendorState::FixedIn(_) | VendorState::NotAffected => ("resolved", "not yet assigned"),
        VendorState::UnimportantFixedIn(_) => ("resolved", "unimportant"),
        VendorState::Open | VendorState::Postponed | VendorState::Ignored => ("open", "not yet assigned"),
        VendorState::EndOfLife => ("open", "end-of-life"),
        VendorState::Unimportant => ("open", "unimportant"),
        VendorState::Undetermined => ("undetermined", "not yet assigned"),
    };
    let mut status = json!({ "status": word, "repositories": { release: "1.0-1" }, "urgency": urgency });
    match state {
        VendorState::FixedIn(version) | VendorState::UnimportantFixedIn(version) => {
            status["fixed_version"] = version.as_str().into();
        }
        VendorState::NotAffected => status["fixed_version"] = "0".into(),
        VendorState::Postponed => {
            status["nodsa"] = "Minor issue".into();
            status["nodsa_reason"] = "postponed".into();
        }
        VendorState::Ignored => {
            status["nodsa"] = "Minor issue".into();
            status["nodsa_reason"] = "ignored".into();
        }
        _ => {}
    }
    status
}

/// `nvdcve-2.0-YYYY.json.gz`: all flaws, or none of them.
pub(super) fn nvd(mirror: &TestMirror, all: bool) -> io::Result<Vec<u8>> {
    let cves = mirror.flaws.iter().filter(|(id, _)| all && id.starts_with("CVE-"));
    let items: Vec<Value> = cves.map(|(id, flaw)| json!({ "cve": nvd_cve(mirror, id, flaw) })).collect();
    let document = json!({
        "resultsPerPage": items.len(), "startIndex": 0, "totalResults": items.len(),
        "format": "NVD_CVE", "version": "2.0",
        "timestamp": zoneless(mirror.as_of), "vulnerabilities": items,
    });
    gzip(document.to_string().as_bytes())
}

fn nvd_cve(mirror: &TestMirror, id: &str, flaw: &Flaw) -> Value {
    let mut metrics = json!({});
    for (source, vector) in &flaw.vectors {
        let (member, version) = match vector.get(..9) {
            Some("CVSS:4.0/") => ("cvssMetricV40", "4.0"),
            Some("CVSS:3.1/") => ("cvssMetricV31", "3.1"),
            Some("CVSS:3.0/") => ("cvssMetricV30", "3.0"),
            _ => ("cvssMetricV2", "2.0"),
        };
        let (source, kind) = match source {
            VectorSource::Nvd => ("nvd@nist.gov", "Primary"),
            VectorSource::Cna => ("cna@vigie-demo.invalid", "Secondary"),
            VectorSource::CisaAdp => ("134c704f-9b21-4f2e-91b3-4a467353bcc0", "Secondary"),
        };
        let metric =
            json!({ "source": source, "type": kind, "cvssData": { "version": version, "vectorString": vector } });
        match metrics[member].as_array_mut() {
            Some(list) => list.push(metric),
            None => metrics[member] = json!([metric]),
        }
    }
    let weakness = flaw.cwe.as_deref().unwrap_or("NVD-CWE-noinfo");
    json!({
        "id": id,
        "sourceIdentifier": "cna@vigie-demo.invalid",
        "published": zoneless(published(mirror, flaw)),
        "lastModified": zoneless(mirror.as_of),
        "vulnStatus": if flaw.rejected { "Rejected" } else { "Analyzed" },
        "cveTags": [],
        "descriptions": [{ "lang": "en", "value": DESCRIPTION }],
        "metrics": metrics,
        "weaknesses": [{
            "source": "nvd@nist.gov", "type": "Primary", "description": [{ "lang": "en", "value": weakness }]
        }],
        "references": [],
    })
}

/// `known_exploited_vulnerabilities.json`.
pub(super) fn kev(mirror: &TestMirror) -> Vec<u8> {
    let listed = mirror.flaws.iter().filter_map(|(id, flaw)| Some((id, flaw.kev.as_ref()?)));
    let entries: Vec<Value> = listed
        .map(|(id, entry)| {
            json!({
                "cveID": id, "vendorProject": "Vigie", "product": "Demo", "vulnerabilityName": "Invented",
                "dateAdded": entry.added, "shortDescription": DESCRIPTION, "requiredAction": "None.",
                "dueDate": entry.due, "notes": "",
                "knownRansomwareCampaignUse": if entry.ransomware { "Known" } else { "Unknown" },
                "cwes": mirror.flaws[id].cwe.iter().collect::<Vec<_>>(),
            })
        })
        .collect();
    let document = json!({
        "title": "Test catalogue", "catalogVersion": day(mirror.as_of).replace('-', "."),
        "dateReleased": mirror.as_of.to_string(), "count": entries.len(), "vulnerabilities": entries,
    });
    document.to_string().into_bytes()
}

/// `epss_scores-current.csv.gz`.
pub(super) fn epss(mirror: &TestMirror) -> io::Result<Vec<u8>> {
    let mut text = format!("#model_version:v2099.01.01,score_date:{}T00:00:00+0000\n", day(mirror.as_of));
    text.push_str("cve,epss,percentile\n");
    for (id, flaw) in &mirror.flaws {
        if let Some((probability, percentile)) = flaw.epss {
            text.push_str(&format!("{id},{probability},{percentile}\n"));
        }
    }
    gzip(text.as_bytes())
}

/// `vulnrichment/archive/refs/heads/develop.tar.gz`: flaws with SSVC answers or with a vector of CNA or CISA.
pub(super) fn vulnrichment(mirror: &TestMirror) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut add = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(u64::try_from(mirror.as_of.as_second()).unwrap_or_default());
        archive.append_data(&mut header, path, bytes)
    };
    add("vulnrichment-develop/README.md", DESCRIPTION.as_bytes())?;
    for (id, flaw) in &mirror.flaws {
        let enriched = flaw.ssvc.is_some() || flaw.vectors.iter().any(|(source, _)| *source != VectorSource::Nvd);
        if enriched && id.starts_with("CVE-") {
            let path = format!("vulnrichment-develop/2099/1xxxx/{id}.json");
            add(&path, cve_record(mirror, id, flaw).to_string().as_bytes())?;
        }
    }
    archive.into_inner()?.finish()
}

fn cve_record(mirror: &TestMirror, id: &str, flaw: &Flaw) -> Value {
    let metrics = |of: VectorSource| -> Vec<Value> {
        let published = flaw.vectors.iter().filter(|(source, _)| *source == of);
        published
            .map(|(_, vector)| match vector.get(..9) {
                Some("CVSS:4.0/") => json!({ "cvssV4_0": { "version": "4.0", "vectorString": vector } }),
                Some("CVSS:3.1/") => json!({ "cvssV3_1": { "version": "3.1", "vectorString": vector } }),
                Some("CVSS:3.0/") => json!({ "cvssV3_0": { "version": "3.0", "vectorString": vector } }),
                _ => json!({ "cvssV2_0": { "version": "2.0", "vectorString": vector } }),
            })
            .collect()
    };
    let mut adp = metrics(VectorSource::CisaAdp);
    if let Some(ssvc) = &flaw.ssvc {
        let yes = |answer: bool| if answer { "yes" } else { "no" };
        let impact = if ssvc.technical_impact_total { "total" } else { "partial" };
        adp.push(json!({ "other": { "type": "ssvc", "content": {
            "id": id, "role": "CISA Coordinator", "version": "2.0.3", "timestamp": ssvc.timestamp,
            "options": [
                { "Exploitation": ssvc.exploitation },
                { "Automatable": yes(ssvc.automatable) },
                { "Technical Impact": impact },
            ],
        }}}));
    }
    json!({
        "dataType": "CVE_RECORD", "dataVersion": "5.1",
        "cveMetadata": {
            "cveId": id, "state": if flaw.rejected { "REJECTED" } else { "PUBLISHED" },
            "assignerShortName": "vigie-demo", "datePublished": published(mirror, flaw).to_string(),
        },
        "containers": {
            "cna": {
                "providerMetadata": { "shortName": "vigie-demo" },
                "descriptions": [{ "lang": "en", "value": DESCRIPTION }],
                "metrics": metrics(VectorSource::Cna),
                "problemTypes": [{ "descriptions": [{ "cweId": flaw.cwe, "lang": "en", "type": "CWE" }] }],
            },
            "adp": [
                { "title": "CVE Program Container", "providerMetadata": { "shortName": "CVE" }, "references": [] },
                { "title": "CISA ADP Vulnrichment", "providerMetadata": { "shortName": "CISA-ADP" }, "metrics": adp },
            ],
        },
    })
}

fn published(mirror: &TestMirror, flaw: &Flaw) -> Timestamp {
    let month = jiff::SignedDuration::from_hours(30 * 24);
    let told = flaw.published.as_deref().map(|text| text.parse().expect("the test writes an instant as RFC 3339"));
    told.unwrap_or_else(|| mirror.as_of - month)
}

/// An instant as NVD writes it: UTC, and not saying so.
fn zoneless(instant: Timestamp) -> String {
    Offset::UTC.to_datetime(instant).to_string()
}

pub(super) fn year(instant: Timestamp) -> i16 {
    Offset::UTC.to_datetime(instant).year()
}

fn day(instant: Timestamp) -> String {
    Offset::UTC.to_datetime(instant).date().to_string()
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}
