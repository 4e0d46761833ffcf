//! The metrics of each version with their values, in the standard's order.

use super::Version;

/// One metric. One that may be left out has "not defined" as its first value.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) group: Group,
    pub(super) values: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// Mandatory.
    Base,
    /// Temporal before 4.0.
    Threat,
    Environmental,
    /// Changes no score.
    Supplemental,
}

/// Metrics of the version that has most.
pub(super) const COUNT_MAX: usize = V40.len();

pub(super) const fn of(version: Version) -> &'static [Metric] {
    match version {
        Version::V2 => &V2,
        Version::V30 | Version::V31 => &V3,
        Version::V40 => &V40,
    }
}

const fn metric(group: Group, name: &'static str, values: &'static [&'static str]) -> Metric {
    Metric { name, group, values }
}

use Group::{Base, Environmental, Supplemental, Threat};

static V2: [Metric; 14] = [
    metric(Base, "AV", &["L", "A", "N"]),
    metric(Base, "AC", &["H", "M", "L"]),
    metric(Base, "Au", &["M", "S", "N"]),
    metric(Base, "C", &["N", "P", "C"]),
    metric(Base, "I", &["N", "P", "C"]),
    metric(Base, "A", &["N", "P", "C"]),
    metric(Threat, "E", &["ND", "U", "POC", "F", "H"]),
    metric(Threat, "RL", &["ND", "OF", "TF", "W", "U"]),
    metric(Threat, "RC", &["ND", "UC", "UR", "C"]),
    metric(Environmental, "CDP", &["ND", "N", "L", "LM", "MH", "H"]),
    metric(Environmental, "TD", &["ND", "N", "L", "M", "H"]),
    metric(Environmental, "CR", &["ND", "L", "M", "H"]),
    metric(Environmental, "IR", &["ND", "L", "M", "H"]),
    metric(Environmental, "AR", &["ND", "L", "M", "H"]),
];

/// Modified metrics list the base metric's values behind `X`, so that value `n + 1` of one is value `n` of the other.
static V3: [Metric; 22] = [
    metric(Base, "AV", &["N", "A", "L", "P"]),
    metric(Base, "AC", &["L", "H"]),
    metric(Base, "PR", &["N", "L", "H"]),
    metric(Base, "UI", &["N", "R"]),
    metric(Base, "S", &["U", "C"]),
    metric(Base, "C", &["H", "L", "N"]),
    metric(Base, "I", &["H", "L", "N"]),
    metric(Base, "A", &["H", "L", "N"]),
    metric(Threat, "E", &["X", "U", "P", "F", "H"]),
    metric(Threat, "RL", &["X", "O", "T", "W", "U"]),
    metric(Threat, "RC", &["X", "U", "R", "C"]),
    metric(Environmental, "CR", &["X", "L", "M", "H"]),
    metric(Environmental, "IR", &["X", "L", "M", "H"]),
    metric(Environmental, "AR", &["X", "L", "M", "H"]),
    metric(Environmental, "MAV", &["X", "N", "A", "L", "P"]),
    metric(Environmental, "MAC", &["X", "L", "H"]),
    metric(Environmental, "MPR", &["X", "N", "L", "H"]),
    metric(Environmental, "MUI", &["X", "N", "R"]),
    metric(Environmental, "MS", &["X", "U", "C"]),
    metric(Environmental, "MC", &["X", "H", "L", "N"]),
    metric(Environmental, "MI", &["X", "H", "L", "N"]),
    metric(Environmental, "MA", &["X", "H", "L", "N"]),
];

/// Values from the most severe one on, so that an index is a severity level.
static V40: [Metric; 32] = [
    metric(Base, "AV", &["N", "A", "L", "P"]),
    metric(Base, "AC", &["L", "H"]),
    metric(Base, "AT", &["N", "P"]),
    metric(Base, "PR", &["N", "L", "H"]),
    metric(Base, "UI", &["N", "P", "A"]),
    metric(Base, "VC", &["H", "L", "N"]),
    metric(Base, "VI", &["H", "L", "N"]),
    metric(Base, "VA", &["H", "L", "N"]),
    metric(Base, "SC", &["H", "L", "N"]),
    metric(Base, "SI", &["H", "L", "N"]),
    metric(Base, "SA", &["H", "L", "N"]),
    metric(Threat, "E", &["X", "A", "P", "U"]),
    metric(Environmental, "CR", &["X", "H", "M", "L"]),
    metric(Environmental, "IR", &["X", "H", "M", "L"]),
    metric(Environmental, "AR", &["X", "H", "M", "L"]),
    metric(Environmental, "MAV", &["X", "N", "A", "L", "P"]),
    metric(Environmental, "MAC", &["X", "L", "H"]),
    metric(Environmental, "MAT", &["X", "N", "P"]),
    metric(Environmental, "MPR", &["X", "N", "L", "H"]),
    metric(Environmental, "MUI", &["X", "N", "P", "A"]),
    metric(Environmental, "MVC", &["X", "H", "L", "N"]),
    metric(Environmental, "MVI", &["X", "H", "L", "N"]),
    metric(Environmental, "MVA", &["X", "H", "L", "N"]),
    metric(Environmental, "MSC", &["X", "H", "L", "N"]),
    metric(Environmental, "MSI", &["X", "H", "L", "N", "S"]),
    metric(Environmental, "MSA", &["X", "H", "L", "N", "S"]),
    metric(Supplemental, "S", &["X", "N", "P"]),
    metric(Supplemental, "AU", &["X", "N", "Y"]),
    metric(Supplemental, "R", &["X", "A", "U", "I"]),
    metric(Supplemental, "V", &["X", "D", "C"]),
    metric(Supplemental, "RE", &["X", "L", "M", "H"]),
    metric(Supplemental, "U", &["X", "Clear", "Green", "Amber", "Red"]),
];
