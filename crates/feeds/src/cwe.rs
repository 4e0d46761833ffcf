//! MITRE CWE: kinds of weaknesses.

use std::io::BufReader;

use domain::catalogue::{Scheme, Term};
use domain::record::Record;
use jiff::civil::Date;
use jiff::tz::Offset;
use outside::unpack::Limits;
use outside::unpack::archive::{ArchiveLimits, Content};
use outside::unpack::input::Input;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::json::{cut, excerpt};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, unpack_error};

const URL: &str = "https://cwe.mitre.org/data/xml/cwec_latest.xml.zip";
const ARCHIVE: ArchiveLimits = ArchiveLimits { max_entries: 100, max_entry_bytes: 128 * MIB };
/// Views whose hierarchy counts: research concepts, and the selection that the NVD uses.
const VIEWS: [&str; 2] = ["1000", "1003"];
/// Characters of a name.
const NAME_CHARS_MAX: usize = 300;

pub(crate) const FEED: Feed = Feed {
    id: "cwe",
    title: "MITRE CWE",
    licence: "CWE Terms of Use: free, with copyright notice",
    attribution: "CWE™, copyright © The MITRE Corporation (https://cwe.mitre.org).",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "cwec_latest.xml.zip".to_owned(),
        url: URL.to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 32 * MIB,
        limits: Limits::bytes(256 * MIB),
    }]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    let name = input.name();
    let mut found = None;
    let ended = input.entries(ARCHIVE, &mut |entry| {
        if !entry.path.ends_with(".xml") {
            return Ok(());
        }
        found = Some(match entry.content {
            Content::Bytes(bytes) => read(bytes, sink, problems),
            Content::TooLarge(size) => Err(format!("{} has {size} bytes: too many", excerpt(entry.path))),
        });
        Ok(())
    });
    ended.map_err(|error| unpack_error(name, &error))?;
    let read = found.unwrap_or_else(|| Err("it holds no catalogue in XML".to_owned()));
    read.map_err(|reason| ParseError { name: name.to_owned(), reason })
}

fn read(bytes: &[u8], sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, String> {
    let mut reader = Reader::from_reader(BufReader::new(bytes));
    let mut edition = None;
    let mut current: Option<Term> = None;
    let mut buffer = Vec::new();
    loop {
        let event = reader.read_event_into(&mut buffer);
        let event = event.map_err(|e| format!("it is damaged at byte {}: {e}", reader.error_position()))?;
        match event {
            Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                "Weakness_Catalog" => edition = Some(read_edition(&element)),
                "Weakness" | "Category" => match term(&element) {
                    Ok(term) => current = Some(term),
                    Err(reason) => problems.add("weakness", &reason),
                },
                "Related_Weakness" => {
                    if let (Some(term), Some(parent)) = (&mut current, parent(&element))
                        && !term.parents.contains(&parent)
                    {
                        term.parents.push(parent);
                    }
                }
                "Related_Attack_Pattern" => {
                    if let (Some(term), Some(number)) = (&mut current, number(&element, "CAPEC_ID")) {
                        term.related.push(format!("CAPEC-{number}"));
                    }
                }
                _ => {}
            },
            Event::End(element) if matches!(element.local_name().as_ref(), "Weakness" | "Category") => {
                if let Some(term) = current.take() {
                    sink(Record::Term(term));
                }
            }
            Event::Eof => return edition.ok_or_else(|| "it is no catalogue of weaknesses".to_owned()),
            _ => {}
        }
        buffer.clear();
    }
}

fn read_edition(element: &BytesStart<'_>) -> Edition {
    let day: Option<Date> = attribute(element, "Date").and_then(|day| day.parse().ok());
    let published_at = day.and_then(|day| Offset::UTC.to_timestamp(day.into()).ok());
    Edition { version: attribute(element, "Version").map(|v| excerpt(&v)).unwrap_or_default(), published_at }
}

fn term(element: &BytesStart<'_>) -> Result<Term, String> {
    let number = number(element, "ID").ok_or_else(|| "it has no number".to_owned())?;
    let name = cut(&attribute(element, "Name").unwrap_or_default(), NAME_CHARS_MAX);
    Ok(Term { scheme: Scheme::Cwe, id: format!("CWE-{number}"), name, parents: Vec::new(), related: Vec::new() })
}

fn parent(element: &BytesStart<'_>) -> Option<String> {
    let is_child = attribute(element, "Nature").is_some_and(|nature| nature == "ChildOf");
    let view = attribute(element, "View_ID")?;
    let number = number(element, "CWE_ID").filter(|_| is_child && VIEWS.contains(&view.as_str()))?;
    Some(format!("CWE-{number}"))
}

fn number(element: &BytesStart<'_>, name: &str) -> Option<u32> {
    attribute(element, name)?.parse().ok()
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
}
