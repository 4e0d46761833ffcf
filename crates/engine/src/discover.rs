//! Discover: what is seen from outside becomes assets, and joins those that are known already.

use std::net::IpAddr;

use domain::asset::{Asset, Service, Sighting, SshTarget, Way};
use domain::credential::Credential;
use domain::ids::AssetId;
use domain::inventory::Identity;
use jiff::Timestamp;
use store::asset::{Identifier, IdentifierKind};
use store::audit::Note;
use store::{StoreError, Tx};

use crate::inspect::parse_ssh;
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
    /// Keeps a sighting. It joins the asset with the same SSH host key, else the one with the same address; else a new
    /// asset joins by itself. With a credential, a host that speaks SSH will be inspected with it.
    pub async fn take_sighting(&self, sighting: &Sighting, credential: Option<&Credential>) -> anyhow::Result<Found> {
        let mut tx = self.db.begin().await?;
        let known = known_asset(&mut tx, sighting).await?;
        let new = known.is_none();
        let mut asset = match known {
            Some(asset) => asset,
            None => {
                let id = AssetId::from_uuid(store::new_id(self.now()));
                let (name, address) = (sighting.address.to_string(), Some(sighting.address));
                let asset = blank(id, name, address, sighting.observed_at);
                store::asset::insert(&mut tx, &asset).await?;
                tx.note(Note::new(self.now(), "asset.add", asset.id).after(&asset));
                asset
            }
        };
        if asset.way.is_none()
            && let Some(way) = credential.and_then(|credential| ssh_way(sighting, credential))
        {
            store::asset::set_way(&mut tx, asset.id, Some(&way)).await?;
            tx.note(Note::new(self.now(), "asset.set_way", asset.id).after(&way));
            asset.way = Some(way);
        }
        let services = merge(&asset.services, sighting);
        store::asset::set_services(&mut tx, asset.id, &services, sighting.observed_at).await?;
        store::asset::note_identifiers(&mut tx, asset.id, &identifiers(sighting), sighting.observed_at).await?;
        store::sighting::record(&mut tx, asset.id, sighting).await?;
        tx.commit().await?;
        asset.services = services;
        Ok(Found { asset, new })
    }
}

impl Engine {
    /// Makes an asset known. A host that was seen at this address already, and has no way in yet, is that asset.
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
        let address: Option<IpAddr> = host.parse().ok();
        let seen = match address {
            Some(address) => seen_at(tx, address).await?,
            None => None,
        };
        let now = self.now();
        let before = seen.clone();
        let mut asset = seen.unwrap_or_else(|| blank(AssetId::from_uuid(store::new_id(now)), host, address, now));
        asset.way = Some(way);
        asset.name = new.name.clone().unwrap_or(asset.name);
        asset.tags.extend(new.tags.iter().cloned());
        asset.tags.sort();
        asset.tags.dedup();
        let (kept, note) = match &before {
            Some(before) => {
                (store::asset::update(tx, &asset).await, Note::new(now, "asset.update", asset.id).before(before))
            }
            None => (store::asset::insert(tx, &asset).await, Note::new(now, "asset.add", asset.id)),
        };
        match kept {
            Err(StoreError::Taken { .. }) => {
                Err(Invalid(format!("there is an asset {:?} already: choose another name", asset.name)).into())
            }
            kept => {
                kept?;
                tx.note(note.after(&asset));
                Ok(asset)
            }
        }
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

/// The asset that was seen at an address and has no way in yet.
async fn seen_at(tx: &mut Tx, address: IpAddr) -> anyhow::Result<Option<Asset>> {
    let identifier = Identifier { kind: IdentifierKind::Address, value: address.to_string() };
    for id in store::asset::find_by_identifier(&mut *tx, &identifier).await? {
        let asset = store::asset::get(&mut *tx, id).await?;
        if let Some(asset) = asset.filter(|asset| asset.way.is_none() && asset.retired_at.is_none()) {
            return Ok(Some(asset));
        }
    }
    Ok(None)
}

async fn known_asset(tx: &mut Tx, sighting: &Sighting) -> anyhow::Result<Option<Asset>> {
    for identifier in identifiers(sighting) {
        for id in store::asset::find_by_identifier(&mut *tx, &identifier).await? {
            let asset = store::asset::get(&mut *tx, id).await?;
            if let Some(asset) = asset.filter(|asset| asset.retired_at.is_none()) {
                return Ok(Some(asset));
            }
        }
    }
    Ok(None)
}

/// Strongest first: an address is a lease, a host key is not.
fn identifiers(sighting: &Sighting) -> Vec<Identifier> {
    let key = sighting.ssh_host_key.clone().map(|value| Identifier { kind: IdentifierKind::SshHostKey, value });
    let address = Identifier { kind: IdentifierKind::Address, value: sighting.address.to_string() };
    key.into_iter().chain([address]).collect()
}

/// An asset of which nothing but a name and perhaps an address is known.
pub(crate) fn blank(id: AssetId, name: String, address: Option<IpAddr>, now: Timestamp) -> Asset {
    Asset {
        id,
        name,
        way: None,
        identity: Identity { addresses: address.into_iter().collect(), ..Identity::default() },
        platform: None,
        tags: Vec::new(),
        services: Vec::new(),
        first_seen_at: now,
        last_seen_at: now,
        last_inspected_at: None,
        last_error: None,
        retired_at: None,
    }
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
