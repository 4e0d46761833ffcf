//! Writing a bill of materials: CycloneDX 1.6 and SPDX 2.3, in JSON. The same inventory and instant give the same bytes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use domain::component::{Component, Release};
use domain::inventory::Inventory;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The forms that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    CycloneDx,
    Spdx,
}

/// Writes an inventory. `name` is what was looked at; `tool` is the version of the program that looks.
pub fn write(
    form: Form,
    name: &str,
    inventory: &Inventory,
    tool: &str,
    at: Timestamp,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
    let components = inventory.components.as_deref().unwrap_or_default();
    let id = uuid_of(name, components);
    let release = inventory.platform.release.as_ref();
    let bill = Bill { name, product: &inventory.product, release, components, tool, at, id: &id };
    match form {
        Form::CycloneDx => cyclonedx(&bill, out),
        Form::Spdx => spdx(&bill, out),
    }?;
    out.write_all(b"\n")
}

/// What is written, whatever the form.
struct Bill<'a> {
    name: &'a str,
    /// The package-url of the whole. Empty: none.
    product: &'a str,
    release: Option<&'a Release>,
    components: &'a [Arc<Component>],
    tool: &'a str,
    at: Timestamp,
    id: &'a str,
}

fn cyclonedx(bill: &Bill<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let Bill { name, product, release, components, tool, at, id } = *bill;
    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    struct Entry<'a> {
        r#type: &'static str,
        bom_ref: String,
        name: &'a str,
        version: &'a str,
        purl: String,
        #[serde(skip_serializing_if = "str::is_empty")]
        cpe: &'a str,
        properties: Vec<Property<'a>>,
    }
    #[derive(Serialize)]
    struct Property<'a> {
        name: &'static str,
        value: &'a str,
    }
    let kind = if is_image(product) { "container" } else { "application" };
    let mut subject = serde_json::json!({"type": kind, "bom-ref": "subject", "name": name});
    if !product.is_empty() {
        subject["purl"] = product.into();
    }
    let metadata = serde_json::json!({
        "timestamp": at.to_string(),
        "tools": {"components": [{"type": "application", "name": "vigie", "version": tool}]},
        "component": subject,
    });
    write!(
        out,
        "{{\"$schema\":\"http://cyclonedx.org/schema/bom-1.6.schema.json\",\"bomFormat\":\"CycloneDX\",\
         \"specVersion\":\"1.6\",\"serialNumber\":\"urn:uuid:{id}\",\"version\":1,\"metadata\":{metadata},\"components\":["
    )?;
    if let Some(release) = release {
        let system = serde_json::json!({
            "type": "operating-system", "bom-ref": "system", "name": release.distribution, "version": release.name,
        });
        write!(out, "{system}")?;
    }
    for (number, component) in components.iter().enumerate() {
        if number > 0 || release.is_some() {
            out.write_all(b",")?;
        }
        let purl = purl(component, release);
        let said = [
            ("vigie:path", component.path.as_str()),
            ("vigie:layer", component.layer.as_str()),
            (super::OWNER, component.owner.as_str()),
            (super::ORIGIN, component.origin.as_str()),
        ];
        let entry = Entry {
            r#type: "library",
            bom_ref: format!("{number}-{purl}"),
            name: &component.name,
            version: &component.version,
            purl,
            cpe: &component.cpe,
            properties: said
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| Property { name, value })
                .collect(),
        };
        serde_json::to_writer(&mut *out, &entry)?;
    }
    out.write_all(b"]}")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpdxPackage<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    name: &'a str,
    version_info: &'a str,
    download_location: &'static str,
    files_analyzed: bool,
    license_concluded: &'static str,
    license_declared: &'static str,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    source_info: &'a str,
    external_refs: Vec<SpdxReference<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<[SpdxAnnotation<'a>; 1]>,
}
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpdxAnnotation<'a> {
    annotation_date: &'a str,
    annotation_type: &'static str,
    annotator: &'a str,
    comment: String,
}
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpdxReference<'a> {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: std::borrow::Cow<'a, str>,
}

fn spdx(bill: &Bill<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let Bill { name, release, components, tool, at, id, .. } = *bill;
    let title = serde_json::to_string(name)?;
    write!(
        out,
        "{{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\",\"SPDXID\":\"SPDXRef-DOCUMENT\",\"name\":{title},\
         \"documentNamespace\":\"https://vigie.invalid/spdx/{id}\",\"creationInfo\":{{\"created\":\"{at}\",\
         \"creators\":[\"Tool: vigie-{tool}\"]}},\"packages\":["
    )?;
    let leading = spdx_leading(bill);
    for (number, package) in leading.iter().enumerate() {
        let separator = if number > 0 { "," } else { "" };
        write!(out, "{separator}{package}")?;
    }
    let (date, annotator) = (at.to_string(), format!("Tool: vigie-{tool}"));
    for (number, component) in components.iter().enumerate() {
        if number > 0 || !leading.is_empty() {
            out.write_all(b",")?;
        }
        let locator = purl(component, release).into();
        let mut external_refs = vec![SpdxReference {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: locator,
        }];
        if !component.cpe.is_empty() {
            let (reference_category, reference_type) = ("SECURITY", "cpe23Type");
            let reference_locator = component.cpe.as_str().into();
            external_refs.push(SpdxReference { reference_category, reference_type, reference_locator });
        }
        let package = SpdxPackage {
            id: format!("SPDXRef-package-{number}"),
            name: &component.name,
            version_info: &component.version,
            download_location: "NOASSERTION",
            files_analyzed: false,
            license_concluded: "NOASSERTION",
            license_declared: "NOASSERTION",
            copyright_text: "NOASSERTION",
            source_info: &component.path,
            external_refs,
            annotations: (!component.origin.is_empty()).then(|| {
                let comment = format!("{}={}", super::ORIGIN, component.origin);
                [SpdxAnnotation { annotation_date: &date, annotation_type: "OTHER", annotator: &annotator, comment }]
            }),
        };
        serde_json::to_writer(&mut *out, &package)?;
    }
    out.write_all(b"],\"relationships\":[")?;
    spdx_relationships(&leading, components, out)?;
    out.write_all(b"]}")
}

/// What the document describes, and which package brought which files.
fn spdx_relationships(
    leading: &[serde_json::Value],
    components: &[Arc<Component>],
    out: &mut impl io::Write,
) -> io::Result<()> {
    let described = match leading.first() {
        Some(package) => package["SPDXID"].as_str(),
        None => (!components.is_empty()).then_some("SPDXRef-package-0"),
    };
    if let Some(described) = described {
        write!(
            out,
            "{{\"spdxElementId\":\"SPDXRef-DOCUMENT\",\"relationshipType\":\"DESCRIBES\",\
             \"relatedSpdxElement\":\"{described}\"}}"
        )?;
    }
    let mut separator = if described.is_some() { "," } else { "" };
    let packages = components.iter().enumerate().filter(|(_, component)| component.ecosystem.is_distribution());
    let packages: HashMap<&str, usize> =
        packages.map(|(number, component)| (component.name.as_str(), number)).collect();
    for (number, component) in components.iter().enumerate() {
        let Some(owner) = packages.get(component.owner.as_str()) else { continue };
        write!(
            out,
            "{separator}{{\"spdxElementId\":\"SPDXRef-package-{owner}\",\"relationshipType\":\"CONTAINS\",\
             \"relatedSpdxElement\":\"SPDXRef-package-{number}\"}}"
        )?;
        separator = ",";
    }
    Ok(())
}

/// What was looked at as a whole, and the system in it, where they are known.
fn spdx_leading(bill: &Bill<'_>) -> Vec<serde_json::Value> {
    let subject = (!bill.product.is_empty()).then(|| {
        serde_json::json!({
            "SPDXID": "SPDXRef-subject", "name": bill.name, "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
            "primaryPackagePurpose": if is_image(bill.product) { "CONTAINER" } else { "APPLICATION" },
            "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": bill.product,
            }],
        })
    });
    let system = bill.release.map(|release| {
        serde_json::json!({
            "SPDXID": "SPDXRef-system", "name": release.distribution, "versionInfo": release.name,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "primaryPackagePurpose": "OPERATING-SYSTEM",
            "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        })
    });
    subject.into_iter().chain(system).collect()
}

fn is_image(product: &str) -> bool {
    product.starts_with("pkg:oci/")
}

fn purl(component: &Component, release: Option<&Release>) -> String {
    component.purl(release.filter(|_| component.ecosystem.is_distribution())).to_string()
}

/// An identifier of the content, in the form of a UUID (version 8: made by whoever makes it).
fn uuid_of(name: &str, components: &[Arc<Component>]) -> String {
    let mut hash = Sha256::new();
    hash.update(name);
    for component in components {
        for text in [&component.name, &component.version, &component.arch, &component.path] {
            hash.update(text);
            hash.update([0]);
        }
    }
    let mut bytes: [u8; 16] = hash.finalize()[..16].try_into().unwrap_or_default();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}
