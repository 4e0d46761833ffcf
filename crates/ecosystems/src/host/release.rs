//! Names of releases, as the feeds speak of them.

use domain::component::Release;

use super::os_release::Fields;

/// Codenames by the number of the release.
const DEBIAN: [(&str, &str); 11] = [
    ("6", "squeeze"),
    ("7", "wheezy"),
    ("8", "jessie"),
    ("9", "stretch"),
    ("10", "buster"),
    ("11", "bullseye"),
    ("12", "bookworm"),
    ("13", "trixie"),
    ("14", "forky"),
    ("15", "duke"),
    ("5", "lenny"),
];
const UBUNTU: [(&str, &str); 12] = [
    ("10.04", "lucid"),
    ("12.04", "precise"),
    ("14.04", "trusty"),
    ("16.04", "xenial"),
    ("18.04", "bionic"),
    ("20.04", "focal"),
    ("22.04", "jammy"),
    ("23.10", "mantic"),
    ("24.04", "noble"),
    ("24.10", "oracular"),
    ("25.04", "plucky"),
    ("25.10", "questing"),
];

/// Distributions whose updates follow the major number.
const BY_MAJOR: [&str; 14] = [
    "rhel",
    "almalinux",
    "rocky",
    "centos",
    "ol",
    "fedora",
    "amzn",
    "scientific",
    "eurolinux",
    "cloudlinux",
    "virtuozzo",
    "miraclelinux",
    "circle",
    "navylinux",
];

/// Distributions that have no releases, whatever their version says.
const ROLLING: [&str; 8] =
    ["wolfi", "chainguard", "arch", "opensuse-tumbleweed", "gentoo", "minimos", "manjaro", "void"];

/// The codename of a release of Debian or Ubuntu by its number.
pub(crate) fn codename(distribution: &str, number: &str) -> Option<&'static str> {
    let known: &[(&str, &str)] = match distribution {
        "debian" => &DEBIAN,
        "ubuntu" => &UBUNTU,
        _ => &[],
    };
    known.iter().find(|(known, _)| *known == number).map(|(_, codename)| *codename)
}

/// The release that os-release names. `None`: it does not say which.
pub(super) fn of(fields: &Fields) -> Option<Release> {
    let id = fields.id.as_deref()?;
    let version = fields.version_id.as_deref();
    let release = |distribution: &str, name: String| Some(Release { distribution: distribution.to_owned(), name });
    match id {
        "debian" | "raspbian" => release(id, debian(fields)?),
        "ubuntu" => release(id, ubuntu(fields)?),
        "alpine" => release(id, alpine(fields)?),
        "amzn" if version.is_some_and(|version| version.starts_with("201")) => release(id, "1".to_owned()),
        "redhat" => release("rhel", major(version?)),
        _ if BY_MAJOR.contains(&id) => release(id, major(version?)),
        // SUSE's variants get their updates from the same code stream.
        "sles_sap" | "sled" => release("sles", version?.to_owned()),
        _ if ROLLING.contains(&id) => release(id, "rolling".to_owned()),
        _ if fields.build_id.as_deref() == Some("rolling") => release(id, "rolling".to_owned()),
        // Built from Ubuntu's own archive, and says from which part of it.
        _ if is_like(fields, "ubuntu") && fields.ubuntu_codename.is_some() => {
            release("ubuntu", fields.ubuntu_codename.clone()?)
        }
        _ if fields.codename.is_none() && version.is_some_and(is_date) => release(id, "rolling".to_owned()),
        _ => release(id, fields.codename.as_deref().or(version)?.to_owned()),
    }
}

/// Distribution and version of a line such as `CentOS release 5.7 (Final)`.
pub(super) fn of_sentence(line: &str) -> (Option<&'static str>, Option<&str>) {
    const NAMES: [(&str, &str); 9] = [
        ("Red Hat Enterprise Linux", "rhel"),
        ("CentOS", "centos"),
        ("Oracle Linux", "ol"),
        ("Fedora", "fedora"),
        ("Scientific Linux", "scientific"),
        ("AlmaLinux", "almalinux"),
        ("Rocky Linux", "rocky"),
        ("CloudLinux", "cloudlinux"),
        ("Amazon Linux", "amzn"),
    ];
    let id = NAMES.iter().find(|(name, _)| line.starts_with(name)).map(|(_, id)| *id);
    let version = line.split_once(" release ").and_then(|(_, rest)| rest.split_whitespace().next());
    (id, version)
}

/// Distribution and version of `cpe:/o:centos:linux:6:GA`.
pub(super) fn of_cpe(line: &str) -> (Option<&'static str>, Option<&str>) {
    const VENDORS: [(&str, &str); 7] = [
        ("redhat:enterprise_linux", "rhel"),
        ("centos:linux", "centos"),
        ("centos:centos", "centos"),
        ("oracle:linux", "ol"),
        ("fedoraproject:fedora", "fedora"),
        ("amazon:linux", "amzn"),
        ("scientificlinux:scientificlinux", "scientific"),
    ];
    let Some(rest) = line.strip_prefix("cpe:/o:") else { return (None, None) };
    let found = VENDORS.iter().find_map(|(vendor, id)| Some((*id, rest.strip_prefix(vendor)?.strip_prefix(':')?)));
    found.map_or((None, None), |(id, rest)| (Some(id), rest.split(':').next()))
}

/// Codename: as given, else as `VERSION` has it in parentheses, else by the number, else the next release's of `trixie/sid`.
fn debian(fields: &Fields) -> Option<String> {
    let by_number = || {
        let version = fields.version_id.as_deref()?;
        let number = version.split('.').next()?;
        codename("debian", number).map(str::to_owned)
    };
    let unreleased = || {
        let testing = fields.pretty_name.as_deref()?.strip_suffix("/sid")?.rsplit(' ').next()?;
        is_codename(testing).then(|| testing.to_owned())
    };
    fields.codename.clone().or_else(|| in_parentheses(fields)).or_else(by_number).or_else(unreleased)
}

fn ubuntu(fields: &Fields) -> Option<String> {
    let by_number = || {
        let version = fields.version_id.as_deref()?;
        codename("ubuntu", version).map(str::to_owned)
    };
    let given = fields.codename.clone().or_else(|| fields.ubuntu_codename.clone());
    given.or_else(by_number).or_else(|| in_parentheses(fields))
}

/// `bookworm` of `12 (bookworm)`, `xenial` of `16.04.7 LTS (Xenial Xerus)`.
fn in_parentheses(fields: &Fields) -> Option<String> {
    let (_, rest) = fields.version.as_deref()?.split_once('(')?;
    let word = rest.split([')', ' ']).next()?.to_ascii_lowercase();
    is_codename(&word).then_some(word)
}

fn is_codename(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Two numbers, or `edge` for what is not released yet.
fn alpine(fields: &Fields) -> Option<String> {
    let version = fields.version_id.as_deref()?;
    let edge = version.contains("_alpha") || fields.pretty_name.as_deref().is_some_and(|name| name.ends_with(" edge"));
    if edge || version == "edge" {
        return Some("edge".to_owned());
    }
    let mut numbers = version.split('.');
    match (numbers.next(), numbers.next()) {
        (Some(first), Some(second)) => Some(format!("{first}.{second}")),
        _ => Some(version.to_owned()),
    }
}

fn major(version: &str) -> String {
    version.split('.').next().unwrap_or(version).to_owned()
}

fn is_like(fields: &Fields, distribution: &str) -> bool {
    fields.id_like.as_deref().is_some_and(|like| like.split_whitespace().any(|word| word == distribution))
}

/// `20241031`, `2025.09.09`: the day of a build, and no release.
fn is_date(version: &str) -> bool {
    let digits = version.bytes().filter(u8::is_ascii_digit).count();
    digits == 8 && version.starts_with("20") && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}
