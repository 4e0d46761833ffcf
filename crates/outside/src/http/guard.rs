//! Addresses that no client of Vigie connects to.

use std::net::IpAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{ClientBuilder, Url};

use crate::never_touch::{Forbidden, NeverTouch};

/// Gives a client the never-touch ranges: names that lead into one are not resolved. Addresses are up to [`touch`], since no
/// resolver sees them.
pub(crate) fn guarded(builder: ClientBuilder, never_touch: &NeverTouch) -> ClientBuilder {
    builder.dns_resolver(Arc::new(GuardedNames(never_touch.clone())))
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
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(forbidden) = inner.downcast_ref::<Forbidden>() {
            return Some(forbidden.clone());
        }
        cause = inner.source();
    }
    None
}

/// The address that a URL names as its host.
pub(crate) fn address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

struct GuardedNames(NeverTouch);

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let never_touch = self.0.clone();
        Box::pin(async move {
            let addresses: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            for address in &addresses {
                never_touch.check(address.ip())?;
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}
