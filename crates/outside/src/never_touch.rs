//! Addresses that Vigie never sends a packet to, whatever a scope says.

use std::net::IpAddr;
use std::str::FromStr as _;

use ipnet::IpNet;

/// The forbidden ranges: discovery and every connector ask before they connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NeverTouch {
    ranges: Vec<IpNet>,
}

/// The address lies in a forbidden range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address} is not to be touched: it lies in the never-touch range {range}")]
pub struct Forbidden {
    pub address: IpAddr,
    pub range: IpNet,
}

/// The text is no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no never-touch range (expected an address such as 10.0.0.7 or a range such as 10.0.0.0/24)")]
pub struct InvalidRange(pub String);

impl NeverTouch {
    pub fn new(ranges: Vec<IpNet>) -> Self {
        Self { ranges: ranges.into_iter().map(canonical_range).collect() }
    }

    /// Reads ranges and single addresses, one a text.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, InvalidRange> {
        let read = |text: &T| {
            let text = text.as_ref().trim();
            IpNet::from_str(text)
                .or_else(|_| IpAddr::from_str(text).map(IpNet::from))
                .map_err(|_| InvalidRange(text.to_owned()))
        };
        Ok(Self::new(texts.iter().map(read).collect::<Result<_, _>>()?))
    }

    /// Says no, and why, for a forbidden address; an IPv4 address written as IPv6 is the same address.
    pub fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        let address = address.to_canonical();
        match self.ranges.iter().find(|range| range.contains(&address)) {
            Some(range) => Err(Forbidden { address, range: *range }),
            None => Ok(()),
        }
    }

    pub fn ranges(&self) -> &[IpNet] {
        &self.ranges
    }
}

/// Writes `::ffff:10.0.0.0/104` as `10.0.0.0/8`, so that one comparison is enough.
fn canonical_range(range: IpNet) -> IpNet {
    let mapped = match range {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => v6.network().to_ipv4_mapped().zip(Some(v6.prefix_len() - 96)),
        _ => None,
    };
    mapped.and_then(|(network, prefix)| IpNet::new(network.into(), prefix).ok()).unwrap_or(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touches(ranges: &[&str], address: &str) -> bool {
        let ranges = NeverTouch::parse(ranges).expect("the ranges are written right");
        ranges.check(address.parse().expect("an address")).is_ok()
    }

    #[test]
    fn a_range_and_a_single_address_forbid_what_they_hold() {
        assert!(!touches(&["10.0.0.0/8", "192.0.2.7"], "10.255.0.1"));
        assert!(!touches(&["10.0.0.0/8", "192.0.2.7"], "192.0.2.7"));
        assert!(touches(&["10.0.0.0/8", "192.0.2.7"], "192.0.2.8"));
        assert!(touches(&[], "192.0.2.8"));
    }

    #[test]
    fn a_mapped_address_is_the_same_address() {
        assert!(!touches(&["10.0.0.0/8"], "::ffff:10.1.2.3"));
        assert!(!touches(&["::ffff:10.0.0.0/104"], "10.1.2.3"));
        assert!(touches(&["2001:db8::/32"], "10.1.2.3"));
    }

    #[test]
    fn the_error_names_address_and_range() {
        let ranges = NeverTouch::parse(&["2001:db8::/32"]).expect("a range");
        let error = ranges.check("2001:db8::1".parse().expect("an address")).expect_err("it is forbidden");
        assert_eq!(
            error.to_string(),
            "2001:db8::1 is not to be touched: it lies in the never-touch range 2001:db8::/32"
        );
        assert!(NeverTouch::parse(&["ten"]).is_err());
    }
}
