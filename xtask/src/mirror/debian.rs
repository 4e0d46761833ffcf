//! Debian: bookworm from the tracker's file, bullseye from the list of security advisories.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Cut, File, Used, lines, only, read_json};

const TRACKER: &str = "debian/reconstructed/tracker-data-json-from-changelogs.json";
const ADVISORIES: &str = "debian/security-tracker-2023-04-02/data/DSA/list";
const RELEASE: &str = "[bullseye] - ";
/// The older of the two: nothing in the cut is newer knowledge than it says.
const AS_OF: &str = "2023-04-02T00:00:00Z";

/// Source package → vulnerability → release → status.
type Tracker = BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>;

pub(super) fn cut(from: &Path) -> anyhow::Result<(Cut, Used)> {
    let mut tracker = Tracker::new();
    read_tracker(&from.join(TRACKER), &mut tracker)?;
    read_advisories(&from.join(ADVISORIES), &mut tracker)?;
    let used = tracker.values().flat_map(BTreeMap::keys).filter(|id| id.starts_with("CVE-")).cloned().collect();
    let sources = tracker.iter().map(|(source, entries)| {
        let entries = entries.iter().map(|(id, releases)| format!("{}:{}", json!(id), json!({ "releases": releases })));
        let entries = lines("{\n", entries, "\n}");
        format!("{}:{}", json!(source), String::from_utf8_lossy(&entries))
    });
    let file = File {
        url: "https://security-tracker.debian.org/tracker/data/json".to_owned(),
        name: "tracker.json".to_owned(),
        bytes: lines("{\n", sources, "\n}\n"),
    };
    Ok((Cut { feed: "debian", files: vec![file], partial: true, as_of: AS_OF.to_owned() }, used))
}

fn read_tracker(path: &Path, tracker: &mut Tracker) -> anyhow::Result<()> {
    let whole = read_json(path)?;
    for (source, entries) in whole.as_object().context("the tracker is an object")? {
        for (id, entry) in entries.as_object().context("a source package is an object")? {
            for (release, status) in entry["releases"].as_object().context("releases are an object")? {
                let facts = only(status, &["status", "fixed_version", "urgency", "nodsa_reason"]);
                put(tracker, source, id, release, facts);
            }
        }
    }
    Ok(())
}

/// The list has the newest advisory first, and the newest says up to which version a package is still affected.
fn read_advisories(path: &Path, tracker: &mut Tracker) -> anyhow::Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let mut ids: Vec<&str> = Vec::new();
    for line in text.lines() {
        let content = line.trim();
        if line.starts_with('[') {
            ids.clear();
        } else if let Some(list) = content.strip_prefix('{') {
            ids = list.trim_end_matches('}').split_whitespace().collect();
        } else if let Some((source, version)) = content.strip_prefix(RELEASE).and_then(|rest| rest.split_once(' ')) {
            for id in &ids {
                let status = json!({
                    "status": "resolved", "fixed_version": version, "urgency": "not yet assigned",
                });
                put(tracker, source, id, "bullseye", status);
            }
        }
    }
    Ok(())
}

fn put(tracker: &mut Tracker, source: &str, id: &str, release: &str, status: Value) {
    let entry = tracker.entry(source.to_owned()).or_default().entry(id.to_owned()).or_default();
    entry.entry(release.to_owned()).or_insert(status);
}
