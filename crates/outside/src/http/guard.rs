//! Addresses that no client of Vigie connects to.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{ClientBuilder, Url};

use crate::never_touch::{Forbidden, NeverTouch};
use crate::receiver::Destinations;

/// Gives a client the never-touch ranges: names that lead into one are not resolved. Addresses are up to [`touch`], since no
/// resolver sees them.
pub(crate) fn guarded(builder: ClientBuilder, never_touch: &NeverTouch) -> ClientBuilder {
    guarded_against(builder, never_touch, &Strangers::default())
}

/// As [`guarded`]; the hosts that strangers name must have public addresses besides.
pub(crate) fn guarded_against(
    builder: ClientBuilder,
    never_touch: &NeverTouch,
    strangers: &Strangers,
) -> ClientBuilder {
    builder.dns_resolver(Arc::new(GuardedNames { never_touch: never_touch.clone(), strangers: strangers.clone() }))
}

/// Gives a client the addresses that messages may go to; `plain`: without TLS.
pub(crate) fn to_destinations(builder: ClientBuilder, destinations: &Destinations, plain: bool) -> ClientBuilder {
    builder.dns_resolver(Arc::new(DestinationNames { destinations: destinations.clone(), plain }))
}

/// No message goes to this address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    NeverTouch(#[from] Forbidden),
    #[error(
        "the receiver has the address {0}, which is not public: if it is meant to, name it with --allow-destination"
    )]
    NotPublic(IpAddr),
    #[error("the receiver has the address {0}: without TLS, messages go only where --allow-destination says")]
    Plain(IpAddr),
}

/// The address is one of the operator's own network, or of this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its host has the address {0}, which is not public: no publisher may lead there")]
pub struct NotPublic(pub IpAddr);

/// Hosts that strangers name, for as long as they are asked. Other names are resolved too meanwhile: that of a proxy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Strangers(Arc<Mutex<BTreeMap<String, usize>>>);

impl Strangers {
    /// Holds for the host of this URL until the outcome is dropped.
    pub(crate) fn meet(&self, url: &Url) -> Result<Meeting, NotPublic> {
        if let Some(address) = address(url) {
            check_public(address)?;
        }
        let host = plain_host(url.host_str().unwrap_or_default()).to_owned();
        *self.hosts().entry(host.clone()).or_default() += 1;
        Ok(Meeting { strangers: self.clone(), host })
    }

    fn has(&self, host: &str) -> bool {
        self.hosts().contains_key(plain_host(host))
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        // Counts cannot be left half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Meeting {
    strangers: Strangers,
    host: String,
}

impl Drop for Meeting {
    fn drop(&mut self) {
        let mut hosts = self.strangers.hosts();
        if let Some(count) = hosts.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                hosts.remove(&self.host);
            }
        }
    }
}

fn plain_host(host: &str) -> &str {
    host.trim_end_matches('.')
}

/// Refuses addresses that lead to this machine, or into a network that is not everybody's.
pub(crate) fn check_public(address: IpAddr) -> Result<(), NotPublic> {
    let is_public = match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    };
    if is_public { Ok(()) } else { Err(NotPublic(address)) }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let is_own = address.is_loopback() || address.is_private() || address.is_link_local();
    // "This network", what providers share among their customers, and what is for many or for nobody.
    let is_special = first == 0 || (first == 100 && second & 0xc0 == 64) || first >= 224;
    !is_own && !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    // NAT64 (RFC 6052) and 6to4 lead to an IPv4 address.
    let embedded = match parts {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = embedded {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    let is_own = address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local();
    // Site-local addresses are out of use, and still nobody else's; `::/96` holds the unspecified address.
    let is_special = parts[0] & 0xffc0 == 0xfec0 || parts[..6] == [0; 6] || address.is_multicast();
    !is_own && !is_special
}

/// Refuses a URL whose host is an address in a never-touch range.
pub(crate) fn touch(never_touch: &NeverTouch, url: &Url) -> Result<(), Forbidden> {
    match address(url) {
        Some(address) => never_touch.check(address),
        None => Ok(()),
    }
}

/// The never-touch range that stopped a request, however deep it stands in the error.
pub(crate) fn forbidden(error: &reqwest::Error) -> Option<Forbidden> {
    caused_by(error)
}

/// What of this kind stopped a request.
pub(crate) fn caused_by<E: Error + Clone + 'static>(error: &reqwest::Error) -> Option<E> {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref::<E>() {
            return Some(found.clone());
        }
        cause = inner.source();
    }
    None
}

/// The address that a URL names as its host.
pub(crate) fn address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

struct GuardedNames {
    never_touch: NeverTouch,
    strangers: Strangers,
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let never_touch = self.never_touch.clone();
        let is_stranger = self.strangers.has(name.as_str());
        Box::pin(async move {
            let addresses: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            for address in &addresses {
                never_touch.check(address.ip())?;
                if is_stranger {
                    check_public(address.ip())?;
                }
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

struct DestinationNames {
    destinations: Destinations,
    plain: bool,
}

impl Resolve for DestinationNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (destinations, plain) = (self.destinations.clone(), self.plain);
        Box::pin(async move {
            let addresses: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            addresses.iter().try_for_each(|address| destinations.check(address.ip(), plain))?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nobody_elses_is_not_public() {
        let is_public = |text: &str| check_public(text.parse().expect("an address")).is_ok();
        for own in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "::127.0.0.1",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(own), "{own}");
        }
        for public in ["9.9.9.9", "100.128.0.1", "172.32.0.1", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::909:909"] {
            assert!(is_public(public), "{public}");
        }
    }

    #[test]
    fn a_host_is_a_strangers_as_long_as_somebody_asks_it() {
        let strangers = Strangers::default();
        let url = Url::parse("https://a.example./x").expect("a URL");
        let (one, other) = (strangers.meet(&url).expect("a name"), strangers.meet(&url).expect("a name"));
        drop(one);
        assert!(strangers.has("a.example") && !strangers.has("proxy.example"));
        drop(other);
        assert!(!strangers.has("a.example"));
        assert!(strangers.meet(&Url::parse("https://[fd00::1]/").expect("a URL")).is_err());
    }
}
