//! CycloneDX in JSON, every version: what is read has been the same since 1.2.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::{Bill, Item, ORIGIN, OWNER};
use crate::entry::Entry;

pub(super) fn read(text: &str, bill: &mut Bill) -> Result<(), serde_json::Error> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow, default)]
        metadata: Option<Metadata<'a>>,
    }
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow, default)]
        component: Option<Entry<Node<'a>>>,
    }
    let head: Head<'_> = serde_json::from_str(text)?;
    match head.metadata.and_then(|metadata| metadata.component) {
        Some(Entry::Read(component)) => {
            bill.subject(&component.name, &component.purl);
            // The thing itself may be a package, and may hold others. What nothing identifies is no package, but the whole.
            let is_named = !(component.purl.is_empty() && component.cpe.is_empty());
            take(&component, bill, is_named && component.kind != "file" && component.kind != "container");
        }
        Some(Entry::Odd(value)) => bill.odd(&value),
        None => {}
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(Document { bill })?;
    deserializer.end()
}

#[derive(Deserialize)]
struct Node<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    version: Cow<'a, str>,
    #[serde(borrow, default)]
    purl: Cow<'a, str>,
    #[serde(borrow, default)]
    cpe: Cow<'a, str>,
    #[serde(borrow, default)]
    publisher: Cow<'a, str>,
    #[serde(default)]
    supplier: Supplier,
    #[serde(borrow, default)]
    properties: Vec<Property<'a>>,
    #[serde(borrow, default)]
    components: Vec<Entry<Node<'a>>>,
}

/// The form of tools that put a package's maintainer here.
#[derive(Deserialize, Default)]
struct Supplier {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Property<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Cow<'a, str>,
}

fn take(node: &Node<'_>, bill: &mut Bill, itself: bool) {
    let property = |name: &str| node.properties.iter().find(|property| property.name == name).map(|p| p.value.as_ref());
    match node.kind.as_ref() {
        "operating-system" => bill.system(&node.name, &node.version),
        // Algorithms, keys and devices are no packages.
        "cryptographic-asset" | "device" | "data" | "machine-learning-model" => {}
        _ if itself && !(node.kind == "file" && node.purl.is_empty() && node.cpe.is_empty()) => {
            let source = property("aquasecurity:trivy:SrcName").map(|name| {
                let version = property("aquasecurity:trivy:SrcVersion").unwrap_or_default();
                let release = property("aquasecurity:trivy:SrcRelease").map(|r| format!("-{r}")).unwrap_or_default();
                let epoch = property("aquasecurity:trivy:SrcEpoch").map(|e| format!("{e}:")).unwrap_or_default();
                (name.to_owned(), format!("{epoch}{version}{release}"))
            });
            let Node { name, version, purl, cpe, publisher, .. } = node;
            bill.item(&Item {
                name: name.clone(),
                version: version.clone(),
                purl: purl.clone(),
                cpe: cpe.clone(),
                source,
                origin: property(ORIGIN).unwrap_or_default().into(),
                owner: property(OWNER).unwrap_or_default().into(),
                maintainer: match node.publisher.as_ref() {
                    "" => Cow::Borrowed(node.supplier.name.as_str()),
                    _ => publisher.clone(),
                },
            });
        }
        _ => {}
    }
    node.components.iter().for_each(|inner| take_entry(inner, bill));
}

fn take_entry(entry: &Entry<Node<'_>>, bill: &mut Bill) {
    match entry {
        Entry::Read(node) => take(node, bill, true),
        Entry::Odd(value) => bill.odd(value),
    }
}

/// The document: its components are read one after the other.
struct Document<'b> {
    bill: &'b mut Bill,
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CycloneDX document")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "components" {
                map.next_value_seed(Components { bill: self.bill })?;
            } else {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Components<'b> {
    bill: &'b mut Bill,
}

impl<'de> DeserializeSeed<'de> for Components<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Components<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of components")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(entry) = items.next_element::<Entry<Node<'de>>>()? {
            take_entry(&entry, self.bill);
        }
        Ok(())
    }
}
