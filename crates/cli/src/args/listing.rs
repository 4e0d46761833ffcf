//! Options of commands that list findings.

use clap::Args as ClapArgs;
use engine::{GroupBy, Sort};

#[derive(Debug, ClapArgs)]
pub(crate) struct Findings {
    /// Which findings, as in 'tier:P0,P1 kev:yes not tag:lab'; default is state:active
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Order: priority, score, cvss, epss, due, first_seen, asset, vulnerability, package; with - in front the largest first
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true, conflicts_with = "group_by")]
    pub(crate) sort: Option<Sort>,
    /// Count instead: by tier, state, os, scope, tag, asset, vulnerability, package
    #[arg(long, value_name = "WHAT")]
    pub(crate) group_by: Option<GroupBy>,
    /// Rows at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub(crate) limit: usize,
}
