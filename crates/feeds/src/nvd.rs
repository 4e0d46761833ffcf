//! NVD 2.0, the yearly files: vectors of every author, weaknesses, dates, rejections.

use std::io::BufRead;

use domain::record::{Flaw, Record};
use domain::vulnerability::{Authority, VulnerabilityId};
use jiff::tz::Offset;
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{cwe, instant, stream_list, vector};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, streamed};

const FILES: &str = "https://nvd.nist.gov/feeds/json/cve/2.0/nvdcve-2.0-";
const API: &str = "https://services.nvd.nist.gov/rest/json/cves/2.0";
/// The first file; it holds all the earlier years too.
const FIRST_YEAR: i16 = 2002;

/// How NVD names itself and CISA's enrichment among the authors of a metric.
const NVD: &str = "nvd@nist.gov";
const CISA_ADP: &str = "134c704f-9b21-4f2e-91b3-4a467353bcc0";

pub(crate) const FEED: Feed = Feed {
    id: "nvd",
    title: "National Vulnerability Database",
    licence: "public domain (United States Government)",
    attribution: "This product uses data from the NVD API but is not endorsed or certified by the NVD.",
    requests,
    follow: None,
    parse,
};

fn requests(known: &Known) -> Vec<Request> {
    let this_year = Offset::UTC.to_datetime(known.now).year();
    let request = |name: String, url: String, asked| Request {
        name,
        url,
        asked,
        keep: Keep::Replace,
        max_bytes: 256 * MIB,
        limits: Limits::bytes(2048 * MIB),
    };
    // The API's answer comes first, so that the files override it.
    let api = request("cves-2.0.json".to_owned(), API.to_owned(), Asked::OnlyMirrors);
    let years = (FIRST_YEAR..=this_year).map(|year| {
        let asked = if year == this_year { Asked::MayLack } else { Asked::Always };
        request(format!("nvdcve-2.0-{year}.json"), format!("{FILES}{year}.json.gz"), asked)
    });
    let modified = request("nvdcve-2.0-modified.json".to_owned(), format!("{FILES}modified.json.gz"), Asked::Always);
    std::iter::once(api).chain(years).chain([modified]).collect()
}

#[derive(Deserialize)]
struct Item {
    cve: Cve,
}

#[derive(Deserialize)]
struct Cve {
    id: VulnerabilityId,
    #[serde(rename = "vulnStatus", default)]
    status: String,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    weaknesses: Vec<Weakness>,
}

#[derive(Deserialize, Default)]
struct Metrics {
    #[serde(rename = "cvssMetricV40", default)]
    v40: Vec<Metric>,
    #[serde(rename = "cvssMetricV31", default)]
    v31: Vec<Metric>,
    #[serde(rename = "cvssMetricV30", default)]
    v30: Vec<Metric>,
    #[serde(rename = "cvssMetricV2", default)]
    v2: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    source: String,
    #[serde(rename = "cvssData")]
    data: CvssData,
}

#[derive(Deserialize)]
struct CvssData {
    #[serde(rename = "vectorString")]
    vector: String,
}

#[derive(Deserialize)]
struct Weakness {
    #[serde(default)]
    description: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    value: String,
}

/// What can be said of an entry that cannot be read.
#[derive(Deserialize)]
struct Named {
    cve: NamedCve,
}

#[derive(Deserialize)]
struct NamedCve {
    id: String,
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    streamed(input, |name, reader| read(name, reader, sink, problems))
}

fn read(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let mut edition = Edition::default();
    stream_list(
        name,
        reader,
        "vulnerabilities",
        &mut |member, value| {
            let text = || serde_json::from_str::<String>(value.get()).unwrap_or_default();
            match member {
                "version" => edition.version = text(),
                "timestamp" => edition.published_at = instant(&text()),
                _ => {}
            }
        },
        &mut |raw| read_item(raw, sink, problems),
    )?;
    Ok(edition)
}

fn read_item(raw: &RawValue, sink: &mut dyn FnMut(Record), problems: &mut Problems) {
    match serde_json::from_str::<Item>(raw.get()) {
        Ok(item) => sink(Record::Flaw(flaw(item.cve, problems))),
        Err(error) => {
            let id = serde_json::from_str::<Named>(raw.get()).map(|named| named.cve.id).unwrap_or_default();
            problems.add(&id, &error);
        }
    }
}

fn flaw(cve: Cve, problems: &mut Problems) -> Flaw {
    let Metrics { v40, v31, v30, v2 } = cve.metrics;
    let mut vectors = Vec::new();
    for metric in [v40, v31, v30, v2].into_iter().flatten() {
        let (source, authority) = author(&metric.source);
        vectors.extend(vector(&metric.data.vector, &source, authority, cve.id.as_str(), problems));
    }
    let published_at = cve.published.as_deref().and_then(instant);
    if published_at.is_none() && cve.published.is_some() {
        problems.add(cve.id.as_str(), &"the date of publication cannot be read: left out");
    }
    let weaknesses = cve.weaknesses.iter().flat_map(|weakness| &weakness.description);
    let mut cwes: Vec<String> = weaknesses.filter_map(|text| cwe(&text.value)).collect();
    cwes.sort_unstable();
    cwes.dedup();
    let rejected = cve.status.eq_ignore_ascii_case("rejected");
    Flaw { rejected, published_at, vectors, cwes, ..Flaw::bare(cve.id) }
}

/// Who wrote a metric: everybody but NVD and CISA is the authority that assigned the number.
fn author(source: &str) -> (String, Authority) {
    match source {
        NVD => ("nvd".to_owned(), Authority::Nvd),
        CISA_ADP => ("cisa-adp".to_owned(), Authority::CisaAdp),
        other => (format!("cna:{}", crate::json::excerpt(other)), Authority::Cna),
    }
}
