//! Commands about the policy.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

#[derive(Debug, ClapArgs)]
pub(crate) struct Replay {
    /// Policy to try instead of the one in use
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Day as of which is judged, by what was known then
    #[arg(long, value_name = "DATE", required = true)]
    pub(crate) cut: Vec<String>,
    /// Days after the cut within which an exploitation counts
    #[arg(long, value_name = "DAYS", default_value_t = 365)]
    pub(crate) days: u16,
    /// Flaws that were published in the year before the cut, or all of them
    #[arg(long, value_enum, default_value = "fresh")]
    pub(crate) population: Population,
    /// What counts as exploited: added to CISA's list, or to any list of exploited flaws
    #[arg(long, value_enum, default_value = "kev")]
    pub(crate) label: Label,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Population {
    Fresh,
    All,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Label {
    Kev,
    AnyList,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Print the policy in use, as a text to edit
    Show {
        /// Print this version instead
        #[arg(value_name = "VERSION")]
        number: Option<u64>,
    },
    /// List the versions that were saved
    History,
    /// List the built-in packs: what duties ask for
    Packs,
    /// Say whether a text is a policy
    Check { file: PathBuf },
    /// Show what a policy would do to today's findings
    Simulate { file: PathBuf },
    /// Play a day again: what the policy would have put first, against what was exploited afterwards
    Replay(Replay),
    /// Save a policy: from then on it judges
    Save {
        file: PathBuf,
        /// Why it is changed
        #[arg(long, default_value = "")]
        note: String,
        /// Version that it was made from; the one in use where nothing is said
        #[arg(long, value_name = "NUMBER")]
        based_on: Option<u64>,
    },
}
