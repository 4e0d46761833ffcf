//! Jobs as people see them: with the names of what they are about.

use std::collections::{BTreeSet, HashMap};

use domain::ids::{AssetId, JobId, ScopeId};
use jiff::Timestamp;
use store::queue::{self, Counts, Job, JobState, Listing};

use super::Verb;
use crate::Engine;

/// A job with the names of what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    pub job: Job,
    /// The asset, where it is about one that is known.
    pub asset: Option<(AssetId, String)>,
    /// The scope whose scanner nodes do it. `None`: the servers do.
    pub scope: Option<String>,
}

/// The queue at a glance: a few jobs of each sort.
#[derive(Debug, Clone)]
pub struct JobsView {
    pub at: Timestamp,
    pub counts: Counts,
    /// The newest first.
    pub running: Vec<JobView>,
    /// What is claimed next first.
    pub waiting: Vec<JobView>,
    /// The newest first.
    pub dead: Vec<JobView>,
    /// What was done, cancelled or superseded, the newest first.
    pub ended: Vec<JobView>,
}

/// Running jobs that are shown at a glance.
const RUNNING_MAX: usize = 50;

/// Jobs of every other sort.
const GLANCE_MAX: usize = 10;

const ENDED: [JobState; 3] = [JobState::Done, JobState::Cancelled, JobState::Superseded];

impl Engine {
    /// The queue at a glance, of one kind or of all.
    pub async fn jobs_at_a_glance(&self, kind: Option<&str>) -> anyhow::Result<JobsView> {
        let (db, at) = (&self.db, self.now());
        let listing = |states: &'static [JobState], limit| Listing { states, kind, before: None, limit };
        Ok(JobsView {
            at,
            counts: queue::counts(db, kind).await?,
            running: self.jobs(listing(&[JobState::Leased], RUNNING_MAX)).await?,
            waiting: self.named(queue::next(db, kind, at, GLANCE_MAX).await?).await?,
            dead: self.jobs(listing(&[JobState::Dead], GLANCE_MAX)).await?,
            ended: self.jobs(listing(&ENDED, GLANCE_MAX)).await?,
        })
    }

    /// Jobs, the newest first.
    pub async fn jobs(&self, listing: Listing<'_>) -> anyhow::Result<Vec<JobView>> {
        self.named(queue::list(&self.db, listing).await?).await
    }

    /// One job. `None`: there is no such job, or it ended long ago.
    pub async fn job(&self, id: JobId) -> anyhow::Result<Option<JobView>> {
        let found = queue::get(&self.db, id).await?;
        Ok(self.named(found.into_iter().collect()).await?.pop())
    }

    async fn named(&self, jobs: Vec<Job>) -> anyhow::Result<Vec<JobView>> {
        let scopes: HashMap<ScopeId, String> =
            store::scope::list(&self.db).await?.into_iter().map(|scope| (scope.id, scope.name)).collect();
        let assets: BTreeSet<AssetId> = jobs.iter().filter_map(asset_of).collect();
        let assets = store::asset::get_all(&self.db, &assets.into_iter().collect::<Vec<_>>()).await?;
        let names: HashMap<AssetId, String> = assets.into_iter().map(|asset| (asset.id, asset.name)).collect();
        let named = |job: Job| {
            let asset = asset_of(&job).and_then(|id| Some((id, names.get(&id)?.clone())));
            let scope = job.segment.parse::<ScopeId>().ok();
            let scope = scope.map(|id| scopes.get(&id).cloned().unwrap_or_else(|| job.segment.clone()));
            JobView { job, asset, scope }
        };
        Ok(jobs.into_iter().map(named).collect())
    }
}

/// The asset that a job is about, by its key.
fn asset_of(job: &Job) -> Option<AssetId> {
    (job.kind == Verb::Inspect.as_str()).then(|| job.key.parse().ok()).flatten()
}
