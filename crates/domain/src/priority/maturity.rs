//! Signal: exploit maturity from evidence.

use jiff::{SignedDuration, Timestamp};

use super::kev::Listing;
use super::{Maturity, Reason};
use crate::cvss::Version;
use crate::vulnerability::{Exploitation, Ssvc};

/// The strongest live evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// A mandatory source is missing or too old, or the flaw is too young to have been looked for.
    NotSearched,
    /// Every mandatory source was searched.
    NothingFound,
    PublicProof,
    /// A public tool that makes attacking simple.
    Weaponised,
    Reported,
    /// Exploited on a large scale, or by ransomware.
    Mass,
}

/// How to read "attacked": 4.0's text counts tools that simplify an attack, many practitioners count attacks only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    FirstText,
    ReportedAttacksOnly,
}

/// Nobody has looked for exploits of a flaw younger than this.
const SEARCHABLE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Ranks the evidence. One source that says "active" outweighs any that says "none": CISA's SSVC lags behind its list.
///
/// `exploits` is what the sources of [`super::exploits`] come to.
pub fn rank(
    listing: &Listing<'_>,
    ssvc: Option<&Ssvc>,
    exploits: Option<Rank>,
    published_at: Option<Timestamp>,
    at: Timestamp,
) -> Rank {
    let searched = match (listing, ssvc.map(|ssvc| ssvc.exploitation)) {
        (Listing::Listed(kev), _) if kev.ransomware => Rank::Mass,
        (Listing::Listed(_), _) | (_, Some(Exploitation::Active)) => Rank::Reported,
        // A proof of concept says "no attack known", which is a claim of a search too.
        (Listing::Unknown, _) => Rank::NotSearched,
        _ if !is_searchable(published_at, at) => Rank::NotSearched,
        (Listing::NotListed, Some(Exploitation::Poc)) => Rank::PublicProof,
        (Listing::NotListed, _) => Rank::NothingFound,
    };
    match exploits {
        Some(reported @ (Rank::Reported | Rank::Mass)) => searched.max(reported),
        // A tool or a proof says nothing about attacks: where those were not searched for, it lowers nothing.
        Some(other) if searched != Rank::NotSearched => searched.max(other),
        _ => searched,
    }
}

/// Whether the flaw has been public long enough; one whose publication date nobody gives is not known to have been.
fn is_searchable(published_at: Option<Timestamp>, at: Timestamp) -> bool {
    published_at.is_some_and(|published| at.duration_since(published) >= SEARCHABLE_AFTER)
}

pub(super) fn explain(rank: Rank, listing: &Listing<'_>, profile: Profile, reasons: &mut Vec<Reason>) {
    let why = match rank {
        Rank::NotSearched if *listing == Listing::Unknown => {
            "not searched, the KEV list cannot be asked; scored as attacked"
        }
        Rank::NotSearched => "not searched, not known to be public for 24 hours; scored as attacked",
        Rank::NothingFound => "searched, nothing found",
        Rank::PublicProof => "a proof of concept is public",
        Rank::Weaponised => "a public tool attacks it",
        Rank::Reported => "attacks are reported",
        Rank::Mass => "ransomware or mass attacks are reported",
    };
    let letter = rank.metric(Version::V40, profile);
    reasons.push(Reason::rule("maturity", format!("exploit maturity {letter}: {why} (profile {})", profile.as_str())));
}

impl Profile {
    pub const ALL: [Self; 2] = [Self::FirstText, Self::ReportedAttacksOnly];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstText => "first-text",
            Self::ReportedAttacksOnly => "reported-attacks-only",
        }
    }
}

impl Rank {
    /// CVSS 4.0's word.
    pub const fn maturity(self, profile: Profile) -> Maturity {
        match (self, profile) {
            (Self::NotSearched, _) => Maturity::NotDefined,
            (Self::NothingFound, _) => Maturity::Unreported,
            (Self::PublicProof, _) | (Self::Weaponised, Profile::ReportedAttacksOnly) => Maturity::ProofOfConcept,
            (Self::Weaponised, Profile::FirstText) | (Self::Reported | Self::Mass, _) => Maturity::Attacked,
        }
    }

    /// The value of metric `E`. 2.0 and 3.x have a value of their own for a working tool, whatever the profile.
    pub const fn metric(self, version: Version, profile: Profile) -> &'static str {
        match (version, self) {
            (Version::V2, Self::NotSearched) => "ND",
            (_, Self::NotSearched) => "X",
            (_, Self::NothingFound) => "U",
            (Version::V2, Self::PublicProof) => "POC",
            (Version::V2 | Version::V30 | Version::V31, Self::Weaponised) => "F",
            (Version::V2 | Version::V30 | Version::V31, Self::Reported | Self::Mass) => "H",
            (Version::V30 | Version::V31, Self::PublicProof) => "P",
            (Version::V40, _) => match self.maturity(profile) {
                Maturity::NotDefined => "X",
                Maturity::Unreported => "U",
                Maturity::ProofOfConcept => "P",
                Maturity::Attacked => "A",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::vulnerability::Kev;

    const AT: Timestamp = Timestamp::constant(1_705_104_000, 0);

    fn ssvc(exploitation: Exploitation) -> Ssvc {
        Ssvc { exploitation, automatable: false, technical_impact_total: false, at: AT }
    }

    #[test]
    fn the_strongest_live_evidence_ranks() {
        let listed = Kev { added: date(2024, 1, 2), due: None, ransomware: false };
        let ransomware = Kev { ransomware: true, ..listed.clone() };
        let old = Some(AT - SEARCHABLE_AFTER);
        let young = Some(AT - SEARCHABLE_AFTER + SignedDuration::from_secs(1));
        use Exploitation::{Active, None as Nothing, Poc};
        for (listing, exploitation, published_at, expected) in [
            (Listing::Listed(&ransomware), Some(Nothing), young, Rank::Mass),
            (Listing::Listed(&listed), Some(Nothing), old, Rank::Reported),
            (Listing::NotListed, Some(Active), old, Rank::Reported),
            (Listing::Unknown, Some(Active), None, Rank::Reported),
            (Listing::NotListed, Some(Poc), old, Rank::PublicProof),
            (Listing::NotListed, Some(Nothing), old, Rank::NothingFound),
            (Listing::NotListed, None, old, Rank::NothingFound),
            (Listing::NotListed, None, young, Rank::NotSearched),
            (Listing::NotListed, Some(Poc), young, Rank::NotSearched),
            (Listing::NotListed, None, None, Rank::NotSearched),
            (Listing::Unknown, None, old, Rank::NotSearched),
            (Listing::Unknown, Some(Poc), old, Rank::NotSearched),
        ] {
            let ssvc = exploitation.map(ssvc);
            assert_eq!(rank(&listing, ssvc.as_ref(), None, published_at, AT), expected, "{listing:?} {exploitation:?}");
        }
    }

    #[test]
    fn other_sources_raise_and_never_lower() {
        let old = Some(AT - SEARCHABLE_AFTER);
        for (listing, exploits, expected) in [
            (Listing::NotListed, Rank::PublicProof, Rank::PublicProof),
            (Listing::NotListed, Rank::Weaponised, Rank::Weaponised),
            (Listing::NotListed, Rank::Mass, Rank::Mass),
            (Listing::Unknown, Rank::Weaponised, Rank::NotSearched),
            (Listing::Unknown, Rank::Reported, Rank::Reported),
        ] {
            assert_eq!(rank(&listing, None, Some(exploits), old, AT), expected, "{listing:?} {exploits:?}");
        }
    }

    #[test]
    fn words_of_each_version_and_profile() {
        let letters = |profile| {
            let ranks = [
                Rank::NotSearched,
                Rank::NothingFound,
                Rank::PublicProof,
                Rank::Weaponised,
                Rank::Reported,
                Rank::Mass,
            ];
            Version::ALL.map(|version| ranks.map(|rank| rank.metric(version, profile)).join(" "))
        };
        let three = "X U P F H H";
        assert_eq!(letters(Profile::FirstText), ["ND U POC F H H", three, three, "X U P A A A"]);
        assert_eq!(letters(Profile::ReportedAttacksOnly), ["ND U POC F H H", three, three, "X U P P A A"]);
    }
}
