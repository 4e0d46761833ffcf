//! os-release, and the files that older systems have in its place: which distribution and release.

use domain::inventory::{Area, Gap, Platform};

use super::{is_printable, release, stream, ubuntu_pro};
use crate::capture::{Capture, Probe, Reading};

/// The first that is there counts. Those behind os-release are of systems from before it.
const PATHS: &[&str] = &[
    "etc/os-release",
    "usr/lib/os-release",
    "etc/oracle-release",
    "etc/centos-release",
    "etc/redhat-release",
    "etc/alpine-release",
    "etc/debian_version",
    "etc/system-release-cpe",
];
const BYTES_MAX: usize = 64 << 10;

pub const PROBE: Probe = Probe::First { paths: PATHS, bytes_max: BYTES_MAX };

/// Longest value that is kept.
const VALUE_BYTES_MAX: usize = 256;

/// The platform as the first of the files tells it.
pub(crate) fn platform(capture: &Capture, gaps: &mut Vec<Gap>) -> Platform {
    let mut gap = |subject: &str, reason: &str| {
        gaps.push(Gap { area: Area::Platform, subject: subject.to_owned(), reason: reason.to_owned() });
    };
    let unknown = || Platform { name: "unknown".to_owned(), release: None, architecture: None };
    let (path, bytes) = match capture.first(PATHS, BYTES_MAX) {
        Some((path, Reading::Bytes(bytes))) => (path, bytes),
        Some((path, Reading::Failed(reason))) => {
            gap(path, reason);
            return unknown();
        }
        Some((path, Reading::Files(_) | Reading::Missing)) => {
            gap(path, "it is a folder");
            return unknown();
        }
        None => {
            gap("os-release", "neither etc/os-release nor usr/lib/os-release can be read");
            return unknown();
        }
    };
    let mut fields = if path.ends_with("os-release") { Fields::parse(bytes) } else { old(path, bytes) };
    let named = fields.pretty_name.clone().or(fields.name.take()).or_else(|| fields.id.clone());
    let mut name = named.unwrap_or_else(|| "unknown".to_owned());
    let mut release = release::of(&fields);
    match (&release, &fields.id) {
        (Some(_), _) => {}
        (None, None) => gap(path, "it has no readable ID"),
        (None, Some(_)) => gap(path, "it has neither VERSION_CODENAME nor VERSION_ID"),
    }
    if let Some(release) = &mut release {
        stream::narrow(release, fields.version_id.as_deref(), capture, gaps);
        if release.distribution == "ubuntu" {
            name.push_str(&ubuntu_pro::suffix(capture));
        }
    }
    Platform { name, release, architecture: None }
}

/// What os-release says of the system.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) id: Option<String>,
    pub(super) id_like: Option<String>,
    pub(super) codename: Option<String>,
    pub(super) ubuntu_codename: Option<String>,
    pub(super) version_id: Option<String>,
    /// `VERSION`: `12 (bookworm)`.
    pub(super) version: Option<String>,
    pub(super) build_id: Option<String>,
    name: Option<String>,
    pub(super) pretty_name: Option<String>,
}

impl Fields {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut fields = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.trim().split_once('=') else { continue };
            let field = match key {
                "ID" => &mut fields.id,
                "ID_LIKE" => &mut fields.id_like,
                "VERSION_CODENAME" => &mut fields.codename,
                "UBUNTU_CODENAME" => &mut fields.ubuntu_codename,
                "VERSION_ID" => &mut fields.version_id,
                "VERSION" => &mut fields.version,
                "BUILD_ID" => &mut fields.build_id,
                "NAME" => &mut fields.name,
                "PRETTY_NAME" => &mut fields.pretty_name,
                _ => continue,
            };
            // The shell that this format is written for lets the last assignment win.
            *field = unquote(value).filter(|value| is_printable(value, VALUE_BYTES_MAX));
        }
        for word in [
            &mut fields.id,
            &mut fields.codename,
            &mut fields.ubuntu_codename,
            &mut fields.version_id,
            &mut fields.build_id,
        ] {
            *word = word.take().filter(|word| is_word(word));
        }
        fields
    }
}

/// What a system from before os-release says: one line.
fn old(path: &str, bytes: &[u8]) -> Fields {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().next().unwrap_or_default().trim();
    let line = if is_printable(line, VALUE_BYTES_MAX) { line } else { "" };
    let (id, version) = match path {
        "etc/alpine-release" => (Some("alpine"), line.split('-').next()),
        "etc/debian_version" => (Some("debian"), Some(line)),
        "etc/system-release-cpe" => release::of_cpe(line),
        _ => release::of_sentence(line),
    };
    let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let name = match path {
        "etc/alpine-release" => format!("Alpine Linux {line}"),
        "etc/debian_version" => format!("Debian {line}"),
        _ => line.to_owned(),
    };
    Fields {
        id: owned(id),
        version_id: owned(version).filter(|version| is_word(version)),
        // `trixie/sid` is no word.
        pretty_name: owned(Some(&name)),
        ..Fields::default()
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

    fn read_from(path: &'static str, text: &str) -> (String, Option<String>, usize) {
        let mut capture = Capture::default();
        capture.readings.insert(Probe::File { path, bytes_max: BYTES_MAX }, Reading::Bytes(text.as_bytes().to_vec()));
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
            ("NAME='Alpine Linux'\nID=alpine\nVERSION_ID=3.19.1\n", "Alpine Linux", Some("alpine 3.19")),
            (
                "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\n",
                "Debian GNU/Linux trixie/sid",
                Some("debian trixie"),
            ),
            ("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux\"\n", "Debian GNU/Linux", None),
            ("# comment\nVERSION_CODENAME=x\n", "unknown", None),
            ("ID=\"debian\nVERSION_ID=12\n", "unknown", None),
            ("ID=\"de\\\"b\"\nVERSION_ID=12\n", "unknown", None),
            ("ID=old\nID=new\nVERSION_ID=1\nNAME=\"a \\$b \\x\"\n", "a $b \\x", Some("new 1")),
        ] {
            let read = read_from("usr/lib/os-release", text);
            assert_eq!((read.0.as_str(), read.1.as_deref()), (name, release), "{text}");
            assert_eq!(read.2 == 0, release.is_some(), "{text}");
        }
    }

    #[test]
    fn systems_from_before_os_release() {
        for (path, text, name, release) in [
            ("etc/redhat-release", "CentOS release 5.7 (Final)", "CentOS release 5.7 (Final)", Some("centos 5")),
            (
                "etc/oracle-release",
                "Oracle Linux Server release 6.10\n",
                "Oracle Linux Server release 6.10",
                Some("ol 6"),
            ),
            ("etc/redhat-release", "Fedora release 13 (Goddard)", "Fedora release 13 (Goddard)", Some("fedora 13")),
            ("etc/redhat-release", "Some System 1", "Some System 1", None),
            ("etc/system-release-cpe", "cpe:/o:centos:linux:6:GA", "cpe:/o:centos:linux:6:GA", Some("centos 6")),
            ("etc/alpine-release", "3.18.4\n", "Alpine Linux 3.18.4", Some("alpine 3.18")),
            ("etc/debian_version", "12.15\n", "Debian 12.15", Some("debian bookworm")),
            ("etc/debian_version", "forky/sid\n", "Debian forky/sid", Some("debian forky")),
        ] {
            let read = read_from(path, text);
            assert_eq!((read.0.as_str(), read.1.as_deref()), (name, release), "{text}");
            assert_eq!(read.2 == 0, release.is_some(), "{text}");
        }
    }

    #[test]
    fn the_file_in_etc_comes_first() {
        let mut capture = Capture::default();
        for (path, text) in
            [("etc/os-release", "ID=etc\nVERSION_ID=1\n"), ("usr/lib/os-release", "ID=lib\nVERSION_ID=1\n")]
        {
            capture.readings.insert(Probe::File { path, bytes_max: BYTES_MAX }, Reading::Bytes(text.into()));
        }
        assert_eq!(platform(&capture, &mut Vec::new()).release.map(|r| r.distribution), Some("etc".to_owned()));
    }

    #[test]
    fn no_file_is_a_gap() {
        let mut gaps = Vec::new();
        assert_eq!(platform(&Capture::default(), &mut gaps).release, None);
        assert_eq!(gaps.len(), 1);
    }
}
