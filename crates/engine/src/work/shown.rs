//! Jobs as people see them: with the names of what they are about.

use std::collections::HashMap;

use domain::ids::{AssetId, JobId, ScopeId};
use store::queue::{self, Job, Listing};

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

impl Engine {
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
        let mut names: HashMap<String, Option<(AssetId, String)>> = HashMap::new();
        let scopes: HashMap<ScopeId, String> =
            store::scope::list(&self.db).await?.into_iter().map(|scope| (scope.id, scope.name)).collect();
        let mut views = Vec::with_capacity(jobs.len());
        for job in jobs {
            if job.kind == Verb::Inspect.as_str() && !names.contains_key(&job.key) {
                names.insert(job.key.clone(), self.asset_name(&job.key).await?);
            }
            let asset = names.get(&job.key).cloned().flatten();
            let scope = match job.segment.parse::<ScopeId>() {
                Ok(id) => Some(scopes.get(&id).cloned().unwrap_or_else(|| job.segment.clone())),
                Err(_) => None,
            };
            views.push(JobView { job, asset, scope });
        }
        Ok(views)
    }

    async fn asset_name(&self, key: &str) -> anyhow::Result<Option<(AssetId, String)>> {
        let Ok(id) = key.parse::<AssetId>() else { return Ok(None) };
        Ok(store::asset::get(&self.db, id).await?.map(|asset| (id, asset.name)))
    }
}
