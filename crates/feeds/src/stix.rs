//! Bundles in STIX: one object in memory at a time.

use std::io::BufRead;

use serde::Deserialize;

use crate::json::{Str, stream_list};
use crate::{ParseError, Problems};

/// What is read of an object; which members it has depends on its type.
#[derive(Deserialize)]
pub(crate) struct Object<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Str<'a>,
    #[serde(default, borrow)]
    pub(crate) id: Str<'a>,
    #[serde(default, borrow)]
    pub(crate) name: Str<'a>,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    x_mitre_deprecated: bool,
    #[serde(default, borrow)]
    x_capec_status: Str<'a>,
    #[serde(default, borrow)]
    external_references: Vec<External<'a>>,
    #[serde(default, borrow)]
    pub(crate) kill_chain_phases: Vec<Phase<'a>>,
    /// Short name of a tactic.
    #[serde(default, borrow)]
    pub(crate) x_mitre_shortname: Str<'a>,
    #[serde(default, borrow)]
    pub(crate) x_capec_child_of_refs: Vec<Str<'a>>,
    #[serde(default, borrow)]
    pub(crate) modified: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct External<'a> {
    #[serde(default, borrow)]
    source_name: Str<'a>,
    #[serde(default, borrow)]
    external_id: Option<Str<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct Phase<'a> {
    #[serde(default, borrow)]
    pub(crate) phase_name: Str<'a>,
}

/// The beginning of every object: most types are not wanted.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Str<'a>,
}

impl Object<'_> {
    /// Whether it still counts.
    pub(crate) fn is_current(&self) -> bool {
        !self.revoked && !self.x_mitre_deprecated && !matches!(&*self.x_capec_status, "Deprecated" | "Obsolete")
    }

    /// Its own number in one of these catalogues.
    pub(crate) fn number(&self, catalogues: &[&str]) -> Option<&str> {
        let mut numbers =
            self.external_references.iter().filter(|external| catalogues.contains(&&*external.source_name));
        numbers.find_map(|external| external.external_id.as_deref())
    }

    /// Numbers of other catalogues.
    pub(crate) fn numbers(&self, catalogue: &str) -> impl Iterator<Item = &str> {
        let named = self.external_references.iter().filter(move |external| &*external.source_name == catalogue);
        named.filter_map(|external| external.external_id.as_deref())
    }
}

/// Shows the objects of these types.
pub(crate) fn objects(
    name: &str,
    reader: &mut dyn BufRead,
    kinds: &[&str],
    problems: &mut Problems,
    visit: &mut dyn FnMut(&Object<'_>),
) -> Result<(), ParseError> {
    stream_list(name, reader, "objects", &mut |_, _| {}, &mut |raw| {
        let is_wanted = serde_json::from_str::<Head<'_>>(raw.get()).is_ok_and(|head| kinds.contains(&&*head.kind));
        if !is_wanted {
            return;
        }
        match serde_json::from_str::<Object<'_>>(raw.get()) {
            Ok(object) => visit(&object),
            Err(error) => problems.add("object", &error),
        }
    })
}
