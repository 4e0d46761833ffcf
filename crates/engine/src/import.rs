//! Import: what other tools found becomes findings, moved by the same machine as our own.
//!
//! A report proves that what it has is there, and, where it is whole and not older than the latest one of its scope, that what
//! the scope had before and the report has no longer is gone. A finding that several scopes report stays open while the latest
//! report of one of them has it.

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;
use domain::asset::Asset;
use domain::cause::Cause;
use domain::event::EventKind;
use domain::finding::{Change, ClosedCause, Detection, Evidence, Fact, Finding, FixedCause, OpenedBy, Strength};
use domain::ids::{AssetId, FindingId};
use domain::report::{Problems, Report, ReportScope, Reported, word};
use domain::verdict::Match;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use store::Tx;
use store::audit::Note;
use store::finding::{Recording, Save};
use store::outbox::NewEvent;
use store::report::{Elsewhere, ReportEntry, StoredScope};

use crate::discover::blank;
use crate::{Engine, Invalid};

mod results;

use results::{Step, entry_of, matched, overwrites};

/// What whoever imports says of a report, over what it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Name or id of the asset.
    pub asset: Option<String>,
    pub tool: Option<String>,
    pub kind: Option<String>,
    pub category: Option<String>,
    pub branch: Option<String>,
    pub path: Option<String>,
    /// When the tool looked, where the report does not say.
    pub observed_at: Option<Timestamp>,
    /// The report is not about its whole scope, whatever it says.
    pub partial: bool,
}

/// What one report did.
#[derive(Debug, Clone)]
pub struct Imported {
    pub asset: Asset,
    /// Nobody knew of the asset before.
    pub asset_created: bool,
    pub scope: ReportScope,
    pub observed_at: Timestamp,
    pub counts: Counts,
    /// It is older than one that was imported before, so it says nothing of the present.
    pub late: bool,
    /// Why nothing was closed. `None`: what it does not mention is gone.
    pub partial: Option<String>,
    pub problems: Problems,
}

/// What became of the results of a report, and of what it does not mention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Findings that nobody knew of.
    pub created: u64,
    /// Findings that are gone.
    pub closed: u64,
    /// Findings that had ended and are back.
    pub reopened: u64,
    /// Findings that were known and stay as they are.
    pub untouched: u64,
    /// Results of a late report that no finding stands for.
    pub ignored: u64,
    /// Of these results, those that are suppressed in the tool.
    pub suppressed: u64,
    /// Results that were in the report more than once.
    pub duplicates: u64,
    /// Results that say that nothing is wrong.
    pub passed: u64,
    /// Records that could not be read.
    pub problems: u64,
}

/// What is told of one report.
#[derive(Serialize)]
struct Done<'a> {
    scope: &'a ReportScope,
    observed_at: Timestamp,
    late: bool,
    partial: bool,
    counts: Counts,
}

/// The reports of one file, each with the name of its asset.
#[derive(Debug)]
pub struct Reports(Vec<(String, Report)>);

/// Reads a file in any form that is known, before any transaction begins.
pub async fn read(bytes: Vec<u8>, options: &ImportOptions) -> anyhow::Result<Reports> {
    let parsing = tokio::task::spawn_blocking(move || integrations::reports::parse(&bytes));
    let reports = parsing.await.context("read the report")?.map_err(|error| Invalid(error.to_string()))?;
    let mut told = Vec::with_capacity(reports.len());
    for report in reports {
        let report = with_options(report, options)?;
        let unnamed = || Invalid("the report does not say which asset it is about: name it".to_owned());
        told.push((report.asset.clone().ok_or_else(unnamed)?, report));
    }
    // In one order, so that two imports wait for each other and never both.
    told.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.scope.digest().cmp(&b.1.scope.digest())));
    Ok(Reports(told))
}

impl Engine {
    /// Imports the reports of one file in the caller's transaction: all of them, or nothing.
    pub async fn import(&self, tx: &mut Tx, reports: Reports) -> anyhow::Result<Vec<Imported>> {
        let mut imported = Vec::with_capacity(reports.0.len());
        for (name, report) in reports.0 {
            imported.push(self.take_report(tx, &name, report).await?);
        }
        Ok(imported)
    }

    async fn take_report(&self, tx: &mut Tx, name: &str, mut report: Report) -> anyhow::Result<Imported> {
        let now = self.now();
        let (asset, asset_created) = self.reported_asset(tx, name, &report.kind).await?;
        let mut asset = if asset_created { asset } else { store::asset::lock(tx, asset.id).await? };
        self.canonical(&mut report)?;
        // Nobody has looked at the future.
        let observed_at = report.observed_at.unwrap_or(now).min(now);
        // One that was retired is back, unless this was seen before.
        let outdated = asset.retired_at.is_some_and(|retired_at| observed_at <= retired_at);
        if !outdated {
            asset = self.reinstated(tx, asset.id).await?;
        }
        let stored = store::report::find_scope(&mut *tx, asset.id, &report.scope).await?;
        let late = outdated || stored.as_ref().is_some_and(|stored| observed_at < stored.observed_at);
        let id = stored.map_or_else(|| store::new_id(now), |stored| stored.id);
        let scope = StoredScope { id, scope: report.scope.clone(), observed_at };
        let mut counts = Counts {
            suppressed: report.results.iter().filter(|result| result.suppressed.is_some()).count() as u64,
            duplicates: report.duplicates,
            passed: report.passed,
            problems: report.problems.count,
            ..Counts::default()
        };
        if late {
            counts.untouched = known_results(tx, &asset, &scope, &report).await?;
            counts.ignored = report.results.len() as u64 - counts.untouched;
        } else {
            store::report::save_scope(tx, asset.id, &scope, now).await?;
            store::asset::record_contact(tx, asset.id, observed_at).await?;
            self.take_results(tx, &asset, &scope, &report, &mut counts).await?;
        }
        let told = (&report.scope, observed_at, late, &report.partial, counts);
        tx.note(Note::new(now, "report.import", asset.id).after(&told));
        let done = Done { scope: &report.scope, observed_at, late, partial: report.partial.is_some(), counts };
        tx.tell(NewEvent::new(now, EventKind::ImportDone).of_asset(asset.id).saying(&done));
        let Report { scope, partial, problems, .. } = report;
        Ok(Imported { asset, asset_created, scope, observed_at, counts, late, partial, problems })
    }

    /// Moves the findings by what the report says, and keeps what it says of each.
    async fn take_results(
        &self,
        tx: &mut Tx,
        asset: &Asset,
        scope: &StoredScope,
        report: &Report,
        counts: &mut Counts,
    ) -> anyhow::Result<()> {
        let mut known = store::report::entries(tx, asset.id, scope.id).await?;
        let stored = store::finding::of_asset(&mut *tx, asset.id).await?;
        let mut findings: HashMap<FindingId, (Option<Finding>, Option<Match>)> = stored
            .into_iter()
            .map(|stored| (stored.finding.key.id(), (Some(stored.finding), stored.matched)))
            .collect();
        let release = asset.platform.as_ref().and_then(|platform| platform.release.as_ref());
        let (mut entries, mut steps): (Vec<ReportEntry>, HashMap<FindingId, Step>) = (Vec::new(), HashMap::new());
        for result in &report.results {
            let before = known.remove(&result.identity);
            let key = result.key(asset.id, &scope.scope, release);
            // What is known by its identity stays the finding that it was, wherever it has moved to.
            let id = before.as_ref().map_or_else(|| key.id(), |entry| entry.finding);
            let (finding, old) = findings.entry(id).or_default();
            let key = finding.as_ref().map_or(key, |finding| finding.key.clone());
            let new = matched(result, &key, &scope.scope);
            let overwrite = overwrites(old.as_ref(), &new);
            let step = steps.entry(id).or_default();
            step.detect(finding, key, result, scope.observed_at, counts);
            if overwrite && finding.as_ref().is_some_and(|finding| finding.detection.is_active()) {
                *old = Some(new.clone());
                step.matched = Some(new);
            }
            let entry = entry_of(result, id, before.as_ref(), scope.observed_at);
            if before.as_ref() != Some(&entry) {
                entries.push(entry);
            }
        }
        if report.partial.is_none() {
            let gone: Vec<ReportEntry> = known.into_values().filter(|entry| entry.gone_at.is_none()).collect();
            let ids: Vec<FindingId> = gone.iter().map(|entry| entry.finding).collect();
            let elsewhere = store::report::elsewhere(tx, asset.id, scope.id, &ids).await?;
            for entry in gone {
                // Another result of this very report may stand for the same finding.
                if let Some((Some(finding), _)) = findings.get_mut(&entry.finding)
                    && !steps.get(&entry.finding).is_some_and(|step| step.seen)
                {
                    let says = elsewhere.get(&entry.finding).copied();
                    steps.entry(entry.finding).or_default().miss(finding, says, scope.observed_at, counts);
                }
                entries.push(ReportEntry { gone_at: Some(scope.observed_at), ..entry });
            }
        }
        entries.sort_by(|a, b| a.identity.cmp(&b.identity));
        store::report::save_entries(tx, asset.id, scope.id, &entries).await?;
        save(
            tx,
            &findings,
            &steps,
            Recording { at: self.now(), cause: &Cause::Report { tool: scope.scope.tool.clone() }, record: None },
        )
        .await
    }

    /// The asset of that name or id; else one is made known, of the kind that the report says.
    async fn reported_asset(&self, tx: &mut Tx, name: &str, kind: &str) -> anyhow::Result<(Asset, bool)> {
        let by_id = match name.parse::<AssetId>() {
            Ok(id) => store::asset::get(&mut *tx, id).await?,
            Err(_) => None,
        };
        let found = match by_id {
            Some(asset) => Some(asset),
            None => store::asset::find_by_name(&mut *tx, name).await?,
        };
        if let Some(asset) = found {
            return Ok((store::asset::current(&mut *tx, asset).await?, false));
        }
        let now = self.now();
        let mut asset = blank(AssetId::from_uuid(store::new_id(now)), name.to_owned(), None, now);
        asset.tags.extend((!kind.is_empty()).then(|| kind.to_owned()));
        store::asset::insert(tx, &asset).await?;
        self.own_record(tx, &asset).await?;
        tx.note(Note::new(now, "asset.add", asset.id).after(&asset));
        Ok((asset, true))
    }

    /// Names each flaw as everybody here names it: by its CVE where it has one.
    fn canonical(&self, report: &mut Report) -> anyhow::Result<()> {
        let Some(knowledge) = self.knowledge()? else { return Ok(()) };
        let mut names = HashMap::new();
        for result in &mut report.results {
            let Some(id) = &mut result.vulnerability else { continue };
            if !id.is_cve() {
                let name =
                    names.entry(id.clone()).or_insert_with(|| knowledge.vulnerability(id.as_str()).map(|v| v.id));
                if let Some(name) = name {
                    id.clone_from(name);
                }
            }
        }
        Ok(())
    }
}

/// How many results of a late report findings stand for.
async fn known_results(tx: &mut Tx, asset: &Asset, scope: &StoredScope, report: &Report) -> anyhow::Result<u64> {
    let entries = store::report::entries(tx, asset.id, scope.id).await?;
    let stored = store::finding::of_asset(&mut *tx, asset.id).await?;
    let findings: HashSet<FindingId> = stored.iter().map(|stored| stored.finding.key.id()).collect();
    let release = asset.platform.as_ref().and_then(|platform| platform.release.as_ref());
    let is_known = |result: &&Reported| {
        let by_identity = entries.get(&result.identity).is_some_and(|entry| findings.contains(&entry.finding));
        by_identity || findings.contains(&result.key(asset.id, &scope.scope, release).id())
    };
    Ok(report.results.iter().filter(is_known).count() as u64)
}

async fn save(
    tx: &mut Tx,
    findings: &HashMap<FindingId, (Option<Finding>, Option<Match>)>,
    steps: &HashMap<FindingId, Step>,
    recording: Recording<'_>,
) -> anyhow::Result<()> {
    let mut saves: Vec<Save<'_>> = Vec::new();
    for (id, step) in steps {
        if let Some((Some(finding), _)) = findings.get(id)
            && (step.matched.is_some() || !step.evidence.is_empty())
        {
            saves.push(Save { finding, matched: step.matched.as_ref(), evidence: &step.evidence, is_new: false });
        }
    }
    // In one order, so that the same import makes the same rows.
    saves.sort_by(|a, b| a.finding.key.cmp(&b.finding.key));
    Ok(store::finding::save_all(tx, &saves, recording).await?)
}

/// The report as whoever imports it says.
fn with_options(mut report: Report, options: &ImportOptions) -> Result<Report, Invalid> {
    let fit = |what: &str, text: &Option<String>| match text {
        Some(text) => word(text).map(Some).ok_or_else(|| Invalid(format!("{what}: it is too long or not printable"))),
        None => Ok(None),
    };
    let given = |text: Option<String>, into: &mut String| {
        if let Some(text) = text {
            *into = text;
        }
    };
    given(fit("tool", &options.tool)?.filter(|tool| !tool.is_empty()), &mut report.scope.tool);
    given(fit("category", &options.category)?, &mut report.scope.category);
    given(fit("branch", &options.branch)?, &mut report.scope.branch);
    given(fit("path", &options.path)?, &mut report.scope.path);
    given(fit("kind", &options.kind)?, &mut report.kind);
    if let Some(asset) = fit("asset", &options.asset)?.filter(|asset| !asset.is_empty()) {
        report.asset = Some(asset);
    }
    report.observed_at = report.observed_at.or(options.observed_at);
    if options.partial && report.partial.is_none() {
        report.partial = Some("whoever imports it says that it is not complete".to_owned());
    }
    Ok(report)
}
