//! Sweeps: whole looks of a discovery source at one range. Only from these is known that something did *not* answer.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::asset::Sighting;

/// One whole look at one range. A look that failed, was broken off, or was answered by one thing for everybody is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The discovery source: `net`.
    pub source: String,
    /// The routing domain of the range. Empty: the usual one.
    pub site: String,
    pub range: IpNet,
    /// Parts of the range that were left alone.
    pub excluded: Vec<IpNet>,
    /// Ports that were knocked at.
    pub ports: Vec<u16>,
    pub started_at: Timestamp,
    /// Addresses that answered.
    pub answered: u64,
}

/// A whole look at where a thing was, in which it was not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Miss {
    pub at: Timestamp,
    /// Others answered in that look. Where nobody did, the way there may have been broken.
    pub others_answered: bool,
}

impl Sweep {
    /// Whether the sweep would have met what was seen, were it still there and as it was.
    pub fn would_meet(&self, sighting: &Sighting) -> bool {
        let address = sighting.address.to_canonical();
        let knocked = |port: u16| self.ports.contains(&port);
        self.source == sighting.source
            && self.site == sighting.site
            && !self.ports.is_empty()
            && is_host(&self.range, address)
            && !self.excluded.iter().any(|left_alone| left_alone.contains(&address))
            && sighting.services.iter().all(|service| knocked(service.port))
    }
}

/// Whether a look at the range includes the address: the first and the last of an IPv4 network are no hosts' in it.
fn is_host(range: &IpNet, address: IpAddr) -> bool {
    let edge = match range {
        IpNet::V4(range) if range.prefix_len() < 31 => [range.network(), range.broadcast()].map(IpAddr::V4),
        IpNet::V4(_) | IpNet::V6(_) => return range.contains(&address),
    };
    range.contains(&address) && !edge.contains(&address)
}

/// The rounds in which a thing was missed at all of the places where it was seen, oldest first. A place that nobody looks
/// at any more leaves open whether it is there. Rounds in which nobody answered stand only where there are no others.
pub fn misses(places: &[Sighting], sweeps: &[Sweep], since: Timestamp) -> Vec<Miss> {
    let missed = |counts: fn(&Sweep) -> bool| {
        let at = |place: &Sighting| {
            let later = sweeps.iter().filter(|sweep| sweep.started_at > since && counts(sweep));
            later.filter(|sweep| sweep.would_meet(place)).map(|sweep| sweep.started_at).collect()
        };
        rounds(places.iter().map(at).collect())
    };
    let proven = missed(|sweep| sweep.answered > 0);
    let others_answered = !proven.is_empty();
    let missed = if others_answered { proven } else { missed(|_| true) };
    missed.into_iter().map(|at| Miss { at, others_answered }).collect()
}

/// When each round of looks had come to the last of the places, of the looks that missed a thing at each of them.
pub(crate) fn rounds(mut each: Vec<Vec<Timestamp>>) -> Vec<Timestamp> {
    each.iter_mut().for_each(|missed| missed.sort());
    let count = each.iter().map(Vec::len).min().unwrap_or(0);
    (0..count).filter_map(|round| each.iter().map(|missed| missed[round]).max()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Service;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(4_000_000_000 + hour * 3600).unwrap()
    }

    fn seen(address: &str, ports: &[u16]) -> Sighting {
        let address = address.parse().unwrap();
        let service = |port: &u16| Service { address, port: *port, protocol: None, banner: None, seen_at: at(0) };
        Sighting {
            source: "net".to_owned(),
            site: String::new(),
            address,
            services: ports.iter().map(service).collect(),
            ssh_host_key: None,
            observed_at: at(0),
        }
    }

    fn sweep(range: &str, hour: i64) -> Sweep {
        Sweep {
            source: "net".to_owned(),
            site: String::new(),
            range: range.parse().unwrap(),
            excluded: vec!["10.0.0.64/26".parse().unwrap()],
            ports: vec![22, 443],
            started_at: at(hour),
            answered: 7,
        }
    }

    #[test]
    fn only_a_look_that_would_have_met_it_misses_it() {
        for (address, ports, expected) in [
            ("10.0.0.7", &[22][..], true),
            ("10.0.0.7", &[], true),
            ("::ffff:10.0.0.7", &[], true),
            ("10.0.0.7", &[22, 8080], false),
            ("10.0.1.7", &[22], false),
            ("10.0.0.65", &[22], false),
            ("10.0.0.0", &[22], false),
            ("10.0.0.255", &[22], false),
            ("fd00::7", &[22], false),
        ] {
            let met = sweep("10.0.0.0/24", 1).would_meet(&seen(address, ports));
            assert_eq!(met, expected, "{address} {ports:?}");
        }
        assert!(sweep("10.0.0.7/32", 1).would_meet(&seen("10.0.0.7", &[])));
        assert!(sweep("10.0.0.6/31", 1).would_meet(&seen("10.0.0.6", &[])));
        assert!(sweep("fd00::/112", 1).would_meet(&seen("fd00::", &[])));
        let elsewhere = Sweep { site: "branch".to_owned(), ..sweep("10.0.0.0/24", 1) };
        assert!(!elsewhere.would_meet(&seen("10.0.0.7", &[])), "the same address is another host there");
        let blind = Sweep { ports: Vec::new(), ..sweep("10.0.0.0/24", 1) };
        assert!(!blind.would_meet(&seen("10.0.0.7", &[])), "nothing was asked");
    }

    #[test]
    fn it_is_missed_where_it_is_missed_everywhere() {
        let places = [seen("10.0.0.7", &[22]), seen("10.0.1.7", &[22])];
        let missed = |sweeps: &[Sweep]| -> Vec<_> {
            misses(&places, sweeps, at(0)).into_iter().map(|miss| (miss.at, miss.others_answered)).collect()
        };
        let [one, other] = ["10.0.0.0/24", "10.0.1.0/24"];
        assert_eq!(missed(&[sweep(one, 1), sweep(one, 2), sweep(one, 3)]), [], "nobody looks at its other place");
        let both = [sweep(one, 5), sweep(one, 1), sweep(other, 2), sweep(other, 3), sweep(one, 4)];
        assert_eq!(missed(&both), [(at(2), true), (at(4), true)]);
        assert_eq!(missed(&[sweep(one, 0), sweep(other, -1)]), [], "it was met after that");
        assert_eq!(misses(&[], &both, at(0)), [], "nobody knows where it was");
    }

    #[test]
    fn a_round_in_which_nobody_answered_is_told_from_one_that_proves_something() {
        let places = [seen("10.0.0.7", &[22]), seen("10.0.1.7", &[22])];
        let silent = |range, hour| Sweep { answered: 0, ..sweep(range, hour) };
        let [one, other] = ["10.0.0.0/24", "10.0.1.0/24"];
        let of = |sweeps: &[Sweep]| misses(&places, sweeps, at(0));
        let miss = |hour, others_answered| Miss { at: at(hour), others_answered };
        assert_eq!(of(&[silent(one, 1), sweep(other, 2)]), [miss(2, false)]);
        let proven = [silent(one, 1), sweep(other, 2), sweep(one, 3), silent(other, 4)];
        assert_eq!(of(&proven), [miss(3, true)]);
    }
}
