//! What ways in, inspections and sightings tell about who a thing is.

use std::net::IpAddr;

use super::{Identifier, Kind, Source};
use crate::asset::{Sighting, SshTarget, Way};
use crate::inventory::Identity;
use crate::listing::{self, Listing, Thing};

/// What a way in tells: itself, and the address that it leads to.
pub fn of_way(way: &Way) -> Vec<Identifier> {
    let (text, site, host) = match way {
        Way::Local => ("local".to_owned(), String::new(), None),
        Way::Ssh(target) => {
            // Behind a jump host the same address is another one.
            let site = target.jump.as_deref().map(route).unwrap_or_default();
            (route(target), site, target.host.parse::<IpAddr>().ok())
        }
    };
    let target = host.and_then(|host| Identifier::new(Kind::Target, &site, &host.to_string()));
    Identifier::new(Kind::Way, "", &text).into_iter().chain(target).collect()
}

/// What was read from inside.
pub fn of_identity(identity: &Identity) -> Vec<Identifier> {
    let one = |kind: Kind, value: &Option<String>| value.as_deref().and_then(|value| Identifier::new(kind, "", value));
    let all = |kind: Kind, values: &[String]| -> Vec<Identifier> {
        values.iter().filter_map(|value| Identifier::new(kind, "", value)).collect()
    };
    let mut told: Vec<Identifier> = [
        one(Kind::CloudInstance, &identity.cloud_instance),
        one(Kind::SystemUuid, &identity.system_uuid),
        one(Kind::Serial, &identity.serial),
        one(Kind::MachineId, &identity.machine_id),
        one(Kind::Fqdn, &identity.fqdn),
        one(Kind::Hostname, &identity.hostname),
    ]
    .into_iter()
    .flatten()
    .collect();
    told.extend(all(Kind::SshHostKey, &identity.ssh_host_keys));
    told.extend(all(Kind::Mac, &identity.macs));
    // A loopback address tells nothing from another.
    let addresses = identity.addresses.iter().filter(|address| !address.is_loopback());
    told.extend(addresses.filter_map(|address| Identifier::new(Kind::Address, "", &address.to_string())));
    told
}

/// What was seen from the network.
pub fn of_sighting(sighting: &Sighting) -> Vec<Identifier> {
    let address = Identifier::new(Kind::Address, &sighting.site, &sighting.address.to_string());
    let key = sighting.ssh_host_key.as_deref().and_then(|key| Identifier::new(Kind::SshHostKey, "", key));
    address.into_iter().chain(key).collect()
}

/// What a listing tells of one of its things: its owner's identifier for it, and what it can be met by. `None`: the identifier is
/// none.
pub fn of_thing(listing: &Listing, thing: &Thing) -> Option<Vec<Identifier>> {
    let own = match thing.kind {
        listing::Kind::Instance => Kind::CloudInstance,
        listing::Kind::Container => Kind::Container,
        listing::Kind::Function => Kind::Function,
        listing::Kind::Name => Kind::Fqdn,
    };
    let one = |kind: Kind, value: &Option<String>| value.as_deref().and_then(|value| Identifier::new(kind, "", value));
    let mut told = vec![Identifier::new(own, "", &thing.id)?];
    told.extend(one(Kind::SystemUuid, &thing.system_uuid));
    told.extend(one(Kind::Fqdn, &thing.fqdn));
    told.extend(one(Kind::Hostname, &thing.hostname));
    told.extend(thing.macs.iter().filter_map(|mac| Identifier::new(Kind::Mac, &listing.network, mac)));
    let address = |address: &IpAddr| Identifier::new(Kind::Address, &listing.network, &address.to_string());
    told.extend(thing.addresses.iter().filter(|address| !address.is_loopback()).filter_map(address));
    // A name is its own name, and lists repeat themselves: each is told once.
    told.sort();
    told.dedup();
    Some(told)
}

/// Whose word a listing of such things is.
pub const fn lister(kind: listing::Kind) -> Source {
    match kind {
        listing::Kind::Instance | listing::Kind::Container | listing::Kind::Function => Source::CloudApi,
        // Who resolves a name does not own what is behind it.
        listing::Kind::Name => Source::Passive,
    }
}

/// What a source calls a thing that it lists.
pub fn thing_key(listing: &Listing, thing: &Thing) -> String {
    format!("{} {} {}", listing.source, thing.kind.as_str(), thing.id)
}

/// What an inspection by a way calls what it read: the way may lead to another machine the next time.
pub fn inspection_key(way: &Way, identity: &Identity) -> String {
    let Identity { cloud_instance, system_uuid, serial, machine_id, .. } = identity;
    let own = [cloud_instance, system_uuid, serial, machine_id].map(|value| value.as_deref().unwrap_or_default());
    let way = match way {
        Way::Local => "local".to_owned(),
        Way::Ssh(target) => route(target),
    };
    format!("{way} {}", own.join(" "))
}

/// What a discovery source calls what it saw: an address may be another machine's the next time.
pub fn sighting_key(sighting: &Sighting) -> String {
    let Sighting { source, site, address, ssh_host_key, .. } = sighting;
    format!("{source} {site} {address} {}", ssh_host_key.as_deref().unwrap_or_default())
}

fn route(target: &SshTarget) -> String {
    let jump = target.jump.as_deref().map(|jump| format!(" by {}", route(jump))).unwrap_or_default();
    format!("ssh://{}@{}:{}{jump}", target.user, target.host, target.port)
}
