//! Why something is learnt of a finding: what brought the evidence, and what had changed so that it says something new.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::finding::{ClosedCause, Fact, FixedCause, OpenedBy};
use crate::ids::{InspectionId, RunId};

/// What brought the evidence. It is kept once for an asset and a transaction, as its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Somebody looked at the asset.
    Inspection(InspectionId),
    /// What was read before was matched with the knowledge of this hash.
    Knowledge(String),
    /// The asset has what another one had.
    Merged { by: String },
    /// Records left the asset, or came out of another one.
    Split { by: String },
    /// The asset had been retired and is there after all.
    Returned { by: String },
    /// A person says that the asset is gone.
    Retired { by: String },
    /// A remediation run.
    Run(RunId),
    /// What another tool reports.
    Report { tool: String },
    /// Time went by.
    Clock,
    /// Written by a program that knew other causes.
    Other(String),
}

impl Cause {
    /// Who did it, where it is something that somebody does.
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::Merged { by } | Self::Split { by } | Self::Returned { by } | Self::Retired { by } => Some(by),
            Self::Report { tool } => Some(tool),
            Self::Inspection(_) | Self::Knowledge(_) | Self::Run(_) | Self::Clock | Self::Other(_) => None,
        }
    }
}

const MERGED: &str = "asset merged by ";
const SPLIT: &str = "asset split by ";
const RETURNED: &str = "asset returned by ";
const RETIRED: &str = "asset retired by ";
const REPORT: &str = "report of ";
const CLOCK: &str = "clock";

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inspection(id) => write!(f, "inspection {id}"),
            Self::Knowledge(hash) => write!(f, "knowledge {hash}"),
            Self::Merged { by } => write!(f, "{MERGED}{by}"),
            Self::Split { by } => write!(f, "{SPLIT}{by}"),
            Self::Returned { by } => write!(f, "{RETURNED}{by}"),
            Self::Retired { by } => write!(f, "{RETIRED}{by}"),
            Self::Run(id) => write!(f, "run {id}"),
            Self::Report { tool } => write!(f, "{REPORT}{tool}"),
            Self::Clock => f.write_str(CLOCK),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl FromStr for Cause {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let behind = |beginning| text.strip_prefix(beginning).map(str::to_owned);
        let inspection = || Some(Self::Inspection(text.strip_prefix("inspection ")?.parse().ok()?));
        let run = || Some(Self::Run(text.strip_prefix("run ")?.parse().ok()?));
        let known = inspection()
            .or_else(|| behind("knowledge ").map(Self::Knowledge))
            .or_else(|| behind(MERGED).map(|by| Self::Merged { by }))
            .or_else(|| behind(SPLIT).map(|by| Self::Split { by }))
            .or_else(|| behind(RETURNED).map(|by| Self::Returned { by }))
            .or_else(|| behind(RETIRED).map(|by| Self::Retired { by }))
            .or_else(run)
            .or_else(|| behind(REPORT).map(|tool| Self::Report { tool }))
            .or_else(|| (text == CLOCK).then_some(Self::Clock));
        Ok(known.unwrap_or_else(|| Self::Other(text.to_owned())))
    }
}

/// What the reading before had of the package that evidence is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// The same version, so that the inventory says nothing new.
    Same,
    /// Another version, or not the package at all.
    Other,
    /// Of the readings that are kept this is the first.
    First,
    /// It was not whole, or is not kept any more.
    Unknown,
}

/// What had changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// The asset has something else than before.
    NewInventory,
    /// An advisory is new, or says more than before.
    NewAdvisory,
    /// An advisory says by now that this version never was affected.
    CorrectedRange,
    /// The advisory is gone from its feed, or the vulnerability rejected.
    Withdrawn,
    /// The operator decided that it is not affected.
    NewDecision,
    /// The operator took such a decision back.
    WithdrawnDecision,
    AssetMerged,
    AssetSplit,
    AssetRetired,
    AssetReturned,
    /// A remediation run or a person says that it is done.
    FixClaimed,
    /// Another tool reports something else than before.
    Report,
    /// Nothing was learnt in time.
    Time,
    /// An inspection or a new advisory: what was there before is not known.
    Unknown,
}

impl Why {
    pub const ALL: [Self; 14] = [
        Self::NewInventory,
        Self::NewAdvisory,
        Self::CorrectedRange,
        Self::Withdrawn,
        Self::NewDecision,
        Self::WithdrawnDecision,
        Self::AssetMerged,
        Self::AssetSplit,
        Self::AssetRetired,
        Self::AssetReturned,
        Self::FixClaimed,
        Self::Report,
        Self::Time,
        Self::Unknown,
    ];

    /// Tells it from what brought the evidence, the evidence, and what the reading before had; `before` counts where an
    /// inspection shows a package for the first time.
    pub fn of(cause: &Cause, fact: &Fact, before: Before) -> Self {
        let fact = match fact {
            Fact::Ended { cause: ClosedCause::Withdrawn } => Some(Self::Withdrawn),
            Fact::Ended { cause: ClosedCause::RangeCorrected } => Some(Self::CorrectedRange),
            Fact::Ended { cause: ClosedCause::AssetRetired } => Some(Self::AssetRetired),
            Fact::Ended { cause: ClosedCause::Merged } => Some(Self::AssetMerged),
            Fact::Detected { cause: OpenedBy::RangeWidened | OpenedBy::Reinstated, .. } => Some(Self::NewAdvisory),
            Fact::Detected { cause: OpenedBy::Resurrected, .. } => Some(Self::AssetReturned),
            Fact::Detected { cause: OpenedBy::ReportedAgain, .. } => Some(Self::Report),
            Fact::Absent { cause: FixedCause::NotReported, .. } => Some(Self::Report),
            Fact::FixClaimed => Some(Self::FixClaimed),
            Fact::VerificationTimedOut | Fact::Unseen => Some(Self::Time),
            // An old decision may be about what is installed only now, or not be about it.
            Fact::NotAffected { .. } | Fact::Ended { cause: ClosedCause::NotAffected } => {
                return Self::of_decision(Self::NewDecision, cause, before);
            }
            Fact::Detected { cause: OpenedBy::DecisionLapsed, .. } => {
                return Self::of_decision(Self::WithdrawnDecision, cause, before);
            }
            // A reading that was not whole may have shown the new system before.
            Fact::Ended { cause: ClosedCause::Reimaged } => {
                matches!(cause, Cause::Inspection(_)).then_some(Self::NewInventory)
            }
            Fact::Detected { .. } | Fact::Absent { .. } | Fact::RestartNeeded { .. } => None,
        };
        fact.unwrap_or_else(|| Self::of_cause(cause, before))
    }

    const fn of_decision(decision: Self, cause: &Cause, before: Before) -> Self {
        match Self::of_cause(cause, before) {
            Self::NewAdvisory => decision,
            other => other,
        }
    }

    const fn of_cause(cause: &Cause, before: Before) -> Self {
        match (cause, before) {
            (Cause::Inspection(_), Before::Same) => Self::NewAdvisory,
            (Cause::Inspection(_), Before::Other | Before::First) => Self::NewInventory,
            (Cause::Inspection(_), Before::Unknown) => Self::Unknown,
            (Cause::Knowledge(_), _) => Self::NewAdvisory,
            (Cause::Merged { .. }, _) => Self::AssetMerged,
            (Cause::Split { .. }, _) => Self::AssetSplit,
            (Cause::Returned { .. }, _) => Self::AssetReturned,
            (Cause::Retired { .. }, _) => Self::AssetRetired,
            (Cause::Run(_), _) => Self::FixClaimed,
            (Cause::Report { .. }, _) => Self::Report,
            (Cause::Clock, _) => Self::Time,
            (Cause::Other(_), _) => Self::Unknown,
        }
    }

    /// Whether it is a matter of what the operator decided.
    pub const fn is_of_decision(self) -> bool {
        matches!(self, Self::NewDecision | Self::WithdrawnDecision)
    }

    /// Whether it is a matter of what an advisory says.
    pub const fn is_of_advisory(self) -> bool {
        matches!(self, Self::NewAdvisory | Self::CorrectedRange | Self::Withdrawn)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewInventory => "new_inventory",
            Self::NewAdvisory => "new_advisory",
            Self::CorrectedRange => "corrected_range",
            Self::Withdrawn => "withdrawn",
            Self::NewDecision => "new_decision",
            Self::WithdrawnDecision => "withdrawn_decision",
            Self::AssetMerged => "asset_merged",
            Self::AssetSplit => "asset_split",
            Self::AssetRetired => "asset_retired",
            Self::AssetReturned => "asset_returned",
            Self::FixClaimed => "fix_claimed",
            Self::Report => "report",
            Self::Time => "time",
            Self::Unknown => "unknown",
        }
    }

    /// The same for people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::NewInventory => "new inventory",
            Self::NewAdvisory => "new or changed advisory",
            Self::CorrectedRange => "corrected range of versions",
            Self::Withdrawn => "withdrawn advisory",
            Self::NewDecision => "new decision that it is not affected",
            Self::WithdrawnDecision => "withdrawn decision that it was not affected",
            Self::AssetMerged => "assets joined",
            Self::AssetSplit => "asset split",
            Self::AssetRetired => "asset retired",
            Self::AssetReturned => "retired asset seen again",
            Self::FixClaimed => "claimed fix",
            Self::Report => "report of another tool",
            Self::Time => "time that went by",
            Self::Unknown => "inventory or advisory: what was there before is not known",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
    use uuid::Uuid;

    use super::*;
    use crate::finding::Strength;

    fn causes() -> impl Strategy<Value = Cause> {
        let id = || any::<u128>().prop_map(Uuid::from_u128);
        let name = || "[a-z][a-z ]{0,8}";
        prop_oneof![
            id().prop_map(|id| Cause::Inspection(InspectionId::from_uuid(id))),
            "[0-9a-f]{8}".prop_map(Cause::Knowledge),
            name().prop_map(|by| Cause::Merged { by }),
            name().prop_map(|by| Cause::Split { by }),
            name().prop_map(|by| Cause::Returned { by }),
            name().prop_map(|by| Cause::Retired { by }),
            id().prop_map(|id| Cause::Run(RunId::from_uuid(id))),
            name().prop_map(|tool| Cause::Report { tool }),
            Just(Cause::Clock),
            "[A-Z]{1,9} .{0,9}".prop_map(Cause::Other),
        ]
    }

    proptest! {
        #[test]
        fn a_cause_is_read_as_it_was_written(cause in causes()) {
            prop_assert_eq!(Ok(cause.clone()), cause.to_string().parse::<Cause>());
        }

        #[test]
        fn what_an_advisory_takes_back_is_told_whoever_meets_it(cause in causes()) {
            let ended = |cause| Fact::Ended { cause };
            prop_assert_eq!(Why::of(&cause, &ended(ClosedCause::Withdrawn), Before::First), Why::Withdrawn);
            prop_assert_eq!(Why::of(&cause, &ended(ClosedCause::RangeCorrected), Before::Same), Why::CorrectedRange);
        }
    }

    #[test]
    fn an_inspection_tells_of_new_inventory_only_where_the_inventory_is_new() {
        let inspection = Cause::Inspection(InspectionId::from_uuid(Uuid::nil()));
        let found = |cause| Fact::Detected { version: "1".to_owned(), strength: Strength::PackageDatabase, cause };
        for (before, why) in [
            (Before::Same, Why::NewAdvisory),
            (Before::Other, Why::NewInventory),
            (Before::First, Why::NewInventory),
            (Before::Unknown, Why::Unknown),
        ] {
            assert_eq!(Why::of(&inspection, &found(OpenedBy::Detected), before), why, "{before:?}");
        }
        assert_eq!(Why::of(&inspection, &found(OpenedBy::RangeWidened), Before::Other), Why::NewAdvisory);
    }

    #[test]
    fn a_decision_is_told_only_where_the_decision_is_new() {
        let given = Fact::NotAffected { source: "local".to_owned(), statement: "vex.json".to_owned() };
        let (version, strength) = ("1".to_owned(), Strength::PackageDatabase);
        let lapsed = Fact::Detected { version, strength, cause: OpenedBy::DecisionLapsed };
        let (inspection, knowledge) =
            (Cause::Inspection(InspectionId::from_uuid(Uuid::nil())), Cause::Knowledge("0a".to_owned()));
        for (fact, why) in [(given, Why::NewDecision), (lapsed, Why::WithdrawnDecision)] {
            assert_eq!(Why::of(&knowledge, &fact, Before::Unknown), why);
            assert_eq!(Why::of(&inspection, &fact, Before::Same), why);
            // What was decided long ago is about another version, or is not any more.
            assert_eq!(Why::of(&inspection, &fact, Before::Other), Why::NewInventory);
            assert_eq!(Why::of(&inspection, &fact, Before::Unknown), Why::Unknown);
            assert_eq!(Why::of(&Cause::Merged { by: "ada".to_owned() }, &fact, Before::Same), Why::AssetMerged);
        }
    }

    #[test]
    fn a_text_that_names_nothing_is_kept() {
        for text in ["inspection of nothing", "run 7", "test", ""] {
            assert_eq!(text.parse(), Ok(Cause::Other(text.to_owned())));
        }
    }
}
