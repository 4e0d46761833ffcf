//! CVSS: vectors in, exact scores out.
//!
//! A published score is a claim, so every score here is recomputed from the metrics, each version by its own formula and
//! in integers: no score depends on the rounding of binary fractions (docs/adr/0003-cvss.md).

use std::fmt;

use serde::{Deserialize, Serialize};

mod metrics;
mod parse;
mod v2;
mod v3;
mod v4;
mod v4_macro_scores;

pub use parse::CvssError;

use metrics::{Group, Metric};

/// Version of the standard. The order is the age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Version {
    #[serde(rename = "2.0")]
    V2,
    #[serde(rename = "3.0")]
    V30,
    #[serde(rename = "3.1")]
    V31,
    #[serde(rename = "4.0")]
    V40,
}

/// A score in tenths: 98 is 9.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Score(u8);

/// The number of tenths is above 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a CVSS score has at most 100 tenths, not {0}")]
pub struct ScoreTooHigh(pub u8);

/// Qualitative rating of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    None,
    Low,
    Medium,
    High,
    Critical,
}

/// A valid vector of one version, with every mandatory metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Vector {
    version: Version,
    /// Index of the value in the metric's list, in the order of the version's metrics. For a metric that may be left out
    /// the first value is "not defined".
    values: [u8; metrics::COUNT_MAX],
    strict: bool,
}

/// The metric or its value does not exist in this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("CVSS {version} has no {metric}:{value}")]
pub struct NoSuchValue {
    pub version: Version,
    pub metric: String,
    pub value: String,
}

impl Vector {
    /// Reads a vector; metrics may come in any order, everything else must be as the standard says.
    pub fn parse(text: &str) -> Result<Self, CvssError> {
        parse::parse(text)
    }

    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whether the text was in the standard's own form: its order of metrics, and for 2.0 whole groups and no decoration.
    pub const fn is_strict(&self) -> bool {
        self.strict
    }

    /// The score of the base metrics alone.
    pub fn base(&self) -> Score {
        match self.version {
            Version::V2 => v2::base(self),
            Version::V30 | Version::V31 => v3::base(self),
            Version::V40 => v4::score(&self.base_vector()),
        }
    }

    /// The temporal score of 2.0 and 3.x. `None`: no temporal metric is defined.
    pub fn temporal(&self) -> Option<Score> {
        match self.version {
            Version::V2 => self.defines(Group::Threat).then(|| v2::temporal(self)),
            Version::V30 | Version::V31 => self.defines(Group::Threat).then(|| v3::temporal(self)),
            Version::V40 => None,
        }
    }

    /// The score of base and threat metrics of 4.0 (CVSS-BT). `None`: no threat metric is defined.
    pub fn threat(&self) -> Option<Score> {
        (self.version == Version::V40 && self.defines(Group::Threat))
            .then(|| v4::score(&self.without(Group::Environmental)))
    }

    /// The score of all metrics. `None`: no environmental metric is defined.
    pub fn environmental(&self) -> Option<Score> {
        self.defines(Group::Environmental).then(|| match self.version {
            Version::V2 => v2::environmental(self),
            Version::V30 | Version::V31 => v3::environmental(self),
            Version::V40 => v4::score(self),
        })
    }

    /// The score that takes in everything the vector defines.
    pub fn overall(&self) -> Score {
        self.environmental().or_else(|| self.temporal()).or_else(|| self.threat()).unwrap_or_else(|| self.base())
    }

    /// The same vector with its base metrics only.
    pub fn base_vector(&self) -> Self {
        self.without(Group::Threat).without(Group::Environmental).without(Group::Supplemental)
    }

    /// The same vector with one metric set; `X` (2.0: `ND`) takes a metric away that may be left out.
    pub fn with(&self, metric: &str, value: &str) -> Result<Self, NoSuchValue> {
        let found = self.metrics().iter().position(|m| m.name == metric).and_then(|index| {
            let value = self.metrics()[index].values.iter().position(|v| *v == value)?;
            Some((index, u8::try_from(value).ok()?))
        });
        let Some((index, value)) = found else {
            return Err(NoSuchValue { version: self.version, metric: metric.to_owned(), value: value.to_owned() });
        };
        let mut vector = *self;
        vector.values[index] = value;
        Ok(vector)
    }

    /// A metric's value as the vector says it. `None`: not defined, or no metric of this version.
    pub fn get(&self, metric: &str) -> Option<&'static str> {
        let index = self.metrics().iter().position(|m| m.name == metric)?;
        let value = self.values[index];
        (self.metrics()[index].group == Group::Base || value != 0)
            .then(|| self.metrics()[index].values[usize::from(value)])
    }

    fn metrics(&self) -> &'static [Metric] {
        metrics::of(self.version)
    }

    fn defines(&self, group: Group) -> bool {
        self.metrics().iter().zip(self.values).any(|(metric, value)| metric.group == group && value != 0)
    }

    fn without(&self, group: Group) -> Self {
        let mut vector = *self;
        for (metric, value) in self.metrics().iter().zip(&mut vector.values) {
            if metric.group == group {
                *value = 0;
            }
        }
        vector
    }

    /// Value indices by position in the version's metrics.
    fn at(&self, index: usize) -> usize {
        usize::from(self.values[index])
    }
}

/// Canonical form: the standard's order, nothing that is not defined.
impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if self.version != Version::V2 {
            write!(f, "CVSS:{}", self.version)?;
            separator = "/";
        }
        for (metric, value) in self.metrics().iter().zip(self.values) {
            if metric.group == Group::Base || value != 0 {
                write!(f, "{separator}{}:{}", metric.name, metric.values[usize::from(value)])?;
                separator = "/";
            }
        }
        Ok(())
    }
}

impl Version {
    pub const ALL: [Self; 4] = [Self::V2, Self::V30, Self::V31, Self::V40];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "2.0",
            Self::V30 => "3.0",
            Self::V31 => "3.1",
            Self::V40 => "4.0",
        }
    }

    /// The rating of a score: 2.0 knows neither `None` nor `Critical`.
    pub const fn severity(self, score: Score) -> Severity {
        match (self, score.0) {
            (Self::V2, 0..40) => Severity::Low,
            (_, 0) => Severity::None,
            (_, 1..40) => Severity::Low,
            (_, 40..70) => Severity::Medium,
            (Self::V2, _) | (_, 70..90) => Severity::High,
            (_, _) => Severity::Critical,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Score {
    pub const ZERO: Self = Self(0);
    pub const MAX: Self = Self(100);

    pub const fn tenths(self) -> u8 {
        self.0
    }

    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 10.0
    }

    /// Takes a formula's result, in tenths, which the standard bounds to 0 to 10.
    fn clamped(tenths: i128) -> Self {
        Self(u8::try_from(tenths.clamp(0, 100)).expect("clamped to 0 to 100"))
    }
}

impl TryFrom<u8> for Score {
    type Error = ScoreTooHigh;

    fn try_from(tenths: u8) -> Result<Self, Self::Error> {
        if tenths <= Self::MAX.0 { Ok(Self(tenths)) } else { Err(ScoreTooHigh(tenths)) }
    }
}

impl From<Score> for u8 {
    fn from(score: Score) -> Self {
        score.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }
}
