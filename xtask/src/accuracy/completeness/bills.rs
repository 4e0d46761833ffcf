//! Bills of materials, against the number of their components, in whatever form.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _};
use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outside::unpack::{self, Limits};
use serde_json::Value;

use super::super::Bench;
use super::lockfiles::files;
use super::{Content, Row, by_cpe, identity, package, read};

/// Types of CycloneDX that are no software: what they describe has no package.
const NO_SOFTWARE: [&str; 5] = ["operating-system", "cryptographic-asset", "device", "data", "machine-learning-model"];

pub(super) fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let mut rows: BTreeMap<(String, &'static str), Row> = BTreeMap::new();
    for path in files(&bench.data.join("sbom")) {
        let Some((form, expected)) = native(&path)? else { continue };
        let below = path.strip_prefix(&bench.data).unwrap_or(&path);
        let folder: Vec<_> = below.parent().into_iter().flat_map(Path::iter).take(3).collect();
        let folder = folder.join(std::ffi::OsStr::new("/")).to_string_lossy().into_owned();
        let row = rows.entry((folder.clone(), form)).or_insert_with(|| Row::new(folder, form));
        row.add(&below.display().to_string(), &expected, &read(bench, &path)?);
    }
    Ok(rows.into_values().collect())
}

/// What a file says that it holds, with the name of its form. `None`: it is no bill of materials.
fn native(path: &Path) -> anyhow::Result<Option<(&'static str, Content)>> {
    let packed = fs::read(path)?;
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let mut unpacked = unpack::reader(&name, Cursor::new(packed), Limits::bytes(1 << 28))?;
    unpacked.read_to_end(&mut bytes).with_context(|| format!("unpack {name}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        return Ok(text.contains("cyclonedx.org/schema/bom").then(|| ("CycloneDX, XML", xml(text))));
    }
    if text.lines().any(|line| line.starts_with("SPDXVersion:")) {
        return Ok(Some(("SPDX, tags and values", tags(text))));
    }
    let Ok(document) = serde_json::from_str::<Value>(text) else { return Ok(None) };
    let inner = document["payload"].as_str().map(|payload| STANDARD.decode(payload)).transpose()?;
    let document = match inner {
        Some(inner) => serde_json::from_slice::<Value>(&inner)?["predicate"].take(),
        None => document,
    };
    Ok(match &document {
        document if document["bomFormat"].is_string() => Some(("CycloneDX, JSON", cyclonedx(document))),
        document if document["spdxVersion"].is_string() => Some(("SPDX 2, JSON", spdx(document))),
        document if document["@graph"].is_array() => Some(("SPDX 3, JSON", graph(document))),
        _ => None,
    })
}

impl Content {
    fn entry(&mut self, identity: Option<String>) {
        match identity {
            Some(identity) => drop(self.packages.insert(identity)),
            None => self.others += 1,
        }
    }
}

fn cyclonedx(document: &Value) -> Content {
    let mut content = Content::default();
    let subject = &document["metadata"]["component"];
    let mut open: Vec<&Value> = subject["components"].as_array().into_iter().flatten().collect();
    open.extend(document["components"].as_array().into_iter().flatten());
    // What the bill is about holds the packages: a container or a file, or what nothing identifies.
    let is_whole = ["container", "file"].contains(&subject["type"].as_str().unwrap_or_default())
        || ["purl", "cpe"].iter().all(|key| subject[*key].as_str().is_none_or(str::is_empty));
    if subject.is_object() && !is_whole {
        open.push(subject);
        // Its parts are in the list already.
        let parts = subject["components"].as_array().map_or(0, Vec::len);
        open.drain(..parts);
    }
    while let Some(component) = open.pop() {
        open.extend(component["components"].as_array().into_iter().flatten());
        let kind = component["type"].as_str().unwrap_or_default();
        let identity = identity(component);
        let is_plain_file = kind == "file" && component["purl"].is_null() && component["cpe"].is_null();
        if !NO_SOFTWARE.contains(&kind) && !is_plain_file {
            content.entry(identity);
        }
    }
    content
}

/// A component begins with `<component ` and says who it is before its parts.
fn xml(text: &str) -> Content {
    let mut content = Content::default();
    let value = |part: &str, name: &str| {
        let rest = part.split_once(&format!("<{name}>")).map_or("", |(_, rest)| rest);
        let value = rest.trim_start().trim_start_matches("<![CDATA[").split(['<', ']']).next().unwrap_or_default();
        value.trim().replace("&amp;", "&")
    };
    let subject =
        text.split_once("<metadata").map_or("", |(_, rest)| rest.split("</metadata>").next().unwrap_or_default());
    let subject = subject.split_once("<component ").map_or("", |(_, rest)| rest);
    for part in text.split("<component ").skip(1) {
        let is_subject =
            !subject.is_empty() && part.starts_with(subject.split("<component ").next().unwrap_or_default());
        let kind = part.split_once("type=\"").map_or("", |(_, rest)| rest.split('"').next().unwrap_or_default());
        let part = part.split("</component>").next().unwrap_or_default();
        let (purl, cpe) = (value(part, "purl"), value(part, "cpe"));
        let is_whole = is_subject && purl.is_empty() && cpe.is_empty();
        if !NO_SOFTWARE.contains(&kind) && !is_whole {
            content.entry(package(&purl, &value(part, "version")).or_else(|| by_cpe(&cpe)));
        }
    }
    content
}

fn tags(text: &str) -> Content {
    let mut content = Content::default();
    let is_system = |part: &&str| part.contains("\nPrimaryPackagePurpose: OPERATING-SYSTEM");
    for part in text.split("\nPackageName:").skip(1).filter(|part| !is_system(part)) {
        let version = part.lines().find_map(|line| line.strip_prefix("PackageVersion:")).unwrap_or_default().trim();
        let reference = |kind: &str| {
            part.lines().filter(|line| line.starts_with("ExternalRef:")).find_map(|line| line.split_once(kind))
        };
        let purl = reference(" purl ").map_or("", |(_, purl)| purl.trim());
        let cpe = reference(" cpe23Type ").map_or("", |(_, cpe)| cpe.trim());
        content.entry(package(purl, version).or_else(|| by_cpe(cpe)));
    }
    content
}

fn spdx(document: &Value) -> Content {
    let mut content = Content::default();
    let list = |key: &str| document[key].as_array().into_iter().flatten();
    let mut described: Vec<&str> = list("documentDescribes").filter_map(Value::as_str).collect();
    described.extend(
        list("relationships")
            .filter(|r| r["relationshipType"] == "DESCRIBES")
            .filter_map(|r| r["relatedSpdxElement"].as_str()),
    );
    let is_root = |entry: &Value| described.contains(&entry["SPDXID"].as_str().unwrap_or_default());
    let roots = list("packages").filter(|entry| is_root(entry)).count();
    for entry in list("packages").filter(|entry| entry["primaryPackagePurpose"] != "OPERATING-SYSTEM") {
        let reference = |kind: &str| {
            let references = entry["externalRefs"].as_array().into_iter().flatten();
            references
                .filter(|r| r["referenceType"] == kind)
                .find_map(|r| r["referenceLocator"].as_str())
                .unwrap_or_default()
        };
        let (purl, cpe) = (reference("purl"), Some(reference("cpe23Type")).filter(|cpe| !cpe.is_empty()));
        let cpe = cpe.unwrap_or_else(|| reference("cpe22Type"));
        // The one folder or image that the document is about.
        let is_image = entry["primaryPackagePurpose"] == "CONTAINER";
        if roots == 1 && is_root(entry) && (is_image || purl.is_empty() && cpe.is_empty()) {
            continue;
        }
        content.entry(package(purl, entry["versionInfo"].as_str().unwrap_or_default()).or_else(|| by_cpe(cpe)));
    }
    content
}

fn graph(document: &Value) -> Content {
    let mut content = Content::default();
    for element in document["@graph"].as_array().into_iter().flatten() {
        if element["type"] != "software_Package" {
            continue;
        }
        let identifier = |kind: &str| {
            let identifiers = element["externalIdentifier"].as_array().into_iter().flatten();
            identifiers
                .filter(|i| i["externalIdentifierType"] == kind)
                .find_map(|i| i["identifier"].as_str())
                .unwrap_or_default()
        };
        let purl = element["software_packageUrl"].as_str().unwrap_or_else(|| identifier("packageUrl"));
        let version = element["software_packageVersion"].as_str().unwrap_or_default();
        content.entry(package(purl, version).or_else(|| by_cpe(identifier("cpe23"))));
    }
    content
}
