//! Arguments about jobs, and about the nodes that do them.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use domain::ids::JobId;
use store::queue::JobState;

#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// List jobs, the newest first
    List(JobsList),
    /// Show a job, with how far it is and why it failed
    Show { id: JobId },
    /// End a job that waits, runs (at its next heartbeat), or is dead (it is no warning any more)
    Cancel { id: JobId },
    /// Have a job tried again that is dead or was cancelled
    Retry { id: JobId },
}

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct JobsList {
    /// ready, leased (running), done, dead (failed for good), cancelled, superseded; default: all
    #[arg(long, value_name = "STATE", value_parser = parse_job_state)]
    pub(crate) state: Option<JobState>,
    /// sync, rematch, clock, inspect; default: all
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
}

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Node {
    #[command(flatten)]
    pub(crate) work: NodeWork,
    #[command(subcommand)]
    pub(crate) command: Option<NodeCommand>,
}

/// How a node works; its key is in the data folder, and nothing else is kept.
#[derive(Debug, ClapArgs)]
pub(crate) struct NodeWork {
    /// Server to work for: https://HOST[:PORT]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File with the token that `vigie node add` printed
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificates to trust, in PEM; default: those that this machine trusts
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Inspections at once
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) inspections: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Register a node; its token is shown once
    Add {
        name: String,
        /// Scope whose assets it inspects
        #[arg(long, value_name = "NAME")]
        scope: String,
    },
    /// List the nodes
    List,
    /// Refuse a node from now on
    Remove { name: String },
}

fn parse_job_state(text: &str) -> Result<JobState, String> {
    let known = || JobState::ALL.map(JobState::as_str).join(", ");
    JobState::parse(text).ok_or_else(|| format!("{text:?} is no state of a job; write one of {}", known()))
}
