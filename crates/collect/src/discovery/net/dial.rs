//! The one place of a sweep that opens connections: each asks the never-touch ranges, waits for its turn, and is counted.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use outside::NeverTouch;
use rustix::process::{Resource, getrlimit};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::Options;

/// Files that the rest of the program may need while a sweep runs.
const FILES_SPARED: usize = 64;

/// An open connection, which counts until it is dropped.
pub(super) struct Connection<'a> {
    pub(super) stream: TcpStream,
    _permit: SemaphorePermit<'a>,
}

/// What a port does when it is knocked at.
pub(super) enum Knock<'a> {
    Open(Connection<'a>),
    /// The host is there, the port is not.
    Refused,
    /// Nobody answered, or a router did in its place.
    Silent,
    /// This machine could not send: nothing is known.
    Failed(String),
}

/// Opens connections, not more than allowed and not faster.
pub(super) struct Dialer<'a> {
    never_touch: &'a NeverTouch,
    concurrency: usize,
    permits: Semaphore,
    interval: Duration,
    next: Mutex<Instant>,
    connect_timeout: Duration,
    pub(super) banner_timeout: Duration,
}

impl<'a> Dialer<'a> {
    pub(super) fn new(options: &Options, never_touch: &'a NeverTouch) -> Self {
        let concurrency = options.concurrency.clamp(1, files_max());
        Dialer {
            never_touch,
            concurrency,
            permits: Semaphore::new(concurrency),
            interval: Duration::from_secs(1) / options.rate_per_second.max(1),
            next: Mutex::new(Instant::now()),
            connect_timeout: options.connect_timeout,
            banner_timeout: options.banner_timeout,
        }
    }

    pub(super) fn concurrency(&self) -> usize {
        self.concurrency
    }

    pub(super) async fn knock(&self, address: IpAddr, port: u16) -> Knock<'_> {
        if let Err(forbidden) = self.never_touch.check(address) {
            return Knock::Failed(forbidden.to_string());
        }
        let permit = self.permits.acquire().await.expect("the semaphore is never closed");
        self.turn().await;
        match tokio::time::timeout(self.connect_timeout, TcpStream::connect((address, port))).await {
            Ok(Ok(stream)) => Knock::Open(Connection { stream, _permit: permit }),
            Ok(Err(error)) => match error.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Knock::Refused,
                ErrorKind::TimedOut | ErrorKind::HostUnreachable => Knock::Silent,
                _ => Knock::Failed(error.to_string()),
            },
            Err(_) => Knock::Silent,
        }
    }

    /// Waits until the rate allows one more.
    async fn turn(&self) {
        let turn = {
            let mut next = self.next.lock().await;
            let turn = (*next).max(Instant::now());
            *next = turn + self.interval;
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

/// How many connections the system's limit of open files leaves room for.
fn files_max() -> usize {
    let limit =
        getrlimit(Resource::Nofile).current.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    limit.saturating_sub(FILES_SPARED).max(1)
}
