//! Arguments about jobs, and about the nodes that do them.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use domain::ids::JobId;
use domain::retirement::Policy;
use engine::forget::Retention;
use jiff::SignedDuration;
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
    /// sync, rematch, clock, retire, forget, check, inspect, deliver; default: all
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

/// When assets that are not met any more are retired; give all servers of a database the same.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct Retire {
    /// Retire inspected assets without any contact for so long, if trying was in vain, or `never`
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = parse_retire)]
    pub(crate) retire_inspected: RetireAfter,
    /// Show inspected assets without any contact for so long as unreachable
    #[arg(long, value_name = "TIME", default_value = "45d", value_parser = parse_silence)]
    pub(crate) retire_warning: SignedDuration,
    /// Retire assets that only discovery sees without any contact for so long, or `never`
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = parse_retire)]
    pub(crate) retire_scanned: RetireAfter,
    /// Sweeps in a row that such an asset did not answer to, too
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=100))]
    pub(crate) retire_scanned_sweeps: u8,
    /// Retire assets tagged ci-runner or test-vm without any contact for so long, or `never`
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_retire)]
    pub(crate) retire_short_lived: RetireAfter,
}

/// `None`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetireAfter(Option<SignedDuration>);

impl Retire {
    pub(crate) fn policy(self) -> Policy {
        Policy {
            inspected_unreachable: self.retire_warning,
            inspected: self.retire_inspected.0,
            scanned: self.retire_scanned.0,
            scanned_sweeps: self.retire_scanned_sweeps.into(),
            short_lived: self.retire_short_lived.0,
        }
    }
}

fn parse_retire(text: &str) -> Result<RetireAfter, String> {
    if text == "never" {
        return Ok(RetireAfter(None));
    }
    parse_silence(text).map(|time| RetireAfter(Some(time)))
}

fn parse_silence(text: &str) -> Result<SignedDuration, String> {
    // Whatever is restarted is back within an hour.
    an_hour_at_least(text, "24h or 90d", "wait")
}

/// For how long the server keeps what has ended; give all servers of a database the same.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct Keep {
    /// Keep findings that are fixed or closed for so long, such as 1000d, or `forever`
    #[arg(long, value_name = "TIME", default_value = "forever", value_parser = parse_keep)]
    pub(crate) keep_findings: KeepFor,
    /// Keep inventories for so long; what each asset was like then and since stays known
    #[arg(long, value_name = "TIME", default_value = "400d", value_parser = parse_keep)]
    pub(crate) keep_inspections: KeepFor,
    /// Keep jobs that have ended for so long; those that failed for good stay
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_keep)]
    pub(crate) keep_jobs: KeepFor,
}

/// `None`: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeepFor(Option<SignedDuration>);

impl Keep {
    pub(crate) const fn retention(self) -> Retention {
        Retention { findings: self.keep_findings.0, inspections: self.keep_inspections.0, jobs: self.keep_jobs.0 }
    }
}

fn parse_keep(text: &str) -> Result<KeepFor, String> {
    if text == "forever" {
        return Ok(KeepFor(None));
    }
    // What ended an hour ago is still looked at.
    an_hour_at_least(text, "12h, 400d or forever", "keep things").map(|time| KeepFor(Some(time)))
}

/// A time, or what to write instead: how it is written, or what to do for an hour at least.
fn an_hour_at_least(text: &str, forms: &str, to_do: &str) -> Result<SignedDuration, String> {
    let seconds = crate::scope::seconds(text).map_err(|_| format!("{text:?} is no time: write {forms}"))?;
    if seconds < 3600 {
        return Err(format!("{to_do} for an hour at least"));
    }
    Ok(SignedDuration::from_secs(seconds.into()))
}

fn parse_job_state(text: &str) -> Result<JobState, String> {
    let known = || JobState::ALL.map(JobState::as_str).join(", ");
    JobState::parse(text).ok_or_else(|| format!("{text:?} is no state of a job; write one of {}", known()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        keep: Keep,
        #[command(flatten)]
        retire: Retire,
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let keep = |args: &[&str]| Only::try_parse_from([&["x"], args].concat()).map(|only| only.keep.retention());
        assert_eq!(keep(&[]).unwrap(), Retention::default());
        let chosen = keep(&["--keep-findings", "30d", "--keep-inspections", "forever", "--keep-jobs", "1h"]).unwrap();
        let hours = |hours: i64| Some(SignedDuration::from_hours(hours));
        assert_eq!(chosen, Retention { findings: hours(720), inspections: None, jobs: hours(1) });
        for wrong in ["", "3600", "0d", "59m", "ever", "-1d"] {
            assert!(keep(&["--keep-jobs", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn retirement_is_the_default_where_nothing_is_said() {
        let policy = |args: &[&str]| Only::try_parse_from([&["x"], args].concat()).map(|only| only.retire.policy());
        assert_eq!(policy(&[]).unwrap(), Policy::default());
        let chosen =
            policy(&["--retire-inspected", "never", "--retire-scanned-sweeps", "5", "--retire-short-lived", "2h"]);
        let hours = |hours: i64| Some(SignedDuration::from_hours(hours));
        let expected = Policy { inspected: None, scanned_sweeps: 5, short_lived: hours(2), ..Policy::default() };
        assert_eq!(chosen.unwrap(), expected);
        for wrong in [["--retire-scanned", "0d"], ["--retire-scanned", "ever"], ["--retire-scanned-sweeps", "1"]] {
            assert!(policy(&wrong).is_err(), "{wrong:?}");
        }
    }
}
