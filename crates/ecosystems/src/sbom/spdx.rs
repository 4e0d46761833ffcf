//! SPDX in JSON: 2.2 and 2.3 as documents, 3.0 as a graph.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Bill, Item};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    packages: Vec<Package<'a>>,
    #[serde(borrow, default)]
    document_describes: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    relationships: Vec<Relationship<'a>>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship<'a> {
    #[serde(borrow, default)]
    relationship_type: Cow<'a, str>,
    #[serde(borrow, default)]
    related_spdx_element: Cow<'a, str>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package<'a> {
    #[serde(rename = "SPDXID", borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    version_info: Cow<'a, str>,
    #[serde(borrow, default)]
    primary_package_purpose: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    originator: Cow<'a, str>,
    #[serde(borrow, default)]
    supplier: Cow<'a, str>,
    #[serde(borrow, default)]
    external_refs: Vec<Reference<'a>>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'a> {
    #[serde(borrow, default)]
    reference_type: Cow<'a, str>,
    #[serde(borrow, default)]
    reference_locator: Cow<'a, str>,
}

pub(super) fn read(text: &str, bill: &mut Bill) -> Result<(), serde_json::Error> {
    let document: Document<'_> = serde_json::from_str(text)?;
    let described = document.relationships.iter().filter(|r| r.relationship_type == "DESCRIBES");
    let described: BTreeSet<&str> = described
        .map(|r| r.related_spdx_element.as_ref())
        .chain(document.document_describes.iter().map(AsRef::as_ref))
        .collect();
    let mut roots = document.packages.iter().map(|package| package.id.as_ref()).filter(|id| described.contains(id));
    // Where a document describes several packages, none of them is the whole.
    let subject = roots.next().filter(|_| roots.next().is_none());
    if subject.is_none() {
        bill.subject(&document.name, "");
    }
    for package in &document.packages {
        let locator = |kinds: &[&str]| {
            let found = package.external_refs.iter().find(|r| kinds.contains(&r.reference_type.as_ref()));
            found.map_or(Cow::Borrowed(""), |reference| reference.reference_locator.clone())
        };
        let (purl, cpe) = (locator(&["purl"]), locator(&["cpe23Type", "cpe22Type"]));
        let is_subject = subject == Some(package.id.as_ref());
        if is_subject {
            bill.subject(&package.name, &purl);
        }
        if package.primary_package_purpose.as_deref() == Some("OPERATING-SYSTEM") {
            bill.system(&package.name, &package.version_info);
            continue;
        }
        // What the document is about is often a folder or an image, which is no package.
        let is_image = package.primary_package_purpose.as_deref() == Some("CONTAINER");
        if is_subject && (is_image || purl.is_empty() && cpe.is_empty()) {
            continue;
        }
        let (name, version) = (package.name.clone(), package.version_info.clone());
        let maintainers = [&package.originator, &package.supplier];
        let maintainer = maintainers.into_iter().find(|one| one.contains('@')).cloned().unwrap_or_default();
        bill.item(&Item { name, version, purl, cpe, maintainer, ..Item::default() });
    }
    Ok(())
}

/// SPDX 3.0: elements in a graph, of which the software packages count.
pub(super) fn read_graph(text: &str, bill: &mut Bill) -> Result<(), serde_json::Error> {
    #[derive(Deserialize)]
    struct Document<'a> {
        #[serde(rename = "@graph", borrow)]
        graph: Vec<Element<'a>>,
    }
    #[derive(Deserialize)]
    struct Element<'a> {
        #[serde(rename = "type", alias = "@type", borrow, default)]
        kind: Cow<'a, str>,
        #[serde(borrow, default)]
        name: Cow<'a, str>,
        #[serde(alias = "software_packageVersion", alias = "packageVersion", borrow, default)]
        version: Cow<'a, str>,
        #[serde(alias = "software_packageUrl", alias = "packageUrl", borrow, default)]
        purl: Cow<'a, str>,
        #[serde(alias = "externalIdentifier", borrow, default)]
        identifiers: Vec<Identifier<'a>>,
    }
    #[derive(Deserialize)]
    struct Identifier<'a> {
        #[serde(alias = "externalIdentifierType", borrow, default)]
        of: Cow<'a, str>,
        #[serde(borrow, default)]
        identifier: Cow<'a, str>,
    }
    let document: Document<'_> = serde_json::from_str(text)?;
    for element in &document.graph {
        let kind = element.kind.rsplit(['/', ':']).next().unwrap_or_default();
        if !matches!(kind, "software_Package" | "Package") {
            continue;
        }
        let named = |wanted: &str| {
            let found = element.identifiers.iter().find(|identifier| identifier.of.contains(wanted));
            found.map_or(Cow::Borrowed(""), |identifier| identifier.identifier.clone())
        };
        let purl = if element.purl.is_empty() { named("packageUrl") } else { element.purl.clone() };
        let (name, version) = (element.name.clone(), element.version.clone());
        bill.item(&Item { name, version, purl, cpe: named("cpe"), ..Item::default() });
    }
    Ok(())
}
