//! What others are told of: few kinds, so that a receiver can know them all.

/// What has happened. A finding moves by evidence only, so what changes its priority alone is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// Nobody knew of the finding.
    FindingOpened,
    /// Its absence is proven, or it was closed without remediation.
    FindingEnded,
    /// It had ended and is there again.
    FindingBack,
    /// Any other move: pending, stale, open again.
    FindingMoved,
    /// More findings of one asset moved at once than anybody would read of one by one; how many, it says.
    AssetFindingsMoved,
    AssetAdded,
    AssetRetired,
    /// A retired asset was seen again.
    AssetBack,
    /// An asset was found to be another one, which has everything from it.
    AssetMerged,
    /// One that was found to be another is itself again.
    AssetSplit,
    /// The asset is unknown until an inspection succeeds. Told when the reason is another one than before.
    InspectionFailed,
    ImportDone,
    /// Verdicts are made from other knowledge now.
    KnowledgeActivated,
    /// Priorities are set by another policy now.
    PolicyActivated,
    /// Work failed for good: a person has to look.
    JobDead,
}

impl EventKind {
    pub const ALL: [Self; 15] = [
        Self::FindingOpened,
        Self::FindingEnded,
        Self::FindingBack,
        Self::FindingMoved,
        Self::AssetFindingsMoved,
        Self::AssetAdded,
        Self::AssetRetired,
        Self::AssetBack,
        Self::AssetMerged,
        Self::AssetSplit,
        Self::InspectionFailed,
        Self::ImportDone,
        Self::KnowledgeActivated,
        Self::PolicyActivated,
        Self::JobDead,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FindingOpened => "finding.opened",
            Self::FindingEnded => "finding.ended",
            Self::FindingBack => "finding.back",
            Self::FindingMoved => "finding.moved",
            Self::AssetFindingsMoved => "asset.findings_moved",
            Self::AssetAdded => "asset.added",
            Self::AssetRetired => "asset.retired",
            Self::AssetBack => "asset.back",
            Self::AssetMerged => "asset.merged",
            Self::AssetSplit => "asset.split",
            Self::InspectionFailed => "asset.inspection_failed",
            Self::ImportDone => "import.done",
            Self::KnowledgeActivated => "knowledge.activated",
            Self::PolicyActivated => "policy.activated",
            Self::JobDead => "job.dead",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}
