//! Jobs: what waits, what runs, what failed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::finding::AssetRef;

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    pub id: String,
    /// The verb: `sync`, `rematch`, `clock`, `retire`, `forget`, `check`, `inspect`, `deliver`
    pub kind: String,
    /// What it is done to: the id of an asset or of a webhook, or the verb's own name
    pub key: String,
    /// The asset's name, where it is about one
    pub asset: Option<AssetRef>,
    /// `ready`, `leased` (it runs), `done`, `dead` (failed for good), `cancelled`, `superseded` (dead, and done or dead
    /// again since)
    pub state: String,
    /// Which scope's scanner nodes do it. `null`: the servers.
    pub scope: Option<String>,
    /// Smaller comes first; 0 is a person's request
    pub priority: i64,
    /// Who asked for it. `null`: a schedule.
    pub asked_by: Option<String>,
    pub attempts: u32,
    pub attempts_max: u32,
    /// Not before this instant
    pub run_at: String,
    /// The node that has it, or had it last
    pub holder: Option<String>,
    /// Until when it stays with that node without a word
    pub lease_until: Option<String>,
    pub progress: JobProgress,
    pub last_error: Option<String>,
    pub created_at: String,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    /// Somebody wants it to end; it learns so at its next heartbeat
    pub cancel_asked_at: Option<String>,
}

/// How far a job is; after its end, what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobProgress {
    pub done: u64,
    /// `null`: nobody knows yet
    pub total: Option<u64>,
    pub text: String,
}

/// The queue at a glance: a few jobs of each sort, the lists of each state have the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobOverview {
    /// By the server's clock
    pub at: String,
    pub running_count: u64,
    pub waiting_count: u64,
    pub dead_count: u64,
    /// The newest first, at most 50
    pub running: Vec<Job>,
    /// What is begun next first, at most 10
    pub waiting: Vec<Job>,
    /// The newest first, at most 10
    pub dead: Vec<Job>,
    /// What was done, cancelled or superseded, the newest first, at most 10
    pub ended: Vec<Job>,
}

/// One page of jobs, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    pub jobs: Vec<Job>,
    pub next_cursor: Option<String>,
}
