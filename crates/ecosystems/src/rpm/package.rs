//! What every form of the rpm database says of one package, and the component that it makes.

use std::collections::BTreeMap;

use domain::component::{Component, Ecosystem};

/// Names, versions and the like.
const VALUE_BYTES_MAX: usize = 512;

/// The key of a repository, which rpm keeps among its packages.
const KEY: &str = "gpg-pubkey";

/// Packages that a distribution builds itself: their vendor is the distribution's own.
const BASE: [&str; 6] = ["filesystem", "setup", "basesystem", "glibc", "bash", "rpm"];

/// Vendors that build one distribution together: openSUSE Leap takes its base from SUSE's enterprise distribution.
const TOGETHER: [&str; 2] = ["openSUSE", "SUSE LLC"];

/// One package, as it is written down.
#[derive(Debug, Clone, Default)]
pub(super) struct Package<'a> {
    pub(super) name: &'a str,
    pub(super) epoch: u32,
    pub(super) version: &'a str,
    pub(super) release: &'a str,
    pub(super) arch: &'a str,
    /// `audit-3.0-1.el8.src.rpm`, or with an epoch `audit-0:3.0-1.el8.src`. Empty: unknown.
    pub(super) source_rpm: &'a str,
    /// `nodejs:18:8090020231215:abcdef`. Empty: none.
    pub(super) module: &'a str,
    pub(super) vendor: &'a str,
    pub(super) packager: &'a str,
    /// What it boots as, where its files tell. Empty: it is no kernel, or its files are not known.
    pub(super) boots_as: &'a str,
}

/// Components of one database. Who built a package, and the epoch of its source, only show beside the others.
#[derive(Default)]
pub(super) struct Components {
    rows: Vec<Row>,
}

struct Row {
    component: Component,
    epoch: u32,
    /// The binary has its source's version and release, so that its epoch is the source's too.
    like_source: bool,
    /// The source's epoch is written down.
    source_epoch_known: bool,
    vendor: String,
    packager: String,
}

impl Components {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Takes a package of the file `path`. A repository's key is none.
    pub(super) fn add(&mut self, package: &Package<'_>, path: &str) -> Result<(), &'static str> {
        if package.name == KEY {
            return Ok(());
        }
        let Package { name, epoch, version, release, arch, .. } = *package;
        checked(name, "its name is not readable")?;
        checked(version, "its version is not readable")?;
        checked(release, "its release is not readable")?;
        if !arch.is_empty() {
            checked(arch, "its architecture is not readable")?;
        }
        let source = match package.source_rpm {
            "" => Source { name, epoch: Some(epoch), version, release },
            text => source(text).ok_or("the name of its source package is not readable")?,
        };
        let source_epoch = source.epoch.unwrap_or(epoch);
        let component = Component {
            ecosystem: Ecosystem::Rpm,
            source: source.name.to_owned(),
            source_version: evr(source_epoch, source.version, source.release),
            name: name.to_owned(),
            version: evr(epoch, version, release),
            arch: arch.to_owned(),
            path: path.to_owned(),
            kernel: kernel(package),
            module: module(package.module),
            ..Component::default()
        };
        self.rows.push(Row {
            component,
            epoch,
            like_source: source.version == version && source.release == release,
            source_epoch_known: source.epoch.is_some(),
            vendor: printable(package.vendor),
            packager: printable(package.packager),
        });
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<Component> {
        let epochs: BTreeMap<(String, String), u32> = self
            .rows
            .iter()
            .filter(|row| row.like_source)
            .map(|row| ((row.component.source.clone(), without_epoch(&row.component.source_version)), row.epoch))
            .collect();
        let own = own_vendors(&self.rows);
        let finished = |row: Row| {
            let mut component = row.component;
            if !row.source_epoch_known && !row.like_source {
                let version = without_epoch(&component.source_version);
                let key = (component.source.clone(), version);
                if let Some(epoch) = epochs.get(&key) {
                    component.source_version = with_epoch(*epoch, &key.1);
                }
            }
            component.origin = origin(&own, row.vendor, row.packager);
            component
        };
        self.rows.into_iter().map(finished).collect()
    }
}

/// Vendors of the distribution itself, by the packages that it is built on. Empty: nothing tells.
fn own_vendors(rows: &[Row]) -> Vec<String> {
    let base = rows.iter().filter(|row| BASE.contains(&row.component.name.as_str()) && !row.vendor.is_empty());
    let mut own: Vec<String> = base.map(|row| vendor_name(&row.vendor).to_owned()).collect();
    if own.iter().any(|vendor| TOGETHER.contains(&vendor.as_str())) && rows.iter().any(is_opensuse) {
        own.extend(TOGETHER.map(str::to_owned));
    }
    own.sort();
    own.dedup();
    own
}

fn is_opensuse(row: &Row) -> bool {
    row.component.name == "openSUSE-release"
}

/// Who built a package that is not the distribution's own. Empty: the distribution, or nothing tells.
fn origin(own: &[String], vendor: String, packager: String) -> String {
    if own.is_empty() || own.iter().any(|known| known == vendor_name(&vendor)) {
        return String::new();
    }
    match (vendor.is_empty(), packager.is_empty()) {
        (false, _) => vendor,
        (true, false) => packager,
        (true, true) => "an unnamed vendor".to_owned(),
    }
}

/// `SUSE LLC <https://www.suse.com/>` is `SUSE LLC`.
fn vendor_name(vendor: &str) -> &str {
    vendor.split('<').next().unwrap_or_default().trim()
}

/// Name, epoch if it is given, version and release of a source package.
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) epoch: Option<u32>,
    pub(super) version: &'a str,
    pub(super) release: &'a str,
}

/// `audit-3.0-1.el8.src.rpm`, `audit-0:3.0-1.el8.src`, `kernel-6.1-1.nosrc.rpm`.
pub(super) fn source(text: &str) -> Option<Source<'_>> {
    let text = text.strip_suffix(".rpm").unwrap_or(text);
    let text = text.strip_suffix(".src").or_else(|| text.strip_suffix(".nosrc")).unwrap_or(text);
    let (rest, release) = text.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let (epoch, version) = match version.split_once(':') {
        Some((epoch, version)) => (Some(epoch.parse().ok()?), version),
        None => (None, version),
    };
    let sound = [name, version, release].iter().all(|part| checked(part, "").is_ok());
    sound.then_some(Source { name, epoch, version, release })
}

/// `[epoch:]version-release`, with the epoch where it is not 0.
fn evr(epoch: u32, version: &str, release: &str) -> String {
    with_epoch(epoch, &format!("{version}-{release}"))
}

fn with_epoch(epoch: u32, rest: &str) -> String {
    if epoch == 0 { rest.to_owned() } else { format!("{epoch}:{rest}") }
}

fn without_epoch(version: &str) -> String {
    version.split_once(':').map_or(version, |(_, rest)| rest).to_owned()
}

/// `nodejs:18` of `nodejs:18:8090020231215:abcdef`.
fn module(label: &str) -> String {
    let mut parts = label.split(':');
    match (parts.next(), parts.next()) {
        (Some(name), Some(stream)) if checked(name, "").is_ok() && checked(stream, "").is_ok() => {
            format!("{name}:{stream}")
        }
        _ => String::new(),
    }
}

/// What a kernel boots as: by its files, else by its name where that says it exactly.
fn kernel(package: &Package<'_>) -> String {
    let Package { name, version, release, arch, boots_as, .. } = *package;
    match name {
        _ if !boots_as.is_empty() && checked(boots_as, "").is_ok() => boots_as.to_owned(),
        "kernel" | "kernel-core" => format!("{version}-{release}.{arch}"),
        _ => String::new(),
    }
}

/// The release that a kernel boots as, from the path of its image: `/boot/vmlinuz-…`, `/lib/modules/…/vmlinuz`.
pub(super) fn boots_as(path: &str) -> Option<&str> {
    let path = path.strip_prefix("/usr").unwrap_or(path);
    let in_boot = path.strip_prefix("/boot/").and_then(|file| {
        ["vmlinuz-", "vmlinux-", "Image-", "image-"].iter().find_map(|image| file.strip_prefix(image))
    });
    let in_modules = || {
        let (release, file) = path.strip_prefix("/lib/modules/")?.split_once('/')?;
        matches!(file, "vmlinuz" | "vmlinux" | "Image" | "image").then_some(release)
    };
    let release = in_boot.or_else(in_modules)?;
    // Compressed images and rescue images are no releases of their own.
    let plain =
        release.starts_with(|c: char| c.is_ascii_digit()) && !release.ends_with(".gz") && !release.ends_with(".xz");
    (plain && !release.contains('/')).then_some(release)
}

fn checked<'a>(text: &'a str, reason: &'static str) -> Result<&'a str, &'static str> {
    let sound = !text.is_empty() && text.len() <= VALUE_BYTES_MAX;
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'<' | b'>'));
    if sound && plain { Ok(text) } else { Err(reason) }
}

/// A text for people, on one line and not endless. A placeholder for "none" is none.
fn printable(text: &str) -> String {
    let text = text.trim();
    if matches!(text, "(none)" | "none") {
        return String::new();
    }
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package<'a>(name: &'a str, version: &'a str, source_rpm: &'a str) -> Package<'a> {
        Package { name, version, release: "1.el9", arch: "x86_64", source_rpm, ..Package::default() }
    }

    fn finish(packages: &[Package<'_>]) -> Vec<Component> {
        let mut components = Components::default();
        for package in packages {
            components.add(package, "rpmdb.sqlite").unwrap();
        }
        components.finish()
    }

    #[test]
    fn sources_with_and_without_epochs() {
        for (text, expected) in [
            ("audit-3.0-0.10.el8.src.rpm", Some(("audit", None, "3.0", "0.10.el8"))),
            ("libxcrypt-0:4.1.1-4.el8.src", Some(("libxcrypt", Some(0), "4.1.1", "4.el8"))),
            ("kernel-default-6.4.0-150600.1.nosrc.rpm", Some(("kernel-default", None, "6.4.0", "150600.1"))),
            ("no_version.src.rpm", None),
            ("a-x:1-2.src", None),
            ("-1-2.src.rpm", None),
        ] {
            let read = source(text).map(|s| (s.name, s.epoch, s.version, s.release));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn a_sister_package_tells_the_epoch_of_the_source() {
        let perl = Package { epoch: 4, ..package("perl-libs", "5.32.1", "perl-5.32.1-1.el9.src.rpm") };
        let part = package("perl-Errno", "1.30", "perl-5.32.1-1.el9.src.rpm");
        let components = finish(&[part, perl]);
        let read: Vec<_> = components.iter().map(|c| (c.version.as_str(), c.source_version.as_str())).collect();
        assert_eq!(read, [("1.30-1.el9", "4:5.32.1-1.el9"), ("4:5.32.1-1.el9", "4:5.32.1-1.el9")]);
    }

    #[test]
    fn what_others_built_has_an_origin() {
        let base = Package { vendor: "Red Hat, Inc.", ..package("glibc", "2.34", "") };
        let own = Package { vendor: "Red Hat, Inc. <http://bugzilla.redhat.com>", ..package("zlib", "1", "") };
        let epel = Package { vendor: "Fedora Project", ..package("htop", "3", "") };
        let home = Package { packager: "ops@example.org", ..package("tool", "1", "") };
        let bare = package("bare", "1", "");
        let origins = |packages: &[Package<'_>]| finish(packages).into_iter().map(|c| c.origin).collect::<Vec<_>>();
        let read = origins(&[base, own, epel.clone(), home.clone(), bare]);
        assert_eq!(read, ["", "", "Fedora Project", "ops@example.org", "an unnamed vendor"]);
        assert_eq!(origins(&[epel, home]), ["", ""], "nothing tells who the distribution is");
        let leap = |name, vendor| Package { vendor, ..package(name, "1", "") };
        let suse = "SUSE LLC <https://www.suse.com/>";
        assert_eq!(origins(&[leap("bash", suse), leap("vim", "openSUSE")]), ["", "openSUSE"]);
        assert_eq!(origins(&[leap("bash", suse), leap("openSUSE-release", "openSUSE")]), ["", ""]);
    }

    #[test]
    fn kernels_boot_as_their_image_says() {
        for (path, expected) in [
            ("/boot/vmlinuz-5.14.21-150400.24.63-default", Some("5.14.21-150400.24.63-default")),
            ("/lib/modules/5.14.0-70.el9.x86_64/vmlinuz", Some("5.14.0-70.el9.x86_64")),
            ("/usr/lib/modules/6.4.0-1-default/vmlinux", Some("6.4.0-1-default")),
            ("/boot/vmlinux-6.4.0-1-default.gz", None),
            ("/boot/vmlinuz-0-rescue-1/x", None),
            ("/lib/modules/5.14.0/kernel/vmlinuz", None),
            ("/usr/bin/vmlinuz-1", None),
        ] {
            assert_eq!(boots_as(path), expected, "{path}");
        }
        let by_name = finish(&[package("kernel-core", "5.14.0", ""), package("kernel-headers", "5.14.0", "")]);
        assert_eq!((by_name[0].kernel.as_str(), by_name[1].kernel.as_str()), ("5.14.0-1.el9.x86_64", ""));
        let suse = Package { boots_as: "6.4.0-1-default", ..package("kernel-default", "6.4.0", "") };
        assert_eq!(finish(&[suse])[0].kernel, "6.4.0-1-default");
    }

    #[test]
    fn modules_and_keys() {
        let node = Package { module: "nodejs:18:8090020231215:abc", ..package("nodejs", "18", "") };
        let none = Package { module: "(none)", ..package("zlib", "1", "") };
        let key = Package { name: "gpg-pubkey", arch: "(none)", ..package("", "db42a60e", "") };
        let components = finish(&[node, none, key]);
        assert_eq!(components.iter().map(|c| c.module.as_str()).collect::<Vec<_>>(), ["nodejs:18", ""]);
    }

    #[test]
    fn what_is_no_name_or_version_is_refused() {
        let mut components = Components::default();
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        for (name, version) in [("", "1"), ("a b", "1"), ("a", ""), ("a", "1\n"), ("a/b", "1"), (long.as_str(), "1")] {
            assert!(components.add(&package(name, version, ""), "db").is_err(), "{name:?} {version:?}");
        }
        assert!(components.add(&package("a", "1", "odd"), "db").is_err());
        assert_eq!(components.len(), 0);
    }
}
