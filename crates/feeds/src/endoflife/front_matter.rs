//! The sources of endoflife.date: a page a product, whose head in YAML has the facts.

use domain::catalogue::{Cycle, Support};
use domain::record::Record;
use jiff::civil::Date;
use serde::Deserialize;

use super::{IDENTIFIERS_MAX, NAME_CHARS_MAX};
use crate::json::cut;

/// Releases of one product.
const RELEASES_MAX: usize = 2000;

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    identifiers: Vec<Identifier>,
    #[serde(default)]
    releases: Vec<Release>,
}

#[derive(Deserialize)]
struct Identifier {
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    cpe: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Release {
    release_cycle: Text,
    #[serde(default)]
    codename: Option<Text>,
    #[serde(default)]
    release_date: Option<Text>,
    #[serde(default)]
    eoas: Option<Until>,
    #[serde(default)]
    eol: Option<Until>,
    #[serde(default)]
    eoes: Option<Until>,
    #[serde(default)]
    latest: Option<Text>,
}

/// A text, or a number that the author did not quote.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Word(String),
    Integer(i64),
    Number(f64),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Until {
    Ended(bool),
    Day(String),
}

impl Text {
    fn text(&self) -> String {
        match self {
            Self::Word(text) => cut(text, NAME_CHARS_MAX),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// Reads one product's page.
pub(super) fn read(product: &str, bytes: &[u8], sink: &mut dyn FnMut(Record)) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
    let head = text.trim_start_matches('\u{feff}').strip_prefix("---").and_then(|rest| rest.split_once("\n---"));
    let (head, _) = head.ok_or_else(|| "it has no head".to_owned())?;
    let head: Head = serde_yaml_ng::from_str(head).map_err(|e| e.to_string())?;
    let identifiers =
        head.identifiers.iter().filter_map(|identifier| identifier.purl.as_ref().or(identifier.cpe.as_ref()));
    let identifiers: Vec<String> = identifiers.take(IDENTIFIERS_MAX).map(|text| cut(text, NAME_CHARS_MAX)).collect();
    let product = cut(product, NAME_CHARS_MAX);
    sink(Record::Document { id: product.clone(), revision: String::new() });
    for release in head.releases.into_iter().take(RELEASES_MAX) {
        let text = |text: Option<Text>| text.map(|text| text.text()).unwrap_or_default();
        sink(Record::Cycle(Cycle {
            product: product.clone(),
            name: release.release_cycle.text(),
            codename: text(release.codename),
            released: release.release_date.and_then(|day| day.text().parse().ok()),
            active_support: support(release.eoas),
            security_support: support(release.eol),
            extended_support: support(release.eoes),
            latest: text(release.latest),
            identifiers: identifiers.clone(),
        }));
    }
    Ok(())
}

fn support(until: Option<Until>) -> Support {
    match until {
        None => Support::Unknown,
        Some(Until::Ended(true)) => Support::Ended,
        Some(Until::Ended(false)) => Support::Ongoing,
        Some(Until::Day(day)) => day.parse::<Date>().map_or(Support::Unknown, Support::Until),
    }
}
