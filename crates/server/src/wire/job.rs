//! Jobs on the wire.

use engine::work::{JobView, JobsView};
use wire_types::finding::AssetRef;
use wire_types::job::{Job, JobOverview, JobProgress};

/// The queue at a glance.
pub fn job_overview(view: &JobsView) -> JobOverview {
    let jobs = |views: &[JobView]| views.iter().map(job).collect();
    JobOverview {
        at: view.at.to_string(),
        running_count: view.counts.leased,
        waiting_count: view.counts.ready,
        dead_count: view.counts.dead,
        running: jobs(&view.running),
        waiting: jobs(&view.waiting),
        dead: jobs(&view.dead),
        ended: jobs(&view.ended),
    }
}

/// A job with the names of what it is about.
pub fn job(view: &JobView) -> Job {
    let job = &view.job;
    Job {
        id: job.id.to_string(),
        kind: job.kind.clone(),
        key: job.key.clone(),
        asset: view.asset.as_ref().map(|(id, name)| AssetRef { id: id.to_string(), name: name.clone() }),
        state: job.state.as_str().to_owned(),
        scope: view.scope.clone(),
        priority: job.priority,
        asked_by: super::some(&job.asked_by),
        attempts: job.attempts,
        attempts_max: job.attempts_max,
        run_at: job.run_at.to_string(),
        holder: job.holder.clone(),
        lease_until: job.lease_until.map(|at| at.to_string()),
        progress: JobProgress { done: job.progress.done, total: job.progress.total, text: job.progress.text.clone() },
        last_error: job.last_error.clone(),
        created_at: job.created_at.to_string(),
        started_at: job.started_at.map(|at| at.to_string()),
        ended_at: job.ended_at.map(|at| at.to_string()),
        cancel_asked_at: job.cancel_asked_at.map(|at| at.to_string()),
    }
}
