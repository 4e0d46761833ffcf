//! CISA KEV: vulnerabilities known to be exploited.

use std::io::BufRead;

use domain::record::{Flaw, Record};
use domain::vulnerability::{Kev, Reference, VulnerabilityId};
use jiff::civil::Date;
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{cut, cwe, instant, stream_list};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, streamed};

const URL: &str = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";

pub(crate) const FEED: Feed = Feed {
    id: "kev",
    title: "CISA Known Exploited Vulnerabilities",
    licence: "CC0-1.0",
    attribution: "Known exploited vulnerabilities by CISA (https://www.cisa.gov/kev), CC0.",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "known_exploited_vulnerabilities.json".to_owned(),
        url: URL.to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 64 * MIB,
        limits: Limits::bytes(128 * MIB),
    }]
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "cveID")]
    id: VulnerabilityId,
    #[serde(rename = "dateAdded")]
    added: Date,
    #[serde(rename = "dueDate", default)]
    due: Option<Date>,
    #[serde(rename = "knownRansomwareCampaignUse", default)]
    ransomware: Option<String>,
    /// Pages, parted by semicolons, with words between them now and then.
    #[serde(default)]
    notes: Option<String>,
    #[serde(default)]
    cwes: Vec<String>,
}

/// What can be said of an entry that cannot be read.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "cveID")]
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
    let (mut listed, mut announced) = (0_u64, None);
    stream_list(
        name,
        reader,
        "vulnerabilities",
        &mut |member, value| match member {
            "catalogVersion" => edition.version = serde_json::from_str(value.get()).unwrap_or_default(),
            "dateReleased" => {
                let text: String = serde_json::from_str(value.get()).unwrap_or_default();
                edition.published_at = instant(&text);
            }
            "count" => announced = serde_json::from_str::<u64>(value.get()).ok(),
            _ => {}
        },
        &mut |raw| {
            listed += 1;
            read_entry(raw, sink, problems);
        },
    )?;
    if let Some(announced) = announced.filter(|announced| *announced > listed) {
        problems.add("count", &format_args!("{announced} entries announced, {listed} listed"));
    }
    Ok(edition)
}

fn read_entry(raw: &RawValue, sink: &mut dyn FnMut(Record), problems: &mut Problems) {
    match serde_json::from_str::<Entry>(raw.get()) {
        Ok(entry) => {
            let ransomware = entry.ransomware.is_some_and(|word| word.eq_ignore_ascii_case("known"));
            // Some entries were due before they were added: an error, corrected later.
            let due = entry.due.filter(|due| *due >= entry.added);
            let references = pages(entry.notes.as_deref().unwrap_or_default());
            let mut cwes: Vec<String> = entry.cwes.iter().filter_map(|text| cwe(text)).collect();
            cwes.sort_unstable();
            cwes.dedup();
            sink(Record::Kev { id: entry.id.clone(), kev: Kev { added: entry.added, due, ransomware } });
            if !references.is_empty() || !cwes.is_empty() {
                sink(Record::Flaw(Flaw { references, cwes, ..Flaw::bare(entry.id) }));
            }
        }
        Err(error) => {
            let id = serde_json::from_str::<Named>(raw.get()).map(|named| named.id).unwrap_or_default();
            problems.add(&id, &error);
        }
    }
}

fn pages(notes: &str) -> Vec<Reference> {
    const PAGES_MAX: usize = 50;
    const URL_CHARS_MAX: usize = 2048;
    let words = notes.split([';', ' ', '\n']).map(|word| word.trim().trim_end_matches([',', '.', ')']));
    let urls = words.filter(|word| word.starts_with("https://") || word.starts_with("http://"));
    urls.take(PAGES_MAX).map(|url| Reference { url: cut(url, URL_CHARS_MAX), tags: Vec::new() }).collect()
}
