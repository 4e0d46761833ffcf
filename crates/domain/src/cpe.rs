//! CPE names: the formatted string of CPE 2.3, the older URI, and how two names relate (NISTIR 7695 and 7696).

mod attribute;
mod text;

pub use attribute::{Attribute, Relation, Text, Wildcard};

use std::fmt;
use std::str::FromStr;

/// A longer text is no CPE name.
const BYTES_MAX: usize = 4096;
/// Attributes of a name.
const ATTRIBUTES: usize = 11;

/// A name of software or hardware, or of many at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpe {
    /// `a` application, `o` operating system, `h` hardware.
    pub part: Attribute,
    pub vendor: Attribute,
    pub product: Attribute,
    pub version: Attribute,
    pub update: Attribute,
    pub edition: Attribute,
    pub language: Attribute,
    pub sw_edition: Attribute,
    pub target_sw: Attribute,
    pub target_hw: Attribute,
    pub other: Attribute,
}

/// The text is no CPE name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cpe:?} is no CPE name: {reason}")]
pub struct InvalidCpe {
    /// The text, shortened.
    pub cpe: String,
    pub reason: &'static str,
}

impl Cpe {
    /// Reads a formatted string (`cpe:2.3:a:…`) or a URI (`cpe:/a:…`); attributes that are left out at the end are any.
    pub fn parse(text: &str) -> Result<Self, InvalidCpe> {
        let front = |length: usize| text.get(..length).map(str::to_ascii_lowercase);
        let read = if text.len() > BYTES_MAX {
            Err("it is too long")
        } else if front(8).as_deref() == Some("cpe:2.3:") {
            text::read_formatted(&text[8..])
        } else if front(5).as_deref() == Some("cpe:/") {
            text::read_uri(&text[5..])
        } else {
            Err("it begins neither with cpe:2.3: nor with cpe:/")
        };
        read.and_then(Self::of).map_err(|reason| InvalidCpe { cpe: text.chars().take(200).collect(), reason })
    }

    /// `vendor:product`, in lower case and without escapes. `None`: it does not name one product.
    pub fn key(&self) -> Option<String> {
        Some(format!("{}:{}", self.vendor.plain()?, self.product.plain()?))
    }

    /// How the things that this name stands for relate to those of another one, which has no wildcards.
    pub fn relation(&self, target: &Self) -> Relation {
        let pairs = self.attributes().into_iter().zip(target.attributes());
        pairs.map(|(source, target)| source.relation(target)).fold(Relation::Equal, Relation::and)
    }

    /// Whether everything that the other name stands for, which has no wildcards, is among what this one stands for.
    pub fn covers(&self, target: &Self) -> bool {
        matches!(self.relation(target), Relation::Equal | Relation::Superset)
    }

    fn of(attributes: [Attribute; ATTRIBUTES]) -> Result<Self, &'static str> {
        let [part, vendor, product, version, update, edition, language, sw_edition, target_sw, target_hw, other] =
            attributes;
        match &part {
            Attribute::Any | Attribute::Na => {}
            part if part.plain().is_some_and(|part| matches!(part, "a" | "o" | "h")) => {}
            Attribute::Text(_) => return Err("its part is none of a, o and h"),
        }
        Ok(Self { part, vendor, product, version, update, edition, language, sw_edition, target_sw, target_hw, other })
    }

    const fn attributes(&self) -> [&Attribute; ATTRIBUTES] {
        [
            &self.part,
            &self.vendor,
            &self.product,
            &self.version,
            &self.update,
            &self.edition,
            &self.language,
            &self.sw_edition,
            &self.target_sw,
            &self.target_hw,
            &self.other,
        ]
    }
}

impl FromStr for Cpe {
    type Err = InvalidCpe;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The formatted string of CPE 2.3.
impl fmt::Display for Cpe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cpe:2.3")?;
        self.attributes().into_iter().try_for_each(|attribute| write!(f, ":{attribute}"))
    }
}
