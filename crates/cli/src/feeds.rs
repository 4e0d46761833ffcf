//! `vigie feeds`: bring the knowledge up to date, and show how far it can be trusted.

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::Context as _;
use domain::feed::FeedSnapshot;

use engine::ingest::{self, SyncError, SyncOptions, SyncReport};
use jiff::Timestamp;
use outside::Source;

use crate::args::{Common, Feeds, Format};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::output;

mod bars;

pub(crate) async fn run(common: &Common, command: Feeds) -> anyhow::Result<Exit> {
    let at = context::now(common);
    match command {
        Feeds::Sync { mirror, only } => {
            let report = sync(&common.data_dir, mirror.as_deref(), only, at).await?;
            print(common.format, &report.snapshots, Some(&report), at)?;
            Ok(if report.has_failure() { Exit::Failed } else { Exit::Clean })
        }
        Feeds::Status => {
            print(common.format, &ingest::snapshots(&common.data_dir), None, at)?;
            Ok(Exit::Clean)
        }
    }
}

/// Synchronises from a mirror, or from the publishers, with bars on a terminal.
pub(crate) async fn sync(
    data_dir: &Path,
    mirror: Option<&str>,
    only: Option<Vec<String>>,
    now: Timestamp,
) -> anyhow::Result<SyncReport> {
    let client = context::client_options();
    let source = match mirror {
        Some(place) => Source::mirror(place, client).await.with_context(|| format!("open the mirror {place}"))?,
        None => Source::publishers(client)?,
    };
    let bars = bars::Bars::new(std::io::stderr().is_terminal());
    let options = SyncOptions { data_dir: data_dir.to_owned(), source, only, now };
    ingest::sync(&options, &bars).await.map_err(|error| match error {
        SyncError::UnknownFeed { .. } => Usage(error.to_string()).into(),
        other => anyhow::Error::from(other).context("synchronise the feeds"),
    })
}

fn print(format: Format, snapshots: &[FeedSnapshot], report: Option<&SyncReport>, at: Timestamp) -> anyhow::Result<()> {
    match format {
        Format::Json => {
            let feeds: Vec<_> = snapshots.iter().map(|snapshot| api::convert::feed(snapshot, at)).collect();
            output::json(&feeds)
        }
        Format::Table => {
            output::line(table(snapshots, report, at))?;
            for snapshot in snapshots {
                notes(snapshot).try_for_each(output::line)?;
            }
            Ok(())
        }
        Format::Sarif => Err(Usage("SARIF is a format of `scan` only".to_owned()).into()),
    }
}

fn table(snapshots: &[FeedSnapshot], report: Option<&SyncReport>, at: Timestamp) -> comfy_table::Table {
    let mut header = vec!["feed", "state", "data of", "fetched", "version", "records", "problems"];
    header.extend(report.map(|_| "now"));
    let mut table = output::table(&header);
    for snapshot in snapshots {
        let fetched = snapshot.fetched_at.is_some();
        let mut row = vec![
            snapshot.id.clone(),
            snapshot.state(at).as_str().to_owned(),
            output::or_dash(snapshot.published_at),
            output::or_dash(snapshot.fetched_at),
            output::or_dash(Some(&snapshot.version).filter(|version| !version.is_empty())),
            // A feed that was never fetched has no number of records, not zero of them.
            output::or_unknown(fetched.then_some(snapshot.record_count)),
            output::or_unknown(fetched.then_some(snapshot.problem_count)),
        ];
        row.extend(report.map(|report| outcome(report, &snapshot.id).to_owned()));
        table.add_row(row);
    }
    table
}

fn outcome(report: &SyncReport, feed: &str) -> &'static str {
    report.feeds.iter().find(|(id, _)| *id == feed).map_or("not asked", |(_, outcome)| outcome.as_str())
}

/// What a person should know beside the table: why a feed failed, and its first problems.
fn notes(snapshot: &FeedSnapshot) -> impl Iterator<Item = String> {
    let error = snapshot.last_error.iter().map(|reason| format!("{}: failed: {reason}", snapshot.id));
    let problems = snapshot.problems.iter().map(|problem| format!("problem: {problem}"));
    error.chain(problems)
}
