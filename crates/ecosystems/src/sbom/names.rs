//! From the names of bills of materials to ours.

use domain::component::{Component, Ecosystem, Release};
use domain::cpe::Cpe;
use domain::purl::Purl;

use super::{Item, generic};
use crate::deb::origin;
use crate::host::release::codename;

/// A component as Vigie judges it, and the release that it says it is of; the error is why it cannot be judged.
pub(super) fn component(item: &Item<'_>) -> Result<(Component, Option<Release>), String> {
    if item.purl.is_empty() {
        return by_cpe(item, "they have neither a package-url nor a CPE");
    }
    let purl = match Purl::parse(&item.purl) {
        Ok(purl) => purl,
        Err(_) => return by_cpe(item, "their package-urls are none"),
    };
    let Some((ecosystem, name)) = purl.component_key().filter(|(ecosystem, _)| *ecosystem != Ecosystem::Generic) else {
        return by_cpe(item, &format!("no feed speaks for packages of the type {}", purl.kind));
    };
    let version = match purl.full_version() {
        version if version.is_empty() => item.version.to_string(),
        version => version,
    };
    if version.is_empty() {
        return Err("they have no version".to_owned());
    }
    let upstream = purl.upstream().map(|(name, version)| (name.to_owned(), version.to_owned()));
    let (source, source_version) = match item.source.clone().or(upstream) {
        Some((source, version_of)) if !source.is_empty() => {
            let version = if version_of.is_empty() { version.clone() } else { version_of };
            (ecosystem.canonical_name(&source), version)
        }
        _ => (name.clone(), version.clone()),
    };
    let source_version = match ecosystem {
        // A rebuild of the binaries alone has the source's version.
        Ecosystem::Deb => strip_rebuild(&source_version).to_owned(),
        _ => source_version,
    };
    let release = if ecosystem.is_distribution() { release_of(&purl) } else { None };
    let qualifier = |key: &str| purl.qualifiers.get(key).cloned().unwrap_or_default();
    let origin = match ecosystem {
        _ if !item.origin.is_empty() => item.origin.to_string(),
        Ecosystem::Deb => origin::of(&name, &version, [None, None], origin::vendor(&item.maintainer)),
        _ => String::new(),
    };
    let component = Component {
        ecosystem,
        origin,
        owner: item.owner.to_string(),
        source,
        source_version,
        name,
        version,
        arch: qualifier("arch"),
        module: qualifier("rpmmod"),
        cpe: item.cpe.to_string(),
        ..Component::default()
    };
    Ok((component, release))
}

fn by_cpe(item: &Item<'_>, why: &str) -> Result<(Component, Option<Release>), String> {
    let cpe = Cpe::parse(&item.cpe).ok();
    let key = cpe.as_ref().and_then(Cpe::key);
    match (cpe, key) {
        (Some(cpe), Some(key)) => Ok((generic(&cpe, key, &item.cpe, &item.version), None)),
        _ => Err(why.to_owned()),
    }
}

fn strip_rebuild(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((rest, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => version,
    }
}

/// The release of a distribution that a package-url says its package is of.
pub fn release_of(purl: &Purl) -> Option<Release> {
    match purl.distro() {
        Some((distribution, version)) => release(distribution, version),
        None if matches!(purl.namespace.as_str(), "wolfi" | "chainguard") => {
            Some(Release { distribution: purl.namespace.clone(), name: "rolling".to_owned() })
        }
        None => None,
    }
}

/// The release by the names of os-release, package-urls and tools.
pub fn release(distribution: &str, version: &str) -> Option<Release> {
    let distribution = match distribution.to_ascii_lowercase().as_str() {
        "redhat" | "red" | "red hat enterprise linux" | "red hat" | "rhel" => "rhel".to_owned(),
        "alma" | "almalinux" => "almalinux".to_owned(),
        "rockylinux" | "rocky" => "rocky".to_owned(),
        "amazon" | "amzn" | "amazonlinux" => "amzn".to_owned(),
        "oracle" | "oraclelinux" | "ol" => "ol".to_owned(),
        other => other.split_whitespace().next().unwrap_or_default().to_owned(),
    };
    let version = version.trim().trim_start_matches('v');
    let major = version.split(['.', ' ']).next().unwrap_or_default();
    let two = || version.split('.').take(2).collect::<Vec<_>>().join(".");
    let name = match (distribution.as_str(), major) {
        ("debian", major) => codename("debian", major).unwrap_or(version).to_owned(),
        ("ubuntu", _) => codename("ubuntu", &two()).unwrap_or(version).to_owned(),
        ("alpine", _) => two(),
        ("wolfi" | "chainguard" | "arch", _) => "rolling".to_owned(),
        ("rhel" | "almalinux" | "rocky" | "centos" | "ol" | "fedora" | "amzn", major) => major.to_owned(),
        _ => version.to_owned(),
    };
    (!distribution.is_empty() && !name.is_empty()).then_some(Release { distribution, name })
}
