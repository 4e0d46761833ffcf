//! Addresses of PostgreSQL that name several hosts, as libpq writes them:
//! `postgres://USER@HOST1:5432,HOST2:5432/NAME`, and `?host=/FOLDER1,/FOLDER2` for sockets.

use std::borrow::Cow;

/// One host of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// To be shown.
    pub(crate) name: String,
    /// The address with this host alone, as the driver takes it: with the password.
    pub(crate) url: String,
}

/// The hosts of an address, in its order. An error says what is wrong with it.
pub(crate) fn each(url: &str) -> Result<Vec<Host>, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("it has no scheme")?;
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (login, authority) = authority.rfind('@').map_or(("", authority), |at| authority.split_at(at + 1));
    let (path, parameters) = tail.split_once('?').unwrap_or((tail, ""));
    let parameters: Vec<(&str, Cow<'_, str>)> = parameters
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key, if key == "host" { value.replace("%2C", ",").into() } else { value.into() }))
        .collect();
    let list = |key: &str| {
        let found = parameters.iter().rfind(|(name, _)| *name == key);
        found.map(|(_, value)| value.split(',').collect::<Vec<&str>>())
    };
    let named = list("host");
    let hosts = named.clone().unwrap_or_else(|| authority.split(',').collect());
    if hosts.len() == 1 && !authority.contains(',') {
        return Ok(vec![Host { name: shown(hosts[0]), url: url.to_owned() }]);
    }
    if hosts.contains(&"") {
        return Err("one of its hosts has no name");
    }
    let ports = list("port").unwrap_or_default();
    if ports.len() > 1 && ports.len() != hosts.len() {
        return Err("it has not as many ports as hosts");
    }
    // Which host takes writes is found out by asking all of them, whatever this asks for.
    let ours = ["host", "port", "target_session_attrs"];
    let kept: Vec<String> =
        parameters.iter().filter(|(key, _)| !ours.contains(key)).map(|(key, value)| format!("{key}={value}")).collect();
    let host = |(index, host): (usize, &&str)| {
        let mut parameters = kept.clone();
        let authority = match named {
            // The driver takes the parameter before the authority.
            Some(_) => {
                parameters.push(format!("host={host}"));
                authority.split(',').next().unwrap_or_default()
            }
            None => *host,
        };
        if let Some(port) = ports.get(index).or(ports.first()) {
            parameters.push(format!("port={port}"));
        }
        let parameters = if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) };
        Host { name: shown(host), url: format!("{scheme}://{login}{authority}{path}{parameters}") }
    };
    Ok(hosts.iter().enumerate().map(host).collect())
}

fn shown(host: &str) -> String {
    host.replace("%2F", "/")
}

/// The address of a database without the password between `:` and `@`, to be shown.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (login, host) = rest.rsplit_once('@').map_or(("", rest), |(login, host)| (login, host));
    let host = host.split('?').next().unwrap_or(host);
    match login.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:…@{host}"),
        None if login.is_empty() => format!("{scheme}://{host}"),
        None => format!("{scheme}://{login}@{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_never_show_a_password() {
        for (url, shown) in [
            ("postgres://vigie:gh:ei@m@db/vigie", "postgres://vigie:…@db/vigie"),
            ("postgres://vigie:geheim@one:5432,two/vigie", "postgres://vigie:…@one:5432,two/vigie"),
            ("postgres://vigie@db/vigie?password=geheim", "postgres://vigie@db/vigie"),
            ("postgres://db/vigie", "postgres://db/vigie"),
            ("vigie.db", "vigie.db"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn each_host_has_an_address_of_its_own() {
        for (url, expected) in [
            ("postgres://db/vigie?sslmode=require", "db postgres://db/vigie?sslmode=require"),
            ("postgres://u@localhost/v?host=/run/a", "/run/a postgres://u@localhost/v?host=/run/a"),
            (
                "postgres://u:p@one:5432,two/v?sslmode=require",
                "one:5432 postgres://u:p@one:5432/v?sslmode=require, two postgres://u:p@two/v?sslmode=require",
            ),
            (
                "postgresql://u@localhost:5433/v?host=/run/a,/run/b&target_session_attrs=read-write",
                "/run/a postgresql://u@localhost:5433/v?host=/run/a, /run/b postgresql://u@localhost:5433/v?host=/run/b",
            ),
            (
                "postgres:///v?host=one%2Ctwo&port=1,2",
                "one postgres:///v?host=one&port=1, two postgres:///v?host=two&port=2",
            ),
            ("postgres://one,two/v?port=7", "one postgres://one/v?port=7, two postgres://two/v?port=7"),
        ] {
            let found: Vec<String> =
                each(url).unwrap().iter().map(|host| format!("{} {}", host.name, host.url)).collect();
            assert_eq!(found.join(", "), expected);
        }
        for url in ["postgres://one,,two/v", "postgres://one,two/v?port=1,2,3", "postgres:///v?host=one,"] {
            each(url).unwrap_err();
        }
    }
}
