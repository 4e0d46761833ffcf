//! Judging again no more of an asset than what has changed: the packages that new knowledge says something else of.
//!
//! Which of these an asset has is known in memory. What else a verdict depends on (the release, what runs, what could not be
//! read) is read, and so are the findings of these packages; the rest of the inventory is not.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};

use anyhow::Context as _;
use domain::component::Component;
use domain::ids::AssetId;
use domain::verdict::{Undecided, UndecidedKind};
use index::{Has, ListDigest};
use knowledge::{Matcher, Matches};
use store::finding::StoredFinding;
use store::inspection::{Components, Stored};
use store::{Db, StoreError, Tx};
use tokio::task::spawn_blocking;

use super::{Failures, Judge, Judged, Memory};
use crate::is_of_an_asset;

/// Assets that are judged in one transaction.
pub(super) const BATCH: usize = if cfg!(test) { 8 } else { 1000 };
/// Findings of an asset that are asked for one by one. Where more may be there, all of it are looked through.
const FINDINGS_MAX: usize = 50;

/// What changed from one knowledge file to the next.
pub(super) struct About {
    /// Hash of the older file.
    pub(super) since: String,
    /// Components that something changed of.
    pub(super) changed: BTreeSet<i64>,
    /// Every component that verdicts on these packages depend on, in their order.
    pub(super) order: Vec<i64>,
    /// Names of source packages.
    packages: BTreeSet<String>,
    components: Components,
    /// Numbers of what findings may be about, by the package's name.
    defects: HashMap<String, Vec<i64>>,
}

impl About {
    /// Reads what stands behind the names of packages, as source or as binary.
    pub(super) async fn read(db: &Db, since: String, changed: BTreeSet<String>) -> anyhow::Result<Self> {
        let names: Vec<&str> = changed.iter().map(String::as_str).collect();
        let mut packages = store::inspection::sources_named(db, &names).await?;
        let of_names = store::inspection::components_named(db, &names).await?;
        packages.extend(changed);
        let names: Vec<&str> = packages.iter().map(String::as_str).collect();
        let mut wanted = store::inspection::components_of(db, &names).await?;
        let mut components = Components::default();
        components.read(db, &Vec::from_iter(wanted.iter().copied())).await?;
        if wanted.iter().filter_map(|id| components.get(*id)).any(|component| knowledge::is_of_kernel(component)) {
            // Which kernel counts is decided among all of them.
            wanted.extend(store::inspection::kernels(db).await?);
            components.read(db, &Vec::from_iter(wanted.iter().copied())).await?;
        }
        let mut order = Vec::from_iter(wanted);
        order.sort_by(|a, b| components.get(*a).cmp(&components.get(*b)));
        let defects = store::finding::defects_named(db, &packages).await?;
        Ok(Self { since, changed: of_names, order, packages, components, defects })
    }

    /// The packages of an asset that something changed of, by name.
    fn names<'a>(&self, judged: &'a Judged) -> BTreeSet<&'a str> {
        let names = judged.stored.inventory.components.iter().flatten().map(|component| component.source.as_str());
        names.filter(|name| self.packages.contains(*name)).collect()
    }

    /// Everything undecided of an inspection: what is said of these packages now, and what was said of others.
    fn undecided(&self, stored: &Stored, matches: &Matches, names: &BTreeSet<&str>) -> Vec<Undecided> {
        let is_about = |entry: &&Undecided| {
            matches!(entry.kind, UndecidedKind::Verdict | UndecidedKind::Package)
                && names.contains(entry.subject.as_str())
        };
        let before = stored.undecided.iter().filter(|entry| !is_about(entry));
        let mut all: Vec<Undecided> = before.chain(matches.undecided().filter(is_about)).cloned().collect();
        all.sort();
        all.dedup();
        all
    }
}

/// Whether what is undecided of a whole ecosystem may depend on more than these packages: how many of all are not listed.
fn are_counted(judged: &Judged) -> bool {
    let components = || judged.stored.inventory.components.iter().flatten();
    let is_count = |entry: &Undecided| {
        entry.kind == UndecidedKind::Package
            && components().any(|component| component.ecosystem.as_str() == entry.subject)
    };
    judged.matches.packages.iter().any(|verdict| !verdict.unlisted.is_empty())
        || judged.stored.undecided.iter().any(is_count)
}

fn is_taken(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<StoreError>(), Some(StoreError::Taken { .. }))
}

impl Judge {
    /// Judges a batch; what cannot be judged so is judged whole.
    pub(super) async fn parts(
        &self,
        memory: &Memory,
        about: &Arc<About>,
        concerned: &[Has],
    ) -> anyhow::Result<(u32, Failures)> {
        let (count, left) = match self.parts_together(memory, about, concerned).await {
            // A finding is there that nobody knew of: another tool has reported it meanwhile.
            Err(error) if is_of_an_asset(&error) || is_taken(&error) => {
                (0, concerned.iter().map(|has| has.asset).collect())
            }
            done => done?,
        };
        let (mut all, mut failures) = (count, Failures::new());
        for assets in left.chunks(super::BATCH) {
            let (count, failed) = self.whole(memory, assets).await?;
            all += count;
            failures.extend(failed);
        }
        Ok((all, failures))
    }

    /// Judges assets in one transaction: how many, and those that have to be judged whole.
    async fn parts_together(
        &self,
        memory: &Memory,
        about: &Arc<About>,
        concerned: &[Has],
    ) -> anyhow::Result<(u32, Vec<AssetId>)> {
        let hash = self.knowledge.hash();
        let mut tx = self.db.begin().await?;
        let ids: Vec<AssetId> = concerned.iter().map(|has| has.asset).collect();
        store::asset::lock_all(&mut tx, &ids).await?;
        let mut latest = store::inspection::latest_without_components(&mut tx, &ids).await?;
        latest.retain(|(stored, _)| stored.summary.knowledge != hash);
        let (judge, matcher, to_judge) = (self.clone(), Arc::clone(&memory.matcher), Arc::clone(about));
        let concerned: HashMap<AssetId, Has> = concerned.iter().map(|has| (has.asset, has.clone())).collect();
        let judging = spawn_blocking(move || {
            let mut matcher = matcher.lock().unwrap_or_else(PoisonError::into_inner);
            judge.judge_parts(&mut matcher, &to_judge, latest, &concerned)
        });
        let (judged, left) = judging.await.context("match a batch")?;
        let findings = self.findings(&mut tx, about, &judged).await?;
        if cfg!(debug_assertions) {
            self.expect_to_be_whole(&mut tx, about, &judged).await?;
        }
        let all = judged.iter().map(Judged::asset).collect();
        Ok((self.keep(tx, judged, all, findings).await?, left))
    }

    fn judge_parts(
        &self,
        matcher: &mut Matcher,
        about: &About,
        latest: Vec<(Stored, u128)>,
        concerned: &HashMap<AssetId, Has>,
    ) -> (Vec<Judged>, Vec<AssetId>) {
        let (mut all, mut left) = (Vec::with_capacity(latest.len()), Vec::new());
        for (mut stored, digest) in latest {
            let asset = stored.summary.asset;
            // One that was inspected again meanwhile may have anything, and may have been matched with anything.
            let has = concerned.get(&asset).filter(|has| has.digest == ListDigest(digest));
            let components = has.filter(|_| stored.summary.knowledge == about.since).and_then(|has| {
                let known = |id: &i64| about.components.get(*id).cloned();
                has.components.iter().map(known).collect::<Option<Vec<Arc<Component>>>>()
            });
            let Some(components) = components else {
                left.push(asset);
                continue;
            };
            stored.inventory.components = Some(components);
            let matches = matcher.find(&stored.inventory);
            let mut judged = Judged { stored, matches, undecided: Vec::new() };
            if are_counted(&judged) {
                left.push(asset);
                continue;
            }
            judged.undecided = about.undecided(&judged.stored, &judged.matches, &about.names(&judged));
            judged.matches.packages.retain(|verdict| about.packages.contains(&verdict.package.name));
            all.push(judged);
        }
        (all, left)
    }

    /// The findings of these packages, ended ones included: of all that was known of when the change was read.
    async fn findings(&self, tx: &mut Tx, about: &About, judged: &[Judged]) -> anyhow::Result<Vec<StoredFinding>> {
        let mut wanted: BTreeSet<(AssetId, i64)> = BTreeSet::new();
        for judged in judged {
            let defects = about.names(judged).into_iter().filter_map(|name| about.defects.get(name)).flatten();
            wanted.extend(defects.map(|defect| (judged.asset(), *defect)));
        }
        if wanted.len() <= judged.len() * FINDINGS_MAX {
            return Ok(store::finding::numbered_so(tx, wanted).await?);
        }
        let ids: Vec<AssetId> = judged.iter().map(Judged::asset).collect();
        let mut findings = store::finding::of_assets(tx, &ids).await?;
        findings.retain(|stored| about.packages.contains(&stored.finding.key.package.name));
        Ok(findings)
    }

    /// What is said of parts must be what would be said of them if everything were judged.
    async fn expect_to_be_whole(&self, tx: &mut Tx, about: &About, judged: &[Judged]) -> anyhow::Result<()> {
        let ids: Vec<AssetId> = judged.iter().map(Judged::asset).collect();
        let latest = store::inspection::latest_of_these(tx, &ids, &mut Components::default()).await?;
        for (parts, stored) in judged.iter().zip(latest) {
            let mut matches = self.knowledge.find(&stored.inventory);
            let open: BTreeSet<&Undecided> = parts.undecided.iter().collect();
            let lacks = matches.undecided().find(|entry| !open.contains(entry));
            assert!(lacks.is_none(), "undecided of asset {}, and not said: {lacks:?}", parts.asset());
            matches.packages.retain(|verdict| about.packages.contains(&verdict.package.name));
            assert_eq!(parts.matches.packages, matches.packages, "asset {}", parts.asset());
        }
        Ok(())
    }
}
