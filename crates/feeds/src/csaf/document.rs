//! The form of a document; what verdicts and people do not need is read over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::Str;

#[derive(Deserialize)]
pub(super) struct Csaf<'a> {
    #[serde(borrow)]
    pub(super) document: Head<'a>,
    #[serde(default, borrow)]
    pub(super) product_tree: Option<&'a RawValue>,
    /// Read one by one, so that a broken one costs no other.
    #[serde(default, borrow)]
    pub(super) vulnerabilities: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) category: Str<'a>,
    #[serde(borrow)]
    pub(super) csaf_version: Str<'a>,
    #[serde(borrow)]
    pub(super) tracking: Tracking<'a>,
}

#[derive(Deserialize)]
pub(super) struct Tracking<'a> {
    #[serde(borrow)]
    pub(super) id: Str<'a>,
    #[serde(default, borrow)]
    pub(super) status: Str<'a>,
    #[serde(default, borrow)]
    pub(super) current_release_date: Str<'a>,
}

#[derive(Deserialize)]
pub(super) struct Vulnerability<'a> {
    #[serde(default, borrow)]
    pub(super) cve: Option<Str<'a>>,
    #[serde(default, borrow)]
    pub(super) ids: Vec<OtherId<'a>>,
    #[serde(default, borrow)]
    pub(super) title: Option<Str<'a>>,
    #[serde(default, borrow)]
    pub(super) cwe: Option<Weakness<'a>>,
    #[serde(default, borrow)]
    pub(super) cwes: Vec<Weakness<'a>>,
    #[serde(default, borrow)]
    pub(super) release_date: Option<Str<'a>>,
    /// CSAF 2.1.
    #[serde(default, borrow)]
    pub(super) disclosure_date: Option<Str<'a>>,
    #[serde(default, borrow)]
    pub(super) references: Vec<Link<'a>>,
    #[serde(default, borrow)]
    pub(super) scores: Vec<Scores<'a>>,
    /// CSAF 2.1.
    #[serde(default, borrow)]
    pub(super) metrics: Vec<Metric<'a>>,
    #[serde(default, borrow)]
    pub(super) product_status: BTreeMap<Str<'a>, Vec<Str<'a>>>,
    #[serde(default, borrow)]
    pub(super) flags: Vec<About<'a>>,
    #[serde(default, borrow)]
    pub(super) threats: Vec<About<'a>>,
    #[serde(default, borrow)]
    pub(super) remediations: Vec<About<'a>>,
}

#[derive(Deserialize)]
pub(super) struct OtherId<'a> {
    #[serde(borrow)]
    pub(super) text: Str<'a>,
    /// CSAF 2.1.
    #[serde(default, borrow)]
    pub(super) product_ids: Vec<Str<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Weakness<'a> {
    #[serde(borrow)]
    pub(super) id: Str<'a>,
}

#[derive(Deserialize)]
pub(super) struct Link<'a> {
    #[serde(borrow)]
    pub(super) url: Str<'a>,
}

#[derive(Deserialize)]
pub(super) struct Metric<'a> {
    #[serde(borrow)]
    pub(super) content: Scores<'a>,
}

#[derive(Deserialize)]
pub(super) struct Scores<'a> {
    #[serde(default, borrow)]
    pub(super) cvss_v2: Option<Score<'a>>,
    #[serde(default, borrow)]
    pub(super) cvss_v3: Option<Score<'a>>,
    #[serde(default, borrow)]
    pub(super) cvss_v4: Option<Score<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Score<'a> {
    #[serde(rename = "vectorString", borrow)]
    pub(super) vector: Str<'a>,
}

/// A word about some products: a flag, a threat or a remediation.
#[derive(Deserialize)]
pub(super) struct About<'a> {
    #[serde(default, borrow)]
    pub(super) category: Str<'a>,
    #[serde(default, borrow)]
    pub(super) label: Str<'a>,
    #[serde(default, borrow)]
    pub(super) details: Str<'a>,
    #[serde(default, borrow)]
    pub(super) url: Str<'a>,
    #[serde(default, borrow)]
    pub(super) product_ids: Vec<Str<'a>>,
    #[serde(default, borrow)]
    pub(super) group_ids: Vec<Str<'a>>,
}
