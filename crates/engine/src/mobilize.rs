//! Mobilize: findings become actions, actions become plans, plans run once, and the next inspection proves what they did.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use domain::asset::Asset;
use domain::cause::Cause;
use domain::command::{Command, Output};
use domain::component::Ecosystem;
use domain::finding::{Detection, Evidence, Fact};
use domain::ids::{AssetId, RunId};
use domain::remediation::{Action, Plan, PlanRefusal, Run, RunState};
use integrations::patching::apt::{self, Selection, Selections};
use jiff::{SignedDuration, Timestamp};

use store::finding::{Recording, Save};

use crate::Engine;
use crate::inspect::Access;
use crate::views::Row;

mod upgrades;

pub use upgrades::{Extent, Upgrade, Upgrades};

/// Who applies runs: the processes that share one data folder, one at a time.
const NODE: &str = "local";

/// A plan that waits for confirmation.
#[derive(Debug, Clone)]
pub struct Planned {
    pub run: Run,
    pub asset: Arc<Asset>,
    /// Packages that cannot be upgraded, with the reason.
    pub left: Vec<(String, String)>,
}

/// What a run did, proven by the inspection after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    pub fixed: u32,
    /// The new code is installed, the old one still runs.
    pub pending: u32,
    pub still_open: u32,
    /// The longest time that one of the fixed findings was exposed.
    pub exposure: SignedDuration,
    pub restart_needed: Option<bool>,
}

impl Engine {
    /// Asks the package manager what upgrading would do, and keeps its answer as a plan. Nothing is changed on the asset
    /// but its package lists. `None`: no finding of this asset can be closed by an upgrade.
    pub async fn plan(&self, asset: AssetId, packages: &BTreeSet<String>) -> anyhow::Result<Option<Planned>> {
        let now = self.now();
        let Some(view) = self.asset(asset).await? else { bail!("there is no asset {asset}") };
        let rows: Vec<&Row> = view
            .rows
            .iter()
            .filter(|row| is_upgradable(row))
            .filter(|row| packages.is_empty() || packages.contains(&row.judged.matched.package.name))
            .collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let binaries: BTreeSet<&str> =
            rows.iter().flat_map(|row| row.judged.matched.places.iter().map(|place| place.name.as_str())).collect();
        let asset = Arc::clone(&view.summary.asset);
        let access = self.access(&asset).await?;
        let answer = ask_for_plan(&access, &binaries).await;
        access.close().await;
        let (selections, left, plan) = answer?;
        let closes = rows.iter().filter(|row| closes(&plan, row)).map(|row| row.finding.key.id()).collect();
        let packages = selections.iter().map(|(package, _)| package.to_owned()).collect();
        let action = Action { asset: asset.id, packages, closes };
        let run = Run {
            id: RunId::from_uuid(store::new_id(now)),
            action,
            plan,
            state: RunState::Planned,
            created_at: now,
            output: String::new(),
        };
        let mut tx = self.db.begin().await?;
        store::run::plan(&mut tx, &run).await?;
        tx.commit().await?;
        Ok(Some(Planned { run, asset, left }))
    }

    /// Runs a plan, once, and proves what it did. A plan that is no longer what the package manager would do is refused.
    pub async fn apply(&self, run: &Run) -> anyhow::Result<Proof> {
        let Some(asset) = store::asset::get(&self.db, run.action.asset).await? else {
            bail!("there is no asset {}", run.action.asset)
        };
        let Some(_lock) = self.lock_runs()? else { bail!("another remediation is running: wait until it has ended") };
        let selections = selections_of(run)?;
        let access = self.access(&asset).await?;
        let planned = dry_run(&access, &selections).await;
        if planned.as_ref().is_ok_and(|plan| *plan != run.plan) {
            let reason = PlanRefusal::Changed.to_string();
            self.finish(run, RunState::Failed { at: self.now(), reason }, "").await?;
            return Err(PlanRefusal::Changed.into());
        }
        planned?;
        // Written before anything is sent: a run that a crash leaves here is never sent again.
        let mut tx = self.db.begin().await?;
        store::run::start_applying(&mut tx, run.id, NODE, self.now()).await?;
        tx.commit().await?;
        let output = access.run(apt::APPLY, &selections.lines()).await;
        access.close().await;
        let (text, failure) = outcome(output);
        if let Some(reason) = failure {
            self.finish(run, RunState::Failed { at: self.now(), reason: reason.clone() }, &text).await?;
            // Even a failed run may have changed something: look before anybody decides.
            self.inspect(asset.id).await.context("inspect after the failed run")?;
            bail!("the package manager on {} failed: {reason}", asset.name);
        }
        let claimed_at = self.now();
        self.finish(run, RunState::Applied { at: claimed_at }, &text).await?;
        self.claim(run, claimed_at).await?;
        let after = claimed_at.saturating_add(SignedDuration::from_millis(1))?;
        self.inspect_at(asset.id, after.max(self.now())).await.context("inspect after the run")?;
        self.prove(run).await
    }

    /// Counts what became of the findings that the run should close.
    async fn prove(&self, run: &Run) -> anyhow::Result<Proof> {
        let now = self.now();
        let mut proof =
            Proof { fixed: 0, pending: 0, still_open: 0, exposure: SignedDuration::ZERO, restart_needed: None };
        for id in &run.action.closes {
            let Some(stored) = store::finding::get(&self.db, *id).await? else { continue };
            match stored.finding.detection {
                Detection::Fixed { .. } | Detection::Closed { .. } => {
                    proof.fixed += 1;
                    proof.exposure = proof.exposure.max(stored.finding.exposure_time(now));
                }
                Detection::Pending { .. } => proof.pending += 1,
                Detection::Open | Detection::Stale { .. } => proof.still_open += 1,
            }
        }
        let inspection = store::inspection::latest(&self.db, run.action.asset).await?;
        proof.restart_needed = inspection.and_then(|inspection| inspection.inventory.reboot_required);
        let Proof { fixed, pending, still_open, .. } = proof;
        self.finish(run, RunState::Verified { at: now, fixed, pending, still_open }, "").await?;
        Ok(proof)
    }

    async fn claim(&self, run: &Run, at: Timestamp) -> anyhow::Result<()> {
        let cause = Cause::Run(run.id);
        let mut tx = self.db.begin().await?;
        for id in &run.action.closes {
            let Some(mut stored) = store::finding::get(&mut tx, *id).await? else { continue };
            let evidence = Evidence { observed_at: at, fact: Fact::FixClaimed };
            let change = stored.finding.apply(&evidence);
            let save = Save {
                finding: &stored.finding,
                matched: stored.matched.as_ref(),
                evidence: &[(evidence, change)],
                is_new: false,
            };
            store::finding::save(&mut tx, save, Recording { at, cause: &cause, record: None }).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn finish(&self, run: &Run, state: RunState, output: &str) -> anyhow::Result<()> {
        let mut tx = self.db.begin().await?;
        store::run::finish(&mut tx, run.id, state, output, self.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends the runs that a crash left in the middle: they are never sent again, and the assets are inspected to learn
    /// what they did. Does nothing while another process is applying a run.
    pub async fn recover(&self) -> anyhow::Result<Vec<Run>> {
        let Some(_lock) = self.lock_runs()? else { return Ok(Vec::new()) };
        let mut tx = self.db.begin().await?;
        let runs = store::run::interrupted_at_start(&mut tx, NODE, self.now()).await?;
        tx.commit().await?;
        for run in &runs {
            if let Err(error) = self.inspect(run.action.asset).await {
                tracing::warn!(run.id = %run.id, "after an interrupted run: {}", crate::with_causes(&error));
            }
        }
        Ok(runs)
    }

    /// Runs are applied by one process at a time. The lock goes with the process, however that ends.
    fn lock_runs(&self) -> anyhow::Result<Option<File>> {
        let path = self.data_dir.join("remediation.lock");
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {}", path.display())),
        }
    }
}

fn is_upgradable(row: &Row) -> bool {
    let matched = &row.judged.matched;
    // Which binaries are concerned, another tool does not say in our words; and nobody reaches what has expired.
    let known = !matched.vendor_status.is_report() && row.asset.retired_at.is_none();
    row.finding.detection.is_active() && matched.fixed_version.is_some() && !matched.restart_needed && known
}

/// Whether the plan brings every affected binary of the finding to its fixed version.
fn closes(plan: &Plan, row: &Row) -> bool {
    let matched = &row.judged.matched;
    let Some(fixed) = &matched.fixed_version else { return false };
    matched.places.iter().all(|place| {
        plan.steps.iter().any(|step| {
            let reached = step.to.as_deref().map(|to| ecosystems::compare(place.ecosystem, to, fixed));
            step.package == place.name && matches!(reached, Some(Ok(order)) if order.is_ge())
        })
    })
}

/// Refreshes the package lists, asks for newer versions and for what installing them would do.
async fn ask_for_plan(
    access: &Access,
    binaries: &BTreeSet<&str>,
) -> anyhow::Result<(Selections, Vec<(String, String)>, Plan)> {
    expect_success(access, apt::UPDATE, &[], "refresh the package lists").await?;
    let names: Vec<&str> = binaries.iter().copied().collect();
    let policy =
        expect_success(access, apt::POLICY, &Selections::package_lines(&names)?, "ask for newer versions").await?;
    let (mut wanted, mut left) = (Vec::new(), Vec::new());
    for (package, candidate) in apt::parse_policy(&policy.stdout)? {
        match newer(&candidate) {
            Some(version) => wanted.push(Selection::new(&package, version)?),
            None => left.push((package, "the package manager has no newer version".to_owned())),
        }
    }
    if wanted.is_empty() {
        return Err(PlanRefusal::Nothing(names.join(", ")).into());
    }
    let selections = Selections::new(wanted)?;
    let plan = dry_run(access, &selections).await?;
    Ok((selections, left, plan))
}

/// The candidate, where it is newer than what is installed.
fn newer(candidate: &apt::Candidate) -> Option<&str> {
    let (installed, version) = (candidate.installed.as_deref()?, candidate.candidate.as_deref()?);
    matches!(ecosystems::compare(Ecosystem::Deb, version, installed), Ok(order) if order.is_gt()).then_some(version)
}

/// The packages that the run was asked to upgrade, at the versions of its plan.
fn selections_of(run: &Run) -> anyhow::Result<Selections> {
    let wanted = run.plan.steps.iter().filter(|step| run.action.packages.contains(&step.package));
    let selections: Result<Vec<Selection>, _> =
        wanted.filter_map(|step| Some(Selection::new(&step.package, step.to.as_deref()?))).collect();
    Ok(Selections::new(selections?)?)
}

async fn dry_run(access: &Access, selections: &Selections) -> anyhow::Result<Plan> {
    let output = expect_success(access, apt::DRY_RUN, &selections.lines(), "ask for a dry run").await?;
    Ok(apt::parse_dry_run(&output.stdout, selections)?)
}

async fn expect_success(access: &Access, command: Command, stdin: &[u8], what: &str) -> anyhow::Result<Output> {
    let output = access.run(command, stdin).await.with_context(|| what.to_owned())?;
    if output.status == Some(0) {
        return Ok(output);
    }
    bail!("could not {what}: {}", last_lines(&output.stderr))
}

/// What a person reads of the run, and why it failed if it did.
fn outcome(output: anyhow::Result<Output>) -> (String, Option<String>) {
    match output {
        Ok(output) => {
            let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.push_str(&String::from_utf8_lossy(&output.stderr));
            let failure = (output.status != Some(0)).then(|| last_lines(&output.stderr));
            (text, failure)
        }
        Err(error) => (String::new(), Some(crate::with_causes(&error))),
    }
}

fn last_lines(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("; ")
}
