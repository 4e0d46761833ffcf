//! Vulnrichment: vectors, SSVC answers, weaknesses and dates of the vulnerabilities that the cut is about.

use std::collections::BTreeMap;
use std::fs::File as Disk;
use std::io::{BufReader, Read as _};
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Cut, File, Used, gzip, only};

const ARCHIVE: &str = "vulnrichment/vulnrichment-develop.tar.zst";
const URL: &str = "https://github.com/cisagov/vulnrichment/archive/refs/heads/develop.tar.gz";
/// Window of the archive (`zstd --long=27`).
const WINDOW_LOG: u32 = 27;
const VECTORS: [&str; 4] = ["cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0"];

pub(super) fn cut(from: &Path, used: &Used) -> anyhow::Result<Cut> {
    let path = from.join(ARCHIVE);
    let packed = Disk::open(&path).with_context(|| format!("open {}", path.display()))?;
    let mut decoder = zstd::stream::read::Decoder::new(packed)?;
    decoder.window_log_max(WINDOW_LOG)?;
    let mut archive = tar::Archive::new(BufReader::new(decoder));
    let mut records = BTreeMap::new();
    let mut commit = 0;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let id = path.rsplit('/').next().and_then(|file| file.strip_suffix(".json")).unwrap_or_default();
        if used.contains(id) {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            let record: Value = serde_json::from_str(&text).with_context(|| format!("read {path}"))?;
            commit = entry.header().mtime()?.max(commit);
            records.insert(path, facts(&record).to_string());
        }
    }
    let mut builder = tar::Builder::new(Vec::new());
    for (path, text) in &records {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(commit);
        builder.append_data(&mut header, path, text.as_bytes())?;
    }
    let name = "vulnrichment-develop.tar.gz".to_owned();
    let file = File { url: URL.to_owned(), name, bytes: gzip(&builder.into_inner()?)? };
    let as_of = jiff::Timestamp::from_second(i64::try_from(commit)?)?.to_string();
    Ok(Cut { feed: "vulnrichment", files: vec![file], partial: true, as_of })
}

fn facts(record: &Value) -> Value {
    let metadata = ["cveId", "state", "assignerShortName", "datePublished", "dateUpdated"];
    let adp = record["containers"]["adp"].as_array().map(Vec::as_slice).unwrap_or_default();
    let cisa = adp.iter().filter(|container| container["providerMetadata"]["shortName"] == "CISA-ADP");
    json!({
        "dataType": "CVE_RECORD",
        "dataVersion": record["dataVersion"],
        "cveMetadata": only(&record["cveMetadata"], &metadata),
        "containers": { "cna": container(&record["containers"]["cna"]), "adp": cisa.map(container).collect::<Value>() },
    })
}

fn container(container: &Value) -> Value {
    let list = |name: &str| container[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let descriptions = list("problemTypes").iter().filter_map(|kind| kind["descriptions"].as_array()).flatten();
    let cwes = descriptions.filter(|description| description["cweId"].is_string());
    json!({
        "providerMetadata": only(&container["providerMetadata"], &["shortName"]),
        "metrics": list("metrics").iter().filter_map(metric).collect::<Value>(),
        "problemTypes": cwes.map(|cwe| json!({ "descriptions": [only(cwe, &["cweId"])] })).collect::<Value>(),
    })
}

/// A vector, or SSVC answers; `None` for everything else.
fn metric(metric: &Value) -> Option<Value> {
    if let Some(name) = VECTORS.iter().find(|name| metric[**name]["vectorString"].is_string()) {
        return Some(json!({ *name: only(&metric[*name], &["version", "vectorString"]) }));
    }
    let other = &metric["other"];
    let answers = ["id", "role", "options", "version", "timestamp"];
    (other["type"] == "ssvc")
        .then(|| json!({ "other": { "type": "ssvc", "content": only(&other["content"], &answers) } }))
}
