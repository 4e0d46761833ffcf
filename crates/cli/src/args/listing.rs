//! Options of commands that list findings, and of the one that takes those of other tools in.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use engine::{GroupBy, Sort};
use jiff::Timestamp;

#[derive(Debug, ClapArgs)]
pub(crate) struct Findings {
    /// Which findings, as in 'tier:P0,P1 kev:yes not tag:lab'; default is state:active
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// A saved view, by name or id, in place of a filter; --sort goes before its order
    #[arg(long, value_name = "NAME", conflicts_with = "filter")]
    pub(crate) view: Option<String>,
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

#[derive(Debug, ClapArgs)]
pub(crate) struct ImportArgs {
    /// SARIF 2.1.0, or a report in Vigie's own form
    pub(crate) file: PathBuf,
    /// Asset that it is about (name or id), over what the report says; made known where nobody knows it
    #[arg(long, value_name = "ASSET")]
    pub(crate) asset: Option<String>,
    /// Name of the tool, over what the report says
    #[arg(long, value_name = "NAME")]
    pub(crate) tool: Option<String>,
    /// What kind of thing a new asset is, kept as its tag: repository, image, host …
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Which of several kinds of analysis by the tool
    #[arg(long, value_name = "NAME")]
    pub(crate) category: Option<String>,
    /// Branch of the sources
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Folder of the asset that the tool has looked at; default is all of it
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<String>,
    /// When the tool looked, where the report does not say; default is now
    #[arg(long, value_name = "INSTANT")]
    pub(crate) observed_at: Option<Timestamp>,
    /// The tool has not looked at the whole scope, so close nothing
    #[arg(long)]
    pub(crate) partial: bool,
}
