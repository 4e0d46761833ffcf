//! The policy in use: which one it is, what another one would change, and saving it.

pub mod replay;
mod simulate;

pub use simulate::{Judgement, Move, Simulation};

use std::sync::{Arc, PoisonError};

use domain::priority::policy::{Policy, PolicyError};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use store::Tx;
use store::change::Head;
use store::policy::Saved;

use crate::{Engine, Invalid};

/// A policy with its version.
#[derive(Debug, Clone)]
pub struct InUse {
    /// Zero: the built-in one.
    pub version: u64,
    pub policy: Arc<Policy>,
    pub text: Arc<str>,
    /// Of the text: two policies of one hash judge alike.
    pub(crate) hash: Arc<str>,
    /// Why the version that is in use in the database is not used here. `None`: it is.
    pub trouble: Option<Arc<str>>,
}

/// Longest note of a person.
const NOTE_CHARS_MAX: usize = 500;

impl InUse {
    /// What is used where nobody has saved another one.
    pub fn built_in() -> Self {
        Self::new(0, Arc::new(Policy::built_in().clone()), Policy::DEFAULT_TEXT)
    }

    pub(crate) fn read(version: u64, text: &str) -> Result<Self, PolicyError> {
        Ok(Self::new(version, Arc::new(Policy::read(text)?), text))
    }

    fn new(version: u64, policy: Arc<Policy>, text: &str) -> Self {
        let hash = hex::encode(Sha256::digest(text)).into();
        Self { version, policy, text: text.into(), hash, trouble: None }
    }
}

impl Engine {
    /// The policy in use.
    pub async fn policy(&self) -> anyhow::Result<InUse> {
        self.policy_of(&store::change::head(&self.db).await?).await
    }

    /// The policy that was in use as of a head of the log. A version that cannot be read here, because a newer Vigie wrote it or it
    /// is damaged, does not judge: the last good one does, and says so.
    pub(crate) async fn policy_of(&self, head: &Head) -> anyhow::Result<InUse> {
        let known = self.policy.read().unwrap_or_else(PoisonError::into_inner).clone();
        if known.asked == head.policy {
            return Ok(known.in_use);
        }
        let in_use = match store::policy::get(&self.db, head.policy).await? {
            None => InUse::built_in(),
            Some(saved) => match InUse::read(saved.version, &saved.text) {
                Ok(in_use) => in_use,
                Err(error) => {
                    let last = known.in_use.version;
                    let trouble = format!(
                        "version {} of the policy cannot be read here, version {last} judges: {error}",
                        saved.version
                    );
                    tracing::error!("{trouble}");
                    InUse { trouble: Some(trouble.into()), ..known.in_use }
                }
            },
        };
        let known = Known { asked: head.policy, in_use: in_use.clone() };
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(in_use)
    }

    /// Saves a policy as the next version; from then on it judges. `based_on` is the version that it was made from.
    pub async fn save_policy(&self, tx: &mut Tx, based_on: u64, text: &str, note: &str) -> anyhow::Result<Saved> {
        Policy::read(text).map_err(|error| Invalid(error.to_string()))?;
        let note = note.trim();
        if note.chars().count() > NOTE_CHARS_MAX || note.chars().any(char::is_control) {
            return Err(Invalid(format!("note: at most {NOTE_CHARS_MAX} printable characters")).into());
        }
        Ok(store::policy::save(tx, based_on, text, note, self.now()).await?)
    }
}

/// What was read last.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// The version that the database had.
    asked: u64,
    in_use: InUse,
}

impl Default for Known {
    fn default() -> Self {
        Self { asked: 0, in_use: InUse::built_in() }
    }
}

/// What verdicts are made by.
#[derive(Debug, Clone)]
pub(crate) struct By {
    pub(crate) knowledge: Option<Arc<knowledge::Knowledge>>,
    pub(crate) policy: InUse,
    pub(crate) at: Timestamp,
}

impl By {
    pub(crate) fn judge(&self) -> crate::prioritize::Judge<'_> {
        crate::prioritize::Judge::new(self.knowledge.as_deref(), &self.policy.policy, self.at)
    }
}
