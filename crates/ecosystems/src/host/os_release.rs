//! os-release: which distribution and release.

use domain::component::Release;
use domain::inventory::{Area, Gap, Platform};

use super::is_printable;
use crate::capture::{Capture, Probe, Reading};

pub const ETC: Probe = Probe::File { path: "etc/os-release", bytes_max: 64 << 10 };
pub const USR_LIB: Probe = Probe::File { path: "usr/lib/os-release", bytes_max: 64 << 10 };

/// Longest value that is kept.
const VALUE_BYTES_MAX: usize = 256;

/// The platform as the first readable of the two files tells it.
pub(crate) fn platform(capture: &Capture, gaps: &mut Vec<Gap>) -> Platform {
    let mut gap = |subject: &str, reason: &str| {
        gaps.push(Gap { area: Area::Platform, subject: subject.to_owned(), reason: reason.to_owned() });
    };
    let mut found = None;
    for (path, probe) in [("etc/os-release", ETC), ("usr/lib/os-release", USR_LIB)] {
        match capture.get(&probe) {
            Reading::Bytes(bytes) => {
                found = Some((path, Fields::parse(bytes)));
                break;
            }
            Reading::Failed(reason) => gap(path, reason),
            Reading::Files(_) => gap(path, "it is a folder"),
            Reading::Missing => {}
        }
    }
    let Some((path, fields)) = found else {
        gap("os-release", "neither etc/os-release nor usr/lib/os-release can be read");
        return Platform { name: "unknown".to_owned(), release: None, architecture: None };
    };
    let name = fields.pretty_name.or(fields.name).or_else(|| fields.id.clone()).unwrap_or_else(|| "unknown".to_owned());
    let release = match (fields.id, fields.codename.or(fields.version)) {
        (Some(id), Some(release)) => Some(Release { distribution: id, name: release }),
        (None, _) => {
            gap(path, "it has no readable ID");
            None
        }
        (Some(_), None) => {
            gap(path, "it has neither VERSION_CODENAME nor VERSION_ID");
            None
        }
    };
    Platform { name, release, architecture: None }
}

#[derive(Default)]
struct Fields {
    id: Option<String>,
    codename: Option<String>,
    version: Option<String>,
    name: Option<String>,
    pretty_name: Option<String>,
}

impl Fields {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut fields = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.trim().split_once('=') else { continue };
            let field = match key {
                "ID" => &mut fields.id,
                "VERSION_CODENAME" => &mut fields.codename,
                "VERSION_ID" => &mut fields.version,
                "NAME" => &mut fields.name,
                "PRETTY_NAME" => &mut fields.pretty_name,
                _ => continue,
            };
            // The shell that this format is written for lets the last assignment win.
            *field = unquote(value).filter(|value| is_printable(value, VALUE_BYTES_MAX));
        }
        fields.id = fields.id.filter(|id| is_word(id));
        fields.codename = fields.codename.filter(|codename| is_word(codename));
        fields.version = fields.version.filter(|version| is_word(version));
        fields
    }
}

/// Characters that os-release allows in identifiers, and the capitals that some use all the same.
fn is_word(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'+' | b'~'))
}

/// Shell quoting, as far as os-release allows it. `None`: an unfinished quote.
fn unquote(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') => match chars.next()? {
                escaped @ ('"' | '\\' | '$' | '`') => out.push(escaped),
                other => {
                    out.push('\\');
                    out.push(other);
                }
            },
            (None, '\\') => out.push(chars.next()?),
            (None, c) if c.is_whitespace() => break,
            (_, c) => out.push(c),
        }
    }
    quote.is_none().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Option<String>, usize) {
        let mut capture = Capture::default();
        capture.readings.insert(USR_LIB, Reading::Bytes(text.as_bytes().to_vec()));
        let mut gaps = Vec::new();
        let platform = platform(&capture, &mut gaps);
        (platform.name, platform.release.map(|release| release.to_string()), gaps.len())
    }

    #[test]
    fn releases() {
        for (text, name, release) in [
            (
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n",
                "Debian GNU/Linux 12 (bookworm)",
                Some("debian bookworm"),
            ),
            ("NAME='Alpine Linux'\nID=alpine\nVERSION_ID=3.19.1\n", "Alpine Linux", Some("alpine 3.19.1")),
            ("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\n", "Debian GNU/Linux trixie/sid", None),
            ("# comment\nVERSION_CODENAME=x\n", "unknown", None),
            ("ID=\"debian\nVERSION_ID=12\n", "unknown", None),
            ("ID=\"de\\\"b\"\nVERSION_ID=12\n", "unknown", None),
            ("ID=old\nID=new\nVERSION_ID=1\nNAME=\"a \\$b \\x\"\n", "a $b \\x", Some("new 1")),
        ] {
            let read = read(text);
            assert_eq!((read.0.as_str(), read.1.as_deref()), (name, release), "{text}");
            assert_eq!(read.2 == 0, release.is_some(), "{text}");
        }
    }

    #[test]
    fn the_file_in_etc_comes_first() {
        let mut capture = Capture::default();
        capture.readings.insert(USR_LIB, Reading::Bytes(b"ID=lib\nVERSION_ID=1\n".to_vec()));
        capture.readings.insert(ETC, Reading::Bytes(b"ID=etc\nVERSION_ID=1\n".to_vec()));
        assert_eq!(platform(&capture, &mut Vec::new()).release.map(|r| r.distribution), Some("etc".to_owned()));
    }

    #[test]
    fn no_file_is_a_gap() {
        let mut gaps = Vec::new();
        assert_eq!(platform(&Capture::default(), &mut gaps).release, None);
        assert_eq!(gaps.len(), 1);
    }
}
