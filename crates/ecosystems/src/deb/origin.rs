//! Who built a package, where the package itself says that it was not the distribution (docs/adr/0030-builders-of-debs.md).

/// Marks that builders put into their versions, with the names that people know them by.
const MARKS: [(&str, &str); 7] = [
    ("pgdg", "apt.postgresql.org"),
    ("nodesource", "NodeSource"),
    ("+deb.sury.org", "deb.sury.org"),
    ("+maria~", "MariaDB"),
    ("+rpt", "Raspberry Pi"),
    ("~ppa", "a PPA"),
    ("+ppa", "a PPA"),
];

/// Releases for which others name their builds, since the distributions do so no more. In order.
const CODENAMES: [&str; 30] = [
    "artful", "bionic", "bookworm", "bullseye", "buster", "cosmic", "disco", "duke", "eoan", "focal", "forky",
    "groovy", "hirsute", "impish", "jammy", "jessie", "kinetic", "lunar", "mantic", "noble", "oracular", "plucky",
    "questing", "resolute", "stretch", "trixie", "trusty", "xenial", "yakkety", "zesty",
];

/// Whoever names a build for a release, and whom nothing else names.
const THIRD_PARTY: &str = "a third party";

/// Names with which packages of vendors begin, and none of a distribution's does.
const PACKAGES: [(&str, &str); 11] = [
    ("brave-browser", "Brave"),
    ("containerd.io", "Docker"),
    ("datadog-agent", "Datadog"),
    ("docker-ce", "Docker"),
    ("gitlab-ce", "GitLab"),
    ("gitlab-ee", "GitLab"),
    ("google-chrome-", "Google"),
    ("microsoft-edge-", "Microsoft"),
    ("mongodb-org", "MongoDB"),
    ("mysql-community-", "MySQL"),
    ("percona-server-", "Percona"),
];

/// Where vendors have their mail, by domain or by address: no maintainer of a distribution's package has it there. In order.
const VENDORS: [(&str, &str); 58] = [
    ("agilebits.com", "1Password"),
    ("anydesk.com", "AnyDesk"),
    ("azul.com", "Azul"),
    ("brave.com", "Brave"),
    ("chef.io", "Chef"),
    ("chromium.org", "Google"),
    ("citusdata.com", "Citus Data"),
    ("clickhouse.com", "ClickHouse"),
    ("cloudflare.com", "Cloudflare"),
    ("confluent.io", "Confluent"),
    ("corretto-team@amazon.com", "Amazon Corretto"),
    ("crowdstrike.com", "CrowdStrike"),
    ("cudatools@nvidia.com", "NVIDIA"),
    ("datadoghq.com", "Datadog"),
    ("docker.com", "Docker"),
    ("dotnetfoundation.org", "Microsoft"),
    ("eclipse.org", "Eclipse Adoptium"),
    ("elastic.co", "Elastic"),
    ("f5.com", "nginx.org"),
    ("gitlab.com", "GitLab"),
    ("grafana.com", "Grafana"),
    ("hashicorp.com", "HashiCorp"),
    ("icinga.com", "Icinga"),
    ("influxdata.com", "InfluxData"),
    ("influxdb.com", "InfluxData"),
    ("jenkinsci-dev@googlegroups.com", "Jenkins"),
    ("konghq.com", "Kong"),
    ("kubernetes.io", "Kubernetes"),
    ("lists.mariadb.org", "MariaDB"),
    ("maria-developers@lists.launchpad.net", "MariaDB"),
    ("mariadb.com", "MariaDB"),
    ("mariadb.org", "MariaDB"),
    ("microsoft.com", "Microsoft"),
    ("mongodb.com", "MongoDB"),
    ("neo4j.com", "Neo4j"),
    ("netdata.cloud", "Netdata"),
    ("newrelic.com", "New Relic"),
    ("nginx.com", "nginx.org"),
    ("nodesource.com", "NodeSource"),
    ("opera.com", "Opera"),
    ("oracle.com", "Oracle"),
    ("oss.oracle.com", "MySQL"),
    ("percona.com", "Percona"),
    ("proxmox.com", "Proxmox"),
    ("puppet.com", "Puppet"),
    ("puppetlabs.com", "Puppet"),
    ("rabbitmq.com", "RabbitMQ"),
    ("redis.com", "redis.io"),
    ("redis.io", "redis.io"),
    ("slack-corp.com", "Slack"),
    ("splunk.com", "Splunk"),
    ("tailscale.com", "Tailscale"),
    ("teamviewer.com", "TeamViewer"),
    ("timescale.com", "Timescale"),
    ("varnish-software.com", "Varnish Software"),
    ("virtualbox.org", "Oracle"),
    ("wazuh.com", "Wazuh"),
    ("zabbix.com", "Zabbix"),
];

/// Distributions, as packages name them.
const DISTRIBUTIONS: [&str; 3] = ["debian", "ubuntu", "raspbian"];

/// The origin by the version, else by the fields `Origin` and `Vendor`, else by the vendor that the maintainer or the name is of.
/// Empty: the distribution, or nothing tells.
pub(crate) fn of(package: &str, version: &str, fields: [Option<&[u8]>; 2], vendor: Option<&str>) -> String {
    let marked = mark(version);
    if let Some(name) = marked.filter(|name| *name != THIRD_PARTY) {
        return name.to_owned();
    }
    let given = fields.into_iter().flatten().filter_map(|field| std::str::from_utf8(field).ok());
    let printable = |name: &str| !name.is_empty() && !name.chars().any(char::is_control);
    let other = |name: &&str| printable(name) && !matches!(*name, "none" | "(none)") && !is_distribution(name);
    let named = || PACKAGES.iter().find(|(start, _)| package.starts_with(start)).map(|(_, name)| *name);
    given.into_iter().find(other).or(vendor).or_else(named).or(marked).unwrap_or_default().to_owned()
}

/// The vendor that a maintainer is of, by the address: `Docker <support@docker.com>`, and with round brackets as SPDX has it.
pub(crate) fn vendor(maintainer: &str) -> Option<&'static str> {
    let (before, after) = maintainer.rsplit_once('@')?;
    let start = before.rfind(['<', '(', ' ']).map_or(0, |place| place + 1);
    let domain = after.split(['>', ')', ' ', ',']).next()?.to_ascii_lowercase();
    let known = |key: &str| VENDORS.binary_search_by_key(&key, |(key, _)| key).ok().map(|index| VENDORS[index].1);
    known(&domain).or_else(|| known(&format!("{}@{domain}", before[start..].to_ascii_lowercase())))
}

/// Whoever the version says built it.
fn mark(version: &str) -> Option<&'static str> {
    if !version.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    if let Some((_, name)) = MARKS.iter().find(|(mark, _)| version.contains(mark)) {
        return Some(name);
    }
    // Ubuntu takes Debian's backports over, and once named updates for a release, as in `1~rc2-0ubuntu1~xenial10`.
    if is_ubuntus(version) {
        return None;
    }
    if version.contains("~bpo") {
        return Some("backports");
    }
    if is_redis(version) {
        return Some("redis.io");
    }
    for (place, separator) in version.match_indices(['~', '+', '.']) {
        let rest = &version[place + 1..];
        let word = &rest[..rest.bytes().take_while(u8::is_ascii_alphabetic).count()];
        let numbered = rest[word.len()..].trim_start_matches(|c: char| c.is_ascii_digit());
        let has_number = numbered.len() < rest.len() - word.len();
        // Debian's own are `~deb12u1`, and `+deb10` was part of somebody's version.
        let of_release = word == "deb" && separator == "~" && has_number && !numbered.starts_with('u');
        if of_release || CODENAMES.binary_search(&word).is_ok() {
            return Some(THIRD_PARTY);
        }
    }
    None
}

/// `1rl1~`, as in redis.io's versions.
fn is_redis(version: &str) -> bool {
    version.match_indices("rl").any(|(place, word)| {
        let after = &version[place + word.len()..];
        let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        version[..place].ends_with(|c: char| c.is_ascii_digit()) && rest.len() < after.len() && rest.starts_with('~')
    })
}

/// Whether it has a number of Ubuntu's own, as in `1.2-0ubuntu3`.
fn is_ubuntus(version: &str) -> bool {
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    version.match_indices("ubuntu").any(|(place, word)| {
        digit(version.as_bytes()[..place].last()) && digit(version.as_bytes().get(place + word.len()))
    })
}

/// Whether an archive that offers the very build may name it.
pub(super) fn is_open(origin: &str) -> bool {
    origin.is_empty() || origin == THIRD_PARTY
}

pub(super) fn is_distribution(name: &str) -> bool {
    DISTRIBUTIONS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_fields() {
        for (version, origin, vendor, expected) in [
            ("6.1.76-1", None, None, ""),
            ("2.39.2-1~bpo12+1", None, None, "backports"),
            ("16.2-1.pgdg120+2", Some("Debian"), None, "apt.postgresql.org"),
            ("18.20.4-1nodesource1", None, None, "NodeSource"),
            ("8.3.1-1+0~20240121.44+debian12~1.gbpc9d+deb.sury.org", None, None, "deb.sury.org"),
            ("1.2-3~ppa1", None, None, "a PPA"),
            ("1.0", Some("debian"), Some("Ubuntu"), ""),
            ("1.0", Some("Docker"), None, "Docker"),
            ("1.0", None, Some("none"), ""),
            ("1.0", None, Some("Example Inc."), "Example Inc."),
            ("1.0-1~bookworm", None, Some("Example Inc."), "Example Inc."),
        ] {
            let read = of("some", version, [origin.map(str::as_bytes), vendor.map(str::as_bytes)], None);
            assert_eq!(read, expected, "{version} {origin:?} {vendor:?}");
        }
    }

    #[test]
    fn versions_that_no_distribution_makes() {
        for (version, expected) in [
            ("1.27.0-1~bookworm", THIRD_PARTY),
            ("5:24.0.7-1~ubuntu.22.04~jammy", THIRD_PARTY),
            ("8.0.36-28-1.bookworm", THIRD_PARTY),
            ("5.1-1~deb12", THIRD_PARTY),
            ("1:10.11.6+maria~deb12", "MariaDB"),
            ("1:10.6.16+maria~ubu2204", "MariaDB"),
            ("6:7.2.4-1rl1~noble1", "redis.io"),
            ("6:7.2.4-1rl2~u1", "redis.io"),
        ] {
            assert_eq!(of("some", version, [None, None], None), expected, "{version}");
        }
    }

    /// All of these stand in lists of Debian's and Ubuntu's own packages.
    #[test]
    fn versions_that_distributions_make() {
        for version in [
            "12.4+deb12u15",
            "1:9.18.49-1~deb12u1",
            "2.66-4+deb12u3+b1",
            "0.960+bzr41+deb10-4",
            "0.0.1+git20161023.60.deb8c38-1.2",
            "246.9.1-1+debian1",
            "0.01.1~debian-4",
            "0.7-groovy-2.0-4",
            "7.5.0-3ubuntu1~18.04",
            "1.13-2~ubuntu18.04",
            "1:1.07.4-7~18.04.1",
            "16.10+18.04.20181005-0ubuntu1",
            "1:5.1.6~rc2-0ubuntu1~xenial10",
            "1.75.0+dfsg0ubuntu1~bpo0-0ubuntu0.22.04",
        ] {
            assert_eq!(of("some", version, [None, None], None), "", "{version}");
        }
    }

    #[test]
    fn vendors_by_their_addresses_and_names() {
        for (maintainer, expected) in [
            ("Docker <support@docker.com>", Some("Docker")),
            ("Chrome Linux Team <chromium-dev@chromium.org>", Some("Google")),
            ("MySQL Release Engineering <mysql-build@oss.oracle.com>", Some("MySQL")),
            ("Organization: NGINX Packaging (nginx-packaging@F5.com)", Some("nginx.org")),
            ("cudatools <cudatools@nvidia.com>", Some("NVIDIA")),
            ("Somebody <somebody@nvidia.com>", None),
            ("Debian QA Group <packages@qa.debian.org>", None),
            ("Somebody <somebody@notdocker.com>", None),
            ("nobody", None),
            ("@", None),
        ] {
            assert_eq!(vendor(maintainer), expected, "{maintainer}");
        }
        assert_eq!(of("google-chrome-stable", "100.0.4896.60-1", [None, None], None), "Google");
        assert_eq!(of("docker.io", "20.10.24+dfsg1-1+b3", [None, None], None), "");
    }

    #[test]
    fn tables_are_in_order() {
        assert!(CODENAMES.is_sorted() && VENDORS.is_sorted_by_key(|(key, _)| key));
    }
}
