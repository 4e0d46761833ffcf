//! What is done about findings: actions, their plans, their runs.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AssetId, FindingId, RunId};

/// The smallest thing an operator does once: upgrade these packages on this asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    pub asset: AssetId,
    /// Binary packages to upgrade, sorted.
    pub packages: BTreeSet<String>,
    /// The findings that it should close.
    pub closes: BTreeSet<FindingId>,
}

/// What the package manager says it would do: its dry run is the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Sorted by package.
    pub steps: Vec<PlanStep>,
}

/// One package that the plan touches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlanStep {
    pub package: String,
    pub arch: String,
    /// `None`: newly installed.
    pub from: Option<String>,
    /// `None`: removed.
    pub to: Option<String>,
    /// Where the new version comes from, as the package manager says.
    pub origin: String,
}

/// Where a run stands. `Applying` is written before the first command is sent, so that a run found in it after a crash is
/// never sent again: the next inspection says what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    Planned,
    Applying {
        since: Timestamp,
    },
    Applied {
        at: Timestamp,
    },
    /// Inspected after it was applied.
    Verified {
        at: Timestamp,
        fixed: u32,
        pending: u32,
        still_open: u32,
    },
    Failed {
        at: Timestamp,
        reason: String,
    },
    /// Vigie stopped while the run was applying; whether it ran is for the next inspection to say.
    Interrupted {
        at: Timestamp,
    },
}

/// One execution of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub action: Action,
    pub plan: Plan,
    pub state: RunState,
    pub created_at: Timestamp,
    /// What the package manager printed, bounded.
    pub output: String,
}

/// Why a plan is refused: it would do more than upgrade.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanRefusal {
    #[error("the plan would remove {0}")]
    Removes(String),
    #[error("the plan would downgrade {0}")]
    Downgrades(String),
    #[error("the plan would change {0}, which is held back")]
    ChangesHeld(String),
    #[error("the plan is empty: the package manager has no newer version of {0}")]
    Nothing(String),
    #[error("the plan has changed since it was shown; look at it again")]
    Changed,
}
