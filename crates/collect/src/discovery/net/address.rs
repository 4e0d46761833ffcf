//! Which addresses a sweep looks at.

use std::net::IpAddr;

use ipnet::IpNet;
use outside::NeverTouch;

/// The largest range: a /16, or an IPv6 /112.
const RANGE_HOST_BITS_MAX: u8 = 16;
const ADDRESSES_MAX: usize = 1 << 18;

/// Why ranges cannot be swept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    #[error("there is no range to look at")]
    None,
    #[error("{range} is too large: at most a {largest} is looked at; name the networks in it that are used")]
    TooLarge { range: IpNet, largest: &'static str },
    #[error("the ranges have more than {ADDRESSES_MAX} addresses together; look at them in several sweeps")]
    TooMany,
}

/// The addresses of a sweep.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) left_out: usize,
}

/// Lists each address once, without those to be left alone.
pub(super) fn plan(ranges: &[IpNet], exclude: &[IpNet], never_touch: &NeverTouch) -> Result<Plan, RangeError> {
    if ranges.is_empty() {
        return Err(RangeError::None);
    }
    for range in ranges {
        if range.max_prefix_len() - range.prefix_len() > RANGE_HOST_BITS_MAX {
            let largest = match range {
                IpNet::V4(_) => "/16",
                IpNet::V6(_) => "/112",
            };
            return Err(RangeError::TooLarge { range: *range, largest });
        }
    }
    // Two halves of a /15 would become the /15: each range keeps its own hosts, and doubles go afterwards.
    let count: usize = ranges.iter().map(|range| 1 << (range.max_prefix_len() - range.prefix_len())).sum();
    if count > ADDRESSES_MAX {
        return Err(RangeError::TooMany);
    }
    let mut addresses: Vec<IpAddr> =
        ranges.iter().flat_map(IpNet::hosts).map(|address| address.to_canonical()).collect();
    addresses.sort();
    addresses.dedup();
    let all = addresses.len();
    addresses
        .retain(|address| never_touch.check(*address).is_ok() && !exclude.iter().any(|range| range.contains(address)));
    Ok(Plan { left_out: all - addresses.len(), addresses })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn check(include: &[&str], exclude: &[&str], never_touch: &[&str]) -> Result<(Vec<String>, usize), RangeError> {
        let plan = plan(&ranges(include), &ranges(exclude), &NeverTouch::parse(never_touch).unwrap())?;
        Ok((plan.addresses.iter().map(ToString::to_string).collect(), plan.left_out))
    }

    #[test]
    fn each_host_once_and_none_to_be_left_alone() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let expected = addresses(&["10.0.0.1", "10.0.0.5"]);
        assert_eq!(
            check(&["10.0.0.0/29", "10.0.0.4/31"], &["10.0.0.2/31"], &["10.0.0.4", "10.0.0.6"]),
            Ok((expected, 4))
        );
        assert_eq!(check(&["10.0.0.9/32"], &[], &[]), Ok((addresses(&["10.0.0.9"]), 0)));
        assert_eq!(check(&["fd00::7/128"], &[], &["fd00::/8"]), Ok((Vec::new(), 1)));
        assert_eq!(check(&["::ffff:10.0.0.9/128"], &[], &["10.0.0.0/8"]), Ok((Vec::new(), 1)));
    }

    #[test]
    fn ranges_have_a_limit() {
        assert_eq!(check(&["10.1.0.0/16"], &[], &[]).map(|(addresses, _)| addresses.len()), Ok(65_534));
        let error = check(&["10.0.0.0/15"], &[], &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "10.0.0.0/15 is too large: at most a /16 is looked at; name the networks in it that are used"
        );
        assert!(check(&["fd00::/64"], &[], &[]).is_err());
        assert_eq!(check(&[], &[], &[]), Err(RangeError::None));
        let five: Vec<String> = (1..=5).map(|network| format!("10.{network}.0.0/16")).collect();
        let five: Vec<&str> = five.iter().map(String::as_str).collect();
        assert_eq!(check(&five, &[], &[]), Err(RangeError::TooMany));
    }
}
