//! Which machine has what, in which version.

use std::collections::{BTreeMap, BTreeSet};

use super::index::{Fixes, Index, Package};
use crate::numbers::Numbers;

/// An estate, folded: machines refer to sets of packages, packages to versions by the month of the update.
#[derive(Debug)]
pub(super) struct Estate {
    pub seed: u64,
    /// Every package that any machine has, by number.
    pub packages: Vec<Installable>,
    /// Sets of packages by number, each with its name. The first is what every machine has.
    pub sets: Vec<(String, Vec<u32>)>,
    pub hosts: Vec<Host>,
}

/// One package in all the versions that some machine may have.
#[derive(Debug)]
pub(super) struct Installable {
    pub name: String,
    pub source: String,
    pub architecture: String,
    /// (month, version, source version), oldest first: what an update of that month or later installs.
    pub versions: Vec<(u8, String, String)>,
}

/// One machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub name: String,
    /// When it was last updated.
    pub month: u8,
    /// Sets on top of the first.
    pub sets: Vec<u32>,
    /// Source packages that somebody holds back, with the month that they stay at.
    pub held: BTreeMap<String, u8>,
}

/// Months in which updates were published.
const MONTHS: u8 = 20;
/// Of 100 machines, those where somebody holds packages back.
const HOLDING: u64 = 25;
/// What every machine has beside what its distribution says: it is a server that people log in to.
const EXTRA: &[&str] = &["openssh-server", "linux-image-amd64", "grub-pc", "ca-certificates", "sudo", "curl"];

/// What machines are for: name, how many of 57 have it, packages.
const ROLES: &[(&str, u64, &str)] = &[
    ("web", 8, "apache2 libapache2-mod-php7.4 php-mysql php-curl php-gd certbot"),
    ("proxy", 4, "nginx haproxy varnish"),
    ("db", 5, "mariadb-server"),
    ("pg", 4, "postgresql"),
    ("cache", 3, "redis-server memcached"),
    ("mail", 3, "postfix dovecot-imapd spamassassin clamav-daemon"),
    ("dns", 2, "bind9 unbound"),
    ("container", 6, "docker.io runc containerd"),
    ("java", 5, "tomcat9 openjdk-11-jre-headless openjdk-17-jre-headless"),
    ("node", 3, "nodejs npm"),
    ("dev", 6, "build-essential git python3-dev python3-pip golang-go vim gdb"),
    ("ldap", 2, "slapd krb5-kdc samba"),
    ("virt", 2, "qemu-system-x86 libvirt-daemon-system"),
    ("mon", 4, "prometheus rsyslog chrony"),
    ("desktop", 4, "gnome-core firefox-esr libreoffice chromium thunderbird gimp vlc"),
];

/// What the small index must hold with all that it needs.
pub(super) fn roots(index: &Index) -> BTreeSet<&str> {
    let base = index.packages().filter(|package| package.base).map(|package| package.name.as_str());
    base.chain(EXTRA.iter().copied()).chain(ROLES.iter().flat_map(|(.., names)| names.split(' '))).collect()
}

impl Estate {
    pub(super) fn draw(index: &Index, fixes: &Fixes, host_count: u32, seed: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let dates = dates(fixes, &mut numbers);
        let names: Vec<&str> = index.packages().map(|package| package.name.as_str()).collect();
        let number = |name: &str| u32::try_from(names.binary_search(&name).unwrap_or(0)).unwrap_or(0);
        let set = |name: &str, roots: Vec<&str>| {
            let members: Vec<u32> = index.closure(roots).into_iter().map(number).collect();
            (name.to_owned(), members)
        };
        let base = index.packages().filter(|package| package.base).map(|package| package.name.as_str());
        let mut sets = vec![set("base", base.chain(EXTRA.iter().copied()).collect())];
        sets.extend(ROLES.iter().map(|(name, _, packages)| set(name, packages.split(' ').collect())));
        let popular = shuffled(&names, &mut numbers);
        // Each package alone is a set too: what somebody installed, with its dependencies.
        sets.extend(popular.iter().map(|name| set(name, vec![name])));
        let sources: Vec<&String> = dates.keys().collect();
        let hosts = (0..host_count).map(|number| host(number, &popular, &sources, &mut numbers)).collect();
        let packages = index.packages().map(|package| installable(package, &dates)).collect();
        Self { seed, packages, sets, hosts }
    }
}

/// When each fix came out: in the order of the versions, over all months.
fn dates(fixes: &Fixes, numbers: &mut Numbers) -> BTreeMap<String, Vec<(u8, String)>> {
    let dated = |versions: &Vec<String>, numbers: &mut Numbers| {
        let mut months: Vec<u8> = versions.iter().map(|_| small(numbers.below(u64::from(MONTHS)))).collect();
        months.sort_unstable();
        months.into_iter().zip(versions.iter().cloned()).collect()
    };
    fixes.iter().map(|(source, versions)| (source.clone(), dated(versions, numbers))).collect()
}

fn shuffled<'a>(names: &[&'a str], numbers: &mut Numbers) -> Vec<&'a str> {
    let mut keyed: Vec<(u64, &str)> = names.iter().map(|name| (numbers.next(), *name)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, name)| name).collect()
}

fn host(number: u32, popular: &[&str], sources: &[&String], numbers: &mut Numbers) -> Host {
    let mut sets: BTreeSet<u32> = (0..[1, 1, 2, 3][below(numbers, 4)]).map(|_| role(numbers)).collect();
    let first_single = 1 + ROLES.len();
    for _ in 0..5 + below(numbers, 36) {
        let rank = below_popular(popular.len(), numbers);
        sets.insert(u32::try_from(first_single + rank).unwrap_or(0));
    }
    // Most machines are some months behind, few are very old or quite new.
    let month = small((numbers.below(u64::from(MONTHS)) + numbers.below(u64::from(MONTHS))) / 2);
    let mut held = BTreeMap::new();
    if numbers.below(100) < HOLDING && !sources.is_empty() {
        let source = sources[below(numbers, sources.len())];
        for _ in 0..3 {
            held.insert(source.clone(), small(numbers.below(u64::from(MONTHS))));
        }
    }
    Host { name: format!("host-{number:06}"), month, sets: sets.into_iter().collect(), held }
}

/// The number of a role's set.
fn role(numbers: &mut Numbers) -> u32 {
    let total: u64 = ROLES.iter().map(|(_, weight, _)| weight).sum();
    let mut rest = numbers.below(total);
    let found = ROLES.iter().position(|(_, weight, _)| match rest.checked_sub(*weight) {
        Some(left) => {
            rest = left;
            false
        }
        None => true,
    });
    u32::try_from(1 + found.unwrap_or(0)).unwrap_or(0)
}

/// A rank of which the first come far more often: about one in its place (Zipf), by halving steps.
fn below_popular(count: usize, numbers: &mut Numbers) -> usize {
    let mut limit = count.max(1);
    while limit > 1 && numbers.below(10) < 7 {
        limit = limit.div_ceil(2);
    }
    below(numbers, limit)
}

fn installable(package: &Package, dates: &BTreeMap<String, Vec<(u8, String)>>) -> Installable {
    let binary = |source_version: &str| match package.version.strip_prefix(&package.source_version) {
        Some(suffix) => format!("{source_version}{suffix}"),
        None => package.version.clone(),
    };
    let mut versions: Vec<(u8, String, String)> = Vec::new();
    if let Some(fixes) = dates.get(&package.source) {
        let first = before(&fixes[0].1);
        versions.push((0, binary(&first), first));
        for (month, version) in fixes {
            // The last of a month is what an update of that month installs.
            versions.retain(|(known, ..)| known != month);
            versions.push((*month, binary(version), version.clone()));
        }
    } else {
        versions.push((0, package.version.clone(), package.source_version.clone()));
    }
    Installable {
        name: package.name.clone(),
        source: package.source.clone(),
        architecture: package.architecture.clone(),
        versions,
    }
}

/// The version that a release came with, before its first fix.
fn before(fixed: &str) -> String {
    for mark in ["+deb", "~deb"] {
        if let Some((front, tail)) = fixed.rsplit_once(mark)
            && let Some((release, update)) = tail.split_once('u')
            && [release, update].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        {
            return if mark == "+deb" { front.to_owned() } else { format!("{front}~deb{release}u0") };
        }
    }
    format!("{fixed}~~")
}

fn below(numbers: &mut Numbers, limit: usize) -> usize {
    usize::try_from(numbers.below(limit as u64)).unwrap_or(0)
}

fn small(number: u64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_before_the_first_fix() {
        for (fixed, base) in
            [("1:2.3-4+deb11u1", "1:2.3-4"), ("99.0-1~deb11u2", "99.0-1~deb11u0"), ("7.74.0-1.3", "7.74.0-1.3~~")]
        {
            assert_eq!(before(fixed), base);
            assert!(
                ecosystems::compare(domain::component::Ecosystem::Deb, base, fixed).is_ok_and(|order| order.is_lt())
            );
        }
    }

    #[test]
    fn one_version_a_month_in_order() {
        let fixes = vec![(0, "1-1+deb11u1".to_owned()), (3, "1-1+deb11u2".to_owned()), (3, "1-1+deb11u3".to_owned())];
        let dates = BTreeMap::from([("a".to_owned(), fixes)]);
        let package = Package {
            source: "a".to_owned(),
            version: "1-1+b2".to_owned(),
            source_version: "1-1".to_owned(),
            ..Package::default()
        };
        let versions = installable(&package, &dates).versions;
        let told: Vec<(u8, &str)> = versions.iter().map(|(month, version, _)| (*month, version.as_str())).collect();
        assert_eq!(told, [(0, "1-1+deb11u1+b2"), (3, "1-1+deb11u3+b2")]);
    }
}
