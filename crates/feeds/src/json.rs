//! Streaming over large JSON: one record in memory at a time, however large the file.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Deref;
use std::rc::Rc;

use domain::vulnerability::{ExploitEvidence, ExploitKind, PublishedVector, Reference};
use domain::{cvss, vulnerability};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::{ParseError, Problems, unpack_error};

/// Most bytes of one record; the largest real one is below 1 MiB.
pub(crate) const MAX_RECORD_BYTES: u64 = 16 * 1024 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;

/// A text that is borrowed from the document where it has no escapes, in lists and options too.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(crate) struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Str<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Counts the bytes since the last record and stops when there are too many.
pub(crate) struct Meter<R> {
    source: R,
    since_record: Rc<Cell<u64>>,
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.since_record.set(self.since_record.get() + read as u64);
        if self.since_record.get() > MAX_RECORD_BYTES {
            return Err(io::Error::other(format!("a record is larger than {MAX_RECORD_BYTES} bytes: refused")));
        }
        Ok(read)
    }
}

/// The deserializer that the feeds stream from.
pub(crate) type Streaming<'a> = serde_json::Deserializer<serde_json::de::IoRead<BufReader<Meter<&'a mut dyn BufRead>>>>;

/// A deserializer over the reader, and the counter to reset after each record.
pub(crate) fn streaming(reader: &mut dyn BufRead) -> (Streaming<'_>, Rc<Cell<u64>>) {
    let since_record = Rc::new(Cell::new(0));
    // The buffer makes byte-wise reading cheap: the reader behind it is called once a chunk.
    let meter = Meter { source: reader, since_record: Rc::clone(&since_record) };
    (serde_json::Deserializer::from_reader(BufReader::with_capacity(CHUNK_BYTES, meter)), since_record)
}

/// Streams the list under `list` of a JSON object; the other members go to `member` with their names.
pub(crate) fn stream_list(
    name: &str,
    reader: &mut dyn BufRead,
    list: &'static str,
    member: &mut dyn FnMut(&str, &RawValue),
    item: &mut dyn FnMut(&RawValue),
) -> Result<(), ParseError> {
    let (mut deserializer, since_record) = streaming(reader);
    let mut found = false;
    let seed = ListIn { list, found: &mut found, since_record, member, item };
    deserializer.deserialize_map(seed).and_then(|()| deserializer.end()).map_err(|e| parse_error(name, &e))?;
    if found { Ok(()) } else { Err(ParseError { name: name.to_owned(), reason: format!("it has no list `{list}`") }) }
}

/// Says in words where and why a stream ended early.
pub(crate) fn parse_error(name: &str, error: &serde_json::Error) -> ParseError {
    let reason = if error.is_eof() {
        format!("it ends too early (line {} column {})", error.line(), error.column())
    } else {
        error.to_string()
    };
    // Errors of the unpacker name the file already.
    let reason = reason.strip_prefix(&format!("{name} ")).map_or_else(|| reason.clone(), |rest| format!("it {rest}"));
    ParseError { name: name.to_owned(), reason }
}

struct ListIn<'a> {
    list: &'static str,
    found: &'a mut bool,
    since_record: Rc<Cell<u64>>,
    member: &'a mut dyn FnMut(&str, &RawValue),
    item: &'a mut dyn FnMut(&RawValue),
}

impl<'de> Visitor<'de> for ListIn<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a list `{}`", self.list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == self.list {
                *self.found = true;
                map.next_value_seed(Items { since_record: &self.since_record, item: self.item })?;
            } else {
                let value = map.next_value::<Box<RawValue>>()?;
                (self.member)(&key, &value);
            }
            self.since_record.set(0);
        }
        Ok(())
    }
}

struct Items<'a> {
    since_record: &'a Cell<u64>,
    item: &'a mut dyn FnMut(&RawValue),
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Box<RawValue>>()? {
            (self.item)(&item);
            self.since_record.set(0);
        }
        Ok(())
    }
}

/// Shows the lines of a file, none of them longer than a record may be.
pub(crate) fn bounded_lines(
    name: &str,
    reader: &mut dyn BufRead,
    visit: &mut dyn FnMut(&[u8]),
) -> Result<(), ParseError> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut *reader).take(MAX_RECORD_BYTES).read_until(b'\n', &mut line);
        match read.map_err(|error| unpack_error(name, &error))? {
            0 => return Ok(()),
            read if read as u64 == MAX_RECORD_BYTES => {
                let reason = format!("a line is larger than {MAX_RECORD_BYTES} bytes: refused");
                return Err(ParseError { name: name.to_owned(), reason });
            }
            _ => visit(&line),
        }
    }
}

/// Drains a value that is not wanted, whatever it is.
pub(crate) fn ignore_rest<'de, A: SeqAccess<'de>>(items: &mut A) -> Result<(), A::Error> {
    while items.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Reads an instant with or without a zone; publishers that give none mean UTC.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
}

/// Keeps a vector that can be scored; one that cannot is a problem of its record.
pub(crate) fn vector(
    text: &str,
    source: &str,
    authority: vulnerability::Authority,
    record: &str,
    problems: &mut Problems,
) -> Option<PublishedVector> {
    match cvss::Vector::parse(text) {
        Ok(_) => Some(PublishedVector { vector: text.to_owned(), source: source.to_owned(), authority }),
        Err(error) => {
            problems.add(record, &format_args!("the vector {:?} of {source} is left out: {error}", excerpt(text)));
            None
        }
    }
}

/// The weakness when the text is one (`NVD-CWE-noinfo` and `n/a` are not).
pub(crate) fn cwe(text: &str) -> Option<String> {
    let digits = text.strip_prefix("CWE-")?;
    ((1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
}

/// The beginning of a text from outside, for messages.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A text of a record, no longer than people read.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    let text = text.trim();
    // Most texts are short: their characters need not be counted.
    if text.len() <= chars_max { text.to_owned() } else { text.chars().take(chars_max).collect() }
}

/// The pages that their publisher marks as an exploit.
pub(crate) fn exploit_pages<'r>(feed: &'r str, pages: &'r [Reference]) -> impl Iterator<Item = ExploitEvidence> + 'r {
    const PAGES_MAX: usize = 20;
    let marked = pages.iter().filter(|page| page.tags.iter().any(|tag| tag == "exploit"));
    marked.take(PAGES_MAX).map(move |page| ExploitEvidence {
        kind: ExploitKind::Proof,
        source: feed.to_owned(),
        name: excerpt(&page.url),
        since: None,
        url: page.url.clone(),
    })
}
