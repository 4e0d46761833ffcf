//! Discover: what is seen from outside becomes assets, and joins those that are known already.

pub mod listing;
mod sweep;

use std::net::IpAddr;

use domain::asset::{Asset, Service, Sighting, SshTarget, Way};
use domain::cause::Cause;
use domain::credential::Credential;
use domain::identity::{Source, tell};
use domain::ids::AssetId;
use domain::inventory::Identity;
use jiff::Timestamp;
use store::audit::Note;
use store::{StoreError, Tx};

pub use sweep::{Begun, Phantom};

use crate::identify::Statement;
use crate::inspect::{Clocks, parse_ssh};
use crate::{Engine, Invalid};

/// An asset that a person makes known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewAsset {
    /// `local` or `ssh://user@host[:port]`.
    pub way: String,
    /// `None`: the host of `way`.
    pub name: Option<String>,
    /// Name of a stored credential.
    pub credential: Option<String>,
    /// `ssh://user@host[:port]` to go through first, with the same credential.
    pub jump: Option<String>,
    pub tags: Vec<String>,
}

/// What became of one sighting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub asset: Asset,
    /// Nobody knew of it before.
    pub new: bool,
}

/// Longest name and tag: they are shown in tables.
const WORD_CHARS_MAX: usize = 200;

/// Most tags of one asset.
const TAGS_MAX: usize = 100;

impl Engine {
    /// Keeps a sighting. It joins the asset that its host key tells, or to whose way in it is the answer; else a new asset
    /// joins by itself, and a retired one is back. With a credential, a host that speaks SSH will be inspected with it.
    pub async fn take_sighting(&self, sighting: &Sighting, credential: Option<&Credential>) -> anyhow::Result<Found> {
        let mut tx = self.db.begin().await?;
        let statement = Statement {
            source: Source::NetworkScan,
            native_key: tell::sighting_key(sighting),
            identifiers: tell::of_sighting(sighting),
            at: sighting.observed_at,
        };
        let make = |id, name| blank(id, name, Some(sighting.address), sighting.observed_at);
        let whom = self.identify(&mut tx, &statement, &sighting.address.to_string(), make).await?;
        let mut asset = self.reinstated(&mut tx, whom.asset).await?;
        if asset.way.is_none()
            && let Some(way) = credential.and_then(|credential| ssh_way(sighting, credential))
        {
            store::asset::set_way(&mut tx, asset.id, Some(&way)).await?;
            tx.note(Note::new(self.now(), "asset.set_way", asset.id).after(&way));
            asset.way = Some(way);
        }
        let services = merge(&asset.services, sighting);
        store::asset::set_services(&mut tx, asset.id, &services, sighting.observed_at).await?;
        if asset.unreachable_since.take().is_some() {
            store::asset::set_unreachable(&mut tx, asset.id, None).await?;
        }
        store::sighting::record(&mut tx, whom.record, sighting).await?;
        tx.commit().await?;
        asset.services = services;
        Ok(Found { asset, new: whom.new })
    }

    /// The asset, back among the others if it was retired: it is there after all. What its last inspection showed counts again, as
    /// old as it is, until the next one says more.
    pub(crate) async fn reinstated(&self, tx: &mut Tx, id: AssetId) -> anyhow::Result<Asset> {
        let asset = store::asset::lock(tx, id).await?;
        if asset.retired_at.is_none() {
            return Ok(asset);
        }
        let asset = self.reinstate(tx, asset).await?;
        let cause = Cause::Returned { by: tx.actor().to_owned() };
        self.judge_again(tx, id, &cause, &Clocks::new()).await?;
        Ok(asset)
    }

    /// Brings a retired asset back, before something says what it is like now.
    pub(crate) async fn reinstate(&self, tx: &mut Tx, retired: Asset) -> anyhow::Result<Asset> {
        let name = self.free_name(tx, &retired.name).await?;
        let asset = Asset { name, retired_at: None, retired: None, unreachable_since: None, ..retired };
        store::asset::reinstate(tx, asset.id, &asset.name, self.now()).await?;
        tx.note(Note::new(self.now(), "asset.reinstate", asset.id).after(&asset));
        Ok(asset)
    }
}

impl Engine {
    /// Makes an asset known. A host that was seen at this address already is that asset.
    pub async fn make_known(&self, new: &NewAsset) -> anyhow::Result<Asset> {
        let mut tx = self.db.begin().await?;
        let asset = self.make_known_in(&mut tx, new).await?;
        tx.commit().await?;
        Ok(asset)
    }

    /// Makes an asset known in the caller's transaction.
    pub async fn make_known_in(&self, tx: &mut Tx, new: &NewAsset) -> anyhow::Result<Asset> {
        check_words(new)?;
        let way = read_way(tx, new).await?;
        let host = match &way {
            Way::Local => "local".to_owned(),
            Way::Ssh(target) => target.host.clone(),
        };
        let now = self.now();
        let identifiers = tell::of_way(&way);
        let native_key = identifiers.first().map(|way| way.value.clone()).unwrap_or_default();
        let statement = Statement { source: Source::Operator, native_key, identifiers, at: now };
        let address: Option<IpAddr> = host.parse().ok();
        let named = |asset: Asset| {
            let mut asset = Asset { way: Some(way.clone()), ..asset };
            asset.name = new.name.clone().unwrap_or(asset.name);
            asset.tags.extend(new.tags.iter().cloned());
            asset.tags.sort();
            asset.tags.dedup();
            asset
        };
        // Whoever adds something wants it by the name that was said, and not by one like it.
        let make = |id, _| named(blank(id, host.clone(), address, now));
        let whom = self.identify(tx, &statement, &host, make).await.map_err(taken)?;
        let known = store::asset::lock(tx, whom.asset).await?;
        if whom.new {
            return Ok(known);
        }
        if known.way.as_ref() == Some(&way) && known.retired_at.is_none() {
            return Err(Invalid(format!("there is an asset {:?} already, which is reached just so", known.name)).into());
        }
        let before = self.reinstated(tx, whom.asset).await?;
        // Who says that it is there knows it from somewhere.
        let last_seen_at = if known.retired_at.is_some() { now } else { before.last_seen_at };
        let asset = Asset { last_seen_at, ..named(before.clone()) };
        store::asset::update(tx, &asset).await.map_err(|error| taken(error.into()))?;
        tx.note(Note::new(now, "asset.update", asset.id).before(&before).after(&asset));
        Ok(asset)
    }
}

/// A name that another asset has is for people to mend.
fn taken(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<StoreError>() {
        Some(StoreError::Taken { .. }) => {
            Invalid("there is an asset of this name already: choose another name".to_owned()).into()
        }
        _ => error,
    }
}

/// Names and tags are shown on terminals and pages: short, and without control characters.
fn check_words(new: &NewAsset) -> Result<(), Invalid> {
    let good = |word: &String| {
        !word.trim().is_empty() && word.chars().count() <= WORD_CHARS_MAX && !word.chars().any(char::is_control)
    };
    if !new.name.iter().all(good) {
        return Err(Invalid(format!("name: 1 to {WORD_CHARS_MAX} printable characters")));
    }
    if new.tags.len() > TAGS_MAX || !new.tags.iter().all(good) {
        return Err(Invalid(format!("tags: at most {TAGS_MAX}, each of 1 to {WORD_CHARS_MAX} printable characters")));
    }
    Ok(())
}

async fn read_way(tx: &mut Tx, new: &NewAsset) -> anyhow::Result<Way> {
    if new.way == "local" {
        return Ok(Way::Local);
    }
    let read = |url: &str| parse_ssh(url).map_err(|error| Invalid(error.to_string()));
    let mut target = read(&new.way)?;
    if let Some(name) = &new.credential {
        let credential = store::credential::find_by_name(&mut *tx, name).await?;
        target.credential = Some(credential.ok_or_else(|| Invalid(format!("there is no credential {name:?}")))?.id);
    }
    if let Some(jump) = &new.jump {
        target.jump = Some(Box::new(SshTarget { credential: target.credential, ..read(jump)? }));
    }
    Ok(Way::Ssh(target))
}

/// An asset of which nothing but a name and perhaps an address is known.
pub(crate) fn blank(id: AssetId, name: String, address: Option<IpAddr>, now: Timestamp) -> Asset {
    let identity = Identity { addresses: address.into_iter().collect(), ..Identity::default() };
    Asset { identity, ..Asset::new(id, name, now) }
}

fn ssh_way(sighting: &Sighting, credential: &Credential) -> Option<Way> {
    let ssh = sighting.services.iter().find(|service| service.protocol.as_deref() == Some("ssh"))?;
    Some(Way::Ssh(SshTarget {
        user: credential.user.clone(),
        host: sighting.address.to_string(),
        port: ssh.port,
        credential: Some(credential.id),
        jump: None,
    }))
}

/// What was seen now replaces what was seen before at the same address; other addresses keep theirs.
fn merge(known: &[Service], sighting: &Sighting) -> Vec<Service> {
    let elsewhere = |address: IpAddr| address != sighting.address;
    let mut services: Vec<Service> = known.iter().filter(|service| elsewhere(service.address)).cloned().collect();
    services.extend(sighting.services.iter().cloned());
    services.sort_by_key(|service| (service.address, service.port));
    services
}
