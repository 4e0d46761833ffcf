//! Retire: what is gone takes its findings with it; what has merely not been heard of for too long keeps them, stale and counted.
//! Nothing is forgotten, and whatever is seen again is back.
//!
//! When a kind of asset has ended is said in [`domain::retirement`]; here is read what that needs, and done what it says. The verb
//! takes no input, is idempotent, and may run twice: each asset is locked and looked at again before anything is changed.

use std::fmt;

use domain::asset::{Asset, Retired, Sighting};
use domain::cause::Cause;
use domain::clock::When;
use domain::finding::{Change, ClosedCause, Evidence, Fact, Finding};
use domain::ids::AssetId;
use domain::listing::{self, Listed, Whole};
use domain::retirement::{Contacts, Ending, Kind, Policy, Standing};
use domain::sweep::{self, Sweep};
use jiff::{SignedDuration, Timestamp};
use store::Tx;
use store::audit::Note;
use store::contact::Known;
use store::finding::{Recording, Save};
use store::queue::Progress;

use crate::work::{Report, Verb};
use crate::{Engine, Invalid};

/// What became of assets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retirements {
    /// Assets that were looked at.
    pub assets: u64,
    pub gone: u64,
    pub expired: u64,
    /// Assets that do not answer, and are not retired.
    pub unreachable: u64,
    /// Findings that ended with their assets.
    pub findings: u64,
    /// Findings of what has expired: nobody has seen them gone.
    pub stale: u64,
}

/// Whole looks at what there is.
struct Looks {
    sweeps: Vec<Sweep>,
    listings: Vec<Whole>,
}

/// Assets that are looked at at once.
const ASSETS_PAGE: usize = 500;

/// An asset that was at several addresses within this time before it was last met is looked for at each of them.
const MOVING: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Listings since this time before now are all counted, so that they tell for how long a thing has been missing; of sources that
/// list more seldom, the latest ones.
const LISTINGS_KEPT: SignedDuration = SignedDuration::from_hours(8 * 24);
const LISTINGS_OF_EACH: usize = 3;

/// Longest reason of a person.
const BECAUSE_CHARS_MAX: usize = 500;

impl Engine {
    /// Retires every asset that has ended, and notes which do not answer.
    pub async fn retire(&self, policy: &Policy, report: &Report) -> anyhow::Result<Retirements> {
        let looks = self.looks(policy).await?;
        let (mut done, mut after) = (Retirements::default(), None);
        loop {
            let page = store::contact::page(&self.db, after, ASSETS_PAGE).await?;
            for known in &page {
                done.assets += 1;
                match standing(known, &looks, policy, self.now()) {
                    Standing::Present if known.asset.unreachable_since.is_none() => {}
                    Standing::Unreachable { since } if known.asset.unreachable_since == Some(since) => {
                        done.unreachable += 1;
                    }
                    _ => match self.settle_standing(known.asset.id, &looks, policy, &mut done).await {
                        Err(error) if crate::is_of_an_asset(&error) => {
                            let why = crate::with_causes(&error);
                            tracing::warn!(asset = known.asset.name, "it cannot be said whether it has ended: {why}");
                        }
                        settled => settled?,
                    },
                }
            }
            report.set(Progress { done: done.assets, total: None, text: "looking for what has ended".to_owned() });
            after = page.last().map(|known| known.asset.id);
            if page.len() < ASSETS_PAGE {
                return Ok(done);
            }
        }
    }

    async fn looks(&self, policy: &Policy) -> anyhow::Result<Looks> {
        let since = self.now().checked_sub(LISTINGS_KEPT)?;
        let sweeps = store::sweep::latest(&self.db, policy.scanned_sweeps).await?;
        Ok(Looks { sweeps, listings: store::listing::wholes(&self.db, since, LISTINGS_OF_EACH).await? })
    }

    /// Does what the standing of an asset asks for, as it is with the asset locked.
    async fn settle_standing(
        &self,
        id: AssetId,
        looks: &Looks,
        policy: &Policy,
        done: &mut Retirements,
    ) -> anyhow::Result<()> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        store::asset::lock(&mut tx, id).await?;
        let Some(known) = store::contact::of_asset(&mut tx, id).await? else { return Ok(()) };
        let asset = &known.asset;
        match standing(&known, looks, policy, now) {
            Standing::Present => {
                if asset.unreachable_since.is_some() {
                    store::asset::set_unreachable(&mut tx, id, None).await?;
                }
            }
            Standing::Unreachable { since } => {
                done.unreachable += 1;
                if asset.unreachable_since != Some(since) {
                    store::asset::set_unreachable(&mut tx, id, Some(since)).await?;
                }
            }
            // Somebody may be reading it at this moment: wait for what comes of it.
            Standing::Retire { .. }
                if store::queue::is_running(&mut tx, Verb::Inspect.as_str(), &id.to_string()).await? =>
            {
                return Ok(());
            }
            Standing::Retire { ending, because } => {
                let retired = Retired { ending, because };
                tracing::info!(asset = asset.name, because = retired.because, "retired: {}", ending.as_str());
                let findings = self.end_asset(&mut tx, asset, retired, now, &Cause::Clock).await?;
                let (assets, their_findings) = match ending {
                    Ending::Gone => (&mut done.gone, &mut done.findings),
                    Ending::Expired => (&mut done.expired, &mut done.stale),
                };
                *assets += 1;
                *their_findings += findings;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Retires an asset because a person says that it is gone, also one that has expired.
    pub async fn retire_asset(&self, tx: &mut Tx, id: AssetId, because: Option<&str>) -> anyhow::Result<Asset> {
        let because = because.map(str::trim).filter(|because| !because.is_empty()).unwrap_or("a person says so");
        if because.chars().count() > BECAUSE_CHARS_MAX || because.chars().any(char::is_control) {
            return Err(Invalid(format!("because: at most {BECAUSE_CHARS_MAX} printable characters")).into());
        }
        let asset = store::asset::lock(tx, id).await?;
        let has_expired = asset.retired.as_ref().is_some_and(|retired| retired.ending == Ending::Expired);
        if asset.retired_at.is_some() && !has_expired {
            return Err(Invalid(format!("{} is retired already", asset.name)).into());
        }
        let retired = Retired { ending: Ending::Gone, because: because.to_owned() };
        let cause = Cause::Retired { by: tx.actor().to_owned() };
        self.end_asset(tx, &asset, retired, self.now(), &cause).await?;
        store::asset::lock(tx, id).await.map_err(Into::into)
    }

    /// Ends an asset. What is gone ends every finding that it still has; of what has expired nobody knows, so its findings are
    /// stale and go on. Returns how many those were.
    pub(crate) async fn end_asset(
        &self,
        tx: &mut Tx,
        asset: &Asset,
        retired: Retired,
        at: Timestamp,
        cause: &Cause,
    ) -> anyhow::Result<u64> {
        let ending = retired.ending;
        store::asset::retire(tx, asset.id, &retired, at).await?;
        store::queue::withdraw(tx, Verb::Inspect.as_str(), &asset.id.to_string(), at).await?;
        let after = Asset { unreachable_since: None, retired_at: Some(at), retired: Some(retired), ..asset.clone() };
        tx.note(Note::new(at, "asset.retire", asset.id).before(asset).after(&after));
        let (mut moved, mut count) = (Vec::new(), 0);
        for stored in store::finding::of_asset(&mut *tx, asset.id).await? {
            let mut finding = stored.finding;
            if finding.detection.is_active() {
                count += 1;
                let evidence = evidence(&finding, ending, at);
                match finding.apply(&evidence) {
                    // Stale already.
                    Change::None => {}
                    change => moved.push((finding, [(evidence, change)])),
                }
            }
        }
        let saves: Vec<Save<'_>> =
            moved.iter().map(|(finding, evidence)| Save { finding, matched: None, evidence, is_new: false }).collect();
        store::finding::save_all(tx, &saves, Recording { at, cause, record: None }).await?;
        Ok(count)
    }
}

/// What the ending of its asset says of a finding at an instant, or where a clock was ahead as soon as its evidence allows.
fn evidence(finding: &Finding, ending: Ending, at: Timestamp) -> Evidence {
    let fact = match ending {
        Ending::Gone => Fact::Ended { cause: ClosedCause::AssetRetired },
        Ending::Expired => Fact::Unseen,
    };
    Evidence { observed_at: When::present(at, at).after(finding.shown_at()), fact }
}

fn standing(known: &Known, looks: &Looks, policy: &Policy, now: Timestamp) -> Standing {
    let kind = Kind::of(&known.traits);
    let listed: Vec<Listed> = known.listed.iter().filter(|listed| kind.ends_with(listed.kind)).cloned().collect();
    let last_at = known.asset.last_contact_at();
    let is_place = |seen: &&Sighting| last_at.duration_since(seen.observed_at) <= MOVING;
    let places: Vec<Sighting> = known.sightings.iter().filter(is_place).cloned().collect();
    let contacts = Contacts {
        last_at,
        listed_at: listed.iter().filter(|listed| listed.ended_at.is_none()).map(|listed| listed.listed_at).max(),
        gone_at: crate::discover::listing::ended_at(&known.asset, &listed),
        misses: sweep::misses(&places, &looks.sweeps, last_at),
        unlisted: listing::misses(&listed, &looks.listings, last_at),
        tries: known.tries,
    };
    contacts.standing(kind, policy, now)
}

impl fmt::Display for Retirements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { assets, gone, expired, unreachable, findings, stale } = self;
        write!(f, "{assets} assets: {gone} gone, {expired} expired, {unreachable} unreachable; ")?;
        write!(f, "{findings} findings ended, {stale} stale on what has expired")
    }
}

#[cfg(test)]
mod tests;
