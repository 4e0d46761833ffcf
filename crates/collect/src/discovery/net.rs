//! The network: who answers by TCP, and what the services there say of themselves.
//!
//! Only full connections, as any client makes them: no raw packets, no rights needed. A host is live when a port is
//! open or refused.

mod address;
mod banner;
mod dial;
mod http;
mod ssh;
mod tls;

use std::net::IpAddr;
use std::time::Duration;

use domain::asset::{Service, Sighting};
use futures_util::StreamExt as _;
use ipnet::IpNet;
use jiff::Timestamp;
use outside::NeverTouch;

pub use address::RangeError;

use dial::{Dialer, Knock};

/// The name of this source in its sightings.
pub const SOURCE: &str = "net";

/// Ports looked at unless told otherwise: what is found open on servers, and what should not be.
pub const PORTS: [u16; 32] = [
    21, 22, 23, 25, 53, 80, 110, 111, 135, 139, 143, 389, 443, 445, 587, 993, 995, 1433, 1521, 2049, 2222, 3306, 3389,
    5432, 5900, 5985, 6379, 8000, 8080, 8443, 9200, 27017,
];

/// Addresses that failed are told one by one up to this many.
const FAILURES_MAX: usize = 100;

/// Where to look, and how gently.
#[derive(Debug, Clone)]
pub struct Options {
    pub ranges: Vec<IpNet>,
    /// Left out of the ranges.
    pub exclude: Vec<IpNet>,
    pub ports: Vec<u16>,
    /// Connections open at once; the system's limit of open files lowers it.
    pub concurrency: usize,
    /// Of these, to one address.
    pub concurrency_per_host: usize,
    /// New connections in a second.
    pub rate_per_second: u32,
    pub connect_timeout: Duration,
    /// For one exchange with a service that is open.
    pub banner_timeout: Duration,
}

impl Options {
    /// The usual care for the ranges.
    pub fn new(ranges: Vec<IpNet>) -> Self {
        Options {
            ranges,
            exclude: Vec::new(),
            ports: PORTS.to_vec(),
            concurrency: 512,
            concurrency_per_host: 4,
            rate_per_second: 500,
            connect_timeout: Duration::from_secs(1),
            banner_timeout: Duration::from_secs(3),
        }
    }
}

/// What came of a sweep, besides its sightings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Addresses looked at.
    pub looked_at: usize,
    /// Of these, the live ones.
    pub live: usize,
    /// Addresses left out: excluded, or never to be touched.
    pub left_out: usize,
    /// Addresses of which nothing is known, because this machine could not send. The first hundred, with the reason.
    pub failures: Vec<(IpAddr, String)>,
    /// All of them.
    pub failed: usize,
}

/// Looks at all ranges; each live address is told as soon as it is known.
pub async fn sweep(
    options: &Options,
    never_touch: &NeverTouch,
    now: Timestamp,
    sink: &mut (dyn FnMut(Sighting) + Send),
) -> Result<Summary, RangeError> {
    let plan = address::plan(&options.ranges, &options.exclude, never_touch)?;
    let dialer = Dialer::new(options, never_touch);
    let hosts_at_once = (dialer.concurrency() / options.concurrency_per_host.max(1)).max(1);
    let mut summary = Summary { left_out: plan.left_out, ..Summary::default() };
    let looks = plan.addresses.into_iter().map(|address| look(&dialer, options, address, now));
    let mut looks = std::pin::pin!(futures_util::stream::iter(looks).buffer_unordered(hosts_at_once));
    while let Some((address, look)) = looks.next().await {
        summary.looked_at += 1;
        match look {
            Look::Live(sighting) => {
                summary.live += 1;
                sink(*sighting);
            }
            Look::Silent => {}
            Look::Failed(reason) => {
                summary.failed += 1;
                if summary.failures.len() < FAILURES_MAX {
                    summary.failures.push((address, reason));
                }
            }
        }
    }
    Ok(summary)
}

enum Look {
    Live(Box<Sighting>),
    Silent,
    Failed(String),
}

async fn look(dialer: &Dialer<'_>, options: &Options, address: IpAddr, now: Timestamp) -> (IpAddr, Look) {
    let ports = options.ports.iter().map(|port| look_at_port(dialer, address, *port, now));
    let ports = futures_util::stream::iter(ports).buffer_unordered(options.concurrency_per_host.max(1));
    let seen: Vec<Seen> = ports.collect().await;
    let failure = seen.iter().find_map(|seen| match seen {
        Seen::Failed(reason) => Some(reason.clone()),
        _ => None,
    });
    let live = seen.iter().any(|seen| matches!(seen, Seen::Open(..) | Seen::Refused));
    let mut open: Vec<(Service, Option<String>)> = seen
        .into_iter()
        .filter_map(|seen| match seen {
            Seen::Open(service, key) => Some((service, key)),
            _ => None,
        })
        .collect();
    open.sort_by_key(|(service, _)| service.port);
    // The lowest port that speaks SSH stands for the host.
    let ssh_host_key = open.iter_mut().find_map(|(_, key)| key.take());
    let services = open.into_iter().map(|(service, _)| service).collect();
    let look = match (live, failure) {
        (true, _) => Look::Live(Box::new(Sighting {
            source: SOURCE.to_owned(),
            site: String::new(),
            address,
            services,
            ssh_host_key,
            observed_at: now,
        })),
        (false, Some(reason)) => Look::Failed(reason),
        (false, None) => Look::Silent,
    };
    (address, look)
}

enum Seen {
    Open(Service, Option<String>),
    Refused,
    Silent,
    Failed(String),
}

async fn look_at_port(dialer: &Dialer<'_>, address: IpAddr, port: u16, now: Timestamp) -> Seen {
    match dialer.knock(address, port).await {
        Knock::Open(connection) => {
            let banner = banner::read(dialer, connection, address, port).await;
            let service = Service { address, port, protocol: banner.protocol, banner: banner.text, seen_at: now };
            Seen::Open(service, banner.ssh_host_key)
        }
        Knock::Refused => Seen::Refused,
        Knock::Silent => Seen::Silent,
        Knock::Failed(reason) => Seen::Failed(reason),
    }
}
