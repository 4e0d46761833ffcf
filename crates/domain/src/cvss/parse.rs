//! Reading a vector: any order, everything else as the standard says.

use super::metrics::{self, Group};
use super::{Vector, Version};

/// Why a text is no vector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CvssError {
    #[error("the vector is empty")]
    Empty,
    #[error("the vector has {0} bytes; at most {LENGTH_MAX} are read")]
    TooLong(usize),
    #[error("{0:?} is no CVSS version (known: 2.0, 3.0, 3.1, 4.0)")]
    UnknownVersion(String),
    #[error("empty field: two slashes in a row, or one at the start or end")]
    EmptyField,
    #[error("field {0:?} is not METRIC:VALUE")]
    MalformedField(String),
    #[error("CVSS {version} has no metric {metric:?}")]
    UnknownMetric { version: Version, metric: String },
    #[error("CVSS {version} has no value {value:?} for {metric}")]
    UnknownValue { version: Version, metric: &'static str, value: String },
    #[error("metric {0} is given twice")]
    Duplicate(&'static str),
    #[error("mandatory metric {0} is missing")]
    Missing(&'static str),
}

/// The longest legal vector has 207 bytes.
const LENGTH_MAX: usize = 512;

const ABSENT: u8 = u8::MAX;

pub(super) fn parse(text: &str) -> Result<Vector, CvssError> {
    if text.is_empty() {
        return Err(CvssError::Empty);
    }
    if text.len() > LENGTH_MAX {
        return Err(CvssError::TooLong(text.len()));
    }
    let (version, body, decorated) = split_version(text)?;
    let table = metrics::of(version);
    let mut values = [ABSENT; metrics::COUNT_MAX];
    let mut last = None;
    let mut ordered = true;
    for field in body.split('/') {
        if field.is_empty() {
            return Err(CvssError::EmptyField);
        }
        let (name, value) = field.split_once(':').ok_or_else(|| CvssError::MalformedField(field.to_owned()))?;
        // Most vectors are in order, so the next metric is tried first.
        let next = last.map_or(0, |last| last + 1);
        let index = (next..table.len())
            .chain(0..next)
            .find(|index| table[*index].name == name)
            .ok_or_else(|| CvssError::UnknownMetric { version, metric: name.to_owned() })?;
        let metric = &table[index];
        if values[index] != ABSENT {
            return Err(CvssError::Duplicate(metric.name));
        }
        values[index] = metric
            .values
            .iter()
            .zip(0..)
            .find(|(known, _)| **known == value)
            .map(|(_, n)| n)
            .ok_or_else(|| CvssError::UnknownValue { version, metric: metric.name, value: value.to_owned() })?;
        ordered &= last < Some(index);
        last = Some(index);
    }
    let strict = match version {
        Version::V2 => ordered && !decorated && has_whole_groups(table, &values),
        Version::V30 | Version::V31 => true,
        Version::V40 => ordered,
    };
    for (metric, value) in table.iter().zip(&mut values) {
        if *value == ABSENT {
            if metric.group == Group::Base {
                return Err(CvssError::Missing(metric.name));
            }
            *value = 0;
        }
    }
    values[table.len()..].fill(0);
    Ok(Vector { version, values, strict })
}

/// The version, the fields, and whether a 2.0 vector wears a prefix or parentheses, which its standard does not know.
fn split_version(text: &str) -> Result<(Version, &str, bool), CvssError> {
    let bare = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let Some(prefixed) = bare.unwrap_or(text).strip_prefix("CVSS:") else {
        return Ok((Version::V2, bare.unwrap_or(text), bare.is_some()));
    };
    let (number, body) = prefixed.split_once('/').unwrap_or((prefixed, ""));
    let version = Version::ALL
        .into_iter()
        .find(|version| version.as_str() == number && (bare.is_none() || *version == Version::V2))
        .ok_or_else(|| CvssError::UnknownVersion(number.to_owned()))?;
    Ok((version, body, true))
}

fn has_whole_groups(table: &[metrics::Metric], values: &[u8]) -> bool {
    [Group::Threat, Group::Environmental].into_iter().all(|group| {
        let mut given = table.iter().zip(values).filter(|(m, _)| m.group == group).map(|(_, value)| *value != ABSENT);
        let first = given.next().unwrap_or_default();
        given.all(|other| other == first)
    })
}
