//! Addresses of hosts as people write them: `ssh://user@host[:port]`.

use domain::asset::SshTarget;

/// The text names no host to log in to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no SSH address: write ssh://user@host or ssh://user@host:port")]
pub struct InvalidSshUrl(String);

/// Reads `ssh://user@host[:port]`; an IPv6 address stands in brackets.
pub fn parse_ssh(url: &str) -> Result<SshTarget, InvalidSshUrl> {
    let invalid = || InvalidSshUrl(url.chars().take(200).collect());
    let rest = url.strip_prefix("ssh://").ok_or_else(invalid)?;
    let (user, host) = rest.split_once('@').ok_or_else(invalid)?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let (host, port) = match host.strip_prefix('[') {
        Some(host) => {
            let (host, port) = host.split_once(']').ok_or_else(invalid)?;
            (host, port.strip_prefix(':'))
        }
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Ok(22), str::parse).map_err(|_| invalid())?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
    let is_name = |text: &str| !text.is_empty() && !text.starts_with('-') && text.chars().all(plain);
    if !is_name(user) || !is_name(host) || port == 0 {
        return Err(invalid());
    }
    Ok(SshTarget { user: user.to_owned(), host: host.to_owned(), port, credential: None, jump: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hosts_names_and_ports() {
        let read = |url| parse_ssh(url).map(|target| (target.user, target.host, target.port)).ok();
        let owned = |user: &str, host: &str, port| Some((user.to_owned(), host.to_owned(), port));
        assert_eq!(read("ssh://root@web01"), owned("root", "web01", 22));
        assert_eq!(read("ssh://root@web01.example:2222/"), owned("root", "web01.example", 2222));
        assert_eq!(read("ssh://a@[2001:db8::1]:22"), owned("a", "2001:db8::1", 22));
        for bad in [
            "web01",
            "ssh://web01",
            "ssh://@web01",
            "ssh://a@",
            "ssh://a@b:0",
            "ssh://a@b:x",
            "ssh://a@b;id",
            "ssh://-o@b",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
