//! Lists of installed rpm packages that are no database: what `rpm -qa` prints, and Red Hat's manifests of images.

use domain::inventory::{Area, Gap};
use serde::Deserialize;

use super::COMPONENTS_MAX;
use super::package::{Components, Package};
use crate::manifest::Found;

/// Gaps are for people: the rest is only counted.
const GAPS_MAX: usize = 50;

/// Reads a list: JSON of Red Hat's catalogue (`rpm-manifest.json`), or lines of `rpm -qa` with tabs between name, epoch,
/// version, release, architecture, source package and, if they are there, module, vendor and packager.
pub fn parse(path: &str, bytes: &[u8]) -> Found {
    let mut list = List { path, ..List::default() };
    match bytes.trim_ascii_start().first() {
        Some(b'{') => list.json(bytes),
        _ => list.lines(bytes),
    }
    list.finish()
}

#[derive(Default)]
struct List<'p> {
    path: &'p str,
    components: Components,
    gaps: Vec<Gap>,
    gap_count: usize,
}

/// The manifest of an image, as Red Hat's catalogue gives it.
#[derive(Deserialize)]
struct Manifest<'a> {
    #[serde(borrow)]
    rpms: Vec<&'a serde_json::value::RawValue>,
}

#[derive(Deserialize)]
struct Rpm {
    name: String,
    version: String,
    release: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    srpm_nevra: String,
}

impl List<'_> {
    fn json(&mut self, bytes: &[u8]) {
        let manifest: Manifest<'_> = match serde_json::from_slice(bytes) {
            Ok(manifest) => manifest,
            Err(error) => return self.gap(self.path.to_owned(), format!("it is no manifest of rpm packages: {error}")),
        };
        for (index, rpm) in manifest.rpms.iter().enumerate() {
            let added = serde_json::from_str(rpm.get()).map_err(|error| error.to_string()).and_then(|rpm: Rpm| {
                let package = Package {
                    name: &rpm.name,
                    epoch: epoch(&rpm),
                    version: &rpm.version,
                    release: &rpm.release,
                    arch: &rpm.architecture,
                    source_rpm: &rpm.srpm_nevra,
                    ..Package::default()
                };
                self.components.add(&package, self.path).map_err(str::to_owned)
            });
            if let Err(reason) = added {
                self.gap(format!("{}: package {}", self.path, index + 1), reason);
            }
        }
    }

    fn lines(&mut self, bytes: &[u8]) {
        let cut = bytes.last().is_some_and(|last| *last != b'\n');
        let count = bytes.split(|byte| *byte == b'\n').count();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            if self.components.len() >= COMPONENTS_MAX {
                return self.gap(self.path.to_owned(), format!("it has more than {COMPONENTS_MAX} packages"));
            }
            let subject = || format!("{}: line {}", self.path, index + 1);
            if cut && index + 1 == count {
                return self.gap(subject(), "it is cut off".to_owned());
            }
            let added = match std::str::from_utf8(line) {
                Ok(line) => package(line).and_then(|package| self.components.add(&package, self.path)),
                Err(_) => Err("it is not readable"),
            };
            if let Err(reason) = added {
                self.gap(subject(), reason.to_owned());
            }
        }
    }

    fn gap(&mut self, subject: String, reason: String) {
        self.gap_count += 1;
        if self.gap_count <= GAPS_MAX {
            self.gaps.push(Gap { area: Area::Packages, subject, reason });
        }
    }

    fn finish(mut self) -> Found {
        if self.gap_count > GAPS_MAX {
            let reason = format!("{} more packages cannot be read", self.gap_count - GAPS_MAX);
            self.gaps.push(Gap { area: Area::Packages, subject: self.path.to_owned(), reason });
        } else if self.gap_count == 0 && self.components.len() == 0 {
            self.gap(self.path.to_owned(), "it lists no package".to_owned());
        }
        Found { components: self.components.finish(), gaps: self.gaps }
    }
}

/// A line of `rpm -qa`.
fn package(line: &str) -> Result<Package<'_>, &'static str> {
    let columns: Vec<&str> = line.split('\t').map(|column| if column == "(none)" { "" } else { column }).collect();
    let column = |index: usize| columns.get(index).copied().unwrap_or_default();
    if columns.len() < 6 {
        return Err("it has fewer than six columns");
    }
    let epoch = match column(1) {
        "" => 0,
        number => number.parse().map_err(|_| "its epoch is no number")?,
    };
    Ok(Package {
        name: column(0),
        epoch,
        version: column(2),
        release: column(3),
        arch: column(4),
        source_rpm: column(5),
        module: column(6),
        vendor: column(7),
        packager: column(8),
        boots_as: "",
    })
}

/// The manifest has no field for it. A binary inherits its source's, unless its specification says otherwise, as that of
/// Perl does for the modules that have versions of their own.
fn epoch(rpm: &Rpm) -> u32 {
    let Some(source) = super::package::source(&rpm.srpm_nevra) else { return 0 };
    let own = source.name == "perl" && source.version != rpm.version;
    source.epoch.filter(|_| !own).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let found = parse("list", text.as_bytes());
        let show = |c: &domain::component::Component| {
            format!("{} {} {} | {} {} | {}", c.name, c.version, c.arch, c.source, c.source_version, c.module)
        };
        let gaps = found.gaps.iter().map(|gap| format!("{}: {}", gap.subject, gap.reason)).collect();
        (found.components.iter().map(show).collect(), gaps)
    }

    #[test]
    fn lines_of_rpm() {
        let (components, gaps) = read(
            "acl\t(none)\t2.2.53\t1.el8\tx86_64\tacl-2.2.53-1.el8.src\n\
             openssl-libs\t1\t1.1.1k\t9.el8\tx86_64\topenssl-1.1.1k-9.el8.src.rpm\n\
             nodejs\t1\t18.9\t1.module\tx86_64\tnodejs-18.9-1.module.src.rpm\tnodejs:18:8:a\tRed Hat, Inc.\n\
             gpg-pubkey\t(none)\tfd431d51\t4ae0493b\t(none)\t(none)\n\
             short\t1\n\
             odd\tx\t1\t1\tnoarch\t(none)\n",
        );
        assert_eq!(
            components,
            [
                "acl 2.2.53-1.el8 x86_64 | acl 2.2.53-1.el8 | ",
                "openssl-libs 1:1.1.1k-9.el8 x86_64 | openssl 1:1.1.1k-9.el8 | ",
                "nodejs 1:18.9-1.module x86_64 | nodejs 1:18.9-1.module | nodejs:18",
            ]
        );
        assert_eq!(gaps, ["list: line 5: it has fewer than six columns", "list: line 6: its epoch is no number"]);
    }

    #[test]
    fn a_cut_list_is_a_gap() {
        let (components, gaps) = read("a\t0\t1\t1\tnoarch\t(none)\nb\t0\t1\t1\tnoarch\tb-1");
        assert_eq!((components.len(), gaps), (1, vec!["list: line 2: it is cut off".to_owned()]));
        assert_eq!(read("").1, ["list: it lists no package"]);
    }

    #[test]
    fn a_manifest_of_an_image() {
        let (components, gaps) = read(
            r#"{"rpms":[
                {"architecture":"x86_64","name":"openssl-libs","nvra":"openssl-libs-1.1.1k-9.el8.x86_64","release":"9.el8",
                 "srpm_name":"openssl","srpm_nevra":"openssl-1:1.1.1k-9.el8.src","version":"1.1.1k"},
                {"name":"broken"},
                {"architecture":"x86_64","name":"device-mapper","release":"6.el8","srpm_nevra":"lvm2-8:2.03.02-6.el8.src","version":"1.02.155"},
                {"architecture":"noarch","name":"perl-Errno","release":"480.el9","srpm_nevra":"perl-4:5.32.1-480.el9.src","version":"1.30"},
                {"architecture":"noarch","name":"tzdata","release":"1.el8","srpm_nevra":"tzdata-0:2024a-1.el8.src","version":"2024a"}
            ]}"#,
        );
        assert_eq!(
            components,
            [
                "openssl-libs 1:1.1.1k-9.el8 x86_64 | openssl 1:1.1.1k-9.el8 | ",
                "device-mapper 8:1.02.155-6.el8 x86_64 | lvm2 8:2.03.02-6.el8 | ",
                "perl-Errno 1.30-480.el9 noarch | perl 4:5.32.1-480.el9 | ",
                "tzdata 2024a-1.el8 noarch | tzdata 2024a-1.el8 | "
            ]
        );
        assert_eq!(gaps.len(), 1);
        assert!(gaps[0].starts_with("list: package 2: missing field"), "{gaps:?}");
        assert!(read("{").1[0].contains("it is no manifest of rpm packages"));
    }
}
