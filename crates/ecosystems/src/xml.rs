//! XML of small files, as a tree with bounds: depth, number of elements, no entities but the five that XML has itself.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

/// Deeper elements are a trap.
const DEPTH_MAX: usize = 64;
/// Elements and attributes; more are none of a file that people write.
const PARTS_MAX: usize = 200_000;

/// One element, with names as they stand after the prefix.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// What stands in it directly.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// The first child of a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Every child of a name.
    pub(crate) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// What the first child of a name says; empty where there is none.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.trim())
    }

    /// An attribute, whatever the case of its name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }
}

/// Reads a document: its outermost element, which has to have one of the names.
pub(crate) fn document(bytes: &[u8], names: &[&str]) -> Result<Element, String> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut open: Vec<Element> = Vec::new();
    let mut parts = 0;
    loop {
        let done = match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                if open.len() >= DEPTH_MAX {
                    return Err(format!("its elements are nested more than {DEPTH_MAX} deep"));
                }
                open.push(element(&start, &mut parts)?);
                None
            }
            Event::Empty(start) => Some(element(&start, &mut parts)?),
            Event::End(_) => open.pop(),
            Event::Text(text) => {
                add(&mut open, &unescape(&text).map_err(|error| error.to_string())?);
                None
            }
            Event::CData(text) => {
                add(&mut open, &text);
                None
            }
            // `&` and its like come as events of their own; an entity that the document declares is never expanded.
            Event::GeneralRef(reference) => {
                let written = format!("&{};", &*reference);
                add(&mut open, &unescape(&written).unwrap_or_else(|_| written.as_str().into()));
                None
            }
            Event::Eof => return Err("it ends too early".to_owned()),
            _ => None,
        };
        let Some(done) = done else { continue };
        match open.last_mut() {
            Some(outer) => outer.children.push(done),
            None if names.contains(&done.name.as_str()) => return Ok(done),
            None => return Err(format!("it begins with <{}>, not with <{}>", done.name, names.join("> or <"))),
        }
    }
}

fn element(start: &BytesStart<'_>, parts: &mut usize) -> Result<Element, String> {
    let mut element = Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
    // Looking for names that stand twice would take the square of their number.
    for attribute in start.attributes().with_checks(false).flatten() {
        *parts += 1;
        if *parts > PARTS_MAX {
            break;
        }
        let value =
            unescape(&attribute.value).map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned);
        element.attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
    }
    *parts += 1;
    if *parts > PARTS_MAX {
        return Err(format!("it has more than {PARTS_MAX} elements and attributes"));
    }
    Ok(element)
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_attributes_and_text() {
        let text = "\u{feff}<?xml version='1.0'?><!-- x --><a:r xmlns:a='x' B='1 &amp; 2'><c>  a<![CDATA[<b>]]>&lt;&oslash;</c><d/></a:r>";
        let root = document(text.as_bytes(), &["r"]).expect("it is sound");
        assert_eq!(root.attribute("b"), Some("1 & 2"));
        assert_eq!((root.value("c"), root.value("d"), root.value("e")), ("a<b><&oslash;", "", ""));
    }

    #[test]
    fn what_is_hostile_ends_early() {
        let deep = "<r>".repeat(100_000);
        let bomb = "<!DOCTYPE r [<!ENTITY a 'xxxxxxxxxx'><!ENTITY b '&a;&a;&a;&a;'>]><r><v>&b;</v></r>";
        let wide = format!("<r>{}</r>", "<x/>".repeat(PARTS_MAX));
        let many = format!("<r {}/>", "a='' ".repeat(PARTS_MAX + 1));
        for (text, said) in [
            (deep.as_str(), "its elements are nested more than 64 deep"),
            (wide.as_str(), "it has more than 200000 elements and attributes"),
            (many.as_str(), "it has more than 200000 elements and attributes"),
            ("<r><v>", "it ends too early"),
            ("", "it ends too early"),
            ("<html/>", "it begins with <html>, not with <r>"),
        ] {
            assert_eq!(document(text.as_bytes(), &["r"]).expect_err("it is not sound"), said);
        }
        assert_eq!(document(bomb.as_bytes(), &["r"]).expect("it is sound").value("v"), "&b;");
    }
}
