//! Package-URLs: `pkg:type/namespace/name@version?qualifiers#subpath`, by the specification of package-url.

mod packages;
mod types;

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

/// A longer text is no package-url.
const BYTES_MAX: usize = 8192;
/// More qualifiers than any package has.
const QUALIFIERS_MAX: usize = 64;

/// The identity of a package, in the spelling that its type asks for. Empty parts are missing ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    /// The type, such as `deb`.
    pub kind: String,
    /// Segments with slashes between them.
    pub namespace: String,
    pub name: String,
    pub version: String,
    /// By their keys; none of them is empty.
    pub qualifiers: BTreeMap<String, String>,
    /// A path inside the package.
    pub subpath: String,
}

/// The text is no package-url.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{purl:?} is no package-url: {reason}")]
pub struct InvalidPurl {
    /// The text, shortened.
    pub purl: String,
    pub reason: String,
}

impl Purl {
    /// Makes one from its parts, in their canonical spelling.
    pub fn new(
        kind: &str,
        namespace: &str,
        name: &str,
        version: &str,
        qualifiers: BTreeMap<String, String>,
        subpath: &str,
    ) -> Result<Self, InvalidPurl> {
        let purl = Self {
            kind: kind.to_ascii_lowercase(),
            namespace: segments(namespace).collect::<Vec<_>>().join("/"),
            name: name.to_owned(),
            version: version.to_owned(),
            qualifiers: qualifiers.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            subpath: subpath_segments(subpath).collect::<Vec<_>>().join("/"),
        };
        purl.checked().map_err(|reason| InvalidPurl { purl: format!("pkg:{kind}/{namespace}/{name}"), reason })
    }

    /// Reads any spelling of a package-url.
    pub fn parse(text: &str) -> Result<Self, InvalidPurl> {
        read(text)
            .and_then(Self::checked)
            .map_err(|reason| InvalidPurl { purl: text.chars().take(200).collect(), reason })
    }

    fn checked(mut self) -> Result<Self, String> {
        let letters = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'+');
        if !self.kind.starts_with(|c: char| c.is_ascii_alphabetic()) || !self.kind.bytes().all(letters) {
            return Err(format!("the type {:?} is none", self.kind));
        }
        if self.name.is_empty() {
            return Err("it has no name".to_owned());
        }
        if let Some(key) = self.qualifiers.keys().find(|key| !is_key(key)) {
            return Err(format!("the key {key:?} of a qualifier has a character that no key may have"));
        }
        types::normalise(&mut self)?;
        Ok(self)
    }
}

impl FromStr for Purl {
    type Err = InvalidPurl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The canonical spelling.
impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}", self.kind)?;
        for segment in segments(&self.namespace) {
            write!(f, "/{}", Encoded(segment))?;
        }
        write!(f, "/{}", Encoded(&self.name))?;
        if !self.version.is_empty() {
            write!(f, "@{}", Encoded(&self.version))?;
        }
        for (i, (key, value)) in self.qualifiers.iter().enumerate() {
            write!(f, "{}{key}={}", if i == 0 { '?' } else { '&' }, Encoded(value))?;
        }
        for (i, segment) in segments(&self.subpath).enumerate() {
            write!(f, "{}{}", if i == 0 { '#' } else { '/' }, Encoded(segment))?;
        }
        Ok(())
    }
}

/// Percent-encodes everything but unreserved characters and the colon.
struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                    f.write_char(char::from(byte))?;
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// Takes the text apart from its ends, as the specification says.
fn read(text: &str) -> Result<Purl, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("it is longer than {BYTES_MAX} bytes"));
    }
    let (rest, subpath) = text.rsplit_once('#').unwrap_or((text, ""));
    let (rest, qualifiers) = rest.rsplit_once('?').unwrap_or((rest, ""));
    let rest = match rest.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("pkg") => rest,
        _ => return Err("it does not begin with pkg:".to_owned()),
    };
    let (kind, rest) = rest.trim_start_matches('/').split_once('/').ok_or("it has a type only")?;
    let rest = rest.trim_end_matches('/');
    // An at sign that begins a segment is the one of npm's scopes, which not everybody encodes.
    let (path, version) = match rest.rsplit_once('@') {
        Some((path, version)) if !(version.contains('/') && (path.is_empty() || path.ends_with('/'))) => {
            (path, version)
        }
        _ => (rest, ""),
    };
    let path = path.trim_end_matches('/');
    let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
    Ok(Purl {
        kind: kind.to_ascii_lowercase(),
        namespace: decode_all(segments(namespace))?,
        name: decode(name)?,
        version: decode(version)?,
        qualifiers: read_qualifiers(qualifiers)?,
        subpath: decode_all(subpath_segments(subpath))?,
    })
}

fn read_qualifiers(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut qualifiers = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("the qualifier {pair:?} has no value"))?;
        if value.is_empty() {
            continue;
        }
        let key = key.to_ascii_lowercase();
        if qualifiers.len() == QUALIFIERS_MAX {
            return Err(format!("it has more than {QUALIFIERS_MAX} qualifiers"));
        }
        if qualifiers.insert(key.clone(), decode(value)?).is_some() {
            return Err(format!("it has the qualifier {key:?} twice"));
        }
    }
    Ok(qualifiers)
}

fn is_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'-' | b'_'))
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

fn subpath_segments(path: &str) -> impl Iterator<Item = &str> {
    segments(path).filter(|segment| !matches!(*segment, "." | ".."))
}

/// Decodes each segment; one that then holds a slash, or leads elsewhere, is none.
fn decode_all<'a>(segments: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let mut path = String::new();
    for segment in segments {
        let segment = decode(segment)?;
        if segment.contains('/') || matches!(segment.as_str(), "." | "..") {
            return Err(format!("the segment {segment:?} is none"));
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(&segment);
    }
    Ok(path)
}

fn decode(text: &str) -> Result<String, String> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |c: u8| char::from(c).to_digit(16);
        let byte = match after {
            [high, low, ..] => digit(*high).zip(digit(*low)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok()),
            _ => None,
        };
        bytes.push(byte.ok_or_else(|| format!("{text:?} has a percent sign without two hexadecimal digits"))?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| format!("{text:?} does not decode to UTF-8"))
}
