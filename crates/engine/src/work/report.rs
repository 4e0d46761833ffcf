//! How far a job is, told by whoever does it and read by its heartbeat.

use std::sync::{Arc, Mutex, PoisonError};

use store::queue::Progress;

use crate::ingest::{self, Step};

/// Shared between a verb and the heartbeat of its job.
#[derive(Debug, Clone, Default)]
pub struct Report(Arc<Mutex<Progress>>);

impl Report {
    pub fn progress(&self) -> Progress {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set(&self, progress: Progress) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// One more is done.
    pub fn advance(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).done += 1;
    }

    /// So many more are done.
    pub fn advance_by(&self, count: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).done += count as u64;
    }

    pub fn say(&self, text: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).text = text;
    }
}

impl ingest::Progress for Report {
    fn step(&self, step: Step<'_>) {
        match step {
            Step::Fetching { feed, .. } => self.say(format!("fetching {feed}")),
            Step::Parsing { feed, .. } => self.say(format!("reading {feed}")),
            Step::Switched { .. } | Step::Compiled => {}
            Step::Finished { .. } => self.advance(),
            Step::Compiling => self.say("compiling the knowledge".to_owned()),
        }
    }
}
