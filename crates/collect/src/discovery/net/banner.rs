//! What an open port says of itself: SSH and others speak first, TLS and HTTP have to be asked.

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::dial::{Connection, Dialer, Knock};
use super::{http, ssh, tls};
use crate::connectors::printable;

/// A service's own words, cut and made printable.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Banner {
    pub(super) protocol: Option<String>,
    pub(super) text: Option<String>,
    pub(super) ssh_host_key: Option<String>,
}

/// Longer texts are cut.
pub(super) const TEXT_CHARS_MAX: usize = 500;

/// What a service says unasked is read up to here.
const GREETING_BYTES_MAX: usize = 1024;

/// Services on these ports wait to be asked in HTTP.
const HTTP_PORTS: [u16; 5] = [80, 5985, 8000, 8080, 9200];
/// Services on these ports wait to be asked in TLS.
const TLS_PORTS: [u16; 4] = [443, 993, 995, 8443];

/// Finds out what speaks on an open port, the likeliest first. Each question needs a connection of its own; the one
/// that found the port open is for the first.
pub(super) async fn read(dialer: &Dialer<'_>, connection: Connection<'_>, address: IpAddr, port: u16) -> Banner {
    let mut first = Some(connection);
    if HTTP_PORTS.contains(&port) {
        if let Some(banner) = ask_http(dialer, &mut first, address, port).await {
            return banner;
        }
    } else if !TLS_PORTS.contains(&port)
        && let Some(banner) = listen(dialer, &mut first, address, port).await
    {
        return banner;
    }
    if let Some(banner) = ask_tls(dialer, &mut first, address, port).await {
        return banner;
    }
    if !HTTP_PORTS.contains(&port)
        && let Some(banner) = ask_http(dialer, &mut first, address, port).await
    {
        return banner;
    }
    Banner::default()
}

async fn listen<'a>(
    dialer: &'a Dialer<'_>,
    first: &mut Option<Connection<'a>>,
    address: IpAddr,
    port: u16,
) -> Option<Banner> {
    let greeting = greeting(dialer, open(dialer, first, address, port).await?).await;
    if greeting.is_empty() {
        return None;
    }
    if !greeting.starts_with(b"SSH-") {
        return Some(Banner { text: first_line(&greeting), ..Banner::default() });
    }
    let ssh_host_key = match open(dialer, first, address, port).await {
        Some(connection) => within(dialer, ssh::host_key(connection.stream)).await.flatten(),
        None => None,
    };
    Some(Banner { protocol: Some("ssh".to_owned()), text: first_line(&greeting), ssh_host_key })
}

async fn ask_tls<'a>(
    dialer: &'a Dialer<'_>,
    first: &mut Option<Connection<'a>>,
    address: IpAddr,
    port: u16,
) -> Option<Banner> {
    let connection = open(dialer, first, address, port).await?;
    let text = within(dialer, tls::question(connection.stream, address)).await.flatten()?;
    Some(Banner { protocol: Some("tls".to_owned()), text: Some(text), ssh_host_key: None })
}

async fn ask_http<'a>(
    dialer: &'a Dialer<'_>,
    first: &mut Option<Connection<'a>>,
    address: IpAddr,
    port: u16,
) -> Option<Banner> {
    let mut connection = open(dialer, first, address, port).await?;
    let text = within(dialer, http::question(&mut connection.stream)).await.flatten()?;
    Some(Banner { protocol: Some("http".to_owned()), text: Some(text), ssh_host_key: None })
}

/// The first connection, or a new one once that is used up.
async fn open<'a>(
    dialer: &'a Dialer<'_>,
    first: &mut Option<Connection<'a>>,
    address: IpAddr,
    port: u16,
) -> Option<Connection<'a>> {
    if let Some(connection) = first.take() {
        return Some(connection);
    }
    match dialer.knock(address, port).await {
        Knock::Open(connection) => Some(connection),
        Knock::Refused | Knock::Silent | Knock::Failed(_) => None,
    }
}

/// What a service says unasked, up to the end of its first line.
async fn greeting(dialer: &Dialer<'_>, mut connection: Connection<'_>) -> Vec<u8> {
    let mut greeting = Vec::new();
    let read = read_until(&mut connection.stream, &mut greeting, GREETING_BYTES_MAX, |bytes| bytes.contains(&b'\n'));
    // One that is silent for a third of the time waits to be asked.
    let _ = tokio::time::timeout(dialer.banner_timeout / 3, read).await;
    greeting
}

/// Reads until enough is there, the limit is reached or the other side ends; errors end it too.
pub(super) async fn read_until(
    stream: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
    bytes_max: usize,
    enough: impl Fn(&[u8]) -> bool,
) {
    let mut buffer = [0; 1024];
    while bytes.len() < bytes_max && !enough(bytes) {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&buffer[..count.min(bytes_max - bytes.len())]),
        }
    }
}

async fn within<T>(dialer: &Dialer<'_>, exchange: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(dialer.banner_timeout, exchange).await.ok()
}

fn first_line(greeting: &[u8]) -> Option<String> {
    let line = greeting.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Some(printable(line, TEXT_CHARS_MAX)).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_one_printable_line() {
        assert_eq!(first_line(b"SSH-2.0-OpenSSH_9.2p1\r\nmore"), Some("SSH-2.0-OpenSSH_9.2p1".to_owned()));
        assert_eq!(first_line(b"\x1b[31m\xff\x00ok"), Some("\u{fffd}[31m\u{fffd}\u{fffd}ok".to_owned()));
        assert_eq!(first_line(b"\r\n220 late"), None);
        assert_eq!(first_line(&[b'x'; 1024]).map(|line| line.chars().count()), Some(TEXT_CHARS_MAX));
    }

    #[tokio::test]
    async fn reading_has_a_limit() {
        let mut bytes = Vec::new();
        read_until(&mut &[b'x'; 5000][..], &mut bytes, 1500, |_| false).await;
        assert_eq!(bytes.len(), 1500);
    }
}
