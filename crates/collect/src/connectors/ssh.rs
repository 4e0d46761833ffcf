//! Assets reached by SSH. Host keys are pinned on first use; names are resolved here and checked before any packet.

mod exec;
mod host_key;
mod login;
mod probe;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::command::{Command, Output};
use ecosystems::capture::{Capture, FollowUp, Probe, Reading};
use outside::never_touch::{Forbidden, NeverTouch};
use russh::client::{self, Handle};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

pub use host_key::{HostKey, HostKeyUnreadable, HostKeys, HostKeysAnswer};
pub use login::{Key, KeyUnreadable, Login};

use super::CommandError;
use host_key::KeyCheck;
pub(crate) use host_key::config;

/// Connecting, checking the key and logging in take no longer, for each host on the way.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Hosts on the way to the last one.
const JUMPS_MAX: usize = 4;

/// Where to connect and how to log in.
#[derive(Debug, Clone)]
pub struct Target {
    pub user: String,
    /// A name or an address. Behind a jump host a name is still resolved here, so that its address can be checked.
    pub host: String,
    pub port: u16,
    pub login: Login,
    /// Whether `sudo -n` may be used for what root alone may read or do.
    pub sudo: bool,
    /// A host to go through first.
    pub jump: Option<Box<Target>>,
}

/// One SSH server, as its key is pinned: `name:port`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Why no session came about.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    #[error("no connection to {destination}")]
    NeverTouch { destination: Destination, source: Forbidden },
    #[error("the name in {destination} has no address")]
    Unresolved { destination: Destination, source: Option<std::io::Error> },
    #[error("{destination} cannot be reached")]
    Unreachable { destination: Destination, source: std::io::Error },
    #[error("{destination} did not answer within {seconds} s")]
    TimedOut { destination: Destination, seconds: u64 },
    #[error("{destination} and Vigie could not agree on a secure connection")]
    Handshake { destination: Destination, source: Box<russh::Error> },
    #[error(transparent)]
    HostKeyChanged(Box<HostKeyChange>),
    #[error("the pinned host key of {destination} could not be read or written")]
    HostKeys { destination: Destination, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{destination} refused to log in {user}: {reason}")]
    Refused { destination: Destination, user: String, reason: String },
    #[error("{jump} does not forward connections to {destination}")]
    JumpRefused { jump: Destination, destination: Destination, source: Box<russh::Error> },
    #[error("more than {JUMPS_MAX} jump hosts before {destination}")]
    TooManyJumps { destination: Destination },
}

/// A host that shows another key than before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "THE HOST KEY OF {destination} HAS CHANGED: {pinned} was pinned, {seen} was shown. \
     Someone may be listening in, or the asset was set up anew; nothing was sent. \
     If the change is known, `vigie host-key remove {destination}` forgets the old key"
)]
pub struct HostKeyChange {
    pub destination: Destination,
    pub pinned: HostKey,
    pub seen: HostKey,
}

/// An open, logged-in connection to one asset.
pub struct Session {
    handle: Handle<KeyCheck>,
    destination: Destination,
    host_key: HostKey,
    user: String,
    sudo: bool,
    is_root: OnceCell<bool>,
    /// The connection that this one goes through; it ends with this one.
    jump: Option<Box<Session>>,
}

/// Connects through all jump hosts and logs in. A host key seen for the first time is pinned before any secret is sent.
pub async fn connect(target: &Target, keys: &dyn HostKeys, never_touch: &NeverTouch) -> Result<Session, SshError> {
    let mut route: Vec<&Target> = vec![target];
    while let Some(jump) = &route[route.len() - 1].jump {
        route.push(jump);
        if route.len() > JUMPS_MAX + 1 {
            return Err(SshError::TooManyJumps { destination: destination(target) });
        }
    }
    let mut session = None;
    for target in route.into_iter().rev() {
        let destination = destination(target);
        let seconds = CONNECT_TIMEOUT.as_secs();
        session = tokio::time::timeout(CONNECT_TIMEOUT, hop(target, session, keys, never_touch))
            .await
            .map_err(|_| SshError::TimedOut { destination, seconds })?
            .map(Some)?;
    }
    Ok(session.expect("a route has at least the target itself"))
}

impl Session {
    /// Reads all probes, a few at a time over this one connection.
    pub async fn capture(&self, probes: &[Probe]) -> Capture {
        probe::capture(self, probes).await
    }

    /// Runs a command that needs what was read before.
    pub async fn follow_up(&self, follow_up: &FollowUp) -> Reading {
        probe::command(self, follow_up.command, &follow_up.stdin).await
    }

    /// Runs a command, with `sudo -n` before it where it needs root and the user is not.
    pub async fn run(&self, command: Command, stdin: &[u8]) -> Result<Output, CommandError> {
        exec::run(self, command, stdin).await
    }

    /// The key that this host showed, the same as its pinned one.
    pub fn host_key(&self) -> &HostKey {
        &self.host_key
    }

    /// The fingerprint that discovery shows for the same host.
    pub fn host_key_fingerprint(&self) -> &str {
        &self.host_key.fingerprint
    }

    /// Says goodbye. A dropped session just closes its connections.
    pub async fn close(self) {
        // What matters has been read by now; a goodbye that does not arrive harms nobody.
        let _ = self.handle.disconnect(russh::Disconnect::ByApplication, "", "").await;
        if let Some(jump) = self.jump {
            Box::pin(jump.close()).await;
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("destination", &self.destination).field("host_key", &self.host_key).finish()
    }
}

async fn hop(
    target: &Target,
    jump: Option<Session>,
    keys: &dyn HostKeys,
    never_touch: &NeverTouch,
) -> Result<Session, SshError> {
    let destination = destination(target);
    let addresses = resolve(&destination, never_touch).await?;
    let unpinnable = |source| SshError::HostKeys { destination: destination.clone(), source };
    let pinned = keys.pinned(&destination).await.map_err(unpinnable)?;
    let stream: Box<dyn Stream> = match &jump {
        None => Box::new(dial(&destination, &addresses).await?),
        Some(jump) => Box::new(tunnel(jump, &destination, addresses[0]).await?),
    };
    let seen = Arc::new(OnceLock::new());
    let check = KeyCheck { pinned: pinned.clone(), seen: Arc::clone(&seen) };
    let mut handle = match client::connect_stream(config(pinned.as_ref()), stream, check).await {
        Ok(handle) => handle,
        Err(source) => {
            return Err(match (pinned, seen.get().cloned()) {
                (Some(pinned), Some(seen)) if seen != pinned => {
                    SshError::HostKeyChanged(Box::new(HostKeyChange { destination, pinned, seen }))
                }
                _ => SshError::Handshake { destination, source: Box::new(source) },
            });
        }
    };
    let inconsistent = || {
        let source = Box::new(russh::Error::Inconsistent);
        SshError::Handshake { destination: destination.clone(), source }
    };
    let host_key = seen.get().cloned().ok_or_else(inconsistent)?;
    if pinned.is_none() {
        keys.pin(&destination, &host_key).await.map_err(unpinnable)?;
    }
    login::log_in(&mut handle, &target.user, &target.login).await.map_err(|reason| SshError::Refused {
        destination: destination.clone(),
        user: target.user.clone(),
        reason,
    })?;
    let (user, sudo, jump) = (target.user.clone(), target.sudo, jump.map(Box::new));
    Ok(Session { handle, destination, host_key, user, sudo, is_root: OnceCell::new(), jump })
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The addresses of a destination. One forbidden address forbids the name: another look may give another order.
async fn resolve(destination: &Destination, never_touch: &NeverTouch) -> Result<Vec<IpAddr>, SshError> {
    let unresolved = |source| SshError::Unresolved { destination: destination.clone(), source };
    let addresses: Vec<IpAddr> = match destination.host.parse() {
        Ok(address) => vec![address],
        Err(_) => tokio::net::lookup_host((destination.host.as_str(), destination.port))
            .await
            .map_err(|error| unresolved(Some(error)))?
            .map(|address| address.ip())
            .collect(),
    };
    if addresses.is_empty() {
        return Err(unresolved(None));
    }
    for address in &addresses {
        never_touch
            .check(*address)
            .map_err(|source| SshError::NeverTouch { destination: destination.clone(), source })?;
    }
    Ok(addresses)
}

async fn dial(destination: &Destination, addresses: &[IpAddr]) -> Result<TcpStream, SshError> {
    let mut last = std::io::Error::other("it has no address");
    for address in addresses {
        match TcpStream::connect((*address, destination.port)).await {
            Ok(stream) => {
                // Only a matter of speed.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(SshError::Unreachable { destination: destination.clone(), source: last })
}

async fn tunnel(
    jump: &Session,
    destination: &Destination,
    address: IpAddr,
) -> Result<russh::ChannelStream<client::Msg>, SshError> {
    let channel = jump
        .handle
        .channel_open_direct_tcpip(address.to_string(), destination.port.into(), "127.0.0.1", 0)
        .await
        .map_err(|source| SshError::JumpRefused {
            jump: jump.destination.clone(),
            destination: destination.clone(),
            source: Box::new(source),
        })?;
    Ok(channel.into_stream())
}

fn destination(target: &Target) -> Destination {
    Destination { host: target.host.clone(), port: target.port }
}
