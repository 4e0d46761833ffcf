//! Packages by the names that vendors write where they give no package-url.

use domain::advisory::PackageKind;
use domain::component::{Ecosystem, Release};
use domain::purl::Purl;

use crate::vex::{Subject, stream};

/// What the file name of an rpm ends in.
const ARCHES: [&str; 14] = [
    "aarch64", "i386", "i486", "i586", "i686", "ia64", "noarch", "nosrc", "ppc", "ppc64", "ppc64le", "s390x", "src",
    "x86_64",
];

/// The rpm of a release by its name: `log4j`, `log4j:2/log4j` in a module, `curl-0:7.76.1-26.el9.x86_64` as a build.
/// `None`: no name of an rpm, such as that of an image.
pub(super) fn rpm(text: &str, release: &Release) -> Option<Subject> {
    let (module, text) = match text.trim().split_once('/') {
        Some((module, name)) if module.contains(':') => (stream(module), name),
        Some(_) => return None,
        None => (String::new(), text.trim()),
    };
    let (package, version, kind) = match build(text) {
        Some((name, version, arch)) => {
            let kind = if matches!(arch, "src" | "nosrc") { PackageKind::Source } else { PackageKind::Binary };
            (name, version.strip_prefix("0:").unwrap_or(version), kind)
        }
        None => (text, "", PackageKind::Binary),
    };
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'+' | b'-');
    (!package.is_empty() && package.bytes().all(plain)).then(|| Subject {
        ecosystem: Ecosystem::Rpm,
        release: release.clone(),
        package: package.to_owned(),
        kind,
        module,
        product: String::new(),
        range: String::new(),
        version: version.to_owned(),
    })
}

/// Whether it has only what debuggers read, which nobody runs.
pub(super) fn is_debug(subject: &Subject) -> bool {
    let name = &subject.package;
    subject.ecosystem == Ecosystem::Rpm
        && (name.ends_with("-debuginfo") || name.ends_with("-debugsource") || name.contains("-debuginfo-common"))
}

/// Name, version with release, and architecture.
fn build(text: &str) -> Option<(&str, &str, &str)> {
    let (build, arch) = text.rsplit_once('.')?;
    if !ARCHES.contains(&arch) {
        return None;
    }
    let (rest, _) = build.rsplit_once('-')?;
    let (name, _) = rest.rsplit_once('-')?;
    Some((name, &build[name.len() + 1..], arch))
}

/// The package that Red Hat writes as a part of its module (`pkg:rpmmod/redhat/postgresql:15/postgresql`), and the module.
pub(super) fn in_module(purl: &Purl) -> Option<(String, Purl)> {
    let (vendor, module) = purl.namespace.split_once('/')?;
    let package = Purl { kind: "rpm".to_owned(), namespace: vendor.to_owned(), ..purl.clone() };
    Some((stream(module), package))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rpms_and_of_their_builds() {
        let release = Release { distribution: "rhel".to_owned(), name: "9".to_owned() };
        let read = |text: &str| {
            let Subject { package, version, kind, module, .. } = rpm(text, &release)?;
            Some(format!("{module} {package} {version} {kind:?}"))
        };
        for (text, expected) in [
            ("log4j", Some(" log4j  Binary")),
            ("compat-libtiff3", Some(" compat-libtiff3  Binary")),
            ("java-1.8.0-openjdk", Some(" java-1.8.0-openjdk  Binary")),
            ("postgresql:15/postgresql", Some("postgresql:15 postgresql  Binary")),
            ("curl-0:7.76.1-26.el9.x86_64", Some(" curl 7.76.1-26.el9 Binary")),
            ("bind-9.9.4P2-0.6.1.i586", Some(" bind 9.9.4P2-0.6.1 Binary")),
            ("perl-4:5.32.1-480.el9.src", Some(" perl 4:5.32.1-480.el9 Source")),
            ("openshift4/ose-console", None),
            ("a b", None),
            ("", None),
        ] {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
    }
}
