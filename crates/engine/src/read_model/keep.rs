//! Keeping the lists up to date unasked, so that answers find them so.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future;
use store::change;
use tokio::sync::watch;
use tracing::error;

use super::checkpoint;
use crate::Engine;

/// How often the change log is looked at: other nodes' changes are seen within this time.
const FOLLOW_EVERY: Duration = Duration::from_millis(300);
/// How often it is asked whether anything would be judged otherwise now.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// How often it is brought up to date who has what, so that there is little to follow when that is asked.
const HOLD_EVERY: Duration = Duration::from_secs(10);
/// How often a checkpoint is written, where anything has changed.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(300);

/// Says what goes wrong once, not at every turn.
#[derive(Default)]
struct Said(Option<String>);

impl Said {
    fn note(&mut self, doing: &str, done: anyhow::Result<()>) {
        let text = done.err().map(|error| crate::with_causes(&error));
        if let Some(text) = text.as_ref().filter(|_| text != self.0) {
            error!("could not {doing}; it is tried again: {text}");
        }
        self.0 = text;
    }
}

impl Engine {
    /// Loads the lists, follows what changes, and writes checkpoints, until it is told to stop.
    pub async fn keep_lists(&self, mut stopped: watch::Receiver<bool>) {
        self.lists.kept.store(true, Ordering::Relaxed);
        tokio::select! {
            // An error means that the sender is gone, which is a reason to stop too.
            _ = stopped.wait_for(|stop| *stop) => {}
            _ = future::join3(self.keep_renewed(), self.keep_followed(), self.keep_held()) => {}
        }
        Said::default().note("write a checkpoint", self.write_checkpoint(&self.data_dir).await);
        self.lists.kept.store(false, Ordering::Relaxed);
    }

    async fn keep_renewed(&self) {
        let mut said = Said::default();
        loop {
            let renew = async { self.renewed(&change::head(&self.db).await?).await };
            let renewed = renew.await;
            if renewed.is_ok() {
                self.lists.late.store(false, Ordering::Relaxed);
            }
            said.note("load the lists", renewed.map(drop));
            // Whoever asks before that finds that it does not fit. Where it cannot be made, it is not tried without a pause.
            let _ = tokio::time::timeout(RENEW_EVERY, self.lists.unfit.notified()).await;
        }
    }

    /// Keeps at hand who has what, so that new knowledge need not wait for it. It is brought up to date when it is asked.
    async fn keep_held(&self) {
        let mut said = Said::default();
        loop {
            if self.lists.published().is_some() {
                said.note("load who has what", self.who_has_what().await.map(drop));
            }
            tokio::time::sleep(HOLD_EVERY).await;
        }
    }

    async fn keep_followed(&self) {
        let (mut said, mut said_of_checkpoint) = (Said::default(), Said::default());
        let mut written: Option<Instant> = None;
        loop {
            if let Some(model) = self.lists.published() {
                let follow = async { model.follow(&self.db, &change::head(&self.db).await?).await };
                said.note("follow the change log", follow.await);
                if written.is_none_or(|at| at.elapsed() > CHECKPOINT_EVERY) {
                    said_of_checkpoint.note("write a checkpoint", self.write_checkpoint(&self.data_dir).await);
                    written = Some(Instant::now());
                }
            }
            tokio::time::sleep(FOLLOW_EVERY).await;
        }
    }

    async fn write_checkpoint(&self, data_dir: &Path) -> anyhow::Result<()> {
        let Some(model) = self.lists.published() else { return Ok(()) };
        checkpoint::write(&model, data_dir).await
    }
}
