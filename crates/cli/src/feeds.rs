//! `vigie feeds`: bring the knowledge up to date, and show how far it can be trusted.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use domain::feed::FeedSnapshot;
use engine::ingest::{self, KnownFeed, Subscription, SyncError, SyncOptions, SyncReport};
use jiff::Timestamp;
use outside::{Mirror, Source};
use store::audit::Note;

use crate::args::{Common, FeedOptions, Feeds, Format};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::output;

mod bars;
mod bundle;

pub(crate) async fn run(common: &Common, command: Feeds) -> anyhow::Result<Exit> {
    let at = context::now(common);
    match command {
        Feeds::Sync { options, accept_loss } => {
            ingest::wanted(&common.data_dir, Some(&accept_loss)).map_err(|error| Usage(error.to_string()))?;
            let FeedOptions { mirror, only } = options;
            let report = sync(common, mirror.as_deref(), only, accept_loss, at).await?;
            print(common.format, &ingest::status(&common.data_dir), Column::now(&report), at)?;
            rematch(common, "knowledge.sync").await?;
            Ok(if report.has_failure() { Exit::Failed } else { Exit::Clean })
        }
        Feeds::Status(options) => {
            let only =
                ingest::wanted(&common.data_dir, options.only.as_deref()).map_err(|error| Usage(error.to_string()))?;
            let mut known = ingest::status(&common.data_dir);
            let is_wanted = |id: &str| options.only.is_none() || only.iter().any(|one| one.id == id);
            known.retain(|feed| is_wanted(&feed.snapshot.id));
            let column = match &options.mirror {
                Some(place) => Column::mirror(common, place, at).await?,
                None => Column::default(),
            };
            print(common.format, &known, column, at)?;
            Ok(Exit::Clean)
        }
        Feeds::Build => {
            let bars = bars::Bars::new(std::io::stderr().is_terminal());
            ingest::build(&common.data_dir, &bars).await.context("build the knowledge file")?;
            activated(common, "knowledge.build", "compiled anew").await
        }
        Feeds::Rollback => {
            ingest::roll_back(&common.data_dir).context("go back to the knowledge before")?;
            let what = "in use again; it stays until a feed brings something new";
            activated(common, "knowledge.roll_back", what).await
        }
        Feeds::Export { to, since } => bundle::export(common, &to, since.as_deref()),
        Feeds::Import { from, trust, accept_loss } => {
            let known = ingest::status(&common.data_dir);
            let is_known = |id: &String| feeds::feed(id).is_some() || known.iter().any(|feed| feed.snapshot.id == *id);
            if let Some(id) = accept_loss.iter().find(|id| !is_known(id)) {
                return Err(Usage(format!("unknown feed {id:?} (known: {})", feeds::known_ids())).into());
            }
            bundle::import(common, &from, trust.as_deref(), &accept_loss)?;
            activated(common, "knowledge.import", "checked and in use").await
        }
        Feeds::Verify { file } => bundle::verify(common, file.as_deref()),
    }
}

/// Says which knowledge is in use now, and matches known assets with it.
async fn activated(common: &Common, noted_as: &'static str, what: &str) -> anyhow::Result<Exit> {
    let path = common.knowledge_path();
    let knowledge = knowledge::Knowledge::open(&path).with_context(|| format!("open {}", path.display()))?;
    output::line(format_args!("knowledge {}: {what}", knowledge.hash()))?;
    rematch(common, noted_as).await?;
    Ok(Exit::Clean)
}

/// Matches the assets that are known here with the new knowledge: none of them is touched for it. The knowledge is a file,
/// so the note that it was changed follows the change.
async fn rematch(common: &Common, noted_as: &'static str) -> anyhow::Result<()> {
    if !common.has_database() {
        return Ok(());
    }
    let engine = context::engine(common).await?;
    if let Some(knowledge) = engine.knowledge()? {
        let mut tx = engine.db.begin().await?;
        tx.note(Note::new(engine.now(), noted_as, knowledge.hash()));
        engine.tell_knowledge(&mut tx).await?;
        tx.commit().await?;
    }
    let count = engine.rematch().await?;
    engine.db.close().await;
    if count > 0 && common.format == Format::Table {
        output::line(format_args!("{count} assets matched again with what is new"))?;
    }
    Ok(())
}

/// One more column: what is true of each feed right now.
#[derive(Debug, Default)]
struct Column {
    title: Option<&'static str>,
    values: BTreeMap<String, &'static str>,
}

impl Column {
    /// What a synchronisation did.
    fn now(report: &SyncReport) -> Self {
        let values = report.feeds.iter().map(|(id, outcome)| (id.clone(), outcome.as_str())).collect();
        Self { title: Some("now"), values }
    }

    /// Whether a mirror has the feeds.
    async fn mirror(common: &Common, place: &str, at: Timestamp) -> anyhow::Result<Self> {
        let mirror = Mirror::open(place, context::client_options(), context::never_touch(common))
            .await
            .with_context(|| format!("open the mirror {place}"))?;
        let subscriptions = ingest::subscriptions(&common.data_dir);
        let has = |one: &Subscription| one.first_requests(at).iter().any(|request| mirror.has(&request.url));
        let word = |one: &Subscription| if has(one) { "yes" } else { "no" };
        let values = subscriptions.iter().map(|one| (one.id.clone(), word(one))).collect();
        Ok(Self { title: Some("in the mirror"), values })
    }
}

/// Synchronises from a mirror, or from the publishers, with bars on a terminal.
pub(crate) async fn sync(
    common: &Common,
    mirror: Option<&str>,
    only: Option<Vec<String>>,
    accept_loss: Vec<String>,
    now: Timestamp,
) -> anyhow::Result<SyncReport> {
    let client = context::client_options();
    let source = match mirror {
        Some(place) => Source::mirror(place, client, context::never_touch(common))
            .await
            .with_context(|| format!("open the mirror {place}"))?,
        None => Source::publishers(client, context::never_touch(common))?,
    };
    let bars = bars::Bars::new(std::io::stderr().is_terminal());
    let options = SyncOptions {
        data_dir: common.data_dir.clone(),
        source,
        only,
        accept_loss,
        now,
        provider_time: ingest::PROVIDER_TIME,
    };
    ingest::sync(&options, &bars).await.map_err(|error| match error {
        SyncError::UnknownFeed { .. } => Usage(error.to_string()).into(),
        other => anyhow::Error::from(other).context("synchronise the feeds"),
    })
}

fn print(format: Format, feeds: &[KnownFeed], column: Column, at: Timestamp) -> anyhow::Result<()> {
    match format {
        Format::Json => {
            let one = |known: &KnownFeed| {
                let feed = feeds::feed(&known.snapshot.id);
                api::feed::Feed {
                    imported: known.is_imported,
                    licence: feed.map(|feed| feed.licence.to_owned()),
                    attribution: feed.map(|feed| feed.attribution.to_owned()),
                    ..api::convert::feed(&known.snapshot, at)
                }
            };
            output::json(&feeds.iter().map(one).collect::<Vec<_>>())
        }
        Format::Table | Format::Sarif | Format::Cyclonedx | Format::Spdx => {
            output::line(table(feeds, &column, at))?;
            for known in feeds {
                notes(&known.snapshot).try_for_each(output::line)?;
            }
            Ok(())
        }
    }
}

fn table(feeds: &[KnownFeed], column: &Column, at: Timestamp) -> comfy_table::Table {
    let mut header = vec!["Feed", "State", "Data of", "Fetched", "Version", "Records", "Problems"];
    header.extend(column.title);
    let mut table = output::table(&header);
    for KnownFeed { snapshot, is_imported } in feeds {
        let fetched = snapshot.fetched_at.is_some();
        let mut row = vec![
            snapshot.id.clone(),
            format!("{}{}", snapshot.state(at).as_str(), if *is_imported { ", imported" } else { "" }),
            output::or_dash(snapshot.published_at),
            output::or_dash(snapshot.fetched_at),
            output::or_dash(Some(&snapshot.version).filter(|version| !version.is_empty())),
            // A feed that was never fetched has no number of records, not zero of them.
            output::or_unknown(fetched.then_some(snapshot.record_count)),
            output::or_unknown(fetched.then_some(snapshot.problem_count)),
        ];
        row.extend(column.title.map(|_| column.values.get(&snapshot.id).copied().unwrap_or("not asked").to_owned()));
        table.add_row(row);
    }
    table
}

/// What a person should know beside the table: why a feed failed, and its first problems.
fn notes(snapshot: &FeedSnapshot) -> impl Iterator<Item = String> {
    let error = snapshot.last_error.iter().map(|reason| format!("{}: failed: {reason}", snapshot.id));
    let lack = Some(&snapshot.lack).filter(|lack| !lack.is_empty());
    let lack = lack.map(|lack| format!("{}: not all that its publisher has: {lack}", snapshot.id));
    let problems = snapshot.problems.iter().map(|problem| format!("problem: {problem}"));
    error.chain(lack).chain(problems)
}
