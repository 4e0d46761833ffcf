//! One consistent state of everything that lists are made of.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use domain::asset::Asset;
use domain::ids::AssetId;
use domain::retirement::Ending;
use domain::scope::{Context, Scope};
use index::Index;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::verdicts::{AllWords, Texts, Verdicts};
use crate::assign::context_of;
use crate::policy::By;
use crate::prioritize::evidence;

/// The index with the assets behind it.
pub(crate) struct Model {
    pub(super) index: Index,
    /// Changed together with the index: hold it to see both as of the same change.
    estate: RwLock<Estate>,
    pub(super) basis: Basis,
    /// The log that it follows.
    pub(super) epoch: String,
    /// What everything in it was judged by, and as of when. Rows that are shown are judged by the same.
    pub(crate) by: By,
    /// Has as many words as rows of the index refer to, or more.
    fixes: RwLock<Fixes>,
    pub(super) working: Mutex<Working>,
}

/// The versions that upgrades bring, by the number of the words that say so. `None`: no upgrade ends the finding.
#[derive(Clone, Default)]
pub(crate) struct Fixes(Vec<Option<Arc<str>>>);

/// What all verdicts depend on: where it is the same, they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Basis {
    /// Hash of the knowledge. Empty: there is none.
    knowledge: String,
    /// Hash of the policy, and why a later one is not used: a model says so beside its lists.
    policy: (String, Option<String>),
    /// How far the lists of exploit evidence can be trusted.
    kev: String,
    epss: String,
    /// The day, in UTC.
    today: Date,
}

/// The assets behind the findings.
#[derive(Default, Clone)]
pub(crate) struct Estate {
    pub(crate) assets: BTreeMap<AssetId, Known>,
    pub(crate) by_name: BTreeSet<(Arc<str>, AssetId)>,
    /// Those of which nobody knows what is on them.
    pub(crate) unknown: BTreeSet<AssetId>,
    /// Those that nobody has heard of for too long: their findings count all the same.
    pub(crate) expired: BTreeSet<AssetId>,
}

/// What is kept of an asset.
#[derive(Clone)]
pub(crate) struct Known {
    /// Without its services: they are many, and no list needs them.
    pub(crate) asset: Arc<Asset>,
    pub(crate) context: Arc<Context>,
    /// `None`: never inspected.
    pub(crate) undecided_count: Option<u64>,
}

/// What only whoever changes the model needs.
pub(super) struct Working {
    /// Position in the change log, up to which everything is in the model.
    pub(super) position: u64,
    pub(super) scopes: Vec<Scope>,
    pub(super) texts: Texts,
    /// Behind numbers in rows of the index.
    pub(super) words: AllWords,
    pub(super) verdicts: Verdicts,
    /// Most assets share theirs with others.
    contexts: HashSet<Arc<Context>>,
}

impl Model {
    pub(super) fn new(index: Index, estate: Estate, judged: (Basis, By), epoch: String, working: Working) -> Self {
        let (basis, by) = judged;
        let fixes = Fixes(working.words.fixes_from(0).collect());
        let (estate, fixes, working) = (RwLock::new(estate), RwLock::new(fixes), Mutex::new(working));
        Self { index, estate, basis, epoch, by, fixes, working }
    }

    /// As of now. Ask a snapshot that was taken before.
    pub(crate) fn fixes(&self) -> Fixes {
        self.fixes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what new words say, before rows refer to them.
    pub(super) fn learn_fixes(&self, words: &AllWords) {
        let mut fixes = self.fixes.write().unwrap_or_else(PoisonError::into_inner);
        let known = fixes.0.len();
        fixes.0.extend(words.fixes_from(known));
    }

    /// What matches say, by the numbers that rows have for it. Ask for a snapshot before.
    pub(crate) async fn words(&self) -> AllWords {
        self.working.lock().await.words.clone()
    }

    pub(crate) fn estate(&self) -> RwLockReadGuard<'_, Estate> {
        self.estate.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn estate_mut(&self) -> RwLockWriteGuard<'_, Estate> {
        self.estate.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The findings as of now.
    pub(crate) fn snapshot(&self) -> Arc<index::Snapshot> {
        self.index.snapshot()
    }
}

impl Fixes {
    /// Of the words by which an upgrade ends a finding.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        (0..).zip(&self.0).filter(|(_, fix)| fix.is_some()).map(|(number, _)| number).collect()
    }

    pub(crate) fn get(&self, number: u32) -> Option<&str> {
        self.0.get(number as usize)?.as_deref()
    }
}

impl Basis {
    pub(super) fn of(by: &By) -> Self {
        let evidence = evidence(by.knowledge.as_deref(), by.at);
        Self {
            knowledge: by.knowledge.as_ref().map(|knowledge| knowledge.hash()).unwrap_or_default(),
            policy: (by.policy.hash.to_string(), by.policy.trouble.as_deref().map(str::to_owned)),
            kev: evidence.kev.as_str().to_owned(),
            epss: evidence.epss.as_str().to_owned(),
            today: Offset::UTC.to_datetime(by.at).date(),
        }
    }

    /// Whether verdicts differ only where something else is known of the vulnerability.
    pub(super) fn differs_in_knowledge_alone(&self, other: &Self) -> bool {
        Self { knowledge: other.knowledge.clone(), ..self.clone() } == *other
    }
}

impl Estate {
    pub(super) fn put(&mut self, known: Known) {
        let id = known.asset.id;
        self.remove(id);
        self.by_name.insert((known.asset.name.as_str().into(), id));
        if is_unknown(&known.asset) {
            self.unknown.insert(id);
        }
        if known.asset.retired.as_ref().is_some_and(|retired| retired.ending == Ending::Expired) {
            self.expired.insert(id);
        }
        self.assets.insert(id, known);
    }

    pub(super) fn remove(&mut self, id: AssetId) {
        if let Some(known) = self.assets.remove(&id) {
            self.by_name.remove(&(known.asset.name.as_str().into(), id));
            self.unknown.remove(&id);
            self.expired.remove(&id);
        }
    }
}

/// Nobody knows what is on it: never inspected, or not successfully.
pub(crate) fn is_unknown(asset: &Asset) -> bool {
    asset.retired_at.is_none() && (asset.last_inspected_at.is_none() || asset.last_error.is_some())
}

impl Known {
    /// As the index keeps it.
    pub(super) fn listed(&self) -> index::Asset {
        let asset = &self.asset;
        index::Asset {
            id: asset.id,
            name: asset.name.clone(),
            os: asset.platform.as_ref().and_then(|platform| platform.release.clone()),
            scopes: self.context.scopes.clone(),
            tags: asset.tags.clone(),
            retired: asset.retired_at.is_some(),
            unreachable: asset.unreachable_since.is_some(),
        }
    }
}

impl Working {
    pub(super) fn new(position: u64, scopes: Vec<Scope>, words: AllWords) -> Self {
        let (texts, verdicts, contexts) = (Texts::default(), Verdicts::default(), HashSet::new());
        Self { position, scopes, texts, words, verdicts, contexts }
    }

    /// What goes on from here with other verdicts. It gets the texts: they can be read again.
    pub(super) fn successor(&mut self) -> Self {
        let texts = std::mem::take(&mut self.texts);
        Self { texts, ..Self::new(self.position, self.scopes.clone(), self.words.clone()) }
    }

    /// An asset as it is kept.
    pub(super) fn known(&mut self, mut asset: Asset, undecided_count: Option<u64>) -> Known {
        asset.services = Vec::new();
        let undecided_count = undecided_count.filter(|_| asset.retired_at.is_none());
        let context = self.shared(context_of(&asset, &self.scopes));
        Known { asset: Arc::new(asset), context, undecided_count }
    }

    fn shared(&mut self, context: Context) -> Arc<Context> {
        if let Some(shared) = self.contexts.get(&context) {
            return Arc::clone(shared);
        }
        let context = Arc::new(context);
        self.contexts.insert(Arc::clone(&context));
        context
    }
}
