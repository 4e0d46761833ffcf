//! Hosts that are none: a firewall or proxy that answers for a whole range.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::asset::Sighting;

/// Smaller ranges may well be full of equal hosts.
const ADDRESSES_MIN: usize = 16;

/// The addresses of a range at which something answered in one voice for more than nine tenths of the range: the same
/// ports, the same words, and nothing that is any machine's own. `looked_at` is how many addresses were asked.
pub fn phantoms(sightings: &[Sighting], looked_at: usize) -> BTreeSet<IpAddr> {
    if looked_at < ADDRESSES_MIN {
        return BTreeSet::new();
    }
    let mut voices: BTreeMap<Voice<'_>, BTreeSet<IpAddr>> = BTreeMap::new();
    for sighting in sightings {
        voices.entry(voice(sighting)).or_default().insert(sighting.address);
    }
    let all = voices.into_values().filter(|addresses| addresses.len() * 10 > looked_at * 9);
    all.flatten().collect()
}

/// What answered: ports with what they said, and the key that it proved to have.
type Voice<'a> = (Vec<(u16, Option<&'a str>, Option<&'a str>)>, Option<&'a str>);

fn voice(sighting: &Sighting) -> Voice<'_> {
    let services = sighting.services.iter();
    let mut ports: Vec<_> =
        services.map(|service| (service.port, service.protocol.as_deref(), service.banner.as_deref())).collect();
    ports.sort_unstable();
    (ports, sighting.ssh_host_key.as_deref())
}
