//! NVD 2.0: vectors of every author, weaknesses, dates, rejections, descriptions, and who is affected.
//!
//! Everything comes as yearly files, asked for once a week; what was modified within the last eight days comes as a file
//! of its own that overrides them.

use std::io::BufRead;

use domain::record::{Flaw, Record};
use domain::vulnerability::{Authority, Reference, VulnerabilityId};
use jiff::tz::Offset;
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::configurations::{self, Configuration};
use crate::json::{Str, cut, cwe, excerpt, exploit_pages, instant, stream_list, vector};
use crate::products::Products;
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, streamed};

const FILES: &str = "https://nvd.nist.gov/feeds/json/cve/2.0/nvdcve-2.0-";
const API: &str = "https://services.nvd.nist.gov/rest/json/cves/2.0";
/// The first file; it holds all the earlier years too.
const FIRST_YEAR: i16 = 2002;

/// How NVD names itself and CISA's enrichment among the authors of a metric.
const NVD: &str = "nvd@nist.gov";
const CISA_ADP: &str = "134c704f-9b21-4f2e-91b3-4a467353bcc0";

/// Pages that are kept of one flaw.
const REFERENCES_MAX: usize = 700;
/// Characters that are kept of a text.
const TEXT_CHARS_MAX: usize = 8192;

pub(crate) const FEED: Feed = Feed {
    id: "nvd",
    title: "National Vulnerability Database",
    licence: "public domain (United States Government)",
    attribution: "This product uses data from the NVD API but is not endorsed or certified by the NVD.",
    requests,
    follow: None,
    parse,
};

/// Yearly files, and after them what was modified within eight days: so the former need not be asked for every time.
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
        let asked = if year == this_year { Asked::MayLack } else { Asked::Weekly };
        request(format!("nvdcve-2.0-{year}.json"), format!("{FILES}{year}.json.gz"), asked)
    });
    let modified = request("nvdcve-2.0-modified.json".to_owned(), format!("{FILES}modified.json.gz"), Asked::Always);
    std::iter::once(api).chain(years).chain([modified]).collect()
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    cve: Cve<'a>,
}

#[derive(Deserialize)]
struct Cve<'a> {
    id: VulnerabilityId,
    #[serde(rename = "vulnStatus", default, borrow)]
    status: Str<'a>,
    #[serde(default, borrow)]
    published: Option<Str<'a>>,
    #[serde(rename = "lastModified", default, borrow)]
    modified: Option<Str<'a>>,
    #[serde(default, borrow)]
    descriptions: Vec<Text<'a>>,
    #[serde(default, borrow)]
    metrics: Metrics<'a>,
    #[serde(default, borrow)]
    weaknesses: Vec<Weakness<'a>>,
    #[serde(default, borrow)]
    configurations: Vec<Configuration<'a>>,
    #[serde(default, borrow)]
    references: Vec<Page<'a>>,
}

#[derive(Deserialize, Default)]
struct Metrics<'a> {
    #[serde(rename = "cvssMetricV40", default, borrow)]
    v40: Vec<Metric<'a>>,
    #[serde(rename = "cvssMetricV31", default, borrow)]
    v31: Vec<Metric<'a>>,
    #[serde(rename = "cvssMetricV30", default, borrow)]
    v30: Vec<Metric<'a>>,
    #[serde(rename = "cvssMetricV2", default, borrow)]
    v2: Vec<Metric<'a>>,
}

#[derive(Deserialize)]
struct Metric<'a> {
    #[serde(borrow)]
    source: Str<'a>,
    #[serde(rename = "cvssData", borrow)]
    data: CvssData<'a>,
}

#[derive(Deserialize)]
struct CvssData<'a> {
    #[serde(rename = "vectorString", borrow)]
    vector: Str<'a>,
}

#[derive(Deserialize)]
struct Weakness<'a> {
    #[serde(default, borrow)]
    description: Vec<Text<'a>>,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(default, borrow)]
    lang: Str<'a>,
    #[serde(borrow)]
    value: Str<'a>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    url: Str<'a>,
    #[serde(default, borrow)]
    tags: Vec<Str<'a>>,
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
    match serde_json::from_str::<Item<'_>>(raw.get()) {
        Ok(item) => read_cve(&item.cve, sink, problems),
        Err(error) => {
            let id = serde_json::from_str::<Named>(raw.get()).map(|named| named.cve.id).unwrap_or_default();
            problems.add(&id, &error);
        }
    }
}

fn read_cve(cve: &Cve<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) {
    let id = &cve.id;
    let revision = cve.modified.as_deref().unwrap_or_default().to_owned();
    sink(Record::Document { id: id.as_str().to_owned(), revision });
    let flaw = flaw(cve, problems);
    let exploits: Vec<_> = exploit_pages(FEED.id, &flaw.references).collect();
    let is_rejected = flaw.rejected;
    sink(Record::Flaw(flaw));
    for exploit in exploits {
        sink(Record::Exploit { id: id.clone(), exploit });
    }
    if !is_rejected {
        let mut products = Products::default();
        configurations::read(&cve.configurations, id.as_str(), &mut products, problems);
        products.advisories(FEED.id, id, sink);
    }
}

fn flaw(cve: &Cve<'_>, problems: &mut Problems) -> Flaw {
    let Metrics { v40, v31, v30, v2 } = &cve.metrics;
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
    let english = cve.descriptions.iter().find(|text| text.lang.starts_with("en"));
    let page = |page: &Page<'_>| Reference {
        url: cut(&page.url, TEXT_CHARS_MAX),
        tags: page.tags.iter().map(|tag| excerpt(tag).to_ascii_lowercase()).collect(),
    };
    let mut references: Vec<Reference> = cve.references.iter().take(REFERENCES_MAX).map(page).collect();
    references.sort_unstable();
    references.dedup();
    Flaw {
        rejected: cve.status.eq_ignore_ascii_case("rejected"),
        published_at,
        vectors,
        cwes,
        description: english.map(|text| cut(&text.value, TEXT_CHARS_MAX)).unwrap_or_default(),
        references,
        ..Flaw::bare(cve.id.clone())
    }
}

/// Who wrote a metric: everybody but NVD and CISA is the authority that assigned the number.
fn author(source: &str) -> (String, Authority) {
    match source {
        NVD => ("nvd".to_owned(), Authority::Nvd),
        CISA_ADP => ("cisa-adp".to_owned(), Authority::CisaAdp),
        other => (format!("cna:{}", excerpt(other)), Authority::Cna),
    }
}
