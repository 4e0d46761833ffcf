//! What lists are answered from: the index of all findings and what is known of their assets, in memory.
//!
//! [`Model`] is loaded from the store or from a checkpoint and follows the store's change log before every answer, so that a
//! node sees its own writes at once and those of others too. Everything in it is judged by one knowledge file as of one
//! instant; where another file, another day or another state of a feed would judge otherwise, a new model is made of the old
//! one, which answers meanwhile. docs/adr/0018-read-model.md says why lists are not asked of the database.

mod model;
mod verdicts;
mod load;
mod follow;
mod checkpoint;
mod holders;
mod keep;
mod renew;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use store::change::{self, Head};
use tokio::sync::Notify;
use tokio::time::timeout;

#[cfg(test)]
pub(crate) use model::is_unknown;
pub(crate) use model::{Estate, Fixes, Known, Model};
pub(crate) use verdicts::AllWords;

use crate::Engine;
use crate::policy::By;
use holders::Held;
use model::Basis;

/// Nothing can be listed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the findings are still being loaded into memory: try again in a moment")]
pub struct Loading;

/// The published model, and who works on the next one.
#[derive(Default)]
pub(crate) struct ReadModel {
    published: RwLock<Option<Arc<Model>>>,
    building: tokio::sync::Mutex<()>,
    /// Who has which components.
    held: tokio::sync::Mutex<Held>,
    /// Somebody keeps it up to date ([`Engine::keep_lists`]): nobody else makes a model, or has to wait until one is made.
    kept: AtomicBool,
    /// Tells who keeps it that what is published does not fit any more.
    unfit: Notify,
    /// Tells who waits that a model was published.
    fresh: Notify,
    /// The next model takes longer than anybody waits.
    late: AtomicBool,
}

/// The model to answer from.
pub(crate) struct Current {
    pub(crate) model: Arc<Model>,
    /// What is newer than the model is still being read: said beside the answer.
    pub(crate) is_behind: bool,
}

/// How long an answer waits for what is newer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same, once somebody has waited in vain.
const LATE_PATIENCE: Duration = Duration::from_millis(20);

impl ReadModel {
    fn published(&self) -> Option<Arc<Model>> {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, model: Arc<Model>) {
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = Some(model);
        self.fresh.notify_waiters();
    }

    /// The published model, if it is judged by what would be used now.
    fn fitting(&self, basis: &Basis, head: &Head) -> Option<Arc<Model>> {
        self.published().filter(|model| model.basis == *basis && model.epoch == head.epoch)
    }
}

impl Engine {
    /// Loads the lists and brings them up to date, however long that takes.
    pub async fn bring_lists_up_to_date(&self) -> anyhow::Result<()> {
        self.up_to_date().await.map(drop)
    }

    pub(crate) fn keeps_lists(&self) -> bool {
        self.lists.kept.load(Ordering::Relaxed)
    }

    /// The model, with everything in it that was committed before this was asked. Where somebody keeps it up to date, an
    /// answer waits a bounded time only, and says what it lacks.
    pub(crate) async fn lists(&self) -> anyhow::Result<Current> {
        let lists = &self.lists;
        if !self.keeps_lists() {
            return Ok(Current { model: self.up_to_date().await?, is_behind: false });
        }
        let head = change::head(&self.db).await?;
        let patience = if lists.late.load(Ordering::Relaxed) { LATE_PATIENCE } else { PATIENCE };
        let renewed = timeout(patience, self.kept_by_another(&head)).await;
        lists.late.store(renewed.is_err(), Ordering::Relaxed);
        let model = match renewed {
            Ok(model) => model?,
            Err(_) => lists.published().ok_or(Loading)?,
        };
        let followed = timeout(PATIENCE, model.follow(&self.db, &head)).await;
        let is_behind = lists.late.load(Ordering::Relaxed) || followed.is_err();
        if let Ok(followed) = followed {
            followed?;
        }
        Ok(Current { model, is_behind })
    }

    /// The fitting model, as soon as whoever keeps the lists has made it.
    async fn kept_by_another(&self, head: &Head) -> anyhow::Result<Arc<Model>> {
        loop {
            let fresh = self.lists.fresh.notified();
            tokio::pin!(fresh);
            // From here on none is missed.
            fresh.as_mut().enable();
            let basis = Basis::of(&self.by(head).await?);
            if let Some(model) = self.lists.fitting(&basis, head) {
                return Ok(model);
            }
            self.lists.unfit.notify_one();
            fresh.await;
        }
    }

    /// What would be judged by now.
    async fn by(&self, head: &Head) -> anyhow::Result<By> {
        Ok(By { knowledge: self.knowledge()?, policy: self.policy_of(head).await?, at: self.now() })
    }

    async fn up_to_date(&self) -> anyhow::Result<Arc<Model>> {
        let head = change::head(&self.db).await?;
        let model = self.renewed(&head).await?;
        model.follow(&self.db, &head).await?;
        Ok(model)
    }

    /// The published model, or a new one where that was judged by something else than would be used now.
    async fn renewed(&self, head: &Head) -> anyhow::Result<Arc<Model>> {
        let by = self.by(head).await?;
        let basis = Basis::of(&by);
        if let Some(model) = self.lists.fitting(&basis, head) {
            return Ok(model);
        }
        let _alone = self.lists.building.lock().await;
        if let Some(model) = self.lists.fitting(&basis, head) {
            return Ok(model);
        }
        let known = match self.lists.published() {
            Some(old) if old.epoch == head.epoch => renew::from_memory(&old, basis.clone(), by.clone()).await?,
            Some(_) => None,
            None => checkpoint::read(&self.db, &self.data_dir, &basis, &by).await,
        };
        let model = match known {
            Some(model) => model,
            None => load::from_store(&self.db, basis.clone(), by).await?,
        };
        // What was committed while it was being loaded is followed before anybody asks it.
        model.follow(&self.db, &change::head(&self.db).await?).await?;
        let model = Arc::new(model);
        self.lists.publish(Arc::clone(&model));
        Ok(model)
    }
}

#[cfg(test)]
mod tests;
