//! Commands about the policy.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Print the policy in use, as a text to edit
    Show {
        /// Print this version instead
        #[arg(long, value_name = "NUMBER")]
        version: Option<u64>,
    },
    /// List the versions that were saved
    History,
    /// List the built-in packs: what duties ask for
    Packs,
    /// Say whether a text is a policy
    Check { file: PathBuf },
    /// Show what a policy would do to today's findings
    Simulate { file: PathBuf },
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
