//! Discover: what is seen from outside becomes assets, and joins those that are known already.

use std::net::IpAddr;

use domain::asset::{Asset, Service, Sighting, SshTarget, Way};
use domain::credential::Credential;
use domain::ids::AssetId;
use domain::inventory::Identity;
use store::Tx;
use store::asset::{Identifier, IdentifierKind};

use crate::Engine;

/// What became of one sighting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub asset: Asset,
    /// Nobody knew of it before.
    pub new: bool,
}

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
                let asset = unmanaged(AssetId::from_uuid(store::new_id(self.now())), sighting);
                store::asset::insert(&mut tx, &asset).await?;
                asset
            }
        };
        if asset.way.is_none()
            && let Some(way) = credential.and_then(|credential| ssh_way(sighting, credential))
        {
            store::asset::set_way(&mut tx, asset.id, Some(&way)).await?;
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

fn unmanaged(id: AssetId, sighting: &Sighting) -> Asset {
    Asset {
        id,
        name: sighting.address.to_string(),
        way: None,
        identity: Identity { hostname: None, machine_id: None, addresses: vec![sighting.address] },
        platform: None,
        tags: Vec::new(),
        services: Vec::new(),
        first_seen_at: sighting.observed_at,
        last_seen_at: sighting.observed_at,
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
