//! Listings: things join the estate by what their owners say, and leave it by that.

use std::net::IpAddr;

use anyhow::Context as _;
use domain::asset::{Asset, Retired};
use domain::cause::Cause;
use domain::identity::tell;
use domain::listing::{Listed, Listing, Thing, Whole};
use domain::report::Problems;
use domain::retirement::{self, Ending};
pub use integrations::listings::FILE_BYTES_MAX;
use integrations::listings::Read;
use jiff::Timestamp;
use serde::Serialize;
use store::audit::Note;
use store::{Db, Tx};

use super::blank;
use crate::identify::Statement;
use crate::work::Verb;
use crate::{Engine, Invalid};

/// What became of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub source: String,
    pub taken_at: Timestamp,
    pub counts: ListingCounts,
    /// Why nothing is missing by it, although it says that it is whole.
    pub partial: Option<String>,
    pub problems: Problems,
}

/// What became of the things of a listing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ListingCounts {
    pub things: u64,
    /// Nobody knew of them.
    pub new: u64,
    /// They had been retired and are there again.
    pub back: u64,
    /// They were there, and have ended by this.
    pub ended: u64,
    /// A later listing of the source said something of them already.
    pub outdated: u64,
    /// Things that could not be read.
    pub problems: u64,
}

/// Things in one transaction: who is who is decided by one at a time, and others want to know, too.
const THINGS_BATCH: usize = 100;

/// Reads a listing, before any transaction begins.
pub async fn read(bytes: Vec<u8>) -> anyhow::Result<Read> {
    let parsing = tokio::task::spawn_blocking(move || integrations::listings::parse(&bytes));
    Ok(parsing.await.context("read the listing")?.map_err(|error| Invalid(error.to_string()))?)
}

impl Engine {
    /// Keeps a listing, on behalf of whom `db` acts for. Its things join the assets that they are, or become new ones; what has ended
    /// by it is gone. That it was whole is noted when everything else is kept: one that was broken off misses nothing. Taking it
    /// once more changes nothing.
    pub async fn take_listing(&self, db: &Db, read: Read) -> anyhow::Result<Taken> {
        let Read { mut listing, partial, mut problems } = read;
        let now = self.now();
        // Nobody has looked at the future.
        listing.taken_at = listing.taken_at.min(now);
        let wholes: Vec<Whole> = listing.wholes().collect();
        let mut counts = ListingCounts { things: listing.things.len() as u64, ..ListingCounts::default() };
        for batch in listing.things.chunks(THINGS_BATCH) {
            let mut tx = db.begin().await?;
            // Before any asset is locked, as everywhere.
            store::record::lock(&mut tx).await?;
            for thing in batch {
                let thing = Thing { ended_at: thing.ended_at.map(|at| at.min(now)), ..thing.clone() };
                if !self.take_thing(&mut tx, &listing, &thing, &mut counts).await? {
                    problems.note(format!("{} {:?}: its id tells nothing", thing.kind.as_str(), thing.id));
                }
            }
            tx.commit().await?;
        }
        let partial = partial.or_else(|| {
            let unread = (problems.count > 0 && !wholes.is_empty()).then_some(problems.count);
            unread.map(|count| format!("{count} of its things could not be read"))
        });
        counts.problems = problems.count;
        let mut tx = db.begin().await?;
        if partial.is_none() {
            for whole in &wholes {
                store::listing::note(&mut tx, whole).await?;
            }
        }
        tx.note(Note::new(now, "listing.take", &listing.source).after(&counts));
        tx.commit().await?;
        Ok(Taken { source: listing.source, taken_at: listing.taken_at, counts, partial, problems })
    }

    /// False: what its owner calls it is a placeholder.
    async fn take_thing(
        &self,
        tx: &mut Tx,
        listing: &Listing,
        thing: &Thing,
        counts: &mut ListingCounts,
    ) -> anyhow::Result<bool> {
        let Some(identifiers) = tell::of_thing(listing, thing) else { return Ok(false) };
        let at = thing.ended_at.unwrap_or(listing.taken_at);
        let (source, native_key) = (tell::lister(thing.kind), tell::thing_key(listing, thing));
        let statement = Statement { source, native_key, identifiers, at };
        let wanted = thing.name.as_ref().or(thing.fqdn.as_ref()).or(thing.hostname.as_ref()).unwrap_or(&thing.id);
        let whom = self.identify(tx, &statement, wanted, |id, name| begun(blank(id, name, None, at), thing)).await?;
        counts.new += u64::from(whom.new);
        let mut asset = store::asset::lock(tx, whom.asset).await?;
        if !store::listing::record(tx, whom.record, &listing.listed(thing), self.now()).await? {
            counts.outdated += 1;
            return Ok(true);
        }
        if thing.ended_at.is_some() {
            counts.ended += u64::from(self.end_listed(tx, asset).await?);
            return Ok(true);
        }
        // What was retired since it was listed stays retired.
        if asset.retired_at.is_some_and(|retired_at| retired_at >= at) {
            return Ok(true);
        }
        if asset.retired_at.is_some() {
            counts.back += 1;
            asset = self.reinstated(tx, asset.id).await?;
        }
        if is_only_listed(&asset) {
            store::asset::record_contact(tx, asset.id, at).await?;
        }
        let tags = with_tags(&asset.tags, &thing.tags);
        if tags != asset.tags {
            store::asset::set_tags(tx, asset.id, &tags).await?;
            tx.note(Note::new(self.now(), "asset.set_tags", asset.id).before(&asset.tags).after(&tags));
        }
        Ok(true)
    }

    /// Retires an asset of which everything that is listed has ended, unless something was in touch with it later, or reads it at
    /// this moment. Says whether it did.
    async fn end_listed(&self, tx: &mut Tx, asset: Asset) -> anyhow::Result<bool> {
        let Some(known) = store::contact::of_asset(&mut *tx, asset.id).await? else { return Ok(false) };
        let kind = retirement::Kind::of(&known.traits);
        let listed: Vec<Listed> = known.listed.into_iter().filter(|listed| kind.ends_with(listed.kind)).collect();
        let has_ended = ended_at(&asset, &listed).is_some_and(|ended_at| ended_at >= asset.last_contact_at());
        let is_gone = asset.retired.as_ref().is_some_and(|retired| retired.ending == Ending::Gone);
        if !has_ended || is_gone {
            return Ok(false);
        }
        if store::queue::is_running(&mut *tx, Verb::Inspect.as_str(), &asset.id.to_string()).await? {
            return Ok(false);
        }
        let retired = Retired { ending: Ending::Gone, because: "its owner says that it has ended".to_owned() };
        let cause = Cause::Retired { by: tx.actor().to_owned() };
        self.end_asset(tx, &asset, retired, self.now(), &cause).await?;
        Ok(true)
    }
}

/// Whether nobody else is in touch with an asset, so that its owner's listings are all that is known of it.
fn is_only_listed(asset: &Asset) -> bool {
    asset.way.is_none() && asset.last_inspected_at.is_none() && asset.services.is_empty()
}

/// When an asset has ended by its owners' word. They may have said after the end that it is there; where that is the only contact,
/// what they said last counts. A report or a sighting after that is another contact.
pub(crate) fn ended_at(asset: &Asset, listed: &[Listed]) -> Option<Timestamp> {
    let ended_at = domain::listing::ended_at(listed)?;
    let said_at = listed.iter().map(|listed| listed.listed_at).max().filter(|_| is_only_listed(asset));
    Some(said_at.map_or(ended_at, |said_at| said_at.max(ended_at)))
}

/// A new asset as it is listed.
fn begun(asset: Asset, thing: &Thing) -> Asset {
    let mut asset = asset;
    asset.first_seen_at = thing.started_at.unwrap_or(asset.first_seen_at).min(asset.first_seen_at);
    asset.identity.addresses = thing.addresses.iter().filter(|address| is_of_one(address)).copied().collect();
    asset.tags = with_tags(&[], &thing.tags);
    asset
}

fn is_of_one(address: &IpAddr) -> bool {
    !address.is_loopback() && !address.is_unspecified()
}

/// Tags of an asset with those of a listing: what people said stays.
fn with_tags(known: &[String], listed: &[String]) -> Vec<String> {
    let mut tags = [known, listed].concat();
    tags.sort();
    tags.dedup();
    tags
}

#[cfg(test)]
mod tests;
