//! CycloneDX in XML.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::{Bill, Item};

/// Deeper elements are a trap.
const DEPTH_MAX: usize = 256;

#[derive(Default)]
struct Open {
    kind: String,
    name: String,
    version: String,
    purl: String,
    cpe: String,
    /// The document's subject, not one of its components.
    subject: bool,
}

pub(super) fn read(bytes: &[u8], bill: &mut Bill) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut is_bom = false;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(element) => {
                let name = element.local_name().as_ref().to_owned();
                is_bom |= path.is_empty() && name == "bom";
                if path.len() >= DEPTH_MAX {
                    return Err(format!("its elements are nested more than {DEPTH_MAX} deep"));
                }
                if name == "component" {
                    // Looking for names that stand twice would take the square of their number.
                    let mut attributes = element.attributes();
                    let kind = attributes.with_checks(false).flatten().find(|a| a.key.local_name().as_ref() == "type");
                    let kind = kind.map(|a| a.value.into_owned()).unwrap_or_default();
                    let subject = path.last().is_some_and(|parent| parent == "metadata");
                    open.push(Open { kind, subject, ..Open::default() });
                }
                path.push(name);
            }
            Event::End(_) => {
                if path.pop().is_some_and(|name| name == "component")
                    && let Some(done) = open.pop()
                {
                    take(&done, bill);
                }
            }
            Event::Text(text) => {
                let value = quick_xml::escape::unescape(&text).map_err(|error| error.to_string())?;
                add(&mut open, &path, &value);
            }
            Event::CData(text) => add(&mut open, &path, &text),
            // `&` and its like come as events of their own.
            Event::GeneralRef(reference) => {
                let text = quick_xml::escape::unescape(&format!("&{};", &*reference))
                    .map_err(|error| error.to_string())?
                    .into_owned();
                add(&mut open, &path, &text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !path.is_empty() {
        return Err("it ends too early".to_owned());
    }
    if is_bom { Ok(()) } else { Err("it is no CycloneDX document".to_owned()) }
}

/// Adds a piece of text to the member of the innermost component that it stands in.
fn add(open: &mut [Open], path: &[String], value: &str) {
    if let (Some(component), [.., parent, tag]) = (open.last_mut(), path)
        && parent == "component"
    {
        match tag.as_str() {
            "name" => component.name.push_str(value),
            "version" => component.version.push_str(value),
            "purl" => component.purl.push_str(value),
            "cpe" => component.cpe.push_str(value),
            _ => {}
        }
    }
}

fn take(done: &Open, bill: &mut Bill) {
    if done.subject {
        bill.subject(done.name.trim(), done.purl.trim());
    }
    match done.kind.as_str() {
        "operating-system" => bill.system(done.name.trim(), done.version.trim()),
        "cryptographic-asset" | "device" | "data" | "machine-learning-model" => {}
        "file" if done.purl.is_empty() && done.cpe.is_empty() => {}
        "container" if done.subject => {}
        // What nothing identifies is no package, but the whole.
        _ if done.subject && done.purl.is_empty() && done.cpe.is_empty() => {}
        _ => bill.item(&Item {
            name: Cow::Borrowed(done.name.trim()),
            version: Cow::Borrowed(done.version.trim()),
            purl: Cow::Borrowed(done.purl.trim()),
            cpe: Cow::Borrowed(done.cpe.trim()),
            ..Item::default()
        }),
    }
}
