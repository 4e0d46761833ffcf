//! Signals: CISA's SSVC answers, published or derived, and the deployer tree.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::Reason;
use super::maturity::Rank;
use crate::cvss::{Vector, Version};
use crate::exposure::Exposure;
use crate::scope::{Context, Requirement};
use crate::vulnerability::{Exploitation, Ssvc, Vulnerability};

const SOURCE: &str = "vulnrichment";

/// Answers that the tables ask for. `None`: nobody has assessed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    pub automatable: Option<bool>,
    pub technical_impact_total: Option<bool>,
}

/// How bad an attack is for people and mission; CERT/CC's default is low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HumanImpact {
    Low,
    Medium,
    High,
    VeryHigh,
}

/// What CERT/CC's deployer tree says to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Defer,
    Scheduled,
    OutOfCycle,
    Immediate,
}

/// CISA's answers, unless they are younger than the instant.
pub fn published<'a>(vulnerability: &'a Vulnerability, at: Timestamp, reasons: &mut Vec<Reason>) -> Option<&'a Ssvc> {
    let ssvc = vulnerability.ssvc.as_ref()?;
    let date = Some(Offset::UTC.to_datetime(ssvc.at).date());
    if ssvc.at > at {
        let text = "SSVC published only after the instant judged: does not count";
        reasons.push(Reason::input("ssvc.later", text, SOURCE, date));
        return None;
    }
    let text = match ssvc.exploitation {
        Exploitation::None => "SSVC exploitation: none",
        Exploitation::Poc => "SSVC exploitation: public proof of concept",
        Exploitation::Active => "SSVC exploitation: active",
    };
    reasons.push(Reason::input("ssvc.exploitation", text, SOURCE, date));
    Some(ssvc)
}

/// Takes the published answers, else derives them from the vector, else leaves them open.
pub fn answers(published: Option<&Ssvc>, vector: Option<&Vector>, reasons: &mut Vec<Reason>) -> Answers {
    if let Some(ssvc) = published {
        let text = match (ssvc.automatable, ssvc.technical_impact_total) {
            (true, true) => "SSVC: automatable, technical impact total",
            (true, false) => "SSVC: automatable, technical impact partial",
            (false, true) => "SSVC: not automatable, technical impact total",
            (false, false) => "SSVC: not automatable, technical impact partial",
        };
        let date = Some(Offset::UTC.to_datetime(ssvc.at).date());
        reasons.push(Reason::input("ssvc.answers", text, SOURCE, date));
        return Answers {
            automatable: Some(ssvc.automatable),
            technical_impact_total: Some(ssvc.technical_impact_total),
        };
    }
    let Some(vector) = vector else {
        let text = "no SSVC and no vector published: automatable and technical impact unknown";
        reasons.push(Reason::rule("ssvc.unknown", text));
        return Answers { automatable: None, technical_impact_total: None };
    };
    let (automatable, total) = derive(vector);
    let text = match (automatable, total) {
        (true, true) => "derived from the vector: automatable, technical impact total",
        (true, false) => "derived from the vector: automatable, technical impact partial",
        (false, true) => "derived from the vector: not automatable, technical impact total",
        (false, false) => "derived from the vector: not automatable, technical impact partial",
    };
    reasons.push(Reason::rule("ssvc.derived", text));
    Answers { automatable: Some(automatable), technical_impact_total: Some(total) }
}

/// Automatable and technical impact total, as a vector suggests them.
pub fn derive(vector: &Vector) -> (bool, bool) {
    let all = |wanted: &[(&str, &str)]| wanted.iter().all(|(metric, value)| vector.get(metric) == Some(*value));
    match vector.version() {
        Version::V2 => (all(&[("AV", "N"), ("AC", "L"), ("Au", "N")]), all(&[("C", "C"), ("I", "C")])),
        Version::V30 | Version::V31 => {
            (all(&[("AV", "N"), ("AC", "L"), ("PR", "N"), ("UI", "N")]), all(&[("C", "H"), ("I", "H")]))
        }
        Version::V40 => (
            all(&[("AU", "Y")]) || all(&[("AV", "N"), ("AC", "L"), ("AT", "N"), ("PR", "N"), ("UI", "N")]),
            all(&[("VC", "H"), ("VI", "H")]),
        ),
    }
}

/// The scope's highest requirement stands for the human impact, which only the business knows; not set is CERT/CC's default.
pub fn human_impact(context: &Context) -> HumanImpact {
    match context.confidentiality.max(context.integrity).max(context.availability) {
        Requirement::NotSet | Requirement::Low => HumanImpact::Low,
        Requirement::Medium => HumanImpact::Medium,
        Requirement::High => HumanImpact::High,
    }
}

/// The deployer tree. What is unknown takes CERT/CC's default: exposure open, automatable yes; "not searched" is read as a
/// public proof of concept.
pub fn deployer(rank: Rank, exposure: Exposure, automatable: Option<bool>, human_impact: HumanImpact) -> Outcome {
    // A row for each exploitation and exposure; the columns are automatable no and yes, each with human impact low to very high.
    const TREE: [[&[u8; 8]; 3]; 3] = [
        [b"DDSSDSSS", b"DSSSSSSS", b"DSSSSSSO"],
        [b"DSSSSSSS", b"DSSSSSSO", b"SSSOSSOO"],
        [b"SSOOSOOO", b"SSOOOOOO", b"SOOIOOII"],
    ];
    let automatable = automatable.unwrap_or(true);
    let exploitation = match rank {
        Rank::NothingFound => 0,
        Rank::NotSearched | Rank::PublicProof | Rank::Weaponised => 1,
        Rank::Reported | Rank::Mass => 2,
    };
    let exposure = match exposure {
        Exposure::Internet | Exposure::Unknown => 2,
        Exposure::Partner | Exposure::Internal => 1,
        Exposure::Restricted => usize::from(automatable),
        Exposure::Isolated | Exposure::Offline => 0,
    };
    match TREE[exploitation][exposure][usize::from(automatable) * 4 + human_impact as usize] {
        b'D' => Outcome::Defer,
        b'S' => Outcome::Scheduled,
        b'O' => Outcome::OutOfCycle,
        _ => Outcome::Immediate,
    }
}

/// The answer of CISA's coordinator tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coordinated {
    Track,
    TrackStar,
    Attend,
    Act,
}

/// CISA's coordinator tree, in its version 2.0.3. Human impact stands for mission and well-being; what is unknown takes the worse
/// answer, and "not searched" is read as a public proof of concept.
pub fn coordinator(rank: Rank, answers: Answers, human_impact: HumanImpact) -> Coordinated {
    // A row for each exploitation and automatable; the columns are technical impact partial and total, each with mission and
    // well-being low to high.
    const TREE: [[&[u8; 6]; 2]; 3] = [[b"TTTTTR", b"TTATTA"], [b"TTRTRA", b"TTATRA"], [b"TTATAX", b"AAXAXX"]];
    let exploitation = match rank {
        Rank::NothingFound => 0,
        Rank::NotSearched | Rank::PublicProof | Rank::Weaponised => 1,
        Rank::Reported | Rank::Mass => 2,
    };
    let well_being = match human_impact {
        HumanImpact::Low => 0,
        HumanImpact::Medium => 1,
        HumanImpact::High | HumanImpact::VeryHigh => 2,
    };
    let automatable = usize::from(answers.automatable.unwrap_or(true));
    let total = usize::from(answers.technical_impact_total.unwrap_or(true));
    match TREE[exploitation][automatable][total * 3 + well_being] {
        b'T' => Coordinated::Track,
        b'R' => Coordinated::TrackStar,
        b'A' => Coordinated::Attend,
        _ => Coordinated::Act,
    }
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Defer => "defer",
            Self::Scheduled => "scheduled",
            Self::OutOfCycle => "out_of_cycle",
            Self::Immediate => "immediate",
        }
    }
}

impl Coordinated {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::TrackStar => "track_star",
            Self::Attend => "attend",
            Self::Act => "act",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANKS: [Rank; 3] = [Rank::NothingFound, Rank::PublicProof, Rank::Reported];
    const EXPOSURES: [Exposure; 3] = [Exposure::Isolated, Exposure::Internal, Exposure::Internet];
    const IMPACTS: [HumanImpact; 4] = [HumanImpact::Low, HumanImpact::Medium, HumanImpact::High, HumanImpact::VeryHigh];

    fn row(rank: Rank, exposure: Exposure) -> String {
        [false, true]
            .into_iter()
            .flat_map(|automatable| IMPACTS.map(|impact| deployer(rank, exposure, Some(automatable), impact)))
            .map(|outcome| match outcome {
                Outcome::Defer => 'D',
                Outcome::Scheduled => 'S',
                Outcome::OutOfCycle => 'O',
                Outcome::Immediate => 'I',
            })
            .collect()
    }

    #[test]
    fn the_72_rows_are_as_published_and_monotone() {
        let rows = RANKS.map(|rank| EXPOSURES.map(|exposure| row(rank, exposure)));
        assert_eq!(rows[0], ["DDSSDSSS", "DSSSSSSS", "DSSSSSSO"]);
        assert_eq!(rows[1], ["DSSSSSSS", "DSSSSSSO", "SSSOSSOO"]);
        assert_eq!(rows[2], ["SSOOSOOO", "SSOOOOOO", "SOOIOOII"]);
        for (r, rank) in RANKS.into_iter().enumerate() {
            for (e, exposure) in EXPOSURES.into_iter().enumerate() {
                for automatable in [false, true] {
                    for (i, impact) in IMPACTS.into_iter().enumerate() {
                        let here = deployer(rank, exposure, Some(automatable), impact);
                        assert!(deployer(RANKS[r.saturating_sub(1)], exposure, Some(automatable), impact) <= here);
                        assert!(deployer(rank, EXPOSURES[e.saturating_sub(1)], Some(automatable), impact) <= here);
                        assert!(deployer(rank, exposure, Some(automatable), IMPACTS[i.saturating_sub(1)]) <= here);
                        assert!(deployer(rank, exposure, Some(false), impact) <= here);
                    }
                }
            }
        }
    }

    #[test]
    fn a_restricted_asset_counts_as_controlled_where_the_attack_is_automatable() {
        assert_eq!(row(Rank::NothingFound, Exposure::Restricted), "DDSSSSSS");
    }

    #[test]
    fn answers_derived_from_vectors() {
        for (text, expected) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N", (true, true)),
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:L/A:H", (false, false)),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", (false, true)),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:L/VA:H/SC:N/SI:N/SA:N", (true, false)),
            ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", (false, true)),
            ("CVSS:4.0/AV:L/AC:L/AT:P/PR:N/UI:N/VC:L/VI:L/VA:H/SC:N/SI:N/SA:N/AU:Y", (true, false)),
            ("AV:N/AC:L/Au:N/C:C/I:C/A:C", (true, true)),
            ("AV:N/AC:M/Au:N/C:P/I:P/A:P", (false, false)),
        ] {
            assert_eq!(derive(&Vector::parse(text).expect("a legal vector")), expected, "{text}");
        }
    }

    #[test]
    fn the_36_rows_of_the_coordinator_tree_are_as_published() {
        let published = ["TTTTTR TTATTA", "TTRTRA TTATRA", "TTATAX AAXAXX"];
        for (rank, expected) in RANKS.into_iter().zip(published) {
            let rows = [false, true].map(|automatable| {
                let cells = [false, true].into_iter().flat_map(|total| {
                    let answers = Answers { automatable: Some(automatable), technical_impact_total: Some(total) };
                    [HumanImpact::Low, HumanImpact::Medium, HumanImpact::High]
                        .map(|impact| coordinator(rank, answers, impact))
                });
                let letter = |answer| match answer {
                    Coordinated::Track => 'T',
                    Coordinated::TrackStar => 'R',
                    Coordinated::Attend => 'A',
                    Coordinated::Act => 'X',
                };
                cells.map(letter).collect::<String>()
            });
            assert_eq!(rows.join(" "), expected, "{rank:?}");
        }
        let unknown = Answers { automatable: None, technical_impact_total: None };
        assert_eq!(coordinator(Rank::NotSearched, unknown, HumanImpact::VeryHigh), Coordinated::Attend);
    }
}
