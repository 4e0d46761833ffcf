//! Addresses and listening sockets.

use std::net::{IpAddr, Ipv6Addr};

use domain::command::Command;
use domain::identity::{Kind, normalise};
use domain::inventory::{Area, Gap, Listener, Protocol};
use serde::Deserialize;

use super::is_printable;
use super::processes;
use crate::capture::{Capture, Probe, Reading};
use crate::deb;

pub const ADDRESSES: Probe = Probe::Command(Command {
    words: &["ip", "-j", "addr"],
    root: false,
    output_bytes_max: 4 << 20,
    timeout_seconds: 30,
    may_complain: true,
});

/// With the programs behind the sockets.
pub const LISTENERS: Probe = Probe::Command(listeners_command(true));

/// What can be had of the same without root.
pub const LISTENERS_UNPRIVILEGED: Probe = Probe::Command(listeners_command(false));

/// Hosts with more are not believed.
const LISTENERS_MAX: usize = 20_000;
const ADDRESSES_MAX: usize = 4_096;

const fn listeners_command(root: bool) -> Command {
    Command {
        words: &["ss", "-H", "-l", "-n", "-t", "-u", "-p"],
        root,
        output_bytes_max: 4 << 20,
        timeout_seconds: 30,
        may_complain: true,
    }
}

#[derive(Deserialize)]
struct Interface {
    #[serde(default)]
    link_type: Option<String>,
    /// Where the card's own address is not the one in use, this is it.
    #[serde(default)]
    permaddr: Option<String>,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(default)]
    local: Option<String>,
}

/// The host's own addresses, without those that every host has.
pub(crate) fn addresses(capture: &Capture, gaps: &mut Vec<Gap>) -> Vec<IpAddr> {
    let parsed = match capture.get(&ADDRESSES) {
        Reading::Bytes(bytes) => parse_addresses(bytes),
        Reading::Failed(reason) => Err(reason.clone()),
        Reading::Missing | Reading::Files(_) => Err("there is no such command".to_owned()),
    };
    parsed.unwrap_or_else(|reason| {
        gaps.push(Gap { area: Area::Identity, subject: "ip -j addr".to_owned(), reason });
        Vec::new()
    })
}

/// The hardware addresses of the host's own cards.
pub(super) fn macs(capture: &Capture) -> Vec<String> {
    let Reading::Bytes(bytes) = capture.get(&ADDRESSES) else { return Vec::new() };
    let interfaces = parse(bytes).unwrap_or_default();
    let mut macs: Vec<String> = interfaces
        .iter()
        .filter(|interface| interface.link_type.as_deref() == Some("ether"))
        .filter_map(|interface| interface.permaddr.as_deref().or(interface.address.as_deref()))
        .filter_map(|mac| normalise(Kind::Mac, mac))
        .take(ADDRESSES_MAX)
        .collect();
    macs.sort();
    macs.dedup();
    macs
}

fn parse(bytes: &[u8]) -> Result<Vec<Interface>, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("its output is not understood: {error}"))
}

fn parse_addresses(bytes: &[u8]) -> Result<Vec<IpAddr>, String> {
    let interfaces = parse(bytes)?;
    let mut addresses: Vec<IpAddr> = interfaces
        .iter()
        .flat_map(|interface| &interface.addr_info)
        .filter_map(|address| address.local.as_deref()?.parse().ok())
        .filter(|address| !is_everywhere(*address))
        .take(ADDRESSES_MAX)
        .collect();
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

/// Loopback and link-local addresses say nothing about a host.
fn is_everywhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unspecified(),
    }
}

/// Every listening socket, with the package of its program where `owners` (path, package) knows it.
pub(crate) fn listeners(capture: &Capture, owners: &[(String, String)], gaps: &mut Vec<Gap>) -> Option<Vec<Listener>> {
    let programs = processes::programs(capture);
    let mut listeners: Vec<Listener> = sockets(capture, gaps)?
        .into_iter()
        .map(|socket| {
            let path = socket.pid.and_then(|pid| programs.get(&pid));
            let package = path
                .and_then(|path| deb::spellings(path).find_map(|path| owners.iter().find(|(owned, _)| owned == path)));
            Listener { package: package.map(|(_, package)| package.clone()), ..socket.listener }
        })
        .collect();
    listeners.sort();
    listeners.dedup();
    Some(listeners)
}

/// Processes that listen.
pub(crate) fn listening_processes(capture: &Capture) -> Vec<u32> {
    sockets(capture, &mut Vec::new()).into_iter().flatten().filter_map(|socket| socket.pid).collect()
}

struct Socket {
    listener: Listener,
    pid: Option<u32>,
}

fn sockets(capture: &Capture, gaps: &mut Vec<Gap>) -> Option<Vec<Socket>> {
    let mut gap = |reason: String| gaps.push(Gap { area: Area::Listeners, subject: "ss".to_owned(), reason });
    let bytes = match (capture.get(&LISTENERS), capture.get(&LISTENERS_UNPRIVILEGED)) {
        (Reading::Bytes(bytes), _) | (_, Reading::Bytes(bytes)) => bytes,
        (Reading::Failed(reason), _) | (_, Reading::Failed(reason)) => {
            gap(reason.clone());
            return None;
        }
        _ => {
            gap("there is no such command".to_owned());
            return None;
        }
    };
    let text = String::from_utf8_lossy(bytes);
    let mut sockets = Vec::new();
    let mut unread = 0_usize;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match parse_socket(line) {
            Some(socket) if sockets.len() < LISTENERS_MAX => sockets.push(socket),
            _ => unread += 1,
        }
    }
    if unread > 0 {
        gap(format!("{unread} lines of its output are not understood"));
    }
    Some(sockets)
}

/// `tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))`
fn parse_socket(line: &str) -> Option<Socket> {
    let mut words = line.split_whitespace();
    let protocol = match words.next()? {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    let (address, port) = words.nth(3)?.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let address = parse_address(address)?;
    // A program may carry blanks and quotes in its name, so the words end here.
    let user = line.split_once("users:((\"").map(|(_, user)| user);
    let (process, rest) = user.and_then(|user| user.split_once("\",pid=")).unzip();
    let pid = rest.and_then(|rest| rest.split(',').next()?.parse().ok());
    let process = process.filter(|name| is_printable(name, 64)).map(ToOwned::to_owned);
    Some(Socket { listener: Listener { protocol, address, port, process, package: None }, pid })
}

/// `*` listens on both families; a zone or a device may follow the address.
fn parse_address(text: &str) -> Option<IpAddr> {
    if text == "*" {
        return Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    }
    let bare = text.split('%').next()?;
    bare.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_every_kind() {
        for (line, expected) in [
            (
                "tcp   LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    users:((\"sshd\",pid=1234,fd=3))",
                Some("Tcp 0.0.0.0 22 sshd 1234"),
            ),
            (
                "tcp LISTEN 0 4096 [::]:443 [::]:* users:((\"nginx\",pid=7,fd=9),(\"nginx\",pid=8,fd=9))",
                Some("Tcp :: 443 nginx 7"),
            ),
            ("udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*", Some("Udp 127.0.0.53 53 - 0")),
            ("udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:*", Some("Udp fe80::1 546 - 0")),
            ("tcp LISTEN 0 5 *:8080 *:* users:((\"a b\",pid=2,fd=1))", Some("Tcp :: 8080 a b 2")),
            ("tcp LISTEN 0 5 1.2.3.4:99999 *:*", None),
            ("nl UNCONN 0 0 0:1 *", None),
            ("tcp", None),
        ] {
            let read = parse_socket(line).map(|socket| {
                let Listener { protocol, address, port, process, .. } = socket.listener;
                let process = process.unwrap_or_else(|| "-".to_owned());
                format!("{protocol:?} {address} {port} {process} {}", socket.pid.unwrap_or(0))
            });
            assert_eq!(read.as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn addresses_without_those_of_every_host() {
        let json = br#"[{"ifname":"lo","addr_info":[{"local":"127.0.0.1"},{"local":"::1"}]},
            {"ifname":"eth0","addr_info":[{"local":"192.0.2.7"},{"local":"fe80::1"},{"local":"2001:db8::7"},{}]},{}]"#;
        let addresses: Vec<String> = parse_addresses(json).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["192.0.2.7", "2001:db8::7"]);
        assert!(parse_addresses(b"[{").is_err());
    }
}
