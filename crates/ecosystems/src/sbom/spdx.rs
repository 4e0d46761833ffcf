//! SPDX in JSON: 2.2 and 2.3 as documents, 3.0 as a graph.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use super::{Bill, Item, ORIGIN};
use crate::entry::Entry;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    packages: Vec<Entry<Package<'a>>>,
    #[serde(borrow, default)]
    document_describes: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    relationships: Vec<Entry<Relationship<'a>>>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship<'a> {
    #[serde(borrow, default)]
    spdx_element_id: Cow<'a, str>,
    #[serde(borrow, default)]
    relationship_type: Cow<'a, str>,
    #[serde(borrow, default)]
    related_spdx_element: Cow<'a, str>,
    #[serde(borrow, default)]
    comment: Cow<'a, str>,
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
    #[serde(borrow, default)]
    annotations: Vec<Annotation<'a>>,
}
#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow, default)]
    comment: Cow<'a, str>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'a> {
    #[serde(borrow, default)]
    reference_type: Cow<'a, str>,
    #[serde(borrow, default)]
    reference_locator: Cow<'a, str>,
}

impl Package<'_> {
    fn locator(&self, kinds: &[&str]) -> &str {
        let found = self.external_refs.iter().find(|r| kinds.contains(&r.reference_type.as_ref()));
        found.map_or("", |reference| reference.reference_locator.as_ref())
    }

    /// Whether it is a distribution's: what such a package contains is the distribution's to judge.
    fn is_of_distribution(&self) -> bool {
        let purl = self.locator(&["purl"]);
        ["pkg:deb/", "pkg:rpm/", "pkg:apk/"].iter().any(|kind| purl.starts_with(kind))
    }
}

impl Relationship<'_> {
    /// The one that brought the files of the other, if it says that: as SPDX does, or as Syft does.
    fn owner_and_owned(&self) -> Option<(&str, &str)> {
        let (this, other) = (self.spdx_element_id.as_ref(), self.related_spdx_element.as_ref());
        match self.relationship_type.as_ref() {
            "CONTAINS" => Some((this, other)),
            "CONTAINED_BY" => Some((other, this)),
            "OTHER" if self.comment.starts_with("ownership-by-file-overlap") => Some((this, other)),
            _ => None,
        }
    }
}

/// The names of packages of distributions by the ids of what they contain.
fn owners<'d>(document: &'d Document<'_>) -> HashMap<&'d str, &'d str> {
    let relationships = document.relationships.iter().filter_map(|entry| entry.read().ok());
    let pairs: Vec<_> = relationships.filter_map(Relationship::owner_and_owned).collect();
    if pairs.is_empty() {
        return HashMap::new();
    }
    let packages = document.packages.iter().filter_map(|entry| entry.read().ok());
    let names: HashMap<&str, &str> =
        packages.filter(|one| one.is_of_distribution()).map(|one| (one.id.as_ref(), one.name.as_ref())).collect();
    pairs.into_iter().filter_map(|(owner, owned)| Some((owned, *names.get(owner)?))).collect()
}

pub(super) fn read(text: &str, bill: &mut Bill) -> Result<(), serde_json::Error> {
    let document: Document<'_> = serde_json::from_str(text)?;
    let relationships = document.relationships.iter().filter_map(|entry| entry.read().ok());
    let described = relationships.filter(|r| r.relationship_type == "DESCRIBES");
    let described: BTreeSet<&str> = described
        .map(|r| r.related_spdx_element.as_ref())
        .chain(document.document_describes.iter().map(AsRef::as_ref))
        .collect();
    let packages = document.packages.iter().filter_map(|entry| entry.read().ok());
    let mut roots = packages.map(|package| package.id.as_ref()).filter(|id| described.contains(id));
    // Where a document describes several packages, none of them is the whole.
    let subject = roots.next().filter(|_| roots.next().is_none());
    if subject.is_none() {
        bill.subject(&document.name, "");
    }
    let owners = owners(&document);
    for entry in &document.relationships {
        if let Entry::Odd(value) = entry {
            bill.odd(value);
        }
    }
    for entry in &document.packages {
        let package = match entry {
            Entry::Read(package) => package,
            Entry::Odd(value) => {
                bill.odd(value);
                continue;
            }
        };
        let purl = Cow::Borrowed(package.locator(&["purl"]));
        let cpe = Cow::Borrowed(package.locator(&["cpe23Type", "cpe22Type"]));
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
        let noted = package.annotations.iter().find_map(|note| note.comment.strip_prefix(ORIGIN)?.strip_prefix('='));
        let origin = noted.unwrap_or_default().into();
        let owner = owners.get(package.id.as_ref()).copied().unwrap_or_default().into();
        bill.item(&Item { name, version, purl, cpe, maintainer, origin, owner, ..Item::default() });
    }
    Ok(())
}

/// SPDX 3.0: elements in a graph, of which the software packages count.
pub(super) fn read_graph(text: &str, bill: &mut Bill) -> Result<(), serde_json::Error> {
    #[derive(Deserialize)]
    struct Document<'a> {
        #[serde(rename = "@graph", borrow)]
        graph: Vec<Entry<Element<'a>>>,
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
    for entry in &document.graph {
        let element = match entry {
            Entry::Read(element) => element,
            Entry::Odd(value) => {
                bill.odd(value);
                continue;
            }
        };
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
