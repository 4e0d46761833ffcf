//! CERT-FR alerts: what France's national CERT warned of.

use domain::record::Record;
use domain::vulnerability::{ExploitKind, VulnerabilityId};
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;

use crate::certfr::{Series, is_reference};
use crate::json::{Str, excerpt, instant};
use crate::{
    Asked, Edition, Feed, Keep, Known, MIB, ParseError, Plan, Problems, Request, Revisions, first_byte, whole,
};

/// All alerts with their CVEs in one file, as a mirror has them.
const LIST: &str =
    "https://raw.githubusercontent.com/tarraschk/CERTFR-ALE.json/refs/heads/main/cert-fr-ale_with_cves.json";

pub(crate) const FEED: Feed = Feed {
    id: "certfr-alertes",
    title: "CERT-FR alerts",
    licence: "Licence Ouverte 2.0 (Etalab)",
    attribution: "Alerts by CERT-FR, ANSSI (https://www.cert.ssi.gouv.fr), Licence Ouverte 2.0, as of the date shown.",
    requests,
    follow: Some(follow),
    parse,
};

const SERIES: Series = Series { feed: FEED.id, folder: "alerte", kind: ExploitKind::Alert };

fn requests(known: &Known) -> Vec<Request> {
    let list = Request {
        name: "cert-fr-ale_with_cves.json".to_owned(),
        url: LIST.to_owned(),
        asked: Asked::OnlyMirrors,
        keep: Keep::AccumulateAll,
        max_bytes: 32 * MIB,
        limits: Limits::bytes(64 * MIB),
    };
    vec![list, SERIES.index(known, Asked::Always)]
}

fn follow(input: &mut Input<'_>, _: &Request, _: &Known, revision: Revisions<'_>) -> Result<Plan, ParseError> {
    SERIES.follow(input, revision)
}

#[derive(Deserialize)]
struct Alert<'a> {
    #[serde(borrow)]
    alert: Str<'a>,
    #[serde(default, borrow)]
    published_at: Str<'a>,
    #[serde(default, borrow)]
    cves: Vec<Str<'a>>,
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    if first_byte(input)? != Some(b'[') {
        return SERIES.read(input, sink, problems);
    }
    let name = input.name();
    let bytes = whole(input)?;
    let alerts: Vec<Alert<'_>> = serde_json::from_slice(&bytes)
        .map_err(|error| ParseError { name: name.to_owned(), reason: error.to_string() })?;
    let mut edition = Edition::default();
    for Alert { alert, published_at, cves } in &alerts {
        if !is_reference(alert) {
            problems.add(&excerpt(alert), &"it is no reference of CERT-FR");
            continue;
        }
        let day = published_at.get(..10).unwrap_or_default();
        edition.published_at = edition.published_at.max(instant(published_at));
        sink(Record::Document { id: alert.to_string(), revision: day.to_owned() });
        for cve in cves {
            match VulnerabilityId::new(&**cve) {
                // Its day is the latest revision's, not the first one's.
                Ok(id) => SERIES.emit(id, SERIES.kind, alert, None, sink),
                Err(error) => problems.add(alert, &error),
            }
        }
    }
    Ok(edition)
}
